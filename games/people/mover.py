"""A model of somebody who plays in real time: late, a little off, with habits and hands. A model, not a human.

It knows what its seat is shown, frame by frame: the display list's ME, its target (BALL, by default) and OTHER. Its velocity
is what it has seen of it. All of a batch's rows are computed at once; arrays are [R] or [R, 2] (x, y), in world units.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from games import core
from games.core import ME, OTHER, WORLD
from games.engine.batch import Batch
from games.engine.view import View
from games.people.chance import chances
from games.people.table import MoverRow
from games.people.trial import displacements, shapes_of

SEEN = 64  # frames that are remembered; a reaction is shorter
STEADY = 0.2  # units per tick: two velocities that differ by less are the same flight
FLYING = 0.05  # units per tick: a slower ball does not come
JUMP = 8.0  # units: what is so far away after a tick is another target
AHEAD = 30.0  # ticks for which the way of what is chased is predicted, at most
MIDDLE = WORLD / 2
TARGETS = {"axis": ("BALL",), "directions": ("BALL", "ITEM", "GOAL", "OTHER")}  # by the kind of game


def folded(place: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A way that walls at `low` and `high` throw back.

    >>> folded(np.array([-2.0, 11.0, 25.0]), np.zeros(3), np.full(3, 10.0)).tolist()
    [2.0, 9.0, 5.0]
    """
    span = high - low
    away = np.abs(place - low) % (2.0 * span)
    return low + np.where(away <= span, away, 2.0 * span - away)


