"""The stages of a run, which a child shows its parent while it trains: where a kill or a signal fell."""

import functools
import mmap
import struct
from collections.abc import Callable
from typing import Any

from numba.core import event

STAGES = (
    "starting", "compiling", "restoring", "collecting", "learning", "logging", "evaluating", "filming", "saving", "finishing",
    "iterating", "ended",
)  # fmt: skip


class Stages:
    """The stage of one child at a time, and how often each was entered; in memory that it shares with its parent."""

    def __init__(self):
        self.renew()

    def renew(self) -> None:
        """Share other memory from now on: a campaign's process has its own, beside another campaign's."""
        self.shared = mmap.mmap(-1, 8 * (1 + len(STAGES)))

    def clear(self) -> None:
        self.shared[:] = bytes(len(self.shared))

    def enter(self, stage: int) -> int:
        """Show that a stage begins; the one before."""
        before, place = self._get(0), 8 * (1 + stage)
        self._put(place, self._get(place) + 1)
        self._put(0, stage)
        return before

    def back_to(self, stage: int) -> None:
        self._put(0, stage)

    def now(self) -> str:
        return STAGES[self._get(0)]

    def entered(self, stage: str) -> int:
        """How often a stage was entered since `clear`."""
        return self._get(8 * (1 + STAGES.index(stage)))

    def _get(self, place: int) -> int:
        return struct.unpack("q", self.shared[place : place + 8])[0]

    def _put(self, place: int, value: int) -> None:
        self.shared[place : place + 8] = struct.pack("q", value)


SHOWN = Stages()


def staged(stage: str, call: Callable) -> Callable:
    """The call, during which `SHOWN` shows a stage."""
    number = STAGES.index(stage)

    @functools.wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        before = SHOWN.enter(number)
        try:
            return call(*args, **kwargs)
        finally:
            SHOWN.back_to(before)

    return wrapped


class Compiling(event.Listener):
    """Shows numba's compilation as a stage; compiling a function compiles those that it calls."""

    def __init__(self):
        self.before: list[int] = []

    def on_start(self, event):
        self.before.append(SHOWN.enter(STAGES.index("compiling")))

    def on_end(self, event):
        SHOWN.back_to(self.before.pop() if self.before else 0)


def install() -> None:
    """Let the stages of all runs of this process and its children show, from now on."""
    from agents.algorithms.dqn import DQN
    from agents.algorithms.on_policy import OnPolicy
    from agents.algorithms.ppo import PPO
    from agents.algorithms.pqn import PQN
    from agents.training.logs import Log
    from agents.training.trainer import Trainer

    places = [
        (Trainer, "_iterate", "iterating"), (Trainer, "_restore", "restoring"), (Trainer, "evaluate", "evaluating"),
        (Trainer, "_record_video", "filming"), (Trainer, "_save", "saving"), (Trainer, "_finish", "finishing"),
        (Log, "scalars", "logging"), (Log, "flush", "logging"), (OnPolicy, "collect", "collecting"),
        (PPO, "update", "learning"), (PQN, "update", "learning"), (DQN, "_collect", "collecting"), (DQN, "_update", "learning"),
    ]  # fmt: skip
    for owner, name, stage in places:
        setattr(owner, name, staged(stage, getattr(owner, name)))
    event.register("numba:compile", Compiling())
