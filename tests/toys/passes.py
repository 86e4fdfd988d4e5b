"""A disc goes where it encloses the other's in a line, and turns them over; who has no such place passes.
Reward: +1 for the one with more discs, -1 for the other, at the end.
End: nobody can go on.
"""

import numpy as np

from games.core import COMMON, ME, OTHER, WALL, disc, gone, jit, line, noise, uniform

PLAYERS = 2
SIDE = 6  # squares
ACTIONS = [f"{'abcdef'[k % SIDE]}{k // SIDE + 1}" for k in range(SIDE * SIDE)]
KEYS = ({}, {})  # a mouse's game
SQUARE = 84.0 / SIDE  # world units
SPOTS = [(SQUARE * (k % SIDE), SQUARE * (k // SIDE), SQUARE, SQUARE) for k in range(SIDE * SIDE)]
TURNS = True
MAX_TICKS = 100
SHAPES = SIDE * SIDE + 2 * (SIDE - 1)
VERSION = 1
MARK = ("bot", 0.6)
RECIPE = {"ppo": {}}

STATE = np.dtype([
    *COMMON,                       # rng, tick, over, level
    ("disc", "i1", (SIDE, SIDE)),  # whose: 1 the first seat's, 2 the second's, 0 nobody's
    ("turn", "i4"),                # the seat that moves
])  # fmt: skip


@jit
def reset(s):
    s.disc[:] = 0
    for k in range(4):
        s.disc[SIDE // 2 - 1 + k // 2, SIDE // 2 - 1 + k % 2] = 1 if k in (1, 2) else 2
    s.turn = 0 if uniform(s) < 0.5 else 1


@jit
def enclosed(s, seat, row, column, dy, dx):
    """How many discs this seat encloses in one direction from a square."""
    for count in range(SIDE):
        y, x = row + (count + 1) * dy, column + (count + 1) * dx
        if not (0 <= y < SIDE and 0 <= x < SIDE) or s.disc[y, x] == 0:
            return 0
        if s.disc[y, x] == seat + 1:
            return count
    return 0


@jit
def worth(s, seat, square):
    """How many discs it turns over to move there: 0 where that cannot be."""
    row, column = square // SIDE, square % SIDE
    total = 0
    if s.disc[row, column] == 0:
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                total += enclosed(s, seat, row, column, dy, dx) if dy or dx else 0
    return total


@jit
def can_move(s, seat):
    for square in range(SIDE * SIDE):
        if worth(s, seat, square):
            return True
    return False


@jit
def place(s, seat, square):
    row, column = square // SIDE, square % SIDE
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            if dy or dx:
                for k in range(enclosed(s, seat, row, column, dy, dx)):
                    s.disc[row + (k + 1) * dy, column + (k + 1) * dx] = seat + 1
    s.disc[row, column] = seat + 1


@jit
def step(s, actions, rewards):
    square = actions[s.turn]
    if not (0 <= square < SIDE * SIDE and worth(s, s.turn, square)):
        return
    place(s, s.turn, square)
    if can_move(s, 1 - s.turn):
        s.turn = 1 - s.turn
    elif not can_move(s, s.turn):
        s.over = 1
        ahead = (s.disc == 1).sum() - (s.disc == 2).sum()
        rewards[0] += np.sign(ahead)
        rewards[1] -= np.sign(ahead)


@jit
def asks(s, seat):
    return seat == s.turn


@jit
def legal(s, seat, mask):
    for square in range(SIDE * SIDE):
        mask[square] = 1 if worth(s, seat, square) else 0


@jit
def bot(s, seat, skill):
    """Turns over as many as it can and likes corners; the less its skill, the more it guesses."""
    best, best_value = 0, -1.0
    for square in range(SIDE * SIDE):
        turned = worth(s, seat, square)
        if turned:
            corner = square in (0, SIDE - 1, SIDE * (SIDE - 1), SIDE * SIDE - 1)
            value = turned + (8.0 if corner else 0.0) + 8.0 * (1.2 - skill) * noise(s, seat, 64 * s.tick + square)
            if value > best_value:
                best, best_value = square, value
    return best


@jit
def draw(s, f, seat):
    mine = max(seat, 0) + 1
    for k in range(1, SIDE):
        line(f, k * SQUARE, 0.0, k * SQUARE, 84.0, 1.0, WALL)
        line(f, 0.0, k * SQUARE, 84.0, k * SQUARE, 1.0, WALL)
    for square in range(SIDE * SIDE):
        owner = s.disc[square // SIDE, square % SIDE]
        if owner:
            x, y = (square % SIDE + 0.5) * SQUARE, (square // SIDE + 0.5) * SQUARE
            disc(f, x, y, 0.4 * SQUARE, ME if owner == mine else OTHER)
        else:
            gone(f)


@jit
def valid(s):
    return 0 <= s.turn <= 1 and s.disc.min() >= 0 and s.disc.max() <= 2


def hud(s):
    first, second = int((s.disc == 1).sum()), int((s.disc == 2).sum())
    return str(first), "", str(second)
