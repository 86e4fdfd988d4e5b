"""A small maze with a door: the key opens it, and behind it may lie the goal.
Reward: +1 at the goal.
End: at the goal.
"""

import numpy as np

from games.core import COMMON, DANGER, GOAL, ITEM, ME, WALL, disc, gone, jit, noise, rect, uniform

PLAYERS = 1
ACTIONS = ["stay", "up", "down", "left", "right"]
KEYS = ({"up": "up", "down": "down", "left": "left", "right": "right"},)
FRAME_SKIP = 1
MAX_TICKS = 60
VERSION = 1
SIZE = 7  # tiles a side, the border is wall
GRID = (SIZE, SIZE)
SHAPES = 4
MARK = ("bot:1", 0.9)
RECIPE = {"ppo": {"steps": 50_000, "observation": "objects", "network": "mlp", "stack": 1, "n_envs": 32}}

TILE = 84.0 / SIZE  # world units
ROW, COLUMN = np.array([0, -1, 1, 0, 0]), np.array([0, 0, 0, -1, 1])  # where each action goes

STATE = np.dtype([
    *COMMON,                        # rng, tick, over, level
    ("wall", "u1", (SIZE, SIZE)),   # 1: wall, 0: way
    ("door", "i4", (2,)),           # row and column
    ("key", "i4", (2,)),
    ("goal", "i4", (2,)),
    ("at", "i4", (2,)),             # where one is
    ("unlocked", "u1"),             # 1: the door is open
])  # fmt: skip

LEVEL = np.dtype([
    ("wall", "u1", (SIZE, SIZE)),
    ("door", "i4", (2,)),
    ("key", "i4", (2,)),
    ("goal", "i4", (2,)),
])  # fmt: skip


@jit
def inner(s):
    """A tile's row or column by chance, not of the border."""
    return 1 + int((SIZE - 2) * uniform(s))


@jit
def build(s):
    """Walls, door, key and goal by chance, until there is a way."""
    while True:
        s.wall[:] = 1
        for r in range(1, SIZE - 1):
            for c in range(1, SIZE - 1):
                s.wall[r, c] = 1 if uniform(s) < 0.3 and r + c > 2 else 0
        for k in range(2):
            s.door[k], s.key[k], s.goal[k] = inner(s), inner(s), inner(s)
        if solvable(s):
            return


@jit
def from_level(s, level):
    s.wall[:] = level.wall
    for k in range(2):
        s.door[k], s.key[k], s.goal[k] = level.door[k], level.key[k], level.goal[k]


@jit
def to_level(s, level):
    level.wall[:] = s.wall
    for k in range(2):
        level.door[k], level.key[k], level.goal[k] = s.door[k], s.key[k], s.goal[k]


@jit
def reset(s):
    s.at[:] = 1
    s.unlocked = 0


@jit
def distances(s, goal, unlocked):
    """How many tiles from each tile to a goal; -1 where no way leads."""
    far = np.full((SIZE, SIZE), -1)
    queue = np.zeros((SIZE * SIZE, 2), np.int64)
    queue[0, 0], queue[0, 1] = goal[0], goal[1]
    far[goal[0], goal[1]] = 0
    head, tail = 0, 1
    while head < tail:
        r, c = queue[head]
        head += 1
        for way in range(1, 5):
            y, x = r + ROW[way], c + COLUMN[way]
            shut = not unlocked and y == s.door[0] and x == s.door[1]
            if not s.wall[y, x] and not shut and far[y, x] < 0:
                far[y, x] = far[r, c] + 1
                queue[tail, 0], queue[tail, 1] = y, x
                tail += 1
    return far


@jit
def is_inside(place):
    return 0 < place[0] < SIZE - 1 and 0 < place[1] < SIZE - 1


@jit
def is_closed(s):
    """Walls stand all around, and nothing lies in one."""
    for k in range(SIZE):
        if not (s.wall[0, k] and s.wall[SIZE - 1, k] and s.wall[k, 0] and s.wall[k, SIZE - 1]):
            return False
    if not (is_inside(s.door) and is_inside(s.key) and is_inside(s.goal)):
        return False
    return not (s.wall[s.door[0], s.door[1]] or s.wall[s.key[0], s.key[1]] or s.wall[s.goal[0], s.goal[1]])


@jit
def solvable(s):
    """The key can be reached with the door shut, the goal with it open, and one does not begin at either, or in the door."""
    if not is_closed(s) or s.wall[1, 1]:
        return False
    if s.door[0] + s.door[1] == 2 or s.key[0] + s.key[1] == 2 or s.goal[0] + s.goal[1] == 2:
        return False
    if s.door[0] == s.key[0] and s.door[1] == s.key[1]:
        return False
    return distances(s, s.key, False)[1, 1] > 0 and distances(s, s.goal, True)[1, 1] > 0


@jit
def step(s, actions, rewards):
    action = actions[0]
    if 0 < action < 5:
        r, c = s.at[0] + ROW[action], s.at[1] + COLUMN[action]
        shut = not s.unlocked and r == s.door[0] and c == s.door[1]
        if not s.wall[r, c] and not shut:
            s.at[0], s.at[1] = r, c
    if s.at[0] == s.key[0] and s.at[1] == s.key[1]:
        s.unlocked = 1
    if s.at[0] == s.goal[0] and s.at[1] == s.goal[1]:
        rewards[0] += 1.0
        s.over = 1


@jit
def bot(s, seat, skill):
    """To the key and then to the goal; the less its skill, the more often anywhere."""
    if noise(s, seat, 2 * s.tick) > 0.2 + 0.8 * skill:
        return 1 + int(4.0 * noise(s, seat, 2 * s.tick + 1))
    far = distances(s, s.goal, True) if s.unlocked else distances(s, s.key, False)
    for action in range(1, 5):
        there = far[s.at[0] + ROW[action], s.at[1] + COLUMN[action]]
        if 0 <= there < far[s.at[0], s.at[1]]:
            return action
    return 0


@jit
def tile(f, place, role):
    rect(f, place[1] * TILE + 1.0, place[0] * TILE + 1.0, TILE - 2.0, TILE - 2.0, role)


@jit
def draw(s, f, seat):
    f.grid[:] = s.wall * np.uint8(WALL)
    tile(f, s.goal, GOAL)
    if s.unlocked:
        gone(f)
        gone(f)
    else:
        tile(f, s.door, DANGER)
        disc(f, (s.key[1] + 0.5) * TILE, (s.key[0] + 0.5) * TILE, 3.0, ITEM)
    tile(f, s.at, ME)


@jit
def valid(s):
    return is_closed(s) and is_inside(s.at) and not s.wall[s.at[0], s.at[1]]


def hud(s):
    return "", "door open" if s.unlocked else "", ""
