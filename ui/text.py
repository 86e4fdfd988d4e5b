"""Text and key caps, in the one font that Pygame brings along, and with the signs of `games.render.glyphs`."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import pygame

from games.render.glyphs import FONT, GLYPHS

Colour = tuple[int, int, int]

KEPT = 400  # rendered texts kept
LARGER = 4  # text is rendered so many times larger and scaled down: letters then stand at fractions of a pixel
CAPS = {
    "space": "Space", "return": "Enter", "left shift": "Shift", "right shift": "Shift",
    "left ctrl": "Ctrl", "right ctrl": "Ctrl", "tab": "Tab", "escape": "Esc", "backspace": "Back",
}  # fmt: skip
CAP_TEXT, CAP_MEANING = (226, 232, 246), (168, 178, 204)
ARROWS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """A text in runs of signs (True) and of letters."""
    for signs, run in groupby(text, GLYPHS.__contains__):
        yield signs, "".join(run)


def _side(font: pygame.font.Font) -> int:
    """How wide a sign is, in a font's pixels."""
    return round(0.9 * font.get_ascent())


class Type:
    """Renders text, and remembers what it rendered."""

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
        """How wide a text will be, in pixels."""
        font = self._font(size)
        return sum(len(part) * _side(font) if signs else font.size(part)[0] for signs, part in _parts(text)) / LARGER

    def _large(self, text: str, size: float, colour: Colour) -> pygame.Surface:
        """A text before it is scaled down: what the font has, with the signs that are drawn in between."""
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
            for sign in part:  # they stand on the line that letters stand on
                corners = [(x + 0.9 * side * px, font.get_ascent() - 0.9 * side * (1.0 - py)) for px, py in GLYPHS[sign]]
                pygame.draw.polygon(whole, colour, corners)
                x += side
        return whole

    def put(
        self, surface: pygame.Surface, text: str, size: float, colour: Colour, at: tuple[float, float], anchor: str = "topleft"
    ) -> pygame.Rect:
        """Draw a text; `anchor` names the point of it that lies at `at`, as in `pygame.Rect`. Gives its rectangle."""
        picture = self.render(text, size, colour)
        box = picture.get_rect(**{anchor: (round(at[0]), round(at[1]))})
        surface.blit(picture, box)
        return box

    def fit(self, text: str, size: float, width: float) -> float:
        """The largest size up to `size` at which a text is not wider than `width`."""
        wide = self.width(text, size)
        return size if wide <= width else max(int(size) * width / wide, 8)

    def shorten(self, text: str, size: float, width: float) -> str:
        """A text cut so that it is not wider than `width`."""
        if self.width(text, size) <= width:
            return text
        while len(text) > 1 and self.width(text + "…", size) > width:
            text = text[:-1]
        return text.rstrip() + "…"

    def wrap(self, text: str, size: float, width: float) -> list[str]:
        """A text in lines not wider than `width`."""
        lines, line = [], ""
        for word in text.split():
            longer = f"{line} {word}" if line else word
            if line and self.width(longer, size) > width:
                lines.append(line)
                longer = word
            line = longer
        return [*lines, line] if line else lines

    def cap(self, surface: pygame.Surface | None, key: str, size: float, at: tuple[float, float]) -> pygame.Rect:
        """A key cap, its left edge and vertical middle at `at`; gives its rectangle. Without a surface it only measures."""
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
        """A small triangle; the font has no arrows. Drawn four times as large and scaled down for smooth edges."""
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
        """Key caps side by side, then what they do; gives the x where they end. Without a surface it only measures."""
        x, y = at
        for key in keys:
            x = self.cap(surface, key, size, (x, y)).right + size * 0.3
        x += size * 0.35
        if surface is not None:
            self.put(surface, meaning, size * 1.1, CAP_MEANING, (x, y), "midleft")
        return x + self.width(meaning, size * 1.1)
