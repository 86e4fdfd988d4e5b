"""A few seconds of play as pictures, for the evaluation videos in TensorBoard."""

from typing import Any

import numpy as np

from agents.play.seats import Participant
from games.core import TICKS_PER_SECOND
from games.engine.batch import Batch
from games.engine.levels import ANY, Levels
from games.engine.loader import Game

SECONDS = 6.0
SIZE = 168  # pixels


class NotDrawable(Exception):
    """There are no pictures of a game; the message says why."""


def make_painter(game: Game) -> Any:
    """A `games.render.renderer.Painter` of a game; imports Pygame, which only pictures need."""
    from games.render.renderer import Painter

    return Painter(game)


def make_caption(participants: list[Participant]) -> Any:
    """A `games.render.caption.Caption` with the players' names."""
    from games.render.caption import Caption

    return Caption([participant.name for participant in participants], SIZE)


def record_episode(
    game: Game, participants: list[Participant], seed: int, levels: Levels = ANY
) -> tuple[list[np.ndarray], int]:
    """Play the first SECONDS seconds of a game; returns its pictures uint8 [H, SIZE, 3] and the frames per second.

    Names and score stand above the game in each picture.
    """
    batch = Batch(game, 1, seed, bots=[participant.bot for participant in participants], levels=levels)
    agents = [(seat, participant.agent) for seat, participant in enumerate(participants)]
    players = [agent.player(batch, np.array([[0, seat]])) for seat, agent in agents if agent]
    painter, caption = make_painter(game), make_caption(participants)
    fps = 2 if game.turns else TICKS_PER_SECOND // game.frame_skip
    actions = np.zeros(batch.rewards.shape, np.int64)
    pictures: list[np.ndarray] = []
    while True:
        texts = game.texts(batch.record(0), batch.slots["returns"][0].tolist())
        pictures.append(np.concatenate([caption.picture(texts), painter.picture(batch, size=SIZE)]))
        if len(pictures) >= SECONDS * fps:
            return pictures, fps
        for player in players:
            player.act(actions)
        batch.step(actions, max_ticks=game.frame_skip)
        if batch.end[0]:
            return pictures, fps
