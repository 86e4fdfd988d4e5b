"""A display list as people see it: a Pygame surface of any size, antialiased, with a layer of effects on top.

Everything is computed from the signed distance to a shape's edge (negative inside): the shape's coverage of a pixel, the
glow that falls off outside, and the bevel inside. A shape is painted once, as a small sprite, and kept; a frame is then a
few dozen blits. It needs no display and does not initialise Pygame.
"""

import functools
from collections import OrderedDict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

import numpy as np
import pygame

from games.core import DECOR, DISC, GONE, LINE, NUMBER, RECT, TRIANGLE, WORLD
from games.engine.batch import Batch
from games.engine.loader import Game
from games.engine.raster import BARS, GREYS
from games.render.motion import TRAIL, Trail
from games.render.surfaces import BLUE, ORANGE, backdrop, surface_of
from games.render.text import Colour, TextRenderer

STEPS = 8  # a sprite's place inside its pixel is kept in eighths
KEPT_PIXELS = 24_000_000  # limit of the sprites that a painter keeps, about 100 MB
GREY_SCALE = 8  # `grey_picture` paints so many times larger and averages

ADD = pygame.BLEND_RGB_ADD

GROOVE = 0.5, 0.07  # of a disc: the radius of its groove and half its width, in units of the disc's radius
LARGEST_COIN = 12.0  # radius, world units: a larger disc is a zone and gets no coin's ring

PLAIN_NUMBERS = (176, 186, 210)  # the colour of numbers that are decor
LETTER = 1.93  # the font's height in units of that of its digits


@dataclass(frozen=True)
class Look:
    """The effects on the shapes of a role. Lengths in world units."""

    round: float = 0.0  # radius of corners
    gap: float = 0.0  # width left free along the edge, so that neighbours do not touch
    bevel: float = 0.0  # lighter above, darker below, 0 to 1
    glow: float = 0.0  # strength of the light around it, 0 to 1
    reach: float = 4.0  # how far that light is seen
    shadow: float = 0.0  # strength of the shadow below it, 0 to 1
    groove: float = 0.0  # depth of a ring in discs, 0 to 1: tells two kinds of them apart without their colours


FLAT = Look()


@dataclass(frozen=True, eq=False)
class Theme:
    """Colours of all role + tone codes, the background's two ends, and the looks of the roles (by code // 4)."""

    colours: tuple[Colour, ...]  # by code, 36 of them
    top: Colour
    bottom: Colour
    looks: tuple[Look, ...] = field(default=(FLAT,) * 9)

    def colour(self, code: int) -> Colour:
        return self.colours[min(code, len(self.colours) - 1)]


# `me` and `other` differ in lightness too; a disc of `other` has a groove besides.
DARK = Theme(
    colours=(
        *((0, 0, 0),) * 4,
        BLUE, (70, 172, 238), (180, 234, 255), (40, 126, 198),  # me
        ORANGE, (196, 84, 16), (246, 146, 74), (162, 70, 16),  # other
        (255, 252, 240), (255, 226, 150), (200, 220, 255), (176, 180, 196),  # ball
        (86, 98, 138), (66, 76, 112), (112, 126, 170), (48, 56, 86),  # wall
        (255, 209, 84), (126, 214, 148), (176, 148, 255), (255, 166, 201),  # item
        (255, 84, 120), (226, 58, 104), (255, 132, 132), (170, 44, 92),  # danger
        (110, 231, 168), (64, 196, 160), (176, 244, 190), (40, 140, 120),  # goal
        (40, 50, 80), (30, 38, 64), (56, 68, 104), (22, 28, 50),  # decor
    ),
    top=(17, 23, 42),
    bottom=(11, 15, 30),
    looks=(
        FLAT,
        Look(round=0.9, bevel=0.35, glow=0.34, reach=5.0),  # me
        Look(round=0.9, bevel=0.35, glow=0.34, reach=5.0, groove=0.55),  # other
        Look(round=0.9, glow=0.55, reach=5.5),  # ball
        Look(round=0.6, gap=0.14, bevel=0.3, shadow=0.45, reach=1.2),  # wall
        Look(round=0.7, gap=0.18, bevel=0.4, glow=0.18, reach=3.0),  # item
        Look(round=0.7, gap=0.18, bevel=0.4, glow=0.26, reach=3.5),  # danger
        Look(round=0.7, gap=0.18, bevel=0.4, glow=0.22, reach=3.5),  # goal
        Look(round=0.5),  # decor
    ),
)  # fmt: skip

