"""`Banner`: a game's result across the pictures."""

from collections.abc import Callable, Sequence

import numpy as np
import pygame

from games.core import BALL, LINE, ME, OTHER, WORLD
from games.render.renderer import USED, bounds
from games.render.text import Colour
from ui.cast import Cast
from ui.layout import DARKEST, SOFT
from ui.match import Match
from ui.text import KeyCapRenderer
from ui.verdict import return_parts, verdict

LINE_WEIGHT = 1000.0  # a part of a line counts more than all discs of a board
BAND, LINE_HIGH = 0.26, 0.06  # height of a result's band and of each further line, in units of a picture's side


def _covered(frame: np.void, upper: float, lower: float) -> float:
    """The number of players and balls of a frame that lie between two heights (world units), with fractions for parts.

    A line counts as many of them: it may be the one that has won.
    """
    hidden = 0.0
    for row in range(min(int(frame["count"]), len(frame["kind"]))):
        kind, code = int(frame["kind"][row]), int(frame["code"][row])
        if kind == LINE or (kind in USED and code // 4 in (ME // 4, OTHER // 4, BALL // 4)):
            _, top, _, bottom = bounds(kind, tuple(frame["xy"][row][: USED[kind]].tolist()))
            weight = LINE_WEIGHT if kind == LINE else 1.0
            hidden += weight * max(min(bottom, lower) - max(top, upper), 0.0) / max(bottom - top, 1e-9)
    return hidden


def band_places(band: float = BAND) -> tuple[float, ...]:
    """The places of a result's band of some height, by its upper edge, in units of a picture: centred, above and below."""
    return 0.5 - 0.5 * band, 0.06, 0.94 - band


def band_place(frames: list[np.ndarray | None], band: float = BAND) -> float:
    """The place at which a result's band of some height hides the least of players, balls and lines; if equal, the centre."""
    hidden, places = [], band_places(band)
    for top in places:
        upper, lower = top * WORLD, (top + band) * WORLD
        hidden.append(sum(_covered(frame[0], upper, lower) for frame in frames if frame is not None))
    return places[int(np.argmin(hidden))]


class Banner:
    """Draws the result."""

    def __init__(self, cast: Cast, text: KeyCapRenderer, outline: Callable[[int], pygame.Surface]):
        """outline: the line around a picture of so many pixels' side."""
        self.cast, self.text, self.outline = cast, text, outline

    def draw(
        self,
        surface: pygame.Surface,
        boxes: list[pygame.Rect],
        frames: list[np.ndarray | None],
        match: Match,
        lines: Sequence[str],
    ) -> None:
        """Draw the game's result across the pictures.

        frames: that the pictures show.    lines: that it has besides the score.
        """
        result = match.result
        assert result
        area = boxes[0].unionall(boxes[1:])
        side = boxes[0].w
        tall = BAND + LINE_HIGH * len(lines)
        high = round(tall * side)
        colour = SOFT if result.winner is None else self.cast.colour(result.winner)
        veil = pygame.Surface((side, side), pygame.SRCALPHA, 32)
        veil.fill((6, 8, 18, 90))
        for box in boxes:
            surface.blit(veil, box)
            surface.blit(self.outline(side), box)
        band = pygame.Surface((area.w, high), pygame.SRCALPHA, 32)
        band.fill((*DARKEST, 222))
        for y in (0, high - 2):
            band.fill((*colour, 150), (0, y, area.w, 2))
        x, y = area.centerx, area.y + round(band_place(frames, tall) * side)
        surface.blit(band, (area.x, y))
        headline, detail = verdict(match, self.cast)
        size = self.text.fit(headline, 0.15 * side, 0.9 * area.w)
        self.text.glowing(surface, headline, size, colour, (x, y + 0.105 * side))
        size, below = self.text.fit(detail, 0.05 * side, 0.9 * area.w), (x, y + 0.205 * side)
        if parts := return_parts(match, self.cast):
            self._put_parts(surface, parts, size, below)
        else:
            self.text.put(surface, detail, size, SOFT, below, "center")
        for k, line in enumerate(lines):
            at = x, y + (0.205 + LINE_HIGH * (k + 0.85)) * side
            self.text.put(surface, line, self.text.fit(line, 0.04 * side, 0.9 * area.w), SOFT, at, "center")

    def _put_parts(self, surface: pygame.Surface, parts: list[tuple[str, Colour]], size: float, centre: tuple[float, float]):
        """Draw texts of several colours in a row."""
        x = centre[0] - 0.5 * sum(self.text.width(text, size) for text, _ in parts)
        for text, colour in parts:
            self.text.put(surface, text, size, colour, (x, centre[1]), "midleft")
            x += self.text.width(text, size)
