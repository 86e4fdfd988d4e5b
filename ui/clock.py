"""A clock with an exact tick rate: each tick has a deadline counted from the start, so that errors do not add up.

(`pygame.time.Clock.tick(60)` sleeps whole milliseconds and runs at 62.5 Hz.)
"""

import time
from collections.abc import Callable
from typing import Protocol

RATE = 60.0  # ticks a second: `games.core.TICKS_PER_SECOND`, without which the first picture is there before numba
MOST_DUE = 6  # ticks caught up at once; more are dropped, so that on a slow machine the game slows down


class TickSource(Protocol):
    """The part of a clock that the window uses."""

    def wait(self) -> int:
        """Wait for the next tick; the number of ticks that are due."""
        ...


class Clock:
    """Tick n is due n / rate seconds after the start. `dropped` counts the ticks that were dropped."""

    def __init__(
        self,
        rate: float = RATE,
        now: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ):
        """now: monotonic time in seconds. sleep: waits at least so many seconds."""
        self.rate, self.now, self.sleep = rate, now, sleep
        self.dropped = 0
        self.restart()

    def restart(self) -> None:
        """Restart the count: the next tick is due one period from now."""
        self._start, self._done = self.now(), 0

    def wait(self) -> int:
        """Sleep until the next deadline; returns the number of ticks due since the last call, 1 to `MOST_DUE`."""
        deadline = self._start + (self._done + 1) / self.rate
        while (left := deadline - self.now()) > 0.0:
            self.sleep(left)
        due = int((self.now() - self._start) * self.rate + 1e-6) - self._done
        due = max(due, 1)
        self._done += due
        if due > MOST_DUE:
            self.dropped += due - MOST_DUE
            due = MOST_DUE
        return due
