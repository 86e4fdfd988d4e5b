"""Who plays in a seat of a game: a person, a scripted player or an agent. Needs no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from games.engine.batch import EXTERNAL

if TYPE_CHECKING:  # torch loads with the first agent, not before a window stands
    from agents.play.policy import Policy

if TYPE_CHECKING:  # torch loads with the first agent, not before a window stands
    pass

OPENING = (2, 4)  # random plies before a game of turns begins: fewest and most


@dataclass
class Participant:
    """One who plays: a person, a scripted player or an agent."""

    name: str  # as named on the command line
    bot: float = EXTERNAL  # RANDOM, or the skill of the game's bot
    agent: "Policy | None" = None

    @property
    def human(self) -> bool:
        return self.bot == EXTERNAL and self.agent is None