class SeatedMover:
    """A person in some rows (environment, seat) of a batch: decides at every tick."""

    def __init__(self, row: MoverRow, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray):
        self.row, self.batch, self.game = row, batch, batch.game
        self.view = View(batch, rows, "objects", stack=1)
        count, seats = self.view.rows, self.view.seats
        batch.frame_skip[self.view.envs, seats] = 1
        batch.delay[self.view.envs, seats] = 0  # the reaction is that of the eyes: one's own hand is known at once
        people: dict[str, Any] = self.game.people or {"kind": "axis"}
        self.one_axis = people["kind"] == "axis"
        self.targets = [getattr(core, name) for name in people.get("target", TARGETS[people["kind"]])]
        ways = np.stack([displacements(self.game, seat) for seat in range(self.game.players)])  # [P, A, 2]
        self.axis = int(np.abs(ways).max((0, 1)).argmax())
        if self.one_axis:
            ways[..., 1 - self.axis] = 0.0
        speeds = np.hypot(ways[..., 0], ways[..., 1])
        self.speed = np.maximum(speeds.max(1), 1e-9)[seats]  # [R]
        self.ways = (ways / np.maximum(speeds, 1e-9)[..., None])[seats]  # [R, A, 2]
        self.moves = (speeds > 0.1 * speeds.max(1, keepdims=True))[seats]  # [R, A]: the action moves ME
        self.still = np.where(self.moves, speeds[seats], -1.0).argmin(1)  # [R]: the first action that does not
        self.episode = np.full(count, -1, np.int64)  # to which the rest belongs
        self.frames = np.zeros(count, np.int64)  # seen in this episode
        self.seen = np.full((count, SEEN, 4), np.nan)  # target and OTHER, at index frame % SEEN
        self.coming = np.zeros(count, bool)
        self.flight = np.zeros(count, np.int64)  # number of the ball's flight towards ME, or of the target
        self.place = np.zeros((count, 2))  # where the target is expected
        self.drift = np.zeros((count, 2))  # its velocity, as last seen
        self.left = np.zeros(count)  # units that it had to fly when that was expected
        self.key = self.still.copy()  # the action that is held
        self.pressed = np.full(count, -SEEN, np.int64)  # the frame of its beginning

    def act(self, actions: np.ndarray) -> None:
        """Decide for the rows that are asked and write actions of the world into `actions` [N, P]. Call it once per `step`."""
        asked = self.batch.asked[self.view.envs, self.view.seats] == 1
        objects = self.view.observe()[:, 0]
        if not asked.any():
            return
        rows = np.flatnonzero(asked)
        self._begin(rows)
        me, size, reach = self._look(rows, objects[rows])
        goal = self._along_axis(rows, me, size, reach) if self.one_axis else self._anywhere(rows, me)
        self._press(rows, goal - me)
        self.frames[rows] += 1
        self.view.act(self.key, actions)

    def _begin(self, rows: np.ndarray) -> None:
        """Forget the last episode, where another has begun."""
        running = self.batch.episode[self.view.envs[rows]]
        new = rows[running != self.episode[rows]]
        self.episode[rows] = running
        self.frames[new] = self.flight[new] = 0
        self.seen[new] = np.nan
        self.coming[new], self.drift[new] = False, 0.0
        self.key[new], self.pressed[new] = self.still[new], -SEEN

    def _look(self, rows: np.ndarray, objects: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Remember a frame; ME's centre and size, and half of the target's size, [R, 2] each."""
        roles, centres, sizes = shapes_of(self.game, objects)
        every = np.arange(len(rows))
        mine = (roles == ME).argmax(1)
        me, size = centres[every, mine], sizes[every, mine]
        away = np.hypot(*np.moveaxis(centres - me[:, None], -1, 0))
        wanted = np.full(roles.shape, np.inf)  # the nearest of the first role that is there
        for rank, role in enumerate(self.targets):
            wanted = np.where((roles == role) & np.isinf(wanted), away + 1000.0 * rank, wanted)
        target = wanted.argmin(1)
        place = np.where(np.isfinite(wanted[every, target])[:, None], centres[every, target], np.nan)
        other = np.where((roles == OTHER).any(1)[:, None], centres[every, (roles == OTHER).argmax(1)], np.nan)
        self.seen[rows, self.frames[rows] % SEEN] = np.concatenate([place, other], 1)
        return me, size, sizes[every, target] / 2.0

    def _recall(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """All that has got through: the target a reaction ago, OTHER, the velocity, and where that is the same for two ticks.

        The newest frame is one younger than the reaction: two velocities that agree need one frame more than a velocity.
        """
        newest = self.frames[rows] - (self.row.reaction - 1)
        now, before, first = (self.seen[rows, (newest - back) % SEEN] for back in range(3))
        velocity = now[:, :2] - before[:, :2]
        steady = (np.abs(velocity - (before - first)[:, :2]) < STEADY).all(1) & (newest >= 2)
        before = np.where((newest >= 1)[:, None], before, np.nan)
        return now[:, :2], before, velocity, steady

    def _along_axis(self, rows: np.ndarray, me: np.ndarray, size: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """Where ME should go, [R, 2], in a game of paddles: the target flies towards ME across the axis of its moves."""
        row, axis, across = self.row, self.axis, 1 - self.axis
        now, before, velocity, steady = self._recall(rows)
        gap = me[:, across] - now[:, across]
        nearing = velocity[:, across] * np.sign(gap)
        approaches = steady & (nearing > FLYING)
        begins = approaches & ~self.coming[rows]
        self.coming[rows] = np.where(steady, approaches, self.coming[rows])
        self.flight[rows] += begins
        distance = np.maximum(np.abs(gap) - size[:, across] / 2.0 - reach[:, across], 0.0)
        landing = now[:, axis] + velocity[:, axis] * distance / np.maximum(nearing, FLYING)
        landing = folded(np.nan_to_num(landing), reach[:, axis], WORLD - reach[:, axis])
        sees = rows[begins if row.attention == "glance" else approaches]
        chosen = begins if row.attention == "glance" else approaches
        self.place[sees, axis], self.left[sees] = landing[chosen], distance[chosen]

        ball = self._believed(rows, now, velocity, steady)
        if row.looks == "predicts":
            coming, left = self.coming[rows], self.left[rows]
            tracks = coming | (row.attention == "always")  # then it keeps level with a ball that flies away
            goal = np.where(coming, self.place[rows, axis], ball[:, axis])
        else:
            near = (ball[:, across] - MIDDLE) * (me[:, across] - MIDDLE) > 0.0
            tracks = near & (self.coming[rows] | (row.attention == "always"))
            goal, left = ball[:, axis], np.nan_to_num(distance)
        goal = goal + self._error(rows, left, 0) + row.aim * self._side(rows, before[:, 2 + axis]) * size[:, axis] / 2.0
        rest = me[:, axis] if row.rests == "stays" else MIDDLE
        wanted = me.copy()
        wanted[:, axis] = np.where(tracks & np.isfinite(goal), goal, rest)
        return wanted

    def _believed(self, rows: np.ndarray, now: np.ndarray, velocity: np.ndarray, steady: np.ndarray) -> np.ndarray:
        """Where a target that is followed by eye seems to be, [R, 2]: eyes do not lag behind what moves on as before, but
        learn of a bounce or a hit a reaction later.
        """
        self.drift[rows] = np.where(steady[:, None], velocity, self.drift[rows])
        return np.clip(now + self.drift[rows] * (self.row.reaction - 1), 0.0, WORLD)

    def _side(self, rows: np.ndarray, other: np.ndarray) -> np.ndarray:
        """To which side of the ball ME's middle goes, -1 or 1, so that it flies away from OTHER; without OTHER by chance."""
        side = np.where(other > MIDDLE, 1.0, -1.0)
        return np.where(np.isnan(other), np.where(self._chance(rows, 2) < 0.5, 1.0, -1.0), side)

    def _anywhere(self, rows: np.ndarray, me: np.ndarray) -> np.ndarray:
        """Where ME should go, [R, 2], in a game of eight directions: to the target, or ahead of it."""
        now, _, velocity, steady = self._recall(rows)
        jumped = np.abs(velocity).max(1) > JUMP
        self.flight[rows] += jumped
        distance = np.hypot(*(now - me).T)
        if self.row.looks == "predicts":
            ticks = np.minimum(distance / self.speed[rows], AHEAD)[:, None]
            goal = now + np.where(steady[:, None], velocity, 0.0) * ticks
        else:
            goal = self._believed(rows, now, velocity, steady)
        goal = goal + np.stack([self._error(rows, distance, draw) for draw in range(2)], 1)
        rest = me if self.row.rests == "stays" else np.full_like(me, MIDDLE)
        return np.where(np.isnan(goal), rest, np.clip(goal, 0.0, WORLD))

    def _error(self, rows: np.ndarray, left: np.ndarray, draw: int) -> np.ndarray:
        """The misjudgement, world units [R]: drawn once a flight; the less of it is left, the smaller."""
        return (2.0 * self._chance(rows, draw) - 1.0) * (self.row.error + self.row.error_per_10 * left / 10.0)

    def _chance(self, rows: np.ndarray, draw: int) -> np.ndarray:
        envs, seats = self.view.envs[rows], self.view.seats[rows]
        return chances(self.batch.seed, self.batch.env_ids[envs], self.episode[rows], seats, self.flight[rows], draw)

    def _press(self, rows: np.ndarray, gap: np.ndarray) -> None:
        """Choose the keys that close a gap [R, 2]: begun beyond the tremor, held until ME is there, changed not too often."""
        away = np.hypot(gap[:, 0], gap[:, 1])
        alike = np.where(self.moves[rows], (self.ways[rows] * gap[:, None]).sum(2), -np.inf)
        wanted = alike.argmax(1)
        held = self.key[rows]
        there = away <= 0.5 * self.speed[rows]
        wanted = np.where(there | ((wanted != held) & (away <= self.row.tremor)), self.still[rows], wanted)
        may = (wanted != held) & (self.frames[rows] - self.pressed[rows] >= self.row.hold)
        self.key[rows[may]], self.pressed[rows[may]] = wanted[may], self.frames[rows[may]]

    # --- checkpoints ---

    def _arrays(self) -> dict[str, np.ndarray]:
        names = ("episode", "frames", "seen", "coming", "flight", "place", "drift", "left", "key", "pressed")
        return {**{name: getattr(self, name) for name in names}, **{f"view_{k}": v for k, v in self.view.state().items()}}

    def state(self) -> dict[str, np.ndarray]:
        """Copies of the arrays that `restore` needs to go on identically."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`, of arrays or tensors; `ValueError` for one that no player comes to."""
        given = {name: np.asarray(state[name]).copy() for name in self._arrays()}
        for name, current in self._arrays().items():
            if given[name].shape != current.shape or given[name].dtype != current.dtype:
                raise ValueError(
                    f"{name} of a person is {given[name].dtype} {given[name].shape}, not {current.dtype} {current.shape}"
                )
        if not (given["key"] >= 0).all() or not (given["key"] < self.game.num_actions).all():
            raise ValueError("the key of a person is no action")
        self.view.restore({"last": given.pop("view_last"), "episode": given.pop("view_episode")})
        for name, array in given.items():
            setattr(self, name, array)
