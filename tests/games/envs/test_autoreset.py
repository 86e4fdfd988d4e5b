"""Gymnasium's three autoreset modes: our vector beside Gymnasium's `SyncVectorEnv` of the same game's single environments."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import NormalizeObservation, RecordEpisodeStatistics

import games
from games.engine.view import View
from games.envs.gymnasium import SeatEnv, SparringEnv, SparringVectorEnv
from games.errors import UserError

SAME_STEP, NEXT_STEP, DISABLED = AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED
SEEDS = [5, 3, 11, 8]
ENVS = len(SEEDS)
CUTS = {  # games that often run out of time and often do not: (text of the game's file, and instead of it)
    "pong": ("MAX_TICKS = 60 * 180", "MAX_TICKS = 60 * 2", "POINTS = 5", "POINTS = 1"),
    "connect_four": ("MAX_TICKS = 60", "MAX_TICKS = 10"),
}
# And each tick earns, also before a seat's first decision.
STEP = "def step(s, actions, rewards):\n"
EARNS = f"{STEP}    rewards[0] += 0.25\n    rewards[1] -= 0.25\n"


@pytest.fixture(scope="module", params=CUTS)
def cut(request, tmp_path_factory):
    """A real-time game and a game of turns, cut short."""
    text = (Path(games.__file__).parent / f"{request.param}.py").read_text("utf-8")
    words = (*CUTS[request.param], STEP, EARNS)
    for old, new in zip(words[::2], words[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path_factory.mktemp("cut") / f"cut_{request.param}.py"
    path.write_text(text, "utf-8")
    return games.load(path)


def both(game, mode, **settings):
    """The vector, and Gymnasium's own of single environments."""
    ours = SparringVectorEnv(game, ENVS, autoreset_mode=mode, **settings)
    theirs = SyncVectorEnv([lambda: SparringEnv(game, **settings)] * ENVS, autoreset_mode=mode)
    return ours, theirs


def agree(ours, theirs):
    """All that a step or reset gave is the same: values, types of arrays, keys."""
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert data_equivalence(mine, other, exact=True)


def walk(ours, theirs, steps, mode):
    """Step both through episodes; [steps, N] of ends: 0 none, 1 over, 2 out of time."""
    random, ends = np.random.default_rng(0), []
    for _ in range(steps):
        actions = random.integers(0, ours.game.num_actions, ENVS)
        got = ours.step(actions)
        agree(got, theirs.step(actions))
        assert ours.observation_space.contains(got[0])
        ends.append(got[2] + 2 * got[3])
        ended = got[2] | got[3]
        if mode == DISABLED and ended.any():
            agree(*(envs.reset(options={"reset_mask": ended.copy()}) for envs in (ours, theirs)))
    return np.array(ends)


@pytest.mark.parametrize(
    "settings",
    [pytest.param({"observation": "objects"}, marks=pytest.mark.slow), {"size": 20, "stack": 3, "seat": 1}],
    ids=["objects", "pixels"],
)
@pytest.mark.parametrize("mode", AutoresetMode)
def test_every_mode_is_gymnasiums_own(cut, mode, settings):
    ours, theirs = both(cut, mode, **settings)
    assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"] is mode
    agree(ours.reset(seed=SEEDS), theirs.reset(seed=SEEDS))
    ends = walk(ours, theirs, 300, mode)
    for kind in (1, 2):
        assert (ends == kind).any(0).all()  # each of them ends in both ways
    assert ((ends > 0).sum(1) == 1).any()  # and not all at once
    agree(ours.reset(), theirs.reset())
    walk(ours, theirs, 20, mode)
    agree(ours.reset(seed=SEEDS), theirs.reset(seed=SEEDS))


@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_mask_resets_some_and_leaves_the_others_as_they_were(cut, mode):
    """In mid-game, at ends that are shown and where they are not, with seeds of their own and without."""
    ours, theirs = both(cut, mode, size=20, stack=3)
    agree(ours.reset(seed=SEEDS), theirs.reset(seed=SEEDS))
    random = np.random.default_rng(1)
    for turn in range(60):
        mask = random.random(ENVS) < 0.5
        mask[turn % ENVS] = True
        seeds = [100 * turn + k for k in range(ENVS)] if turn % 3 == 0 else None
        agree(*(envs.reset(seed=seeds, options={"reset_mask": mask.copy()}) for envs in (ours, theirs)))
        for _ in range(random.integers(1, 12)):
            ended = ours._ended.copy()
            if mode == DISABLED and ended.any():
                if random.random() < 0.5:
                    break  # the next mask may leave out an environment that has ended
                agree(*(envs.reset(options={"reset_mask": ended.copy()}) for envs in (ours, theirs)))
            if mode != DISABLED or not ours._ended.any():
                actions = random.integers(0, cut.num_actions, ENVS)
                agree(ours.step(actions), theirs.step(actions))
        if mode == DISABLED and ours._ended.any():
            shown = ours._ended.copy()
            shown[np.flatnonzero(shown)[0]] = False  # one of them goes on, the others still show their ends
            agree(*(envs.reset(options={"reset_mask": ~shown}) for envs in (ours, theirs)))
            if shown.any():
                agree(*(envs.reset(options={"reset_mask": shown.copy()}) for envs in (ours, theirs)))


