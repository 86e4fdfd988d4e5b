"""The protocol of a game's properties, whether the game is ours or a Gymnasium environment. Needs no torch."""

from pathlib import Path
from typing import Any, Protocol


class GameInfo(Protocol):
    """The properties of a game that learners, runs and evaluations read. `games.engine.loader.Game` has them."""

    name: str
    path: Path
    shipped: bool  # one of the kit's own
    players: int
    frame_skip: int  # ticks of a decision
    max_ticks: int
    turns: bool
    version: int
    mark: Any  # (opponent, score to reach)
    has_legal: bool  # not every action is always allowed

    @property
    def heading(self) -> str:
        """The name for people."""

    @property
    def competitive(self) -> bool:
        """Whether one of two seats wins, so that the score is a win rate; else it is a mean return."""

    @property
    def doc(self) -> str:
        """Rule, reward, end."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything in the game that an agent depends on."""

    @property
    def num_actions(self) -> int:
        """The number of actions of a seat."""

    @property
    def recipe(self) -> dict[str, dict[str, Any]]:
        """Training settings that differ from the defaults, by algorithm."""
