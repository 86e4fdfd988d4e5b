"""Bars of one to three stones fall into a well; an agent says at once where each shall land, a person steers it down.
Reward: +1 for each full row, which vanishes.
End: a bar finds no room, or 60 have fallen.
"""

import numpy as np

from games.core import COMMON, ITEM, ME, jit, noise, rect, uniform

PLAYERS = 1
ROWS, COLUMNS = 12, 6
ACTIONS = ["column 1", "column 2", "column 3", "column 4", "column 5", "column 6"]  # of the bar's left end
HANDS = ["left", "right", "drop"]
KEYS = ({"left": "left", "right": "right", "space": "drop"},)
MAX_TICKS = 60 * 180
GRID = (ROWS, COLUMNS)
SHAPES = 1
VERSION = 1
MARK = ("bot:1", 10.0)
RECIPE = {"ppo": {}}

BARS = 60  # in a game
SLOW = 20  # ticks a row, until told where to land; then one
WIDE, HIGH = 84.0 / COLUMNS, 84.0 / ROWS  # of a stone, world units

STATE = np.dtype([
    *COMMON,                             # rng, tick, over, level
    ("stone", "u1", (ROWS, COLUMNS)),    # 1: lies there
    ("row", "i4"), ("column", "i4"),     # left end of the falling bar
    ("width", "i4"),                     # stones
    ("placed", "u1"),                    # 1: it has been told where to land
    ("wait", "i4"),                      # ticks until it falls a row
    ("bars", "i4"),                      # that have come
    ("cleared", "i4"),                   # rows
])  # fmt: skip


@jit
def fits(s, row, column):
    if row >= ROWS or column < 0 or column + s.width > COLUMNS:
        return False
    return s.stone[row, column : column + s.width].sum() == 0


@jit
def next_bar(s):
    s.width = 1 + int(3.0 * uniform(s))
    s.row, s.column = 0, int((COLUMNS - s.width + 1) * uniform(s))
    s.placed, s.wait = 0, SLOW
    s.bars += 1
    if s.bars > BARS or not fits(s, 0, s.column):
        s.over = 1


@jit
def reset(s):
    s.stone[:] = 0
    s.bars = s.cleared = 0
    next_bar(s)


@jit
def step(s, actions, rewards):
    action = actions[0]
    if 0 <= action < COLUMNS and not s.placed and fits(s, s.row, action):
        s.column, s.placed, s.wait = action, 1, 0
    elif action in (COLUMNS, COLUMNS + 1) and not s.placed:
        aside = s.column + (1 if action == COLUMNS + 1 else -1)
        s.column = aside if fits(s, s.row, aside) else s.column
    elif action == COLUMNS + 2:
        s.placed, s.wait = 1, 0
    if s.wait > 0:
        s.wait -= 1
    elif fits(s, s.row + 1, s.column):
        s.row += 1
        s.wait = 0 if s.placed else SLOW
    else:
        land(s, rewards)


@jit
def land(s, rewards):
    s.stone[s.row, s.column : s.column + s.width] = 1
    if s.stone[s.row].sum() == COLUMNS:
        for row in range(s.row, 0, -1):
            s.stone[row] = s.stone[row - 1]
        s.stone[0] = 0
        s.cleared += 1
        rewards[0] += 1.0
    next_bar(s)


@jit
def asks(s, seat):
    return not s.placed


@jit
def legal(s, seat, mask):
    for column in range(COLUMNS):
        mask[column] = 1 if fits(s, s.row, column) else 0


@jit
def bot(s, seat, skill):
    """As deep as it goes, over as few holes as can be; the less its skill, the more it guesses."""
    best, best_value = s.column, -1000.0
    for column in range(COLUMNS):
        row = s.row
        if fits(s, row, column):
            while fits(s, row + 1, column):
                row += 1
            holes = 0 if row == ROWS - 1 else s.width - int(s.stone[row + 1, column : column + s.width].sum())
            value = row - 2.0 * holes + 12.0 * (1.0 - skill) * noise(s, seat, 8 * s.bars + column)
            if value > best_value:
                best, best_value = column, value
    return best


@jit
def draw(s, f, seat):
    f.grid[:] = s.stone * np.uint8(ITEM)
    rect(f, s.column * WIDE, s.row * HIGH, s.width * WIDE, HIGH, ME)


@jit
def valid(s):
    return 0 <= s.row < ROWS and 1 <= s.width <= 3 and 0 <= s.column <= COLUMNS - s.width and s.bars >= 0


def hud(s):
    return f"{s.cleared} rows", "", f"{BARS - s.bars} bars"