# The agents' grey levels, for `grey_picture`.
GREY = Theme(colours=tuple((int(g), int(g), int(g)) for g in GREYS), top=(0, 0, 0), bottom=(0, 0, 0))


# --- signed distances -----------------------------------------------------------------------------------------------


def box_distance(x: np.ndarray, y: np.ndarray, half_w: float, half_h: float, radius: float) -> np.ndarray:
    """Signed distance to a box around the origin with rounded corners.

    >>> box_distance(np.array([0.0, 5.0]), np.array([0.0, 0.0]), 2.0, 1.0, 0.0).tolist()
    [-1.0, 3.0]
    """
    qx, qy = np.abs(x) - (half_w - radius), np.abs(y) - (half_h - radius)
    outside = np.hypot(np.maximum(qx, 0.0), np.maximum(qy, 0.0))
    return outside + np.minimum(np.maximum(qx, qy), 0.0) - radius


def triangle_distance(x: np.ndarray, y: np.ndarray, corners: np.ndarray, radius: float) -> np.ndarray:
    """Signed distance to a triangle, its corners rounded by shrinking it towards the centre of its inscribed circle."""
    sides = np.array([np.hypot(*(corners[(k + 1) % 3] - corners[(k + 2) % 3])) for k in range(3)])
    (ax, ay), (bx, by), (cx, cy) = corners
    twice_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if abs(twice_area) < 1e-9:
        return np.full(np.broadcast_shapes(x.shape, y.shape), 1e9)
    inner = abs(twice_area) / sides.sum()
    radius = min(radius, 0.6 * inner)
    incentre = (sides[:, None] * corners).sum(0) / sides.sum()
    corners = incentre + (corners - incentre) * (1.0 - radius / inner)
    if twice_area < 0:
        corners = corners[::-1]
    nearest = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf)
    inside = np.ones(nearest.shape, bool)
    for k in range(3):
        (px, py), (qx, qy) = corners[k], corners[(k + 1) % 3]
        ex, ey = qx - px, qy - py
        along = np.clip(((x - px) * ex + (y - py) * ey) / (ex * ex + ey * ey), 0.0, 1.0)
        nearest = np.minimum(nearest, (x - px - along * ex) ** 2 + (y - py - along * ey) ** 2)
        inside &= (y - py) * ex - (x - px) * ey >= 0.0
    return np.where(inside, -1.0, 1.0) * np.sqrt(nearest) - radius


def distance(kind: int, xy: tuple[float, ...], x: np.ndarray, y: np.ndarray, radius: float = 0.0) -> np.ndarray:
    """Signed distance of points to a shape of a display list, all in pixels. `x` [1, w], `y` [h, 1]; gives [h, w]."""
    if kind == DISC:
        return np.hypot(x - xy[0], y - xy[1]) - xy[2]
    if kind == RECT:
        half_w, half_h = 0.5 * xy[2], 0.5 * xy[3]
        return box_distance(x - xy[0] - half_w, y - xy[1] - half_h, half_w, half_h, min(radius, half_w, half_h))
    if kind == LINE:
        dx, dy = xy[2] - xy[0], xy[3] - xy[1]
        length = max(float(np.hypot(dx, dy)), 1e-9)
        ux, uy = dx / length, dy / length
        mx, my = x - 0.5 * (xy[0] + xy[2]), y - 0.5 * (xy[1] + xy[3])
        half_w, half_h = 0.5 * length, 0.5 * xy[4]
        return box_distance(mx * ux + my * uy, my * ux - mx * uy, half_w, half_h, min(radius, half_w, half_h))
    return triangle_distance(x, y, np.array(xy, np.float64).reshape(3, 2), radius)


