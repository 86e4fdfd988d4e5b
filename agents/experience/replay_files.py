"""A replay in the files of a checkpoint: each frame is written once, the small arrays with every checkpoint."""

import math
import zlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from agents.core.restored import checked
from agents.experience.replay import Replay
from games.errors import UserError

MOST_ENTRIES = 1 << 30  # ever written to a row


def write(replay: Replay, put: Callable[[str, dict[str, Tensor]], None]) -> None:
    """Write the frames that no file holds yet into a new one: `put(name, tensors)` writes a file."""
    number, written = 0, np.zeros(replay.rows, np.int64)
    if replay.frame_files:
        name, written = list(replay.frame_files.items())[-1]
        number = int(name.split(".")[0])
    first = np.maximum(written, replay.count - replay.size)
    row, entry = _entries_from(replay, first)
    if not len(row):
        return
    name = f"{number + 1:06d}.safetensors"
    packed = np.frombuffer(zlib.compress(replay.frames[row, entry % replay.size].tobytes(), 1), np.uint8)
    tensors = {"frames": packed.copy(), "begun": first, "count": replay.count.copy()}
    put(name, {key: torch.from_numpy(array) for key, array in tensors.items()})
    replay.frame_files[name] = tensors["count"]
    kept = replay.frame_files.items()
    replay.frame_files = {name: count for name, count in kept if (count > replay.count - replay.size).any()}


def _entries_from(replay: Replay, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and numbers of the entries from `first` [R] to the newest, row by row."""
    lengths = replay.count - first
    row = np.repeat(np.arange(replay.rows), lengths)
    entry = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[row]
    return row, entry


def read(
    replay: Replay,
    get: Callable[[str], dict[str, Tensor]],
    frame_files: list[str],
    small: dict[str, Tensor],
    mark: dict[str, Tensor],
) -> None:
    """Restore a written state: its files of frames, read by `get(name)`, its `small` arrays and its `mark`."""
    replay.frame_files = {}
    for name in frame_files:
        tensors = get(name)
        try:
            begun = checked("begun", tensors["begun"], replay.count, 0, MOST_ENTRIES).numpy()
            replay.count = checked("count", tensors["count"], replay.count, 0, MOST_ENTRIES).numpy().copy()
            if (begun > replay.count).any() or (replay.count - begun > replay.size).any():
                raise ValueError("it holds more entries than a row")
            row, entry = _entries_from(replay, begun)
            length = len(row) * math.prod(replay.frame) * replay.frames.itemsize
            raw = np.frombuffer(unpacked(tensors["frames"].numpy().tobytes(), length), replay.frames.dtype)
            replay.frames[row, entry % replay.size] = raw.reshape(len(row), *replay.frame)
        except (zlib.error, KeyError, ValueError) as error:
            raise UserError(f"The replay's file {name} does not fit the run: {error}.") from error
        replay.frame_files[name] = replay.count
    current, highest = replay.small(), {"action": replay.actions - 1, "end": 2, "age": MOST_ENTRIES, "real": 1, "mask": 1}
    for name, tensor in current.items():
        low = 0 if name in highest else None
        getattr(replay, name)[:] = checked(name, small[name], tensor, low, highest.get(name)).numpy()
    _check_mark(replay, mark)
    replay.rewind(mark)


def _check_mark(replay: Replay, mark: dict[str, Tensor]) -> None:
    """`ValueError` for a mark to which nobody can rewind."""
    current = replay.mark()
    for name, (low, high) in {"reward": (None, None), "end": (0, 2), "count": (0, MOST_ENTRIES)}.items():
        checked(name, mark[name], current[name], low, high)
    checked("greatest", mark["greatest"], current["greatest"], 0.0)
    if replay.tree is not None:
        checked("priority", mark["priority"], current["priority"], 0.0)
    undone = replay.count - mark["count"].numpy()
    if (undone < 0).any() or (undone > replay.size).any():
        raise ValueError("the replay's files are not those of its checkpoint")


def unpacked(data: bytes, length: int) -> bytes:
    """The content that zlib has packed, whose length is known; `ValueError` for any other length, before it is all in memory.

    >>> unpacked(zlib.compress(b"frames"), 6)
    b'frames'
    >>> unpacked(zlib.compress(bytes(1 << 30)), 6)
    Traceback (most recent call last):
    ValueError: it holds more than 6 bytes of frames
    """
    packed = zlib.decompressobj()
    raw = packed.decompress(data, length + 1)
    if len(raw) > length:
        raise ValueError(f"it holds more than {length} bytes of frames")
    if len(raw) < length or not packed.eof:
        raise ValueError(f"it holds {len(raw)} bytes of frames, not {length}")
    return raw
