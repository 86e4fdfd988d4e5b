"""Break the wall, brick by brick, and let no ball fall; where it meets your paddle sets its angle.
Reward: 1 for a brick of the lowest row … 6 for one of the highest.
End: the third ball is lost. A wall that is cleared is built anew, and the ball of a life grows faster with every return.
"""

import numpy as np

from games.core import BALL, COMMON, DANGER, DECOR, GOAL, ITEM, ME, disc, jit, noise, rect, uniform

PLAYERS = 1
ACTIONS = ["stay", "left", "right"]
KEYS = ({"left": "left", "right": "right", "a": "left", "d": "right"},)
MAX_TICKS = 60 * 180
SHAPES = 2
GRID = (21, 14)  # tiles of 6 × 4 world units
VERSION = 1
MARK = ("bot:1", 250)
PEOPLE = {"kind": "axis"}
SIGHT = {"observation": "planes", "size": 21, "patch": 3, "channels": 24, "hidden": 144}
RECIPE = {
    "ppo": {"steps": 10e6, "eval_every": 2e6, "reward_scale": 0.1, "gamma": 0.97, "learning_rate": 2e-3, **SIGHT},
    "dqn": {"steps": 4e6, "eval_every": 1e6, "gamma": 0.97, "exploration_final_eps": 0.1, **SIGHT},
    "pqn": {"steps": 5e6, "eval_every": 1e6, "gamma": 0.97, "exploration_final_eps": 0.05, **SIGHT},
}

LIVES = 3
ROWS, COLUMNS = 6, 14  # of bricks
ABOVE = 3  # empty rows of tiles above the wall
BRICK_W, BRICK_H = 6.0, 4.0  # a tile's, world units
COLOURS = (DANGER, DANGER + 2, ITEM, ITEM + 1, GOAL + 1, ITEM + 2)  # of the rows, from the top
PADDLE_Y = 78.0  # its upper edge
PADDLE_W, PADDLE_H = 13.0, 2.5
PADDLE_SPEED = 1.3  # world units per tick
RADIUS = 1.75  # of the ball
START_SPEED = 1.2  # of the ball, world units per tick
FASTER = 1.03  # speed after each return, times
TOP_SPEED = 2.6
SLANT = 0.88  # sideways part of the speed, for a ball that meets the paddle's edge
STRAY = 0.05  # of the paddle's width, for each idle return: no ball flies the same round for ever
PAUSE = 45  # ticks a new ball rests on the paddle
LINE_Y = PADDLE_Y - RADIUS  # where the ball's centre meets the paddle
LEFT, RIGHT = RADIUS, 84.0 - RADIUS

STATE = np.dtype([
    *COMMON,                           # rng, tick, over, level
    ("paddle", "f8"),                  # centre, world units
    ("x", "f8"), ("y", "f8"),          # ball centre
    ("vx", "f8"), ("vy", "f8"),        # world units per tick
    ("speed", "f8"),                   # the length of (vx, vy)
    ("bricks", "u1", (ROWS, COLUMNS)), # 1 stands, 0 broken; row 0 is the highest
    ("standing", "i4"),                # bricks
    ("walls", "i4"),                   # cleared so far
    ("lives", "i4"),                   # balls left, the one in play among them
    ("score", "i4"),
    ("pause", "i4"),                   # ticks until the ball leaves the paddle
    ("returns", "i4"),                 # by the paddle, of this ball
    ("idle", "i4"),                    # returns since it last broke a brick
])  # fmt: skip


@jit
def build_wall(s):
    s.bricks[:] = 1
    s.standing = ROWS * COLUMNS


@jit
def new_ball(s):
    """Put a ball on the paddle; it will fly up to the left or right."""
    s.speed = START_SPEED
    aim(s, 0.3 + 0.3 * uniform(s) if uniform(s) < 0.5 else -0.3 - 0.3 * uniform(s))
    s.x, s.y = s.paddle, LINE_Y
    s.pause = PAUSE
    s.returns = 0
    s.idle = 0


@jit
def aim(s, offset):
    """Send the ball up: -1 is furthest to the left, 1 to the right."""
    s.vx = SLANT * min(max(offset, -1.0), 1.0) * s.speed
    s.vy = -np.sqrt(s.speed * s.speed - s.vx * s.vx)


@jit
def reset(s):
    s.paddle = 42.0
    s.walls = 0
    s.lives = LIVES
    s.score = 0
    build_wall(s)
    new_ball(s)


