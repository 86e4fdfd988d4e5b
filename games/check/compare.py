"""Bitwise comparison of two states or two records of play, with the first difference."""

from collections.abc import Iterator

import numpy as np

from games import core
from games.check.definition import Failed
from games.check.play import PAINTED

COMMON = tuple(name for name, _ in core.COMMON)


def fields(array: np.ndarray | np.void) -> tuple[str, ...]:
    """The names of a state's fields."""
    return array.dtype.names or ()


def changed(before: np.ndarray | np.void, after: np.ndarray | np.void) -> list[str]:
    """The fields in which two states differ."""
    return [name for name in fields(before) if before[name].tobytes() != after[name].tobytes()]


def as_bytes(array: np.ndarray, axes: int) -> np.ndarray:
    """uint8 [first `axes` axes, bytes]: as bytes, NaN equals NaN, and -0.0 differs from 0.0."""
    array = np.ascontiguousarray(array)
    return array.view(np.uint8).reshape(*array.shape[:axes], -1)


def contents(states: np.ndarray) -> np.ndarray:
    """uint8 [N, bytes]: the game's own fields."""
    return np.concatenate([as_bytes(states[name], 1) for name in fields(states) if name not in COMMON], axis=1)


def columns(kept: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and bytes [T, N, …] of every array in a record of play, and of every field of its states."""
    for name, array in kept.items():
        if array.dtype.names:
            for field in fields(array):
                yield f"the field {field}", as_bytes(array[field], 2)
        else:
            yield f"the {name}", as_bytes(array, 2)


def must_agree(first_play: dict[str, np.ndarray], second: dict[str, np.ndarray], between: str, pictures: int = 10) -> None:
    """`Failed` with the first decision, environment and field in which two records of play differ."""
    first: tuple[int, str] | None = None
    for (name, a), (_, b) in zip(columns(first_play), columns(second), strict=True):
        if a.shape != b.shape:
            raise Failed(f"{between}: {name} has another shape")
        differ = np.argwhere((a != b).any(-1))
        if len(differ):
            painted = name.removeprefix("the ") in PAINTED
            decision = int(differ[0, 0]) * (pictures if painted else 1)
            place = f"{'row' if painted else 'environment'} {differ[0, 1]}"
            if first is None or decision < first[0]:
                first = (decision, f"{name} differs at decision {decision}, {place}")
    if first:
        raise Failed(f"{between}: {first[1]}")
