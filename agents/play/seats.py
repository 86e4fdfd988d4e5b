"""Participants: a person, a scripted player or an agent in a seat of a game. Needs no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from games.engine.batch import EXTERNAL

if TYPE_CHECKING:  # torch loads with the first agent, so that a window opens without it
    from agents.play.policy import Policy

OPENING = (2, 4)  # random plies at the beginning of a turn-based game: least and most


@dataclass
class Participant:
    """A player of one seat: a person, a scripted player or an agent."""

    name: str  # as named on the command line
    bot: float = EXTERNAL  # RANDOM, or the skill of the game's bot
    agent: "Policy | None" = None

    @property
    def human(self) -> bool:
        return self.bot == EXTERNAL and self.agent is None
