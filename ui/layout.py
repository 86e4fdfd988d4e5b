"""Where the pictures lie in a window of any shape, and the colours around them."""

import pygame

from games.render.palette import ACCENT, CARD, DARKEST, FAINT, GROUND_BOTTOM, GROUND_TOP, LINE, SOFT, WHITE

__all__ = [
    "ACCENT", "CARD", "CORNER", "DARKEST", "FAINT", "FOOTER", "GAP", "GROUND_BOTTOM", "GROUND_TOP", "HEADER", "LINE", "MARGIN",
    "SOFT", "WHITE", "layout", "window_size",
]  # fmt: skip

# In units of a picture's side.
MARGIN, GAP, HEADER, FOOTER, CORNER = 0.04, 0.06, 0.145, 0.075, 0.016


def layout(window: tuple[int, int], pictures: int) -> list[pygame.Rect]:
    """The rectangles of the pictures: square, and as large as fits between header and footer."""
    width, height = window
    across = pictures + GAP * (pictures - 1) + 2 * MARGIN
    side = max(int(min(width / across, height / (1.0 + HEADER + FOOTER))), 16)
    left = (width - round(side * (pictures + GAP * (pictures - 1)))) // 2
    top = round((height - side * (1.0 + HEADER + FOOTER)) / 2 + side * HEADER)
    return [pygame.Rect(left + round(k * side * (1.0 + GAP)), top, side, side) for k in range(pictures)]


def window_size(pictures: int, desktop: tuple[int, int]) -> tuple[int, int]:
    """The size of a window in which a picture has 840 pixels, or less if the desktop is too small."""
    across, down = pictures + GAP * (pictures - 1) + 2 * MARGIN, 1.0 + HEADER + FOOTER
    side = min(840.0, 0.9 * desktop[0] / across, 0.86 * desktop[1] / down)
    return round(side * across), round(side * down)
