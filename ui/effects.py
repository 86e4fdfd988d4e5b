"""Small lights over a picture that answer what happens in the game: a flash, a ring, shards, a line that has won.

Each lasts some ticks and changes nothing in the game. Sprites are painted once and kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pygame

from games.core import DISC, RECT, WORLD
from games.render.renderer import ADD, USED, Look, Theme, body_sprite, bounds, halo_sprite
from games.render.text import Colour
from ui.moments import BREAK, HIT, LEFT, MOVED, PLACED, POINT, WON, Moment, seen_rows

FLASH, GLINT, RING, SHARDS, LINE_GROWS = 14, 9, 34, 30, 20  # ticks that each lasts; the line stays
LEVELS = 6  # of a light that fades: few, so that few sprites are kept
PIECES = 6  # shards of a tile
MOST = 40  # effects at once
KEPT = 600  # sprites
WIDEST = 17.0  # world units: the radius at which a ring is gone
GRAVITY = 0.055  # of shards, world units per tick²
SHADE = 120  # of 255: how dark all else is beside a line that has won
BRIGHT = (255, 250, 238)  # that line
LIGHT, LINE_REACH = 6.0, 6.0  # how far a flash and that line shine, world units


@dataclass
class Effect:
    """A moment that is still seen."""

    moment: Moment
    colour: Colour
    lasts: int
    age: int = 0

    @property
    def left(self) -> float:
        """The part that is still to come: 1 at first, 0 at the end."""
        return max(1.0 - self.age / self.lasts, 0.0)


class Effects:
    """The effects of one picture."""

    def __init__(self) -> None:
        self.running: list[Effect] = []
        self._sprites: dict[tuple, pygame.Surface] = {}

    def add(self, moments: list[Moment], theme: Theme) -> None:
        """Begin the effects of a tick's moments."""
        scored = any(moment.kind == POINT for moment in moments)
        for moment in moments:
            lasts = {HIT: FLASH, PLACED: FLASH, MOVED: FLASH, BREAK: SHARDS, POINT: RING, LEFT: RING, WON: LINE_GROWS}.get(
                moment.kind, 0
            )
            if lasts and not (moment.kind == LEFT and scored):  # the point has a ring at the same place
                self.running.append(Effect(moment, theme.colour(moment.code), lasts))
        del self.running[:-MOST]

    def tick(self) -> bool:
        """Grow older by a tick; True if the picture has changed by that."""
        changed = any(each.age < each.lasts for each in self.running)
        for each in self.running:
            each.age += 1
        self.running = [each for each in self.running if each.age < each.lasts or each.moment.kind == WON]
        return changed

    def clear(self) -> None:
        """End all: another game begins."""
        self.running = []

    @property
    def won(self) -> list[Effect]:
        """The lines that have won."""
        return [each for each in self.running if each.moment.kind == WON]

    def paint(self, surface: pygame.Surface, frame: np.ndarray) -> None:
        """Paint all but the lines that have won over a square picture. frame: that the picture shows, structured [1]."""
        scale = surface.get_width() / WORLD
        for each in self.running:
            if each.moment.kind in (HIT, PLACED, MOVED):
                self._flash(surface, each, frame[0], scale)
            elif each.moment.kind in (POINT, LEFT):
                self._ring(surface, each, scale)
            elif each.moment.kind == BREAK:
                self._shards(surface, each, scale)

    def shade(self, surface: pygame.Surface) -> None:
        """Darken a picture in which a line has won, by and by."""
        if self.won:
            done = 1.0 - self.won[0].left
            veil = self._kept(("veil", surface.get_size()), partial(_veil, surface.get_size()))
            veil.set_alpha(round(SHADE * done * done * (3.0 - 2.0 * done)))
            surface.blit(veil, (0, 0))

    def lines(self, surface: pygame.Surface) -> None:
        """Paint the lines that have won, growing from their beginning: rows of dots so close that they make a line."""
        scale = surface.get_width() / WORLD
        for each in self.won:
            x1, y1, x2, y2, width = (v * scale for v in each.moment.line)
            radius, reach = max(0.36 * width, 2.0), LINE_REACH * scale
            done = 1.0 - each.left
            length = float(np.hypot(x2 - x1, y2 - y1)) * done * done * (3.0 - 2.0 * done)
            glow = self._kept(("glow", each.colour, reach), partial(_glow_dot, reach, each.colour))
            dot = self._kept(("dot", radius), partial(_dot, radius))
            for sprite, step, blend in ((glow, 0.25 * reach, pygame.BLEND_RGB_MAX), (dot, 0.4 * radius, 0)):
                for along in np.arange(0.0, length + 0.5 * step, step).tolist():
                    way = min(along, length) / max(float(np.hypot(x2 - x1, y2 - y1)), 1e-9)
                    place = sprite.get_rect(center=(round(x1 + way * (x2 - x1)), round(y1 + way * (y2 - y1))))
                    surface.blit(sprite, place, None, blend)

    # --- each kind ---

    def _flash(self, surface: pygame.Surface, effect: Effect, f: np.void, scale: float) -> None:
        """Light on the shape that hit, wherever it is now."""
        moment = effect.moment
        box = moment.box
        rows = seen_rows(f)
        if 0 <= moment.number < len(rows) and (kind := int(f["kind"][rows[moment.number]])) in (RECT, DISC):
            box = bounds(kind, tuple(f["xy"][rows[moment.number], : USED[kind]].tolist()))
        if box[2] > box[0]:
            strongest = 0.75 if moment.kind == HIT else 0.2  # a disc has a large face
            self._light(surface, box, effect.colour, strongest * effect.left**2, scale)

    def _light(self, surface: pygame.Surface, box, colour: Colour, strength: float, scale: float) -> None:
        level = round(strength * 2 * LEVELS)
        if not level:
            return
        reach = round(LIGHT * scale)
        wide, high = round((box[2] - box[0]) * scale), round((box[3] - box[1]) * scale)
        look = Look(round=min(wide, high) / 2 / scale, glow=level / (2 * LEVELS), reach=LIGHT)

        canvas = wide + 2 * reach, high + 2 * reach
        paint = partial(halo_sprite, RECT, (reach, reach, wide, high), *canvas, _pale(colour), look, scale)
        sprite = self._kept(("light", wide, high, colour, level, reach), paint)
        surface.blit(sprite, (round(box[0] * scale) - reach, round(box[1] * scale) - reach), None, ADD)

    def _ring(self, surface: pygame.Surface, effect: Effect, scale: float) -> None:
        """A ring that spreads from where a ball was lost."""
        gone = 1.0 - effect.left
        radius = (2.0 + (WIDEST - 2.0) * (1.0 - (1.0 - gone) ** 2)) * scale
        side = 2 * round(radius) + 4
        canvas = pygame.Surface((side, side), 0, 32)
        for wide, loud in ((2.4, 0.22), (1.5, 0.35), (0.7, 0.9)):  # a soft edge: each lies on the one before
            colour = [round(part * loud * effect.left**1.2) for part in effect.colour]
            width = max(round(wide * scale * (0.3 + 0.7 * effect.left)), 1)
            pygame.draw.aacircle(canvas, colour, (side / 2, side / 2), radius - 0.5 * (2.4 - wide) * scale * effect.left, width)
        x, y = round(effect.moment.x * scale), round(effect.moment.y * scale)
        surface.blit(canvas, (x - side // 2, y - side // 2), None, ADD)

    def _shards(self, surface: pygame.Surface, effect: Effect, scale: float) -> None:
        """Pieces of a tile that fly off and fall; its place shines for a moment."""
        moment, age = effect.moment, effect.age
        if age < GLINT:
            self._light(surface, moment.box, effect.colour, 0.5 * (1.0 - age / GLINT), scale)
        seed = round(moment.x * 7.0 + moment.y * 13.0)
        wide, high = moment.box[2] - moment.box[0], moment.box[3] - moment.box[1]
        for number in range(PIECES):
            lot = (seed * 31 + number * 97) % 64 / 63.0  # 0 to 1, the same for a tile each time
            begin = (number + 0.5) / PIECES - 0.5
            vx, vy = 1.1 * begin + 0.25 * (lot - 0.5), -0.15 - 0.35 * lot
            x = moment.x + begin * wide + vx * age
            y = moment.y + (lot - 0.5) * high * 0.6 + vy * age + 0.5 * GRAVITY * age * age
            size = max(round((1.0 + 0.9 * lot) * scale), 2)
            turn = (number + age // 4) % 6
            sprite = self._kept(("shard", effect.colour, size, turn), partial(_shard, size, turn, effect.colour))
            sprite.set_alpha(round(255 * effect.left**0.6))
            surface.blit(sprite, (round(x * scale) - size, round(y * scale) - size))

    def _kept(self, key: tuple, paint: Callable[[], pygame.Surface]) -> pygame.Surface:
        if key not in self._sprites:
            if len(self._sprites) >= KEPT:
                self._sprites.clear()
            self._sprites[key] = paint()
        return self._sprites[key]


def _pale(colour: Colour) -> Colour:
    """A colour nearer to white: light that is added shifts less in hue."""
    red, green, blue = (round(part + 0.3 * (255 - part)) for part in colour)
    return red, green, blue


def _veil(size: tuple[int, int]) -> pygame.Surface:
    veil = pygame.Surface(size, 0, 32)
    veil.fill((6, 8, 18))
    return veil


def _shard(size: int, turn: int, colour: Colour) -> pygame.Surface:
    """A small triangle, its edges smooth: four times as large, then scaled down."""
    big = pygame.Surface((8 * size, 8 * size), pygame.SRCALPHA, 32)
    big.fill((*colour, 0))
    angles = (turn / 6.0 + np.array([0.0, 0.28, 0.62])) * 2.0 * np.pi
    pygame.draw.polygon(big, colour, [(4 * size * (1.0 + np.cos(a) * 0.8), 4 * size * (1.0 + np.sin(a) * 0.8)) for a in angles])
    return pygame.transform.smoothscale(big, (2 * size, 2 * size))


def _glow_dot(reach: float, colour: Colour) -> pygame.Surface:
    """Light around a point that fades with the distance."""
    side = 2 * round(reach) + 1
    shape = DISC, (side / 2, side / 2, 0.0)
    return halo_sprite(*shape, side, side, colour, Look(glow=0.8, reach=reach), 1.0)


def _dot(radius: float) -> pygame.Surface:
    """A dot of the line that has won."""
    side = 2 * round(radius) + 3
    return body_sprite(DISC, (side / 2, side / 2, radius), side, side, BRIGHT, Look(), 1.0)
