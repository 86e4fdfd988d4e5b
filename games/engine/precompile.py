"""Compiles a game's loops before they are needed, each in a separate process, while the caller loads other things.

Separate processes, since numba compiles one function at a time, however many threads a process has. Each writes its loop
into the game's cache; the first call of a loop waits for that process (`loader.COMPILING`) and loads the loop from there.
"""

import atexit
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from games import core
from games.engine import cache
from games.engine.loader import COMPILING, Game

ROOT = Path(__file__).parents[2]


def compile_in_background(game: Game, *loops: str) -> bool:
    """Start to compile each of these kernel loops that the cache lacks, in a process of its own; True if there are any.

    Errors of these processes are ignored: the caller then compiles the loop at its first call and gets the error there.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    missing = [] if core.PLAIN else [loop for loop in loops if not game.is_compiled(loop)]
    for loop in missing:
        process = subprocess.Popen(
            # -P: a folder called `games` in the current directory must not hide this package
            [sys.executable, "-P", "-m", "games.engine.precompile", str(game.path), loop],
            env={**os.environ, "PYTHONPATH": path, "SPARRING_CACHE": str(cache.root())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        COMPILING[game.path, loop] = process.wait
        atexit.register(_kill, process)
    return bool(missing)


def _kill(process: subprocess.Popen) -> None:
    """End a process at exit: nobody needs its result any more."""
    process.kill()
    process.wait()


def compile_loop(game: Game, loop: str) -> None:
    """Compile a loop for the argument types with which `Batch` and `View` call it."""
    from games.engine.batch import Batch
    from games.engine.view import OBSERVATIONS, frame_shape

    if loop == "step_slice":
        Batch(game, 1)
        return
    observation = loop.removesuffix("_slice")
    if observation not in OBSERVATIONS:
        raise ValueError(loop)
    rows, size = np.zeros(1, np.int64), 8
    frames, scratch = np.zeros(1, game.frame_dtype()), np.zeros(size + 8)
    out = np.zeros((1, 1, *frame_shape(game, observation, size)), np.float32 if observation == "objects" else np.uint8)
    getattr(game.kernel, loop)(0, 0, np.zeros(1, game.state), rows, rows, frames, scratch, out)


if __name__ == "__main__":
    import games

    compile_loop(games.load(Path(sys.argv[1])), sys.argv[2])
