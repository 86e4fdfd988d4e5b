"""The strip above a film: who plays, and the score."""

import numpy as np
import pygame

from games.core import ME, OTHER
from games.render.renderer import DARK
from games.render.text import TextRenderer

HEIGHT = 22  # pixels
PLAIN = (168, 178, 204)  # the colour of text that belongs to no seat


class Caption:
    """Paints the strip above the pictures of a game."""

    def __init__(self, names: list[str], width: int):
        """names: of the players in the game's seats; one alone is not named. width: in pixels."""
        self.names, self.width = names, width
        self._text, self._canvas = TextRenderer(), pygame.Surface((width, HEIGHT), 0, 32)

    def picture(self, hud: tuple[str, str, str]) -> np.ndarray:
        """The strip with a game's three texts, uint8 [HEIGHT, width, 3]; two seats in the colours that a spectator sees."""
        left, centre, right = hud
        right_colour = PLAIN
        if len(self.names) == 2:
            centre = "" if left or right else centre  # there is no room for all
            left, right = f"{self.names[0]}  {left}", f"{right}  {self.names[1]}"
            right_colour = DARK.colour(OTHER)
        self._canvas.fill(DARK.top)
        self._put(left, DARK.colour(ME), 5, "midleft")
        self._put(centre, PLAIN, self.width / 2, "center")
        self._put(right, right_colour, self.width - 5, "midright")
        return np.frombuffer(pygame.image.tobytes(self._canvas, "RGB"), np.uint8).reshape(HEIGHT, self.width, 3)

    def _put(self, line: str, colour: tuple[int, int, int], x: float, anchor: str) -> None:
        limit = self.width / 2 - 8
        size = self._text.fit(line, 15, limit)
        self._text.put(self._canvas, self._text.shorten(line, size, limit), size, colour, (x, HEIGHT / 2 + 1), anchor)
