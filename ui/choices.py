"""`Choices`: the buttons below a result."""

from collections.abc import Callable

import pygame

from ui.canvas import Canvas
from ui.commands import DIRECTIONS, Command
from ui.focus import Focus
from ui.layout import FOOTER
from ui.text import KeyCapRenderer

LOWEST = 23  # height of a button, pixels


class Choices:
    """A row of buttons, of which one has the focus: first the first."""

    def __init__(self, text: KeyCapRenderer):
        self.focus = Focus()
        self._canvas = Canvas(text, {})
        self._acts: dict[str, Callable[[], None]] = {}

    def offer(self, acts: dict[str, Callable[[], None]]) -> None:
        """Offer these from now on. acts: by the text of each button."""
        self._acts = acts
        self.focus = Focus(next(iter(acts)))

    def draw(self, surface: pygame.Surface, boxes: list[pygame.Rect]) -> None:
        """Draw the buttons below pictures."""
        side, width = boxes[0].w, surface.get_width()
        high = max(round(0.75 * FOOTER * side), LOWEST)
        gap = round(0.35 * high)
        self._canvas.over(surface, self.focus)
        widths = [self._canvas.button_width(text, high) for text in self._acts]
        available = width - gap * (len(widths) + 1)
        if sum(widths) > available:
            widths = [available * wide // sum(widths) for wide in widths]
        x = boxes[0].unionall(boxes[1:]).centerx - (sum(widths) + gap * (len(widths) - 1)) // 2
        y = min(round(boxes[0].bottom + 0.5 * FOOTER * side - 0.5 * high), surface.get_height() - high)
        for (text, act), wide in zip(self._acts.items(), widths, strict=True):
            self._canvas.button(text, pygame.Rect(x, y, wide, high), text, act)
            x += wide + gap
        self.focus.take(self._canvas.items)

    def command(self, command: Command) -> None:
        """Move the focus, or do what has it."""
        if command == "confirm":
            self._acts[self.focus.name]()
        elif command in ("left", "right"):
            self.focus.move(DIRECTIONS[command])

    def click(self, position: tuple[int, int]) -> None:
        """Do what lies at a position."""
        if item := self.focus.at(position):
            item.act()

    def point(self, position: tuple[int, int]) -> None:
        """The mouse is at a position: the focus goes there."""
        if item := self.focus.at(position):
            self.focus.name = item.name
