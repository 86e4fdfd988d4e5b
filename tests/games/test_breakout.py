"""Breakout: its rules worked by hand, its laws over whole games, and how strong its bot is."""

import numpy as np
import pytest

from games import load
from games.engine.batch import EXTERNAL, OVER, RANDOM, Batch

STAY, LEFT, RIGHT = 0, 1, 2
LINE = 76.25  # where the ball's centre meets the paddle: 78 less the ball's radius of 1.75
REACH = 8.25  # half a paddle and the ball's radius


@pytest.fixture(scope="module")
def breakout():
    return load("breakout")


def flight(breakout, bricks=None, **fields):
    """One game, decided every tick, with the ball in flight and these fields of its state.

    bricks: those that stand, as (row, column); by default the whole wall.
    """
    batch = Batch(breakout, 1, frame_skip=1)
    for name, value in {"pause": 0, "x": 42.0, "y": 60.0, "vx": 0.0, "vy": 1.0, "speed": 1.0, **fields}.items():
        batch.states[name] = value
    if bricks is not None:
        batch.states["bricks"] = 0
        for row, column in bricks:
            batch.states["bricks"][0, row, column] = 1
        batch.states["standing"] = len(bricks)
    return batch


def tick(batch, action=STAY):
    batch.step(np.array([[action]]))
    return batch.record()


def play(breakout, skill, games, policy=None):
    """The first episode of each environment: returns and seconds, [games]."""
    batch = Batch(breakout, games, seed=5, bots=skill)
    returns, seconds = np.zeros(games), np.zeros(games)
    actions, running = np.zeros((games, 1), np.int64), np.ones(games, bool)
    while running.any():
        if policy:
            actions[:, 0] = policy(batch.states)
        batch.step(actions)
        ended = running & (batch.end > 0)
        returns[ended], seconds[ended] = batch.returns[ended, 0], batch.ticks[ended] / 60.0
        running &= ~ended
    return returns, seconds


def follow(s):
    """Actions of a paddle that keeps below the ball."""
    return np.where(s["x"] > s["paddle"] + 3.0, RIGHT, np.where(s["x"] < s["paddle"] - 3.0, LEFT, STAY))


# --- rules ---


@pytest.mark.parametrize("row", range(6))
def test_a_brick_is_worth_more_the_higher_its_row(breakout, row):
    below = 4.0 * (row + 4)  # its lower edge: three empty rows above the wall, each row 4 high
    batch = flight(breakout, [(row, 7), (row, 0)], x=45.0, y=below + 2.0, vy=-1.0)
    s = tick(batch)
    assert batch.rewards[0, 0] == 6 - row
    assert (s.score, s.standing, s.bricks[row, 7], s.bricks[row, 0]) == (6 - row, 1, 0, 1)
    assert (s.y, s.vy) == (below + 2.0, 1.0)  # thrown back from where it was


def test_a_brick_hit_from_the_side_throws_the_ball_sideways(breakout):
    for x, vx in ((40.0, 1.0), (50.0, -1.0)):  # the brick of column 7 reaches from 42 to 48
        s = tick(flight(breakout, [(2, 7), (0, 0)], x=x, y=22.0, vx=vx, vy=0.5))
        assert (s.x, s.vx, s.vy, s.standing) == (x, -vx, 0.5, 1)


def test_the_walls_and_the_ceiling_throw_the_ball_back(breakout):
    s = tick(flight(breakout, x=2.0, vx=-1.0))
    assert (s.x, s.vx) == (2.5, 1.0)  # 0.75 beyond the line at 1.75
    s = tick(flight(breakout, x=82.0, vx=1.0))
    assert (s.x, s.vx) == (81.5, -1.0)
    s = tick(flight(breakout, y=2.0, vy=-1.0))
    assert (s.y, s.vy) == (2.5, 1.0)


def test_where_the_ball_meets_the_paddle_sets_its_angle(breakout):
    for offset in (0.0, 0.5, -0.5, 1.0, -1.0):
        s = tick(flight(breakout, y=76.0, paddle=42.0 - offset * REACH))
        assert s.vx == pytest.approx(0.88 * offset * 1.03)
        assert s.vy == pytest.approx(-1.03 * np.sqrt(1.0 - (0.88 * offset) ** 2))
        assert s.y == pytest.approx(75.5)  # 0.75 below the line, thrown back as far


def test_a_ball_just_out_of_reach_is_missed(breakout):
    assert tick(flight(breakout, y=76.0, paddle=42.0 - REACH - 0.01)).vy == 1.0


def test_every_return_is_faster_up_to_the_top_speed(breakout):
    batch = flight(breakout, [(0, 0)], speed=2.3)
    speeds = [2.3]
    for _ in range(600):
        s = tick(batch, STAY)
        batch.states["paddle"] = s.x
        if s.speed != speeds[-1]:
            speeds.append(s.speed)
    assert speeds == pytest.approx([2.3, 2.369, 2.44007, 2.5132721, 2.588670263, 2.6])


