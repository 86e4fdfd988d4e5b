"""The window: seconds from the command to the first tick, milliseconds from a key to its picture and of a frame, memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from games.core import TICKS_PER_SECOND
from games.engine.loader import Game
from games.errors import UserError
from speed.rows import Row, quantile

ROOT = Path(__file__).parents[1]
STARTS, KEYS = 5, 10
HOUR = 3600 * TICKS_PER_SECOND  # ticks
LOOKS = {"effects": "frame", "plain": "frame, --plain", "eye": "frame, the agent's eye open"}  # of the window


def rows(game: Game, quick: bool) -> Iterator[Row]:
    """Five starts with an empty compile cache and five with a full one, without a screen; ten keys. quick: a warm start."""
    with tempfile.TemporaryDirectory(prefix="sparring-start-") as folder:
        if not quick:
            yield row("cold", "nothing compiled yet", [start(game, f"{folder}/{k}") for k in range(STARTS)])
        cache = None if quick else f"{folder}/0"
        yield row("warm", "all compiled", [start(game, cache) for _ in range(1 if quick else STARTS)])
        if not game.turns:
            delays = start(game, cache, 2 if quick else KEYS)["keys"]
            note = f"{len(delays)} keys, without a screen; {', '.join(f'{1e3 * delay:.0f}' for delay in delays)}"
            yield Row("key to picture", "ms", 1e3 * median(delays), note=note)


def row(kind: str, what: str, found: list[dict]) -> Row:
    """The median of some starts."""
    times = [each["tick"] for each in found]
    longest = max(each["longest"] for each in found)
    note = f"command to first tick, {what}: {', '.join(f'{each:.1f}' for each in times)} s; window after "
    note += f"{median(each['window'] for each in found):.1f} s; longest turn after Enter {1e3 * longest:.0f} ms"
    return Row(f"start {kind}", "s", median(times), note=note)


def start(game: Game, cache: str | None, keys: int = 0) -> dict:
    """The figures of `speed.window_start`, its times counted from the command. cache: of compiled code; None: the user's."""
    began = time.time()
    found = figures("speed.window_start", game, [str(keys)], cache)
    return found | {name: found[name] - began for name in ("window", "ready", "tick")}


def figures(module: str, game: Game, arguments: list[str], cache: str | None = None) -> dict:
    """The JSON object that a module prints which plays a game in a window without a screen."""
    env = {**os.environ, "SDL_VIDEODRIVER": "dummy", **({"SPARRING_CACHE": cache} if cache else {})}
    name = game.name if game.shipped else str(game.path)
    command = [sys.executable, "-m", module, *arguments, name]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"play.py {name} does not start:\n{done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def frame_rows(game: Game, seconds: float, quick: bool) -> Iterator[Row]:
    """The work of frames in 1280x720, the rate of the window for so many seconds, and its memory over an hour of matches."""
    found = figures("speed.window_frames", game, [str(seconds), str(HOUR // 360 if quick else HOUR)])
    for look, name in LOOKS.items():
        work = found[look]["work"]
        note = f"{len(work):,} frames in 1280x720 without a screen, median {1e3 * quantile(work, 0.5):.1f} ms, "
        note += f"worst {1e3 * max(work):.1f} ms; decisions late: {found[look]['late']}"
        yield Row(f"{name} p99", "ms", 1e3 * quantile(work, 0.99), note=note)
    note = f"the whole window, over {seconds:.0f} s; {found['effects']['dropped']} ticks dropped"
    yield Row("window", "Hz", found["effects"]["rate"], note=note)
    memory = found["memory"]
    if any(memory["bytes"]):
        after, last = memory["bytes"][len(memory["bytes"]) // 6], memory["bytes"][-1]
        minutes = memory["ticks_between"] * (len(memory["bytes"]) - 1) / TICKS_PER_SECOND / 60
        note = f"growth in the last five sixths of {minutes:.0f} minutes of matches, played faster, {memory['games']} games; "
        note += f"{after / 1e6:.0f} MB before, {last / 1e6:.0f} MB in the end"
        yield Row("memory", "MB", (last - after) / 1e6, note=note)
