"""Copies of an environment in worker processes of their own: for slow environments, and for those that cannot share one."""

import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import cloudpickle
import numpy as np
from gymnasium.vector import AutoresetMode

from agents.bridges.gym import env_worker
from agents.bridges.gym.copies import Results
from agents.bridges.gym.failures import in_words, tell_close_failed
from agents.bridges.gym.maker import EnvMaker
from agents.core import signals
from games.errors import EnvironmentFailed, UserError

FAREWELL = 5.0  # seconds that workers get to close their environments
ERRORS = {kind.__name__: kind for kind in (EnvironmentFailed, UserError)}


class ProcessCopies:
    """Copies in worker processes: copy k is in worker k modulo `processes`. Each worker steps its copies one after the other.

    Copies, seeds and results are those of `LocalCopies`. A worker that dies raises `EnvironmentFailed`.
    """

    mode = AutoresetMode.DISABLED

    def __init__(self, maker: EnvMaker, processes: int, num_copies: int = 0, module: str = ""):
        """module: imported in each worker before an environment is made; may be empty."""
        self.name, self.processes, self.num_copies = maker.name, processes, 0
        try:
            self._arguments = module, cloudpickle.dumps(maker)
        except Exception as error:  # a user's objects in the environment's spec
            raise UserError(
                f"{maker.name} cannot be made in another process: {in_words(error)}.\n"
                "Register it with an entry point and arguments that can be pickled, or leave out env_processes."
            ) from error
        self.workers: list[Worker] = []
        self.grow(num_copies)

    def grow(self, num_copies: int) -> None:
        """Make copies until there are so many, and the workers for them."""
        before, self.num_copies = self.num_copies, max(num_copies, self.num_copies)
        try:
            while len(self.workers) < min(self.processes, self.num_copies):
                self.workers.append(Worker(self.name, *self._arguments))
            counts = [len(range(k, self.num_copies, self.processes)) for k in range(len(self.workers))]
            if self.num_copies > before:
                self._ask({k: ("grow", (count,)) for k, count in enumerate(counts)})
        except BaseException:
            self.close()
            raise

    def begin(self, seed: int) -> Results:
        rows = np.arange(self.num_copies)
        return self.reset(rows, [seed + row for row in rows.tolist()])

    def reset(self, rows: np.ndarray, seeds: Sequence[int] | None = None) -> Results:
        questions = {}
        for k, places in self._places(rows):
            own_seeds = None if seeds is None else [int(seeds[place]) for place in places]
            questions[k] = "reset", (rows[places] // self.processes, own_seeds)
        return self._results(rows, questions)

    def step(self, actions: Any, rows: np.ndarray | None = None) -> Results:
        rows = np.arange(self.num_copies) if rows is None else rows
        return self._results(
            rows,
            {
                k: ("step", ([actions[place] for place in places], rows[places] // self.processes))
                for k, places in self._places(rows)
            },
        )

    def render(self, row: int) -> Any:
        return self._ask({row % self.processes: ("render", (row // self.processes,))})[row % self.processes]

    def close(self) -> None:
        for worker in self.workers:
            worker.begin_to_close()
        deadline = time.monotonic() + FAREWELL
        for worker in self.workers:
            worker.close(deadline)
        self.workers, self.num_copies = [], 0

    def _places(self, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Each worker that has some of the rows [B], and their places in it."""
        of_worker = rows % self.processes
        for k in range(len(self.workers)):
            places = np.flatnonzero(of_worker == k)
            if len(places):
                yield k, places

    def _results(self, rows: np.ndarray, questions: dict[int, Any]) -> Results:
        """The answers of several workers, in the order of the rows."""
        observations: list[Any] = [None] * len(rows)
        masks: list[Any] = [None] * len(rows)
        results = Results(observations, np.zeros(len(rows)), np.zeros(len(rows), bool), np.zeros(len(rows), bool), masks)
        answers = self._ask(questions)
        for k, places in self._places(rows):
            results.rewards[places] = answers[k].rewards
            results.terminated[places] = answers[k].terminated
            results.truncated[places] = answers[k].truncated
            for place, observation, mask in zip(places, answers[k].observations, answers[k].masks, strict=True):
                observations[place], masks[place] = observation, mask
        return results

    def _ask(self, questions: dict[int, tuple[str, tuple]]) -> dict[int, Any]:
        """Ask several workers at once. All are heard before an error of one is raised."""
        failed: list[Exception] = []
        answers = {}
        for k, question in questions.items():
            with suppress(OSError):  # a worker that is gone is told when its answer fails to come
                self.workers[k].connection.send(question)
        for k in questions:
            try:
                answers[k] = self.workers[k].answer(self._copies_of(k))
            except Exception as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return answers

    def _copies_of(self, worker: int) -> str:
        """The copies of a worker in words.

        >>> copies = ProcessCopies.__new__(ProcessCopies)
        >>> copies.processes, copies.num_copies = 2, 5
        >>> copies._copies_of(0), copies._copies_of(1)
        ('copies 0, 2 and 4', 'copies 1 and 3')
        """
        numbers = [str(row) for row in range(worker, self.num_copies, self.processes)]
        if len(numbers) == 1:
            return f"copy {numbers[0]}"
        return f"copies {', '.join(numbers[:-1])} and {numbers[-1]}"


class Worker:
    """A worker process and the connection to it."""

    def __init__(self, name: str, module: str, maker: bytes):
        """name: of the environment, for messages. module, maker: see `env_worker.run`."""
        self.name = name
        context = multiprocessing.get_context("spawn")  # threads of torch's and of environments do not survive a fork
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=env_worker.run, args=(theirs, module, maker), daemon=True)
        with _signals_blocked():
            self.process.start()
        theirs.close()

    def answer(self, copies: str) -> Any:
        """Wait for the answer to a question; raises the error that came instead. copies: of the worker, in words."""
        try:
            error, value = self.connection.recv()
        except (EOFError, OSError) as gone:
            raise EnvironmentFailed(f"{self.name}: the process of {copies} has ended, {self._exit()}.") from gone
        if error:
            raise ERRORS.get(error, RuntimeError)(value)
        return value

    def begin_to_close(self) -> None:
        """Ask it to close its environments and end."""
        with suppress(OSError, ValueError):
            self.connection.send(("close", ()))

    def close(self, deadline: float) -> None:
        """Wait until it has ended; after the deadline, in seconds of `time.monotonic`, it is killed."""
        with suppress(EOFError, OSError, ValueError):
            while self.connection.poll(max(0.0, deadline - time.monotonic())):
                error, value = self.connection.recv()  # perhaps of an earlier question
                if not error and isinstance(value, str) and value:
                    tell_close_failed(self.name, value)
        self.process.join(max(0.1, deadline - time.monotonic()))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()

    def _exit(self) -> str:
        """How it has ended, in words."""
        self.process.join(FAREWELL)
        code = self.process.exitcode
        if code is None:
            return "though it still runs"
        name = f" ({signal.Signals(-code).name})" if code < 0 and -code in set(signal.Signals) else ""
        return f"with exit code {code}{name}"


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Keep Ctrl-C from a process that is started in here, until it unblocks the signals itself."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals.ending_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
