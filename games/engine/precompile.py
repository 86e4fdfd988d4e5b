"""Compiles a game's loops before they are needed, in separate processes, while the caller loads other things.

Separate processes, since numba compiles one function at a time, however many threads a process has. Each writes its loops
into the game's cache; the first call of a loop waits for that process (`loader.COMPILING`) and loads the loop from there.
"""

import atexit
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from games import core
from games.engine import cache
from games.engine.loader import COMPILING, Game

ROOT = Path(__file__).parents[2]
RUNNING: dict[Path, list["CompileProcess"]] = {}  # the processes that were started, by the game's file


class Cancelled(Exception):
    """Raised where a loop is called whose process was ended by `cancel`."""


class CompileProcess(subprocess.Popen):
    """A process that compiles loops of a game."""

    cancelled = False

    def finish(self) -> int:
        """Wait for its end; returns the exit code. `Cancelled` if it was ended by `cancel`."""
        code = self.wait()
        if self.cancelled:
            raise Cancelled
        return code


def compile_in_background(game: Game, *loops: str | Sequence[str]) -> bool:
    """Start to compile those of these kernel loops that the cache lacks, in processes of their own; True if there are any.

    Those that are being compiled already are left to that.

    loops: their names ("step_slice"), each compiled in a process of its own; those of a tuple one after another in the same
        process, which pays where they share code, as all loops that call `draw` do.
    Errors of these processes are ignored: the caller then compiles the loop at its first call and gets the error there.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    groups = [(loop,) if isinstance(loop, str) else tuple(loop) for loop in loops]
    missing = [] if core.PLAIN else [[loop for loop in group if not game.is_compiled(loop)] for group in groups]
    begun = [[loop for loop in group if (game.path, loop) not in COMPILING] for group in missing]
    for group in filter(None, begun):
        process = CompileProcess(
            # -P: a folder called `games` in the current directory must not hide this package
            [sys.executable, "-P", "-m", "games.engine.precompile", str(game.path), *group],
            env={**os.environ, "PYTHONPATH": path, "SPARRING_CACHE": str(cache.root())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for loop in group:
            COMPILING[game.path, loop] = process.finish
        RUNNING.setdefault(game.path, []).append(process)
        atexit.register(_kill, process)
    return any(missing)


def wait(game: Game) -> None:
    """Wait until the processes that compile this game's loops have ended; then other processes find all in the cache."""
    for process in RUNNING.get(game.path, []):
        process.wait()


def cancel(game: Game) -> None:
    """End the processes that still compile this game's loops; whoever waits for one of them gets `Cancelled`."""
    for process in RUNNING.pop(game.path, []):
        process.cancelled = process.poll() is None
        _kill(process)
    for key in [key for key in COMPILING if key[0] == game.path]:
        COMPILING.pop(key, None)


def _kill(process: subprocess.Popen) -> None:
    """End a process that nobody needs the result of any more."""
    process.kill()
    process.wait()


def compile_loop(game: Game, loop: str) -> None:
    """Compile a loop for the argument types with which `Batch`, `View` and the window call it."""
    from games.engine.batch import Batch
    from games.engine.view import OBSERVATIONS, frame_shape

    if loop == "step_slice":
        Batch(game, 1)
        return
    states, rows, frames = np.zeros(1, game.state), np.zeros(1, np.int64), np.zeros(1, game.frame_dtype())
    if loop == "mask_slice":
        masks = np.zeros((1, game.num_actions), np.uint8)
        game.kernel.mask_slice(0, 0, states, np.zeros(1, game.kernel.SLOT), rows, rows, masks)
        return
    if loop == "frame_slice":
        game.kernel.frame_slice(0, 0, states, rows, rows, frames, 0)
        return
    observation = loop.removesuffix("_slice")
    if observation not in OBSERVATIONS:
        raise ValueError(loop)
    size = 8
    out = np.zeros((1, 1, *frame_shape(game, observation, size)), np.float32 if observation == "objects" else np.uint8)
    getattr(game.kernel, loop)(0, 0, states, rows, rows, frames, np.zeros(size + 8), out)


if __name__ == "__main__":
    import games

    loaded = games.load(Path(sys.argv[1]))
    for name in sys.argv[2:]:
        compile_loop(loaded, name)
