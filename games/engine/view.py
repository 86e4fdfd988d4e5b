"""`View`: the observations of a batch's seats. Each agent has its own, so agents with different observations share a batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from games.core import AGENT_ROLES
from games.engine.batch import OVER, Batch
from games.engine.loader import Game
from games.engine.raster import OBJECT, tiles_in_view
from games.errors import UserError, nearest

OBSERVATIONS = ("pixels", "planes", "objects")


def frame_shape(game: Game, observation: str, size: int) -> tuple[int, ...]:
    """The shape of one frame: (size, size) for pixels, (roles, size, size) for planes, (numbers,) for objects."""
    if observation == "pixels":
        return (size, size)
    if observation == "planes":
        return (AGENT_ROLES, size, size)
    if observation == "objects":
        rows, columns = tiles_in_view(game.grid, game.world)
        tiles = rows * columns + 2 if rows else int(np.prod(game.grid or 0))
        return (game.shapes * OBJECT + tiles,)
    raise UserError(f"There is no observation '{observation}'.\n{nearest(observation, OBSERVATIONS)}")


def check_shapes(batch: Batch) -> None:
    """`UserError` if a frame of a user's own game has more shapes than SHAPES: agents would not see the rest.

    Looks only at the current state of the first environment; `games.check` looks at whole episodes.
    """
    game = batch.game
    if game.shipped:
        return
    frames = np.zeros(game.players, game.frame_dtype())
    rows = np.arange(game.players)
    batch.kernel.frame_slice(0, game.players, batch.states, np.zeros_like(rows), rows, frames, 0)
    most = int(frames["count"].max())
    if most > game.shapes:
        raise UserError(
            f"{game.shown}: draw emits {most} shapes, and SHAPES is {game.shapes}.\nSet SHAPES = {most}, or what is the most."
        )


class View:
    """The observations of some rows (environment, seat) of a batch: the newest `stack` frames of each, oldest first.

    `observe` returns [R, stack, *frame]: uint8 for pixels and planes, float32 for objects; frames from before an episode
    began are zeros. A mirrored seat sees left and right exchanged, so its actions and masks are numbered as it sees them
    (view actions); `to_world` translates them into the batch's numbers (world actions).
    """

    def __init__(
        self,
        batch: Batch,
        rows: Sequence[tuple[int, int]] | np.ndarray,
        observation: str = "pixels",
        size: int = 84,
        stack: int = 4,
    ):
        """rows: [R, 2] environment and seat of each row. size: of pixels and planes, 8 to 256. stack: frames, 1 to 16."""
        if not 8 <= size <= 256:
            raise UserError(f"An observation's size is from 8 to 256, not {size}.")
        if not 1 <= stack <= 16:
            raise UserError(f"A stack is from 1 to 16 frames, not {stack}.")
        self.batch, self.game = batch, batch.game
        self.observation, self.size, self.stack = observation, size, stack
        pairs = np.asarray(rows, np.int64).reshape(-1, 2)
        self.envs, self.seats = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
        self.rows = len(pairs)
        # The common case, the same seat of every environment, needs no index arrays.
        whole = np.array_equal(self.envs, np.arange(batch.num_envs)) and len(set(self.seats.tolist())) == 1
        self._seat = int(self.seats[0]) if whole else None
        self.frame = frame_shape(self.game, observation, size)
        self.shape = (stack, *self.frame)
        self.dtype = np.dtype(np.float32 if observation == "objects" else np.uint8)
        threads = batch.workers.threads
        self._frames = np.zeros(threads, self.game.frame_dtype())
        self._scratch = np.zeros((threads, size + 8))
        self._paint = self._compiled_paint()
        self._episode = np.full(self.rows, -1, np.int64)  # the episode of each row's stack; -1: none
        self._last = np.zeros((self.rows, *self.shape), self.dtype)
        self._mirrored = (self.seats == 1) if self.game.mirror else np.zeros(self.rows, bool)
        self._swap = self.game.swap

    def _compiled_paint(self) -> Any:
        return getattr(self.batch.kernel, f"{self.observation}_slice")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_paint"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._paint = self._compiled_paint()

    def paint(self, states: np.ndarray, envs: np.ndarray, seats: np.ndarray) -> np.ndarray:
        """Single frames of the given states, [R, *frame]."""
        out = np.zeros((len(envs), *self.frame), self.dtype)
        self._paint_into(states, envs, seats, out[:, None])
        return out

    def _paint_into(self, states, envs, seats, out) -> None:
        self.batch.workers.run(
            len(envs),
            lambda lo, hi, k: self._paint(lo, hi, states, envs, seats, self._frames[k : k + 1], self._scratch[k], out),
        )

    def observe(self, out: np.ndarray | None = None, among: np.ndarray | None = None) -> np.ndarray:
        """The observation of every row, [R, stack, *frame]. Call it once after each `step`.

        A row that is not asked keeps the observation of when it was last asked in this episode (zeros if never).
        out: the array to write into; the caller must not change it before the next call.
        among: bool [R], the only rows to look for; the others count as not asked.
        """
        last = self._last
        if out is None:
            out = last if self.stack == 1 else np.empty_like(last)
        if self._seat is None:
            asked, episode = self.batch.asked[self.envs, self.seats] == 1, self.batch.episode[self.envs]
        else:
            asked, episode = self.batch.asked[:, self._seat] == 1, self.batch.episode.copy()
        if among is not None:
            asked = asked & among
        new, self._episode = episode != self._episode, episode
        if self.stack > 1:
            out[:, :-1] = last[:, 1:]
            out[new, :-1] = 0
        if asked.all():
            self._paint_into(self.batch.states, self.envs, self.seats, out)
        else:
            waiting = ~asked
            if out is not last:
                out[waiting] = last[waiting]
            out[waiting & new] = 0
            rows = np.flatnonzero(asked)
            out[rows, -1] = self.paint(self.batch.states, self.envs[rows], self.seats[rows])
        self._last = out
        return out

    def clear_stacks(self, rows: np.ndarray | slice = slice(None)) -> None:
        """Empty the stacks of all rows, or of some: after `batch.reset`, which may begin the same episode again."""
        self._episode[rows] = -1

    def newest(self) -> np.ndarray:
        """The array that `observe` returned last."""
        return self._last

    def final(self, rows: np.ndarray) -> np.ndarray:
        """The last observation of an episode that ended, [len(rows), stack, *frame]. Call it between `step` and `observe`."""
        out = np.zeros((len(rows), *self.shape), self.dtype)
        if self.stack > 1:
            out[:, :-1] = self._last[rows, 1:]
        out[:, -1] = self.paint(self.batch.final, self.envs[rows], self.seats[rows])
        return out

    def final_masks(self, rows: np.ndarray) -> np.ndarray:
        """uint8 [len(rows), A], view actions: legal in the state in which time ran out; all 0 if the rules ended it."""
        batch, envs, seats = self.batch, self.envs[rows], self.seats[rows]
        masks = np.zeros((len(rows), self.game.num_actions), np.uint8)
        slots: Any = np.zeros(len(rows), batch.slots.dtype)
        slots["asked"] = 1
        batch.kernel.mask_slice(0, len(rows), batch.final[envs], slots, np.arange(len(rows)), seats, masks)
        masks[batch.end[envs] == OVER] = 0
        mirrored = self._mirrored[rows]
        masks[mirrored] = masks[mirrored][:, self._swap]
        return masks

    def masks(self) -> np.ndarray:
        """uint8 [R, A], view actions: each row's legal actions; all 0 for a row that is not asked."""
        masks = np.zeros((self.rows, self.game.num_actions), np.uint8)
        self.batch.workers.run(
            self.rows,
            lambda lo, hi, k: self.batch.kernel.mask_slice(
                lo, hi, self.batch.states, self.batch.slots, self.envs, self.seats, masks
            ),
        )
        if self._mirrored.any():
            masks[self._mirrored] = masks[self._mirrored][:, self._swap]
        return masks

    def to_world(self, actions: np.ndarray) -> np.ndarray:
        """Translate the rows' view actions, int64 [R], into world actions."""
        if self._mirrored.any():
            return np.where(self._mirrored, self._swap[actions], actions)
        return actions

    def act(self, actions: np.ndarray, into: np.ndarray) -> None:
        """Write the rows' view actions, as world actions, into the actions of a batch, int64 [N, P]."""
        into[self.envs, self.seats] = self.to_world(actions)

    def state(self) -> dict[str, np.ndarray]:
        """A copy of the view's state for a snapshot: the newest stacks and the episodes they belong to."""
        return {"last": self._last.copy(), "episode": self._episode.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a `state`; `ValueError` if its arrays differ from this view's in shape or dtype."""
        for name, current in self.state().items():
            if state[name].shape != current.shape or state[name].dtype != current.dtype:
                raise ValueError(
                    f"{name} of a view is {state[name].dtype} {state[name].shape}, not {current.dtype} {current.shape}"
                )
        self._last, self._episode = state["last"].copy(), state["episode"].copy()
