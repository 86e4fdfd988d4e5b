"""Compiles a game's loops before they are needed, each in a process of its own, while its caller loads something else.

Numba compiles one function after the other however many threads ask it to. What a process has compiled the game's cache
holds; who needs a loop waits for its process (`game.COMPILING`) and takes it from there.
"""

import atexit
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from games import core
from games.engine.loader import COMPILING, Game

ROOT = Path(__file__).parents[2]


def compile_in_background(game: Game, *loops: str) -> bool:
    """Have those of the kernel's loops compiled that the cache does not hold; are there any?

    What goes wrong there is told by whoever needs the loop, and then compiles it.
    """
    missing = [] if core.PLAIN else [loop for loop in loops if not game.is_compiled(loop)]
    for loop in missing:
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "games.engine.precompile",
                str(game.path),
                loop,
            ],  # -P: not what a folder here may call games
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        COMPILING[game.path, loop] = process.wait
        atexit.register(_end, process)
    return bool(missing)


def _end(process: subprocess.Popen) -> None:
    """At the caller's end nobody needs it any more."""
    process.kill()
    process.wait()


def compile_loop(game: Game, loop: str) -> None:
    """Compile a loop for what `Batch` and `View` call it with."""
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
