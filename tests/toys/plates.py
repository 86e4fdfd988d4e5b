"""Each walks on a line of its own; once both stand on their plates, the plates are elsewhere.
Reward: +1 for both, each time both stand on their plates.
End: after 20 seconds.
"""

import numpy as np

from games.core import COMMON, GOAL, ME, OTHER, disc, jit, noise, rect, uniform

PLAYERS = 2
REWARDS = "shared"
ACTIONS = ["stay", "left", "right"]
KEYS = ({"a": "left", "d": "right"}, {"left": "left", "right": "right"})
MAX_TICKS = 60 * 30
SHAPES = 4
VERSION = 1
MARK = ("bot", 25.0)
SEEN = {"observation": "objects", "network": "mlp", "hidden": 32, "stack": 1}
RECIPE = {"ppo": {**SEEN, "n_envs": 64, "batch_size": 256, "n_epochs": 8, "steps": 60_000}}

LIMIT = 60 * 20  # ticks
LINE = np.array([28.0, 56.0])  # y of each, world units
SPEED = 1.0  # world units per tick
PLATE = 12.0  # width, world units

STATE = np.dtype([
    *COMMON,               # rng, tick, over, level
    ("x", "f8", (2,)),     # of each walker, world units
    ("plate", "f8", (2,)), # centre of each plate
])  # fmt: skip


@jit
def place(s):
    for seat in range(2):
        s.plate[seat] = PLATE / 2 + (84.0 - PLATE) * uniform(s)


@jit
def reset(s):
    s.x[:] = 42.0
    place(s)


@jit
def stands(s, seat):
    return abs(s.x[seat] - s.plate[seat]) <= PLATE / 2


@jit
def step(s, actions, rewards):
    for seat in range(2):
        move = int(actions[seat] == 2) - int(actions[seat] == 1)
        s.x[seat] = min(max(s.x[seat] + SPEED * move, 3.0), 81.0)
    if stands(s, 0) and stands(s, 1):
        rewards[0] += 1.0
        rewards[1] += 1.0
        place(s)
    s.over = int(s.tick + 1 >= LIMIT)


@jit
def bot(s, seat, skill):
    """To its plate; the less its skill, the more often it rests."""
    if stands(s, seat) or noise(s, seat, s.tick) > 0.4 + 0.6 * skill:
        return 0
    return 2 if s.plate[seat] > s.x[seat] else 1


@jit
def draw(s, f, seat):
    me = max(seat, 0)
    for k in range(2):
        i = me if k == 0 else 1 - me
        rect(f, s.plate[i] - PLATE / 2, LINE[i] + 3.0, PLATE, 3.0, GOAL if i == me else GOAL + 1)
        disc(f, s.x[i], LINE[i], 3.0, ME if i == me else OTHER)
