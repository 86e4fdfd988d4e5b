"""A run's checkpoint: all that its processes need to go on identically. Rank 0 alone reads and writes files.

`latest.safetensors` holds rank 0's state, and under `rank1.…` what differs in that of rank 1. Large state (the replay) lies
beside it in files that are written once: rank 0's in `replay/`, rank 1's in `rank1/replay/`.
"""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from filelock import FileLock, Timeout
from msgspec import Meta
from torch import Tensor

from agents.algorithms.learner import Learner
from agents.core import schema, tensor_file
from agents.core.distributed import ProcessGroup
from agents.core.tensor_file import select_prefix
from games.errors import UserError

CHECKPOINT = "checkpoints/latest.safetensors"
LOCK = ".lock"
FILE = "file."  # begins the names of bytes that are to be a file of their own
MOST_FILES = 1 << 20  # of a replay

State = tuple[dict[str, Tensor], dict[str, Any]]  # tensors, and a JSON-like dict


class Counters(msgspec.Struct, forbid_unknown_fields=True):
    """The counters of `Learner.state`."""

    steps: schema.Count
    updates: schema.Count


class LargeState(msgspec.Struct, forbid_unknown_fields=True):
    """The values of `Learner.write_large_state`, of a rank: the names of its files in `replay/`, which lead nowhere else."""

    segments: Annotated[list[Annotated[str, Meta(pattern=r"^[0-9]{6,12}\.safetensors$")]], Meta(max_length=MOST_FILES)] = []


class CheckpointFile(tensor_file.Envelope, kw_only=True, forbid_unknown_fields=True):
    """The schema of a checkpoint's metadata."""

    learner: Counters
    iteration: schema.Count
    seconds: Annotated[float, Meta(ge=0)]
    best: float | None
    evaluation: dict[str, Any]  # of a message for people; empty before the first
    evaluated: Annotated[int, Meta(ge=-1, le=schema.MOST)]
    recent: Annotated[list[float], Meta(max_length=500)]
    position: schema.Count
    beside: LargeState
    ranks: list[LargeState]
    snapshots: Annotated[list[schema.Count], Meta(max_length=1000)] = []  # their steps; none in files of earlier versions
    league: dict[str, Any] | None = None  # `agents.training.league.LeagueFile`


class RankFile(tensor_file.Envelope, kw_only=True, forbid_unknown_fields=True):
    """The schema of what a rank sends to rank 0 and gets from it; the learner's counters only in the latter."""

    learner: Counters | None = None
    beside: LargeState


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


def restore_checkpoint(
    folder: Path, learner: Learner, group: ProcessGroup, before: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any] | None:
    """Restore the latest checkpoint; its metadata, or None, with nothing done, where there is none.

    before: called with the metadata in all processes, just before the learner is restored.
    """
    path = folder / CHECKPOINT
    place = path.parent
    try:
        if group.rank:
            data = group.scatter_bytes(())
            if not data:
                return None
            tensors, meta = tensor_file.unpack(Path(f"rank{group.rank}"), data, "rank")
            schema.check(path, meta, RankFile)
        elif not path.exists():
            group.scatter_bytes([b""] * (group.size - 1))
            return None
        else:
            tensors, meta = tensor_file.load(path, "checkpoint")
            schema.check(path, meta, CheckpointFile)
            group.scatter_bytes([_of_rank(place, rank, learner, tensors, meta) for rank in range(1, group.size)])
        if before is not None:
            before(meta)
        learner.restore(tensors, meta["learner"])
        kept = select_prefix(tensors, FILE)
        learner.read_large_state(lambda name: _get(place, name, kept if group.rank else None), tensors, meta["beside"])
        return meta
    except (KeyError, IndexError, RuntimeError, TypeError, ValueError, OverflowError) as error:
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
    files = {
        FILE + name: _bytes(tensor_file.read_bytes(place / f"rank{rank}" / name, tensor_file.LARGEST["replay"]))
        for name in learner.large_files(beside)
    }
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
    tensor_file.make_folder(path.parent)
    tensor_file.write_bytes(path, data)


def remove_unused_files(place: Path, names: Iterable[str]) -> None:
    """Remove the files beside a checkpoint that it does not need (any more)."""
    needed = {place / name for name in names}
    for file in (place / "replay").glob("*.safetensors"):
        if file not in needed:
            with contextlib.suppress(OSError):
                file.unlink()
