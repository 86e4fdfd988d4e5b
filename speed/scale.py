"""Decisions a second of whole trainings by one process, by one with several threads, and by several processes (`--workers`)."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
TURNS = 3  # runs of each way
START = 10.0  # seconds that a run takes until it learns, about
SKIPPED = 3  # lines of a run's log until it is warm
LONGEST = 600.0  # seconds that a run may take beside what it is given: its start, and compiling


def ways(cores: int) -> list[tuple[int, int]]:
    """Processes, and threads of each: one alone, then as many as there are cores, of either.

    >>> ways(1), ways(2), ways(4)
    ([(1, 1)], [(1, 1), (1, 2), (2, 1)], [(1, 1), (1, 2), (2, 1), (1, 4), (4, 1)])
    """
    counts = [count for count in (2, 4, 8) if count <= cores]
    return [(1, 1), *(way for count in counts for way in ((1, count), (count, 1)))]


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
    found: dict[tuple[int, int], list[float]] = {way: [] for way in sides}
    with tempfile.TemporaryDirectory() as folder:
        log_of(name, (1, 1), 1.0, folder)  # compiles
        for _ in range(1 if quick else TURNS):
            for way in sides:
                found[way].append(steady_speed(log_of(name, way, seconds, folder)))
    base = statistics.median(found[1, 1])
    yield Row(f"{name}, 1 thread", "steps/s", base, note=f"{' '.join(LEARNERS[name])}; {turns(found[1, 1])}")
    for (processes, threads), speeds in found.items():
        if processes * threads > 1:
            how = f"{processes} workers" if processes > 1 else f"{threads} threads"
            yield Row(f"{name}, {how}", "steps/s", statistics.median(speeds), note=turns(speeds)).beside(base, "1 thread")


def turns(speeds: list[float]) -> str:
    return "turns: " + ", ".join(f"{speed / 1000:.1f} k" for speed in speeds)


def log_of(name: str, way: tuple[int, int], seconds: float, folder: str) -> list[str]:
    """The lines of a training's log. way: processes, and threads of each."""
    processes, threads = way
    arguments = [*LEARNERS[name], "--time-limit", f"{seconds + START:g}", "--device", "cpu", "--quiet", "--runs", folder]
    for setting in (f"threads={threads}", "eval_every=0", "gif=false", "eval_games=1", "final_games=1"):
        arguments += ["--set", setting]
    arguments += ["--workers", str(processes)] if processes > 1 else []
    run = f"{len(list(Path(folder).glob('*/*')))}"
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments, "--name", run],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + LONGEST,
    )
    if done.returncode:
        raise UserError(f"{name} failed with {processes} workers:\n{done.stderr.strip().splitlines()[-1]}")
    return next(Path(folder).glob(f"*/{run}/progress.jsonl")).read_text().splitlines()


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
