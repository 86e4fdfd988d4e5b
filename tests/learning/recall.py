"""A place is lit for a moment; some decisions later a sign asks which it was.
Reward: +1 for the right one, -1 for the other.
End: the answer.
"""

import numpy as np

from games.core import BALL, COMMON, GOAL, WALL, disc, jit, rect, uniform

PLAYERS = 1
ACTIONS = ["left", "right"]
KEYS = ({"left": "left", "right": "right"},)
FRAME_SKIP = 1
MAX_TICKS = 100
SHAPES = 3
VERSION = 1
MARK = ("bot:1", 1.0)
RECIPE = {"ppo": {"steps": 40_000, "observation": "objects", "network": "mlp", "stack": 1, "n_envs": 32}}

WAIT = 4  # decisions that change nothing, the first of them in the light

STATE = np.dtype([
    *COMMON,           # rng, tick, over, level
    ("lit", "i4"),     # the place, 0 or 1
])  # fmt: skip


@jit
def reset(s):
    s.lit = int(2.0 * uniform(s))


@jit
def step(s, actions, rewards):
    if s.tick == WAIT:
        rewards[0] += 1.0 if actions[0] == s.lit else -1.0
        s.over = 1


@jit
def bot(s, seat, skill):
    return s.lit


@jit
def draw(s, f, seat):
    """When it is asked for, every picture is the same: without a memory half of the answers are wrong."""
    rect(f, 0.0, 60.0, 84.0, 4.0, WALL)
    if s.tick == 0:
        disc(f, 21.0 + 42.0 * s.lit, 42.0, 10.0, BALL)
    if s.tick == WAIT:
        rect(f, 36.0, 10.0, 12.0, 12.0, GOAL)
