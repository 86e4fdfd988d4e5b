"""A run's checkpoint: all that its processes need to go on identically. Rank 0 alone reads and writes files.

`latest.safetensors` holds rank 0's state, and under `rank1.…` what differs in that of rank 1. Large state (the replay) lies
beside it in files that are written once: rank 0's in `replay/`, rank 1's in `rank1/replay/`.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from agents.algorithms.learner import Learner
from agents.core import tensor_file
from agents.core.distributed import ProcessGroup
from agents.core.tensor_file import select_prefix
from games.errors import UserError

CHECKPOINT = "checkpoints/latest.safetensors"
LOCK = ".lock"
FILE = "file."  # begins the names of bytes that are to be a file of their own

State = tuple[dict[str, Tensor], dict[str, Any]]  # tensors, and a JSON-like dict


def lock_run(folder: Path, held: FileLock | None = None) -> FileLock:
    """Lock a run's folder for writing until it is released or this process ends; `UserError` where another process holds it.

    held: the lock, where this process has it already; each that has locked it releases it.
    """
    lock = held or FileLock(folder / LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"{folder} is a run that still goes on, in another process.\nStop that one first.") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be written to: {error.strerror}.") from error
    return lock


def save_checkpoint(folder: Path, learner: Learner, state: State, group: ProcessGroup) -> None:
    """Write the state of all processes into a run's folder, atomically. All of them call it."""
    tensors, meta = state
    path = folder / CHECKPOINT
    if group.rank:
        group.gather_bytes(_packed(learner, tensors))
        return
    more, beside = learner.write_large_state(lambda name, frames: _put(path.parent, name, frames), tensors)
    whole, besides = {**tensors, **more}, []
    for rank, data in enumerate(group.gather_bytes(b""), 1):
        theirs, told = tensor_file.unpack(Path(f"rank{rank}"), data, "rank")
        for name, content in select_prefix(theirs, FILE).items():
            _write(path.parent / f"rank{rank}" / name, content.numpy().tobytes())
        whole |= {f"rank{rank}.{name}": tensor for name, tensor in theirs.items() if not name.startswith(FILE)}
        besides.append(told["beside"])
    tensor_file.save(path, whole, {**meta, "beside": beside, "ranks": besides}, "checkpoint")
    for rank, told in enumerate([beside, *besides]):
        remove_unused_files(path.parent / f"rank{rank}" if rank else path.parent, learner.large_files(told))


def restore_checkpoint(folder: Path, learner: Learner, group: ProcessGroup) -> dict[str, Any] | None:
    """Restore the latest checkpoint; its metadata, or None, with nothing done, where there is none."""
    path = folder / CHECKPOINT
    place = path.parent
    try:
        if group.rank:
            data = group.scatter_bytes(())
            if not data:
                return None
            tensors, meta = tensor_file.unpack(Path(f"rank{group.rank}"), data, "rank")
        elif not path.exists():
            group.scatter_bytes([b""] * (group.size - 1))
            return None
        else:
            tensors, meta = tensor_file.load(path, "checkpoint")
            group.scatter_bytes([_of_rank(place, rank, learner, tensors, meta) for rank in range(1, group.size)])
        learner.restore(tensors, meta["learner"])
        kept = select_prefix(tensors, FILE)
        learner.read_large_state(lambda name: _get(place, name, kept if group.rank else None), tensors, meta["beside"])
        return meta
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        raise UserError(f"{path} does not fit the run's config.json: {error}.") from error


# --- what travels ---------------------------------------------------------------------------------------------------


def _packed(learner: Learner, tensors: dict[str, Tensor]) -> bytes:
    """All that differs on this rank, its separate files too, as bytes."""
    files: dict[str, Tensor] = {}

    def put(name: str, frames: dict[str, Tensor]) -> None:
        files[FILE + name] = _bytes(tensor_file.pack(frames, {}, "replay"))

    more, beside = learner.write_large_state(put, tensors)
    differing = {name: tensor for name, tensor in tensors.items() if not name.startswith(learner.shared_tensors)}
    return tensor_file.pack({**differing, **more, **files}, {"beside": beside}, "rank")


def _of_rank(place: Path, rank: int, learner: Learner, tensors: dict[str, Tensor], meta: dict[str, Any]) -> bytes:
    """The part of a checkpoint that a rank needs: the shared tensors, its own, and its files."""
    common = {name: tensor for name, tensor in tensors.items() if name.startswith(learner.shared_tensors)}
    beside = meta["ranks"][rank - 1]
    files = {FILE + name: _bytes(_read(place / f"rank{rank}" / name)) for name in learner.large_files(beside)}
    differing = select_prefix(tensors, f"rank{rank}.")
    return tensor_file.pack({**common, **differing, **files}, {"learner": meta["learner"], "beside": beside}, "rank")


def _bytes(data: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(bytearray(data), np.uint8))


# --- files ----------------------------------------------------------------------------------------------------------


def _put(place: Path, name: str, tensors: dict[str, Tensor]) -> None:
    _write(place / name, tensor_file.pack(tensors, {}, "replay"))


def _get(place: Path, name: str, kept: dict[str, Tensor] | None) -> dict[str, Tensor]:
    """Tensors of a file, or of what rank 0 has sent of it."""
    if kept is None:
        return tensor_file.load(place / name, "replay")[0]
    return tensor_file.unpack(Path(name), kept[name].numpy().tobytes(), "replay")[0]


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent} cannot be made: {error.strerror}.") from error
    tensor_file.write_bytes(path, data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def remove_unused_files(place: Path, names: Iterable[str]) -> None:
    """Remove the files beside a checkpoint that it does not need (any more)."""
    needed = {place / name for name in names}
    for file in (place / "replay").glob("*.safetensors"):
        if file not in needed:
            with contextlib.suppress(OSError):
                file.unlink()
