"""Environments that are not ours: what they tell is learned from rightly, and what cannot be is said in words."""

import dataclasses
import json
import sys
from types import ModuleType, SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

import play
from agents.algorithms import dqn
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.ppo import PPO, PPOSettings
from agents.algorithms.pqn import PQN, PQNSettings
from agents.bridges.game_loader import load_game
from agents.bridges.gym import arena as gym_arena
from agents.bridges.gym import environment as gym_environment
from agents.bridges.gym import evaluation as gym_evaluation
from agents.bridges.gym import game as gym_game
from agents.bridges.gym.arena import GymArena
from agents.bridges.gym.copies import LocalCopies, VectorCopies
from agents.bridges.gym.evaluation import evaluate
from agents.bridges.gym.game import GymGame
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.core import tensor_file
from agents.networks.normalization import RunningNorm
from agents.play.agent import Agent, build_network
from agents.play.seats import Participant
from agents.training import trainer as runs
from agents.training.config import ALGORITHMS, resolve
from games.engine.batch import OUT_OF_TIME, OVER, RANDOM
from games.errors import UserError

VECTOR = {"observation": "objects", "network": "mlp", "hidden": 16, "stack": 1, "precision": "fp32"}
LEARNERS = {
    "ppo": (PPO, PPOSettings, {"n_steps": 8, "batch_size": 32}),
    "pqn": (PQN, PQNSettings, {"n_steps": 8, "batch_size": 32}),
    "dqn": (
        DQN,
        DQNSettings,
        {"learning_starts": 64, "batch_size": 32, "gradient_steps": 1, "buffer_size": 2000, "train_freq": 2},
    ),
}
TINY = [
    "--steps", 600, "--set", "n_envs=4", "--set", "eval_games=3", "--set", "final_games=4", "--set", "threads=1",
    "--set", "eval_every=300", "--set", "checkpoint_every=200", "--set", "hidden=8", "--quiet",
]  # fmt: skip
QUICK = {
    "ppo": ["--set", "n_steps=16", "--set", "batch_size=32"],
    "pqn": ["--set", "n_steps=16", "--set", "batch_size=32"],
    "dqn": ["--set", "learning_starts=100", "--set", "gradient_steps=1", "--set", "batch_size=32"],
}


