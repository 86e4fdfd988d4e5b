"""The page that tells what went wrong, and leads back."""

import pygame

from ui.canvas import Canvas
from ui.layout import SOFT
from ui.pages.menu import HINTS, MenuPage


class NoticePage(MenuPage):
    """A title and a text."""

    def __init__(self, title: str, text: str):
        super().__init__()
        self.heading, self.text = title, text

    def compose(self, canvas: Canvas) -> None:
        """Draw the text."""
        area, unit, size = canvas.area, canvas.unit, 1.3
        top, bottom = self.below_title(canvas) + round(unit), round(area.bottom - 2.6 * unit)
        wide = min(area.w, round(44 * unit))
        texts = self.text.splitlines()
        count = sum(len(canvas.text.wrap(line, size * unit, wide - 4 * unit)) for line in texts)
        high = min(round((1.25 * size * count + 0.6 * len(texts) + 3.4) * unit), bottom - top)
        card = pygame.Rect(area.x + (area.w - wide) // 2, top + max(bottom - top - high, 0) // 3, wide, high)
        canvas.panel(card)
        text = card.inflate(-4 * unit, -4 * unit)
        for line in texts:
            text.y = canvas.paragraph(line, size, SOFT, text) + round(0.6 * unit)
            text.h = max(card.bottom - text.y, 0)
        self.hints(canvas, HINTS[-1:])
        self.title_row(canvas, self.heading)
