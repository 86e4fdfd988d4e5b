"""The protocols between learners and games: many copies of a game, and the observations of the learning seats."""

from typing import Protocol

import numpy as np
from torch import Tensor


class ObservationSource(Protocol):
    """Observations of R rows: the newest `stack` frames of each, oldest first. `games.engine.view.View` is one."""

    rows: int
    stack: int
    frame: tuple[int, ...]
    dtype: np.dtype

    def observe(self) -> np.ndarray:
        """The observations of all rows, [R, stack, *frame]. Called once after each step."""

    def newest(self) -> np.ndarray:
        """The observations that `observe` returned last."""

    def final(self, rows: np.ndarray) -> np.ndarray:
        """The final observations of rows whose episode was truncated. Called between `step` and `observe`."""

    def masks(self) -> np.ndarray:
        """Allowed actions of each row, uint8 [R, A]. Called only if the game is `masked`."""

    def final_masks(self, rows: np.ndarray) -> np.ndarray:
        """Allowed actions in the final states of rows whose episode was truncated."""


class VecGame(Protocol):
    """Many copies of a game in which R rows learn. `GameArena` for our games, `GymArena` for Gymnasium environments."""

    masked: bool  # not every action is always allowed
    remarks: list[str]  # lines for the user when a run begins

    @property
    def view(self) -> ObservationSource:
        """The source of the R learning rows' observations and masks."""

    def asked(self) -> np.ndarray:
        """The rows that decide now, bool [R]."""

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Play actions [R]: raw rewards float64 [R] and ends uint8 [R] (0 running, 1 terminated, 2 truncated)."""

    def episodes(self) -> np.ndarray:
        """The number of each row's running episode, int64 [R]."""

    def finished(self) -> tuple[list[float], list[int]]:
        """Raw returns and lengths (in ticks) of the episodes that ended in the last step."""

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs."""

    def restore(self, parts: dict[str, Tensor]) -> str | None:
        """Go on from a state; a line for the user if it goes on differently than without a stop."""

    def close(self) -> None:
        """Release its threads or environments."""
