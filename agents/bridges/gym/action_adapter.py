"""Converts the numbers by which networks choose, 0 to A − 1, into actions of Gymnasium spaces."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from gymnasium import spaces

from games.errors import UserError

MOST = 512  # actions of a space whose combinations are counted out; more are refused


class ActionAdapter:
    """The actions of a space, numbered from 0.

    A Discrete has its own numbers, which may begin elsewhere. The combinations of a MultiDiscrete, a MultiBinary, or of
    several spaces in a Tuple or Dict are counted out, the last part fastest.

    >>> adapter = ActionAdapter("gym:X", spaces.MultiDiscrete([2, 3]))
    >>> adapter.num_actions, adapter.to_env(4).tolist()
    (6, [1, 1])
    """

    def __init__(self, name: str, space: spaces.Space):
        """`UserError` for actions that cannot be numbered, or are too many. name: of the environment, for the message."""
        self.space = space
        self.first = int(space.start) if isinstance(space, spaces.Discrete) else 0  # number of a Discrete's first action
        if isinstance(space, spaces.Discrete):
            self.num_actions = int(space.n)
            return
        self.num_actions = _count(name, space)
        if self.num_actions > MOST:
            raise UserError(
                f"{name} has {self.num_actions:,} actions, the combinations of {_short(space)}.\n"
                f"Sparring chooses among {MOST} at most: a wrapper can offer some of them, ACTIONS,\n"
                "gymnasium.wrappers.TransformAction(env, ACTIONS.__getitem__, gymnasium.spaces.Discrete(len(ACTIONS)))."
            )
        self._actions = list(_combinations(space))

    @property
    def table(self) -> np.ndarray | None:
        """The actions as an int64 array [A, …]; None if they are tuples or dicts."""
        if isinstance(self.space, spaces.Discrete):
            return np.arange(self.first, self.first + self.num_actions, dtype=np.int64)
        arrays = isinstance(self.space, (spaces.MultiDiscrete, spaces.MultiBinary))
        return np.stack(self._actions).astype(np.int64) if arrays else None

    def to_env(self, action: int | np.integer) -> Any:
        """The action that an environment takes, for a number from 0."""
        if isinstance(self.space, spaces.Discrete):
            return self.space.dtype.type(action + self.first)
        found = self._actions[int(action)]
        return found.copy() if isinstance(found, np.ndarray) else found

    def batch_to_env(self, actions: np.ndarray) -> np.ndarray | list[Any]:
        """Actions for numbers [B]: an array [B, …], as vector environments take them, or a list of tuples or dicts."""
        if isinstance(self.space, spaces.Discrete):
            return actions + self.first
        found = [self.to_env(action) for action in actions]
        return found if self.table is None else np.stack(found)


def _count(name: str, space: spaces.Space, entry: str = "") -> int:
    """The number of actions of a space; `UserError` for those that cannot be counted."""
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return int(np.prod(space.nvec, dtype=object))  # Python's integers do not overflow
    if isinstance(space, spaces.MultiBinary):
        return 2 ** int(np.prod(space.shape))
    if isinstance(space, (spaces.Tuple, spaces.Dict)):
        parts = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        counts = [_count(name, part, f" in their entry {key!r}") for key, part in parts]
        return int(np.prod(counts, dtype=object))
    if isinstance(space, spaces.Box):
        raise UserError(
            f"{name} has actions of the space {_short(space)}{entry}: any numbers.\n"
            "Sparring chooses one of several. Look for a setting of the environment that makes them discrete, or register it\n"
            "in a module of your own with such a wrapper: gymnasium.wrappers.DiscretizeAction(env, bins=5)."
        )
    raise UserError(
        f"{name} has actions of the space {_short(space)}{entry}.\n"
        "Sparring chooses one of several actions: Discrete, or few combinations of MultiDiscrete and MultiBinary."
    )


def _combinations(space: spaces.Space) -> Iterator[Any]:
    """All actions of a space whose actions can be counted, the last part fastest."""
    if isinstance(space, spaces.Discrete):
        yield from (space.dtype.type(number + space.start) for number in range(int(space.n)))
    elif isinstance(space, spaces.MultiDiscrete):
        for index in np.ndindex(*(int(number) for number in space.nvec.reshape(-1))):
            yield (np.array(index).reshape(space.shape) + space.start).astype(space.dtype)
    elif isinstance(space, spaces.MultiBinary):
        for bits in itertools.product((0, 1), repeat=int(np.prod(space.shape))):
            yield np.array(bits, space.dtype).reshape(space.shape)
    elif isinstance(space, spaces.Dict):
        for values in itertools.product(*(list(_combinations(part)) for part in space.spaces.values())):
            yield dict(zip(space.spaces, values, strict=True))
    else:
        assert isinstance(space, spaces.Tuple)
        yield from itertools.product(*(list(_combinations(part)) for part in space.spaces))


def _short(space: spaces.Space) -> str:
    """A space in a line."""
    text = str(space).replace("\n", " ")
    return text if len(text) <= 80 else f"{text[:77]}…"
