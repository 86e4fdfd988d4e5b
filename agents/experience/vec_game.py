"""The protocol between learners and the games they play in: many copies of a game, and the observations of their seats."""

from typing import Protocol

import numpy as np
from torch import Tensor


class ObservationSource(Protocol):
    """What the learning rows see: the newest `stack` frames of each, oldest first. `games.engine.view.View` is one."""

    rows: int
    stack: int
    frame: tuple[int, ...]
    dtype: np.dtype

    def observe(self) -> np.ndarray:
        """What every row sees now, [R, stack, *frame]. Called once after each step."""

    def newest(self) -> np.ndarray:
        """What `observe` gave last."""

    def final(self, rows: np.ndarray) -> np.ndarray:
        """What rows saw when their episode was cut. Called between `step` and `observe`."""

    def masks(self) -> np.ndarray:
        """uint8 [R, A]: what each row may try. Asked only where the arena is `masked`."""

    def final_masks(self, rows: np.ndarray) -> np.ndarray:
        """The same of the states in which rows were cut."""


class VecGame(Protocol):
    """What a learner plays on: all that it asks of a game. `GameArena` for ours, `foreign_arena.ForeignArena` for others'."""

    masked: bool  # are there actions that are not always allowed?

    @property
    def view(self) -> ObservationSource:
        """What its rows see."""

    def asked(self) -> np.ndarray:
        """bool [R]: the learning rows that decide now."""

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Play the rows' actions [R]; raw rewards float64 [R], and ends uint8 [R]: 0 running, 1 over, 2 out of time."""

    def episodes(self) -> np.ndarray:
        """int64 [R]: the number of each row's running episode."""

    def finished(self) -> tuple[list[float], list[int]]:
        """Raw returns and lengths (in ticks) of the episodes that ended in the last step."""

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs."""

    def restore(self, parts: dict[str, Tensor]) -> str | None:
        """Go on from a state; a line for the user where that is not quite as if nothing had happened."""

    def close(self) -> None:
        """Nobody plays here any more."""
