"""Several processes that train one network together (torch.distributed): those of `train.py pong --workers 2`, or of torchrun.

Each process, a rank, plays in environments of its own. Gradients, and the means that go into them, are those of all decisions
of all ranks, so that the weights of all ranks stay the same to the last bit. Only rank 0 writes and prints.
A process by itself is rank 0 of 1, for which nothing here costs or changes anything.

A rank that fails ends all: it puts its error into the shared store and leaves. The others get `Lost` at their next
collective call.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.nn  # before any group: its functions keep, as defaults, the group of the time of import
from torch import Tensor

from agents.core.out_of_memory import is_out_of_memory, out_of_memory
from agents.core.shared_memory import Gone, SharedMemory, join_memory
from agents.core.signals import Stop, interrupts_ignored
from agents.core.workers import meeting, remove_meeting_place
from games.errors import EnvironmentFailed, UserError

COLLECTIVE_TIMEOUT = timedelta(days=1)  # ranks wait for an evaluation; that a rank is gone they learn at once
FAREWELL_TIMEOUT = timedelta(seconds=20)  # for rank 0 to print the message, before the others end
HEARD_TIMEOUT = timedelta(seconds=3)  # for the others to confirm that they end, and for a store that is gone


class Lost(Exception):
    """Another rank is gone."""


class ProcessGroup:
    """This process among those that train together, and their collective operations."""

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        local_size: int = 1,
        store: Any = None,
        memory: SharedMemory | None = None,
    ):
        """local_size: the number of processes on its machine. store: torch's, shared by all ranks.

        memory: of all ranks, where they are on one machine.
        """
        self.rank, self.size, self.local_size, self.store = rank, size, local_size, store
        self.memory = memory
        self.signal = 0  # a signal that came and that the other ranks do not know of yet
        self._interruptible = size == 1

    @property
    def workers(self) -> int:
        """The processes that share the environments, batch and buffer of the command line; torchrun's have as many each."""
        return self.size if meeting() else 1

    def rank_seed(self, seed: int) -> int:
        """This rank's seed, for whatever must differ between ranks; rank 0's is `seed` itself."""
        return seed if self.rank == 0 else int(np.random.SeedSequence([seed, self.rank]).generate_state(1, np.uint64)[0] >> 1)

    def check_device(self, device: str) -> None:
        """Raise `UserError` for a device on which several ranks cannot compute together."""
        if self.size > 1 and device not in ("cpu", "cuda"):
            raise UserError(f"Several processes train together on cpu or cuda, not on {device}.\nGive --device cpu.")
        if self.size > 1 and device == "cuda" and self.local_size > (count := torch.cuda.device_count()):
            fewer = f"--workers {max(count, 1)}, or --device cpu" if meeting() else f"--nproc-per-node {count}"
            raise UserError(f"Every rank needs a GPU of its own, and here are {count}.\nGive {fewer}.")

    # --- collective operations: every rank calls them ---

    def gather_numbers(self, *numbers: float) -> Tensor:
        """The numbers of each rank, float64 [size, len(numbers)]."""
        return torch.stack(self.all_gather(torch.tensor(numbers, dtype=torch.float64)))

    def all_gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensors of all ranks, of one shape, in the order of ranks."""
        if self.size == 1:
            return [tensor]
        if self.memory is not None and self.memory.takes(tensor):
            with _lost_ranks():
                return [each.clone() for each in self.memory.all_gather(tensor)]
        gathered = [torch.empty_like(tensor) for _ in range(self.size)]
        with _lost_ranks():
            dist.all_gather(gathered, tensor)
        return gathered

    def all_reduce(self, numbers: Tensor) -> Tensor:
        """The sums of numbers [n] over ranks. Raises `Stop` on all ranks when a signal has come to one of them."""
        if self.size == 1:
            return numbers
        flat = self._sum(torch.cat([numbers, numbers.new_full((1,), float(self.signal != 0))]))
        if flat.device.type == "cpu" and flat[-1] > 0:  # on CUDA reading it would wait for the GPU; see `raise_signals`
            self.raise_signals()
        return flat[:-1]

    def mean(self, x: Tensor) -> Tensor:
        """The mean of the numbers [B] of all ranks."""
        if self.size == 1:
            return x.mean()
        count, total, _ = self._sums(x)
        return (total / count).to(x.dtype)

    def variance(self, x: Tensor) -> Tensor:
        """The variance of the numbers [B] of all ranks; NaN for a single number."""
        if self.size == 1:
            return x.var() if len(x) > 1 else x.new_tensor(float("nan"))
        count, total, squares = self._sums(x)
        return ((squares - total * total / count) / (count - 1)).to(x.dtype)

    def moments(self, parts: Sequence[Tensor]) -> list[tuple[Any, Tensor, Tensor]]:
        """Of each part, numbers [B], count, mean and standard deviation over all ranks, in a single operation for all parts.

        Mean 0 and deviation 1 for a single number.
        """
        if self.size == 1:
            return [(len(x), x.mean(), x.std()) if len(x) > 1 else (len(x), torch.zeros(()), torch.ones(())) for x in parts]
        sums = self._sum(torch.cat([_own_sums(x) for x in parts])).view(-1, 3) if parts else ()
        found = []
        for x, (count, total, squares) in zip(parts, sums, strict=True):
            std = ((squares - total * total / count) / (count - 1)).clamp(min=0.0).sqrt()
            several = count > 1
            mean, std = torch.where(several, total / count, 0.0), torch.where(several, std, 1.0)
            found.append((count.float(), mean.to(x.dtype), std.to(x.dtype)))
        return found

    def _sums(self, x: Tensor) -> Tensor:
        """Count, sum and sum of squares over all ranks, float64 [3]."""
        return self._sum(_own_sums(x))

    def _sum(self, numbers: Tensor) -> Tensor:
        """The sums of numbers [n] over ranks, the same to the last bit on each."""
        with _lost_ranks():
            if self.memory is not None and self.memory.takes(numbers):
                first, *rest = self.memory.all_gather(numbers)
                return sum(rest, start=first)
            dist.all_reduce(numbers)
        return numbers

    # --- what rank 0 decides ---

    def broadcast_number(self, value: float) -> float:
        """Rank 0's value, on every rank."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64)
        self.broadcast([tensor])
        return tensor.item()

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Fill tensors with the values of rank 0."""
        if self.size > 1:
            with _lost_ranks():
                for tensor in tensors:
                    whole = tensor.contiguous()
                    dist.broadcast(whole, 0)
                    tensor.copy_(whole)

    def broadcast_json(self, values: dict[str, Any] | None) -> dict[str, Any]:
        """Rank 0's JSON-like dict, on every rank; the others pass None."""
        if self.size == 1:
            return values or {}
        data = torch.frombuffer(bytearray(json.dumps(values).encode()), dtype=torch.uint8)
        length = int(self.broadcast_number(len(data)))
        text = data if self.rank == 0 else torch.empty(length, dtype=torch.uint8)
        self.broadcast([text])
        return json.loads(text.numpy().tobytes())

    def on_rank_0(self, call: Callable[[], None]) -> None:
        """Rank 0 alone runs `call`, which may take a while and which a signal interrupts; the other ranks wait for it.

        All raise `EnvironmentFailed` if it does.
        """
        if self.size == 1:
            return call()
        failed = None
        if self.rank == 0:
            try:
                self._interruptible = True
                if self.signal:  # it came since the last collective operation
                    raise Stop(self.signal)
                call()
                self._interruptible = False
            except Stop as stop:
                self._interruptible, self.signal = False, stop.number
            except EnvironmentFailed as error:
                self._interruptible, failed = False, error
        self.raise_signals()
        self.raise_failure(failed)

    def raise_failure(self, error: EnvironmentFailed | None) -> None:
        """Raise `EnvironmentFailed` on all ranks when an environment of one of them has failed; rank 0 has its message."""
        if self.size > 1 and not self.gather_numbers(error is not None).any():
            return
        texts = [str(error or ""), *(data.decode() for data in self.gather_bytes(str(error or "").encode()))]
        if error is not None:
            raise error
        if self.size > 1:
            raise EnvironmentFailed(next(filter(None, texts), "An environment of another process has failed."))

    # --- bytes, to and from rank 0 ---

    def gather_bytes(self, data: bytes) -> list[bytes]:
        """On rank 0: the data of the other ranks, in their order. On the others: an empty list."""
        if self.rank:
            self._send(data, 0)
            return []
        return [self._receive(rank) for rank in range(1, self.size)]

    def scatter_bytes(self, parts: Sequence[bytes]) -> bytes:
        """The data that rank 0 has for this rank. Rank 0 passes one part for each other rank; the others pass nothing."""
        if self.rank:
            return self._receive(0)
        for rank, data in enumerate(parts, 1):
            self._send(data, rank)
        return b""

    def _send(self, data: bytes, to: int) -> None:
        with _lost_ranks():
            dist.send(torch.tensor([len(data)]), to)
            if data:
                dist.send(torch.frombuffer(bytearray(data), dtype=torch.uint8), to)

    def _receive(self, source: int) -> bytes:
        length = torch.zeros(1, dtype=torch.int64)
        with _lost_ranks():
            dist.recv(length, source)
            data = torch.empty(int(length), dtype=torch.uint8)
            if len(data):
                dist.recv(data, source)
        return data.numpy().tobytes()

    # --- signals ---

    def interrupt(self, number: int) -> None:
        """A signal came: raise `Stop` at once where no other rank depends on it, else at the next collective operation.

        The signal is also kept, since Python drops exceptions inside callbacks from C code, such as LLVM's while it compiles.
        """
        self.signal = number
        if self._interruptible:
            raise Stop(number)

    def raise_signals(self) -> None:
        """Raise `Stop` on all ranks when a signal has come to one of them."""
        number = int(self.gather_numbers(self.signal).max()) if self.size > 1 else self.signal
        if number:
            self.signal = 0
            raise Stop(number)

    # --- the end ---

    def leave(self, code: int, message: str = "") -> int:
        """Leave the group; the exit code of all ranks. message: an error, for rank 0 to print."""
        if self.size == 1:
            return code
        with contextlib.suppress(RuntimeError):  # the store may be gone, with the machine it was on
            self.store.set_timeout(HEARD_TIMEOUT)
            if self.rank and message:
                self.store.set(f"message {self.rank}", message)
            if self.memory is not None:
                self.memory.close()
            dist.destroy_process_group()
            if self.rank == 0:
                self.store.set("code", str(code))
                self.store.wait([f"gone {rank}" for rank in range(1, self.size)], HEARD_TIMEOUT)
            else:
                self.store.wait(["code"], FAREWELL_TIMEOUT)
                code = int(self.store.get("code"))
                self.store.set(f"gone {self.rank}", "")
        if self.rank or not meeting():  # rank 0 of our own workers goes back to its caller, who may begin further processes
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun sends it to those that end a little later than the first
        return code

    def message(self) -> str:
        """The error message that a rank left before it ended; empty if it left none."""
        with contextlib.suppress(RuntimeError):
            self.store.set_timeout(HEARD_TIMEOUT)
            for rank in range(1, self.size):
                if self.store.check([f"message {rank}"]):
                    return self.store.get(f"message {rank}").decode()
        return ""


