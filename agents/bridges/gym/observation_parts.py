"""The parts of an observation: the entries of Dicts and Tuples, however deep, and the numbers that they become."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from agents.bridges.gym.bounds import Bounds, check_finite
from games.errors import UserError

MOST_ONE_HOT = 4096  # values of integers in a part of which each is a number of its own; beyond, each integer is one number
MOST_VALUES = 32  # of an integer of a Box in a Dict or Tuple, to be counted so
DARK = 128  # bytes that stay below are normalised rather than divided by 255
MASKS = (
    "action_mask", "action_masks", "actions_mask", "avail_actions", "available_actions", "legal_actions", "legal_actions_mask",
    "legal_moves", "valid_actions", "valid_action_mask", "valid_mask", "mask",
)  # fmt: skip
NUMBERS = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)  # that become numbers


@dataclass(frozen=True, eq=False)  # by identity: spaces have no hash
class Part:
    """A space inside an observation, and the keys and indices that lead to it."""

    path: tuple[str | int, ...]
    space: spaces.Space

    @property
    def name(self) -> str:
        """Its keys, with dots between; empty for an observation of one part."""
        return ".".join(map(str, self.path))

    def values(self, observations: Sequence[Any] | np.ndarray) -> np.ndarray:
        """This part of B observations: [B, …]. They are a list, or a batch: an array, dict or tuple of arrays [B, …]."""
        if not self.path:
            return np.asarray(observations)
        batch = isinstance(observations, dict) or (isinstance(observations, tuple) and isinstance(self.path[0], int))
        return np.asarray(self._at(observations) if batch else [self._at(one_of) for one_of in observations])

    def _at(self, observation: Any) -> Any:
        for key in self.path:
            observation = observation[key]
        return observation

    @functools.cached_property
    def bounds(self) -> Bounds:
        """The check that its values lie in its space."""
        return Bounds(self.space, self.name)

    # --- as numbers ---

    @functools.cached_property
    def sizes(self) -> np.ndarray | None:
        """How many values each of its integers has, int64 [k]; None if they are not counted, as those of vectors."""
        if isinstance(self.space, spaces.Discrete):
            return np.array([self.space.n], np.int64)
        if isinstance(self.space, spaces.MultiDiscrete):
            return self.space.nvec.reshape(-1).astype(np.int64)
        if self.path and isinstance(self.space, spaces.Box) and np.issubdtype(self.space.dtype, np.integer):
            values = self.space.high.astype(np.float64) - self.space.low + 1
            return values.astype(np.int64).reshape(-1) if 2 < values.max(initial=0) <= MOST_VALUES else None
        return None

    @property
    def one_hot(self) -> bool:
        """True if each value of each of its integers is a number of its own, 0 or 1."""
        alone = isinstance(self.space, spaces.Discrete) and not self.path
        return self.sizes is not None and (alone or int(self.sizes.sum()) <= MOST_ONE_HOT)

    @functools.cached_property
    def count(self) -> int:
        """How many numbers it becomes."""
        if self.sizes is not None:
            return int(self.sizes.sum()) if self.one_hot else len(self.sizes)
        return int(np.prod(self.space.shape))  # type: ignore[arg-type]

    @functools.cached_property
    def scale(self) -> float:
        """The factor that makes bytes 0 to 1; 1 for other numbers."""
        box = self.space
        return 1 / 255 if isinstance(box, spaces.Box) and box.dtype == np.uint8 and box.high.max() > 1 else 1.0

    @property
    def uneven(self) -> bool:
        """True if its numbers may be far outside −1 to 1, or all close to 0, so that they are better normalised."""
        box = self.space
        if not isinstance(box, spaces.Box) or self.sizes is not None:
            return False
        return bool((box.low < -2).any() or (box.high * self.scale > 2).any()) or (self.scale != 1 and box.high.max() < DARK)

    def numbers(self, values: np.ndarray) -> np.ndarray:
        """Values [B, …] as float32 [B, count]."""
        rows = len(values)
        if self.sizes is None:
            return check_finite(np.array(values, np.float32).reshape(rows, -1) * np.float32(self.scale))
        first = self.space.low if isinstance(self.space, spaces.Box) else self.space.start  # type: ignore[attr-defined]
        index = np.asarray(self.bounds.check(values), np.int64).reshape(rows, -1) - np.asarray(first, np.int64).reshape(-1)
        if not self.one_hot:
            return (index / np.maximum(self.sizes - 1, 1)).astype(np.float32)
        numbers = np.zeros((rows, self.count), np.float32)
        numbers[np.arange(rows)[:, None], index + (np.cumsum(self.sizes) - self.sizes)] = 1
        return numbers

    def in_words(self, normalised: bool) -> str:
        """This part's numbers, described for people: "4 numbers, one-hot". normalised: True if the network normalises them."""
        kind = "one-hot" if self.one_hot else "from 0 to 1" if self.sizes is not None or self.scale != 1 else "as they are"
        kind = "normalised" if normalised and not self.one_hot else kind
        return f"{self.count} number{'s'[: self.count != 1]}, {kind}"


def parts_of(name: str, space: spaces.Space, path: tuple[str | int, ...] = ()) -> Iterator[Part]:
    """The parts of a space in its own order, texts too; `UserError` for one that cannot be learned from.

    name: of the environment, for the message.
    """
    if isinstance(space, spaces.Dict):
        for key, inner in space.spaces.items():
            yield from parts_of(name, inner, (*path, key))
    elif isinstance(space, spaces.Tuple):
        for index, inner in enumerate(space.spaces):
            yield from parts_of(name, inner, (*path, index))
    elif isinstance(space, NUMBERS) or is_text(space):
        yield Part(path, space)
    else:
        where = f" in its entry '{'.'.join(map(str, path))}'" if path else ""
        raise UserError(
            f"{name} has observations of the space {type(space).__name__}{where}, whose size is not fixed.\n"
            "Sparring takes Box, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of these.\n"
            "A wrapper can make a Box of a fixed size of it: gymnasium.wrappers.TransformObservation."
        )


def is_text(space: spaces.Space) -> bool:
    """True for Text, and for a package's own space of words, as MiniGrid's missions."""
    return isinstance(space, spaces.Text) or space.dtype in (str, np.dtype(str))


def mask_key(space: spaces.Space, num_actions: int | None) -> str | None:
    """The key of a Dict's entry that holds the mask of allowed actions; None if there is none."""
    if not isinstance(space, spaces.Dict):
        return None
    for key, inner in space.spaces.items():
        bits = isinstance(inner, spaces.MultiBinary) or (
            isinstance(inner, spaces.Box) and bool((inner.low >= 0).all() and (inner.high <= 1).all())
        )
        length = inner.shape[0] if bits and inner.shape and len(inner.shape) == 1 else None
        if str(key).lower() in MASKS and length is not None and length == (num_actions or length):
            return key
    return None
