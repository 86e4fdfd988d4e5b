"""Gymnasium's view of the games: its own checkers, whole episodes beside the bare batch, and the ends of episodes."""

import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pygame
import pytest
from gymnasium import wrappers
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

import games
from games.engine.batch import EXTERNAL, OVER, Batch
from games.engine.view import View
from games.envs.gymnasium import SparringEnv, SparringVectorEnv, register
from games.errors import UserError

TOYS = Path(__file__).parents[2] / "toys"
STAY, UP = 0, 1
OBSERVATIONS = ("pixels", "planes", "objects")


@pytest.fixture(scope="session")
def short_pong(tmp_path_factory):
    """Pong whose time is out after 20 decisions, as a file of one's own."""
    path = tmp_path_factory.mktemp("own") / "short_pong.py"
    text = (Path(games.__file__).parent / "pong.py").read_text("utf-8")
    path.write_text(text.replace("MAX_TICKS = 60 * 180", "MAX_TICKS = 80"), "utf-8")
    return path


def python(code):
    """What a fresh interpreter prints for it."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def actions(steps, envs=1, choices=3):
    return np.random.default_rng(0).integers(0, choices, (steps, envs))


# --- registration ---


@pytest.mark.parametrize(
    "order",
    ["import games, gymnasium", "import gymnasium, games", "import gymnasium; gymnasium.spec"],
    ids=["games first", "gymnasium first", "by module"],
)
def test_games_are_registered_in_any_order_of_imports(order):
    prefix = "games:" if "spec" in order else ""
    env_id = games.load("pong").env_id
    code = f"{order}; env = gymnasium.make('{prefix}{env_id}'); print(env.spec.id, env.reset(seed=1)[0].shape)"
    assert python(code) == f"{env_id} (84, 84, 4)"


def test_importing_games_waits_for_neither_gymnasium_nor_numba():
    code = "import sys, games; games.env_ids(); print([m for m in ('gymnasium', 'numba', 'numpy') if m in sys.modules])"
    assert python(code) == "[]"


@pytest.mark.parametrize("name", games.names())
def test_registered_ids_are_what_the_loaded_games_say(name):
    assert games.env_ids()[name] == games.load(name).env_id
    assert games.load(name).env_id in gym.registry


def test_a_game_file_of_ones_own_can_be_registered(short_pong):
    env_id = register(short_pong)
    assert register(short_pong) == env_id
    assert gym.make(env_id, observation="objects", stack=1).reset(seed=1)[0].shape == (18,)


def test_a_compiled_game_file_may_be_moved(short_pong, tmp_path):
    """Compiled code remembers its module by name: it must not depend on the file's place."""
    for folder in (tmp_path / "here", tmp_path / "there"):
        folder.mkdir()
        path = folder / short_pong.name
        path.write_bytes(short_pong.read_bytes())
        code = (
            "from games.envs.gymnasium import SparringEnv as Env;"
            f"print(Env({str(path)!r}, observation='objects').reset()[0].shape)"
        )
        assert python(code) == "(72,)"


# --- the official checkers; warnings are errors here ---


@pytest.mark.parametrize("observation", ["pixels", "objects"])
@pytest.mark.parametrize("name", games.names())
def test_gymnasiums_and_sb3s_checkers_pass(name, observation):
    env = gym.make(games.load(name).env_id, observation=observation, render_mode="rgb_array").unwrapped
    check_env(env)
    check_env_for_sb3(env)
    env.close()


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("seat", [0, 1])
def test_observations_stay_in_their_space_for_a_whole_episode(observation, seat):
    env = SparringEnv("pong", seat=seat, observation=observation, size=36, stack=3)
    seen, _ = env.reset(seed=5)
    for action in actions(3000)[:, 0]:
        assert env.observation_space.contains(seen)
        assert np.isfinite(seen).all()
        seen, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            assert env.observation_space.contains(seen)
            return
    pytest.fail("no episode ended")


# --- what it shows is what the batch does ---


