"""Mouse and touch steer a paddle: the pointer's place is a target, to which the game's own actions take the paddle.

It is there in every game in real time with two opposite actions along one axis, and a single shape of the player's colour.
The paddle is as fast as with keys: the pointer only chooses among the actions that the keys have.
"""

from dataclasses import dataclass

import numpy as np
import pygame

from games.core import ME, WORLD
from games.engine.keys import direction_of
from games.engine.loader import Game
from games.render.renderer import USED, Painter, bounds
from ui.board import Board
from ui.layout import layout
from ui.match import Match
from ui.seats import PlayerInput, action_numbers

AXES = (("left", "right"), ("up", "down"))  # along x, along y
NEAR, BACK = 0.5, 1.5  # ticks' ways to the target for which the paddle goes on, and turns back: it does not tremble
LEAST = 0.05  # world units: as near as is needed while the paddle's speed is not known yet
FASTEST = 8.0  # world units per tick: what goes further has been set somewhere else


@dataclass(frozen=True)
class Axis:
    """The axis along which a paddle moves: 0 for x, 1 for y, and the actions towards lower and higher coordinates."""

    number: int
    lower: int
    higher: int


def axis_of(game: Game) -> Axis | None:
    """The axis of a game's paddle; None if a pointer cannot steer it."""
    if game.turns or game.has_asks or game.spots:
        return None
    towards: dict[str, list[int]] = {}
    for name, number in action_numbers(game).items():
        if direction := direction_of(name):
            towards.setdefault(direction, []).append(number)
    for k, ends in enumerate(AXES):
        if towards.keys() == set(ends) and all(len(towards[end]) == 1 for end in ends):
            return Axis(k, towards[ends[0]][0], towards[ends[1]][0])
    return None


class Steering:
    """Steers one person's paddle. `target` is the pointer's coordinate, world units of the picture; None: keys steer."""

    def __init__(self, axis: Axis):
        self.axis = axis
        self.target: float | None = None
        self._speed = 0.0  # of the paddle, world units per tick, when it last moved
        self._place: float | None = None  # the paddle's in the last tick
        self._went = 0  # the last action's direction: -1 or 1; 0: none was needed

    def release(self) -> None:
        """Leave the paddle to the keys, until the pointer moves again."""
        self.target, self._place, self._went = None, None, 0

    def action(self, frame: np.void) -> int | None:
        """The action for this tick; None: none is needed, or no paddle is there. frame: what the person sees now."""
        place = paddle_place(frame, self.axis.number)
        if self.target is None or place is None:
            return None
        moved = 0.0 if self._place is None else abs(place - self._place)
        if self._went and 0.0 < moved <= FASTEST:
            self._speed = moved
        self._place = place
        way = self.target - place
        direction = 1 if way > 0.0 else -1
        if abs(way) <= max((BACK if self._went == -direction else NEAR) * self._speed, LEAST):
            return None  # `_went` stays: who is there turns back only for a longer way
        self._went = direction
        return self.axis.higher if direction > 0 else self.axis.lower


def paddle_place(frame: np.void, axis: int) -> float | None:
    """The centre of the only shape of the player's colour along an axis, world units; None if there is none, or several."""
    kinds = frame["kind"][: min(int(frame["count"]), len(frame["kind"]))]
    mine = [row for row, kind in enumerate(kinds) if int(kind) in USED and int(frame["code"][row]) // 4 == ME // 4]
    if len(mine) != 1:
        return None
    kind = int(kinds[mine[0]])
    box = bounds(kind, tuple(frame["xy"][mine[0]][: USED[kind]].tolist()))
    return 0.5 * (box[axis] + box[axis + 2])


@dataclass
class Helm:
    """A person's paddle in a match."""

    number: int  # of the board
    board: Board
    seat: int
    person: PlayerInput
    steering: Steering


class Pointing:
    """The pointers of a match: the mouse steers the first person's paddle, a finger that which is nearest to it."""

    def __init__(self, match: Match, painter: Painter):
        self.match, self.painter = match, painter
        self.axis = axis_of(match.game)
        self.helms = [
            Helm(number, board, seat, person, Steering(self.axis))
            for number, board in enumerate(match.boards)
            for seat, person in board.inputs.items()
            if self.axis and (len(board.inputs) == 1 or seat == 0 or match.game.mirror is None or self.axis.number == 1)
        ]

    def handle(self, event: pygame.event.Event, window: tuple[int, int], stage: tuple[int, int]) -> None:
        """Take a new target from an event of the mouse or a finger. window, stage: sizes, of the window and the game's part."""
        if event.type == pygame.MOUSEMOTION and event.rel != (0, 0) and not getattr(event, "touch", False):
            self._aim(self.helms[:1], event.pos, stage)
        elif event.type in (pygame.FINGERDOWN, pygame.FINGERMOTION):
            position = (event.x * window[0], event.y * window[1])
            self._aim(sorted(self.helms, key=lambda helm: self._distance(helm, position, stage))[:1], position, stage)

    def _aim(self, helms: list[Helm], position: tuple[float, float], stage: tuple[int, int]) -> None:
        for helm in helms:
            helm.steering.target = self._place(helm, position, stage)[helm.steering.axis.number]

    def _place(self, helm: Helm, position: tuple[float, float], stage: tuple[int, int]) -> tuple[float, float]:
        """A position in the window as one in the picture, world units."""
        box = layout(stage, len(self.match.boards))[helm.number]
        return (position[0] - box.x) * WORLD / box.w, (position[1] - box.y) * WORLD / box.w

    def _distance(self, helm: Helm, position: tuple[float, float], stage: tuple[int, int]) -> float:
        """The distance of a paddle from a position, across the way on which it moves, world units."""
        across = 1 - helm.steering.axis.number
        place = paddle_place(self._frame(helm), across)
        if place is None:
            return 2.0 * WORLD
        if self.match.game.mirror is not None and helm.seat == 1 and helm.board.viewpoint < 0 and across == 0:
            place = WORLD - place  # the picture shows a spectator's view
        return abs(place - self._place(helm, position, stage)[across])

    def _frame(self, helm: Helm) -> np.void:
        seat = helm.seat if helm.board.viewpoint < 0 else helm.board.viewpoint
        return self.painter.frame(helm.board.batch, 0, seat, final=helm.board.done)[0]

    def release(self) -> None:
        """Leave all paddles to the keys: another game begins, or goes on."""
        for helm in self.helms:
            helm.steering.release()

    def tick(self) -> None:
        """Choose the actions of the next tick. Who presses a key takes the paddle back."""
        for helm in self.helms:
            if helm.person.held or helm.person.presses:
                helm.steering.release()
            helm.person.steered = None if helm.steering.target is None else helm.steering.action(self._frame(helm))