def _own_sums(x: Tensor) -> Tensor:
    """Count, sum and sum of squares of this rank's numbers [B], float64 [3]."""
    precise = x.double()
    return torch.stack([torch.full_like(precise.sum(), len(x)), precise.sum(), precise.square().sum()])


def _gone(group: ProcessGroup, lost: Lost) -> str:
    return (
        f"One of the {group.size} ranks is gone: {str(lost).splitlines()[0]}.\n"
        "A run that has saved something goes on with --resume and its folder. Where the system ends processes for want of\n"
        "memory, a new run by fewer of them, or of fewer --envs, needs less."
    )


@contextlib.contextmanager
def _lost_ranks() -> Iterator[None]:
    """Raise `Lost` when a collective operation fails because another rank is gone."""
    try:
        yield
    except (RuntimeError, Gone) as error:
        if is_out_of_memory(error):
            raise
        raise Lost(str(error)) from error


# --- how they begin -------------------------------------------------------------------------------------------------


def is_distributed() -> bool:
    """True if this process was begun as one of several."""
    return {"RANK", "LOCAL_RANK"} <= os.environ.keys() and int(os.environ.get("WORLD_SIZE", "1")) > 1


def local_processes() -> int:
    """The number of processes that were begun on this machine and share its cores."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_distributed() else 1


def launcher(size: int, local_size: int) -> str:
    """The start of a command line for `size` ranks, `local_size` of them on each machine. Workers begin by themselves.

    >>> launcher(1, 1), launcher(2, 2), launcher(8, 4)
    ('python', 'torchrun --nproc-per-node 2', 'torchrun --nnodes 2 --nproc-per-node 4')
    """
    machines = f"--nnodes {size // local_size} " if local_size < size else ""
    return "python" if size == 1 or meeting() else f"torchrun {machines}--nproc-per-node {local_size}"


def join_group(check: Callable[[], None] | None = None) -> ProcessGroup:
    """Join the other processes. On CUDA each rank computes on the GPU of its number on its machine.

    check: raises where one of those that meet in a file is gone.
    """
    local = int(os.environ["LOCAL_RANK"])
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)  # "cuda" means this GPU from now on
    try:
        place = f"file://{meeting()}?rank={os.environ['RANK']}&world_size={os.environ['WORLD_SIZE']}" if meeting() else "env://"
        if check is not None:
            check()  # torch waits five minutes where the folder is gone: findings/torch_file_rendezvous_ignores_its_timeout.sh
        store, rank, size = next(dist.rendezvous(place, timeout=timedelta(minutes=5)))
        if check is not None:
            _await_all(store, rank, size, check)
        group = dist.PrefixStore("group", store)
        # Tensors on the CPU go by gloo, which waits without spinning.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        with _ends_with_others(rank, check) if check is not None else contextlib.nullcontext():
            dist.init_process_group(backend, store=group, rank=rank, world_size=size, timeout=COLLECTIVE_TIMEOUT)
            memory = join_memory(dist.PrefixStore("memory", store), rank, size) if size == local_processes() else None
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(f"The processes that train together do not find each other: {error}.") from error
    return ProcessGroup(rank, size, local_processes(), dist.PrefixStore("messages", store), memory)


def _await_all(store: Any, rank: int, size: int, check: Callable[[], None]) -> None:
    """Wait until all processes are there: torch would wait for a day for one that has ended."""
    store.set(f"here {rank}", "")
    while not store.check([f"here {other}" for other in range(size)]):
        check()
        time.sleep(0.01)


@contextlib.contextmanager
def _ends_with_others(rank: int, check: Callable[[], None]) -> Iterator[None]:
    """End this process at once where another one ends meanwhile: torch would wait for it for a day, deaf to signals."""
    joined = threading.Event()

    def watch() -> None:
        while not joined.wait(0.1):
            try:
                check()
            except UserError as error:
                if rank == 0:
                    print(f"error: {error}", file=sys.stderr, flush=True)
                remove_meeting_place()
                os._exit(2)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        joined.set()
        thread.join()


def run_group(
    lead: Callable[[ProcessGroup], int], follow: Callable[[ProcessGroup], int], check: Callable[[], None] | None = None
) -> int:
    """Run `lead` on rank 0 and `follow` on the others; the exit code of all ranks. An error is printed once.

    check: as of `join_group`. Raises KeyboardInterrupt on rank 0 where it came before there was anything to save.
    """
    group = join_group(check)
    code, message, interrupted = 1, "", False
    try:
        code = lead(group) if group.rank == 0 else follow(group)
    except UserError as error:
        code, message = 2, str(error)
    except Lost as lost:
        message = group.message()
        code, message = (2, message) if message else (1, _gone(group, lost))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        code, message = 2, out_of_memory(error)
    except KeyboardInterrupt:
        code, interrupted = 130, group.rank == 0
    except SystemExit as end:  # from argparse
        code = end.code if isinstance(end.code, int) else 2
    finally:
        with interrupts_ignored():
            if group.rank == 0 and message:
                print(f"error: {message}", file=sys.stderr, flush=True)
            sys.stdout.flush()
            code = group.leave(code, message)
    if interrupted:
        raise KeyboardInterrupt
    return code