def test_one_seed_gives_each_environment_its_own_episodes_and_the_next_seed_others():
    envs = SparringVectorEnv("pong", 3, observation="objects")
    starts = {seen.tobytes() for seed in (1, 2, 3) for seen in envs.reset(seed=seed)[0]}
    assert len(starts) == 9
    again = SparringVectorEnv("pong", 3, observation="objects")
    again.reset(seed=[7, 8, 9])  # leaves nothing behind
    assert {seen.tobytes() for seed in (1, 2, 3) for seen in again.reset(seed=seed)[0]} == starts
    again.reset(seed=9)
    for row in range(3):  # the same where they are seeded one by one
        seen, _ = again.reset(seed=2, options={"reset_mask": np.arange(3) == row})
    assert (seen == envs.reset(seed=2)[0]).all()


def test_the_step_after_an_end_ignores_its_action(cut):
    """Whatever it is: nothing is played by it, and no action is too wrong for it."""
    envs = [SparringVectorEnv(cut, ENVS, autoreset_mode=NEXT_STEP, observation="objects") for _ in range(2)]
    for one in envs:
        one.reset(seed=4)
    ended, random, ends = np.zeros(ENVS, bool), np.random.default_rng(2), 0
    for _ in range(200):
        actions = random.integers(0, cut.num_actions, ENVS)
        steps = [one.step(np.where(ended, ignored, actions)) for one, ignored in zip(envs, (0, 99), strict=True)]
        agree(*steps)
        assert not steps[0][1][ended].any()
        ended = steps[0][2] | steps[0][3]
        ends += ended.sum()
        assert not {"final_obs", "final_info"} & steps[0][4].keys()
    assert ends > 5


def test_frozen_rows_stay_as_they_are_whatever_happens_to_the_others(cut):
    seat = SeatEnv(cut, ENVS, observation="objects")
    rows, names = np.arange(ENVS) % 2 == 0, ("states", "slots", "rewards", "end", "final", "returns", "ticks")

    def held():
        return [getattr(seat.batch, name)[rows].tobytes() for name in names]

    for _ in range(100):  # also where the next step would end an episode
        seat.step(np.zeros(ENVS, np.int64))
        before = held()
        for _ in range(3):
            seat.step(np.zeros(ENVS, np.int64), frozen=rows)
            assert not seat.end[rows].any()
            assert not seat.rewards[rows].any()
        assert held() == before
    seat.reset(1, rows=~rows)
    assert held() == before


def test_disabled_does_not_step_past_an_end(cut):
    envs = SparringVectorEnv(cut, ENVS, autoreset_mode=DISABLED, observation="objects")
    envs.reset(seed=1)
    ended = np.zeros(ENVS, bool)
    while not ended.any():
        ended = np.logical_or(*envs.step(np.zeros(ENVS, int))[2:4])
    states = envs.batch.states.copy()
    with pytest.raises(gym.error.ResetNeeded, match=f"Ended: {np.flatnonzero(ended)[0]}"):
        envs.step(np.zeros(ENVS, int))
    assert (envs.batch.states == states).all()
    envs.reset(options={"reset_mask": ended})
    envs.step(np.zeros(ENVS, int))


class Remembers:
    """A player that does what its whole stack of observations says: it must see each of its states once, and no others."""

    def __init__(self, name, batch, rows):
        self.view, self.batch = View(batch, rows, "pixels", 16, 3), batch

    def act(self, actions):
        weights = np.arange(1, 1 + np.prod(self.view.shape))
        numbers = self.view.observe().reshape(self.view.rows, -1).astype(np.int64) @ weights
        masks = self.view.masks()
        for row in np.flatnonzero(masks.any(1)):
            choices = np.flatnonzero(masks[row])
            actions[self.view.envs[row], self.view.seats[row]] = choices[numbers[row] % len(choices)]


