"""PettingZoo's view of the games: its own tests, whole episodes beside the bare batch, and what those tests do not look at."""

import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pygame
import pytest
from pettingzoo.utils.conversions import parallel_to_aec

import games
from games.engine.batch import OUT_OF_TIME, OVER, Batch
from games.engine.view import View
from games.envs.gymnasium import SparringEnv
from games.envs.pettingzoo import SparringParallelEnv
from games.errors import UserError

with warnings.catch_warnings():  # of PettingZoo about itself: its tests load one of its own games in a way it no longer likes
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test

TOYS = Path(__file__).parents[2] / "toys"
STAY, UP = 0, 1


def for_two():
    """Names of the games and paths of the toys that have two seats."""
    return [name for name in (*games.names(), *sorted(TOYS.glob("*.py"))) if games.load(name).players == 2]


def title(game):
    return game.stem if isinstance(game, Path) else game


QUICK = ("pong", "connect_four", "fog", "passes")  # one of each kind; `make test-all` tries the others too

every_game = pytest.mark.parametrize(
    "game",
    [pytest.param(name, id=title(name), marks=[] if title(name) in QUICK else [pytest.mark.slow]) for name in for_two()],
)


@pytest.fixture(scope="module")
def short_pong(tmp_path_factory):
    """Pong whose time is out after 20 decisions."""
    path = tmp_path_factory.mktemp("own") / "short_pong.py"
    text = (Path(games.__file__).parent / "pong.py").read_text("utf-8")
    path.write_text(text.replace("MAX_TICKS = 60 * 180", "MAX_TICKS = 80"), "utf-8")
    return path


def chosen(env, infos, random):
    """Legal actions by chance, of those who are asked."""
    masks = {agent: infos[agent]["action_mask"] for agent in env.agents}
    return {agent: random.choice(np.flatnonzero(mask)) for agent, mask in masks.items() if mask.any()}


def episodes(env, count, seed=7):
    """All that whole episodes of chance give, step by step: [(observations, rewards, ends, ends, infos), …]."""
    random, given = np.random.default_rng(0), []
    for number in range(count):
        observations, infos = env.reset(seed=seed if number == 0 else None)
        given.append((observations, infos))
        while env.agents:
            given.append(env.step(chosen(env, infos, random)))
            infos = given[-1][-1]
    return given


