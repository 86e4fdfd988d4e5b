"""Key caps beside texts."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pygame

from games.render.text import Colour, TextRenderer
from ui.foot import Hint

CAPS = {
    "space": "Space", "return": "Enter", "left shift": "Left Shift", "right shift": "Right Shift",
    "left ctrl": "Left Ctrl", "right ctrl": "Right Ctrl", "tab": "Tab", "escape": "Esc", "backspace": "Back", "delete": "Del",
}  # fmt: skip
CAP, CAP_TEXT, CAP_MEANING = (58, 70, 108), (226, 232, 246), (168, 178, 204)
SMALL = (".", ",")  # signs that are hard to see at the size of letters
ARROWS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
KEPT_GLOWS = 12  # headlines in the cache
GAP, HINT_GAP = 0.3, 1.6  # between two caps of the same hint, and between two hints, in units of the size


class Place(NamedTuple):
    """Where a key is drawn: a click there presses it."""

    box: pygame.Rect
    key: str


def key_at(places: Iterable[Place], position: tuple[int, int]) -> str:
    """The key that is drawn at a position; empty if there is none."""
    return next((key for box, key in places if box.collidepoint(position)), "")


class KeyCapRenderer(TextRenderer):
    """Renders texts, headlines that glow, and key caps."""

    def __init__(self) -> None:
        super().__init__()
        self._glows: dict[tuple, pygame.Surface] = {}

    def cap(self, surface: pygame.Surface | None, key: str, size: float, at: tuple[float, float]) -> pygame.Rect:
        """Draw a key cap, its left edge and vertical centre at `at`; returns its rectangle. Without a surface: only measure."""
        label = CAPS.get(key, key if len(key) > 3 else key.upper())
        text = None if key in ARROWS else self.render(label, size * (1.7 if label in SMALL else 1.0), CAP_TEXT)
        high = round(size * 1.45)
        wide = max(high, text.get_width() + round(size * 0.9)) if text else high
        box = pygame.Rect(round(at[0]), round(at[1] - high / 2), wide, high)
        if surface is None:
            return box
        corner = max(round(size * 0.28), 2)
        below = max(round(size * 0.12), 1)
        pygame.draw.rect(surface, (28, 36, 62), box.move(0, below), border_radius=corner)
        pygame.draw.rect(surface, CAP, box, border_radius=corner)
        pygame.draw.rect(surface, (84, 98, 142), box, width=1, border_radius=corner)
        if text:
            surface.blit(text, text.get_rect(center=box.center))
        else:
            self._arrow(surface, box, ARROWS[key], size)
        return box

    def _arrow(self, surface: pygame.Surface, box: pygame.Rect, way: tuple[int, int], size: float) -> None:
        """Draw an arrow (the font has none) as a small triangle: four times as large, then scaled down for smooth edges."""
        big = pygame.Surface((box.w * 4, box.h * 4), pygame.SRCALPHA, 32)
        big.fill((*CAP_TEXT, 0))
        (dx, dy), r = way, size * 1.3
        x, y = box.w * 2, box.h * 2
        corners = [(x + r * dx, y + r * dy)]
        corners += [(x - 0.6 * r * dx + side * r * dy, y - 0.6 * r * dy + side * r * dx) for side in (1, -1)]
        pygame.draw.polygon(big, CAP_TEXT, corners)
        surface.blit(pygame.transform.smoothscale(big, box.size), box)

    def caps(
        self, surface: pygame.Surface | None, keys: Sequence[str], meaning: str, size: float, at: tuple[float, float]
    ) -> float:
        """Draw key caps side by side, then their meaning; returns the x of the end. Without a surface: only measure."""
        x, y = at
        for key in keys:
            x = self.cap(surface, key, size, (x, y)).right + size * GAP
        x += size * 0.35
        if surface is not None:
            self.put(surface, meaning, size * 1.1, CAP_MEANING, (x, y), "midleft")
        return x + self.width(meaning, size * 1.1)

    def hint(
        self, surface: pygame.Surface | None, hint: Hint, size: float, at: tuple[float, float]
    ) -> tuple[float, list[Place]]:
        """Draw a hint as `caps` does; returns the x of its end, and where its keys are: a single one with its meaning."""
        end = self.caps(surface, hint.caps, hint.meaning, size, at)
        top, high = round(at[1] - size), round(2.0 * size)
        if len(hint.keys) == 1:
            return end, [Place(pygame.Rect(round(at[0]), top, round(end - at[0]), high), hint.keys[0])]
        x, places = at[0], []
        for cap, key in zip(hint.caps, hint.keys, strict=False):  # keys of people are none of the window's
            box = self.cap(None, cap, size, (x, at[1]))
            places.append(Place(pygame.Rect(box.x, top, box.w, high), key))
            x = box.right + size * GAP
        return end, places

    def hints(
        self, surface: pygame.Surface | None, hints: Sequence[Hint], size: float, at: tuple[float, float]
    ) -> tuple[float, list[Place]]:
        """Draw hints side by side, as `hint` does each."""
        (end, y), places = at, []
        for k, hint in enumerate(hints):
            end, found = self.hint(surface, hint, size, (end + HINT_GAP * size * (k > 0), y))
            places += found
        return end, places

    def hints_centred(
        self, surface: pygame.Surface, hints: Sequence[Hint], size: float, centre: tuple[float, float], width: float
    ) -> list[Place]:
        """Draw hints side by side around a place, smaller if they would be wider than a width."""
        size *= min(1.0, width / max(self.hints(None, hints, size, (0.0, 0.0))[0], 1.0))
        wide = self.hints(None, hints, size, (0.0, 0.0))[0]
        return self.hints(surface, hints, size, (centre[0] - 0.5 * wide, centre[1]))[1]

    def glowing(self, surface: pygame.Surface, text: str, size: float, colour: Colour, centre: tuple[float, float]) -> None:
        """Draw a headline with a glow of its own colour."""
        key = (text, int(size), colour)
        picture = self.render(text, size, colour)
        if key not in self._glows:
            if len(self._glows) >= KEPT_GLOWS:
                self._glows.clear()
            pad = round(size * 0.5)
            wide, high = picture.get_width() + 2 * pad, picture.get_height() + 2 * pad
            glow = pygame.Surface((wide, high), 0, 32)
            glow.blit(picture, (pad, pad))
            small = pygame.transform.smoothscale(glow, (max(wide // 4, 1), max(high // 4, 1)))
            small = pygame.transform.gaussian_blur(small, max(round(size * 0.05), 1))
            small.fill((120, 120, 120), special_flags=pygame.BLEND_RGB_MULT)
            self._glows[key] = pygame.transform.smoothscale(small, (wide, high))
        glow = self._glows[key]
        surface.blit(glow, glow.get_rect(center=(round(centre[0]), round(centre[1]))), special_flags=pygame.BLEND_RGB_ADD)
        surface.blit(picture, picture.get_rect(center=(round(centre[0]), round(centre[1]))))
