"""Players of a batch's seats: the names of the scripted ones, and the interface of all others."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from games.engine.constants import RANDOM
from games.errors import UserError

if TYPE_CHECKING:
    from games.engine.batch import Batch


class People(NamedTuple):
    """The seats as a game's `hud` may know them: which are persons', and whose decision the game waits for."""

    persons: tuple[bool, ...]  # by seat
    asked: tuple[bool, ...]  # by seat


class SeatPlayer(Protocol):
    """A player of some rows (environment, seat) of a batch: a saved agent, for example."""

    def act(self, actions: np.ndarray) -> None:
        """Write a world action into `actions`, int64 [N, P], for each of its rows that is asked. Called before every step."""


class KeptPlayer(SeatPlayer, Protocol):
    """A player that a checkpoint can hold."""

    def state(self) -> Mapping[str, Any]:
        """Copies of the arrays, or tensors, that `restore` needs to go on identically."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`, whose arrays may have become tensors; `ValueError` for one that does not fit."""


class Sitter(Protocol):
    """Whoever can take seats that are not a bot's: an agent, a simulated person, an odd player."""

    def player(self, batch: "Batch", rows: Sequence[tuple[int, int]] | np.ndarray) -> KeptPlayer:
        """Seat it in rows (environment, seat) of a batch."""


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
