"""A few seconds of play as pictures, for TensorBoard's evaluation films."""

import numpy as np

from agents.play.seats import Participant
from games.core import TICKS_PER_SECOND
from games.engine.batch import Batch
from games.engine.loader import Game

SECONDS = 6.0
SIZE = 168  # pixels


def record_episode(game: Game, participants: list[Participant], seed: int) -> tuple[list[np.ndarray], int]:
    """One game's beginning as uint8 [SIZE, SIZE, 3] pictures, and how many of them make a second."""
    from games.render.renderer import Painter

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
