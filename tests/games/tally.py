"""Writes down, tick by tick, what it is told, so that tests can read it.
Reward: what its action's number is, from the other.
End: after a number of ticks that is drawn, 20 to 59.
"""

import numpy as np

from games.core import COMMON, ME, OTHER, WALL, jit, rect, uniform

PLAYERS = 2
ACTIONS = ["stay", "left", "right"]
KEYS = ({"a": "left", "d": "right"}, {"left": "left", "right": "right"})
MAX_TICKS = 50
MIRROR = (("left", "right"),)
SHAPES = 3
VERSION = 1
MARK = ("bot", 0.6)
RECIPE = {"ppo": {}}

STATE = np.dtype([
    *COMMON,                    # rng, tick, over, level
    ("told", "i4", (64, 2)),    # the action of each tick and seat; -9: that tick has not been
    ("length", "i4"),           # ticks of this episode
    ("wall", "f8"),             # made by the level
])  # fmt: skip


@jit
def build(s):
    s.wall = 80.0 * uniform(s)


@jit
def reset(s):
    s.told[:] = -9
    s.length = 20 + int(40.0 * uniform(s))


@jit
def step(s, actions, rewards):
    for seat in range(2):
        s.told[s.tick, seat] = actions[seat]
        rewards[seat] += actions[seat]
        rewards[1 - seat] -= actions[seat]
    if s.tick + 1 == s.length:
        s.over = 1


@jit
def legal(s, seat, mask):
    """The first seat cannot go left, the second not right while the tick is below 8."""
    if seat == 0:
        mask[1] = 0
    elif s.tick < 8:
        mask[2] = 0


@jit
def bot(s, seat, skill):
    return 0 if skill < 0.5 else 2 - seat


@jit
def draw(s, f, seat):
    mine = max(seat, 0)
    rect(f, 10.0, s.tick, 5.0, 5.0, ME if mine == 0 else OTHER)
    rect(f, 69.0, s.length, 5.0, 5.0, OTHER if mine == 0 else ME)
    rect(f, s.wall, 0.0, 1.0, 84.0, WALL)
