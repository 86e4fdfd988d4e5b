"""Copies of environments: `copy.deepcopy`, pickles and `clone_state` go on from the same state, each by itself."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

import games
from games.engine.batch import EXTERNAL, Batch
from games.engine.view import View
from games.envs.gymnasium import SparringEnv, SparringVectorEnv
from games.envs.pettingzoo import SparringParallelEnv
from games.errors import UserError

ROOT = Path(__file__).parents[3]
TOYS = ROOT / "tests" / "toys"


class Remembers:
    """An opponent that does what its stack of observations says."""

    def __init__(self, name, batch, rows):
        self.view = View(batch, rows, "pixels", 16, 3)

    def act(self, actions):
        seen, masks = self.view.observe(), self.view.masks()
        for row in np.flatnonzero(masks.any(1)):
            choices = np.flatnonzero(masks[row])
            actions[self.view.envs[row], self.view.seats[row]] = choices[int(seen[row].sum()) % len(choices)]

    def state(self):
        return self.view.state()

    def restore(self, state):
        self.view.restore(state)


class Forgets(Remembers):
    """One whose state cannot be had."""

    state = restore = None

    def __getattribute__(self, name):
        if name in ("state", "restore"):
            raise AttributeError(name)
        return super().__getattribute__(name)


def single(game="pong", **settings):
    return gym.make(games.load(game).env_id, **settings)


MAKE = {
    "pong": single,
    "objects": lambda: single(observation="objects", seat=1, delay=3),
    "breakout": lambda: single("breakout", observation="planes", size=20, stack=2),
    "connect four": lambda: single("connect_four", size=20),
    "levels": lambda: SparringEnv(TOYS / "maze_chase.py", observation="objects", levels=3),
    "opponent": lambda: SparringEnv("pong", size=20, opponent="x", make_player=Remembers),
    "rgb_array": lambda: single(observation="objects", render_mode="rgb_array"),
    "vector": lambda: gym.make_vec(games.load("pong").env_id, num_envs=3, size=20, threads=2),
    "vector of a board": lambda: gym.make_vec(
        games.load("connect_four").env_id, num_envs=3, size=20, autoreset_mode="NextStep"
    ),
    "pettingzoo": lambda: SparringParallelEnv("pong", size=20),
    "pettingzoo's board": lambda: SparringParallelEnv("connect_four", observation="objects"),
}
COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda env: pickle.loads(pickle.dumps(env))}  # noqa: S301

every_kind = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
every_copy = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


def play(env, steps, seed=0):
    """All that a walk by chance gives, with resets where episodes end."""
    random, given = np.random.default_rng(seed), []
    for _ in range(steps):
        if isinstance(env, SparringParallelEnv):
            if not env.agents:
                given.append(env.reset())
            actions = {agent: int(random.integers(env.game.num_actions)) for agent in env.agents}
            given.append(env.step(actions))
        else:
            action = random.integers(env.unwrapped.game.num_actions, size=env.action_space.shape)
            given.append(env.step(action))
            if env.action_space.shape == () and (given[-1][2] or given[-1][3]):
                given.append(env.reset())
    return given


def alike(one, other):
    return data_equivalence(tuple(one), tuple(other), exact=True)


def begun(make):
    env = make()
    env.reset(seed=1)
    play(env, 15)
    return env


@every_copy
@every_kind
def test_a_copy_goes_on_from_the_same_state(make, copied):
    env = begun(make)
    twin = copied(env)
    assert type(twin) is type(env)
    assert alike(play(env, 150), play(twin, 150))


@every_copy
@every_kind
def test_stepping_one_leaves_the_other_alone(make, copied):
    env = begun(make)
    control, twin = copied(env), copied(env)
    play(twin, 40, seed=1)
    assert alike(play(env, 40), play(control, 40))
    twin.close()
    assert alike(play(env, 5), play(control, 5))


@every_kind
def test_a_restored_state_goes_on_the_same(make):
    env = begun(make)
    state = env.unwrapped.clone_state()
    first = play(env, 100)
    for _ in range(2):  # the state itself does not change
        env.unwrapped.restore_state(state)
        assert alike(play(env, 100), first)
    other = make()  # never reset
    if other.unwrapped is not other:
        other.reset()  # a wrapper asks for it
    other.unwrapped.restore_state(pickle.loads(pickle.dumps(state)))  # noqa: S301
    assert alike(play(other, 100), first)


def test_a_state_at_an_end_is_still_at_the_end():
    env = SparringEnv("connect_four", observation="objects", render_mode="rgb_array")
    env.reset(seed=1)
    ended = False
    while not ended:
        ended = any(env.step(int(env.action_masks().argmax()))[2:4])
    state, twin, picture = env.clone_state(), copy.deepcopy(env), env.render()
    env.reset()
    env.restore_state(state)
    for one in (env, twin):
        assert (one.render() == picture).all()
        with pytest.raises(gym.error.ResetNeeded):
            one.step(0)
    assert alike(env.reset(), twin.reset())


def test_a_pickle_opens_in_another_process(tmp_path):
    env = begun(lambda: SparringEnv("pong", observation="objects"))
    (tmp_path / "env").write_bytes(pickle.dumps(env))
    code = (
        "import pickle, sys; env = pickle.load(open(sys.argv[1], 'rb'));"
        "print(*[env.step(k % 3)[0].tobytes().hex() for k in range(30)])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "env")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [env.step(k % 3)[0].tobytes().hex() for k in range(30)]


def test_a_pickle_of_a_game_that_was_edited_is_refused(tmp_path):
    path = tmp_path / "edited_pong.py"
    text = (Path(games.__file__).parent / "pong.py").read_text("utf-8")
    path.write_text(text, "utf-8")
    kept, state = pickle.dumps(SparringEnv(path, observation="objects")), SparringEnv(path, observation="objects").clone_state()
    path.write_text(text.replace("POINTS = 5", "POINTS = 6"), "utf-8")
    with pytest.raises(UserError, match=r"edited_pong\.py is not the game that was saved"):
        pickle.loads(kept)  # noqa: S301
    with pytest.raises(UserError, match="its file is"):
        SparringEnv(path, observation="objects").restore_state(state)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seat": 1}, "seats"),
        ({"observation": "pixels"}, "observation"),
        ({"observation": "objects", "stack": 2}, "stack"),
        ({"observation": "objects", "levels": 5}, "levels"),
        ({"observation": "objects", "opponent": "x", "make_player": Remembers}, "another opponent"),
    ],
)
def test_a_state_of_another_environment_is_refused(settings, words):
    state = SparringEnv("pong", observation="objects").clone_state()
    env = SparringEnv("pong", **settings)
    env.reset(seed=2)
    before = env.batch.snapshot()
    with pytest.raises(UserError, match=words):
        env.restore_state(state)
    assert env.batch.snapshot() == before
    with pytest.raises(UserError, match="game is pong"):
        SparringEnv("breakout", observation="objects").restore_state(state)


def test_what_cannot_be_cloned_is_told_what_can():
    env = SparringEnv("pong", opponent="x", make_player=Forgets)
    with pytest.raises(UserError, match=r"give it state\(\) and restore"):
        env.clone_state()
    with pytest.raises(UserError, match="part of its state"):
        SparringEnv("pong").clone_state(include_rng=False)
    assert SparringEnv("pong").clone_state(include_rng=True).layout["game"] == "pong"


def test_a_copy_of_a_window_has_none(monkeypatch):
    env = SparringEnv("pong", render_mode="human", observation="objects")
    env.reset(seed=1)
    twin = copy.deepcopy(env)
    monkeypatch.setattr(env.audience._window, "show", pytest.fail)
    twin.step(0)
    assert twin.audience._window is None
    twin.close()
    assert env.audience._window.open
    env.close()


def test_a_batch_and_its_threads_are_copied():
    batch = Batch(games.load("pong"), 8, seed=3, bots=[EXTERNAL, 0.5], threads=2)
    twin = copy.deepcopy(batch)
    assert twin.workers.threads == 2 and twin.workers is not batch.workers
    batch.close()
    actions = np.ones((8, 2), int)
    for one in (batch, twin):
        one.step(actions)
    assert batch.snapshot() == twin.snapshot()
    assert copy.deepcopy(batch).workers.threads == 1  # it was closed
    twin.close()


def test_vectors_of_copies_are_as_wide():
    envs = SparringVectorEnv("pong", 4, observation="objects")
    envs.reset(seed=1)
    assert copy.deepcopy(envs).observation_space == envs.observation_space