def test_an_episode_is_the_batchs_own():
    env = SparringEnv("pong", seat=0, opponent="bot:0.3", observation="objects", stack=1)
    game = env.game
    batch = Batch(game, 1, seed=11, bots=np.array([[EXTERNAL, 0.3]]))
    env.reset(seed=11)
    for action in actions(3000)[:, 0]:
        _, reward, terminated, truncated, info = env.step(action)
        batch.step(np.array([[action, 0]]))
        assert reward == batch.rewards[0, 0]
        assert (terminated, truncated) == (batch.end[0] == OVER, False)
        if terminated:
            assert env.batch.final.tobytes() == batch.final.tobytes()
            assert info["action_mask"].tolist() == [0, 0, 0]
            return
    pytest.fail("no episode ended")


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_vector_env_equals_single_ones_episode_after_episode(short_pong, observation):
    settings = {"observation": observation, "size": 24, "stack": 3, "seat": 1}
    one = SparringEnv(short_pong, **settings)
    many = SparringVectorEnv(short_pong, 3, **settings)
    seen, info = one.reset(seed=3)
    all_seen, infos = many.reset(seed=3)
    ends = 0
    for row in actions(70, 3):
        assert (seen == all_seen[0]).all()
        assert (info["action_mask"] == infos["action_mask"][0]).all()
        seen, reward, terminated, truncated, info = one.step(row[0])
        all_seen, rewards, terminations, truncations, infos = many.step(row)
        assert (reward, terminated, truncated) == (rewards[0], terminations[0], truncations[0])
        assert ("final_obs" in infos) == (terminations | truncations).any()
        if terminated or truncated:
            ends += 1
            assert (seen == infos["final_obs"][0]).all()
            assert (info["action_mask"] == infos["final_info"]["action_mask"][0]).all()
            assert infos["_final_obs"][0]
            seen, info = one.reset()
    assert ends == 3


def test_the_batched_spaces_hold_what_the_vector_env_gives():
    envs = gym.make_vec(games.load("pong").env_id, num_envs=5, size=20, stack=2, opponent="random", seat="any")
    seen, infos = envs.reset(seed=1)
    assert envs.observation_space.contains(seen)
    assert infos["action_mask"].dtype == np.int8
    seen, rewards, terminations, truncations, _ = envs.step(envs.action_space.sample())
    assert envs.observation_space.contains(seen)
    assert rewards.shape == terminations.shape == truncations.shape == (5,)


def test_seat_any_is_the_other_seat_in_every_second_environment():
    envs = SparringVectorEnv("pong", 4, seat="any")
    assert envs.seat.seats.tolist() == [0, 1, 0, 1]
    assert (envs.batch.bots == EXTERNAL).tolist() == [[True, False], [False, True]] * 2


# --- episodes: trap 1 (time-outs), 9 (autoreset), 10 (stacks), 11 (the sequence) ---


def test_out_of_time_is_truncated_and_over_is_terminated(short_pong):
    env = SparringEnv(short_pong, observation="objects")
    env.reset(seed=1)
    ends = [env.step(STAY)[2:4] for _ in range(20)]
    assert ends == [(False, False)] * 19 + [(False, True)]
    with pytest.raises(gym.error.ResetNeeded):
        env.step(STAY)


def test_masks_at_a_time_out_are_the_final_states(short_pong):
    env = SparringEnv(short_pong, observation="objects")
    env.reset(seed=1)
    masks = [env.step(STAY)[4]["action_mask"].tolist() for _ in range(20)]
    assert masks == [[1, 1, 1]] * 20


def test_next_episode_does_not_depend_on_how_the_last_was_played(short_pong):
    def starts(lengths):
        """First states of the episodes after ones of these lengths."""
        env = SparringEnv(short_pong, observation="objects")
        env.reset(seed=4)
        found = []
        for length in lengths:
            for _ in range(length):
                env.step(UP)
            env.reset()
            found.append(env.batch.states.tobytes())
        return found

    played, left, mixed = starts([20, 20, 20]), starts([0, 0, 0]), starts([3, 20, 19])
    assert played == left == mixed
    assert len(set(played)) == 3


def test_reset_with_a_seed_begins_anew_and_without_one_goes_on():
    env = SparringEnv("pong", observation="objects")
    first = [env.reset(seed=7)[0].tolist(), env.reset()[0].tolist()]
    again = [env.reset(seed=7)[0].tolist(), env.reset()[0].tolist()]
    assert first == again
    assert first[0] != first[1]
    assert env.reset(seed=8)[0].tolist() != first[0]


