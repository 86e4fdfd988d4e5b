"""The interface of whoever can take seats in a batch and be kept in a checkpoint: agents, simulated people, odd players."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from games.engine.batch import Batch
from games.engine.players import SeatPlayer


class KeptPlayer(SeatPlayer, Protocol):
    """A player that a checkpoint can hold."""

    def state(self) -> Mapping[str, Any]:
        """Copies of the arrays, or tensors, that `restore` needs to go on identically."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`, whose arrays may have become tensors; `ValueError` for one that does not fit."""


class Sitter(Protocol):
    """Whoever can take seats that are not a bot's."""

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray) -> KeptPlayer:
        """Seat it in rows (environment, seat) of a batch."""
