"""Players of a batch's seats: the names of the scripted ones, and the interface of all others."""

from typing import NamedTuple, Protocol

import numpy as np

from games.engine.constants import RANDOM
from games.errors import UserError

# Skills of the bot from 0 to 1, and names for people.
BOTS = ((0.0, "Gentle bot"), (0.25, "Easy bot"), (0.5, "Fair bot"), (0.75, "Hard bot"), (1.0, "Best bot"))


class People(NamedTuple):
    """The seats as a game's `hud` may know them: which are persons', and whose decision the game waits for."""

    persons: tuple[bool, ...]  # by seat
    asked: tuple[bool, ...]  # by seat


class SeatPlayer(Protocol):
    """A player of some rows (environment, seat) of a batch: a saved agent, for example."""

    def act(self, actions: np.ndarray) -> None:
        """Write a world action into `actions`, int64 [N, P], for each of its rows that is asked. Called before every step."""


def bot_skill(name: str) -> float | None:
    """The value in `Batch.bots` for a scripted player's name: a skill from 0 to 1, or RANDOM; None for any other name.

    >>> bot_skill("bot"), bot_skill("bot:0.8"), bot_skill("random"), bot_skill("best.safetensors")
    (0.5, 0.8, -1.0, None)
    """
    if name == "random":
        return RANDOM
    kind, colon, number = name.partition(":")
    if kind != "bot":
        return None
    try:
        skill = float(number) if colon else 0.5
    except ValueError:
        skill = float("nan")
    if not 0.0 <= skill <= 1.0:
        raise UserError(f"'{name}' names no bot: its skill is a number from 0 to 1, as in bot:0.8.")
    return skill