def test_environments_never_seeded_differ():
    starts = {SparringEnv("pong", observation="objects", stack=1).reset()[0].tobytes() for _ in range(3)}
    assert len(starts) == 3


def test_a_stack_begins_empty_after_every_reset():
    env = SparringEnv("pong", size=24, stack=3)
    first, _ = env.reset(seed=7)
    assert first[..., -1].any()
    assert not first[..., :-1].any()
    for _ in range(5):
        seen = env.step(UP)[0]
    assert seen.any((0, 1)).all()
    again, _ = env.reset(seed=7)
    assert (again == first).all()


def test_a_vector_resets_to_every_environments_next_episode():
    envs = SparringVectorEnv("pong", 3, observation="objects")
    envs.reset(seed=2)
    seen, _ = envs.reset()
    assert envs.batch.episode.tolist() == [1, 1, 1]
    fresh = SparringVectorEnv("pong", 3, observation="objects")
    fresh.reset(seed=2)
    fresh.step(np.zeros(3, int))
    assert (fresh.reset()[0] == seen).all()


def test_statistics_wrapper_counts_whole_episodes(short_pong):
    envs = RecordEpisodeStatistics(SparringVectorEnv(short_pong, 4, observation="objects", opponent="random"))
    envs.reset(seed=1)
    ends = 0
    for row in actions(65, 4):
        *_, infos = envs.step(row)
        if "episode" in infos:
            ends += 1
            assert infos["_episode"].all()
            assert infos["episode"]["l"].tolist() == [20] * 4
            assert infos["episode"]["r"].tolist() == envs.unwrapped.batch.returns[:, 0].tolist()
    assert ends == 3


def test_observations_given_away_may_be_written_in(short_pong):
    """What a caller does to an array never reaches the next one."""
    spoiled, clean = SparringVectorEnv(short_pong, 2, size=24), SparringVectorEnv(short_pong, 2, size=24)
    seen, same = spoiled.reset(seed=1)[0], clean.reset(seed=1)[0]
    for row in actions(25, 2):
        assert (seen == same).all()
        seen[:] = 99
        seen, same = spoiled.step(row)[0], clean.step(row)[0]


# --- opponents, masks, settings ---


class Holds:
    """A player that always does the same."""

    def __init__(self, action, batch, rows):
        self.action, self.batch, self.rows = action, batch, rows

    def act(self, actions):
        actions[self.rows[:, 0], self.rows[:, 1]] = self.action


def test_two_seats_of_one_game_earn_opposite_rewards(short_pong):
    def rewards(seat, mine, others):
        against = {"opponent": "x", "make_player": lambda name, *where: Holds(others, *where)}
        env = SparringVectorEnv(short_pong, 8, seat=seat, observation="objects", **against)
        env.reset(seed=1)
        return np.array([env.step(np.full(8, mine))[1] for _ in range(60)])

    left, right = rewards(0, STAY, UP), rewards(1, UP, STAY)
    assert np.abs(left).sum() > 0
    assert (left == -right).all()


def test_a_player_who_begins_has_moved_before_the_first_observation():
    class First(Holds):
        """Places in the first square that it may."""

        def act(self, actions):
            places = np.flatnonzero(View(self.batch, self.rows).masks()[0])
            if len(places):
                actions[0, self.rows[0, 1]] = places[0]

    env = SparringEnv(TOYS / "passes.py", opponent="x", make_player=lambda name, *where: First(0, *where))
    began = set()
    for episode in range(10):
        _, info = env.reset(seed=0 if episode == 0 else None)
        began.add(int((env.batch.states["disc"] > 0).sum()))
        terminated = False
        while not terminated:
            assert info["action_mask"].any()
            _, reward, terminated, _, info = env.step(np.flatnonzero(info["action_mask"])[0])
        assert reward in (-1.0, 0.0, 1.0)
        assert not info["action_mask"].any()
    assert began == {4, 5}  # discs on the board: we began, or they did


