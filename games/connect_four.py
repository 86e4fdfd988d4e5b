"""Drop discs into the columns, by turns; the first four in a row, across, upright or slanted, win.
Reward: +1 for winning, -1 for losing, 0 for a draw.
End: four in a row, or a full board. Who begins is decided by chance.
"""

import numpy as np

from games.core import COMMON, DECOR, ME, OTHER, WALL, disc, gone, jit, line, noise, rect, uniform

PLAYERS = 2
ACTIONS = ["1", "2", "3", "4", "5", "6", "7"]  # the columns, from the left
KEYS = ({key: key for key in ACTIONS}, {key: key for key in ACTIONS})
SPOTS = [(12.0 * column, 0.0, 12.0, 84.0) for column in range(7)]
TURNS = True
MAX_TICKS = 60
SHAPES = 43
VERSION = 1
MARK = ("bot", 0.90)
PEOPLE = {"kind": "board"}
SIGHT = {"observation": "planes", "size": 14, "stack": 1, "patch": 2, "channels": 8, "hidden": 256}
RECIPE = {
    "ppo": {"steps": 16e6, "eval_every": 4e6, "opponents": ["bot"], "learning_rate": 2e-3, **SIGHT},
    "dqn": {"steps": 4e6, "eval_every": 1e6, "opponents": ["bot"], "learning_rate": 2e-3, **SIGHT},
    "pqn": {"steps": 8e6, "eval_every": 2e6, "opponents": ["bot"], "learning_rate": 2e-3, **SIGHT},
}

ROWS, COLUMNS = 6, 7
CELL = 12.0  # world units; the board's top is one cell below the world's
RADIUS = 5.0  # of a disc

# A seat's discs are bits of one number: cell (column, height) is bit 7 * column + height. The seventh bit of a column
# stays 0, so that no row runs on into the next column.
UP, FALLING, ACROSS, RISING = 1, 6, 7, 8  # distance from one bit of a row to the next
BOTTOM = 0b0000001_0000001_0000001_0000001_0000001_0000001_0000001
FULL = BOTTOM * 0b0111111
CENTRE_FIRST = (3, 2, 4, 1, 5, 0, 6)
WIN = 1000  # value of a win in the bot's search

STATE = np.dtype([
    *COMMON,                  # rng, tick, over, level
    ("discs", "i8", (2,)),    # bits of each seat
    ("turn", "i4"),           # the seat that moves
    ("last", "i4"),           # column of the latest disc, -1 before the first
])  # fmt: skip


@jit
def landing(occupied, column):
    """The bit on which a disc dropped into a column comes to rest; 0 if the column is full."""
    return (occupied + (1 << 7 * column)) & (0b0111111 << 7 * column)


@jit
def has_four(discs):
    for way in (UP, FALLING, ACROSS, RISING):
        pairs = discs & (discs >> way)
        if pairs & (pairs >> 2 * way):
            return True
    return False


@jit
def reset(s):
    s.discs[:] = 0
    s.turn = 0 if uniform(s) < 0.5 else 1
    s.last = -1


@jit
def asks(s, seat):
    return seat == s.turn


@jit
def legal(s, seat, mask):
    for column in range(COLUMNS):
        if landing(s.discs[0] | s.discs[1], column) == 0:
            mask[column] = 0


@jit
def step(s, actions, rewards):
    seat, column = s.turn, actions[s.turn]
    if not 0 <= column < COLUMNS:
        return
    dropped = landing(s.discs[0] | s.discs[1], column)
    if dropped == 0:
        return
    s.discs[seat] |= dropped
    s.last = column
    s.turn = 1 - seat
    if has_four(s.discs[seat]):
        rewards[seat] += 1.0
        rewards[1 - seat] -= 1.0
        s.over = 1
    elif s.discs[0] | s.discs[1] == FULL:
        s.over = 1


@jit
def draw(s, f, seat):
    mine = max(seat, 0)
    if f.people:
        draw_board(f)
    for row in range(ROWS):  # from the top
        for column in range(COLUMNS):
            cell = 1 << (7 * column + ROWS - 1 - row)
            x, y = CELL * (column + 0.5), CELL * (row + 1.5)
            if s.discs[mine] & cell:
                disc(f, x, y, RADIUS, ME)
            elif s.discs[1 - mine] & cell:
                disc(f, x, y, RADIUS, OTHER)
            else:
                gone(f)
    rect(f, 0.0, CELL - 2.0, 84.0, 2.0, WALL)  # the rim: no picture of an empty board is blank
    if f.people:
        mark_fours(s, f)


