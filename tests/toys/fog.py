"""Two divers look for pearls in the dark; each sees as far as its lamp reaches, and the other only there.
Reward: +1 for each pearl, -1 for one that the other finds.
End: one has four of the seven pearls.
"""

import numpy as np

from games.core import COMMON, ITEM, ME, OTHER, disc, gone, jit, noise, uniform

PLAYERS = 2
ACTIONS = ["stay", "up", "down", "left", "right"]
KEYS = (
    {"w": "up", "s": "down", "a": "left", "d": "right"},
    {"up": "up", "down": "down", "left": "left", "right": "right"},
)
MAX_TICKS = 60 * 120
MIRROR = (("left", "right"),)
SHAPES = 9
VERSION = 1
MARK = ("bot", 0.6)
RECIPE = {"ppo": {}}

PEARLS = 7
LAMP = 26.0  # how far a diver sees, world units
SPEED = 0.7  # world units per tick
DIVER, PEARL = 3.0, 1.5  # radius

STATE = np.dtype([
    *COMMON,                        # rng, tick, over, level
    ("x", "f8", (2,)),              # of each diver, world units
    ("y", "f8", (2,)),
    ("pearl_x", "f8", (PEARLS,)),
    ("pearl_y", "f8", (PEARLS,)),
    ("there", "u1", (PEARLS,)),     # 1: not yet found
    ("score", "i4", (2,)),          # pearls
])  # fmt: skip


@jit
def reset(s):
    s.x[0], s.x[1] = 8.0, 76.0
    s.y[:] = 42.0
    s.there[:] = 1
    s.score[:] = 0
    for k in range(PEARLS):
        s.pearl_x[k] = 4.0 + 76.0 * uniform(s)
        s.pearl_y[k] = 4.0 + 76.0 * uniform(s)


@jit
def near(s, seat, x, y, reach):
    return (s.x[seat] - x) ** 2 + (s.y[seat] - y) ** 2 <= reach * reach


@jit
def step(s, actions, rewards):
    for seat in range(2):
        right, down = (actions[seat] == 4) - (actions[seat] == 3), (actions[seat] == 2) - (actions[seat] == 1)
        s.x[seat] = min(max(s.x[seat] + SPEED * right, DIVER), 84.0 - DIVER)
        s.y[seat] = min(max(s.y[seat] + SPEED * down, DIVER), 84.0 - DIVER)
    for k in range(PEARLS):
        first = 0 if uniform(s) < 0.5 else 1  # whose hand is quicker, where both reach a pearl
        for seat in (first, 1 - first):
            if s.there[k] and near(s, seat, s.pearl_x[k], s.pearl_y[k], DIVER + PEARL):
                s.there[k] = 0
                s.score[seat] += 1
                rewards[seat] += 1.0
                rewards[1 - seat] -= 1.0
    if 2 * max(s.score[0], s.score[1]) > PEARLS:
        s.over = 1


@jit
def bot(s, seat, skill):
    """To the nearest pearl in its light; else to a place thought of, another every few seconds."""
    turn = s.tick // 150
    x, y = 6.0 + 72.0 * noise(s, seat, 2 * turn), 6.0 + 72.0 * noise(s, seat, 2 * turn + 1)
    best = LAMP * (0.5 + 0.5 * skill)
    for k in range(PEARLS):
        away = np.sqrt((s.x[seat] - s.pearl_x[k]) ** 2 + (s.y[seat] - s.pearl_y[k]) ** 2)
        if s.there[k] and away < best:
            best, x, y = away, s.pearl_x[k], s.pearl_y[k]
    right, down = x - s.x[seat], y - s.y[seat]
    if max(abs(right), abs(down)) < SPEED:
        return 0
    if abs(right) > abs(down):
        return 4 if right > 0.0 else 3
    return 2 if down > 0.0 else 1


@jit
def draw(s, f, seat):
    mine = max(seat, 0)
    for k in range(PEARLS):
        if s.there[k] and (seat < 0 or near(s, seat, s.pearl_x[k], s.pearl_y[k], LAMP)):
            disc(f, s.pearl_x[k], s.pearl_y[k], PEARL, ITEM)
        else:
            gone(f)
    if seat < 0 or near(s, seat, s.x[1 - mine], s.y[1 - mine], LAMP):
        disc(f, s.x[1 - mine], s.y[1 - mine], DIVER, OTHER)
    else:
        gone(f)
    disc(f, s.x[mine], s.y[mine], DIVER, ME)


def hud(s):
    return str(s.score[0]), "", str(s.score[1])
