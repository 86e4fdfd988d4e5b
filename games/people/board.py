"""A model of somebody who plays a board game by turns: overlooks wins and threats, looks a little ahead. A model, not a human.

It knows no rules: it tries moves on copies of the state through the engine. The copies have another random stream, so that
chance is not known to it; what the game hides from its seat it would know, so this is for open boards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from games.core import ME
from games.engine.batch import EXTERNAL, OVER, RUNNING, Batch
from games.engine.view import View
from games.people.chance import bits, chances
from games.people.table import BoardRow
from games.people.trial import shapes_of

TOGETHER = 48  # rows that look ahead at once: four moves of seven are 2,800 positions each
LATER = 0.9  # a win is worth so much less for each move that it is further away


@dataclass
class Positions:
    """Positions that are reached by moves from those before; arrays [M]."""

    states: np.ndarray
    slots: np.ndarray
    mover: np.ndarray  # the seat that is to move, -1 where none is
    root: np.ndarray  # the row that looks ahead
    parent: np.ndarray  # the position before; of roots -1
    action: np.ndarray  # the move that led here
    value: np.ndarray  # 1 won by the root's seat, -1 lost, else 0
    over: np.ndarray  # bool


class SeatedBoardPlayer:
    """A person in some rows (environment, seat) of a batch of a game of turns. It keeps nothing from move to move."""

    def __init__(self, row: BoardRow, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray):
        self.row, self.batch, self.game = row, batch, batch.game
        self.view = View(batch, rows, "objects", stack=1)

    def act(self, actions: np.ndarray) -> None:
        """Decide for the rows that are asked and write actions of the world into `actions` [N, P]. Call it once per `step`."""
        asked = np.flatnonzero(self.batch.asked[self.view.envs, self.view.seats] == 1)
        if len(asked) == 0:
            return
        further = self._chance(asked, 1) < self.row.further
        for depth, rows in ((2, asked[~further]), (self.row.depth, asked[further])):
            for lo in range(0, len(rows), TOGETHER):
                part = rows[lo : lo + TOGETHER]
                actions[self.view.envs[part], self.view.seats[part]] = self._choose(part, depth)

    def _chance(self, rows: np.ndarray, draw: np.ndarray | int, more: np.ndarray | int = 0) -> np.ndarray:
        """A random number of a row's present move, [len(rows)]."""
        envs, seats = self.view.envs[rows], self.view.seats[rows]
        moment = self.batch.episode[envs], self.batch.slots["decisions"][envs, seats]
        return chances(self.batch.seed, self.batch.env_ids[envs], seats, *moment, draw, more)

    def _choose(self, rows: np.ndarray, depth: int) -> np.ndarray:
        """The move of each row, int64: the best that it sees, among alike ones by preference."""
        values = self._values(rows, depth)  # [len(rows), A], -inf where a move is not legal
        best = values >= values.max(1, keepdims=True) - 1e-9
        count = self.game.num_actions
        draws = np.stack([self._chance(rows, 2, action) for action in range(count)], 1)
        liking = np.log(-1.0 / np.log(np.clip(draws, 1e-12, 1.0 - 1e-12)))  # Gumbel: a random choice by weight
        if self.row.prefers != "any":
            centre = np.full(len(rows), (count - 1) / 2.0)
            if self.row.prefers == "near":
                last = self.batch.slots["acting"][self.view.envs[rows], 1 - self.view.seats[rows]]  # seen on the board
                centre = np.where(last >= 0, last, centre)
            liking = liking - np.abs(np.arange(count) - centre[:, None])
        return np.where(best, liking, -np.inf).argmax(1)

    # --- looking ahead ---

    def _values(self, rows: np.ndarray, depth: int) -> np.ndarray:
        """The value of each move as this person sees it, float64 [len(rows), A]: 1 a win, -1 a loss; -inf where a move is not legal."""
        plies = [self._roots(rows)]
        for ply in range(1, depth + 1):
            before = plies[-1]
            if len(before.mover) == 0:
                break
            after = self._moves(before, rows)
            if ply <= 2:
                self._overlook(rows, before, after, ply)
            plies.append(after)
        for before, after in reversed(list(pairwise(plies[1:]))):
            self._back_up(rows, before, after)
        values = np.full((len(rows), self.game.num_actions), -np.inf)
        values[plies[1].root, plies[1].action] = plies[1].value
        return values

    def _roots(self, rows: np.ndarray) -> Positions:
        envs, seats = self.view.envs[rows], self.view.seats[rows]
        states, slots = self.batch.states[envs], self.batch.slots[envs]
        moment = self.batch.episode[envs], self.batch.slots["decisions"][envs, seats]
        states["rng"] = bits(self.batch.seed, self.batch.env_ids[envs], seats, *moment, 3)
        slots["bot"], slots["opening"], slots["delay"] = EXTERNAL, 0, 0
        zeros, numbers = np.zeros(len(rows)), np.arange(len(rows))
        return Positions(states, slots, seats.copy(), numbers, np.full(len(rows), -1), zeros - 1, zeros, zeros > 0)

    def _moves(self, before: Positions, rows: np.ndarray) -> Positions:
        """All positions that are one legal move further; those that are over lead nowhere."""
        kernel, count = self.batch.kernel, len(before.mover)
        masks = np.zeros((count, self.game.num_actions), np.uint8)
        open_ones = np.flatnonzero(~before.over & (before.mover >= 0))
        seats = np.maximum(before.mover, 0)
        kernel.mask_slice(0, count, before.states, before.slots, np.arange(count), seats, masks)
        parent, action = np.nonzero(masks[open_ones])
        parent = open_ones[parent]
        states, slots = before.states[parent], before.slots[parent]
        slots["returns"] = slots["pending_reward"] = 0.0
        size = len(parent)
        actions = np.full((size, self.game.players), -1, np.int64)
        actions[np.arange(size), before.mover[parent]] = action
        shape = (size, self.game.players)
        rewards, returns, end = np.zeros(shape), np.zeros(shape), np.zeros(size, np.uint8)
        final, ticks = np.zeros(size, self.game.state), np.zeros(size, np.int32)
        ids, levels = np.zeros(size, np.int64), self.batch.levels
        games = (states, slots, ids, np.uint64(0), levels, self.batch.bank)
        kernel.step_slice(0, size, *games, 1, False, actions, rewards, end, final, returns, ticks)
        over = end != RUNNING
        root = before.root[parent]
        seat = self.view.seats[rows[root]]
        each = np.arange(size)
        lead = returns[each, seat] - returns[each, 1 - seat]
        states[over] = final[over]
        mover = np.where(slots["asked"].any(1), slots["asked"].argmax(1), -1)
        return Positions(states, slots, mover, root, parent, action, np.where(end == OVER, np.sign(lead), 0.0), over)

    def _overlook(self, rows: np.ndarray, before: Positions, after: Positions, ply: int) -> None:
        """Leave out what the person does not see: some of their own wins (ply 1) and of the other's (ply 2)."""
        wanted = 1.0 if ply == 1 else -1.0
        ends = np.flatnonzero(after.over & (after.value == wanted))
        if len(ends) == 0:
            return
        seen = np.full(len(ends), self.row.wins if ply == 1 else self.row.blocks)
        if self.row.diagonal < 1.0:
            slanted = self._slanted(before, after, ends)
            seen[slanted] *= self.row.diagonal
        unseen = ends[self._chance(rows[after.root[ends]], 3 + ply, after.action[ends]) >= seen]
        after.value[unseen] = 0.0

    def _slanted(self, before: Positions, after: Positions, ends: np.ndarray) -> np.ndarray:
        """Where the line that a move completed is a slanted one, bool [len(ends)], by what the picture shows of the mover's."""
        found = np.zeros(len(ends), bool)
        keys = np.stack([after.root[ends], after.action[ends]], 1)
        _, first, same = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        shown = ends[first]
        actors = before.mover[after.parent[shown]]
        numbers = np.arange(len(shown))
        frames = [
            self.view.paint(states, numbers, actors) for states in (before.states[after.parent[shown]], after.states[shown])
        ]
        lines = np.array([is_slanted(*pair) for pair in zip(*(self._places(frame) for frame in frames), strict=True)], bool)
        found[:] = lines[same.reshape(-1)]
        return found

    def _places(self, objects: np.ndarray) -> Iterator[np.ndarray]:
        roles, centres, _ = shapes_of(self.game, objects)
        return (centres[k][roles[k] == ME] for k in range(len(objects)))

    def _back_up(self, rows: np.ndarray, before: Positions, after: Positions) -> None:
        """Write the value of each position that has moves: the best of them for the seat that moves there."""
        sign = np.where(before.mover == self.view.seats[rows[before.root]], 1.0, -1.0)
        best = np.full(len(before.value), -np.inf)
        np.maximum.at(best, after.parent, after.value * sign[after.parent])
        moved = np.isfinite(best)
        before.value[moved] = LATER * (best * sign)[moved]

    # --- checkpoints ---

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


def is_slanted(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether the longest row of pieces through the new one is a slanted one. [K, 2] and [K + 1, 2] places of pieces.

    >>> three = np.array([[0.0, 0.0], [12.0, 12.0], [24.0, 24.0]])
    >>> is_slanted(three[:2], three), is_slanted(three[:2], np.array([[0.0, 0.0], [12.0, 12.0], [0.0, 12.0]]))
    (True, False)
    """
    gaps = np.abs(after[:, None] - after[None])
    gaps = gaps[gaps > 0.5]
    if len(gaps) == 0:
        return False
    corner, unit = after.min(0), gaps.min()
    cells, old = ({(int(x), int(y)) for x, y in np.rint((places - corner) / unit).tolist()} for places in (after, before))
    new = cells - old
    if len(new) != 1:
        return False
    (column, row) = new.pop()

    def length(right: int, down: int) -> int:
        count = 0
        for way in (1, -1):
            step = 1
            while (column + way * step * right, row + way * step * down) in cells:
                count, step = count + 1, step + 1
        return count

    return max(length(1, 1), length(1, -1)) > max(length(1, 0), length(0, 1))
