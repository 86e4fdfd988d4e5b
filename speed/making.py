"""How long it takes to make and close an environment, and the memory that many of them leave behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from games.engine.loader import Game
from games.errors import UserError
from speed.rows import Row

TIMES, QUICK = 300, 5  # how often each is made
MAKE = """
import gc, sys, time
import gymnasium, games, games.envs.gymnasium
from pathlib import Path

def memory():
    statm = Path("/proc/self/statm")  # only Linux has it
    return int(statm.read_text().split()[1]) * 4096 / 2**20 if statm.exists() else 0.0

name, vector, times = sys.argv[1], sys.argv[2] == "vector", int(sys.argv[3])
env_id = games.envs.gymnasium.register(name) if name.endswith(".py") else name

def make():
    env = gymnasium.make_vec(env_id, num_envs=2) if vector else gymnasium.make(env_id)
    env.reset(seed=1)
    env.close()

make()
gc.collect()
before, began = memory(), time.perf_counter()
for _ in range(times):
    make()
seconds = time.perf_counter() - began
gc.collect()
print(1000 * seconds / times, max(0.0, memory() - before))
"""


def rows(named: list[Game], quick: bool) -> Iterator[Row]:
    """Milliseconds to make, reset and close an environment of each game and a vector of two, and MiB left by all of them."""
    times = QUICK if quick else TIMES
    peer, _ = made("CartPole-v1", "single", times)
    for game in named:
        for kind in ("single", "vector"):
            milliseconds, left = made(game.env_id if game.shipped else str(game.path), kind, times)
            name = f"{game.name} make" if kind == "single" else f"{game.name} make vector"
            note = f"{times} made, reset and closed, after a first: {left:.1f} MiB more"
            yield Row(name, "ms", milliseconds, note=note).beside(peer, "Gymnasium's CartPole", less_is_better=True)


def made(name: str, kind: str, times: int) -> tuple[float, float]:
    """Milliseconds of each, and MiB that all of them leave, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", MAKE, name, kind, str(times)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{name} cannot be made:\n{done.stderr.strip().splitlines()[-1]}")
    milliseconds, left = done.stdout.split()
    return float(milliseconds), float(left)
