"""`Canvas`: draws the parts of a menu's page onto a surface, and notes which of them can be chosen."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pygame

from games.render.text import Colour
from ui.focus import Focus, Item
from ui.foot import Hint
from ui.ground import ground
from ui.layout import ACCENT, CARD, DARKEST, FAINT, LINE, SOFT, WHITE
from ui.text import KeyCapRenderer, Place

SMALLEST_UNIT, LARGEST_UNIT = 6.0, 64.0  # pixels
KEPT_PANES = 8
RAISED = (28, 36, 64)  # a button


class Canvas:
    """A page while it is drawn. Lengths are in pixels; `unit` grows with the window, and text has about 1.2 of it."""

    def __init__(self, text: KeyCapRenderer, grounds: dict[tuple[int, int], pygame.Surface]):
        """grounds: backgrounds by size; the latest is kept there."""
        self.text, self._grounds = text, grounds
        self._panes: dict[tuple, pygame.Surface] = {}
        self.places: list[Place] = []  # of keys that are drawn

    def begin(self, surface: pygame.Surface, focus: Focus) -> None:
        """Begin a page: a fresh ground and no items yet."""
        self.over(surface, focus)
        if (self.width, self.height) not in self._grounds:
            self._grounds.clear()
            self._grounds[self.width, self.height] = ground((self.width, self.height))
        surface.blit(self._grounds[self.width, self.height], (0, 0))

    def over(self, surface: pygame.Surface, focus: Focus) -> None:
        """Begin without a ground, over what a surface shows."""
        self.surface, self.focus = surface, focus
        self.items: list[Item] = []
        self.places = []
        self.width, self.height = surface.get_size()
        self.unit = min(max(min(self.width / 44.0, self.height / 33.0), SMALLEST_UNIT), LARGEST_UNIT)

    @property
    def area(self) -> pygame.Rect:
        """The window without its margins."""
        margin = round(1.6 * self.unit)
        return pygame.Rect(margin, margin, max(self.width - 2 * margin, 1), max(self.height - 2 * margin, 1))

    def item(self, name: str, box: pygame.Rect, act: Callable[[], None], is_shown: bool = True) -> bool:
        """Note a part that can be chosen; returns whether it has the focus."""
        self.items.append(Item(name, box, act, is_shown))
        return self.focus.name == name

    # --- texts ---

    def put(self, text: str, size: float, colour: Colour, at: tuple[float, float], anchor: str = "topleft") -> pygame.Rect:
        """Draw a text. size: in units."""
        return self.text.put(self.surface, text, size * self.unit, colour, at, anchor)

    def fitted(self, text: str, size: float, colour: Colour, at: tuple[float, float], anchor: str, width: float) -> pygame.Rect:
        """Draw a text, smaller if need be, and in the end shortened, so that it is not wider than a width."""
        pixels = max(self.text.fit(text, size * self.unit, width), min(size * self.unit, 10.0))
        return self.text.put(self.surface, self.text.shorten(text, pixels, width), pixels, colour, at, anchor)

    def paragraph(self, text: str, size: float, colour: Colour, box: pygame.Rect) -> int:
        """Draw a text in as many lines as it needs, but none below the box; returns the y below it."""
        y, high = float(box.y), 1.25 * size * self.unit
        for line in self.text.wrap(text, size * self.unit, box.w):
            if y + high > box.bottom + 1:
                break
            self.put(line, size, colour, (box.x, y))
            y += high
        return round(y)

    # --- parts ---

    def panel(self, box: pygame.Rect, colour: Colour = CARD, line: Colour = LINE) -> None:
        """Draw a card with round corners."""
        corner = round(0.5 * self.unit)
        pygame.draw.rect(self.surface, colour, box, border_radius=corner)
        pygame.draw.rect(self.surface, line, box, width=1, border_radius=corner)

    def glass(self, box: pygame.Rect, lit: bool) -> None:
        """Draw a pane over a picture: a slanted light, and shade unless it is lit."""
        key = (box.size, lit)
        if key not in self._panes:
            if len(self._panes) >= KEPT_PANES:
                self._panes.clear()
            pane = pygame.Surface(box.size, pygame.SRCALPHA, 32)
            pane.fill((6, 8, 18, 0 if lit else 64))
            for begin, wide, light in ((0.10, 0.20, 12), (0.36, 0.06, 8)):
                left, right, slant = begin * box.w, (begin + wide) * box.w, 0.35 * box.w
                corners = [(left + slant, 0), (right + slant, 0), (right - slant, box.h), (left - slant, box.h)]
                streak = pygame.Surface(box.size, pygame.SRCALPHA, 32)
                pygame.draw.polygon(streak, (255, 255, 255, light), corners)
                pane.blit(streak, (0, 0))
            self._panes[key] = pane
        self.surface.blit(self._panes[key], box)

    def ring(self, box: pygame.Rect) -> None:
        """Draw the line around the part that has the focus."""
        wide = max(round(0.16 * self.unit), 2)
        pygame.draw.rect(
            self.surface, WHITE, box.inflate(2 * wide, 2 * wide), width=wide, border_radius=round(0.5 * self.unit) + wide
        )

    def button(self, name: str, box: pygame.Rect, text: str, act: Callable[[], None]) -> None:
        """Draw a button: with the focus it is light and its text dark."""
        focused, corner = self.item(name, box, act), round(0.45 * min(box.h, 2.4 * self.unit))
        pygame.draw.rect(self.surface, WHITE if focused else RAISED, box, border_radius=corner)
        if not focused:
            pygame.draw.rect(self.surface, LINE, box, width=1, border_radius=corner)
        colour = DARKEST if focused else WHITE
        self.fitted(text, 0.5 * box.h / self.unit, colour, box.center, "center", box.w - 0.6 * box.h)

    def button_width(self, text: str, height: float) -> int:
        """The width of a button of some height."""
        return round(self.text.width(text, 0.5 * height) + 1.3 * height)

    def tick(self, centre: tuple[float, float], size: float, colour: Colour = ACCENT) -> None:
        """Draw a tick: what is beaten. size: pixels, of its width."""
        x, y, wide = *centre, max(round(0.2 * size), 2)
        points = [(x - 0.5 * size, y), (x - 0.12 * size, y + 0.36 * size), (x + 0.5 * size, y - 0.36 * size)]
        for begin, end in pairwise(points):
            pygame.draw.line(self.surface, colour, begin, end, wide)

    def hints(self, hints: Sequence[Hint]) -> None:
        """Draw the line of keys at the lower edge, centred; a click there presses them."""
        margin = 1.6 * self.unit
        centre = 0.5 * self.width, self.height - margin
        self.places += self.text.hints_centred(self.surface, hints, 0.92 * self.unit, centre, self.width - 2 * margin)

    def notice(self, text: str, y: float) -> None:
        """Draw a line that people should see once."""
        self.fitted(text, 1.0, FAINT if not text else SOFT, (self.width / 2, y), "center", self.width - 3.2 * self.unit)
