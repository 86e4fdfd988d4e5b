"""Games between participants: evaluation, and `play.py --headless`."""

from typing import Any

from agents.play.result import MatchResult
from agents.play.seats import Participant
from agents.play.trainable import trainable
from games.errors import UserError


def play_match(
    game: Any, participants: list[Participant], games: int, seed: int, levels: Any = None, threads: int = 1
) -> MatchResult:
    """Play `games` games, the seats exchanged in every second one, and each of a pair from the same beginning.

    `UserError` where a person sits among the participants, or their number is not the game's.
    """
    if any(one.human for one in participants):
        raise UserError("A person cannot sit in a match without a window.\nSeats for one: bot, bot:0.8, random, or an agent.")
    if len(participants) != game.players:
        raise UserError(f"{game.heading} has {game.players} seat{'s'[: game.players - 1]}, not {len(participants)}.")
    if games < 1:
        raise UserError(f"A match needs one game at least, not {games}.")
    return trainable(game).play_games(participants, games, seed, levels, threads)
