"""The characters that texts for people may contain: those of Pygame's default font, and a few signs that we draw ourselves."""

import functools
import math

import pygame

FONT = None  # Pygame's default font
NOT_A_CHARACTER = "\uffff"  # in no font: every font shows its placeholder for it


def _heart() -> list[tuple[float, float]]:
    """The corners of a heart: x = 16 sin³ t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t."""
    corners = []
    for t in (k / 48 * math.tau for k in range(48)):
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        corners.append((0.5 + 16 * math.sin(t) ** 3 / 34, 0.46 - y / 34))
    return corners


def _star() -> list[tuple[float, float]]:
    """The corners of a five-pointed star."""
    corners = [(0.52 if k % 2 == 0 else 0.21, k / 10 * math.tau) for k in range(10)]
    return [(0.5 + r * math.sin(turn), 0.53 - r * math.cos(turn)) for r, turn in corners]


# Corners of each sign, in a square of side 1, y down.
GLYPHS: dict[str, list[tuple[float, float]]] = {
    "♥": _heart(),
    "★": _star(),
    "●": [(0.5 + 0.44 * math.sin(k / 48 * math.tau), 0.5 - 0.44 * math.cos(k / 48 * math.tau)) for k in range(48)],
    "■": [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)],
    "▲": [(0.5, 0.06), (0.98, 0.92), (0.02, 0.92)],
    "▼": [(0.5, 0.94), (0.98, 0.08), (0.02, 0.08)],
}


@functools.cache
def is_printable(sign: str) -> bool:
    """Whether the window can show this character."""
    return sign in GLYPHS or sign.isspace() or _printed(sign) != _printed(NOT_A_CHARACTER)


@functools.cache
def _printed(sign: str) -> bytes:
    """The font's picture of a character."""
    pygame.font.init()
    picture = pygame.font.Font(FONT, 32).render(sign, True, (255, 255, 255))
    return repr(picture.get_size()).encode() + pygame.image.tobytes(picture, "RGBA")


def unprintable(text: str) -> list[str]:
    """The characters of a text for which the window would show a box.

    >>> unprintable("3 ♥ of ❦"), unprintable("Ä – “x” …")
    (['❦'], [])
    """
    return [sign for sign in dict.fromkeys(text) if not is_printable(sign)]
