"""A few seconds of play as pictures, for the evaluation videos in TensorBoard."""

from collections.abc import Callable
from typing import Any

import numpy as np

from agents.play.seats import Participant
from games.core import ME, OTHER, TICKS_PER_SECOND
from games.engine.batch import Batch
from games.engine.loader import Game

SECONDS = 6.0
SIZE = 168  # pixels
PLAIN = (168, 178, 204)  # the colour of text that belongs to no seat
CAPTION = 22  # pixels: the height of the strip with names and score above the picture


def make_painter(game: Game) -> Any:
    """A `games.render.renderer.Painter` of a game; imports Pygame, which only pictures need."""
    from games.render.renderer import Painter

    return Painter(game)


def make_caption(names: list[str]) -> Callable[[tuple[str, str, str]], np.ndarray]:
    """A function that gives the strip above a picture, uint8 [CAPTION, SIZE, 3], from a game's three texts.

    names: of the players in its seats, in the colours in which a spectator sees them; one alone is not named.
    """
    import pygame

    from games.render.renderer import DARK
    from games.render.text import TextRenderer

    text, canvas = TextRenderer(), pygame.Surface((SIZE, CAPTION), 0, 32)

    def caption(hud: tuple[str, str, str]) -> np.ndarray:
        canvas.fill(DARK.top)
        left, middle, right = hud
        if len(names) == 2:
            left, middle, right = f"{names[0]}  {left}", "", f"{right}  {names[1]}"
        middle_line = CAPTION / 2 + 1
        sides = (
            (left, DARK.colour(ME), 5, "midleft"),
            (right, DARK.colour(OTHER) if len(names) == 2 else PLAIN, SIZE - 5, "midright"),
        )
        for words, colour, x, anchor in sides:
            size = text.fit(words, 15, SIZE / 2 - 8)
            text.put(canvas, text.shorten(words, size, SIZE / 2 - 8), size, colour, (x, middle_line), anchor)
        text.put(canvas, middle, 13, PLAIN, (SIZE / 2, middle_line), "center")
        return np.frombuffer(pygame.image.tobytes(canvas, "RGB"), np.uint8).reshape(CAPTION, SIZE, 3)

    return caption


def record_episode(game: Game, participants: list[Participant], seed: int) -> tuple[list[np.ndarray], int]:
    """The beginning of a game as pictures uint8 [CAPTION + SIZE, SIZE, 3], and their number per second."""
    batch = Batch(game, 1, seed, bots=[participant.bot for participant in participants])
    agents = [(seat, participant.agent) for seat, participant in enumerate(participants)]
    players = [agent.player(batch, np.array([[0, seat]])) for seat, agent in agents if agent]
    painter, caption = make_painter(game), make_caption([participant.name for participant in participants])
    fps = 2 if game.turns else TICKS_PER_SECOND // game.frame_skip
    actions = np.zeros(batch.rewards.shape, np.int64)
    pictures: list[np.ndarray] = []
    while True:
        pictures.append(np.concatenate([caption(game.hud(batch.record(0))), painter.picture(batch, size=SIZE)]))
        if len(pictures) >= SECONDS * fps:
            return pictures, fps
        for player in players:
            player.act(actions)
        batch.step(actions, max_ticks=game.frame_skip)
        if batch.end[0]:
            return pictures, fps
