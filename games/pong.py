"""Send the ball past the other paddle; where it meets yours sets its angle, and every return is faster than the last.
Reward: +1 for a point, -1 for one lost.
End: the first to 5 points wins.
"""

import numpy as np

from games.core import BALL, COMMON, DECOR, ME, OTHER, disc, jit, noise, rect, uniform

PLAYERS = 2
ACTIONS = ["stay", "up", "down"]
KEYS = ({"w": "up", "s": "down"}, {"up": "up", "down": "down"})
MAX_TICKS = 60 * 180
MIRROR = ()  # seat 1 sees the court flipped; up and down stay what they are
SHAPES = 3
VERSION = 1
MARK = ("bot", 0.95)
PEOPLE = {"kind": "axis"}
RECIPE = {
    "ppo": {"steps": 2.8e6, "opponents": ["bot"], "eval_every": 700_000, "ent_coef": 0.08, "gamma": 0.98},
    "dqn": {
        "steps": 3.2e6,
        "opponents": ["bot"],
        "eval_every": 1_600_000,
        "checkpoint_every": 1_600_000,
        "n_envs": 512,
        "gamma": 0.98,
        "double": False,
    },
    "pqn": {"steps": 2.6e6, "opponents": ["bot"], "eval_every": 1.3e6, "gamma": 0.98, "learning_rate": 8e-3},
}

POINTS = 5  # to win
PADDLE_X = 5.0  # distance of a paddle's face from its edge, world units
PADDLE_W, PADDLE_H = 2.5, 14.0
PADDLE_SPEED = 1.05  # world units per tick
RADIUS = 1.75  # of the ball
SERVE_SPEED = 1.0  # sideways, world units per tick
FASTER = 1.1  # sideways speed after each return, times
TOP_SPEED = 2.2  # sideways
STEEPEST = 1.5  # up or down for each unit sideways, at the paddle's edge
PAUSE = 30  # ticks before a serve
TOP, BOTTOM = RADIUS, 84.0 - RADIUS

STATE = np.dtype([
    *COMMON,                      # rng, tick, over, level
    ("x", "f8"), ("y", "f8"),     # ball centre, world units
    ("vx", "f8"), ("vy", "f8"),   # world units per tick
    ("paddle", "f8", (2,)),       # centre of each, world units
    ("score", "i4", (2,)),        # points
    ("server", "i4"),             # the seat that serves next
    ("pause", "i4"),              # ticks until the serve
    ("rally", "i4"),              # returns since the serve
])  # fmt: skip


@jit
def serve(s):
    s.x = 42.0
    s.y = 16.0 + 52.0 * uniform(s)
    s.vx = SERVE_SPEED if s.server == 0 else -SERVE_SPEED
    s.vy = (2.0 * uniform(s) - 1.0) * 0.7 * SERVE_SPEED
    s.server = 1 - s.server
    s.pause = PAUSE
    s.rally = 0


@jit
def reset(s):
    s.paddle[:] = 42.0
    s.score[:] = 0
    s.server = 0 if uniform(s) < 0.5 else 1
    serve(s)


@jit
def meet(s, seat, face):
    """The ball meets a paddle: the further from the paddle's centre, the steeper it leaves."""
    offset = (s.y - s.paddle[seat]) / (0.5 * PADDLE_H + RADIUS)  # -1 … 1
    speed = min(abs(s.vx) * FASTER, TOP_SPEED)
    s.vx = speed if seat == 0 else -speed
    s.vy = STEEPEST * offset * speed
    s.x = 2.0 * face - s.x
    s.rally += 1


@jit
def step(s, actions, rewards):
    for seat in range(2):
        if actions[seat] == 1:
            s.paddle[seat] = max(s.paddle[seat] - PADDLE_SPEED, 0.5 * PADDLE_H)
        elif actions[seat] == 2:
            s.paddle[seat] = min(s.paddle[seat] + PADDLE_SPEED, 84.0 - 0.5 * PADDLE_H)
    if s.pause > 0:
        s.pause -= 1
        return

    before = s.x
    s.x += s.vx
    s.y += s.vy
    if s.y < TOP:
        s.y, s.vy = 2.0 * TOP - s.y, -s.vy
    elif s.y > BOTTOM:
        s.y, s.vy = 2.0 * BOTTOM - s.y, -s.vy

    reach = 0.5 * PADDLE_H + RADIUS
    left, right = PADDLE_X + RADIUS, 84.0 - PADDLE_X - RADIUS
    if s.x < left <= before and abs(s.y - s.paddle[0]) <= reach:
        meet(s, 0, left)
    elif s.x > right >= before and abs(s.y - s.paddle[1]) <= reach:
        meet(s, 1, right)
    elif s.x < -RADIUS:
        point(s, rewards, 1)
    elif s.x > 84.0 + RADIUS:
        point(s, rewards, 0)


@jit
def point(s, rewards, winner):
    s.score[winner] += 1
    rewards[winner] += 1.0
    rewards[1 - winner] -= 1.0
    if s.score[winner] == POINTS:
        s.over = 1
    else:
        serve(s)


@jit
def draw(s, f, seat):
    mine = max(seat, 0)
    if f.people:
        for dash in range(12):
            rect(f, 41.5, 7.0 * dash + 1.75, 1.0, 3.5, DECOR)
    for k in range(2):
        player = mine if k == 0 else 1 - mine
        x = PADDLE_X - PADDLE_W if player == 0 else 84.0 - PADDLE_X
        rect(f, x, s.paddle[player] - 0.5 * PADDLE_H, PADDLE_W, PADDLE_H, ME if k == 0 else OTHER)
    disc(f, s.x, s.y, RADIUS, BALL)


@jit
def crossing(s, face):
    """The y at which the ball will cross the line of a paddle's face: the walls fold its path."""
    span = BOTTOM - TOP
    y = abs(s.y - TOP + s.vy * abs(face - s.x) / abs(s.vx)) % (2.0 * span)
    return TOP + (y if y <= span else 2.0 * span - y)


@jit
def bot(s, seat, skill):
    """Goes where it expects the ball, to send it away from the other paddle. The lower its skill, the later it looks up
    and the more it misjudges a fast ball.
    """
    face = PADDLE_X + RADIUS if seat == 0 else 84.0 - PADDLE_X - RADIUS
    goal = 42.0  # it waits in the middle
    coming = (s.vx < 0.0) == (seat == 0) and s.pause == 0  # nobody sees where a serve will go
    if coming and abs(s.x - face) < 30.0 + 35.0 * skill:
        misjudged = (2.0 * noise(s, seat, s.rally) - 1.0) * (7.4 - 4.5 * skill) * abs(s.vx)  # once a crossing
        aim = 4.0 + 2.0 * skill  # off its middle, world units
        goal = crossing(s, face) + misjudged + (aim if s.paddle[1 - seat] > 42.0 else -aim)
    if s.paddle[seat] < goal - 2.5:  # more than half of its move in one decision, or it would tremble
        return 2
    if s.paddle[seat] > goal + 2.5:
        return 1
    return 0


@jit
def valid(s):
    """Whether a saved game may go on from here."""
    for seat in range(2):
        if not (0.0 <= s.paddle[seat] <= 84.0 and 0 <= s.score[seat] <= POINTS):
            return False
    ball = -10.0 < s.x < 94.0 and -10.0 < s.y < 94.0 and abs(s.vx) <= TOP_SPEED and abs(s.vy) < 10.0
    return ball and 0 <= s.server <= 1 and 0 <= s.pause <= PAUSE and s.rally >= 0


def hud(s):
    return str(s.score[0]), f"first to {POINTS}", str(s.score[1])