def same(one, other):
    """Equal to the last bit, arrays in dicts too."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one == other


# --- PettingZoo's own tests; warnings are errors here ---


@pytest.mark.parametrize("observation", ["pixels", "objects"])
@every_game
def test_pettingzoos_own_tests_pass(game, observation):
    def make():
        return SparringParallelEnv(game, observation=observation)

    parallel_api_test(make(), num_cycles=500)
    parallel_seed_test(make, num_cycles=500)


@pytest.mark.filterwarnings("ignore:We recommend agents to be named")  # ours have the names of the game's seats
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros")  # of who was not asked yet
@pytest.mark.parametrize("game", ["pong", "connect_four"])
def test_it_can_be_turned_into_an_aec_environment(game):
    api_test(parallel_to_aec(SparringParallelEnv(game, observation="objects")), num_cycles=100)


# --- determinism, which `parallel_seed_test` looks at for one step only ---


@pytest.mark.parametrize("observation", ["pixels", "objects"])
@every_game
def test_whole_episodes_are_the_same_for_the_same_seed(game, observation):
    first, second = (SparringParallelEnv(game, observation=observation, size=20) for _ in range(2))
    given = episodes(first, 2)
    assert same(given, episodes(second, 2))
    assert same(given, episodes(first, 2))
    assert not all(same(given, episodes(second, 2, seed)) for seed in (8, 9, 10))


class Turning(SparringParallelEnv):
    """Random from its second step on."""

    def step(self, actions):
        observations, *rest = super().step(actions)
        if self.batch.record().tick > self.game.frame_skip:
            observations = {agent: seen + np.float32(np.random.default_rng().random()) for agent, seen in observations.items()}
        return observations, *rest


def test_one_that_turns_random_passes_pettingzoos_test_and_fails_ours():
    first, second = (Turning("pong", observation="objects") for _ in range(2))
    parallel_seed_test(lambda: Turning("pong", observation="objects"))
    assert not same(episodes(first, 1), episodes(second, 1))


@every_game
def test_next_episode_does_not_depend_on_how_the_last_was_played(game):
    def starts(lengths):
        env, random, found = SparringParallelEnv(game, observation="objects"), np.random.default_rng(1), []
        _, infos = env.reset(seed=4)
        for length in lengths:
            for _ in range(length):
                if env.agents:
                    infos = env.step(chosen(env, infos, random))[-1]
            _, infos = env.reset()
            found.append(env.batch.states.tobytes())
        return found

    assert starts([0, 0, 0]) == starts([2000, 1, 7])
    assert len(set(starts([0, 0, 0]))) == 3


def test_a_stack_begins_empty_after_every_reset():
    env = SparringParallelEnv("pong", size=24, stack=3)
    first = env.reset(seed=7)
    for _ in range(5):
        env.step({"left": UP, "right": STAY})
    assert same(env.reset(seed=7), first)
    assert not first[0]["left"][..., :-1].any()


def test_environments_never_seeded_differ():
    starts = {SparringParallelEnv("pong", observation="objects", stack=1).reset()[0]["left"].tobytes() for _ in range(3)}
    assert len(starts) == 3


# --- what it shows is what the batch does ---


@every_game
def test_an_episode_is_the_batchs_own(game):
    """Observations, masks and actions in each view's words; rewards that add up to 0, unless REWARDS says more, and, in the
    end, to the returns."""
    env, random = SparringParallelEnv(game, size=20, stack=3), np.random.default_rng(0)
    observations, infos = env.reset(seed=11)
    batch = Batch(env.game, 1, seed=11)
    view, totals, world = View(batch, [(0, 0), (0, 1)], "pixels", 20, 3), np.zeros(2), np.zeros((1, 2), np.int64)
    agents = list(env.game.seats)
    assert env.agents == env.possible_agents == agents
    seen = view.observe()
    while env.agents:
        for seat, agent in enumerate(agents):
            assert (np.moveaxis(observations[agent], -1, 0) == seen[seat]).all()
            assert (infos[agent]["action_mask"] == view.masks()[seat]).all()
            assert infos[agent]["action_mask"].any() == batch.asked[0, seat]
            assert env.observation_space(agent).contains(observations[agent])
        actions = chosen(env, infos, random)
        view.act(np.array([actions.get(agent, 0) for agent in agents]), world)
        batch.step(world)
        observations, rewards, terminations, truncations, infos = env.step(actions)
        assert sum(rewards.values()) == 0.0 or not env.game.competitive
        totals += [rewards[agent] for agent in agents]
        if env.agents:
            seen = view.observe()
    assert batch.end[0] in (OVER, OUT_OF_TIME)
    assert totals.tolist() == batch.returns[0].tolist()
    assert any(info["action_mask"].any() for info in infos.values()) == (batch.end[0] == OUT_OF_TIME)
    assert set(terminations.values()) == {bool(batch.end[0] == OVER)}
    assert set(truncations.values()) == {bool(batch.end[0] == OUT_OF_TIME)}
    final = view.final(np.arange(2))
    for seat, agent in enumerate(agents):
        assert (np.moveaxis(observations[agent], -1, 0) == final[seat]).all()


def test_a_mirrored_seat_says_what_it_sees():
    """In Fog, what `right` calls left is the world's right."""
    env = SparringParallelEnv(TOYS / "fog.py", observation="objects")
    env.reset(seed=1)
    left, right = env.game.actions.index("left"), env.game.actions.index("right")
    before = env.batch.states["x"][0].copy()
    env.step({"left": right, "right": right})
    moved = env.batch.states["x"][0] - before
    assert moved == pytest.approx([4 * 0.7, -4 * 0.7])
    env.step({"left": left, "right": left})
    assert env.batch.states["x"][0] == pytest.approx(before)


