"""The window: seconds from the command to the first tick, and milliseconds from a key to the picture that shows it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from games.engine.loader import Game
from games.errors import UserError
from speed.rows import Row

ROOT = Path(__file__).parents[1]
STARTS, KEYS = 5, 10


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
    env = {**os.environ, "SDL_VIDEODRIVER": "dummy", **({"SPARRING_CACHE": cache} if cache else {})}
    name = game.name if game.shipped else str(game.path)
    began = time.time()
    command = [sys.executable, "-m", "speed.window_start", str(keys), name]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"play.py {name} does not start:\n{done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return found | {name: found[name] - began for name in ("window", "ready", "tick")}
