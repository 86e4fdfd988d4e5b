"""A full disk at each write of a run: it says so in words, and what was saved goes on to the same weights."""

import builtins
import errno
import io
import mmap
import os
import random
import shutil
import struct
from pathlib import Path

from tests.trust import children, runs
from tests.trust.report import Report

NEVER = 1 << 40


class Disk:
    """A disk on which some operations succeed, and then none: creating, writing, flushing and renaming of files.

    It stands in for the system's calls under one folder. A write that finds it full has put half of its bytes there.
    """

    def __init__(self, folder: Path):
        self.folder = os.fspath(folder)
        self.shared = mmap.mmap(-1, 16)  # with the parent: operations that succeed; operations so far
        self.allow(NEVER)

    def allow(self, operations: int) -> None:
        self.shared[:] = struct.pack("qq", operations, 0)

    @property
    def used(self) -> int:
        return struct.unpack("qq", self.shared[:])[1]

    def take(self) -> None:
        """An operation; OSError where the disk is full."""
        allowed, used = struct.unpack("qq", self.shared[:])
        self.shared[8:] = struct.pack("q", used + 1)
        if used >= allowed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def holds(self, path: object) -> bool:
        return isinstance(path, (str, os.PathLike)) and os.path.abspath(os.fspath(path)).startswith(self.folder)

    def install(self) -> None:
        """Stand in for the system's calls in this process."""
        disk, open_file = self, builtins.open
        calls = {name: getattr(os, name) for name in ("fsync", "replace", "mkdir", "open")}

        class Raw(io.FileIO):
            def write(self, data):
                try:
                    disk.take()
                except OSError:
                    super().write(bytes(data)[: len(data) // 2])
                    raise
                return super().write(data)

        def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
            if not set(mode) & set("wax+") or not disk.holds(file):
                return open_file(file, mode, buffering, encoding, errors, newline, closefd, opener)
            disk.take()
            raw = Raw(file, mode.replace("b", "").replace("t", ""))
            binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline)

        def flushed(handle):
            disk.take()
            return calls["fsync"](handle)

        def changed(name):
            def call(path, *args, **kwargs):
                made = name != "open" or (args and args[0] & os.O_CREAT and not os.path.exists(path))
                if made and disk.holds(path):
                    disk.take()
                return calls[name](path, *args, **kwargs)

            return call

        builtins.open = io.open = opened
        os.fsync = flushed
        for name in ("replace", "mkdir", "open"):
            setattr(os, name, changed(name))


def campaign(home: Path, references: runs.Reference, seed: int, quick: bool, only: str | None) -> Report:
    """Each write of a DQN's run (its replay is a file of its own), a PPO's, each fourth one of two workers'.

    quick: one of the first's.
    """
    report = Report("full_disk")
    report.tried.update({"writes that fail": 0, "runs compared": 0})
    for learner in ["dqn-cnn-pong"] if quick else SHORT:
        words = runs.words_of(learner, **SHORT[learner])
        if only and not only.startswith(learner):
            continue
        whole = references.folder(words)
        writes = _count(words, home)
        chance = random.Random(f"{seed} {learner}")
        every = 4 if learner == runs.WORKERS else 1  # which take several times as long to begin
        numbers = sorted(chance.sample(range(writes), 1)) if quick else range(0, writes, every)
        for number in numbers:
            case = f"{learner}-{number}"
            if only in (None, learner, case):
                _fail(report, case, words, number, whole, home / case, random.Random(f"{seed} {case}"))
    return report


# Few checkpoints, so that each kind of write comes twice or three times.
SHORT = {
    "dqn-cnn-pong": {"steps": 3000, "checkpoint_every": 1000, "eval_every": 2000},
    "ppo-lstm-connect_four": {"steps": 1024, "checkpoint_every": 384, "eval_every": 512, "gif": "true"},
    runs.WORKERS: {"steps": 1024, "checkpoint_every": 384, "eval_every": 512},
}


def _start(words, place: Path, folder: Path, disk: Disk, sitting: int) -> children.Outcome:
    begin = [*words, "--runs", place, "--name", "full"]
    return children.wait(
        runs.begin(runs.again(begin, folder), place / "output.txt", sitting, disk.install), place / "output.txt", runs.LIMIT
    )


def _count(words, home: Path) -> int:
    """Operations on the disk of a whole run."""
    place = home / "counted"
    place.mkdir()
    disk = Disk(place / words[0])
    outcome = _start(words, place, place / words[0] / "full", disk, 0)
    assert outcome.code == 0, outcome.text
    shutil.rmtree(place)
    return disk.used


def _fail(report: Report, case: str, words, number: int, whole: Path, place: Path, chance: random.Random) -> None:
    """The disk is full from an operation on; sometimes still so when the run goes on; then there is room again."""
    place.mkdir()
    folder = place / words[0] / "full"
    disk = Disk(place / words[0])
    report.tried["writes that fail"] += 1
    allowed = [number, *([chance.randint(0, 12)] if chance.random() < 0.3 else []), NEVER]
    for sitting, operations in enumerate(allowed):
        disk.allow(operations)
        outcome = _start(words, place, folder, disk, sitting)
        full = operations < disk.used
        told = "No space left on device" in outcome.text and "error: " in outcome.text
        if outcome.hung or outcome.has_traceback or outcome.code != (2 if full else 0) or (full and not told):
            kind = "hangs" if outcome.hung else "tracebacks" if outcome.has_traceback else "lost"
            report.add(
                kind, case, f"With {operations} operations, sitting {sitting}, it ended with {outcome.code}:\n{outcome.text}"
            )
            return
    try:
        runs.assert_same_end(folder, whole)
        report.tried["runs compared"] += 1
    except Exception as error:
        report.add("lost", case, f"After a full disk: {error}")
    shutil.rmtree(place)
