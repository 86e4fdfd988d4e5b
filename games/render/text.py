"""Text in Pygame's default font and with the signs of `games.render.glyphs`."""

from collections.abc import Iterator
from itertools import groupby

import pygame

from games.render.glyphs import FONT, GLYPHS

Colour = tuple[int, int, int]

KEPT = 400  # rendered texts in the cache
KEPT_FONTS = 24  # sizes of the font, each of which is an open file; a page has some eight
LARGER = 4  # text is rendered so many times larger and scaled down, so that letters lie at fractions of a pixel


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Split a text into runs of our own signs (True) and runs of the font's letters (False)."""
    for signs, run in groupby(text, GLYPHS.__contains__):
        yield signs, "".join(run)


def _side(font: pygame.font.Font) -> int:
    """The width of a sign in the pixels of a font."""
    return round(0.9 * font.get_ascent())


class TextRenderer:
    """Renders texts, and caches them."""

    def __init__(self) -> None:
        pygame.font.init()
        self._fonts: dict[int, pygame.font.Font] = {}
        self._kept: dict[tuple, pygame.Surface] = {}

    def _font(self, size: float) -> pygame.font.Font:
        height = max(int(size), 8) * LARGER
        if height not in self._fonts:
            if len(self._fonts) >= KEPT_FONTS:
                self._fonts.clear()
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
