"""Participants: a person, a scripted player, an agent or a simulated person in a seat of a game. Needs no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from games.engine.batch import EXTERNAL
from games.engine.seating import Sitter

if TYPE_CHECKING:  # torch loads with the first agent, so that a window opens without it
    from agents.play.policy import Policy

OPENING = (2, 4)  # random plies at the beginning of a turn-based game: least and most


@dataclass
class Participant:
    """A player of one seat: a person, a scripted player, an agent, or another who can take a seat."""

    name: str  # as named on the command line
    bot: float = EXTERNAL  # RANDOM, or the skill of the game's bot
    agent: "Policy | None" = None
    simulated: Sitter | None = None  # a simulated person, or another who can take a seat

    @property
    def human(self) -> bool:
        return self.bot == EXTERNAL and self.sitter is None

    @property
    def sitter(self) -> Sitter | None:
        """Whoever takes the seats, if it is neither a bot nor a person at the keys."""
        return self.agent or self.simulated
