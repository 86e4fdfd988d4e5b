"""`Notice`: a line that is shown over any page for some seconds."""

import pygame

from games.render.text import TextRenderer
from ui.layout import CARD, LINE, WHITE

SHOWN = 300  # ticks


class Notice:
    """The newest notice, until its time is over."""

    def __init__(self) -> None:
        self.text = ""
        self._left = 0  # ticks for which it is still shown
        self._changed = False
        self._renderer = TextRenderer()

    def show(self, text: str, ticks: int = SHOWN) -> None:
        """Show a line for so many ticks, in the place of the one that is shown."""
        self.text, self._left, self._changed = text, ticks, True

    def tick(self) -> None:
        """A tick of the clock has passed."""
        if self.text:
            self._left -= 1
            if self._left <= 0:
                self.text, self._changed = "", True

    def has_changed(self) -> bool:
        """Whether it has come, changed or gone since this was last asked."""
        changed, self._changed = self._changed, False
        return changed

    def draw(self, surface: pygame.Surface) -> None:
        """Draw it at the lower edge of the window's surface, where it covers hints, and neither names nor the score."""
        if not self.text:
            return
        width, height = surface.get_size()
        size = self._renderer.fit(self.text, max(min(0.032 * height, 0.032 * width, 44.0), 9.0), 0.9 * width)
        text = self._renderer.render(self.text, size, WHITE)
        box = text.get_rect().inflate(2.0 * size, 1.2 * size)
        box.midbottom = (width // 2, height - round(0.6 * size))
        pygame.draw.rect(surface, CARD, box, border_radius=box.h // 2)
        pygame.draw.rect(surface, LINE, box, width=1, border_radius=box.h // 2)
        surface.blit(text, text.get_rect(center=box.center))
