"""Text and key caps, in Pygame's default font and with the signs of `games.render.glyphs`."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import pygame

from games.render.glyphs import FONT, GLYPHS

Colour = tuple[int, int, int]

KEPT = 400  # rendered texts in the cache
LARGER = 4  # text is rendered so many times larger and scaled down, so that letters lie at fractions of a pixel
CAPS = {
    "space": "Space", "return": "Enter", "left shift": "Shift", "right shift": "Shift",
    "left ctrl": "Ctrl", "right ctrl": "Ctrl", "tab": "Tab", "escape": "Esc", "backspace": "Back",
}  # fmt: skip
CAP_TEXT, CAP_MEANING = (226, 232, 246), (168, 178, 204)
ARROWS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Split a text into runs of our own signs (True) and runs of the font's letters (False)."""
    for signs, run in groupby(text, GLYPHS.__contains__):
        yield signs, "".join(run)


def _side(font: pygame.font.Font) -> int:
    """The width of a sign in the pixels of a font."""
    return round(0.9 * font.get_ascent())


class TextRenderer:
    """Renders text and key caps, and caches rendered texts."""

    def __init__(self) -> None:
        pygame.font.init()
        self._fonts: dict[int, pygame.font.Font] = {}
        self._kept: dict[tuple, pygame.Surface] = {}

    def _font(self, size: float) -> pygame.font.Font:
        height = max(int(size), 8) * LARGER
        if height not in self._fonts:
            self._fonts[height] = pygame.font.Font(FONT, height)
        return self._fonts[height]

    def render(self, text: str, size: float, colour: Colour) -> pygame.Surface:
        """A text on a transparent ground. size: the font's height in pixels."""
        key = (text, int(size), colour)
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            large = self._large(text or " ", size, colour)  # scaling a surface without width crashes
            small = max(large.get_width() // LARGER, 1), max(large.get_height() // LARGER, 1)
            self._kept[key] = pygame.transform.smoothscale(large, small)
        return self._kept[key]

    def width(self, text: str, size: float) -> float:
        """The width of a text in pixels."""
        font = self._font(size)
        return sum(len(part) * _side(font) if signs else font.size(part)[0] for signs, part in _parts(text)) / LARGER

    def _large(self, text: str, size: float, colour: Colour) -> pygame.Surface:
        """A text before it is scaled down: the font's letters, with our own signs drawn in between."""
        font = self._font(size)
        if not any(letter in GLYPHS for letter in text):
            return font.render(text, True, colour)
        whole = pygame.Surface((round(self.width(text, size) * LARGER), font.get_height()), pygame.SRCALPHA, 32)
        whole.fill((*colour, 0))
        x, side = 0, _side(font)
        for signs, part in _parts(text):
            if not signs:
                x += whole.blit(font.render(part, True, colour), (x, 0)).width
                continue
            for sign in part:  # on the baseline of the letters
                corners = [(x + 0.9 * side * px, font.get_ascent() - 0.9 * side * (1.0 - py)) for px, py in GLYPHS[sign]]
                pygame.draw.polygon(whole, colour, corners)
                x += side
        return whole

    def put(
        self, surface: pygame.Surface, text: str, size: float, colour: Colour, at: tuple[float, float], anchor: str = "topleft"
    ) -> pygame.Rect:
        """Draw a text; `anchor` names its point that lies at `at`, as in `pygame.Rect`. Returns its rectangle."""
        picture = self.render(text, size, colour)
        box = picture.get_rect(**{anchor: (round(at[0]), round(at[1]))})
        surface.blit(picture, box)
        return box

    def fit(self, text: str, size: float, width: float) -> float:
        """The largest size, at most `size`, at which a text is not wider than `width`."""
        wide = self.width(text, size)
        return size if wide <= width else max(int(size) * width / wide, 8)

    def shorten(self, text: str, size: float, width: float) -> str:
        """A text, cut and ended with "…" if it is wider than `width`."""
        if self.width(text, size) <= width:
            return text
        while len(text) > 1 and self.width(text + "…", size) > width:
            text = text[:-1]
        return text.rstrip() + "…"

    def wrap(self, text: str, size: float, width: float) -> list[str]:
        """Break a text into lines not wider than `width`."""
        lines, line = [], ""
        for word in text.split():
            longer = f"{line} {word}" if line else word
            if line and self.width(longer, size) > width:
                lines.append(line)
                longer = word
            line = longer
        return [*lines, line] if line else lines

    def cap(self, surface: pygame.Surface | None, key: str, size: float, at: tuple[float, float]) -> pygame.Rect:
        """Draw a key cap, its left edge and vertical centre at `at`; returns its rectangle. Without a surface: only measure."""
        label = CAPS.get(key, key if len(key) > 3 else key.upper())
        text = None if key in ARROWS else self.render(label, size, CAP_TEXT)
        high = round(size * 1.45)
        wide = max(high, text.get_width() + round(size * 0.9)) if text else high
        box = pygame.Rect(round(at[0]), round(at[1] - high / 2), wide, high)
        if surface is None:
            return box
        corner = max(round(size * 0.28), 2)
        below = max(round(size * 0.12), 1)
        pygame.draw.rect(surface, (28, 36, 62), box.move(0, below), border_radius=corner)
        pygame.draw.rect(surface, (58, 70, 108), box, border_radius=corner)
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
            x = self.cap(surface, key, size, (x, y)).right + size * 0.3
        x += size * 0.35
        if surface is not None:
            self.put(surface, meaning, size * 1.1, CAP_MEANING, (x, y), "midleft")
        return x + self.width(meaning, size * 1.1)