class Count(gymnasium.Env):
    """Shows how many decisions an episode has had, and its number; pays 1 each; over after `over`, cut after `limit`."""

    observation_space = spaces.Box(-1e6, 1e6, (2,), np.float32)
    action_space = spaces.Discrete(3, start=5)

    def __init__(self, over=10**9, limit=10**9, image=False, reuse=False, render_mode=None):
        self.over, self.limit, self.episode, self.image = over, limit, -1, image
        self.buffer = np.zeros(2, np.float32) if reuse else None
        if image:
            self.observation_space = spaces.Box(0, 1, (10, 10, 2), bool)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.seed = seed if seed is not None else getattr(self, "seed", None)
        self.count, self.episode = 0, self.episode + 1
        return self._seen(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.count += 1
        return self._seen(), 1.0, self.count == self.over, self.count == self.limit, {}

    def _seen(self):
        if self.buffer is not None:  # the same array each time
            self.buffer[:] = self.count, self.episode
            return self.buffer
        return np.full((10, 10, 2), self.count % 2, bool) if self.image else np.array([self.count, self.episode], np.float32)


class CountVector(gymnasium.vector.VectorEnv):
    """Two counts that go on by a mode of their own."""

    def __init__(self, num_envs, mode, over=10**9, limit=10**9, **_):
        self.metadata = {"autoreset_mode": mode}
        self.inner = gymnasium.vector.SyncVectorEnv([lambda: Count(over, limit)] * num_envs, autoreset_mode=mode)
        self.num_envs, self.single_action_space = num_envs, self.inner.single_action_space
        self.single_observation_space = self.inner.single_observation_space
        self.reset, self.step = self.inner.reset, self.inner.step


class Echo(gymnasium.Env):
    """Shows one of three signs and pays for the action of the same number; an episode has ten decisions."""

    observation_space, action_space = spaces.Discrete(3), spaces.Discrete(3)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.count, self.sign = 0, int(self.np_random.integers(3))
        return self.sign, {}

    def step(self, action):
        paid, self.count, self.sign = float(action == self.sign), self.count + 1, int(self.np_random.integers(3))
        return self.sign, paid, False, self.count == 10, {}


@pytest.fixture(autouse=True)
def brief_iterations(monkeypatch):
    """DQN tells of every few decisions."""
    monkeypatch.setattr(dqn, "MIN_DECISIONS", 64)


@pytest.fixture
def register():
    """`register(over=…, limit=…, vector=mode)`: a Count, or another `kind`, as a game; forgotten after the test."""
    made = []

    def call(vector=None, kind=Count, **options):
        name = f"Count{len(made)}-v3"
        entry = None if vector is None else (lambda num_envs, **kw: CountVector(num_envs, vector, **kw))
        gymnasium.register(name, entry_point=lambda **kw: kind(**kw), vector_entry_point=entry, kwargs=options)
        made.append(name)
        return GymGame(name)

    yield call
    for name in made:
        del gymnasium.registry[name]


def learner_of(game, algorithm, seed=1, **changes):
    kind, settings, own = LEARNERS[algorithm]
    return kind(game, settings(**{**VECTOR, "n_envs": 2, **own, **changes}), seed, [], threads=1)


# --- what the environments tell --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [None, *AutoresetMode])
@pytest.mark.parametrize("ends, code", [({"over": 3}, OVER), ({"limit": 3}, OUT_OF_TIME)], ids=["over", "out of time"])
def test_an_end_shows_its_own_last_observation_whatever_the_way_of_beginning_again(register, mode, ends, code):
    settings = SimpleNamespace(observation="objects", size=30, stack=2, delay=0)
    arena = GymArena(register(vector=mode, **ends), 2, 1, settings)
    found, decided = [], 0
    for _ in range(12):
        asked = arena.asked()
        reward, end = arena.step(np.zeros(2, np.int64))
        decided += int(asked[0])
        assert reward[0] == asked[0], "each decision pays 1, a mere beginning nothing"
        if end[0]:
            found.append((decided, int(end[0]), arena.view.final(np.array([0]))[0, :, 0].tolist(), arena.finished()))
        elif arena.asked()[0] and arena.episodes()[0] > len(found) - 1:
            assert arena.view.observe()[0, -1, 1] == arena.episodes()[0]
        if arena.asked()[0] and (end[0] or not asked[0]):
            assert arena.view.observe()[0, :, 0].tolist() == [0, 0], "nothing of the episode before in the stack"
    assert found[:3] == [(3 * k, code, [2, 3], ([3.0, 3.0], [3, 3])) for k in (1, 2, 3)]


@pytest.mark.parametrize("code, ends", [(OVER, {"over": 3}), (OUT_OF_TIME, {"limit": 3})], ids=["over", "out of time"])
def test_an_end_is_seen_of_an_environment_that_fills_the_same_array_again(register, code, ends):
    settings = SimpleNamespace(observation="objects", size=30, stack=2, delay=0)
    arena = GymArena(register(reuse=True, **ends), 2, 1, settings)
    for _ in range(3):
        _, end = arena.step(np.zeros(2, np.int64))
    assert end.tolist() == [code, code]
    assert arena.view.final(np.array([0]))[0].tolist() == [[2, 0], [3, 0]]
    assert arena.view.observe()[0].tolist() == [[0, 0], [0, 1]]


def test_a_vector_form_that_shows_something_else_is_not_taken(register, monkeypatch):
    game = register(vector=AutoresetMode.NEXT_STEP, over=3)
    assert isinstance(game.copies(2), VectorCopies)
    made = CountVector.__init__

    def other(envs, *args, **named):
        made(envs, *args, **named)
        envs.single_observation_space = spaces.Box(0, 255, (4, 84, 84), np.uint8)  # as ALE's

    monkeypatch.setattr(CountVector, "__init__", other)
    assert isinstance(game.copies(2), LocalCopies)


def test_bytes_are_what_the_space_says_whatever_comes():
    bits, levels = (ObservationAdapter("it", spaces.Box(0, high, (3,), np.uint8)) for high in (1, 255))
    for kind in (np.uint8, np.int64):
        assert bits.frames(np.array([[0, 1, 1]], kind), "objects", 0).tolist() == [[0, 1, 1]]
        assert levels.frames(np.array([[0, 255, 51]], kind), "objects", 0)[0] == pytest.approx([0, 1, 0.2])


def test_images_of_a_middling_size_have_a_network_that_takes_them(register):
    game = register(image=True)
    game.adapter = ObservationAdapter("it", spaces.Box(0, 255, (24, 24, 4), np.uint8))
    for algorithm in ALGORITHMS:
        learner, _ = resolve(game, algorithm, {}, None)
        assert build_network(game, learner, algorithm).encoder.image == (4, 24, 24)
    with pytest.raises(UserError, match="too small for the nature network"):
        build_network(game, dataclasses.replace(learner, network="nature"), algorithm)


@pytest.mark.parametrize("ends, worth", [({"limit": 4}, 2.0), ({"over": 4}, 1.875)], ids=["out of time", "over"])
def test_time_running_out_is_no_end_to_ppo(register, ends, worth):
    learner = learner_of(register(**ends), "ppo", gamma=0.5, gae_lambda=1.0)
    with torch.no_grad():
        learner.network.value.weight.zero_()
        learner.network.value.bias.fill_(2.0)  # 1 / (1 - gamma), and so right for what goes on for ever
    learner.collect()
    target = []
    original = learner._gradient_step

    def gradient_step(flat, *rest):
        target.append(flat["target"].reshape(-1, 2)[1:])
        return original(flat, *rest)

    learner._gradient_step = gradient_step
    learner.update(0.0)
    assert target[0][0, 0].item() == pytest.approx(worth, abs=1e-3)  # 1 + ½ + ¼ + ⅛ (+ ⅛ of 1 · 2 … what goes on)


def test_time_running_out_is_no_end_to_dqn(register):
    """The state that an episode was cut in is kept, to be valued; that of one which is over is not."""
    for ends, extra in (({"limit": 4}, 1), ({"over": 4}, 0)):
        learner = learner_of(register(**ends), "dqn", n_step=1)
        for _ in range(8):
            learner._decide()
        replay = learner.replay
        assert replay.count.tolist() == [8 + 2 * extra] * 2
        if extra:
            assert replay.real[0, :10].tolist() == [1, 1, 1, 1, 0] * 2
            assert replay.frames[0, :10, 0].tolist() == [0, 1, 2, 3, 4] * 2


def test_returns_are_of_the_rewards_as_they_came(register):
    for algorithm in LEARNERS:
        learner = learner_of(register(over=5), algorithm, reward_scale=0.01)
        learner.iterate(lambda: 0.0)
        assert set(learner.returns) == {5.0}, algorithm
        assert set(learner.lengths) == {5}


@pytest.mark.parametrize("memory", ["none", "lstm"])
@pytest.mark.parametrize("algorithm", LEARNERS)
def test_every_learner_learns_from_them(algorithm, memory):
    learner = learner_of(load_game("gym:CartPole-v1"), algorithm, n_envs=8, memory=memory, memory_size=8)
    before = [parameter.clone() for parameter in learner.stepper.parameters]
    returns = []
    for _ in range(8):
        metrics = learner.iterate(lambda: 0.1)
        returns += learner.returns
    assert np.isfinite(list(metrics.values())).all()
    assert any((old != new).any() for old, new in zip(before, learner.stepper.parameters, strict=True))
    assert returns


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_a_foreign_environment_is_learned(algorithm, register):
    pace = {"n_envs": 16, "learning_rate": 1e-2, "schedule": "constant", "gamma": 0.5, "optimizer_eps": 1e-5}
    learner = learner_of(register(kind=Echo), algorithm, **pace, **({"n_step": 1} if algorithm == "dqn" else {}))
    scores = []
    for iterations in (0, 40):
        for _ in range(iterations):
            learner.iterate(lambda: 0.5)
        scores.append(evaluate(learner.game, Participant("agent", agent=learner.agent()), 50, 1).score)
    assert scores[0] < 8 and scores[1] > 9.5


def test_images_are_learned_from(register):
    game = register(image=True, limit=7)
    assert game.recipe is gym_game.RECIPES["grid"]
    for algorithm in LEARNERS:
        _, settings, own = LEARNERS[algorithm]
        learner = ALGORITHMS[algorithm][0](
            game, settings(observation="planes", network="tiny", stack=2, n_envs=2, **own), 1, [], threads=1
        )
        learner.iterate(lambda: 0.0)
        assert set(learner.collector.arena.view.newest().flatten()) == {0, 255}
    assert evaluate(game, Participant("agent", agent=learner.agent()), 2, 1).returns.tolist() == [[7.0], [7.0]]


# --- spaces ----------------------------------------------------------------------------------------------------------


def test_observations_become_frames():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cases = [
        (spaces.Discrete(3, start=1), np.array([2, 3]), "objects", [[0, 1, 0], [0, 0, 1]]),
        (spaces.Box(-1, 1, (2, 2)), np.ones((1, 2, 2)), "objects", [[1, 1, 1, 1]]),
        (spaces.Box(0, 255, (2,), np.uint8), np.array([[0, 255]], np.uint8), "objects", [[0, 1]]),
        (spaces.Box(0, 255, (3, 4), np.uint8), grey[None], "planes", [[grey.tolist()]]),
        (spaces.Box(0, 255, (3, 4, 1), np.uint8), grey[None, :, :, None], "planes", [[grey.tolist()]]),
        (spaces.Box(0, 255, (1, 3, 4), np.uint8), grey[None, None], "planes", [[grey.tolist()]]),
        (
            spaces.Box(0, 1, (3, 3, 20)),
            np.full((1, 3, 3, 20), [0, 0.5] * 10),
            "planes",
            [[[[0] * 3] * 3, [[128] * 3] * 3] * 10],
        ),
        (spaces.Box(0, 255, (4, 4, 3), np.uint8), np.full((1, 4, 4, 3), 9, np.uint8), "pixels", [[[9, 9], [9, 9]]]),
    ]
    for space, raw, observation, expected in cases:
        adapter = ObservationAdapter("gym:X", space)
        frames = adapter.frames(raw, observation, 2)
        assert np.allclose(frames, expected)
        assert frames.shape[1:] == adapter.shape(observation, 2)
        assert frames.dtype == (np.float32 if observation == "objects" else np.uint8)


@pytest.mark.parametrize(
    "name, said",
    [
        ("gym:CartPol-v1", "Did you mean 'gym:CartPole-v1'"),
        ("gym:CartPole-v7", "Did you mean 'gym:CartPole-v1'"),
        ("gym:LunarLander-v2", "Did you mean 'gym:LunarLander-v3'"),
        ("gym:what is this", "no Gymnasium environment 'what is this'"),
        ("gym:no_such_module:My-v0", "no module 'no_such_module'"),
        ("gym:Pendulum-v1", "actions of the space Box"),
    ],
)
def test_what_cannot_be_is_refused_in_words(name, said):
    with pytest.raises(UserError) as error:
        load_game(name)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


def test_a_package_that_registers_only_when_it_is_asked_is_asked(monkeypatch):
    package = ModuleType("minatar.gym")
    package.register_envs = lambda: gymnasium.register("MinAtar/Echo-v1", entry_point=lambda **_: Echo())
    monkeypatch.setitem(sys.modules, "minatar", ModuleType("minatar"))
    monkeypatch.setitem(sys.modules, "minatar.gym", package)
    try:
        assert load_game("gym:MinAtar/Echo-v1").num_actions == 3
    finally:
        gymnasium.registry.pop("MinAtar/Echo-v1", None)


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    for module, name, said in (
        ("ale_py", "gym:ALE/Pong-v5", "gymnasium[atari]"),
        ("minatar.gym", "gym:MinAtar/Breakout-v1", 'pip install "minatar"'),
        ("Box2D", "gym:LunarLander-v3", "gymnasium[box2d]"),
    ):
        for key in [key for key in gymnasium.registry if key.startswith(name[4:].partition("/")[0] + "/")]:
            monkeypatch.delitem(gymnasium.registry, key)
        monkeypatch.setitem(sys.modules, module, None)
        for key in [key for key in sys.modules if key.startswith("gymnasium.envs.box2d")]:
            monkeypatch.delitem(sys.modules, key)
        with pytest.raises(UserError) as error:
            load_game(name)
        assert said in str(error.value), name


def test_a_module_of_ones_own_is_imported_as_gymnasium_does(tmp_path, monkeypatch):
    (tmp_path / "my_strange_module.py").write_text(
        "import gymnasium\ngymnasium.register('Mine-v4', entry_point='tests.agents.bridges.test_gym:Count')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    game = load_game("gym:my_strange_module:Mine-v4")
    assert (game.version, game.num_actions) == (4, 3)
    del gymnasium.registry["Mine-v4"], sys.modules["my_strange_module"]


# --- evaluation ------------------------------------------------------------------------------------------------------


def test_evaluation_is_of_fresh_episodes_and_leaves_training_alone(register, monkeypatch):
    game, seeds = register(over=3), []
    learner = learner_of(game, "ppo")
    learner.collect()
    before = (learner.collector.arena.view.newest().copy(), learner.generator.get_state())
    original = Count.reset
    monkeypatch.setattr(Count, "reset", lambda self, seed=None, options=None: seeds.append(seed) or original(self, seed=seed))
    result = evaluate(game, Participant("agent", agent=learner.agent()), 40, 5)
    assert result.games == 40 and (result.returns == 3).all()
    assert len(set(seeds)) == 40 and min(seeds) >= gym_arena.EVALUATION_SEEDS, "a seed of its own each, and none of training's"
    assert (learner.collector.arena.view.newest() == before[0]).all() and (learner.generator.get_state() == before[1]).all()
    seeds.clear()
    GymArena(game, 40, 5, learner.settings)
    assert max(seeds) < gym_arena.EVALUATION_SEEDS


def test_a_game_of_an_evaluation_does_not_depend_on_the_others(monkeypatch):
    game = load_game("gym:CartPole-v1")
    agent = Participant("agent", agent=learner_of(game, "ppo", memory="lstm", memory_size=8).agent())
    many = evaluate(game, agent, 40, 9).returns
    monkeypatch.setattr(gym_evaluation, "CONCURRENT", 3)  # a network's memory of the game before is none of the next one's
    assert (many[:20] == evaluate(game, agent, 20, 9).returns).all()
    assert len(set(many[:, 0])) > 3
    assert evaluate(game, Participant("random", RANDOM), 5, 1).returns.mean() < 60
    with pytest.raises(UserError, match="no player of its own"):
        evaluate(game, Participant("bot", 0.5), 5, 1)


def test_act_takes_observations_as_the_environment_gives_them(register):
    for game, settings in (
        (load_game("gym:CartPole-v1"), {}),
        (register(image=True), {"observation": "planes", "network": "tiny"}),
    ):
        agent = learner_of(game, "ppo", **settings).agent()
        with torch.no_grad():
            agent.network.policy.weight.normal_(0, 10)
        env = game.make()
        raw = [env.reset(seed=1)[0], *(env.step(env.action_space.sample())[0] for _ in range(5))]
        frames = game.adapter.frames(np.stack(raw), agent.info.settings.observation, 30)[:, None]
        expected = (agent.decide(frames, None)[0] + env.action_space.start).tolist()
        assert agent.act(np.stack(raw)).tolist() == [agent.act(one) for one in raw] == expected


def test_an_episode_that_never_ends_is_cut(register, monkeypatch):
    monkeypatch.setattr(gym_evaluation, "MAX_STEPS", 20)
    result = evaluate(register(), Participant("random", RANDOM), 3, 1)
    assert result.returns.tolist() == [[20.0]] * 3 and result.cut == 3


# --- runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_a_run_trains_goes_on_and_plays(main, tmp_path, algorithm, monkeypatch, capsys):
    name = ["--algo", algorithm, "--name", "one"]
    code, _, error = main("gym:CartPole-v1", *TINY, *QUICK[algorithm], *name, "--seed", 3)
    folder = tmp_path / "gym-CartPole-v1" / "one"
    assert code == 0, error
    assert list((folder / "videos").glob("*.gif"))
    code, _, error = main("--resume", folder, "--steps", 1200)
    assert code == 2 and "train.py gym:CartPole-v1" in error, "nothing is imported because a file says so"
    words = ["gym:CartPole-v1", "--resume", folder, "--steps", 1200]
    code, out, error = main(*words)
    assert code == 0, error
    assert [line for line in out.splitlines() if "new episodes begin" in line], "said in one line"
    assert tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")[1]["learner"]["steps"] >= 1200
    steps = [json.loads(line)["step"] for line in (folder / "progress.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)
    monkeypatch.setattr(sys, "argv", ["play.py", "gym:CartPole-v1", str(folder), "--games", "5", "--headless", "--json"])
    capsys.readouterr()
    assert play.main() == 0
    assert json.loads(capsys.readouterr().out)["games"] == 5


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_a_resumed_learner_cuts_what_was_running_and_learns_nothing_wrong_from_it(register, algorithm):
    game = register()  # its episodes never end
    one = learner_of(game, algorithm)
    one.iterate(lambda: 0.0)
    tensors, meta = one.state()
    two = learner_of(game, algorithm)
    two.restore(tensors, meta)
    assert two.remarks[-1].startswith(game.name) and "new episodes begin" in two.remarks[-1]
    for mine, other in zip(one.stepper.parameters, two.stepper.parameters, strict=True):
        assert (mine == other).all()
    assert not two.collector.arena.asked().any()
    last = two.collector.arena.view.newest().copy()
    _, end = two.collector.arena.step(np.zeros(2, np.int64))
    assert (end == OUT_OF_TIME).all() and two.collector.arena.finished() == ([], []), "cut, and no episode to speak of"
    assert (two.collector.arena.view.final(np.arange(2)) == last).all()
    assert two.collector.arena.asked().all() and (two.collector.arena.view.observe()[:, -1, 0] == 0).all()
    assert (two.collector.arena.episodes() == one.collector.arena.episodes() + 1).all()


def test_a_resumed_run_meets_other_episodes_than_it_began_with():
    game = load_game("gym:CartPole-v1")
    one = learner_of(game, "ppo")
    two = learner_of(game, "ppo")
    two.restore(*one.state())
    first = two.collector.arena.view.newest().copy()
    two.collector.arena.step(np.zeros(2, np.int64))
    assert (two.collector.arena.view.newest() != first).any()


def test_an_agents_file_opens_only_where_its_environment_is_named(tmp_path, monkeypatch):
    game = load_game("gym:CartPole-v1")
    path = tmp_path / "agent.safetensors"
    learner_of(game, "ppo").agent().save(path)
    with monkeypatch.context() as patch:
        patch.setattr(gymnasium, "make", lambda *_, **__: pytest.fail("an environment was made because a file says so"))
        patch.setattr(gym_environment.importlib, "import_module", lambda *_: pytest.fail("a module was imported"))
        with pytest.raises(UserError, match=r"Name it: python play\.py gym:CartPole-v1"):
            Agent.load(path)
    assert Agent.load(path, game).info.game == "gym:CartPole-v1"
    with pytest.raises(UserError, match="not gym:Acrobot-v1"):
        Agent.load(path, load_game("gym:Acrobot-v1"))


# --- normalised observations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_normalised_observations_are_part_of_the_agent_and_fixed_in_play(tmp_path, algorithm):
    game = load_game("gym:CartPole-v1")
    learner = learner_of(game, algorithm, n_envs=8, normalize_observation=True)
    seen = []
    view = learner.collector.arena.view
    original = view.update
    view.update = lambda raw, begins, masks=None: original(raw, begins, masks) or seen.append(view.newest()[:, 0])
    seen.append(view.newest()[:, 0])
    learner.iterate(lambda: 0.0)
    learner.collector.begin_iteration()
    normal = learner.network.encoder.normal
    every = np.concatenate(seen)
    assert normal.count > 50
    assert np.allclose(normal.mean.numpy(), every.mean(0), atol=0.05)
    assert np.allclose(normal.deviation.numpy(), every.std(0), rtol=0.2)
    learner.agent().save(tmp_path / "agent.safetensors")
    agent = Agent.load(tmp_path / "agent.safetensors", game)
    assert (agent.network.encoder.normal.mean == normal.mean).all()
    before = {name: tensor.clone() for name, tensor in agent.network.state_dict().items()}
    evaluate(game, Participant("agent", agent=agent), 3, 1)
    assert all((before[name] == tensor).all() for name, tensor in agent.network.state_dict().items())


def test_what_is_in_force_changes_between_iterations_only():
    normal = RunningNorm(1)
    normal.watch(torch.tensor([[2.0], [4.0]]))
    assert normal(torch.tensor([[3.0]])).item() == 3.0
    normal.settle()
    assert normal(torch.tensor([[4.0]])).item() == pytest.approx(1.0)


@pytest.mark.parametrize("algorithm", LEARNERS)
def test_every_recipe_resolves(algorithm):
    for name, recipes in gym_game.RECIPES.items():
        game = SimpleNamespace(recipe=recipes, name=name)
        settings, run = resolve(game, algorithm, {}, None)
        assert run.steps > 0 and settings.n_envs > 0


@pytest.mark.slow
def test_pqn_comes_to_a_goal_that_random_play_rarely_finds(main):
    """Acrobot: -500 for never reaching it, as with ε falling in a tenth of the run, or values in the reward's units."""
    few = ["--set", "gif=false", "--set", "final_games=40"]
    code, out, _ = main("gym:Acrobot-v1", "--algo", "pqn", *few, "--set", "threads=1", "--seed", "1", "--json")
    assert code == 0 and json.loads(out)["evaluation"]["mean_return"] > -200
