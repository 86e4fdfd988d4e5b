"""The page that tells what went wrong, and leads back."""

import pygame

from ui.canvas import Canvas
from ui.layout import SOFT
from ui.pages.menu import MenuPage


class NoticePage(MenuPage):
    """A title and a text."""

    def __init__(self, title: str, text: str):
        super().__init__()
        self.heading, self.text = title, text

    def compose(self, canvas: Canvas) -> None:
        """Draw the text."""
        area, y = canvas.area, self.below_title(canvas) + round(canvas.unit)
        wide = min(area.w, round(40 * canvas.unit))
        for line in self.text.splitlines():
            box = pygame.Rect(area.x, y, wide, area.bottom - y)
            y = canvas.paragraph(line, 1.3, SOFT, box) + round(0.5 * canvas.unit)
        self.title_row(canvas, self.heading)
