"""Decisions a second of whole trainings by one process, by one with several threads, and by several processes.

Several processes are workers (`--workers`), or torchrun's.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from games.errors import UserError, nearest
from speed.rows import CORES, Row

ROOT = Path(__file__).parents[1]
LEARNERS: dict[str, list[str]] = {  # a row's name and the arguments of its training: recipes, as people train
    "ppo patch": ["pong"],
    "ppo lstm": ["pong", "--memory", "lstm"],
    "ppo masked": ["connect_four"],
    "ppo breakout": ["breakout"],
    "pqn patch": ["pong", "--algo", "pqn"],
    "dqn patch": ["pong", "--algo", "dqn"],
}
SHARED_OUT = ("n_envs", "batch_size", "buffer_size")  # among the processes that torchrun begins
BARE = ("gif=false", "eval_games=1", "final_games=1", f"eval_every={10**9}", f"checkpoint_every={10**9}")
TURNS = 3  # runs of each way
START = 10.0  # seconds that a run takes until it learns, about
SKIPPED = 3  # lines of a run's log until it is warm
LONGEST = 600.0  # seconds that a run may take beside what it is given: its start, and compiling


class Way(NamedTuple):
    """How a training uses the cores."""

    processes: int = 1
    threads: int = 1  # of each process
    begun_by: str = "workers"  # who begins the processes: workers (`--workers`) or torchrun

    @property
    def name(self) -> str:
        if self.processes == 1:
            return "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.processes} {'workers' if self.begun_by == 'workers' else 'by torchrun'}"


ALONE = Way()


def ways(cores: int) -> list[Way]:
    """One process alone, then as many threads, workers and processes of torchrun as there are cores.

    >>> [way.name for way in ways(1)], [way.name for way in ways(2)]
    (['1 thread'], ['1 thread', '2 threads', '2 workers', '2 by torchrun'])
    """
    counts = [count for count in (2, 4, 8) if count <= cores]
    each = [(Way(threads=count), Way(count), Way(count, begun_by="torchrun")) for count in counts]
    return [ALONE, *(way for three in each for way in three)]


def measure(targets: list[Any], seconds: float, quick: bool, only: str = "") -> Iterator[Row]:
    """Rows of each learner. seconds: of each run. only: words that a row's name has to have."""
    chosen = [name for name in LEARNERS if all(word in name for word in only.split())]
    if not chosen:
        raise UserError(f"There is no row with '{only}'.\n{nearest(only, LEARNERS)}")
    for name in chosen:
        yield from rows(name, seconds, quick)


def rows(name: str, seconds: float, quick: bool) -> Iterator[Row]:
    """One process with one thread, then the other ways beside it; the ways take turns."""
    sides = ways(max(CORES, 2))
    found: dict[Way, list[float]] = {way: [] for way in sides}
    with tempfile.TemporaryDirectory() as folder:
        trained(name, ALONE, 1.0, folder)  # compiles
        for _ in range(1 if quick else TURNS):
            for way in sides:
                log = trained(name, way, seconds, folder) / "progress.jsonl"
                found[way].append(steady_speed(log.read_text().splitlines()))
    base = statistics.median(found[ALONE])
    yield Row(f"{name}, {ALONE.name}", "steps/s", base, note=f"{' '.join(LEARNERS[name])}; {turns(found[ALONE])}")
    for way, speeds in found.items():
        if way != ALONE:
            yield Row(f"{name}, {way.name}", "steps/s", statistics.median(speeds), note=turns(speeds)).beside(base, ALONE.name)


def turns(speeds: list[float]) -> str:
    return "turns: " + ", ".join(f"{speed / 1000:.1f} k" for speed in speeds)


def trained(name: str, way: Way, seconds: float, folder: str) -> Path:
    """The folder of a training that has ended; the first in `folder` is of one process."""
    run = f"{len(list(Path(folder).glob('*/*')))}"
    program = [sys.executable]
    arguments = [*LEARNERS[name], "--time-limit", f"{seconds + START:g}", "--device", "cpu", "--quiet"]
    for setting in (f"threads={way.threads}", *BARE):
        arguments += ["--set", setting]
    if way.begun_by == "torchrun":
        program += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={way.processes}"]
        for setting, value in part_of_each(next(Path(folder).glob("*/0")), way.processes).items():
            arguments += ["--set", f"{setting}={value}"]
    elif way.processes > 1:
        arguments += ["--workers", str(way.processes)]
    done = subprocess.run(
        [*program, str(ROOT / "train.py"), *arguments, "--runs", folder, "--name", run],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + LONGEST,
    )
    if done.returncode:
        raise UserError(f"{name} failed, {way.name}:\n{done.stderr.strip().splitlines()[-1]}")
    return next(Path(folder).glob(f"*/{run}"))


def part_of_each(run: Path, processes: int) -> dict[str, int]:
    """The settings of each of torchrun's processes with which all learn together what the run's one process learned."""
    settings = json.loads((run / "config.json").read_text())["learner"]
    return {name: settings[name] // processes for name in SHARED_OUT if settings.get(name)}


def steady_speed(log: list[str]) -> float:
    """Decisions a second between two lines of a run's log: one after its warm-up, and the last of an iteration.

    >>> steady_speed(['{"step": %d, "time": %f, "time/fps": 1}' % (100 * k, 0.5 * k) for k in range(9)])
    200.0
    """
    lines = [line for line in map(json.loads, log) if "time/fps" in line]
    if len(lines) < 2:
        raise UserError("A training was over before it was warm.\nGive it more: --seconds …")
    first, last = lines[min(SKIPPED, len(lines) - 2)], lines[-1]
    return (last["step"] - first["step"]) / (last["time"] - first["time"])