FOUR_PLIES = '''"""Each ply earns one. Reward: +1 for a ply, -1 for the other's. End: four plies."""
import numpy as np
from games.core import COMMON, jit, uniform
PLAYERS, ACTIONS, KEYS, MAX_TICKS, VERSION, TURNS = 2, ["ply"], ({}, {}), 100, 1, True
MARK, RECIPE = ("bot", 0.5), {"ppo": {}}
STATE = np.dtype([*COMMON, ("turn", "i4"), ("plies", "i4")])
@jit
def reset(s):
    s.turn, s.plies = int(2.0 * uniform(s)), 0
@jit
def asks(s, seat):
    return s.turn == seat
@jit
def step(s, actions, rewards):
    if actions[s.turn] == 0:
        rewards[s.turn] += 1.0
        rewards[1 - s.turn] -= 1.0
        s.turn, s.plies = 1 - s.turn, s.plies + 1
        s.over = 1 if s.plies == 4 else 0
@jit
def draw(s, f, seat):
    pass
@jit
def bot(s, seat, skill):
    return 0
'''


@pytest.mark.parametrize("opponent", ["bot", "x"])
def test_what_was_earned_before_the_first_decision_is_not_lost(tmp_path, opponent):
    path = tmp_path / "four_plies.py"
    path.write_text(FOUR_PLIES, "utf-8")
    env = SparringEnv(path, opponent=opponent, observation="objects", make_player=lambda name, *where: Holds(0, *where))
    lengths = set()
    for episode in range(10):
        env.reset(seed=0 if episode == 0 else None)
        rewards, terminated = [], False
        while not terminated:
            _, reward, terminated, _, _ = env.step(0)
            rewards.append(reward)
        assert sum(rewards) == 0.0
        lengths.add((len(rewards), rewards[-1]))
    assert lengths == {(2, 0.0), (2, 1.0)}  # we began, or they did


def test_masked_samples_play_whole_board_games_against_the_bot():
    env = SparringEnv(TOYS / "passes.py", size=24, stack=1)
    _, info = env.reset(seed=1)
    for _ in range(100):
        assert (env.action_masks() == info["action_mask"]).all()
        action = env.action_space.sample(mask=info["action_mask"])
        assert info["action_mask"][action]
        _, _, terminated, _, info = env.step(action)
        if terminated:
            return
    pytest.fail("no game ended")


def test_frame_skip_and_delay_are_the_players_own():
    env = SparringEnv("pong", observation="objects", frame_skip=1, delay=5)
    env.reset(seed=1)
    heights = [env.batch.states["paddle"][0, 0] for _ in range(8) if env.step(UP)]
    assert env.batch.states["tick"][0] == 8
    assert heights[:5] == [42.0] * 5
    assert heights[5] < 42.0
    assert env.batch.frame_skip[0].tolist() == [1, env.game.frame_skip]
    assert env.batch.delay[0].tolist() == [5, 0]


def test_levels_are_those_asked_for():
    envs = SparringVectorEnv(TOYS / "maze_chase.py", 50, levels=3, observation="objects")
    envs.reset(seed=1)
    assert set(envs.batch.states["level"].tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seat": 2}, "There is no seat 2 in Pong: 0, 1 or 'any'."),
        ({"seat": "any"}, "vector"),
        ({"opponent": "bto"}, "bot:0.8"),
        ({"opponent": "bot:2"}, "from 0 to 1"),
        ({"opponent": "bot:strong"}, "from 0 to 1"),
        ({"observation": "pixel"}, "Did you mean 'pixels'?"),
        ({"render_mode": "ansi"}, "Known: human, rgb_array"),
        ({"delay": 99}, "from 0 to 60"),
    ],
)
def test_a_wrong_setting_is_told_what_is_right(settings, words):
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        SparringEnv("pong", **settings)


def test_an_action_that_does_not_exist_is_refused():
    env = SparringEnv("pong", observation="objects")
    env.reset(seed=1)
    with pytest.raises(UserError, match="from 0 to 2"):
        env.step(3)


def test_a_vector_does_not_step_before_its_first_reset():
    envs = SparringVectorEnv("pong", 2, observation="objects")
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.zeros(2, int))


# --- pictures ---


