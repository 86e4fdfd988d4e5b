"""`MomentFinder`: tells from the pictures of a game what has just happened in it, so that no game file need speak of effects.

It reads what each game gives anyway: the display list (kinds, roles, places), the returns, and the end. A ball that turns was
hit, by the player's shape beside it or by a wall; a ball that is suddenly elsewhere has left where it was last; a tile or an
item that is gone was broken; a shape that appears in a game of turns was placed, and a line that appears with its end has won.
"""

from dataclasses import dataclass

import numpy as np

from games.core import BALL, CUES, DANGER, DISC, GOAL, GONE, ITEM, LINE, ME, NUMBER, OTHER, WALL, WORLD
from games.engine.loader import Game
from games.render.motion import JUMP
from games.render.renderer import USED, bounds
from ui.match import Board

HIT, BOUNCE, BREAK, POINT, LEFT, PLACED, WON, CUED = "hit", "bounce", "break", "point", "left", "placed", "won", "cued"

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
    row: int = -1  # of the shape in the display list; -1: a tile, or none
    speed: float = 0.0  # of a ball after it turned, in units of its slowest in this game
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # of what broke, was placed or won: left, top, right, bottom
    line: tuple[float, ...] = ()  # that won: x, y, x, y, width
    seat: int = -1  # that scored
    reward: float = 0.0  # the reward of a point
    cues: tuple[str, ...] = ()  # the names of the sounds that the game asks for


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
        self._last: np.void | None = None  # the frame before
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
        if episode != self._episode or self._last is None:
            self._episode, self._last = episode, f
            self._begin()
            self._returns = board.returns
            self._follow_balls(f)
            return []
        before, self._last = self._last, f
        broken = self._broken(before, f)
        balls = self._follow_balls(f, bool(broken))
        left = next((moment for moment in balls if moment.kind == LEFT), None)
        ends, self._over = board.done and not self._over, board.done
        if left is None and ends:
            left = self._outside(f)
            balls += [left] if left else []
        found = [*broken, *balls, *self._scored(board, left, bool(broken))]
        if self.game.turns:
            found += self._placed(before, f)
            found += self._won(before, f) if ends else []
        if asked := int(f["cues"]):
            found.append(Moment(CUED, cues=tuple(name for bit, name in enumerate(CUES) if asked >> bit & 1)))
        return found

    # --- balls ---

    def _follow_balls(self, f: np.void, broken: bool = False) -> list[Moment]:
        """Move on with each ball; those that turned or left. broken: what turned one may be a tile that is gone by now."""
        found, here, self.speed = [], {}, 0.0
        count = min(int(f["count"]), len(f["kind"]))
        for row in np.flatnonzero(BALLS[f["code"][:count]] & (f["kind"][:count] == DISC)).tolist():
            across, down, radius = f["xy"][row, :3].tolist()
            x, y = across + float(f["tiles_left"]), down + float(f["tiles_top"])
            ball = self._balls.get(row)
            if ball is None:
                here[row] = Ball(x, y)
                continue
            vx, vy = x - ball.x, y - ball.y
            if np.hypot(vx, vy) > JUMP:
                if moment := self._left(ball.x - float(f["tiles_left"]), ball.y - float(f["tiles_top"]), row):
                    found.append(moment)
                here[row] = Ball(x, y)
                continue
            turned = not ball.turned and _turns(ball.vx, ball.vy, vx, vy)
            speed = self._steady(ball, vx, vy)
            self.speed = max(self.speed, speed / self._slowest if speed else 0.0)
            if turned and not broken:
                relative = speed / self._slowest if speed else 0.0
                found.append(self._turn(f, row, (across, down, radius), (vx - ball.vx, vy - ball.vy), relative))
            if turned:
                vx, vy = ball.vx, ball.vy  # half of it lies before the turn
            here[row] = Ball(x, y, vx, vy, turned, speed)
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

    def _turn(self, f: np.void, row: int, disc, impulse: tuple[float, float], speed: float) -> Moment:
        """The moment in which a ball is thrown back: by the nearest shape of a player that lies behind it, else by a wall."""
        x, y, radius = disc
        reach = radius + float(np.hypot(*impulse)) + REACH
        best, hitter = reach, -1
        count = min(int(f["count"]), len(f["kind"]))
        for other in np.flatnonzero(PLAYERS[f["code"][:count]]).tolist():
            kind = int(f["kind"][other])
            if kind in USED and other != row:
                box = bounds(kind, tuple(f["xy"][other, : USED[kind]].tolist()))
                dx, dy = x - min(max(x, box[0]), box[2]), y - min(max(y, box[1]), box[3])  # away from the shape
                away = float(np.hypot(dx, dy))
                if away < best and dx * impulse[0] + dy * impulse[1] >= 0.3 * away * float(np.hypot(*impulse)):
                    best, hitter = away, other
        if hitter < 0:
            return Moment(BOUNCE, x, y, BALL, row, speed)
        return Moment(HIT, x, y, int(f["code"][hitter]), hitter, speed)

    def _left(self, x: float, y: float, row: int) -> Moment | None:
        """The moment in which a ball is lost at a place of the picture's edge; None for one that is placed anew elsewhere."""
        if EDGE < x < WORLD - EDGE and EDGE < y < WORLD - EDGE:
            return None
        return Moment(LEFT, min(max(x, 0.0), WORLD), min(max(y, 0.0), WORLD), BALL, row)

    def _outside(self, f: np.void) -> Moment | None:
        """The moment of a ball that lies outside the picture in a game's last tick."""
        for row, ball in self._balls.items():
            x, y = ball.x - float(f["tiles_left"]), ball.y - float(f["tiles_top"])
            if not (0.0 <= x <= WORLD and 0.0 <= y <= WORLD):
                return self._left(x, y, row)
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
        return [Moment(POINT, x, y, code, left.row if left else -1, seat=seat, reward=rewards[seat])]

    # --- shapes and tiles that come and go ---

    def _broken(self, before: np.void, f: np.void) -> list[Moment]:
        """Tiles that are empty now, and items that are gone or elsewhere."""
        found = self._broken_tiles(before, f)
        count = min(int(before["count"]), int(f["count"]), len(f["kind"]))
        kinds = before["kind"][:count]
        loose = TAKEN[before["code"][:count]] & (kinds != GONE) & (kinds != NUMBER)
        for row in np.flatnonzero(loose).tolist():
            kind, xy = int(before["kind"][row]), before["xy"][row]
            moved = f["xy"][row, :2] + (f["tiles_left"], f["tiles_top"]) - xy[:2] - (before["tiles_left"], before["tiles_top"])
            if f["kind"][row] == GONE or float(np.hypot(*moved)) > JUMP:
                box = bounds(kind, tuple(xy[: USED[kind]].tolist()))
                found.append(_of_box(BREAK, box, int(before["code"][row]), row))
        found = [each for each in found if 0.0 < each.x < WORLD and 0.0 < each.y < WORLD]
        return found if len(found) <= MANY else []

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

    def _placed(self, before: np.void, f: np.void) -> list[Moment]:
        """Shapes and tiles of the players that were not there, or that lie elsewhere now."""
        found = []
        count = min(int(f["count"]), len(f["kind"]))
        for row in np.flatnonzero(PLAYERS[f["code"][:count]]).tolist():
            kind, xy = int(f["kind"][row]), f["xy"][row]
            new = row >= int(before["count"]) or int(before["kind"][row]) == GONE
            if kind in USED and kind != NUMBER and (new or float(np.abs(xy[:2] - before["xy"][row, :2]).max()) > 0.5):
                box = bounds(kind, tuple(xy[: USED[kind]].tolist()))
                found.append(_of_box(PLACED, box, int(f["code"][row]), row if new else -1))
        if self.game.grid:
            changed = PLAYERS[f["grid"]] & (before["grid"] != f["grid"])
            for r, c in np.argwhere(changed)[:MANY].tolist():
                found.append(self._tile(PLACED, f, r, c, int(f["grid"][r, c])))
        return found if len(found) <= MANY else []

    def _won(self, before: np.void, f: np.void) -> list[Moment]:
        """The lines that the game draws in its last picture and did not draw before."""

        def lines(frame: np.void) -> list[tuple[int, tuple[float, ...]]]:
            rows = np.flatnonzero(frame["kind"][: min(int(frame["count"]), len(frame["kind"]))] == LINE).tolist()
            return [(row, tuple(frame["xy"][row, : USED[LINE]].tolist())) for row in rows]

        def colour_at(x: float, y: float, otherwise: int) -> int:
            """The code of the player's shape at the beginning of a line."""
            count = min(int(f["count"]), len(f["kind"]))
            for row in np.flatnonzero(PLAYERS[f["code"][:count]] & (f["kind"][:count] == DISC)).tolist():
                if float(np.hypot(f["xy"][row, 0] - x, f["xy"][row, 1] - y)) < f["xy"][row, 2]:
                    return int(f["code"][row])
            return otherwise

        earlier = {xy for _, xy in lines(before)}
        return [
            Moment(
                WON,
                0.5 * (xy[0] + xy[2]),
                0.5 * (xy[1] + xy[3]),
                colour_at(xy[0], xy[1], int(f["code"][row])),
                row,
                box=bounds(LINE, xy),
                line=xy,
            )
            for row, xy in lines(f)
            if xy not in earlier
        ]


def _turns(ax: float, ay: float, bx: float, by: float) -> bool:
    """Whether a ball turns between two ways that it flew."""
    first, second = float(np.hypot(ax, ay)), float(np.hypot(bx, by))
    return first > SLOWEST and (ax * bx + ay * by) < TURNED * first * second


def _of_box(kind: str, box: tuple[float, float, float, float], code: int, row: int) -> Moment:
    return Moment(kind, 0.5 * (box[0] + box[2]), 0.5 * (box[1] + box[3]), code, row, box=box)
