"""Both choose a number, unseen; the larger wins, and one of them, which nobody knows, counts for one more.
Reward: +1 for a round that is won, -1 for one that is lost.
End: somebody has won three rounds.
"""

import numpy as np

from games.core import COMMON, GOAL, ME, OTHER, WALL, gone, jit, noise, rect, uniform

PLAYERS = 2
ACTIONS = ["1", "2", "3"]  # fingers
KEYS = ({key: key for key in ACTIONS}, {key: key for key in ACTIONS})
TURNS = True
MAX_TICKS = 200
SHAPES = 6
VERSION = 1
MARK = ("bot", 0.6)
RECIPE = {"ppo": {}}

ROUNDS = 3  # to win

STATE = np.dtype([
    *COMMON,                  # rng, tick, over, level
    ("shown", "i4", (2,)),    # fingers of this round, 0 before a seat has chosen
    ("before", "i4", (2,)),   # of the round before
    ("score", "i4", (2,)),    # rounds won
    ("lucky", "i4"),          # 1 to 3: the number of luck
])  # fmt: skip


@jit
def reset(s):
    s.shown[:] = 0
    s.before[:] = 0
    s.score[:] = 0
    s.lucky = 1 + int(3.0 * uniform(s))


@jit
def asks(s, seat):
    return s.shown[seat] == 0


@jit
def step(s, actions, rewards):
    for seat in range(2):
        if s.shown[seat] == 0 and 0 <= actions[seat] < 3:
            s.shown[seat] = 1 + actions[seat]
    if s.shown[0] == 0 or s.shown[1] == 0:
        return
    ahead = s.shown[0] - s.shown[1] + (int(s.shown[0] == s.lucky) - int(s.shown[1] == s.lucky))
    winner = int(ahead < 0) if ahead else int(uniform(s) < 0.5)
    s.score[winner] += 1
    rewards[winner] += 1.0
    rewards[1 - winner] -= 1.0
    s.before[:] = s.shown
    s.shown[:] = 0
    if s.score[winner] == ROUNDS:
        s.over = 1


@jit
def bot(s, seat, skill):
    """The largest number, the more often the more its skill; else any."""
    if noise(s, seat, 2 * s.tick) < skill:
        return 2
    return int(3.0 * noise(s, seat, 2 * s.tick + 1))


@jit
def draw(s, f, seat):
    mine = max(seat, 0)
    rect(f, 41.0, 0.0, 2.0, 84.0, WALL)
    for k in range(2):
        owner = mine if k == 0 else 1 - mine
        role = ME if k == 0 else OTHER
        rect(f, 10.0 + 44.0 * k, 60.0, 6.0, 2.0 + 6.0 * s.before[owner], role)
        if s.shown[owner] > 0 and (seat < 0 or k == 0):
            rect(f, 20.0 + 44.0 * k, 10.0, 6.0, 6.0 * s.shown[owner], role)
        else:
            gone(f)
    rect(f, 41.0, 80.0, 2.0, 4.0, GOAL)


@jit
def valid(s):
    return 1 <= s.lucky <= 3 and min(s.shown.min(), s.before.min(), s.score.min()) >= 0 and s.shown.max() <= 3


def hud(s):
    return str(s.score[0]), "", str(s.score[1])
