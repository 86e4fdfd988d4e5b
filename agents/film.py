"""A few seconds of play as pictures, for TensorBoard's evaluation films."""

import numpy as np

from agents.match import Participant
from games.batch import Batch
from games.core import TICKS_PER_SECOND
from games.game import Game

SECONDS = 6.0
SIZE = 168  # pixels


def film(game: Game, participants: list[Participant], seed: int) -> tuple[list[np.ndarray], int]:
    """One game's beginning as uint8 [SIZE, SIZE, 3] pictures, and how many of them make a second; none where there are none."""
    if hasattr(game, "film"):  # an environment that is not ours
        return game.film(participants, seed)
    from games.window import Painter

    batch = Batch(game, 1, seed, bots=[one.bot for one in participants])
    players = [one.agent.player(batch, np.array([[0, seat]])) for seat, one in enumerate(participants) if one.agent]
    painter = Painter(game)
    per_second = 2 if game.turns else TICKS_PER_SECOND // game.frame_skip
    actions = np.zeros(batch.rewards.shape, np.int64)
    pictures = [painter.picture(batch, size=SIZE)]
    while len(pictures) < SECONDS * per_second:
        for player in players:
            player.act(actions)
        batch.step(actions, max_ticks=game.frame_skip)
        if batch.end[0]:
            break
        pictures.append(painter.picture(batch, size=SIZE))
    return pictures, per_second
