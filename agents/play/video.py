"""A few seconds of play as pictures, for the evaluation videos in TensorBoard."""

from typing import Any

import numpy as np

from agents.play.seats import Participant
from games.core import TICKS_PER_SECOND
from games.engine.batch import Batch
from games.engine.loader import Game

SECONDS = 6.0
SIZE = 168  # pixels


class NotDrawable(Exception):
    """There are no pictures of a game; the message says why."""


def make_painter(game: Game) -> Any:
    """A `games.render.renderer.Painter` of a game; imports Pygame, which only pictures need."""
    from games.render.renderer import Painter

    return Painter(game)


def record_episode(game: Game, participants: list[Participant], seed: int) -> tuple[list[np.ndarray], int]:
    """The beginning of a game as pictures uint8 [SIZE, SIZE, 3], and their number per second."""
    batch = Batch(game, 1, seed, bots=[participant.bot for participant in participants])
    agents = [(seat, participant.agent) for seat, participant in enumerate(participants)]
    players = [agent.player(batch, np.array([[0, seat]])) for seat, agent in agents if agent]
    painter = make_painter(game)
    fps = 2 if game.turns else TICKS_PER_SECOND // game.frame_skip
    actions = np.zeros(batch.rewards.shape, np.int64)
    pictures = [painter.picture(batch, size=SIZE)]
    while len(pictures) < SECONDS * fps:
        for player in players:
            player.act(actions)
        batch.step(actions, max_ticks=game.frame_skip)
        if batch.end[0]:
            break
        pictures.append(painter.picture(batch, size=SIZE))
    return pictures, fps
