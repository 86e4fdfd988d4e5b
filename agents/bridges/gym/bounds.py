"""Checks that observations lie in the space that their environment declares, a whole batch at a time."""

from typing import Any

import numpy as np
from gymnasium import spaces

from games.errors import EnvironmentFailed

ROUNDING = 0.5 / 255  # of the range, by which floating-point numbers may miss it: half the step from one byte to the next


class OutsideSpace(EnvironmentFailed):
    """An environment gave an observation that its own space does not contain."""


class Bounds:
    """The least and the greatest value of a space whose values are converted: an image, or integers that become one-hot.

    >>> Bounds(spaces.Box(0, 1, (2, 2))).check(np.array([[[0.0, 0.5], [1.0, 255.0]]]))
    Traceback (most recent call last):
    agents.bridges.gym.bounds.OutsideSpace: The environment gave 255 in an observation whose space goes from 0 to 1.
    Correct its observation_space, or the observations of its reset and step.
    """

    def __init__(self, space: spaces.Space, name: str = ""):
        """space: a Box, Discrete, MultiDiscrete or MultiBinary. name: of the part of an observation, for the message."""
        self.name, self.low, self.high = name, *_limits(space)
        dtype = np.dtype(space.dtype)
        self.integer = dtype.kind in "bui"
        self._axis = 0 if np.ndim(self.low) else None  # over which extremes are taken
        tolerance = 0 if self.integer else ROUNDING * float(np.max(self.high - self.low))
        self._least, self._greatest = self.low - tolerance, self.high + tolerance
        self._types_inside: set[np.dtype] = set()  # none of their values is outside
        if dtype.kind == "b" or self.integer:
            least, greatest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            if np.all(self.low <= least) and np.all(self.high >= greatest):
                self._types_inside.add(dtype)

    def check(self, values: np.ndarray) -> np.ndarray:
        """Values [B, …] as they are.

        `FloatingPointError` for one that is not finite, `OutsideSpace` for one beyond the limits or between two integers.
        """
        if values.dtype in self._types_inside or not values.size:
            return values
        if values.dtype.kind not in "buif":
            raise OutsideSpace(f"{self._gave(values.dtype)} instead of numbers.\n{ADVICE}")
        lowest, highest = values.min(self._axis), values.max(self._axis)  # NaN if there is one
        inside = (self._least <= lowest) & (highest <= self._greatest)
        if not (inside if self._axis is None else inside.all()):
            raise self._outside(np.asarray(lowest), np.asarray(highest))
        if self.integer and values.dtype.kind == "f" and (between := values != np.rint(values)).any():
            raise OutsideSpace(f"{self._gave(values[between][0])} whose space is of integers.\n{ADVICE}")
        return values

    def _outside(self, lowest: np.ndarray, highest: np.ndarray) -> Exception:
        """The error of values of which the least or the greatest is outside."""
        if not (np.isfinite(lowest).all() and np.isfinite(highest).all()):
            return FloatingPointError("an observation")
        below, above = lowest < self._least, highest > self._greatest
        where = below if below.any() else above
        value = (lowest if below.any() else highest)[where].flat[0]
        low, high = (np.broadcast_to(limit, where.shape)[where].flat[0] for limit in (self.low, self.high))
        return OutsideSpace(f"{self._gave(value)} whose space goes from {low:.6g} to {high:.6g}.\n{ADVICE}")

    def _gave(self, value: Any) -> str:
        shown = f"{value:.6g}" if isinstance(value, (np.number, np.bool_)) else str(value)
        return f"The environment gave {shown} in an observation{f' ({self.name!r})' if self.name else ''}"


ADVICE = "Correct its observation_space, or the observations of its reset and step."


def check_finite(numbers: np.ndarray) -> np.ndarray:
    """Floating-point numbers as they are; `FloatingPointError` if one of them is not finite."""
    if not np.isfinite(numbers).all():
        raise FloatingPointError("an observation")
    return numbers


def _limits(space: spaces.Space) -> tuple[Any, Any]:
    """The least and the greatest value: numbers, or arrays of the space's shape where they differ."""
    if isinstance(space, spaces.Discrete):
        return int(space.start), int(space.start + space.n) - 1
    if isinstance(space, spaces.MultiDiscrete):
        return space.start.astype(np.int64), space.start.astype(np.int64) + space.nvec.astype(np.int64) - 1
    if isinstance(space, spaces.MultiBinary):
        return 0, 1
    assert isinstance(space, spaces.Box)
    low, high = (limit.astype(np.float64) for limit in (space.low, space.high))
    even = (low == low.min()).all() and (high == high.max()).all()
    return (low.min(), high.max()) if even else (low, high)