@jit
def draw_board(f):
    rect(f, 0.0, CELL, 84.0, 84.0 - CELL, DECOR)
    for row in range(ROWS):
        for column in range(COLUMNS):
            disc(f, CELL * (column + 0.5), CELL * (row + 1.5), RADIUS, DECOR + 3)


@jit
def mark_fours(s, f):
    """Draw a line through each four in a row; while there is none, a dot on the latest disc."""
    for way in (UP, FALLING, ACROSS, RISING):
        for bit in range(7 * COLUMNS - 3 * way):
            four = (1 | (1 << way) | (1 << 2 * way) | (1 << 3 * way)) << bit
            if s.discs[0] & four == four or s.discs[1] & four == four:
                x, y = CELL * (bit // 7 + 0.5), 84.0 - CELL * (bit % 7 + 0.5)
                right, up = (way + 1) // 7, (way + 1) % 7 - 1
                line(f, x, y, x + 3 * CELL * right, y - 3 * CELL * up, 2.0, DECOR + 3)
    if s.last >= 0 and not s.over:
        height = 0
        while (s.discs[0] | s.discs[1]) & (1 << (7 * s.last + height)):
            height += 1
        disc(f, CELL * (s.last + 0.5), 84.0 - CELL * (height - 0.5), 1.2, DECOR + 3)


@jit
def negamax(mine, theirs, plies, alpha, beta):
    """The value of a position for the side that moves, searched `plies` deep: WIN or more for a win (the sooner, the
    more), below -WIN for a loss, 0 for a draw or an open position. Exact between `alpha` and `beta`.
    """
    occupied = mine | theirs
    if plies == 0 or occupied == FULL:
        return 0
    for column in range(COLUMNS):
        dropped = landing(occupied, column)
        if dropped and has_four(mine | dropped):
            return WIN + plies
    for column in CENTRE_FIRST:
        dropped = landing(occupied, column)
        if dropped:
            alpha = max(alpha, -negamax(theirs, mine | dropped, plies - 1, -beta, -alpha))
            if alpha >= beta:
                break
    return alpha


@jit
def bot(s, seat, skill):
    """Looks ahead: 1 ply at skill 0, 2 at 0.5, 4 at 1, between these a random mix of both depths; below 0.5 it also drops
    some discs without looking. It chooses among equal columns at random; above 0.5 it prefers the centre.
    """
    mine, theirs = s.discs[seat], s.discs[1 - seat]
    plies = int(max(4.0 * skill, 1.0 + 2.0 * skill) + noise(s, seat, 16 * s.tick + 8))
    middling = max(0.0, 0.5 * skill - 0.25)  # how much less it likes each column further from the middle
    careless = noise(s, seat, 16 * s.tick + 9) < 0.6 * (0.5 - skill)
    choice, best = -1, -2.0 * WIN
    for column in CENTRE_FIRST:
        dropped = landing(mine | theirs, column)
        if dropped == 0:
            continue
        value = noise(s, seat, 16 * s.tick + column) * (1.0 - middling * abs(column - 3))
        if not careless:
            if has_four(mine | dropped):
                value += WIN + plies
            else:  # exact unless it is worse than the best column by a whole point
                value -= negamax(theirs, mine | dropped, plies - 1, -2 * WIN, 2 - int(best))
        if value > best:
            choice, best = column, value
    return choice


@jit
def valid(s):
    """Whether a saved game may go on from here: no cell is held twice, and no disc floats."""
    occupied = s.discs[0] | s.discs[1]
    stacked = (occupied | FULL) == FULL and (occupied + BOTTOM) & occupied == 0
    return stacked and s.discs[0] & s.discs[1] == 0 and 0 <= s.turn <= 1 and -1 <= s.last < COLUMNS


def hud(s):
    labels = ["", ""]
    if not s.over:
        labels[s.turn] = "to move"
    return labels[0], "", labels[1]