def test_rgb_array_is_painted_without_a_display(short_pong):
    env = SparringEnv(short_pong, render_mode="rgb_array", observation="objects")
    env.reset(seed=1)
    pictures = [env.render()]
    for _ in range(20):
        env.step(UP)
        pictures.append(env.render())
    assert not pygame.display.get_init()
    assert pictures[0].shape == (420, 420, 3)
    assert pictures[0].dtype == np.uint8
    assert len({picture.tobytes() for picture in pictures[:5]}) == 5
    final = env.seat.batch.states.copy()
    env.seat.batch.states[:] = env.seat.batch.final
    assert (pictures[-1] == env.audience.painter.picture(env.batch)).all()  # an end shows how it ended, not what comes next
    env.seat.batch.states[:] = final


def test_human_is_shown_at_sixty_frames_a_second_and_closing_the_window_ends_only_that():
    env = SparringEnv("pong", render_mode="human", observation="objects")
    env.reset(seed=1)
    start = time.perf_counter()
    for _ in range(8):
        env.step(UP)  # 4 ticks each
    assert time.perf_counter() - start > 30 / 60
    assert env.render() is None
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    env.step(UP)
    assert not pygame.display.get_init()
    env.step(UP)
    env.close()
    env.close()
    assert not pygame.display.get_init()


def test_a_vector_paints_each_environment():
    envs = SparringVectorEnv("pong", 3, render_mode="rgb_array", observation="objects")
    envs.reset(seed=1)
    pictures = envs.render()
    assert len(pictures) == 3
    assert (pictures[0] != pictures[1]).any()


# --- in the hands of other packages ---


@pytest.mark.parametrize("settings", [{}, {"observation": "objects", "stack": 2, "opponent": "bot:0.8"}])
def test_recorders_can_make_the_environment_again_from_its_spec(settings):
    """Minari keeps the spec as JSON, and the infos as arrays of one shape."""
    env = gym.make(games.load("connect_four").env_id, **settings)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.observation_space == env.observation_space
    assert again.action_space == env.action_space
    seeds = np.random.default_rng(0).integers(2**63, 2**64, 3, np.uint64).tolist()  # it draws seeds of 64 bits
    infos = []
    for seed in seeds:
        seen, info = env.reset(seed=seed)
        assert (again.reset(seed=seed)[0] == seen).all()
        infos.append(info)
        ended = False
        while not ended:
            _, _, terminated, truncated, info = env.step(env.action_space.sample(info["action_mask"]))
            infos.append(info)
            ended = terminated or truncated
    assert {(tuple(info), info["action_mask"].shape, info["action_mask"].dtype) for info in infos} == {
        (("action_mask",), (7,), np.dtype(np.int8))
    }


REFUSE_SAME_STEP = {  # those of Gymnasium that need no other package, and do not warn of themselves
    "DtypeObservation": (np.float32,),
    "FlattenObservation": (),
    "NormalizeObservation": (),
    "ReshapeObservation": ((36,),),
    "TransformObservation": (lambda seen: seen,),
}
TAKE_IT = {"NormalizeReward": (), "RecordEpisodeStatistics": (), "DictInfoToList": ()}


@pytest.mark.parametrize("name", [*REFUSE_SAME_STEP, *TAKE_IT])
def test_vector_wrappers_take_the_mode_that_the_docs_say(name):
    def wrapped(**settings):
        envs = gym.make_vec(games.load("pong").env_id, num_envs=2, observation="objects", stack=2, **settings)
        return getattr(wrappers.vector, name)(envs, *(REFUSE_SAME_STEP | TAKE_IT)[name])

    modes = [{"autoreset_mode": AutoresetMode.NEXT_STEP}, {}]
    if name in REFUSE_SAME_STEP:
        with pytest.raises(ValueError, match=r"AutoresetMode\.SAME_STEP"):
            wrapped(**modes.pop())
    for mode in modes:
        envs = wrapped(**mode)
        envs.reset(seed=1)
        for row in actions(30, 2):
            assert len(envs.step(row)[0]) == 2


def test_the_docs_name_every_vector_wrapper_that_refuses_our_autoreset():
    text = (TOYS.parents[1] / "docs" / "environments.md").read_text("utf-8")
    refuse = {name for name in wrappers.vector.__all__ if name.endswith("Observation")}
    assert refuse > set(REFUSE_SAME_STEP)
    assert {name for name in wrappers.vector.__all__ if f"`{name}`" in text} > refuse
