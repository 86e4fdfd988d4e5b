"""Children of a campaign's process: forked, watched, ended after a time limit, with their output kept.

A child is a process of its own, so that a crash or a hang is counted. It is forked rather than started, since importing torch
takes seconds. (The parent therefore starts no threads and computes no gradients.)
"""

import atexit
import contextlib
import faulthandler
import json
import mmap
import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from games.errors import UserError
from tests.trust.report import Report

LIVING: set[int] = set()  # children that have not been waited for
CODES: dict[int, int] = {}  # exit codes of those that have
FAILED = 70  # exit code of a child whose call raised


@dataclass
class Outcome:
    """The end of a child."""

    code: int  # its exit code; -N: signal N ended it
    text: str  # what it printed, on both streams
    hung: bool = False

    @property
    def has_traceback(self) -> bool:
        return any(
            word in self.text for word in ("Traceback (most recent call last)", "Fatal Python error", "Exception ignored")
        )

    @property
    def crashed(self) -> bool:
        return self.code in {
            -number for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
        }


def patience(seconds: float) -> float:
    """A time limit on this machine now: many times longer where other programs want its cores."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def fork(call: Callable[[], int], output: Path) -> int:
    """Run `call` in a child, which exits with what it returns; the child's number."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        LIVING.add(pid)
        return pid
    code = FAILED
    try:
        os.setpgid(0, 0)  # so that processes that it starts can be ended with it
        LIVING.clear()  # the parent's are not its own
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, however the parent was begun
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        faulthandler.enable()
        code = call()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def execute(words: Sequence[str], output: Path, **environment: str) -> int:
    """Run a command in a child; its number."""

    def replace() -> int:
        os.execve(words[0], list(words), {**os.environ, "PYTHONFAULTHANDLER": "1", **environment})

    return fork(replace, output)


def ended(pid: int) -> int | None:
    """The exit code of a child that has ended, else None."""
    if pid in CODES:
        return CODES[pid]
    found, status = os.waitpid(pid, os.WNOHANG)
    return _note(pid, status) if found else None


def _note(pid: int, status: int) -> int:
    with contextlib.suppress(OSError):  # mostly nobody is left
        os.killpg(pid, signal.SIGKILL)
    LIVING.discard(pid)
    CODES[pid] = os.waitstatus_to_exitcode(status)
    return CODES[pid]


def kill(pid: int) -> int:
    """End a child with SIGKILL; its exit code, which is another if it had ended before."""
    if ended(pid) is None:
        os.kill(pid, signal.SIGKILL)
        _note(pid, os.waitpid(pid, 0)[1])
    return CODES[pid]


def wait(pid: int, output: Path, seconds: float) -> Outcome:
    """Wait for the end of a child; one that takes longer is told to say where it is, and ended."""
    began = time.monotonic()
    while (code := ended(pid)) is None:
        if time.monotonic() > began + patience(seconds):
            return Outcome(abort(pid), output.read_text("utf-8", "replace"), hung=True)
        time.sleep(0.002)
    return Outcome(code, output.read_text("utf-8", "replace"))


def abort(pid: int) -> int:
    """End a child, after it has printed where each of its threads is; its exit code."""
    os.kill(pid, signal.SIGABRT)  # faulthandler prints
    limit = time.monotonic() + 5.0
    while ended(pid) is None and time.monotonic() < limit:
        time.sleep(0.01)
    return kill(pid)


def end_all(number: int = signal.SIGKILL) -> None:
    """End the children that are left, after an interrupt. number: of the signal; SIGTERM, where they have children to end."""
    for pid in list(LIVING):
        if ended(pid) is None:
            os.kill(pid, number)
            _note(pid, os.waitpid(pid, 0)[1])


# --- many small cases in one child ------------------------------------------------------------------------------------


class Pulse:
    """Two numbers that a child shows its parent: the case it is at, and how often its heart has beaten."""

    def __init__(self):
        self.shared = mmap.mmap(-1, 16)

    def show(self, case: int) -> None:
        self.shared[:8] = struct.pack("q", case)
        self.beat()

    def beat(self) -> None:
        """Say that the case goes on: the time limit begins anew."""
        beats = struct.unpack("q", self.shared[8:])[0]
        self.shared[8:] = struct.pack("q", beats + 1)

    def read(self) -> tuple[int, int]:
        return struct.unpack("qq", self.shared[:])


def run_cases(
    report: Report,
    names: Sequence[str],
    call: Callable[[str, Callable[[], None]], str | Iterable[tuple[str, int]]],
    folder: Path,
    seconds: float,
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Run cases one after the other in a child; after a crash or a hang the next one, in another.

    call: given a case's name and a function that begins the time limit of `seconds` anew; it returns what is counted, and
    raises what is wrong: AssertionError is a loss, and anything else a traceback. prepare: called first in each child.
    """
    pulse, results, output, start = Pulse(), folder / "results.jsonl", folder / "output.txt", 0
    results.write_text("")

    def child() -> int:
        prepare()
        with open(results, "a", buffering=1) as file:
            for number in range(start, len(names)):
                pulse.show(number)
                file.write(json.dumps(_outcome(names[number], call, pulse.beat)) + "\n")
        return 0

    while start < len(names):
        pulse.show(start)
        pid = fork(child, output)
        code = _watch(pid, pulse, seconds)
        if code == 0:
            break
        at = pulse.read()[0]
        text = output.read_text("utf-8", "replace")
        report.add("hangs" if code is None else "tracebacks", names[at], text or f"It ended with {code}.")
        start = at + 1
    for line in results.read_text("utf-8").splitlines():
        found = json.loads(line)
        for what, number in found.get("counted", []):
            report.tried[what] += number
        if "kind" in found:
            report.add(found["kind"], found["case"], found["text"])


def _watch(pid: int, pulse: Pulse, seconds: float) -> int | None:
    """The exit code of a child; None for one whose heart stood still for so long, which is ended."""
    seen, began = pulse.read(), time.monotonic()
    while (code := ended(pid)) is None:
        if (now := pulse.read()) != seen:
            seen, began = now, time.monotonic()
        if time.monotonic() > began + patience(seconds):
            abort(pid)
            return None
        time.sleep(0.01)
    return code


def _outcome(name: str, call: Callable, beat: Callable[[], None]) -> dict:
    try:
        counted = call(name, beat)
    except AssertionError:
        return {"case": name, "kind": "lost", "text": traceback.format_exc()}
    except (Exception, UserError):
        return {"case": name, "kind": "tracebacks", "text": traceback.format_exc()}
    return {"case": name, "counted": [(counted, 1)] if isinstance(counted, str) else list(counted)}
