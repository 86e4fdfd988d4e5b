"""Whether an error says that there is no memory, and that in words; free memory is looked at by `agents.core.memory_check`."""

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be allocated: NumPy's, torch's on a GPU, and torch's on a CPU.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    (True, False)
    """
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def out_of_memory(error: BaseException) -> str:
    """The message for such an error.

    >>> print(out_of_memory(MemoryError("Unable to allocate 8 GiB")))
    There is not enough memory (Unable to allocate 8 GiB).
    What was saved stays. Choose fewer --envs or --workers, a smaller buffer_size or batch_size, or a smaller size.
    """
    found = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return (
        f"There is not enough memory ({found}).\n"
        "What was saved stays. Choose fewer --envs or --workers, a smaller buffer_size or batch_size, or a smaller size."
    )