@pytest.mark.parametrize("seat", [0, 1])
def test_it_agrees_with_gymnasium_against_the_same_player(short_pong, seat):
    """The other seat played by a player of Gymnasium's, or by ourselves."""

    class Up:
        def __init__(self, name, batch, rows):
            self.rows = rows

        def act(self, actions):
            actions[self.rows[:, 0], self.rows[:, 1]] = UP

    alone = SparringEnv(short_pong, seat=seat, observation="objects", opponent="x", make_player=Up)
    env = SparringParallelEnv(short_pong, observation="objects")
    me, other = env.possible_agents[seat], env.possible_agents[1 - seat]
    both, single = env.reset(seed=3), alone.reset(seed=3)
    assert same(single, tuple(part[me] for part in both))
    for action in np.random.default_rng(0).integers(0, 3, 20):
        both, single = env.step({me: action, other: UP}), alone.step(action)
        assert same(single, tuple(part[me] for part in both))
    assert single[3]
    assert not env.agents


# --- turns ---


@pytest.mark.parametrize("game", ["connect_four", TOYS / "passes.py"], ids=title)
def test_who_is_not_asked_waits(game):
    """It keeps what it saw when it was, may try nothing, and whatever it does changes nothing."""
    env, other = (SparringParallelEnv(game, observation="objects", stack=2) for _ in range(2))
    random, waits = np.random.default_rng(2), 0
    observations, infos = env.reset(seed=5)
    other.reset(seed=5)
    kept = {agent: np.zeros_like(seen) for agent, seen in observations.items()}
    while env.agents:
        for agent in env.agents:
            if infos[agent]["action_mask"].any():
                kept[agent] = observations[agent]
            else:
                waits += 1
                assert (observations[agent] == kept[agent]).all()
        actions = chosen(env, infos, random)
        assert len(actions) == 1
        observations, rewards, _, _, infos = given = env.step(actions)
        disturbed = {agent: actions.get(agent, 10_000) for agent in env.possible_agents}
        assert same(given, other.step(disturbed))
    assert waits > 6
    assert sorted(rewards.values()) in ([-1.0, 1.0], [0.0, 0.0])  # who lost is told at once, though it was not asked


def test_what_is_earned_while_waiting_is_told_at_once(make_game):
    """Where each ply earns the first seat one, also the other's."""
    text = (Path(games.__file__).parent / "connect_four.py").read_text("utf-8")
    step = "def step(s, actions, rewards):\n"
    env = SparringParallelEnv(make_game(text.replace(step, f"{step}    rewards[0] += 1.0\n    rewards[1] -= 1.0\n")))
    _, infos = env.reset(seed=0)
    for _ in range(6):
        _, rewards, _, _, infos = env.step(chosen(env, infos, np.random.default_rng(0)))
        assert rewards == {"player 1": 1.0, "player 2": -1.0}


# --- ends ---


def test_out_of_time_is_truncated_and_over_is_terminated(short_pong):
    env = SparringParallelEnv(short_pong, observation="objects")
    env.reset(seed=1)
    ends = [env.step({"left": STAY, "right": STAY}) for _ in range(20)]
    assert [any(end[3].values()) for end in ends] == [False] * 19 + [True]
    assert not any(any(end[2].values()) for end in ends)
    assert ends[-1][3] == {"left": True, "right": True}
    assert [ends[-1][4][agent]["action_mask"].tolist() for agent in ("left", "right")] == [[1, 1, 1]] * 2
    with pytest.raises(gym.error.ResetNeeded):
        env.step({"left": STAY, "right": STAY})
    env.reset()
    assert env.agents == ["left", "right"]


