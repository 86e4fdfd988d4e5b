"""`ThreadedPlayer`: the player of a seat who decides in a thread, so that a slow decision never holds the window."""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Any

import numpy as np

from games.core import TICKS_PER_SECOND
from games.engine.batch import Batch
from games.engine.players import SeatPlayer

Make = Callable[[Batch, Sequence[tuple[int, int]]], SeatPlayer]  # seats a player in rows (environment, seat) of a batch
WAITS = 0.5  # of the time between two decisions: for so long the window waits for one, at most


class ThreadedPlayer:
    """Seats a player in a copy of a board's batch, which is as the board was when the seat was asked.

    A decision is in time if it is there when it has to take effect: then the game goes on as if it had been made at once.
    """

    def __init__(self, batch: Batch, seat: int, make: Make, thread: ThreadPoolExecutor):
        """batch: of one environment.    thread: a single one; players that use the same agent need the same."""
        self.seat, self._batch, self._thread = seat, batch, thread
        self._seen = copy.deepcopy(batch)
        self.player = make(self._seen, [(0, seat)])
        self.frame_skip, self.delay = int(self._seen.frame_skip[0, seat]), int(self._seen.delay[0, seat])
        self.late = 0  # decisions of this episode that were not in time
        self.left = 0  # of the last action, ticks until it takes effect
        self._actions = np.zeros((1, batch.game.players), np.int64)
        self._work: Future[Any] | None = None  # the decision that is being made, or an earlier state that is being restored
        self._dropped = False  # nobody waits for that decision any more
        self._ticks = 0  # since it was begun
        self._seconds = 0.0  # that the last decision took
        self._state: Any = None
        self.sit()

    def sit(self) -> None:
        """Take the seat: its decisions are as many, and as late, as the player's are."""
        self._batch.frame_skip[0, self.seat], self._batch.delay[0, self.seat] = self.frame_skip, self.delay

    @property
    def is_busy(self) -> bool:
        """Whether it decides at this moment."""
        return self._work is not None

    def decide(self, asked: bool, patient: bool) -> int | None:
        """Its action for this tick, which takes effect in `left` ticks; None if there is none yet. Call it once a tick.

        asked: a decision is due. It is not begun while an earlier one is being made.    patient: wait however long it takes.
        """
        action = self._taken(0.0)
        answered = action is not None and self._batch.game.turns  # in real time, a late one answers an earlier question
        if asked and self._work is None and not answered:
            self._begin()
            if action is None:
                action = self._taken(None if patient else self._longest_wait)
        if self._work is not None:
            self.late += self._ticks == self.delay and not self._dropped and not self._batch.game.turns
            self._ticks += 1
        return action

    @property
    def _longest_wait(self) -> float:
        """Seconds; 0 for one whose last decision took longer than the window can wait."""
        seconds = WAITS * self.frame_skip / TICKS_PER_SECOND
        return seconds if self._seconds <= seconds else 0.0

    def _begin(self) -> None:
        for seen, now in zip(self._seen.arrays().values(), self._batch.arrays().values(), strict=True):
            seen[...] = now
        self._ticks, self._dropped = 0, False
        self._work = self._thread.submit(self._decide)

    def _decide(self) -> int:
        begun = perf_counter()
        self.player.act(self._actions)
        self._seconds = perf_counter() - begun
        return int(self._actions[0, self.seat])

    def _taken(self, seconds: float | None) -> int | None:
        """The action that it has chosen, after waiting for so long at most; None if there is none."""
        if self._work is None:
            return None
        try:
            action = self._work.result(seconds)
        except TimeoutError:
            if not self._work.done():
                return None
            raise
        self._work, self.left = None, max(self.delay - self._ticks, 0)
        return None if self._dropped else action

    def drop(self) -> None:
        """Let the decision that is being made come to nothing: another game has begun, or somebody else sits here."""
        self._dropped = True

    # --- moments ---

    def state(self) -> Any:
        """All that the player needs to go on from here; while it decides, that from before. None if it keeps nothing."""
        if self._work is None and hasattr(self.player, "state"):
            self._state = self.player.state()
        return self._state

    def restore(self, state: Any) -> None:
        """Go on from a `state`, if need be once the decision that is being made has come to nothing."""
        self.drop()
        if state is None:
            return
        restore: Callable[[Any], None] = self.player.restore  # type: ignore[attr-defined]
        if self._work is None:
            restore(state)
        else:
            self._work = self._thread.submit(restore, state)
        self._state = state
