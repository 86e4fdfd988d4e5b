"""`Scene`: the picture of one board as it goes on from tick to tick, with all that moves in it between two states of the game.

Time passes in it by `follow`, a tick at a time, and not by drawing: a slow window shows the same trail and the same flash.
"""

import dataclasses

import numpy as np
import pygame

from games.core import BALL, DISC, GONE, ME, OTHER, WORLD
from games.engine.loader import Game
from games.render.motion import Glide, Trail
from games.render.renderer import DARK, Painter, Theme
from games.render.text import Colour
from ui.board import Board
from ui.effects import Effects
from ui.falling import Falls
from ui.moments import Moment, MomentFinder, rows_of_line

WARMTHS = 8  # colours of a ball, from its slowest to its fastest
HOT, HOT_AT = (255, 200, 104), 2.2  # the last of them, and at how many times its slowest speed
NEW_CODE = 36  # the first code above those of the roles: of the ball's colours


def warmed(theme: Theme) -> Theme:
    """A theme with further codes, from `NEW_CODE` on: the ball's colour, warmer from one to the next.

    >>> warmed(DARK).colour(NEW_CODE) == DARK.colour(BALL), warmed(DARK).colour(NEW_CODE + WARMTHS - 1)
    (True, (255, 200, 104))
    """
    cold = theme.colour(BALL)

    def mixed(part: float) -> Colour:
        red, green, blue = (round(a + part * (b - a)) for a, b in zip(cold, HOT, strict=True))
        return red, green, blue

    colours = (*theme.colours[:NEW_CODE], *(mixed(k / (WARMTHS - 1)) for k in range(WARMTHS)))
    looks = (*theme.looks[: NEW_CODE // 4], *(theme.looks[BALL // 4],) * (WARMTHS // 4))
    return dataclasses.replace(theme, colours=colours, looks=looks)


class Scene:
    """One picture. `frame`: the display list that it shows; None before the first tick."""

    def __init__(self, game: Game, painter: Painter, theme: Theme = DARK, effects: bool = True):
        """effects: glow, shadows, trails, and lights that answer what happens; without them the picture is bare."""
        self.game, self.painter, self.theme, self.with_effects = game, painter, warmed(theme), effects
        self.frame: np.ndarray | None = None
        self.finder = MomentFinder(game)
        self.effects = Effects()
        self._trail, self._glide, self._falls = Trail(), Glide(), Falls(game)
        self._at: tuple | None = None  # the episode, its tick and whether it is done, of the last `follow`

    def follow(self, board: Board) -> tuple[list[Moment], bool]:
        """Go on by a tick: the moments to be seen and heard now, and whether the picture has changed without the game."""
        raw = self.painter.frame(board.batch, 0, board.viewpoint, final=board.done)
        at = self._place(board)
        if self._at is None or at[0] != self._at[0]:
            self.clear()
        changed = at != self._at
        self._at = at
        moments = self.finder.follow(raw, board)
        if self.with_effects and self.game.turns:
            moments = [*self._falls.add(moments, raw, board.flipped), *self._falls.tick()]
        moved = self.effects.tick() or bool(self._falls.running or moments)
        if self.with_effects:
            self.effects.add(moments, self.theme)
        if self.game.turns:
            glided = self._glide.between(raw, at[0])
            moved = moved or self.frame is None or glided.tobytes() != self.frame.tobytes()
            raw = glided
        self._trail.add(raw)
        self.frame = raw
        return moments, moved or changed

    def clear(self) -> None:
        """Forget what moves: another game begins."""
        self._trail.clear()
        self._falls.clear()
        self.effects.clear()

    @property
    def is_settled(self) -> bool:
        """Whether nothing falls any more."""
        return not self._falls.running

    @property
    def has_won_line(self) -> bool:
        """Whether a line that has won is shown."""
        return bool(self.effects.won)

    def paint(self, surface: pygame.Surface, board: Board) -> None:
        """Paint the picture over a square surface. A board that has gone on unseen is looked at first."""
        if self._at != self._place(board):
            self.follow(board)
        assert self.frame is not None
        if not self.with_effects:
            self.painter.paint(surface, self.frame, self.theme, effects=False)
            return
        shown = self._without_lines(self._falls.shown(self.frame))
        self.painter.paint(surface, self._warm(shown), self.theme, trail=self._trail)
        self.effects.paint(surface, shown)
        if self.has_won_line:
            self.effects.shade(surface)
            self.painter.paint_shapes(surface, shown, self.theme, rows=self._winners(shown[0]))
            self.effects.lines(surface)

    def _place(self, board: Board) -> tuple:
        return int(board.batch.episode[0]) - int(board.done), int(board.batch.states["tick"][0]), board.done

    def _warm(self, frame: np.ndarray) -> np.ndarray:
        """A frame whose balls have the colour of their speed."""
        level = round((self.finder.speed - 1.0) / (HOT_AT - 1.0) * (WARMTHS - 1))
        if level <= 0:
            return frame
        frame = frame.copy()
        f = frame[0]
        f["code"][(f["code"] == BALL) & (f["kind"] == DISC)] = NEW_CODE + min(level, WARMTHS - 1)
        return frame

    def _without_lines(self, frame: np.ndarray) -> np.ndarray:
        """A frame without the game's own marks of what has won: `Effects` has brighter ones."""
        if not self.has_won_line:
            return frame
        frame = frame.copy()
        for effect in self.effects.won:
            frame[0]["kind"][rows_of_line(frame[0], effect.moment.line)] = GONE
        return frame

    def _winners(self, f: np.void) -> set[int]:
        """The rows of the players' shapes that lie on a line that has won."""
        found = set()
        count = min(int(f["count"]), len(f["kind"]))
        for effect in self.effects.won:
            x1, y1, x2, y2, _ = effect.moment.line
            length = max(float(np.hypot(x2 - x1, y2 - y1)), 1e-9)
            for row in np.flatnonzero(
                np.isin(f["code"][:count] // 4, (ME // 4, OTHER // 4)) & (f["kind"][:count] == DISC)
            ).tolist():
                x, y = f["xy"][row, :2].tolist()
                along = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length
                aside = abs((x - x1) * (y2 - y1) - (y - y1) * (x2 - x1)) / length
                if -0.01 * WORLD <= along <= length + 0.01 * WORLD and aside < 0.01 * WORLD:
                    found.add(row)
        return found
