"""Two in one orchard: an apple is whose hand touches it first, and another one ripens elsewhere.
Reward: +1 for each apple of one's own; the other loses nothing.
End: after 20 seconds.
"""

import numpy as np

from games.core import COMMON, ITEM, ME, OTHER, disc, jit, noise, uniform

PLAYERS = 2
REWARDS = "own"
ACTIONS = ["stay", "up", "down", "left", "right"]
KEYS = (
    {"w": "up", "s": "down", "a": "left", "d": "right"},
    {"up": "up", "down": "down", "left": "left", "right": "right"},
)
MIRROR = (("left", "right"),)
MAX_TICKS = 60 * 30
SHAPES = 6
VERSION = 1
MARK = ("bot", 24.0)
SEEN = {"observation": "objects", "network": "mlp", "hidden": 32, "stack": 1}
RECIPE = {"ppo": {**SEEN, "n_envs": 64, "batch_size": 256, "n_epochs": 8, "steps": 60_000}}

LIMIT = 60 * 20  # ticks
APPLES = 4
SPEED = 1.0  # world units per tick
PICKER, APPLE = 3.0, 2.0  # radius

STATE = np.dtype([
    *COMMON,                       # rng, tick, over, level
    ("x", "f8", (2,)),             # of each picker, world units
    ("y", "f8", (2,)),
    ("apple_x", "f8", (APPLES,)),
    ("apple_y", "f8", (APPLES,)),
])  # fmt: skip


@jit
def ripen(s, k):
    s.apple_x[k], s.apple_y[k] = 4.0 + 76.0 * uniform(s), 4.0 + 76.0 * uniform(s)


@jit
def reset(s):
    s.x[0], s.x[1] = 24.0, 60.0
    s.y[:] = 42.0
    for k in range(APPLES):
        ripen(s, k)


@jit
def away(s, seat, k):
    return np.sqrt((s.x[seat] - s.apple_x[k]) ** 2 + (s.y[seat] - s.apple_y[k]) ** 2)


@jit
def step(s, actions, rewards):
    for seat in range(2):
        right, down = (actions[seat] == 4) - (actions[seat] == 3), (actions[seat] == 2) - (actions[seat] == 1)
        s.x[seat] = min(max(s.x[seat] + SPEED * right, PICKER), 84.0 - PICKER)
        s.y[seat] = min(max(s.y[seat] + SPEED * down, PICKER), 84.0 - PICKER)
    first = 0 if uniform(s) < 0.5 else 1  # whose hand is quicker, where both reach an apple
    for k in range(APPLES):
        for seat in (first, 1 - first):
            if away(s, seat, k) <= PICKER + APPLE:
                rewards[seat] += 1.0
                ripen(s, k)
    s.over = int(s.tick + 1 >= LIMIT)


@jit
def bot(s, seat, skill):
    """To the nearest apple; the less its skill, the more often it rests."""
    nearest = 0
    for k in range(1, APPLES):
        if away(s, seat, k) < away(s, seat, nearest):
            nearest = k
    right, down = s.apple_x[nearest] - s.x[seat], s.apple_y[nearest] - s.y[seat]
    if noise(s, seat, s.tick) > 0.4 + 0.6 * skill:
        return 0
    if abs(right) > abs(down):
        return 4 if right > 0.0 else 3
    return 2 if down > 0.0 else 1


@jit
def draw(s, f, seat):
    me = max(seat, 0)
    for k in range(APPLES):
        disc(f, s.apple_x[k], s.apple_y[k], APPLE, ITEM)
    disc(f, s.x[1 - me], s.y[1 - me], PICKER, OTHER)
    disc(f, s.x[me], s.y[me], PICKER, ME)
