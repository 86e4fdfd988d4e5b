"""`Timeline`: the strip below a replay: where it is, where the points are, its time and its keys."""

from dataclasses import dataclass

import pygame

from games.core import TICKS_PER_SECOND
from ui.foot import Hint
from ui.layout import FAINT, GROUND_BOTTOM, LINE, SOFT, WHITE
from ui.replay_match import ReplayMatch
from ui.text import KeyCapRenderer, Place

MOST_POINTS = 80  # that are marked: more would be a line
PLAYED, POINT, TRACK = (150, 178, 246), (226, 196, 120), (34, 44, 74)


@dataclass
class Progress:
    """The state of a video that is being made, for the strip."""

    text: str
    part: float  # that is done


class Timeline:
    """Draws the strip, and tells to which tick a place on it leads."""

    def __init__(self, match: ReplayMatch, text: KeyCapRenderer):
        self.match, self.text = match, text
        self._bar = pygame.Rect(0, 0, 1, 1)  # in the window
        self.places: list[Place] = []  # of the keys

    @staticmethod
    def height(window: tuple[int, int]) -> int:
        """The height of the strip in a window, pixels."""
        return max(min(round(0.15 * window[1]), 220), 56)

    def tick_at(self, position: tuple[int, int]) -> int | None:
        """The tick at a place in the window; None where that is not on the strip."""
        if not self._bar.inflate(24, 40).collidepoint(position):
            return None
        part = (position[0] - self._bar.x) / max(self._bar.w - 1, 1)
        return round(min(max(part, 0.0), 1.0) * self.match.last)

    def tick_across(self, x: int) -> int:
        """The tick at a place along the strip, while the bar is dragged, however far above or below."""
        part = (x - self._bar.x) / max(self._bar.w - 1, 1)
        return round(min(max(part, 0.0), 1.0) * self.match.last)

    def draw(
        self, surface: pygame.Surface, box: pygame.Rect, playing: bool, hints: list[Hint], progress: Progress | None
    ) -> None:
        """Draw it on a part of the window. hints: the keys and what they do."""
        match, unit = self.match, box.h / 7.0
        self.places = []
        surface.fill(GROUND_BOTTOM, box)
        surface.fill(LINE, (box.x, box.y, box.w, 1))
        margin = round(max(0.04 * box.w, 1.6 * unit))
        y = box.y + round(2.0 * unit)
        size = 1.25 * unit
        left, right = self._time(match.at), self._time(match.last)
        button = pygame.Rect(margin, round(y - 0.75 * unit), round(1.5 * unit), round(1.5 * unit))
        self._button(surface, button, playing)
        x = button.right + round(unit)
        begin = x + round(self.text.width(right, size)) + round(unit)
        self.text.put(surface, left, size, WHITE, (begin - unit, y), "midright")
        end = box.right - margin - round(self.text.width(right, size)) - round(unit)
        self.text.put(surface, right, size, FAINT, (box.right - margin, y), "midright")
        self._bar = pygame.Rect(begin, round(y - 0.2 * unit), max(end - begin, 8), max(round(0.4 * unit), 3))
        self._marks(surface, unit)
        if progress:
            self._progress(surface, box, margin, unit, progress)
        else:
            centre = box.centerx, box.y + 5.0 * unit
            self.places = self.text.hints_centred(surface, hints, 0.95 * unit, centre, box.w - 2 * margin)

    def _marks(self, surface: pygame.Surface, unit: float) -> None:
        match, bar = self.match, self._bar
        round_ends = bar.h // 2
        pygame.draw.rect(surface, TRACK, bar, border_radius=round_ends)
        at = self._x(match.at)
        pygame.draw.rect(surface, PLAYED, (bar.x, bar.y, max(at - bar.x, 1), bar.h), border_radius=round_ends)
        if len(match.points_at) <= MOST_POINTS:
            for tick in match.points_at:
                pygame.draw.rect(surface, POINT, (self._x(tick) - 1, bar.y - round(0.5 * unit), 2, bar.h + round(unit)))
        for change in match.replay.header.changes:
            pygame.draw.aacircle(surface, SOFT, (self._x(change.tick), bar.y - 0.7 * unit), max(0.25 * unit, 2))
        pygame.draw.aacircle(surface, WHITE, (at, bar.centery), max(0.55 * unit, 4))

    def _x(self, tick: int) -> int:
        return self._bar.x + round(tick / max(self.match.last, 1) * (self._bar.w - 1))

    def _button(self, surface: pygame.Surface, box: pygame.Rect, playing: bool) -> None:
        if playing:
            for part in (0.12, 0.62):
                bar = pygame.Rect(box.x + round(part * box.w), box.y, max(round(0.26 * box.w), 2), box.h)
                pygame.draw.rect(surface, WHITE, bar, border_radius=1)
        else:
            pygame.draw.polygon(surface, WHITE, [box.topleft, (box.right, box.centery), box.bottomleft])

    def _progress(self, surface: pygame.Surface, box: pygame.Rect, margin: int, unit: float, progress: Progress) -> None:
        y, size = box.y + 5.0 * unit, 1.1 * unit
        text = self.text.put(surface, progress.text, size, SOFT, (box.x + margin, y), "midleft")
        bar = pygame.Rect(text.right + round(1.5 * unit), round(y - 0.25 * unit), 0, max(round(0.5 * unit), 3))
        bar.w = max(box.right - margin - bar.x, 8)
        pygame.draw.rect(surface, TRACK, bar, border_radius=bar.h // 2)
        bar.w = max(round(bar.w * progress.part), bar.h)
        pygame.draw.rect(surface, POINT, bar, border_radius=bar.h // 2)

    def _time(self, tick: int) -> str:
        if self.match.game.turns:
            return f"move {tick}"
        return f"{tick // (60 * TICKS_PER_SECOND)}:{tick // TICKS_PER_SECOND % 60:02d}"
