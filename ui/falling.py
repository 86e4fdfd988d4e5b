"""`Falls`: in games of turns, a disc that is dropped into a column falls to its place and bounces softly."""

from dataclasses import dataclass

import numpy as np

from games.core import DECOR, GONE
from games.engine.loader import Game
from games.render.renderer import USED, bounds, shift
from ui.moments import PLACED, WON, Moment, rows_of_line, seen_rows
from ui.seats import spot_rect, spots_of

GRAVITY = 0.45  # world units per tick²
BOUNCE = 0.18  # of the speed with which it lands
TALL = 2.0  # a spot is a column where it is so many times as high as what was dropped into it


@dataclass
class Fall:
    """A disc on its way."""

    moment: Moment
    height: float  # from which it falls, world units above its place
    shapes: dict[int, tuple[float, ...]]  # what falls, by row: the numbers of its shape at its place
    age: int = 0

    @property
    def lands(self) -> float:
        """The age at which it first reaches its place, ticks."""
        return float(np.sqrt(2.0 * self.height / GRAVITY))

    @property
    def above(self) -> float:
        """How far above its place it is."""
        if self.age < self.lands:
            return self.height - 0.5 * GRAVITY * self.age**2
        since = self.age - self.lands
        return max(BOUNCE * GRAVITY * self.lands * since - 0.5 * GRAVITY * since**2, 0.0)

    @property
    def is_over(self) -> bool:
        """Whether it lies still."""
        return self.age > self.lands * (1.0 + 2.0 * BOUNCE)


class Falls:
    """The falls of one picture."""

    def __init__(self, game: Game):
        self.game = game
        self.running: list[Fall] = []
        self._waiting: list[Moment] = []  # lines that have won: they are shown when all lies still

    def add(self, moments: list[Moment], frame: np.ndarray, flipped: bool) -> list[Moment]:
        """Let what was placed in a column fall; the moments that are left for now. frame: with all at its place."""
        placed = [moment for moment in moments if moment.kind == PLACED and moment.number >= 0]
        falls = [fall for moment in placed if (fall := self._fall(moment, frame[0], flipped))]
        self.running += falls
        later = [fall.moment for fall in falls]
        if self.running:
            self._waiting += [moment for moment in moments if moment.kind == WON]
            later += self._waiting
        return [moment for moment in moments if moment not in later]

    def tick(self) -> list[Moment]:
        """Fall on by a tick; the moments of what has landed, and of lines that may be shown now."""
        landed = []
        for fall in self.running:
            above = fall.age < fall.lands
            fall.age += 1
            if above and fall.age >= fall.lands:
                landed.append(fall.moment)
        self.running = [fall for fall in self.running if not fall.is_over]
        if not self.running:
            landed, self._waiting = landed + self._waiting, []
        return landed

    def clear(self) -> None:
        """End all: another game begins."""
        self.running, self._waiting = [], []

    def shown(self, frame: np.ndarray) -> np.ndarray:
        """A frame with all that falls on its way, structured [1]."""
        if not self.running:
            return frame
        frame = frame.copy()
        f = frame[0]
        for moment in self._waiting:
            f["kind"][rows_of_line(f, moment.line)] = GONE
        for fall in self.running:
            for row, xy in fall.shapes.items():
                f["xy"][row, : len(xy)] = shift(int(f["kind"][row]), xy, 0.0, -fall.above)
        return frame

    def _fall(self, moment: Moment, f: np.void, flipped: bool) -> Fall | None:
        """The fall of what was placed; None if it lies in no spot that is a column."""
        left, top, right, bottom = moment.box
        for action in spots_of(self.game):
            x, y, wide, high = spot_rect(self.game, action, flipped)
            if x <= left and right <= x + wide and y <= top and bottom <= y + high and high >= TALL * (bottom - top):
                return Fall(moment, top - y, _falling(f, moment)) if top > y else None
        return None


def _falling(f: np.void, moment: Moment) -> dict[int, tuple[float, ...]]:
    """The shapes of a disc and of the decor that lies on it, by row."""
    found = {}
    disc = int(seen_rows(f)[moment.number])
    for row in range(disc, min(int(f["count"]), len(f["kind"]))):
        kind = int(f["kind"][row])
        if kind in USED and (row == disc or f["code"][row] >= DECOR):
            xy = tuple(f["xy"][row, : USED[kind]].tolist())
            left, top, right, bottom = bounds(kind, xy)
            if left >= moment.box[0] and top >= moment.box[1] and right <= moment.box[2] and bottom <= moment.box[3]:
                found[row] = xy
    return found
