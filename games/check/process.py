"""Separate processes: for code that might never end, must not share memory, or must run as plain Python.

There is one for compiled code and one for plain Python, each of which does its tasks one after another: to start one takes
a second, most of it for the import of numba. Tasks that are begun ahead run while this process checks other things.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np

import games
from games import core
from games.check.definition import Failed, describe
from games.engine.loader import Game

PATIENCE = 120.0  # time limit of a task, seconds
FAILED_CHILD = 3  # exit code of a child that has found a problem
ROOT = Path(games.__file__).parents[1]

Arrays = dict[str, np.ndarray]
Task = Callable[[Game, bytes], Arrays]
TASKS: dict[str, Task] = {}  # the functions that checks run in a separate process, by name
PLAIN_TASKS: set[str] = set()  # those of them that run as plain Python


def task(plain: bool = False) -> Callable[[Task], Task]:
    """A decorator that adds a function to TASKS. plain: it runs as plain Python."""

    def add(function: Task) -> Task:
        TASKS[function.__name__] = function
        if plain:
            PLAIN_TASKS.add(function.__name__)
        return function

    return add


class Child:
    """A process that does tasks on a game, one after another; after one that fails, another process takes its place."""

    def __init__(self, game: Game, plain: bool):
        self.game, self.plain = game, plain
        self.process: subprocess.Popen | None = None
        self.said: IO[str] | None = None  # what the process writes to standard error
        self.ended = False
        self.waiting: dict[tuple[str, bytes], Future] = {}  # tasks that were begun ahead
        self.thread = ThreadPoolExecutor(1, "task")

    def begin(self, work: Task, given: bytes = b"") -> Future:
        """Do a task as soon as those before it are done."""
        if (work.__name__, given) not in self.waiting:
            self.waiting[work.__name__, given] = self.thread.submit(self._do, work.__name__, given)
        return self.waiting[work.__name__, given]

    def result(self, work: Task, given: bytes = b"") -> Arrays:
        """The arrays of a task, which may have been begun ahead; `Failed` if it failed."""
        future = self.begin(work, given)
        del self.waiting[work.__name__, given]
        return future.result()

    def end(self) -> None:
        """End the process, whatever it is at."""
        self.ended = True
        self.thread.shutdown(wait=False, cancel_futures=True)
        self._stop()
        self.thread.shutdown()

    def _start(self) -> subprocess.Popen:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        env["NUMBA_DISABLE_JIT"] = "1" if self.plain else "0"
        self.said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - `_stop` closes it
        command = [sys.executable, "-m", "games.check", "--child", str(self.game.path)]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.said}
        self.process = process = subprocess.Popen(command, env=env, text=True, **streams)  # type: ignore[call-overload]
        if self.ended:  # meanwhile
            process.kill()
        return process

    def _stop(self) -> None:
        """End the process; first of all, as whoever reads from it holds its pipe."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self.said):
            with contextlib.suppress(OSError):  # a request that it did not read is lost
                if stream:
                    stream.close()

    def _do(self, name: str, given: bytes) -> Arrays:
        with tempfile.TemporaryDirectory(prefix="sparring-check-") as folder:
            Path(folder, "in").write_bytes(given)
            if self._answered(json.dumps([name, folder])):
                with np.load(Path(folder, "out.npz"), allow_pickle=False) as arrays:
                    return {key: arrays[key] for key in arrays.files}
            self._stop()
            found = json.loads(Path(folder, "problem.json").read_text("utf-8"))
            raise Failed(found["problem"], found["functions"])

    def _answered(self, request: str) -> bool:
        """Whether the process has done a task; False if it found a problem, `Failed` if it died or takes too long."""
        process = self.process or self._start()
        assert process.stdin and process.stdout
        too_long = threading.Event()

        def give_up() -> None:
            too_long.set()
            process.kill()

        late = threading.Timer(PATIENCE, give_up)
        late.start()
        try:
            with contextlib.suppress(OSError):
                process.stdin.write(request + "\n")
                process.stdin.flush()
            answer = process.stdout.readline().strip()
        finally:
            late.cancel()
        if answer:
            return answer == "done"
        code = process.wait()
        said = self._last_words()
        self._stop()
        if too_long.is_set():
            raise Failed(f"still at work after {PATIENCE:.0f} s: a loop without an end?")
        raise Failed(said if code == FAILED_CHILD else f"the process died (exit {code}): {said}")

    def _last_words(self) -> str:
        assert self.said
        self.said.seek(0)
        said = self.said.read().strip().splitlines()
        return said[-1] if said else "it said nothing"


CHILDREN: dict[tuple[Path, bool], Child] = {}  # by the game's file, and whether it runs as plain Python


@contextlib.contextmanager
def children(game: Game) -> Iterator[None]:
    """While checks on a game run: its processes, which end with the context."""
    keys = [(game.path, plain) for plain in (False, True)]
    mine = [key for key in keys if key not in CHILDREN]
    CHILDREN.update({key: Child(game, key[1]) for key in mine})
    try:
        yield
    finally:
        for key in mine:
            CHILDREN.pop(key).end()


def ahead(game: Game, work: Task) -> None:
    """Begin a task whose result a later check will ask for. Only in the context of `children`."""
    CHILDREN[game.path, work.__name__ in PLAIN_TASKS].begin(work)


def elsewhere(game: Game, work: Task, given: bytes = b"") -> Arrays:
    """Run a task on a game in another process and return its arrays; `Failed` if it fails, dies, or takes too long."""
    with children(game):
        return CHILDREN[game.path, work.__name__ in PLAIN_TASKS].result(work, given)


def child(path: str) -> None:
    """The main function of such a process, which ends with its standard input."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a game prints is no answer
    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=read_requests, args=[requests], daemon=True).start()
    if core.PLAIN:
        np.seterr(over="raise")
    while True:
        name, folder = json.loads(requests.get())
        print("done" if do_task(name, Path(folder), path) else "failed", file=answers, flush=True)


def read_requests(requests: queue.Queue) -> None:
    """Pass on the lines of standard input; end the process with it, whatever it is at."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def do_task(name: str, folder: Path, path: str) -> bool:
    """Do a task and write its arrays; False, and a problem, if it failed."""
    game = None
    try:
        game = games.load(path)
        np.savez(folder / "out.npz", **TASKS[name](game, (folder / "in").read_bytes()))  # type: ignore[arg-type]
        return True
    except Exception as error:  # a broken game may raise anything
        found = {"problem": describe(error, game), "functions": getattr(error, "functions", ())}
        (folder / "problem.json").write_text(json.dumps(found), "utf-8")
        return False