def width_of_number(value: int) -> float:
    """The width of a number in units of its height.

    >>> width_of_number(7), width_of_number(-12)
    (0.6, 2.2)
    """
    return (4 * len(str(value)) - 1) / 5


def bars_of_number(xy: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """A number (centre x, y, height, value) as rectangles (left, top, width, height), as agents see it."""
    text, fifth = str(int(xy[3])), xy[2] / 5
    left, top = xy[0] - 0.5 * width_of_number(int(xy[3])) * xy[2], xy[1] - 0.5 * xy[2]
    return [
        (left + (4 * place + bar[0]) * fifth, top + bar[1] * fifth, bar[2] * fifth, bar[3] * fifth)
        for place, sign in enumerate(text)
        for bar in BARS["0123456789-".index(sign)].tolist()
        if bar[2]
    ]


def bounds(kind: int, xy: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a shape."""
    if kind == RECT:
        return xy[0], xy[1], xy[0] + xy[2], xy[1] + xy[3]
    if kind == NUMBER:
        w, h = 0.5 * width_of_number(int(xy[3])) * xy[2], 0.5 * xy[2]
        return xy[0] - w, xy[1] - h, xy[0] + w, xy[1] + h
    if kind == DISC:
        return xy[0] - xy[2], xy[1] - xy[2], xy[0] + xy[2], xy[1] + xy[2]
    if kind == LINE:
        w = 0.5 * xy[4]
        return min(xy[0], xy[2]) - w, min(xy[1], xy[3]) - w, max(xy[0], xy[2]) + w, max(xy[1], xy[3]) + w
    return min(xy[0::2]), min(xy[1::2]), max(xy[0::2]), max(xy[1::2])


def shift(kind: int, xy: tuple[float, ...], dx: float, dy: float) -> tuple[float, ...]:
    """A shape moved."""
    if kind in (RECT, DISC):
        return xy[0] + dx, xy[1] + dy, *xy[2:]
    if kind == LINE:
        return xy[0] + dx, xy[1] + dy, xy[2] + dx, xy[3] + dy, xy[4]
    return tuple(v + (dx if k % 2 == 0 else dy) for k, v in enumerate(xy))


USED = {RECT: 4, DISC: 3, LINE: 5, TRIANGLE: 6, NUMBER: 4}  # numbers of `xy` that a kind has


# --- sprites --------------------------------------------------------------------------------------------------------


def centres(w: int, h: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres: x [1, w] and y [h, 1]."""
    return np.arange(w, dtype=np.float32)[None] + 0.5, np.arange(h, dtype=np.float32)[:, None] + 0.5


def light_of(colour: Colour, strength: np.ndarray) -> pygame.Surface:
    """Light as a surface, to be blitted with ADD. strength: [h, w], 0-1."""
    return surface_of(np.asarray(colour, np.float32) * strength[..., None], np.ones_like(strength))


def body_sprite(kind: int, xy: tuple[float, ...], w: int, h: int, colour: Colour, look: Look, scale: float) -> pygame.Surface:
    """A shape with the effects of its look, on a transparent ground of w × h pixels. `scale`: pixels in a world unit."""
    x, y = centres(w, h)
    edge = distance(kind, xy, x, y, look.round * scale) + look.gap * scale
    if kind == RECT and look is FLAT:  # exact coverage: a thin bar is as faint as it should be
        across = np.clip(np.minimum(x + 0.5, xy[0] + xy[2]) - np.maximum(x - 0.5, xy[0]), 0.0, 1.0)
        down = np.clip(np.minimum(y + 0.5, xy[1] + xy[3]) - np.maximum(y - 0.5, xy[1]), 0.0, 1.0)
        return surface_of(np.array(colour), across * down)
    cover = np.clip(0.5 - edge, 0.0, 1.0)
    if not look.bevel:
        return surface_of(np.array(colour), cover)
    _, top, _, bottom = bounds(kind, xy)
    height = 0.5 - np.clip((y - top) / max(bottom - top, 1.0), 0.0, 1.0)  # 0.5 above … -0.5 below
    rim = np.clip(1.0 + edge / (0.7 * scale), 0.0, 1.0)  # 1 at the edge, 0 further in than 0.7 units
    light = 1.0 + look.bevel * height * (0.45 + 0.9 * rim)
    if kind == DISC:  # a coin: a raised ring and a darker face; on large discs this would look like a zone
        face = np.clip(0.5 - edge - 0.26 * xy[2], 0.0, 1.0)
        coin = np.clip((LARGEST_COIN - xy[2] / scale) / 4.0, 0.0, 1.0)  # fades out gradually, since a disc may grow or shrink
        light = light * (1.0 - 0.35 * look.bevel * coin * face)
        if look.groove:
            width = max(GROOVE[1] * xy[2], 0.6)
            ring = np.clip(0.5 + width - np.abs(edge + (1.0 - GROOVE[0]) * xy[2]), 0.0, 1.0)
            light = light * (1.0 - look.groove * ring)
    shade = np.asarray(colour, np.float32) * light[..., None]
    glare = np.clip(light - 1.0, 0.0, 1.0)[..., None]
    return surface_of(shade + (255.0 - shade) * 0.5 * glare, cover)


def halo_sprite(kind: int, xy: tuple[float, ...], w: int, h: int, colour: Colour, look: Look, scale: float) -> pygame.Surface:
    """The light around a shape (to be blitted with ADD) or, for a look without glow, its shadow."""
    x, y = centres(w, h)
    outside = np.maximum(distance(kind, xy, x, y, look.round * scale), 0.0)
    fall = np.clip(1.0 - outside / (look.reach * scale), 0.0, 1.0)
    if look.glow:
        return light_of(colour, look.glow * fall**3)
    return surface_of(np.zeros(3), look.shadow * fall * fall * (3.0 - 2.0 * fall))


# --- the painter ----------------------------------------------------------------------------------------------------


class Painter:
    """Paints one game's display lists. It keeps sprites, so use one painter for many frames.

    >>> from games import load
    >>> game = load("pong")
    >>> Painter(game).picture(Batch(game, 1), size=200).shape
    (200, 200, 3)
    """

    def __init__(self, game: Game):
        self.game = game
        self.grid = game.grid
        self._sprites: OrderedDict[tuple, pygame.Surface] = OrderedDict()
        self._pixels = 0  # total number of pixels in these sprites
        self._canvas: pygame.Surface | None = None

    @functools.cached_property
    def text(self) -> TextRenderer:
        """For numbers: it starts Pygame's fonts, which pictures without any do not need."""
        return TextRenderer()

    def frame(self, batch: Batch, env: int = 0, seat: int = -1, final: bool = False) -> np.ndarray:
        """The display list of one environment as a seat sees it (-1: a spectator), decor included; structured [1].

        final: of the state in which the latest episode ended.
        """
        frames = np.zeros(1, self.game.frame_dtype())
        states = batch.final if final else batch.states
        batch.kernel.frame_slice(0, 1, states, np.array([env]), np.array([seat]), frames, 1)
        return frames

    def paint(
        self,
        surface: pygame.Surface,
        frame: np.ndarray,
        theme: Theme = DARK,
        effects: bool = True,
        decor: bool = True,
        trail: Trail | None = None,
    ) -> None:
        """Paint a frame over a square surface, whatever its size.

        effects: round corners, bevels, glow and shadows; without them the shapes are exact. decor: False leaves it out.
        trail: paths of the balls, drawn with the effects.
        """
        surface.blit(*self._ground(frame[0], surface.get_width(), theme, effects))
        self.paint_shapes(surface, frame, theme, effects, decor, trail)

    def paint_shapes(
        self,
        surface: pygame.Surface,
        frame: np.ndarray,
        theme: Theme = DARK,
        effects: bool = True,
        decor: bool = True,
        trail: Trail | None = None,
        rows: Container[int] | None = None,
    ) -> None:
        """Paint a frame's shapes over what a square surface shows. rows: only these of the display list; None: all."""
        f, size = frame[0], surface.get_width()
        count = min(int(f["count"]), len(f["kind"]))
        shapes = list(zip(f["kind"][:count].tolist(), f["code"][:count].tolist(), f["xy"][:count].tolist(), strict=True))
        scale = size / WORLD
        run: list[tuple[int, int, tuple[float, ...]]] = []  # consecutive shapes of one role
        for row, (kind, code, numbers) in enumerate(shapes):
            if kind == GONE or (code >= DECOR and not decor) or (rows is not None and row not in rows):
                continue
            if run and (run[-1][1] // 4 != code // 4 or kind == NUMBER):
                self._run(surface, run, theme, effects, scale)
                run = []
            if kind == NUMBER:
                self._number(surface, numbers, code, theme, effects, scale)
                continue
            if effects and trail and row in trail.paths:
                origin = float(f["tiles_left"]), float(f["tiles_top"])
                path = [(x - origin[0], y - origin[1]) for x, y in trail.paths[row]]
                self._trail(surface, path, numbers[2] * scale, theme.colour(code), theme.looks[code // 4], scale)
            run.append((kind, code, tuple(v * scale for v in numbers[: USED[kind]])))
        self._run(surface, run, theme, effects, scale)

    def picture(
        self,
        batch: Batch,
        env: int = 0,
        seat: int = -1,
        size: int = 420,
        theme: Theme = DARK,
        effects: bool = True,
        final: bool = False,
    ) -> np.ndarray:
        """uint8 [size, size, 3]: red, green, blue; for `rgb_array`, videos and GIFs."""
        if self._canvas is None or self._canvas.get_width() != size:
            self._canvas = pygame.Surface((size, size), 0, 32)
        self.paint(self._canvas, self.frame(batch, env, seat, final), theme, effects)
        data = pygame.image.tobytes(self._canvas, "RGB")
        return np.frombuffer(data, np.uint8).reshape(size, size, 3).copy()

    def grey_picture(self, frame: np.ndarray, size: int = 84) -> np.ndarray:
        """uint8 [size, size]: the frame in the agents' grey levels, painted by Pygame eight times as large and averaged.

        It has no decor and no effects and equals the agents' `pixels` except for rounding: `games.check` compares them.
        """
        large = size * GREY_SCALE
        canvas = pygame.Surface((large, large), 0, 32)
        self.paint(canvas, frame, GREY, effects=False, decor=False)
        red = np.frombuffer(pygame.image.tobytes(canvas, "RGB"), np.uint8)[::3]
        blocks = red.reshape(size, GREY_SCALE, size, GREY_SCALE).mean((1, 3))
        return (blocks + 0.5).astype(np.uint8)

    # --- parts of a frame ---

    def _ground(self, f, size: int, theme: Theme, effects: bool) -> tuple[pygame.Surface, tuple[int, int]]:
        """Background and tiles, and where to blit them; painted again only when the tiles in sight change.

        Of a world larger than the picture, the tiles in sight are painted with one more on each side, so that the picture can
        move over them by less than a tile.
        """
        key = ("ground", theme, size, effects)
        if not self.grid:
            kept = self._sprites.get(key) or self._keep(key, backdrop((size, size), theme.top, theme.bottom))
            return kept, (0, 0)
        scale = size / WORLD
        left, top = float(f["tiles_left"]) * scale, float(f["tiles_top"]) * scale
        tile = scale * self.game.world[0] / self.grid[1], scale * self.game.world[1] / self.grid[0]
        x0, y0, wide, high = left, top, size, size
        if effects and self.game.world != (WORLD, WORLD):
            left, top = float(round(left)), float(round(top))
            x0, y0 = float(round((left // tile[0] - 1) * tile[0])), float(round((top // tile[1] - 1) * tile[1]))
            wide, high = size + round(3 * tile[0]), size + round(3 * tile[1])
        first, upper = max(int(x0 // tile[0]), 0), max(int(y0 // tile[1]), 0)
        last, lowest = int((x0 + wide) // tile[0]) + 1, int((y0 + high) // tile[1]) + 1
        tiles = f["grid"][upper:lowest, first:last]
        whole = (*key, x0, y0, tiles.tobytes())
        if whole not in self._sprites:
            earlier = [k for k in self._sprites if k[:4] == key]
            for old in earlier[:-1]:  # earlier tiles rarely come back; of a race each picture has its own
                self._remove(old)
            bare = ("backdrop", theme, wide, high)
            ground = (self._sprites.get(bare) or self._keep(bare, backdrop((wide, high), theme.top, theme.bottom))).copy()
            self._tiles(ground, tiles, (first, upper), tile, (x0, y0), theme, effects, scale)
            self._keep(whole, ground)
        self._sprites.move_to_end(whole)
        return self._sprites[whole], (round(x0 - left), round(y0 - top))

    def _tiles(self, surface, grid: np.ndarray, first, tile, origin, theme: Theme, effects: bool, scale: float) -> None:
        """Paint tiles. first: column and row of the first. tile: width and height. origin: of the surface, pixels."""

        def edge(k: int, axis: int) -> float:  # with effects rounded to whole pixels: no seams between neighbours
            at = (k + first[axis]) * tile[axis]
            return (float(round(at)) if effects else at) - origin[axis]

        tiles = []
        for row in range(grid.shape[0]):
            for column in range(grid.shape[1]):
                if code := int(grid[row, column]):
                    x, y = edge(column, 0), edge(row, 1)
                    tiles.append((RECT, code, (x, y, edge(column + 1, 0) - x, edge(row + 1, 1) - y)))
        if effects:  # the maximum of all glows: their sum would be too bright between neighbours
            light = pygame.Surface(surface.get_size(), 0, 32)
            for kind, code, xy in tiles:
                look = theme.looks[code // 4]
                if look.glow or look.shadow:
                    self._halo(light if look.glow else surface, kind, code, xy, theme, look, scale, pygame.BLEND_RGB_MAX)
            surface.blit(light, (0, 0), special_flags=ADD)
        for kind, code, xy in tiles:
            self._body(surface, kind, code, xy, theme, theme.looks[code // 4] if effects else FLAT, scale)

    def _number(self, surface, xy: Sequence[float], code: int, theme: Theme, effects: bool, scale: float) -> None:
        """Paint a number: as text with a soft edge, or exactly as agents see it."""
        if not effects:
            for bar in bars_of_number([xy[0] * scale, xy[1] * scale, xy[2] * scale, xy[3]]):
                self._body(surface, RECT, code, bar, theme, FLAT, scale)
            return
        height = max(round(xy[2] * scale), 4)
        key = ("number", theme, code, height, int(xy[3]))
        sprite = self._sprites.get(key) or self._keep(key, self._text_sprite(str(int(xy[3])), height, code, theme))
        surface.blit(sprite, sprite.get_rect(center=(round(xy[0] * scale), round(xy[1] * scale))))

    def _text_sprite(self, text: str, height: int, code: int, theme: Theme) -> pygame.Surface:
        """Digits of a height in pixels in their role's colour, on a dark edge that keeps them readable over any shape."""
        colour = PLAIN_NUMBERS if code >= DECOR else theme.colour(code)
        letters = self.text.render(text, height * LETTER, colour)
        letters = letters.subsurface(letters.get_bounding_rect())
        edge = max(height // 8, 1)
        sprite = pygame.Surface((letters.get_width() + 4 * edge, letters.get_height() + 4 * edge), pygame.SRCALPHA, 32)
        shade = letters.copy()
        shade.fill((0, 0, 0, 255), special_flags=pygame.BLEND_RGBA_MULT)
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                sprite.blit(shade, (2 * edge + dx * edge, 2 * edge + dy * edge))
        sprite = pygame.transform.gaussian_blur(sprite, edge)
        sprite.blit(letters, (2 * edge, 2 * edge))
        return sprite

    def _run(self, surface: pygame.Surface, run, theme: Theme, effects: bool, scale: float) -> None:
        """Paint consecutive shapes of one role, their numbers in pixels: first all halos, then all bodies."""
        if effects:
            for kind, code, xy in run:
                look = theme.looks[code // 4]
                if look.glow or look.shadow:
                    self._halo(surface, kind, code, xy, theme, look, scale)
        for kind, code, xy in run:
            self._body(surface, kind, code, xy, theme, theme.looks[code // 4] if effects else FLAT, scale)

    def _body(self, surface, kind: int, code: int, xy, theme: Theme, look: Look, scale: float) -> None:
        left, top, right, bottom = bounds(kind, xy)
        x, y = int(left) - 1, int(top) - 1
        numbers = tuple(int(v * STEPS + 0.5) for v in shift(kind, xy, -x, -y))
        key = ("body", theme, look, kind, code, numbers)
        sprite = self._sprites.get(key)
        if sprite is None:
            w, h = int(right) - x + 2, int(bottom) - y + 2
            exact = tuple(v / STEPS for v in numbers)
            sprite = self._keep(key, body_sprite(kind, exact, w, h, theme.colour(code), look, scale))
        surface.blit(sprite, (x, y))

    def _halo(self, surface, kind: int, code: int, xy, theme: Theme, look: Look, scale: float, blend: int = ADD) -> None:
        reach = int(look.reach * scale) + 2
        left, top, right, bottom = bounds(kind, xy)
        x, y = round(left) - reach, round(top) - reach
        numbers = tuple(round(v) for v in shift(kind, xy, reach - left, reach - top))
        key = ("halo", theme, look, kind, code, numbers)
        sprite = self._sprites.get(key)
        if sprite is None:
            w, h = int(right - left) + 2 * reach + 1, int(bottom - top) + 2 * reach + 1
            sprite = self._keep(key, halo_sprite(kind, numbers, w, h, theme.colour(code), look, scale))
        if look.glow:
            surface.blit(sprite, (x, y), special_flags=blend)
        else:
            surface.blit(sprite, (x, y + round(0.5 * look.reach * scale)))

    def _trail(self, surface, path, radius: float, colour: Colour, look: Look, scale: float) -> None:
        """Paint a streak that thins out and fades along the ball's path."""
        points = [(x * scale, y * scale) for x, y in path]
        for k in range(len(points) - 1):
            (ax, ay), (bx, by) = points[k], points[k + 1]
            parts = min(max(round(np.hypot(bx - ax, by - ay) / max(0.3 * radius, 1.0)), 1), 8)  # dots close enough to merge
            for part in range(parts):
                age = (len(path) - 1 - k - part / parts) / TRAIL  # 0: newest, 1: oldest
                r = max(round(radius * (1.0 - 0.55 * age)), 1)
                light = round(24 * look.glow * (1.0 - age) ** 2) / 100  # few levels: few sprites
                x, y = ax + part / parts * (bx - ax), ay + part / parts * (by - ay)
                sprite = self._dot(colour, r, light)
                surface.blit(sprite, (round(x) - sprite.get_width() // 2, round(y) - sprite.get_height() // 2), None, ADD)

    def _dot(self, colour: Colour, r: int, light: float) -> pygame.Surface:
        """A soft dot of light."""
        key = ("dot", colour, r, light)
        sprite = self._sprites.get(key)
        if sprite is None:
            x, y = centres(2 * r + 1, 2 * r + 1)
            fall = np.clip(1.0 - np.hypot(x - r - 0.5, y - r - 0.5) / r, 0.0, 1.0)
            sprite = self._keep(key, light_of(colour, light * np.sqrt(fall)))
        return sprite

    # --- memory ---

    def _keep(self, key: tuple, sprite: pygame.Surface) -> pygame.Surface:
        self._sprites[key] = sprite
        self._pixels += sprite.get_width() * sprite.get_height()
        while self._pixels > KEPT_PIXELS and len(self._sprites) > 1:
            self._remove(next(iter(self._sprites)))
        return sprite

    def _remove(self, key: tuple) -> None:
        old = self._sprites.pop(key)
        self._pixels -= old.get_width() * old.get_height()
