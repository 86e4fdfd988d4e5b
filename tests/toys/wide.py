"""Two walkers on a field twice as wide as the picture collect gems; a gem is worth the number on it.
Reward: a gem's number for whoever takes it, the same less for the other.
End: one leads by 12.
"""

import numpy as np

from games.core import COMMON, DECOR, ITEM, ME, OTHER, PICK, WALL, camera, cue, disc, jit, noise, number, rect, uniform

PLAYERS = 2
ACTIONS = ["stay", "up", "down", "left", "right", "up-left", "up-right", "down-left", "down-right"]
KEYS = (
    {
        "w": "up", "s": "down", "a": "left", "d": "right", "w+a": "up-left", "w+d": "up-right", "s+a": "down-left",
        "s+d": "down-right",
    },
    {
        "up": "up", "down": "down", "left": "left", "right": "right", "up+left": "up-left", "up+right": "up-right",
        "down+left": "down-left", "down+right": "down-right",
    },
)  # fmt: skip
MIRROR = (("left", "right"), ("up-left", "up-right"), ("down-left", "down-right"))
WORLD_SIZE = (168.0, 84.0)
GRID = (6, 12)  # tiles of 14 units
MAX_TICKS = 60 * 60
VERSION = 1
SHAPES = 6
MARK = ("bot", 0.6)
RECIPE = {"ppo": {"observation": "objects", "network": "mlp", "steps": 2e5}}

WIDTH, HEIGHT, TILE = 168.0, 84.0, 14.0
SPEED, RADIUS, LEAD = 1.2, 2.5, 12
ROCKS = np.zeros((6, 12), np.uint8)
ROCKS[[1, 1, 4, 4], [4, 7, 4, 7]] = WALL
ROCKS[2:4, [1, 10]] = WALL + 1

STATE = np.dtype(
    [
        *COMMON,
        ("x", "f8", (2,)),
        ("y", "f8", (2,)),
        ("gem_x", "f8"),
        ("gem_y", "f8"),
        ("worth", "i4"),
        ("taken", "i4"),  # tick at which the last gem was taken
        ("gems", "i4"),  # so far
        ("score", "i4", (2,)),
    ]
)


@jit
def is_rock(x, y):
    return ROCKS[min(int(y / TILE), 5), min(int(x / TILE), 11)] != 0


@jit
def new_gem(s):
    s.gem_x, s.gem_y = TILE / 2, TILE / 2
    for _ in range(20):
        s.gem_x = TILE * (int(12.0 * uniform(s)) + 0.5)
        s.gem_y = TILE * (int(6.0 * uniform(s)) + 0.5)
        if not is_rock(s.gem_x, s.gem_y):
            break
    s.worth = 1 + int(5.0 * uniform(s))


@jit
def reset(s):
    s.x[0], s.x[1] = 35.0, WIDTH - 35.0
    s.y[0], s.y[1] = 42.0, 42.0
    s.taken, s.gems = -1, 0
    s.score[:] = 0
    new_gem(s)


@jit
def across(action):
    return int(action == 4 or action == 6 or action == 8) - int(action == 3 or action == 5 or action == 7)


@jit
def down(action):
    return int(action == 2 or action == 7 or action == 8) - int(action == 1 or action == 5 or action == 6)


@jit
def walk(s, seat, dx, dy):
    x = min(max(s.x[seat] + SPEED * dx, RADIUS), WIDTH - RADIUS)
    y = min(max(s.y[seat] + SPEED * dy, RADIUS), HEIGHT - RADIUS)
    if not is_rock(x, s.y[seat]):
        s.x[seat] = x
    if not is_rock(s.x[seat], y):
        s.y[seat] = y


@jit
def step(s, actions, rewards):
    near = np.zeros(2)
    for seat in range(2):
        walk(s, seat, across(actions[seat]), down(actions[seat]))
        near[seat] = (s.x[seat] - s.gem_x) ** 2 + (s.y[seat] - s.gem_y) ** 2
    taker = int(near[1] < near[0])
    if near[taker] < (2.0 * RADIUS) ** 2 and near[0] != near[1]:
        rewards[taker] += s.worth
        rewards[1 - taker] -= s.worth
        s.score[taker] += s.worth
        s.taken = s.tick
        s.gems += 1
        new_gem(s)
    if abs(s.score[0] - s.score[1]) >= LEAD:
        s.over = 1


@jit
def draw(s, f, seat):
    me = max(seat, 0)
    camera(f, min(max(s.x[me], 42.0), WIDTH - 42.0), 42.0)
    f.grid[:] = ROCKS
    disc(f, s.gem_x, s.gem_y, 4.0, ITEM)
    number(f, s.gem_x, s.gem_y, 4.0, s.worth, ITEM + 2)
    for k in range(2):
        i = 1 - me if k == 0 else me
        disc(f, s.x[i], s.y[i], RADIUS, ME if i == me else OTHER)
    camera(f, 42.0, 42.0)
    rect(f, 2.0, 80.0, 80.0 * min(s.tick / MAX_TICKS, 1.0), 1.0, DECOR)
    number(f, 8.0, 6.0, 4.0, (MAX_TICKS - s.tick) // 60, DECOR)
    if s.taken == s.tick - 1:
        cue(f, PICK)


@jit
def bot(s, seat, skill):
    """Walks to the gem, at times a random way."""
    if noise(s, seat, s.tick) > 0.2 + 0.8 * skill:
        return int(9.0 * noise(s, seat, s.tick + 100_000))
    dx = int(s.gem_x > s.x[seat] + 1.0) - int(s.gem_x < s.x[seat] - 1.0)
    dy = int(s.gem_y > s.y[seat] + 1.0) - int(s.gem_y < s.y[seat] - 1.0)
    for action in range(9):
        if across(action) == dx and down(action) == dy:
            return action
    return 0


@jit
def valid(s):
    for seat in range(2):
        if not (0.0 <= s.x[seat] <= WIDTH and 0.0 <= s.y[seat] <= HEIGHT):
            return False
    return True


def hud(s, people):
    return str(s.score[0]), "you lead" if people.persons[0] and s.score[0] > s.score[1] else "", str(s.score[1])
