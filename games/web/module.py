"""A game as a WebAssembly module: the kernel's own loops for a batch of one, with the arrays of `Batch` and `View`."""

import atexit
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from games.engine import cache
from games.engine.constants import EXTERNAL
from games.engine.levels import ANY, bank_array
from games.engine.loader import Game
from games.engine.view import frame_shape
from games.web.wasm import Entry, WebModule, compile_module

Sight = tuple[str, int]  # an observation and its size
ROOT = Path(__file__).parents[2]
AHEAD: dict[tuple[Path, tuple[Sight, ...]], subprocess.Popen] = {}  # the processes that compile a game's module


def sight_of(observation: str, size: int) -> Sight:
    """The sight of an agent; objects have no size."""
    return observation, 8 if observation == "objects" else size


def sight_name(sight: Sight) -> str:
    """The name of the array in which a seat's newest frame is painted.

    >>> sight_name(("pixels", 30)), sight_name(sight_of("objects", 30))
    ('pixels_30', 'objects')
    """
    observation, size = sight
    return observation if observation == "objects" else f"{observation}_{size}"


def arrays_of(game: Game, sights: Iterable[Sight] = ()) -> dict[str, np.ndarray]:
    """The arrays of a game's module by name, as in `Batch` and `View` for one environment and one row, as they begin."""
    kernel, seats = game.kernel, game.players
    arrays = {
        "states": np.zeros(1, game.state),
        "final": np.zeros(1, game.state),
        "slots": np.zeros(1, kernel.SLOT),
        "env_ids": np.zeros(1, np.int64),
        "seed": np.zeros((), np.uint64),
        "levels": ANY.numbers,
        "bank": bank_array(game, ANY),
        "actions": np.zeros((1, seats), np.int64),
        "rewards": np.zeros((1, seats)),
        "end": np.zeros(1, np.uint8),
        "returns": np.zeros((1, seats)),
        "ticks": np.zeros(1, np.int32),
        "row_env": np.zeros(1, np.int64),
        "row_seat": np.zeros(1, np.int64),
        "mask": np.zeros((1, game.num_actions), np.uint8),
        "frames": np.zeros(1, game.frame_dtype()),
        "seen": np.zeros(1, game.frame_dtype()),
    }
    arrays["slots"]["bot"], arrays["slots"]["frame_skip"] = EXTERNAL, game.frame_skip
    for observation, size in sights:
        kind = np.float32 if observation == "objects" else np.uint8
        arrays[sight_name((observation, size))] = np.zeros((1, 1, *frame_shape(game, observation, size)), kind)
        arrays[f"scratch_{size}"] = np.zeros(size + 8)
    return arrays


def entries_of(game: Game, sights: Iterable[Sight] = ()) -> list[Entry]:
    """The functions of a game's module.

    begin     starts the episode whose number is in the slot      step      advances by a tick, as `Batch.step` does
    draw      the display list of the running state               draw_end  that of the state in which the last episode ended
    legal     the mask of the seat in `row_seat`                  see_…     its newest frame, into the array of that name
    """
    kernel = game.kernel
    rules = ("states", "slots", "env_ids", "seed", "levels", "bank")
    out = ("actions", "rewards", "end", "final", "returns", "ticks")
    row = ("row_env", "row_seat")
    found = [
        Entry("begin", kernel.step_slice, (0, 1, *rules, 0, True, *out)),
        Entry("step", kernel.step_slice, (0, 1, *rules, 0, False, *out)),
        Entry("draw", kernel.frame_slice, (0, 1, "states", *row, "frames", 1)),
        Entry("draw_end", kernel.frame_slice, (0, 1, "final", *row, "frames", 1)),
        Entry("legal", kernel.mask_slice, (0, 1, "states", "slots", *row, "mask")),
    ]
    for observation, size in sights:
        loop, name = getattr(kernel, f"{observation}_slice"), sight_name((observation, size))
        found.append(Entry(f"see_{name}", loop, (0, 1, "states", *row, "seen", f"scratch_{size}", name)))
    return found


def compile_ahead(game: Game, sights: Iterable[Sight] = ()) -> None:
    """Begin to compile a game's module in a process of its own, for which `compile_game` waits; what fails is told there."""
    chosen = tuple(sorted(set(sights)))
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        # -P: a folder called `games` in the current directory must not hide this package
        [sys.executable, "-P", "-m", "games.web.module", str(game.path), *(f"{name}:{size}" for name, size in chosen)],
        env={**os.environ, "PYTHONPATH": path, "SPARRING_CACHE": str(cache.root())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    AHEAD[game.path, chosen] = process
    atexit.register(_end, process)


def _end(process: subprocess.Popen) -> None:
    """End a process that nobody waits for any more."""
    process.kill()
    process.wait()


def compile_game(game: Game, sights: Iterable[Sight] = ()) -> WebModule:
    """A game's module; `UserError` where it cannot be made. sights: the observations of the agents that play it."""
    chosen = sorted(set(sights))
    if process := AHEAD.pop((game.path, tuple(chosen)), None):
        process.wait()
    return compile_module(entries_of(game, chosen), arrays_of(game, chosen), game.shown, game.cache_folder())


if __name__ == "__main__":
    import games

    compile_game(
        games.load(Path(sys.argv[1])), [(name, int(size)) for name, _, size in (each.partition(":") for each in sys.argv[2:])]
    )
