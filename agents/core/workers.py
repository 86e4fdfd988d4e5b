"""Processes of one machine that train one network together, begun by the command itself: `train.py pong --workers 2`.

The process that somebody begins is rank 0. It begins the others with its own command line, and they meet by way of a file.
What they do together, `agents.core.distributed` has, as of processes that torchrun has begun.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agents.core import signals
from games.errors import UserError

# Trains with the others, and gives the exit code. It is given a function that raises `UserError` if one of them is gone.
Together = Callable[[Callable[[], None] | None], int]

MEETING, PARENT = "SPARRING_MEETING", "SPARRING_PARENT"  # a worker's environment: the file, and rank 0's process id
FAREWELL = 10.0  # seconds in which workers may end by themselves
MOST = 4  # workers, where nobody has said how many: each takes as much memory as a process alone


def meeting() -> str:
    """The file in which this process meets the others; empty where torchrun began them, or nobody did."""
    return os.environ.get(MEETING, "")


def remove_meeting_place() -> None:
    """Remove the folder in which this process has met the others, where there is one: before an end at once."""
    if meeting():
        shutil.rmtree(os.path.dirname(meeting()), ignore_errors=True)


def default_count(device: str | None = None) -> int:
    """The number of workers that use this machine's cores well: 1, 2 or 4.

    1 where memory cannot be shared, and where there is a GPU that `device` does not rule out.
    """
    if not hasattr(socket, "send_fds") or (device != "cpu" and _has_cuda_driver()):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(count for count in (1, 2, MOST) if count <= cores)


def _has_cuda_driver() -> bool:
    """Told without torch, which takes seconds to load."""
    with contextlib.suppress(OSError):
        return bool(ctypes.CDLL("libcuda.so.1"))
    return False


def run(count: int, script: Path, together: Together) -> int:
    """Begin `count - 1` more processes of a command, and train with them; the exit code.

    None of them is left when this returns or raises. `UserError` where one of them ends before all are there.
    """
    with _exits_on_signals(), _meeting_place(count), contextlib.ExitStack() as last, contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_worker(rank, script)) for rank in range(1, count)]
        code = together(lambda: _check(workers))
        last.enter_context(signals.interrupts_ignored())  # until the workers have ended
        until = time.monotonic() + FAREWELL
        for worker in workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(max(0.0, until - time.monotonic()))
        return code


@contextlib.contextmanager
def _exits_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP, before a training has its handlers, end this process as `sys.exit` does: nothing is left."""

    def leave(number: int, frame: Any) -> None:
        sys.exit(128 + number)

    numbers = [number for number in signals.ending_signals() if signal.getsignal(number) == signal.SIG_DFL]
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _meeting_place(count: int) -> Iterator[None]:
    """Make this process rank 0 of so many, which meet in a file of a new folder."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="sparring-", ignore_cleanup_errors=True) as folder:
        many, meeting_file = str(count), os.path.join(folder, "meeting")
        os.environ.update({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": many, "LOCAL_WORLD_SIZE": many})
        os.environ.update({MEETING: meeting_file, PARENT: str(os.getpid())})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextlib.contextmanager
def _worker(rank: int, script: Path) -> Iterator[subprocess.Popen]:
    """Another process of this command. In the end it is ended, if it has not done so itself."""
    from games.engine import cache  # numba loads here

    place, interrupts = {"RANK": str(rank), "LOCAL_RANK": str(rank), "SPARRING_CACHE": str(cache.root())}, []
    before = signal.getsignal(signal.SIGINT)
    if callable(before):  # not where it is ignored, as it is then by the worker too
        signal.signal(signal.SIGINT, lambda *_: interrupts.append(True))  # raised in Popen it would leave the worker behind
    try:
        process = subprocess.Popen([sys.executable, script, *sys.argv[1:]], env={**os.environ, **place})
    except BaseException:
        signal.signal(signal.SIGINT, before)
        raise
    try:
        signal.signal(signal.SIGINT, before)
        if interrupts:
            raise KeyboardInterrupt
        yield process
    finally:
        process.terminate()  # nothing, where it has ended
        try:
            process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _check(workers: list[subprocess.Popen]) -> None:
    """`UserError` if one of them has ended."""
    for worker in workers:
        if worker.poll() is not None:
            raise UserError(f"A worker has ended with exit code {worker.returncode} before the training began.")


def run_worker(together: Together) -> int:
    """Train as one of several processes, begun by `run` or by torchrun; the exit code."""
    try:
        return together(_check_parent if meeting() else None)
    finally:
        if meeting() and _parent_is_gone():  # and has left its folder
            remove_meeting_place()


def _parent_is_gone() -> bool:
    return os.getppid() != int(os.environ[PARENT])


def _check_parent() -> None:
    """`UserError` if the process that began this one is gone, or tidies up."""
    if _parent_is_gone() or not os.path.isdir(os.path.dirname(meeting())):
        raise UserError("The process that began this worker is gone.")
