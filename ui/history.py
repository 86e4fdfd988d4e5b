"""`History`: the last seconds of a match, a moment for each tick, so that it can be rewound."""

import sys
from collections import deque
from dataclasses import dataclass
from typing import Any

from games.core import TICKS_PER_SECOND
from games.engine.snapshot import Copied

REWINDS = 30 * TICKS_PER_SECOND  # ticks that can be rewound
LARGEST = 96_000_000  # bytes of all moments: of agents who see much, fewer seconds are kept


@dataclass(frozen=True)
class BoardMoment:
    """All that a board needs to go on as from here, but for the keys that people hold."""

    batch: Copied
    actions: bytes
    players: tuple[Any, ...]  # the states of those who keep one: what they saw, memories, random numbers
    rest: int
    done: bool
    ticks: int  # of the recording

    def nbytes(self) -> int:
        """Memory, without the players' states, which follow each other unchanged for some ticks."""
        return sum(map(sys.getsizeof, self.batch)) + 200


def nbytes_of(players: tuple[Any, ...]) -> int:
    """Memory of the states of players, which are mappings to arrays or tensors."""
    return sum(int(array.nbytes) + 200 for state in players if state for array in state.values())


class History:
    """The newest moments of a match."""

    def __init__(self) -> None:
        self._moments: deque[tuple[list[BoardMoment], int]] = deque()  # each with its bytes
        self.nbytes = 0

    def __len__(self) -> int:
        """How many ticks can be rewound."""
        return max(len(self._moments) - 1, 0)

    def clear(self) -> None:
        """Forget all."""
        self._moments.clear()
        self.nbytes = 0

    def add(self, moment: list[BoardMoment]) -> None:
        """Keep the match as it is now: a moment of each board."""
        size = sum(each.nbytes() for each in moment)
        before = self._moments[-1][0] if self._moments else [None] * len(moment)
        for each, earlier in zip(moment, before, strict=True):
            if earlier is None or each.players is not earlier.players:
                size += nbytes_of(each.players)
        self._moments.append((moment, size))
        self.nbytes += size
        while len(self._moments) > REWINDS + 1 or (self.nbytes > LARGEST and len(self._moments) > 2):
            self.nbytes -= self._moments.popleft()[1]

    def back(self, ticks: int) -> list[BoardMoment] | None:
        """Forget the last ticks, as many of them as there are; the moment before them, None if there is none."""
        for _ in range(min(ticks, len(self))):
            self.nbytes -= self._moments.pop()[1]
        return self._moments[-1][0] if self._moments else None
