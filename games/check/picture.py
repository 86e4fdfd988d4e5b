"""Drawing: the shapes fit the display list, and people and agents get the same picture."""

import contextlib
import sys
from typing import Any

import numpy as np

from games import core
from games.check.compare import as_bytes
from games.check.definition import DRAWN, Failed, check
from games.check.play import DECISIONS, Play, display_lists, every_row
from games.check.process import elsewhere, task
from games.engine.loader import Game
from games.engine.view import View
from games.errors import UserError

# The largest differences allowed between people's picture, in grey and averaged down, and the agents' pixels.
PICTURE_MEAN = 1.0  # grey levels of 255, over all pixels of a frame
PICTURE_LARGEST = 64.0  # in any one pixel: blending two shapes that share a pixel is off by 255 / 4 at most

NEAR = 21.0  # world units that a shape may lie outside the world, at most
NUMBERS = (0, 4, 3, 5, 6, 4)  # how many numbers a shape has, by its kind
VERBS = ("gone", "rect", "disc", "line", "triangle", "number")  # by kind


@check("frames fit, are finite and change", about="draw", calls=DRAWN)
def frames(game: Game) -> str:
    player = Play(game, ids=6, pictures=0)
    batch = player.batch
    envs, seats = every_row(batch.num_envs, range(-1, game.players))
    try:
        first = display_lists(batch, envs, seats)
    except UserError as error:  # it does not compile
        raise Failed(str(error), ["draw"]) from error
    check_not_blank(game, first, seats)
    kinds: dict[tuple[int, int], int] = {}
    most = 0
    moved = np.zeros(len(envs), bool)
    for _ in range(DECISIONS // 4):
        for_agents, for_people = (display_lists(batch, envs, seats, people) for people in (False, True))
        for k, seat in enumerate(seats.tolist()):
            try:
                check_frame(game, for_agents[k], for_people[k], seat, kinds)
            except ShapeFailed as problem:
                raise Failed(with_line(game, batch.states[envs[k]], seat, problem)) from problem
        most = max(most, int(for_agents["count"].max()))
        moved |= (as_bytes(for_agents, 1) != as_bytes(first, 1)).any(-1)
        player.step()
    if not moved.all():
        raise Failed(f"the picture of seat {seats[np.argmin(moved)]} never changes")
    return f"{most} of {game.shapes} shapes"


class ShapeFailed(Failed):
    """One shape of a frame violates the check."""

    def __init__(self, problem: str, row: int, people: bool = False):
        super().__init__(problem)
        self.row, self.people = row, people


def with_line(game: Game, state: np.void, seat: int, problem: ShapeFailed) -> str:
    """The problem with the line of `draw` that emits the shape, which plain Python knows."""
    given = np.array([seat, problem.row, problem.people], np.int64).tobytes() + state.tobytes()
    line = int(elsewhere(game, emitting_line, given)["line"])
    return f"line {line}, draw: {problem}" if line else str(problem)


class NotedFrame(core.PlainRecord):
    """A frame in plain Python that notes from which line of the game's file each shape comes."""

    def __init__(self, frame: np.ndarray, file: str):
        super().__init__(frame, 0)
        object.__setattr__(self, "lines", [])
        object.__setattr__(self, "file", file)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "count":  # a shape is begun
            caller = sys._getframe(1)
            while caller.f_back and caller.f_code.co_filename != self.file:
                caller = caller.f_back
            self.lines.append(caller.f_lineno if caller.f_back else 0)
        super().__setattr__(name, value)


@task(plain=True)
def emitting_line(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """In plain Python: the line of the game's file that emits a shape, 0 if it cannot be found."""
    seat, row, people = np.frombuffer(given, np.int64, 3).tolist()
    states = np.frombuffer(given[24:], game.state).copy()
    display = np.zeros(1, game.frame_dtype())
    display["people"] = people
    frame = NotedFrame(display, str(game.module.__file__))
    with contextlib.suppress(Exception):  # what it has drawn until then is noted
        game.functions["draw"](core.at(states, 0), frame, seat)
    return {"line": np.array(frame.lines[row] if row < len(frame.lines) else 0)}


def check_not_blank(game: Game, first: np.ndarray, seats: np.ndarray) -> None:
    """The first frame of every seat shows something."""
    for frame, seat in zip(first, seats, strict=True):
        if not frame["kind"][: frame["count"]].any() and not (game.grid and frame["grid"].any()):
            raise Failed(f"the first frame of seat {seat} is blank")


def check_frame(game: Game, frame: np.void, for_people: np.void, seat: int, kinds: dict[tuple[int, int], int]) -> None:
    """Check one seat's frame, for agents and for people. `kinds`: the kind of shape in each (seat, row) so far."""
    count = int(frame["count"])
    if count > game.shapes:
        what = f"draw emits {count} shapes for seat {seat}; SHAPES is {game.shapes}: set SHAPES = {count}, or what is the most"
        raise ShapeFailed(what, game.shapes)
    if for_people["count"] > len(frame["kind"]):
        what = f"draw emits {for_people['count']} shapes for people; SHAPES and {core.DECOR_ROOM} of decor fit"
        raise ShapeFailed(what, len(frame["kind"]), True)
    codes = for_people["code"][: for_people["count"]]
    for k in np.flatnonzero(codes > core.DECOR + 3)[:1].tolist():
        what = f"seat {seat}: shape {k} has the role {codes[k]}; a role is from ME to DECOR, and a tone 0 to 3"
        raise ShapeFailed(what, k, True)
    without_decor = np.flatnonzero(codes < core.DECOR).tolist()
    if [shape(frame, k) for k in range(count)] != [shape(for_people, k) for k in without_decor]:
        raise Failed(f"seat {seat}: without decor, people's frame is not the agent's")
    for k in np.flatnonzero(frame["kind"][:count] != core.GONE).tolist():
        if kinds.setdefault((seat, k), frame["kind"][k]) != frame["kind"][k]:
            raise ShapeFailed(f"seat {seat}: shape {k} is of two kinds in turn; emit gone(f) for what is absent", k)
        try:
            check_shape(frame, k, f"seat {seat}: shape {k}")
        except Failed as problem:
            raise ShapeFailed(str(problem), k) from problem
    tiles = np.unique(frame["grid"]) if game.grid else np.zeros(0)
    if any(tile and not 4 <= tile < core.DECOR for tile in tiles):
        raise Failed(f"seat {seat}: a tile has the role {tiles.max()}; a role is from ME to GOAL, and a tone 0 to 3")


def shape(frame: np.void, k: int) -> tuple[int, int, bytes]:
    """A row of a display list: its kind, its role and tone, and its numbers."""
    kind = int(frame["kind"][k])
    return kind, int(frame["code"][k]), frame["xy"][k, : NUMBERS[kind]].tobytes()


def check_shape(frame: np.void, k: int, where: str) -> None:
    """A shape has a role that agents see, its numbers are finite, and its box lies in the world or near it."""
    kind, code = int(frame["kind"][k]), int(frame["code"][k])
    if not 4 <= code < core.DECOR:
        raise Failed(f"{where}, {VERBS[kind]}, has the role {code}; a role is from ME to GOAL, and a tone 0 to 3")
    numbers = frame["xy"][k, : NUMBERS[kind]]
    where = f"{where}, {VERBS[kind]} {', '.join(f'{number:.4g}' for number in numbers)},"
    if not np.isfinite(numbers).all():
        raise Failed(f"{where} is not finite")
    smallest, (x0, y0, x1, y1) = extent(kind, numbers)
    if smallest < 0:
        raise Failed(f"{where} has a size below 0")
    if min(x1, y1) < -NEAR or max(x0, y0) > core.WORLD + NEAR:
        raise Failed(f"{where} lies far outside the world, more than {NEAR:g} units: emit gone(f) for what is out of sight")


def extent(kind: int, numbers: np.ndarray) -> tuple[float, tuple[float, float, float, float]]:
    """A shape's smallest size (a width or radius), and its box (left, top, right, bottom)."""
    if kind == core.RECT:
        x, y, w, h = numbers
        return min(w, h), (x, y, x + w, y + h)
    if kind == core.DISC:
        x, y, r = numbers
        return r, (x - r, y - r, x + r, y + r)
    if kind == core.NUMBER:
        x, y, height, value = numbers
        half = 0.1 * (4 * len(str(int(value))) - 1) * height  # of its width
        return height, (x - half, y - 0.5 * height, x + half, y + 0.5 * height)
    corners = numbers[: 4 if kind == core.LINE else 6].reshape(-1, 2)
    return numbers[4] if kind == core.LINE else 0.0, (*corners.min(0), *corners.max(0))


@check("what people see, averaged down in grey, is what agents see", about="draw", calls=DRAWN)
def picture(game: Game) -> str:
    """Compares two implementations: Pygame's picture, painted eight times as large, and the agents' pixels."""
    try:
        from games.render.renderer import Painter
    except ImportError:
        return "not looked at: Pygame is not installed"
    painter = Painter(game)
    player = Play(game, ids=2, pictures=0)
    envs, seats = every_row(2, range(game.players))
    view = View(player.batch, np.stack((envs, seats), 1), "pixels", 42, 1)
    means, largest = [], 0.0
    for moment in range(6):
        display = display_lists(player.batch, envs, seats, people=True)
        pixels = view.paint(player.batch.states, envs, seats).astype(float)
        for row, seat in enumerate(seats):
            off = abs(painter.grey_picture(display[row : row + 1], pixels.shape[-1]) - pixels[row])
            means.append(off.mean())
            largest = max(largest, off.max())
            if off.mean() > PICTURE_MEAN or off.max() > PICTURE_LARGEST:
                y, x = np.unravel_index(off.argmax(), off.shape)
                raise Failed(
                    f"seat {seat}: people's picture is off by {off.mean():.2f} on average and {off.max():.0f} at "
                    f"column {x}, row {y} of {len(off)} (decision {20 * moment})"
                )
        for _ in range(20):
            player.step()
    return f"off by {np.mean(means):.2f} of 255 on average, {largest:.0f} at most"
