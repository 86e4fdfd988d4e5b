"""Games between participants: evaluation, and `play.py --headless`."""

from typing import Any

from agents.play.limits import NO_LIMITS, MatchLimits
from agents.play.result import MatchResult
from agents.play.seats import Participant
from agents.play.trainable import AnyGame, trainable
from games.errors import UserError


def play_match(
    game: AnyGame,
    participants: list[Participant],
    games: int,
    seed: int,
    levels: Any = None,
    limits: MatchLimits = NO_LIMITS,
) -> MatchResult:
    """Play `games` games in pairs: both games of a pair begin alike, with the seats exchanged.

    limits: where games are not ours, and might take too long.
    `UserError` if a participant is a person, or their number is not the game's.
    """
    if any(participant.human for participant in participants):
        raise UserError(
            "A person cannot sit in a match without a window.\nSeats for one: bot, bot:0.8, random, person:NAME, or an agent."
        )
    if len(participants) != game.players:
        raise UserError(f"{game.heading} has {game.players} seat{'s'[: game.players - 1]}, not {len(participants)}.")
    if games < 1:
        raise UserError(f"A match needs one game at least, not {games}.")
    return trainable(game).play_games(participants, games, seed, levels, limits)
