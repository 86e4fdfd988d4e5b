"""A dot flies in eight directions and drops crates.
Reward: +1 for each crate.
End: time is up.
"""

import numpy as np

from games.core import COMMON, ME, disc, jit, noise

PLAYERS = 1
ACTIONS = ["stay", "up", "down", "left", "right", "up-left", "up-right", "down-left", "down-right", "drop", "fold wings"]
KEYS = (
    {"w": "up", "s": "down", "a": "left", "d": "right", "w+a": "up-left", "w+d": "up-right", "s+a": "down-left",
     "s+d": "down-right", "space": "drop", "e": "fold wings"},
)  # fmt: skip
MAX_TICKS = 100_000
SHAPES = 1
VERSION = 1
MARK = ("bot", 90)
RECIPE = {"ppo": {}}

STATE = np.dtype([
    *COMMON,            # rng, tick, over, level
    ("x", "f8"),        # world units
    ("y", "f8"),
    ("crates", "i4"),   # ticks at which it dropped one
    ("folded", "i4"),   # ticks with folded wings
])  # fmt: skip


@jit
def reset(s):
    s.x, s.y, s.crates, s.folded = 42.0, 42.0, 0, 0


@jit
def step(s, actions, rewards):
    action = actions[0]
    if action == 1 or action == 5 or action == 6:
        s.y -= 0.3
    if action == 2 or action == 7 or action == 8:
        s.y += 0.3
    if action == 3 or action == 5 or action == 7:
        s.x -= 0.3
    if action == 4 or action == 6 or action == 8:
        s.x += 0.3
    if action == 9:
        s.crates += 1
        rewards[0] += 1.0
    if action == 10:
        s.folded += 1
    s.x, s.y = min(max(s.x, 3.0), 81.0), min(max(s.y, 3.0), 81.0)


@jit
def draw(s, f, seat):
    disc(f, s.x, s.y, 3.0, ME)


@jit
def bot(s, seat, skill):
    return 9 if noise(s, seat, s.tick) < skill else 0
