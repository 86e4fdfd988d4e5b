"""Nothing to do, nothing to see: every decision pays the same, for ever.
Reward: +1 a decision.
End: none; only the time limit cuts it, after five decisions.
"""

import numpy as np

from games.core import COMMON, WALL, jit, rect

PLAYERS = 1
ACTIONS = ["wait", "rest"]
KEYS = ({"left": "wait", "right": "rest"},)
FRAME_SKIP = 1
MAX_TICKS = 5
SHAPES = 1
VERSION = 1
MARK = ("bot:1", 5.0)
RECIPE = {"ppo": {"steps": 4096, "observation": "objects", "network": "mlp", "stack": 1, "n_envs": 32}}

STATE = np.dtype([
    *COMMON,           # rng, tick, over, level
    ("nothing", "i4"),
])  # fmt: skip


@jit
def reset(s):
    s.nothing = 0


@jit
def step(s, actions, rewards):
    rewards[0] += 1.0


@jit
def bot(s, seat, skill):
    return 0


@jit
def draw(s, f, seat):
    rect(f, 0.0, 60.0, 84.0, 4.0, WALL)
