"""`MomentFinder`: tells from the pictures of a game what has just happened in it, so that no game file need speak of effects.

It reads what each game gives anyway: the display list (kinds, roles, places), the returns, and the end. A ball that turns was
hit, by the player's shape beside it or by a wall; a ball that is suddenly elsewhere has left where it was last; a tile or an
item that is gone was broken; a shape that appears in a game of turns was placed, and a line that appears with its end has won.
"""

from dataclasses import dataclass

import numpy as np

from games.core import BALL, CUES, DANGER, DECOR, DISC, GOAL, GONE, ITEM, LINE, ME, NUMBER, OTHER, WALL, WORLD
from games.engine.loader import Game
from games.render.motion import JUMP
from games.render.renderer import USED, bounds
from ui.board import Board

HIT, BOUNCE, BREAK, POINT, LEFT, PLACED = "hit", "bounce", "break", "point", "left", "placed"
MOVED, WON, CUED = "moved", "won", "cued"

TURNED = 0.966  # the cosine of 15°: a ball that turns by more was thrown back
SLOWEST = 0.4  # world units per tick: below it a ball rolls, and does not turn
STEADY = 0.05  # of its speed: a ball that changes by less in a tick flies straight on
REACH = 0.8  # world units, beside a ball's radius and its way in a tick, within which a shape has hit it
EDGE = 8.0  # world units from the picture's edge within which a ball that is suddenly elsewhere has left
REST = 10  # ticks between two rewards of which the second is heard
MANY = 12  # more tiles than that do not break at once: a level has changed


