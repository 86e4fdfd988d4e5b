"""The ground of the window: dark, with a breath of the two players' colours at its sides."""

import numpy as np
import pygame

from games.render.surfaces import BLUE, ORANGE, backdrop
from ui.layout import GROUND_BOTTOM, GROUND_TOP

LIGHTS = (
    (0.0, BLUE, 0.065),
    (1.0, ORANGE, 0.06),
)  # where each is across the window, its colour, and the part of it that is seen
WIDE, HIGH = 0.22, 0.45  # of a light, standard deviations in units of the window's width and height
DITHER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16.0  # it hides bands


def ground(size: tuple[int, int]) -> pygame.Surface:
    """The ground of a window of a size in pixels."""
    wide, high = size
    surface = backdrop(size, GROUND_TOP, GROUND_BOTTOM)
    across, down = np.linspace(0.0, 1.0, wide, dtype=np.float32), np.linspace(0.0, 1.0, high, dtype=np.float32)
    grain = np.tile(DITHER, (-(-wide // 4), -(-high // 4)))[:wide, :high]
    upright = np.exp(-0.5 * ((down - 0.6) / HIGH) ** 2)
    pixels = pygame.surfarray.pixels3d(surface)  # [wide, high, 3]
    for place, colour, part in LIGHTS:
        light = np.outer(np.exp(-0.5 * ((across - place) / WIDE) ** 2), upright)
        for channel in range(3):
            pixels[..., channel] += (part * colour[channel] * light + grain).astype(np.uint8)
    return surface
