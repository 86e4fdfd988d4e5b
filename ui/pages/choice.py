"""A page with a list of participants, one of whom is chosen."""

from collections.abc import Callable

import pygame

from ui.canvas import RAISED, Canvas
from ui.layout import DARKEST, LINE, SOFT, WHITE
from ui.opponents import Opponent
from ui.pages.menu import HINTS, MenuPage
from ui.progress import Progress, yours_in_words

ROW = 2.8  # height of a row with the gap below it, units


class ChoicePage(MenuPage):
    """A list that scrolls where it is longer than the window."""

    def __init__(self, heading: str, among: list[Opponent], progress: Progress, choose: Callable[[Opponent], None]):
        super().__init__()
        self.heading, self.among, self.progress, self.choose = heading, among, progress, choose
        self._top = 0  # the number of the first row that is shown

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
        self._more(canvas, count, top, bottom)
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

    def _more(self, canvas: Canvas, count: int, top: float, bottom: float) -> None:
        """Draw a bar at the side that tells which part of a long list is shown."""
        if len(self.among) > count:
            high, x = bottom - top, canvas.area.right + 0.6 * canvas.unit
            box = pygame.Rect(x, top + high * self._top / len(self.among), 0.4 * canvas.unit, high * count / len(self.among))
            pygame.draw.rect(canvas.surface, LINE, box, border_radius=round(0.2 * canvas.unit))