def _codes(*roles: int) -> np.ndarray:
    """Which of the 256 codes are of these roles, in any tone; bool [256]."""
    return np.isin(np.arange(256) // 4, [role // 4 for role in roles])


BALLS, PLAYERS, TAKEN, BREAKABLE = _codes(BALL), _codes(ME, OTHER), _codes(ITEM, DANGER, GOAL), _codes(WALL, ITEM, DANGER, GOAL)


@dataclass(frozen=True)
class Moment:
    """A thing that happened in a tick. Places are in the picture's world units, from its upper left corner."""

    kind: str
    x: float = 0.5 * WORLD
    y: float = 0.5 * WORLD
    code: int = 0  # of whom it is: the hitter's colour, the winner's of a point, the broken tile's
    number: int = -1  # of the shape among those that agents see (`seen_rows`); -1: a tile, or none
    speed: float = 0.0  # of a ball after it turned, in units of its slowest in this game
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # of what broke, was placed or won: left, top, right, bottom
    line: tuple[float, ...] = ()  # that won: x, y, x, y, width
    seat: int = -1  # that scored
    reward: float = 0.0  # the reward of a point
    cues: tuple[str, ...] = ()  # the names of the sounds that the game asks for


def seen_rows(f: np.void) -> np.ndarray:
    """The rows of a frame's shapes that agents see too: of these, number k is always the same thing; decor comes and goes."""
    return np.flatnonzero(f["code"][: min(int(f["count"]), len(f["kind"]))] < DECOR)


def rows_of_line(f: np.void, line: tuple[float, ...]) -> list[int]:
    """The rows of the lines of a frame that lie exactly so."""
    count = min(int(f["count"]), len(f["kind"]))
    same = (f["kind"][:count] == LINE) & (f["xy"][:count, : USED[LINE]] == line).all(1)
    return np.flatnonzero(same).tolist()


@dataclass
class Shapes:
    """The shapes of a frame that agents see: arrays by their number."""

    kind: np.ndarray
    code: np.ndarray
    xy: np.ndarray

    def box(self, k: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of one."""
        kind = int(self.kind[k])
        return bounds(kind, tuple(self.xy[k, : USED[kind]].tolist()))


def seen_shapes(f: np.void) -> Shapes:
    """A frame's shapes that agents see too."""
    rows = seen_rows(f)
    return Shapes(f["kind"][rows], f["code"][rows], f["xy"][rows])


@dataclass
class Ball:
    """A ball's way: its last two places in the world, and the tick's turn."""

    x: float
    y: float
    vx: float = 0.0
    vy: float = 0.0
    turned: bool = False  # in this tick: the next one shows the other half of the same turn
    speed: float = 0.0  # world units per tick, as it last flew straight on; 0 while it rests


class MomentFinder:
    """Follows one board, tick by tick."""

    def __init__(self, game: Game):
        self.game = game
        self.speed = 0.0  # of the fastest ball now, in units of the slowest in this game; 0 while none moves
        self._episode = -1
        self._last: tuple[np.void, Shapes] | None = None  # the frame before
        self._begin()

    def _begin(self) -> None:
        self._balls: dict[int, Ball] = {}
        self._slowest = 0.0  # world units per tick
        self._returns: list[float] = []
        self._quiet = 0  # ticks since a reward
        self._over = False  # the game had ended in the tick before

    def follow(self, frame: np.ndarray, board: Board) -> list[Moment]:
        """The moments of a tick. frame: of the board as it is shown, structured [1]. Nothing happens from game to game."""
        f, episode = frame[0], int(board.batch.episode[0]) - int(board.done)
        shapes = seen_shapes(f)
        if episode != self._episode or self._last is None:
            self._episode, self._last = episode, (f, shapes)
            self._begin()
            self._returns = board.returns
            self._follow_balls(f, shapes)
            return []
        (before, earlier), self._last = self._last, (f, shapes)
        broken = [*self._broken_tiles(before, f), *self._broken_shapes(before, earlier, f, shapes)]
        broken = [each for each in broken if 0.0 < each.x < WORLD and 0.0 < each.y < WORLD]
        broken = broken if len(broken) <= MANY else []
        balls = self._follow_balls(f, shapes, bool(broken))
        left = next((moment for moment in balls if moment.kind == LEFT), None)
        ends, self._over = board.done and not self._over, board.done
        if left is None and ends:
            left = self._outside(f)
            balls += [left] if left else []
        found = [*broken, *balls, *self._scored(board, left, bool(broken))]
        if self.game.turns:
            found += self._placed(before, earlier, f, shapes)
            found += self._won(before, f, shapes) if ends else []
        if asked := int(f["cues"]):
            found.append(Moment(CUED, cues=tuple(name for bit, name in enumerate(CUES) if asked >> bit & 1)))
        return found

    # --- balls ---

    def _follow_balls(self, f: np.void, shapes: Shapes, broken: bool = False) -> list[Moment]:
        """Move on with each ball; those that turned or left. broken: what turned one may be a tile that is gone by now."""
        found, here, self.speed = [], {}, 0.0
        left, top = float(f["tiles_left"]), float(f["tiles_top"])
        for k in np.flatnonzero(BALLS[shapes.code] & (shapes.kind == DISC)).tolist():
            across, down, radius = shapes.xy[k, :3].tolist()
            x, y = across + left, down + top
            ball = self._balls.get(k)
            if ball is None:
                here[k] = Ball(x, y)
                continue
            vx, vy = x - ball.x, y - ball.y
            if float(np.hypot(vx, vy)) > (min(1.6 * ball.speed + 2.0, JUMP) if ball.speed else JUMP):
                found += [moment] if (moment := self._left(ball.x - left, ball.y - top)) else []
                here[k] = Ball(x, y)
                continue
            turned = not ball.turned and _turns(ball.vx, ball.vy, vx, vy)
            speed = self._steady(ball, vx, vy)
            relative = speed / self._slowest if speed else 0.0
            self.speed = max(self.speed, relative)
            if turned and not broken:
                found.append(self._turn(shapes, (across, down, radius), (vx - ball.vx, vy - ball.vy), relative))
            if turned:
                vx, vy = ball.vx, ball.vy  # half of it lies before the turn
            here[k] = Ball(x, y, vx, vy, turned, speed)
        self._balls = here
        return found

    def _steady(self, ball: Ball, vx: float, vy: float) -> float:
        """The speed of a ball that flies straight on; of one that turns the one before, since its way bends in the tick."""
        speed = float(np.hypot(vx, vy))
        if speed <= SLOWEST:
            return 0.0 if speed == 0.0 else ball.speed
        if float(np.hypot(vx - ball.vx, vy - ball.vy)) > STEADY * speed:
            return ball.speed
        self._slowest = min(self._slowest or speed, speed)
        return speed

    def _turn(self, shapes: Shapes, disc: tuple[float, float, float], impulse: tuple[float, float], speed: float) -> Moment:
        """The moment in which a ball is thrown back: by the nearest shape of a player that lies behind it, else by a wall."""
        x, y, radius = disc
        strength = float(np.hypot(*impulse))
        nearest, hitter = radius + strength + REACH, -1
        for k in np.flatnonzero(PLAYERS[shapes.code] & (shapes.kind != GONE) & (shapes.kind != NUMBER)).tolist():
            left, top, right, bottom = shapes.box(k)
            dx, dy = x - min(max(x, left), right), y - min(max(y, top), bottom)  # away from the shape
            away = float(np.hypot(dx, dy))
            if away < nearest and dx * impulse[0] + dy * impulse[1] >= 0.3 * away * strength:
                nearest, hitter = away, k
        if hitter < 0:
            return Moment(BOUNCE, x, y, BALL, speed=speed)
        return Moment(HIT, x, y, int(shapes.code[hitter]), hitter, speed, shapes.box(hitter))

    def _left(self, x: float, y: float) -> Moment | None:
        """The moment in which a ball is lost at a place of the picture's edge; None for one that is placed anew elsewhere."""
        if EDGE < x < WORLD - EDGE and EDGE < y < WORLD - EDGE:
            return None
        return Moment(LEFT, min(max(x, 0.0), WORLD), min(max(y, 0.0), WORLD), BALL)

    def _outside(self, f: np.void) -> Moment | None:
        """The moment of a ball that lies outside the picture in a game's last tick."""
        for ball in self._balls.values():
            x, y = ball.x - float(f["tiles_left"]), ball.y - float(f["tiles_top"])
            if not (0.0 <= x <= WORLD and 0.0 <= y <= WORLD):
                return self._left(x, y)
        return None

    # --- rewards ---

    def _scored(self, board: Board, left: Moment | None, broken: bool) -> list[Moment]:
        """The point of this tick. Rewards that come without a pause, or with what broke, are not told."""
        rewards = [now - then for now, then in zip(board.returns, self._returns, strict=True)]
        self._returns = board.returns
        self._quiet += 1
        if not any(rewards):
            return []
        rested, self._quiet = self._quiet > REST, 0
        if not rested or broken or self.game.turns:
            return []
        seat = int(np.argmax(rewards))
        code = ME if seat == max(board.viewpoint, 0) else OTHER
        x, y = (left.x, left.y) if left else (0.5 * WORLD, 0.5 * WORLD)
        return [Moment(POINT, x, y, code, seat=seat, reward=rewards[seat])]

    # --- shapes and tiles that come and go ---

    def _broken_shapes(self, before: np.void, earlier: Shapes, f: np.void, shapes: Shapes) -> list[Moment]:
        """Items that are gone, or suddenly elsewhere."""
        found = []
        count = min(len(earlier.kind), len(shapes.kind))
        scrolled = float(f["tiles_left"] - before["tiles_left"]), float(f["tiles_top"] - before["tiles_top"])
        loose = TAKEN[earlier.code[:count]] & (earlier.kind[:count] != GONE) & (earlier.kind[:count] != NUMBER)
        for k in np.flatnonzero(loose).tolist():
            moved = shapes.xy[k, :2] - earlier.xy[k, :2] + scrolled
            if shapes.kind[k] == GONE or float(np.hypot(*moved)) > JUMP:
                found.append(_of_box(BREAK, earlier.box(k), int(earlier.code[k]), k))
        return found

    def _broken_tiles(self, before: np.void, f: np.void) -> list[Moment]:
        if not self.game.grid:
            return []
        gone = (f["grid"] == 0) & BREAKABLE[before["grid"]]
        return [self._tile(BREAK, f, r, c, int(before["grid"][r, c])) for r, c in np.argwhere(gone)[: MANY + 1].tolist()]

    def _tile(self, kind: str, f: np.void, row: int, column: int, code: int) -> Moment:
        """A moment of a tile. Rows and columns are counted from the world's upper left."""
        assert self.game.grid
        high, wide = self.game.world[1] / self.game.grid[0], self.game.world[0] / self.game.grid[1]
        x, y = column * wide - float(f["tiles_left"]), row * high - float(f["tiles_top"])
        return _of_box(kind, (x, y, x + wide, y + high), code, -1)

    def _placed(self, before: np.void, earlier: Shapes, f: np.void, shapes: Shapes) -> list[Moment]:
        """Shapes and tiles of the players that were not there, or that lie elsewhere now."""
        found = []
        for k in np.flatnonzero(PLAYERS[shapes.code] & (shapes.kind != GONE) & (shapes.kind != NUMBER)).tolist():
            new = k >= len(earlier.kind) or earlier.kind[k] == GONE
            if new or float(np.abs(shapes.xy[k, :2] - earlier.xy[k, :2]).max()) > 0.5:
                found.append(_of_box(PLACED if new else MOVED, shapes.box(k), int(shapes.code[k]), k))
        if self.game.grid:
            changed = PLAYERS[f["grid"]] & (before["grid"] != f["grid"])
            for r, c in np.argwhere(changed)[: MANY + 1].tolist():
                found.append(self._tile(PLACED, f, r, c, int(f["grid"][r, c])))
        return found if len(found) <= MANY else []

    def _won(self, before: np.void, f: np.void, shapes: Shapes) -> list[Moment]:
        """The lines that the game draws in its last picture and did not draw before, in the colour of what lies on them."""
        found = []
        count = min(int(f["count"]), len(f["kind"]))
        for row in np.flatnonzero(f["kind"][:count] == LINE).tolist():
            line = tuple(f["xy"][row, : USED[LINE]].tolist())
            if not rows_of_line(before, line):
                near = np.hypot(shapes.xy[:, 0] - line[0], shapes.xy[:, 1] - line[1]) < shapes.xy[:, 2]
                on = np.flatnonzero(PLAYERS[shapes.code] & (shapes.kind == DISC) & near).tolist()
                code = int(shapes.code[on[0]] if on else f["code"][row])
                x, y = 0.5 * (line[0] + line[2]), 0.5 * (line[1] + line[3])
                found.append(Moment(WON, x, y, code, box=bounds(LINE, line), line=line))
        return found


def _turns(ax: float, ay: float, bx: float, by: float) -> bool:
    """Whether a ball turns between two ways that it flew."""
    first, second = float(np.hypot(ax, ay)), float(np.hypot(bx, by))
    return first > SLOWEST and (ax * bx + ay * by) < TURNED * first * second


def _of_box(kind: str, box: tuple[float, float, float, float], code: int, number: int) -> Moment:
    return Moment(kind, 0.5 * (box[0] + box[2]), 0.5 * (box[1] + box[3]), code, number, box=box)
