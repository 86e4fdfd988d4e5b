"""`Focus`: the one of a page's items to which the keys go, moved by directions, by the mouse or in order."""

from collections.abc import Callable
from dataclasses import dataclass

import pygame

FAR = 1e6  # pixels: no window is as wide
ASIDE = 2.5  # how much further something to the side counts than something straight ahead


@dataclass
class Item:
    """A part of a page that can be chosen."""

    name: str  # on this page; the focus stays on a name when places change
    box: pygame.Rect  # on the window's surface
    act: Callable[[], None]
    is_shown: bool = True  # else the keys reach it, and it is shown then; the mouse does not


class Focus:
    """The items of a page, and the name of the one that has the focus."""

    def __init__(self, name: str = ""):
        self.name = name
        self.items: list[Item] = []

    def take(self, items: list[Item]) -> None:
        """The items are these now, in their order. The focus goes to the first if its item is gone."""
        self.items = items
        if items and self.item is None:
            self.name = items[0].name

    @property
    def item(self) -> Item | None:
        """The item that has the focus."""
        return next((item for item in self.items if item.name == self.name), None)

    def at(self, position: tuple[int, int]) -> Item | None:
        """The item at a position on the surface."""
        return next((item for item in self.items if item.is_shown and item.box.collidepoint(position)), None)

    def move(self, direction: tuple[int, int]) -> bool:
        """Go to the nearest item in a direction; False if there is none."""
        here = self.item
        if here is None:
            return False
        found = [(_distance(here.box, item.box, direction), k) for k, item in enumerate(self.items) if item is not here]
        ahead = [(distance, k) for distance, k in found if distance is not None]
        if ahead:
            self.name = self.items[min(ahead)[1]].name
        return bool(ahead)

    def step(self, by: int) -> None:
        """Go on by so many items in their order, as far as there are any."""
        if self.item:
            self.name = self.items[min(max(self.items.index(self.item) + by, 0), len(self.items) - 1)].name


def _distance(here: pygame.Rect, there: pygame.Rect, direction: tuple[int, int]) -> float | None:
    """How far it is from one box to another in a direction; None if it does not lie there."""
    dx, dy = direction
    ahead = (there.centerx - here.centerx) * dx + (there.centery - here.centery) * dy
    across = _gap(here.left, here.right, there.left, there.right)
    down = _gap(here.top, here.bottom, there.top, there.bottom)
    between, aside = (across, down) if dx else (down, across)
    if ahead <= 0 or between < -0.5 * (min(here.w, there.w) if dx else min(here.h, there.h)):
        return None
    if dx and aside < 0:
        return ahead / FAR  # what lies in the same row comes before all else
    return ahead + ASIDE * max(aside, 0.0)


def _gap(low: float, high: float, next_low: float, next_high: float) -> float:
    """The free space between two intervals; negative where they overlap."""
    return max(low, next_low) - min(high, next_high)
