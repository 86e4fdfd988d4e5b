"""Odd players: unlike the bot, drawn anew where an episode begins, and determined by seed, environment and episode."""

import numpy as np
import pytest

import games
from games.engine.batch import EXTERNAL, Batch
from games.errors import UserError
from games.people.odd import KINDS, KINDS_OF_TURNS, OddPlayer

ENVS = 48


def played(game, kinds, steps, seed=1, copies=1, bots=0.5):
    """Games against the bot: the batch, the player, and what it was told at each step, [steps, N]."""
    batch = Batch(game, ENVS, seed, bots=[EXTERNAL, bots], env_ids=np.arange(ENVS) // copies)
    player = OddPlayer(batch, [(env, 0) for env in range(ENVS)], seed, kinds)
    batch.reset()
    actions, told = np.zeros((ENVS, 2), np.int64), []
    for _ in range(steps):
        player.act(actions)
        told.append(np.where(batch.asked[:, 0] == 1, actions[:, 0], -1))
        batch.step(actions)
    return batch, player, np.array(told)


@pytest.fixture(scope="module")
def pong():
    return games.load("pong")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_plays_unlike_the_bot(kind, pong):
    batch, player, told = played(pong, [kind], 120)
    late = batch.delay[:, 0]
    plain = Batch(pong, ENVS, 1, bots=[EXTERNAL, 0.5], delay=batch.delay)
    plain.reset()
    same = np.zeros(told.shape, bool)
    seats = np.zeros(ENVS, np.int64)
    for step in range(len(told)):
        choice = plain.scripted(np.arange(ENVS), seats, player.skill)
        same[step] = told[step] == choice
        plain.step(np.stack([told[step], seats], 1))
    assert (late.min() >= 6 and late.std() > 3) if kind == "late" else not late.any()
    assert same.all() if kind == "late" else (~same).mean() > 0.02
    if kind == "idle":  # half of them never move
        assert 0.2 < (told == 0).all(0).mean() < 0.8
    if kind in ("low", "high"):  # its habit outweighs the other direction
        assert (told == {"low": 1, "high": 2}[kind]).mean() > 2 * (told == {"low": 2, "high": 1}[kind]).mean()
    if kind == "sticky":
        assert (told[1:] == told[:-1]).mean() > 0.8


def test_an_episode_is_the_same_whatever_is_beside_it(pong):
    _, _, told = played(pong, [], 150, copies=2)
    assert (told[:, ::2] == told[:, 1::2]).all()
    assert len({tuple(column) for column in told.T}) > ENVS // 3  # and the others differ, but for those who never move


def test_it_draws_anew_where_an_episode_begins_and_only_there(make_game, pong):
    game = make_game(pong.path.read_text("utf-8").replace("MAX_TICKS = 60 * 180", "MAX_TICKS = 60"))
    batch = Batch(game, ENVS, 1, bots=[EXTERNAL, 0.5])
    player = OddPlayer(batch, [(env, 0) for env in range(ENVS)], 1)
    batch.reset()
    actions, seen = np.zeros((ENVS, 2), np.int64), {}
    for _ in range(60):
        player.act(actions)
        for env in range(ENVS):
            seen.setdefault((env, int(batch.episode[env])), set()).add((int(player.kind[env]), float(player.skill[env])))
        batch.step(actions)
    assert len(seen) > 3 * ENVS and all(len(drawn) == 1 for drawn in seen.values())
    assert len({next(iter(drawn))[0] for drawn in seen.values()}) == len(KINDS)
    assert len({kind for (env, _), drawn in seen.items() if env == 0 for kind, _ in drawn}) > 1


def test_it_goes_on_from_a_snapshot_of_the_batch_alone(pong):
    batch, player, _ = played(pong, [], 37)
    copy = Batch(pong, ENVS, 1)
    copy.restore(batch.snapshot())
    again = OddPlayer(copy, [(env, 0) for env in range(ENVS)], 1)
    for _ in range(40):
        for each, seated in ((batch, player), (copy, again)):
            actions = np.zeros((ENVS, 2), np.int64)
            seated.act(actions)
            each.step(actions)
    assert copy.states.tobytes() == batch.states.tobytes() and copy.slots["delay"].tolist() == batch.slots["delay"].tolist()


def test_in_a_game_of_turns_it_moves_legally_by_habit():
    game = games.load("connect_four")
    batch, _, _ = played(game, KINDS_OF_TURNS, 60, bots=0.0)
    assert batch.episode.min() >= 1  # nobody waits for it
    _, _, low = played(game, ["low"], 60, bots=0.0)
    assert (low == 0).sum() > 3 * (low == 6).sum()
    assert not batch.delay.any()


def test_a_kind_that_a_game_has_not_is_refused(pong):
    with pytest.raises(UserError, match="no odd player 'idel'"):
        played(pong, ["idel"], 1)
    with pytest.raises(UserError, match="no odd player 'late'"):
        played(games.load("connect_four"), ["late"], 1)
