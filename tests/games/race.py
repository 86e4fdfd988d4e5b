"""Two runners, one flag between them, out of a gate each.
Reward: +1 for the one at the flag first, -1 for the other.
End: somebody is at the flag.
"""

import numpy as np

from games.core import COMMON, GOAL, ME, OTHER, WALL, disc, jit, noise, rect, uniform

PLAYERS = 2
ACTIONS = ["stay", "left", "right"]
KEYS = ({"a": "left", "d": "right"}, {"left": "left", "right": "right"})
MAX_TICKS = 600
SHAPES = 5
VERSION = 1
MARK = ("bot", 0.6)
RECIPE = {"ppo": {}}

SPEED = 0.5  # world units per tick

STATE = np.dtype([
    *COMMON,                  # rng, tick, over, level
    ("x", "f8", (2,)),        # of each runner, world units
    ("flag", "f8"),           # world units
    ("gate", "u1", (16,)),    # 1: open; made by the level
    ("paces", "i4", (2,)),    # that each has made
])  # fmt: skip


@jit
def build(s):
    for k in range(16):
        s.gate[k] = 1 if uniform(s) < 0.5 else 0
    s.gate[int(16.0 * uniform(s))] = 1


@jit
def solvable(s):
    return s.gate.sum() > 0


@jit
def reset(s):
    s.x[0], s.x[1] = 22.0, 62.0
    s.flag = 32.0 + 20.0 * uniform(s)
    s.paces[:] = 0


@jit
def step(s, actions, rewards):
    for seat in range(2):
        move = (actions[seat] == 2) - (actions[seat] == 1)
        s.x[seat] = min(max(s.x[seat] + SPEED * move, 2.0), 82.0)
        s.paces[seat] += abs(move)
    there = (abs(s.x[0] - s.flag) < 1.0) - (abs(s.x[1] - s.flag) < 1.0)
    rewards[0] += there
    rewards[1] -= there
    if there:
        s.over = 1


@jit
def legal(s, seat, mask):
    mask[1] = s.x[seat] > 2.0
    mask[2] = s.x[seat] < 82.0


@jit
def bot(s, seat, skill):
    """To the flag; the less its skill, the more often it stands."""
    if noise(s, seat, s.tick) < 0.3 * (1.0 - skill):
        return 0
    return 2 if s.flag > s.x[seat] else 1


@jit
def draw(s, f, seat):
    mine = max(seat, 0)
    for k in range(2):
        rect(f, 20.0 + 42.0 * k, 50.0, 4.0, 10.0 * s.gate[k], WALL)
    rect(f, s.flag, 30.0, 1.0, 12.0, GOAL)
    disc(f, s.x[mine], 40.0, 2.0, ME)
    disc(f, s.x[1 - mine], 44.0, 2.0, OTHER)


def hud(s):
    return str(s.paces[0]), "", str(s.paces[1])
