"""`Card`: a page over the dimmed match."""

import pygame

from games.render.rules import rules
from ui.cast import Cast, dot
from ui.foot import Rows
from ui.key_hints import KeyHints, mouse_rows
from ui.layout import CARD, FAINT, LINE, SOFT, WHITE
from ui.match import RACE, between
from ui.text import KeyCapRenderer, Place


class Card:
    """Draws the page."""

    def __init__(self, cast: Cast, text: KeyCapRenderer, hints: KeyHints):
        self.cast, self.text, self.hints = cast, text, hints
        self._veil: pygame.Surface | None = None  # the dimmed picture behind the page
        self.places: list[Place] = []  # of the window's keys on the page

    def match_changed(self) -> None:
        """Dim the match behind the page anew: it has been drawn again."""
        self._veil, self.places = None, []

    def draw(self, surface: pygame.Surface, title: str, foot: Rows) -> None:
        """Draw a page over the dimmed match: title, participants, the game's rules, everybody's keys, and the window's keys."""
        self._dim(surface)
        width, height = surface.get_size()
        unit = min(width / 34.0, height / 30.0, 52.0)
        for _ in range(12):  # until it fits
            page = pygame.Surface((round(min(width - 2 * unit, 31 * unit)), height * 2), pygame.SRCALPHA, 32)
            used = self._page(page, unit, title, foot)
            if used <= height - unit:
                break
            unit *= 0.9
        box = pygame.Rect(0, 0, page.get_width(), round(used))
        box.center = (width // 2, height // 2)
        panel = pygame.Surface(box.size, pygame.SRCALPHA, 32)
        pygame.draw.rect(panel, (*CARD, 235), panel.get_rect(), border_radius=round(unit * 0.8))
        pygame.draw.rect(panel, (*LINE, 255), panel.get_rect(), width=1, border_radius=round(unit * 0.8))
        surface.blit(panel, box)
        surface.blit(page, box, pygame.Rect(0, 0, *box.size))
        self.places = [Place(cap.move(box.topleft), key) for cap, key in self.places]

    def _dim(self, surface: pygame.Surface) -> None:
        """Blur and darken the window's content; the result is kept until the match is drawn again."""
        if self._veil is None or self._veil.get_size() != surface.get_size():
            width, height = surface.get_size()
            small = pygame.transform.smoothscale(surface, (max(width // 4, 1), max(height // 4, 1)))
            small = pygame.transform.box_blur(small, 2)
            small.fill((140, 144, 160), special_flags=pygame.BLEND_RGB_MULT)
            self._veil = pygame.transform.smoothscale(small, (width, height))
        surface.blit(self._veil, (0, 0))

    def _page(self, page: pygame.Surface, unit: float, title: str, foot: Rows) -> float:
        """Draw a card's text; returns its height."""
        pad = 1.8 * unit
        inner = page.get_width() - 2 * pad
        y = pad
        self.text.put(page, title, 2.9 * unit, WHITE, (pad, y))
        y += 3.0 * unit
        y = self._who(page, unit, pad, y)
        y = self._about(page, unit, pad, y, inner) + 0.9 * unit
        page.fill((*LINE, 255), (pad, y, inner, 1))
        y = self._rules(page, unit, pad, y + 0.9 * unit, inner)
        if self.cast.people:
            y = self._keys(page, unit, pad, y + 0.5 * unit)
        page.fill((*LINE, 255), (pad, y + 0.4 * unit, inner, 1))
        y += 1.9 * unit
        x, self.places = pad, []
        for hint in self.hints.commands(foot):
            if x > pad and self.text.hint(None, hint, 0.92 * unit, (x, y))[0] > pad + inner:
                x, y = pad, y + 2.0 * unit
            end, places = self.text.hint(page, hint, 0.92 * unit, (x, y))
            self.places += places
            x = end + 1.3 * unit
        return y + 0.75 * unit + 0.6 * pad

    def _who(self, page: pygame.Surface, unit: float, x: float, y: float) -> float:
        """Draw the participants' names, each after a dot of their colour."""
        centre = y + 0.7 * unit
        for k, seat in enumerate(self.cast.seats):
            if k:
                x = self.text.put(page, between(self.cast.game), 1.3 * unit, FAINT, (x, centre), "midleft").right + 0.6 * unit
            dot(page, self.cast.colour(k), (x + 0.32 * unit, centre - 1), 0.32 * unit)
            x = self.text.put(page, seat.name, 1.35 * unit, SOFT, (x + 0.95 * unit, centre), "midleft").right + 0.6 * unit
        return y + 1.4 * unit

    def _about(self, page: pygame.Surface, unit: float, x: float, y: float, width: float) -> float:
        """Draw a line about each agent: its path and rating."""
        told = [seat for seat in self.cast.seats if seat.about]
        for seat in told:
            text = seat.about if len(told) == 1 else f"{seat.name}: {seat.about}"
            self.text.put(page, text, self.text.fit(text, 1.15 * unit, width), FAINT, (x, y + 0.3 * unit))
            y += 1.5 * unit
        return y

    def _rules(self, page: pygame.Surface, unit: float, x: float, y: float, width: float) -> float:
        """Draw the rules of the game."""
        size = 1.35 * unit
        for line in [*rules(self.cast.game), *([RACE] if self.cast.pictures == 2 else [])]:
            for part in self.text.wrap(line, size, width):
                self.text.put(page, part, size, SOFT, (x, y))
                y += 1.25 * size
            y += 0.3 * size
        return y

    def _keys(self, page: pygame.Surface, unit: float, x: float, y: float) -> float:
        """Draw everybody's keys, a line for each person."""
        right = page.get_width() - x
        for person in self.cast.people:
            rows = self.hints.rows(person)
            if person == self.cast.people[0] and not self.hints.pads:
                rows = [*rows, *mouse_rows(self.cast.game)]
            at = x
            if len(self.cast.people) > 1:
                name = f"{self.cast.seats[person].name}:"
                at = (
                    self.text.put(page, name, 1.3 * unit, self.cast.colour(person), (x, y + 0.9 * unit), "midleft").right + unit
                )
            begin = at
            for keys, meaning in rows:
                if at > begin and self.text.caps(None, keys, meaning, 0.92 * unit, (at, y)) > right:
                    at, y = begin, y + 2.1 * unit
                at = self.text.caps(page, keys, meaning, 0.92 * unit, (at, y + 0.9 * unit)) + 1.3 * unit
            y += 2.3 * unit
        return y
