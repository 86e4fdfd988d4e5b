"""Separate processes: for code that might never end, must not share memory, or must run as plain Python."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import games
from games import core
from games.check.definition import Failed, describe
from games.engine.loader import Game

PATIENCE = 120.0  # time limit of a separate process, seconds
FAILED_CHILD = 3  # exit code of a child that has found a problem
ROOT = Path(games.__file__).parents[1]

Task = Callable[[Game, bytes], dict[str, np.ndarray]]
TASKS: dict[str, Task] = {}  # the functions that checks run in a separate process


def task(function: Task) -> Task:
    """A decorator that adds a function to TASKS."""
    TASKS[function.__name__] = function
    return function


def elsewhere(game: Game, work: Task, given: bytes = b"", plain: bool = False) -> dict[str, np.ndarray]:
    """Run a task on a game in another process (`plain`: as plain Python) and return its arrays."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    env["NUMBA_DISABLE_JIT"] = "1" if plain else "0"
    with tempfile.TemporaryDirectory(prefix="sparring-check-") as folder:
        out = Path(folder, "out.npz")
        Path(folder, "in").write_bytes(given)
        command = [sys.executable, "-m", "games.check", "--child", work.__name__, folder, str(game.path)]
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"still at work after {PATIENCE:.0f} s: a loop without an end?") from late
        if done.returncode == FAILED_CHILD:
            raise Failed(done.stderr.strip().splitlines()[-1])
        if done.returncode or not out.exists():
            said = done.stderr.strip().splitlines()
            raise Failed(f"the process died (exit {done.returncode}): {said[-1] if said else 'it said nothing'}")
        with np.load(out, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}


def child(name: str, folder: str, path: str) -> int:
    """The main function of the process that `elsewhere` starts; returns its exit code."""
    if core.PLAIN:
        np.seterr(over="raise")
    try:
        arrays = TASKS[name](games.load(path), Path(folder, "in").read_bytes())
    except Exception as error:  # a broken game may raise anything
        print(describe(error), file=sys.stderr)
        return FAILED_CHILD
    np.savez(Path(folder, "out.npz"), **arrays)  # type: ignore[arg-type]
    return 0
