"""The pace of environments that may be slow: the time limit inside an iteration, and a line that says what would help."""

import math
import os
from collections.abc import Callable
from time import perf_counter

from agents.algorithms.collector import OutOfTime
from agents.core.distributed import ProcessGroup

SLOW = 60.0  # seconds of an iteration from which it is called slow
WATCHED = 2.0  # seconds of decisions before that is said


class Pace:
    """Looks at the clock before each decision of an iteration, for the collector.

    >>> pace = Pace(ProcessGroup(), per_iteration=32, tell_slow=print)
    >>> pace.begin_iteration(deadline=perf_counter() - 1.0)
    >>> pace.before_step()
    Traceback (most recent call last):
    agents.algorithms.collector.OutOfTime
    """

    def __init__(self, group: ProcessGroup, per_iteration: int, tell_slow: Callable[[float], None]):
        """per_iteration: decisions of each row. tell_slow: called once with the seconds that a decision takes, if they are
        many: of all rows together."""
        self.group, self.per_iteration, self.tell_slow = group, per_iteration, tell_slow
        self.deadline, self.decisions = math.inf, 0  # of this iteration
        self._first = self._latest = 0.0  # when it decided
        self.shortest = math.inf  # seconds of a decision; the first ones may be longer, since they compile
        self._told = False

    def begin_iteration(self, deadline: float) -> None:
        """deadline: by `time.perf_counter`."""
        self.deadline, self.decisions = deadline, 0

    def before_step(self) -> None:
        """`OutOfTime` if the next decision would end after the deadline, or where a signal has come."""
        now = perf_counter()
        latest = now - self._latest if self.decisions else 0.0
        if self.group.signal and self.group.size == 1:  # one that the environment has swallowed
            self.group.raise_signals()
        if self.decisions:
            self.shortest = min(self.shortest, latest)
        else:
            self._first = now
        out_of_time = now + latest > self.deadline
        if not self._told and ((self.decisions > 1 and now - self._first > WATCHED) or (self.decisions and out_of_time)):
            self._told = True
            if self.shortest * self.per_iteration > SLOW:
                self.tell_slow(self.shortest)
        if out_of_time or self.group.signal:
            raise OutOfTime
        self._latest, self.decisions = now, self.decisions + 1


def slow_line(
    seconds: float,
    n_envs: int,
    per_iteration: int,
    steps: int,
    fewer_envs: bool,
    processes: int | None,
    cores: int = 0,
    divide_by: int = 1,
) -> str:
    """A line on an environment of which a decision of all copies takes so many seconds: how long it will take, what helps.

    n_envs: of all processes that train together. steps: of the run, 0 if only its time is limited. fewer_envs: do they shorten
    an iteration? processes: the setting env_processes; None if there is none. divide_by: so many name their part of the
    environments each, as torchrun's processes do.

    >>> print(slow_line(8.0, 32, 32, 200_000, True, 0, cores=2))
    Slow: 4.0 steps/s, 4.3 minutes an iteration, 13.9 hours in all. Shorter: --envs 7, --set env_processes=2
    >>> print(slow_line(8.0, 32, 32, 0, True, 4, cores=2))
    Slow: 4.0 steps/s, 4.3 minutes an iteration. Shorter: --envs 7
    >>> print(slow_line(8.0, 64, 32, 0, True, 4, cores=2, divide_by=2))
    Slow: 8.0 steps/s, 4.3 minutes an iteration. Shorter: --envs 7
    """
    cores = cores or os.cpu_count() or 1
    rate, iteration = n_envs / seconds, seconds * per_iteration
    in_all = f", {_duration(steps / rate)} in all" if steps else ""
    helps = []
    if fewer_envs and (envs := max(1, int(n_envs * SLOW / iteration / divide_by))) < n_envs // divide_by:
        helps.append(f"--envs {envs}")
    if processes == 0 and min(cores, n_envs) > 1:
        helps.append(f"--set env_processes={min(cores, n_envs)}")
    shorter = f" Shorter: {', '.join(helps)}" if helps else ""
    return f"Slow: {rate:.1f} steps/s, {_duration(iteration)} an iteration{in_all}.{shorter}"


def _duration(seconds: float) -> str:
    """
    >>> _duration(90), _duration(9000), _duration(900_000)
    ('1.5 minutes', '2.5 hours', '10.4 days')
    """
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"
