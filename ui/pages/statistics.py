"""The page of a person's statistics in a game: games by opponent, and the rating over time."""

from collections.abc import Callable

import pygame

from agents.play import person_file
from agents.play.ladder import LadderFile
from games.engine.loader import Game
from ui.canvas import Canvas
from ui.layout import ACCENT, CARD, FAINT, LINE, SOFT, WHITE
from ui.pages.menu import HINTS, MenuPage
from ui.plot import Series, draw_plot
from ui.progress import Progress
from ui.statistics import Row, ratings_over, rows_of

ROW = 2.2  # height, units
COUNTS = ("won", "drawn", "lost")
NONE_YET = (
    "No game has been counted yet: play one to its end. "
    "Games that were rewound, or in which a seat changed hands, are for practice and do not count."
)


class StatisticsPage(MenuPage):
    """A table and a plot; in a high window one below the other."""

    def __init__(self, game: Game, ladder: LadderFile | None, title_of: Callable[[str], str]):
        """ladder: on which the person is rated; None if there is none. title_of: an opponent's name, by their seat."""
        super().__init__()
        self.title = f"{game.heading}: your games"
        self.game = game
        self.rows = rows_of(Progress(game).results, title_of)
        self.rated = ratings_over(ladder, person_file.read(game)) if ladder else []

    def compose(self, canvas: Canvas) -> None:
        """Draw the table and the plot."""
        area, unit = canvas.area, canvas.unit
        top = self.below_title(canvas) + round(0.8 * unit)
        below = pygame.Rect(area.x, top, area.w, round(area.bottom - 2.2 * unit) - top)
        if area.w > 1.1 * area.h:
            table = pygame.Rect(below.x, below.y, round(0.52 * below.w), below.h)
            plot = pygame.Rect(table.right + round(2 * unit), below.y, below.right - table.right - round(2 * unit), below.h)
        else:
            table = pygame.Rect(below.x, below.y, below.w, round(0.5 * below.h))
            plot = pygame.Rect(below.x, table.bottom + round(unit), below.w, below.bottom - table.bottom - round(unit))
        self._table(canvas, table if self.game.competitive else below)
        if self.game.competitive:
            self._rating(canvas, plot)
        self.hints(canvas, HINTS[-1:])
        self.title_row(canvas, f"Your games of {self.game.heading}")

    def _table(self, canvas: Canvas, box: pygame.Rect) -> None:
        unit, high = canvas.unit, round(ROW * canvas.unit)
        if not self.rows:
            canvas.paragraph(NONE_YET, 1.25, SOFT, box)
            return
        columns = [box.right - round((8.0 - 3.2 * k) * unit) for k in range(3)]
        for name, x in zip(COUNTS, columns, strict=True):
            canvas.put(name, 1.0, FAINT, (x, box.y + 0.5 * high), "midright")
        fitting = max(box.h // high - 1, 1)
        shown = self.rows if len(self.rows) <= fitting else self.rows[: fitting - 1]
        for k, row in enumerate(shown, 1):
            self._row(canvas, row, pygame.Rect(box.x, box.y + k * high, box.w, high), columns)
        if len(shown) < len(self.rows):
            y = box.y + (len(shown) + 1.5) * high
            canvas.put(f"and {len(self.rows) - len(shown)} more", 1.1, FAINT, (box.x, y), "midleft")

    def _row(self, canvas: Canvas, row: Row, box: pygame.Rect, columns: list[int]) -> None:
        """Draw an opponent, the counts, and a line as long as the part that was won."""
        canvas.surface.fill(LINE, (box.x, box.y, box.w, 1))
        canvas.fitted(row.title, 1.25, SOFT, (box.x, box.centery), "midleft", columns[0] - box.x - 3.4 * canvas.unit)
        for count, x in zip((row.results.won, row.results.drawn, row.results.lost), columns, strict=True):
            canvas.put(str(count), 1.25, WHITE if count else FAINT, (x, box.centery), "midright")
        won = (row.results.won + 0.5 * row.results.drawn) / row.games
        canvas.surface.fill(ACCENT, (box.x, box.bottom - 2, round(won * box.w), 2))

    def _rating(self, canvas: Canvas, box: pygame.Rect) -> None:
        unit = canvas.unit
        canvas.panel(box, CARD)
        inner = box.inflate(-2.4 * unit, -2.4 * unit)
        if not self.rated:
            told = "You are not rated yet. An opponent that fits you rates you: choose “Fits you” on the game's page."
            canvas.paragraph(told, 1.2, SOFT, inner)
            return
        last = self.rated[-1]
        canvas.put(f"Your rating: {last.rating:.0f} ± {last.half:.0f}", 1.5, WHITE, inner.topleft)
        canvas.put(f"after each of {last.games} game{'s'[: last.games != 1]}", 1.0, FAINT, (inner.x, inner.y + 2.0 * unit))
        plot = pygame.Rect(inner.x, round(inner.y + 3.6 * unit), inner.w, round(inner.h - 3.6 * unit))
        points = [(float(each.games), each.rating) for each in self.rated]
        series = Series(points, ACCENT, 2.5, dots=len(points) <= 12, band=[each.half for each in self.rated])
        draw_plot(canvas.surface, plot, canvas.text, [series], 0.95 * unit, x_label=lambda x: f"game {x:.0f}")