def test_a_new_ball_rests_on_the_paddle_and_flies_up_slowly(breakout):
    batch = flight(breakout, y=85.0, speed=2.6)
    s = tick(batch)
    assert (s.lives, s.over, s.pause, s.speed) == (2, 0, 45, 1.2)
    for _ in range(45):
        s = tick(batch, LEFT)
        assert (s.x, s.y) == (s.paddle, LINE)
    assert s.paddle == 6.5  # at the wall
    s = tick(batch)
    assert s.y < LINE and s.vy < -1.0 and s.vx != 0.0


def test_the_third_ball_lost_ends_the_game(breakout):
    batch = flight(breakout, y=85.0, lives=2)
    tick(batch)
    assert batch.end[0] == 0
    batch.states["pause"], batch.states["y"], batch.states["vy"] = 0, 85.0, 1.0
    tick(batch)
    assert batch.end[0] == OVER


def test_a_cleared_wall_is_built_anew_when_the_ball_is_back_at_the_paddle(breakout):
    batch = flight(breakout, [(5, 7)], x=45.0, y=38.0, vy=-1.0, paddle=45.0)
    assert tick(batch).standing == 0
    while (s := tick(batch)).vy > 0.0:
        assert not s.bricks.any()
    assert s.bricks.all()
    assert (s.standing, s.walls, s.score) == (84, 1, 1)


def test_no_ball_flies_the_same_round_for_ever(breakout):
    """A ball straight above a paddle that stands still would, were it not led astray after idle returns."""
    batch = flight(breakout, [(0, 0)], x=42.0, paddle=42.0)
    sideways = []
    for _ in range(600):
        s = tick(batch)
        if s.lives < 3 or s.returns == 4:
            break
        sideways.append(abs(s.vx))
    assert sideways[0] == 0.0
    assert max(sideways) > 0.0


def test_a_return_after_a_brick_goes_exactly_where_it_is_aimed(breakout):
    batch = flight(breakout, y=76.0, idle=0)
    rng = batch.record().rng
    assert tick(batch).vx == 0.0
    strays = {round(tick(flight(breakout, y=76.0, idle=3, rng=rng + k)).vx, 6) for k in range(20)}
    assert len(strays) == 20
    assert max(map(abs, strays)) <= 0.88 * 3 * 0.05 * 1.03


def test_impossible_actions_are_harmless(breakout):
    for action in (-1, 3, 99):
        assert tick(flight(breakout, paddle=30.0), action).paddle == 30.0


def test_what_always_holds(breakout):
    """Over whole games: points are rewards, bricks are counted right, the ball keeps its speed and enters no brick."""
    batch = Batch(breakout, 100, bots=[[1.0]], frame_skip=1)
    ended, cleared = 0, 0
    for _ in range(6000):
        batch.step(np.zeros((100, 1)))
        s, over = batch.states, batch.end > 0
        assert (batch.returns[over, 0] == batch.final["score"][over]).all()
        assert (s["standing"] == s["bricks"].sum((1, 2))).all()
        assert np.allclose(np.hypot(s["vx"], s["vy"]), s["speed"])
        assert (s["speed"] <= 2.6).all() and (s["speed"] >= 1.2).all()
        assert (np.abs(s["x"] - 42.0) <= 40.25).all() and (s["y"] >= 1.75).all()
        row, column = (s["y"] // 4).astype(int) - 3, np.minimum(s["x"] // 6, 13).astype(int)
        in_wall = (row >= 0) & (row < 6)
        assert (s["bricks"][np.arange(100), np.clip(row, 0, 5), column][in_wall] == 0).all()
        ended, cleared = ended + over.sum(), cleared + (s["walls"] > 0).sum()
    assert ended > 50 and cleared > 0


# --- the bot ---


def test_more_skill_scores_more(breakout):
    """Mean returns: 4.4 by chance; 16, 45, 112, 187 and 246 by the bot; a deviation of at most 65 each."""
    scores = [play(breakout, skill, 2000)[0].mean() for skill in (RANDOM, 0.0, 0.25, 0.5, 0.75, 1.0)]
    for score, measured in zip(scores, (4.4, 16.1, 45.4, 111.5, 187.2, 245.6), strict=True):
        assert abs(score - measured) < 0.1 * measured + 0.5


def test_the_mark_is_just_above_the_best_bot(breakout):
    opponent, mark = breakout.mark
    assert opponent == "bot:1"
    score = play(breakout, 1.0, 1000)[0].mean()
    assert score < mark < score + 10.0


def test_the_mark_can_be_reached(breakout):
    """By a paddle that keeps below the ball."""
    assert play(breakout, EXTERNAL, 300, follow)[0].mean() > breakout.mark[1]


def test_games_of_the_best_bot_last_one_to_two_minutes(breakout):
    _, seconds = play(breakout, 1.0, 1000)
    assert 50.0 < seconds.mean() < 100.0
    assert (seconds >= 180.0).mean() < 0.02