@jit
def break_brick(s, x, y, rewards):
    """Break the brick at a point; False if none stands there."""
    row, column = int(y / BRICK_H) - ABOVE, int(x / BRICK_W)
    if not (0 <= row < ROWS and 0 <= column < COLUMNS) or s.bricks[row, column] == 0:
        return False
    s.bricks[row, column] = 0
    s.standing -= 1
    s.idle = 0
    s.score += ROWS - row
    rewards[0] += ROWS - row
    return True


@jit
def fly(s, rewards):
    """Move the ball, sideways first; walls and bricks throw it back."""
    s.x += s.vx
    if s.x < LEFT:
        s.x, s.vx = 2.0 * LEFT - s.x, -s.vx
    elif s.x > RIGHT:
        s.x, s.vx = 2.0 * RIGHT - s.x, -s.vx
    elif break_brick(s, s.x + (RADIUS if s.vx > 0.0 else -RADIUS), s.y, rewards):
        s.x, s.vx = s.x - s.vx, -s.vx
    s.y += s.vy
    if s.y < RADIUS:
        s.y, s.vy = 2.0 * RADIUS - s.y, -s.vy
    elif break_brick(s, s.x, s.y + (RADIUS if s.vy > 0.0 else -RADIUS), rewards):
        s.y, s.vy = s.y - s.vy, -s.vy


@jit
def step(s, actions, rewards):
    if actions[0] == 1:
        s.paddle = max(s.paddle - PADDLE_SPEED, 0.5 * PADDLE_W)
    elif actions[0] == 2:
        s.paddle = min(s.paddle + PADDLE_SPEED, 84.0 - 0.5 * PADDLE_W)
    if s.pause > 0:
        s.pause -= 1
        s.x = s.paddle
        return

    before = s.y
    fly(s, rewards)
    if s.y > LINE_Y >= before and abs(s.x - s.paddle) <= 0.5 * PADDLE_W + RADIUS:
        s.speed = min(s.speed * FASTER, TOP_SPEED)
        s.y = 2.0 * LINE_Y - s.y
        aim(s, (s.x - s.paddle) / (0.5 * PADDLE_W + RADIUS) + s.idle * STRAY * (2.0 * uniform(s) - 1.0))
        s.returns += 1
        s.idle += 1
        if s.standing == 0:  # only now, when the ball is clear of it
            s.walls += 1
            build_wall(s)
    elif s.y > 84.0 + RADIUS:
        s.lives -= 1
        if s.lives == 0:
            s.over = 1
        else:
            new_ball(s)


@jit
def draw(s, f, seat):
    for row in range(ROWS):
        for column in range(COLUMNS):
            if s.bricks[row, column]:
                f.grid[ABOVE + row, column] = COLOURS[row]
    for life in range(s.lives - 1):  # the balls in reserve
        disc(f, 3.0 + 3.5 * life, 82.25, 0.9, DECOR + 2)
    rect(f, s.paddle - 0.5 * PADDLE_W, PADDLE_Y, PADDLE_W, PADDLE_H, ME)
    disc(f, s.x, s.y, RADIUS, BALL)


@jit
def crossing(s):
    """The x at which the falling ball will reach the paddle's line if no brick is in the way: the walls fold its path."""
    span = RIGHT - LEFT
    x = abs(s.x - LEFT + s.vx * (LINE_Y - s.y) / s.vy) % (2.0 * span)
    return LEFT + (x if x <= span else 2.0 * span - x)


@jit
def bot(s, seat, skill):
    """Goes where it expects the falling ball, to return it at a random angle. The lower its skill, the later it looks up
    and the more it misjudges a fast ball.
    """
    goal = 42.0  # it waits in the middle
    if s.pause == 0 and s.vy > 0.0 and s.y > 55.0 - 25.0 * skill:
        misjudged = (2.0 * noise(s, seat, 2 * s.returns) - 1.0) * (6.0 - 2.7 * skill) * s.speed  # once a return
        fancy = (2.0 * noise(s, seat, 2 * s.returns + 1) - 1.0) * 3.0
        goal = crossing(s) + misjudged + fancy
    if s.paddle < goal - 3.0:  # more than half of its move in one decision, or it would tremble
        return 2
    if s.paddle > goal + 3.0:
        return 1
    return 0


@jit
def valid(s):
    """Whether a saved game may go on from here; what only counts may be any number."""
    ball = -10.0 < s.x < 94.0 and -10.0 < s.y < 94.0 and max(abs(s.vx), abs(s.vy), abs(s.speed)) <= TOP_SPEED + 0.01
    return ball and 0.0 <= s.paddle <= 84.0 and 0 <= s.lives <= LIVES and 0 <= s.pause <= PAUSE


def hud(s):
    return str(s.score), f"wall {s.walls + 1}", f"{s.lives} {'ball' if s.lives == 1 else 'balls'}"
