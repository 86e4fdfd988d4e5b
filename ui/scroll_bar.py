"""`ScrollBar`: the bar beside a list that is longer than its page; the mouse drags it."""

import pygame

from ui.layout import LINE, SOFT

WIDTH = 0.5  # units


class ScrollBar:
    """Tells which rows of a list are shown, and takes the mouse."""

    def __init__(self) -> None:
        self._track = self._bar = pygame.Rect(0, 0, 0, 0)
        self._first = self._shown = self._rows = 0
        self._held: int | None = None  # how far below the bar's top the mouse holds it, pixels

    def draw(self, surface: pygame.Surface, track: pygame.Rect, first: int, shown: int, rows: int) -> None:
        """Draw it, if there are more rows than are shown.

        track: where it may go, pixels.    first: the first row that is shown.    shown, rows: how many are shown, and there.
        """
        self._track, self._first, self._shown, self._rows = track, first, shown, rows
        if not self.is_needed:
            self._held, self._bar = None, pygame.Rect(0, 0, 0, 0)
            return
        high = max(round(track.h * shown / rows), 2 * track.w)
        y = track.y + round((track.h - high) * first / (rows - shown))
        self._bar = pygame.Rect(track.x, y, track.w, high)
        pygame.draw.rect(surface, LINE if self._held is None else SOFT, self._bar, border_radius=track.w // 2)

    @property
    def is_needed(self) -> bool:
        """Whether there are more rows than are shown."""
        return self._rows > self._shown

    def handle(self, event: pygame.event.Event) -> int | None:
        """The row that the mouse drags to the top of the list; None if the event is none of the bar's."""
        if event.type == pygame.MOUSEBUTTONUP and event.button == 1 and self._held is not None:
            self._held = None
            return self._first
        if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1 and self.is_needed:
            if self._bar.inflate(self._bar.w, 0).collidepoint(event.pos):
                self._held = event.pos[1] - self._bar.y
            elif self._track.inflate(self._track.w, 0).collidepoint(event.pos):
                self._held = self._bar.h // 2  # the bar comes to the mouse
        elif event.type != pygame.MOUSEMOTION:
            return None
        if self._held is None:
            return None
        way, most = max(self._track.h - self._bar.h, 1), self._rows - self._shown
        self._first = min(max(round((event.pos[1] - self._held - self._track.y) / way * most), 0), most)
        return self._first
