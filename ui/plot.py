"""`draw_plot`: curves over an axis, drawn with Pygame in the window's colours."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pygame

from games.render.text import Colour, TextRenderer
from ui.layout import FAINT, LINE, SOFT

LARGER = 3  # times as large curves are drawn before they are scaled down
TICKS = 4  # at most so many lines across, and numbers along an axis


@dataclass(frozen=True)
class Series:
    """A curve."""

    points: Sequence[tuple[float, float]]  # x rising
    colour: Colour
    width: float = 2.0  # pixels at a height of 300
    dots: bool = False
    band: Sequence[float] = ()  # half the width of an interval around each point


def draw_plot(
    surface: pygame.Surface,
    box: pygame.Rect,
    text: TextRenderer,
    series: Sequence[Series],
    size: float,
    y_range: tuple[float, float] | None = None,
    x_label: Callable[[float], str] = lambda x: f"{x:g}",
    y_label: Callable[[float], str] = lambda y: f"{y:g}",
) -> None:
    """Draw curves into a box. size: of the numbers, pixels. y_range: None: as far as the curves go."""
    points = [point for each in series for point in each.points]
    if not points or box.w < 4 * size or box.h < 4 * size:
        return
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    reaches = [(y - half, y + half) for each in series for (_, y), half in _with_band(each)]
    low, high = y_range or (min(least for least, _ in reaches), max(most for _, most in reaches))
    right, high = right if right > left else left + 1.0, high if high > low else low + 1.0
    lines = ticks(low, high)
    margin = max(text.width(y_label(y), size) for y in lines) + 0.6 * size
    area = pygame.Rect(round(box.x + margin), box.y + round(0.6 * size), 0, 0)
    area.size = round(box.right - area.x - 0.4 * size), round(box.bottom - area.y - 1.7 * size)

    def at(x: float, y: float) -> tuple[float, float]:
        return area.w * (x - left) / (right - left), area.h * (high - y) / (high - low)

    for y in lines:
        line = area.y + at(left, y)[1]
        surface.fill(LINE, (area.x, round(line), area.w, 1))
        text.put(surface, y_label(y), size, FAINT, (area.x - 0.6 * size, line), "midright")
    for x in ticks(left, right):
        label, centre = x_label(x), area.x + at(x, low)[0]
        half = 0.5 * text.width(label, size)
        centre = min(max(centre, area.x + half), area.right - half)
        text.put(surface, label, size, FAINT, (centre, area.bottom + size), "center")
    _draw_curves(surface, area, series, at)


def _with_band(series: Series) -> list[tuple[tuple[float, float], float]]:
    return list(zip(series.points, series.band or [0.0] * len(series.points), strict=True))


def _draw_curves(surface: pygame.Surface, area: pygame.Rect, series: Sequence[Series], at: Callable) -> None:
    """Draw the curves larger, on a transparent ground, and scale them down: so their edges are smooth."""
    pad = 6  # so that dots at an edge are whole

    def scaled(x: float, y: float) -> tuple[float, float]:
        across, down = at(x, y)
        return (min(max(across, 0.0), area.w) + pad) * LARGER, (min(max(down, 0.0), area.h) + pad) * LARGER

    for each in series:
        width = max(each.width * area.h / 300.0, 1.2) * LARGER
        big = pygame.Surface(((area.w + 2 * pad) * LARGER, (area.h + 2 * pad) * LARGER), pygame.SRCALPHA, 32)
        big.fill((*each.colour, 0))
        if each.band and len(each.points) > 1:
            upper = [scaled(x, y + half) for (x, y), half in _with_band(each)]
            lower = [scaled(x, y - half) for (x, y), half in _with_band(each)]
            pygame.draw.polygon(big, (*each.colour, 46), [*upper, *reversed(lower)])
        path = [scaled(x, y) for x, y in each.points]
        if len(path) > 1:
            pygame.draw.lines(big, each.colour, False, path, max(round(width), 1))
        for point in path if each.dots or len(path) == 1 else ():
            pygame.draw.circle(big, each.colour, point, 1.7 * width)
        surface.blit(pygame.transform.smoothscale(big, (area.w + 2 * pad, area.h + 2 * pad)), (area.x - pad, area.y - pad))


def ticks(low: float, high: float, most: int = TICKS) -> list[float]:
    """Round numbers from `low` to `high`, at most so many steps apart.

    >>> ticks(0.0, 1.0), ticks(0.0, 2_800_000.0), ticks(961.0, 1388.0)
    ([0.0, 0.5, 1.0], [0.0, 1000000.0, 2000000.0], [1000.0, 1200.0])
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def draw_legend(
    surface: pygame.Surface, text: TextRenderer, rows: Sequence[tuple[str, Colour]], size: float, at: tuple[float, float]
) -> None:
    """Draw the meaning of each curve after a stroke of its colour, one below the other."""
    x, y = at
    for meaning, colour in rows:
        pygame.draw.line(surface, colour, (x, y), (x + 1.4 * size, y), max(round(0.2 * size), 2))
        text.put(surface, meaning, size, SOFT, (x + 1.8 * size, y), "midleft")
        y += 1.45 * size
