"""Two in a maze, each seeing all of it: one hunts, one is hunted, and the hunter is the quicker.
Reward: +1 for the pursuer when it stands on the runner's tile, for the runner when 20 seconds are over; -1 for the other.
End: caught, or out of time: the limit decides, so it is a rule.
"""

import numpy as np

from games.core import COMMON, GOAL, ME, OTHER, WALL, jit, noise, rect, uniform

PLAYERS = 2
SEATS = ("pursuer", "runner")
ACTIONS = ["stay", "up", "down", "left", "right"]
KEYS = (
    {"w": "up", "s": "down", "a": "left", "d": "right"},
    {"up": "up", "down": "down", "left": "left", "right": "right"},
)
MAX_TICKS = 60 * 30
VERSION = 1
SIZE = 11  # tiles a side, odd: rooms have odd numbers, what is between them is wall or door
GRID = (SIZE, SIZE)
SHAPES = 3
MARK = ("bot", 0.6)
RECIPE = {"ppo": {}}

TILE = 84.0 / SIZE  # world units
LIMIT = 60 * 20  # ticks
PACE = np.array([8, 10])  # ticks a tile, of each seat
LOOPS = 8  # walls taken away from a maze without any way round
ROW, COLUMN = np.array([0, -1, 1, 0, 0]), np.array([0, 0, 0, -1, 1])  # where each action goes

STATE = np.dtype([
    *COMMON,                        # rng, tick, over, level
    ("wall", "u1", (SIZE, SIZE)),   # 1: wall, 0: way
    ("row", "i4", (2,)),            # tile of each seat
    ("column", "i4", (2,)),
    ("rest", "i4", (2,)),           # ticks until each may move again
])  # fmt: skip


@jit
def build(s):
    """A walk through all rooms that turns back where it finds no new one, and then some walls less."""
    s.wall[:] = 1
    s.wall[1, 1] = 0
    trail = np.zeros((SIZE * SIZE, 2), np.int64)
    trail[0] = 1
    length = 1
    while length > 0:
        row, column = trail[length - 1]
        first, found = int(4.0 * uniform(s)), False
        for k in range(4):
            way = 1 + (first + k) % 4
            r, c = row + 2 * ROW[way], column + 2 * COLUMN[way]
            if not found and 0 < r < SIZE and 0 < c < SIZE and s.wall[r, c]:
                s.wall[r, c] = s.wall[row + ROW[way], column + COLUMN[way]] = 0
                trail[length] = r, c
                found = True
        length += 1 if found else -1
    for _ in range(LOOPS):
        r, c = 1 + int((SIZE - 2) * uniform(s)), 1 + int((SIZE - 2) * uniform(s))
        if (r + c) % 2:
            s.wall[r, c] = 0


@jit
def reset(s):
    s.row[0] = s.column[0] = 1
    s.row[1] = s.column[1] = SIZE - 2
    s.rest[:] = 0


@jit
def open_way(s, seat, action):
    return 0 < action < 5 and not s.wall[s.row[seat] + ROW[action], s.column[seat] + COLUMN[action]]


@jit
def step(s, actions, rewards):
    for seat in range(2):
        if s.rest[seat] > 0:
            s.rest[seat] -= 1
        elif open_way(s, seat, actions[seat]):
            s.row[seat] += ROW[actions[seat]]
            s.column[seat] += COLUMN[actions[seat]]
            s.rest[seat] = PACE[seat] - 1
        if s.row[0] == s.row[1] and s.column[0] == s.column[1]:
            s.over = 1
    if s.over or s.tick == LIMIT - 1:
        rewards[0] += 1.0 if s.over else -1.0
        rewards[1] -= 1.0 if s.over else -1.0
        s.over = 1


@jit
def legal(s, seat, mask):
    for action in range(1, 5):
        mask[action] = 1 if open_way(s, seat, action) else 0


@jit
def distances(s, row, column):
    """How many tiles from each tile to this one; -1 where no way leads."""
    far = np.full((SIZE, SIZE), -1)
    queue = np.zeros((SIZE * SIZE, 2), np.int64)
    queue[0] = row, column
    far[row, column] = 0
    head, tail = 0, 1
    while head < tail:
        r, c = queue[head]
        head += 1
        for way in range(1, 5):
            y, x = r + ROW[way], c + COLUMN[way]
            if not s.wall[y, x] and far[y, x] < 0:
                far[y, x] = far[r, c] + 1
                queue[tail] = y, x
                tail += 1
    return far


@jit
def solvable(s):
    """The pursuer can reach the runner."""
    return distances(s, 1, 1)[SIZE - 2, SIZE - 2] > 0


@jit
def bot(s, seat, skill):
    """Nearer to the other, or further from it; the less its skill, the more often it goes anywhere."""
    far = distances(s, s.row[1 - seat], s.column[1 - seat])
    best, best_value = 0, -1000.0
    for action in range(5):
        if action == 0 or open_way(s, seat, action):
            away = far[s.row[seat] + ROW[action], s.column[seat] + COLUMN[action]]
            doubt = 4.0 * (1.0 - skill) * noise(s, seat, 8 * s.tick + action)
            value = (away if seat == 1 else -away) + doubt + 0.1 * noise(s, seat, action)
            if value > best_value:
                best, best_value = action, value
    return best


@jit
def draw(s, f, seat):
    mine = max(seat, 0)
    f.grid[:] = s.wall * np.uint8(WALL)
    rect(f, s.column[mine] * TILE + 1.0, s.row[mine] * TILE + 1.0, TILE - 2.0, TILE - 2.0, ME)
    rect(f, s.column[1 - mine] * TILE + 1.0, s.row[1 - mine] * TILE + 1.0, TILE - 2.0, TILE - 2.0, OTHER)
    rect(f, 0.0, 83.0, 84.0 * max(0.0, 1.0 - s.tick / LIMIT), 1.0, GOAL)  # the clock, which decides


@jit
def valid(s):
    """Walls stand all around, and nobody is in one."""
    for k in range(SIZE):
        if not (s.wall[0, k] and s.wall[SIZE - 1, k] and s.wall[k, 0] and s.wall[k, SIZE - 1]):
            return False
    for seat in range(2):
        if not (0 < s.row[seat] < SIZE - 1 and 0 < s.column[seat] < SIZE - 1) or s.wall[s.row[seat], s.column[seat]]:
            return False
    return True


def hud(s):
    return "pursuer", str(max(0, LIMIT - s.tick) // 60), "runner"
