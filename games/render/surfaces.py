"""Pygame surfaces made from arrays."""

import numpy as np
import pygame

from games.render.text import Colour

# Blue against orange stays apart for every kind of colour blindness, and the blue is twice as light, so that a grey picture
# tells them apart too.
BLUE, ORANGE = (122, 216, 255), (228, 106, 26)


def surface_of(colour: np.ndarray, alpha: np.ndarray) -> pygame.Surface:
    """A surface with per-pixel alpha. colour: [h, w, 3] or [3], 0-255. alpha: [h, w], 0-1."""
    h, w = alpha.shape
    bgra = np.empty((h, w, 4), np.uint8)
    bgra[..., :3] = np.clip(np.asarray(colour)[..., ::-1] + 0.5, 0, 255)
    bgra[..., 3] = np.clip(alpha * 255.0 + 0.5, 0, 255)
    return pygame.image.frombuffer(bgra.tobytes(), (w, h), "BGRA")


def backdrop(size: tuple[int, int], top: Colour, bottom: Colour) -> pygame.Surface:
    """An opaque surface with a vertical gradient between two colours, without visible bands."""
    w, h = size
    down = np.linspace(0.0, 1.0, h)[:, None, None]
    fade = np.asarray(top) * (1.0 - down) + np.asarray(bottom) * down  # [h, 1, 3]
    grain = np.zeros((4, 4))
    if top != bottom:  # ordered dithering (a 4 × 4 Bayer matrix) hides the bands
        grain = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16.0 - 0.5
    strip = fade + np.tile(grain, (h // 4 + 1, 1))[:h, :, None]  # [h, 4, 3]: the pattern repeats every 4 columns
    ground = pygame.Surface(size, 0, 32)
    column = surface_of(strip, np.ones((h, 4)))
    ground.blit(column, (0, 0))
    done = 4
    while done < w:  # double the painted part until the surface is full
        ground.blit(ground.subsurface((0, 0, min(done, w - done), h)).copy(), (done, 0))
        done *= 2
    return ground
