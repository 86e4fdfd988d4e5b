"""The page that lists what is kept of the user, with a button for each to delete it."""

from functools import partial

import pygame

from games.errors import UserError
from ui.canvas import Canvas
from ui.layout import FAINT, LINE, SOFT, WHITE
from ui.pages.menu import HINTS, MenuPage
from ui.stored import Stored, data_folder, size_in_words, stored

ROW = 2.6  # height, units


class StoredPage(MenuPage):
    """A row for each thing that is kept. Its button asks once."""

    title = "Sparring: what is stored"

    def __init__(self) -> None:
        super().__init__()
        self._asked = ""  # the title of what would be deleted by a second press
        self._notice = ""
        self._first = 0  # the first row that is shown

    def shown(self) -> None:
        """List what there is now."""
        self.rows = stored()

    def compose(self, canvas: Canvas) -> None:
        """Draw the rows that fit, those around the focus."""
        area, unit = canvas.area, canvas.unit
        if self.focus.name != self._asked:
            self._asked = ""
        top, high = self.below_title(canvas) + round(0.8 * unit), round(ROW * unit)
        fitting = max(int((area.bottom - 3.4 * unit - top) / high), 1)
        at = next((k for k, row in enumerate(self.rows) if row.title == self.focus.name), 0)
        self._first = min(max(self._first, at - fitting + 1), at, max(len(self.rows) - fitting, 0))
        for k, row in enumerate(self.rows):
            wide = min(area.w, round(60 * unit))
            box = pygame.Rect(area.centerx - wide // 2, top + (k - self._first) * high, wide, high)
            is_shown = self._first <= k < self._first + fitting
            if is_shown:
                self._row(canvas, row, box)
            else:
                canvas.item(row.title, box, partial(self._press, row), False)
        if not self.rows:
            canvas.put("Nothing is stored.", 1.3, SOFT, (area.x, top))
        canvas.fitted(self._notice or f"In {data_folder()}", 1.0, FAINT, (area.x, area.bottom - 2.6 * unit), "midleft", area.w)
        self.hints(canvas, [*HINTS[:1], (["return"], "delete"), *HINTS[-1:]])
        self.title_row(canvas, "What is stored")

    def _row(self, canvas: Canvas, row: Stored, box: pygame.Rect) -> None:
        unit = canvas.unit
        asks = row.title == self._asked
        text, high = "Really delete?" if asks else "Delete", round(1.9 * unit)
        wide = canvas.button_width("Really delete?", high)
        button = pygame.Rect(box.right - wide, box.centery - high // 2, wide, high)
        canvas.button(row.title, button, text, lambda: self._press(row))
        size = canvas.put(size_in_words(row.size), 1.1, FAINT, (button.x - unit, box.centery), "midright")
        colour = WHITE if self.focus.name == row.title else SOFT
        canvas.fitted(row.title, 1.25, colour, (box.x, box.centery), "midleft", size.x - unit - box.x)
        canvas.surface.fill(LINE, (box.x, box.bottom - 1, box.w, 1))

    def back(self) -> None:
        """Take the question back, or leave."""
        if self._asked and self.focus.name == self._asked:
            self._asked = ""
        else:
            super().back()

    def _press(self, row: Stored) -> None:
        """Ask, and delete when it is pressed a second time."""
        if self._asked != row.title:
            self._asked = row.title
            return
        self._asked = ""
        try:
            row.delete()
        except UserError as error:
            self._notice = str(error)
            return
        if self.app.settings_file.path in row.files:
            self.app.settings_file.reset()
        self._notice = f"Deleted: {row.title}"
        self.rows = stored()