@pytest.mark.parametrize("mode", AutoresetMode)
def test_an_opponent_with_a_memory_sees_the_same_in_every_mode(cut, mode):
    """It is not asked where an episode's beginning is being shown, and in a game of turns it may begin."""
    envs = 1 if cut.turns else 3
    settings = {"opponent": "x", "make_player": Remembers, "observation": "objects"}
    ours = SparringVectorEnv(cut, envs, autoreset_mode=mode, **settings)
    theirs = SyncVectorEnv([lambda: SparringEnv(cut, **settings)] * envs, autoreset_mode=mode)
    agree(ours.reset(seed=SEEDS[:envs]), theirs.reset(seed=SEEDS[:envs]))
    random, ends = np.random.default_rng(3), 0
    for _ in range(200):
        actions = random.integers(0, cut.num_actions, envs)
        got = ours.step(actions)
        agree(got, theirs.step(actions))
        ended = got[2] | got[3]
        ends += ended.sum()
        if mode == DISABLED and ended.any():
            agree(*(pair.reset(options={"reset_mask": ended.copy()}) for pair in (ours, theirs)))
    assert ends > 5


def test_gymnasium_makes_the_mode_that_is_asked_for():
    for mode in AutoresetMode:
        envs = gym.make_vec(games.load("pong").env_id, num_envs=2, observation="objects", autoreset_mode=mode)
        assert envs.metadata["autoreset_mode"] is mode
    assert SparringVectorEnv("pong", 2, observation="objects").metadata["autoreset_mode"] is SAME_STEP
    assert SparringVectorEnv("pong", 2, observation="objects", autoreset_mode="NextStep").autoreset_mode is NEXT_STEP


@pytest.mark.parametrize("mode", AutoresetMode)
def test_statistics_wrapper_counts_each_episode_once(cut, mode):
    """(Not beside `SyncVectorEnv`, which takes the mask out of the options before the wrapper can read it.)"""
    envs = RecordEpisodeStatistics(SparringVectorEnv(cut, ENVS, autoreset_mode=mode, observation="objects"))
    envs.reset(seed=1)
    random, ends = np.random.default_rng(4), 0
    returns, lengths, ended = np.zeros(ENVS), np.zeros(ENVS), np.zeros(ENVS, bool)
    for _ in range(150):
        _, rewards, over, out_of_time, infos = envs.step(random.integers(0, cut.num_actions, ENVS))
        returns, lengths = returns + rewards, lengths + 1
        lengths[ended] -= mode == NEXT_STEP  # that step only begins
        ended = over | out_of_time
        if ended.any():
            ends += ended.sum()
            assert (infos["episode"]["r"] == np.where(ended, returns, 0)).all()
            assert (infos["episode"]["l"] == np.where(ended, lengths, 0)).all()
            returns[ended] = lengths[ended] = 0
        if mode == DISABLED and ended.any():
            envs.reset(options={"reset_mask": ended.copy()})
    assert ends > 10


def test_wrappers_that_need_next_step_take_it():
    envs = NormalizeObservation(SparringVectorEnv("pong", 2, observation="objects", autoreset_mode=NEXT_STEP))
    assert np.isfinite(envs.reset(seed=1)[0]).all()


def test_pictures_show_the_end_until_the_next_episode_is_shown(cut):
    envs = SparringVectorEnv(cut, ENVS, autoreset_mode=NEXT_STEP, observation="objects", render_mode="rgb_array")
    envs.reset(seed=1)
    ended = np.zeros(ENVS, bool)
    while not ended.any():
        ended = np.logical_or(*envs.step(np.zeros(ENVS, int))[2:4])
    row = np.flatnonzero(ended)[0]
    at_end = envs.render()[row]
    assert (at_end == envs.audience.picture(row, final=True)).all()
    envs.step(np.zeros(ENVS, int))
    assert (envs.render()[row] != at_end).any()


@pytest.mark.parametrize(
    "mask", [[True, False], np.zeros(2, bool), np.ones(3, bool), np.ones(2, int)], ids=["list", "none", "three", "numbers"]
)
def test_a_wrong_reset_mask_is_told_what_is_right(mask):
    envs = SparringVectorEnv("pong", 2, observation="objects", autoreset_mode=DISABLED)
    envs.reset(seed=1)
    with pytest.raises(UserError, match="2 booleans"):
        envs.reset(options={"reset_mask": mask})


def test_wrong_modes_seeds_and_first_resets_are_told_what_is_right():
    with pytest.raises(UserError, match="NextStep, SameStep, Disabled"):
        SparringVectorEnv("pong", 2, autoreset_mode="later")
    envs = SparringVectorEnv("pong", 2, observation="objects", opponent="x", make_player=Remembers)
    with pytest.raises(gym.error.ResetNeeded, match="without a reset_mask"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    for seeds in ([1], [1, -1], [1, None]):
        with pytest.raises(UserError, match="each of the 2"):
            envs.reset(seed=seeds)
    envs.reset(seed=1)
    with pytest.raises(UserError, match="a seed is for all"):
        envs.reset(seed=2, options={"reset_mask": np.array([True, False])})