def test_observations_given_away_may_be_written_in(short_pong):
    spoiled, clean = (SparringParallelEnv(short_pong, size=24) for _ in range(2))
    seen, other = spoiled.reset(seed=1)[0], clean.reset(seed=1)[0]
    while clean.agents:
        assert same(seen, other)
        seen["left"][:] = 99
        seen, other = (env.step({"left": UP, "right": STAY})[0] for env in (spoiled, clean))
    assert same(seen, other)


# --- arguments ---


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seat": 1}, "both seats"),
        ({"opponent": "bot"}, "games.envs.gymnasium"),
        ({"observations": "pixels"}, "Did you mean 'observation'?"),
        ({"observation": "pixel"}, "Did you mean 'pixels'?"),
        ({"render_mode": "ansi"}, "Known: human, rgb_array"),
        ({"delay": 99}, "from 0 to 60"),
        ({"frame_skip": 0}, "one tick at least"),
    ],
)
def test_a_wrong_setting_is_told_what_is_right(settings, words):
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        SparringParallelEnv("pong", **settings)


@pytest.mark.parametrize("game", ["breakout", TOYS / "placements.py"], ids=title)
def test_a_game_for_one_is_refused(game):
    with pytest.raises(UserError, match="is a game for one"):
        SparringParallelEnv(game)


@pytest.mark.parametrize(
    ("actions", "words"),
    [({"left": 0}, "'right' is asked"), ({"left": 0, "right": 3}, "from 0 to 2"), ({"me": 0}, "Known: left, right")],
)
def test_wrong_actions_are_told_what_is_right_and_change_nothing(actions, words):
    env = SparringParallelEnv("pong", observation="objects")
    with pytest.raises(gym.error.ResetNeeded):
        env.step({"left": 0, "right": 0})
    env.reset(seed=1)
    states = env.batch.states.tobytes()
    with pytest.raises(UserError, match=words):
        env.step(actions)
    assert env.batch.states.tobytes() == states


def test_settings_are_those_of_both_seats():
    env = SparringParallelEnv("pong", observation="planes", size=12, stack=2, frame_skip=2, delay=3, levels=5)
    assert env.reset(seed=1)[0]["right"].shape == (12, 12, 14)
    assert env.batch.frame_skip.tolist() == [[2, 2]]
    assert env.batch.delay.tolist() == [[3, 3]]
    assert env.metadata["render_fps"] == 30
    assert env.metadata["name"] == f"pong_v{env.game.version}"


def test_without_pettingzoo_one_is_told_how_to_install_it():
    code = (
        "import sys; sys.modules['pettingzoo'] = None; import games, games.envs.gymnasium\n"
        "try:\n    import games.envs.pettingzoo\nexcept games.envs.gymnasium.UserError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert 'pip install -c constraints.txt -e ".[pettingzoo]"' in said


# --- pictures ---


def test_rgb_array_shows_the_end(short_pong):
    env = SparringParallelEnv(short_pong, render_mode="rgb_array", observation="objects")
    assert SparringParallelEnv("pong").render() is None
    env.reset(seed=1)
    pictures = [env.render()]
    while env.agents:
        env.step({"left": UP, "right": STAY})
        pictures.append(env.render())
    assert not pygame.display.get_init()
    assert {picture.shape for picture in pictures} == {(420, 420, 3)}
    assert (pictures[-1] == env.audience.picture(final=True)).all()
    assert (pictures[-1] != env.audience.picture(final=False)).any()


def test_human_is_shown_every_tick_and_plays_the_same_game(short_pong):
    shown, unseen = (SparringParallelEnv(short_pong, mode, observation="objects") for mode in ("human", None))
    assert same(shown.reset(seed=1), unseen.reset(seed=1))
    frames = []
    shown.audience._window.show = lambda batch, frames_each: frames.append(int(batch.states["tick"][0]))
    for _ in range(5):
        assert same(shown.step({"left": UP, "right": STAY}), unseen.step({"left": UP, "right": STAY}))
    assert frames == list(range(1, 21))
    assert pygame.display.get_init()
    shown.close()
    shown.close()
    assert not pygame.display.get_init()
