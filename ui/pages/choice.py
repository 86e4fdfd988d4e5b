"""A page with a list of participants, one of whom is chosen."""

from collections.abc import Callable

import pygame

from ui.canvas import RAISED, Canvas
from ui.layout import DARKEST, LINE, SOFT, WHITE
from ui.opponents import Opponent
from ui.pages.menu import HINTS, MenuPage
from ui.progress import Progress, yours_in_words
from ui.scroll_bar import WIDTH, ScrollBar

ROW = 2.8  # height of a row with the gap below it, units


class ChoicePage(MenuPage):
    """A list that scrolls where it is longer than the window."""

    def __init__(self, heading: str, among: list[Opponent], progress: Progress, choose: Callable[[Opponent], None]):
        super().__init__()
        self.heading, self.among, self.progress, self.choose = heading, among, progress, choose
        self._top = 0  # the number of the first row that is shown
        self._count = 1  # of rows that are shown
        self._bar = ScrollBar()

    def compose(self, canvas: Canvas) -> None:
        """Draw as many rows as fit, among them the one that has the focus."""
        area, unit = canvas.area, canvas.unit
        top, bottom = self.below_title(canvas), area.bottom - 2.2 * unit
        count = max(int((bottom - top) / (ROW * unit)), 1)
        at = next((k for k, each in enumerate(self.among) if each.seat == self.focus.name), self._top)
        self._top = min(max(self._top, at - count + 1), at, max(len(self.among) - count, 0))
        wide = min(area.w, round(56 * unit))
        for k, opponent in enumerate(self.among):
            y = round(top + (k - self._top) * ROW * unit)
            box = pygame.Rect(area.x + (area.w - wide) // 2, y, wide, round((ROW - 0.5) * unit))
            is_shown = self._top <= k < self._top + count
            self._row(canvas, opponent, box, is_shown)
        self._count = count
        high, x = round(bottom - top - 0.5 * unit), round(min(area.centerx + 0.5 * wide + unit, canvas.width - unit))
        self._bar.draw(canvas.surface, pygame.Rect(x, top, round(WIDTH * unit), high), self._top, count, len(self.among))
        self.hints(canvas, HINTS)
        self.title_row(canvas, self.heading)

    def _row(self, canvas: Canvas, opponent: Opponent, box: pygame.Rect, is_shown: bool) -> None:
        focused = canvas.item(opponent.seat, box, lambda: self.choose(opponent), is_shown)
        if not is_shown:
            return
        canvas.panel(box, WHITE if focused else RAISED, LINE)
        ink, soft = (DARKEST, DARKEST) if focused else (WHITE, SOFT)
        unit, y = canvas.unit, box.centery
        if self.progress.has_beaten(opponent.seat):
            canvas.tick((box.x + 1.2 * unit, y), 0.9 * unit, ink)
        name = canvas.fitted(opponent.title, 1.25, ink, (box.x + 2.2 * unit, y), "midleft", 0.36 * box.w)
        told = ", ".join(part for part in (opponent.about, yours_in_words(self.progress.against(opponent.seat))) if part)
        canvas.fitted(told, 1.0, soft, (box.right - 0.9 * unit, y), "midright", box.right - name.right - 2.0 * unit)

    def handle(self, event: pygame.event.Event) -> None:
        """The mouse may drag the bar; the focus stays among the rows that are shown."""
        first = self._bar.handle(event)
        if first is None:
            super().handle(event)
            return
        at = next((k for k, each in enumerate(self.among) if each.seat == self.focus.name), first)
        self._top = first
        self.focus.name = self.among[min(max(at, first), first + self._count - 1)].seat
        self.stale = True
