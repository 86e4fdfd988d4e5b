"""`CurvePage`: the learning curve of a run whose newest agent plays, drawn into the panel beside the game."""

import pygame

from games.render.text import Colour, TextRenderer
from ui.layout import FAINT, SOFT, WHITE
from ui.plot import Series, draw_legend, draw_plot
from ui.run_watcher import Progress, RunWatcher, count_in_words

THIN = (88, 108, 168)  # games in training, behind the evaluations
LINES = ("won against the bot", "return")  # by whether values are returns
LARGEST_UNIT = 21.0  # pixels
MOST_POINTS = 400  # of a curve: more are not told apart


class CurvePage:
    """Draws the page, and keeps it until something changes."""

    def __init__(self) -> None:
        self.text = TextRenderer()
        self._painted: pygame.Surface | None = None
        self._shown: tuple | None = None  # what it shows

    def paint(self, panel: pygame.Surface, card: pygame.Rect, watcher: RunWatcher, colour: Colour) -> None:
        """Draw the run's name, the agent that plays, and the curves into a card of a panel."""
        steps = watcher.info.steps if watcher.info else 0
        shown = (card.size, id(watcher.progress), steps, colour)
        if self._painted is None or shown != self._shown:
            self._painted = pygame.Surface(card.size, pygame.SRCALPHA, 32)
            self._paint(self._painted, watcher, steps, colour)
            self._shown = shown
        panel.blit(self._painted, card)

    def _paint(self, page: pygame.Surface, watcher: RunWatcher, steps: int, colour: Colour) -> None:
        unit = max(min(page.get_width() / 19.0, page.get_height() / 23.0, LARGEST_UNIT), 3.0)
        box = page.get_rect().inflate(-2.4 * unit, -2.4 * unit)
        y = box.y + 0.9 * unit
        self.text.put(page, "Watch it learn", 1.7 * unit, WHITE, (box.x, y), "midleft")
        y += 1.9 * unit
        told = self.text.shorten(watcher.folder.name, 1.0 * unit, box.w)
        self.text.put(page, told, 1.0 * unit, FAINT, (box.x, y), "midleft")
        y += 1.9 * unit
        learned = f"It has learned from {count_in_words(steps)} steps." if steps else "It has not learned anything yet."
        for line in self.text.wrap(f"{learned} A newer agent takes over after a game.", 1.15 * unit, box.w):
            self.text.put(page, line, 1.15 * unit, SOFT, (box.x, y), "midleft")
            y += 1.5 * unit
        plot = pygame.Rect(box.x, round(y + 3.0 * unit), box.w, round(box.bottom - y - 3.0 * unit))
        plot.h = min(plot.h, round(0.8 * plot.w))
        self._curves(page, plot, watcher.progress, steps, unit, colour)

    def _curves(self, page, plot: pygame.Rect, progress: Progress, steps: int, unit: float, colour: Colour) -> None:
        measured = LINES[0] if progress.rate else LINES[1]
        if not (progress.evaluations or progress.training):
            self.text.put(page, "No games have been counted yet.", 1.15 * unit, FAINT, plot.midtop, "center")
            return
        rows = [(f"{measured}, evaluated", colour), ("in training", THIN)]
        draw_legend(page, self.text, rows if progress.training else rows[:1], 1.0 * unit, (plot.x, plot.y - 2.1 * unit))
        series = [Series(thinned(progress.training), THIN, 1.5), Series(progress.evaluations, colour, 2.5, dots=True)]
        now = [(x, y) for x, y in progress.evaluations if x <= steps][-1:]
        y_range = (0.0, 1.0) if progress.rate else None
        draw_plot(
            page, plot, self.text, [*series, Series(now, WHITE, 3.0, dots=True)], 0.95 * unit, y_range, count_in_words,
            (lambda y: f"{100 * y:.0f} %") if progress.rate else (lambda y: f"{y:g}"),
        )  # fmt: skip


def thinned(points: list[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most about so many points of a curve, each the mean of those that it stands for.

    >>> thinned([(0, 1), (1, 3), (2, 5), (3, 9)], 2)
    [(0.5, 2.0), (2.5, 7.0)]
    """
    every = -(-len(points) // most)
    groups = [points[k : k + every] for k in range(0, len(points), max(every, 1))]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]
