"""Actions of Gymnasium's spaces: networks number them from 0, environments and users get their own."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.bridges import onnx
from agents.bridges.gym.action_adapter import MOST, ActionAdapter
from agents.bridges.gym.evaluation import evaluate
from agents.bridges.gym.game import GymGame
from agents.play.seats import Participant
from agents.training.config import ALGORITHMS, resolve
from games.engine.batch import RANDOM
from games.errors import UserError

COUNTED = [
    (spaces.Discrete(3, start=5), 3),
    (spaces.MultiDiscrete([2, 3]), 6),
    (spaces.MultiDiscrete([[2, 3], [1, 2]], start=[[1, 0], [0, -1]]), 12),
    (spaces.MultiBinary(3), 8),
    (spaces.MultiBinary([2, 2]), 16),
    (spaces.Tuple((spaces.Discrete(2, start=-1), spaces.MultiBinary(1))), 4),
    (spaces.Dict(turn=spaces.Discrete(3), fire=spaces.Discrete(2)), 6),
]


class Chooses(gymnasium.Env):
    """Shows the number of an action and pays for it, as the environment has it; an episode has four decisions."""

    def __init__(self, space, render_mode=None):
        self.action_space, self.adapter = space, ActionAdapter("it", space)
        self.observation_space = spaces.Discrete(self.adapter.num_actions)

    def _seen(self):
        self.sign = int(self.np_random.integers(self.adapter.num_actions))
        return self.sign

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self._seen(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        paid = float(str(action) == str(self.adapter.to_env(self.sign)))
        self.count += 1
        return self._seen(), paid, False, self.count == 4, {}


@pytest.fixture
def register():
    """`register(space)`: an environment with these actions as a game; forgotten after the test."""
    made = []

    def call(space):
        name = f"Chooses{len(made)}-v0"
        gymnasium.register(name, entry_point=lambda **given: Chooses(space, **given))
        made.append(name)
        return GymGame(name)

    yield call
    for name in made:
        del gymnasium.registry[name]


def knowing_agent(game, algorithm="ppo"):
    """An agent that chooses the action whose number it sees."""
    settings, _ = resolve(game, algorithm, {"n_envs": 2}, None)
    agent = ALGORITHMS[algorithm][0](game, settings, 1, [], threads=1).agent()
    count = game.num_actions
    with torch.no_grad():
        for parameter in agent.network.parameters():
            parameter.zero_()
        head = agent.network.policy if algorithm == "ppo" else agent.network.advantage
        for layer in (agent.network.encoder.first, agent.network.encoder.second, head):
            layer.weight[:count, :count] = torch.eye(count)
    return agent


@pytest.mark.parametrize("space, count", COUNTED, ids=str)
def test_each_action_of_a_space_has_a_number_and_environments_get_the_action(space, count, register):
    adapter = ActionAdapter("it", space)
    actions = [adapter.to_env(number) for number in range(count)]
    assert adapter.num_actions == count and all(space.contains(action) for action in actions)
    assert len({str(action) for action in actions}) == count
    game = register(space)
    agent = Participant("agent", agent=knowing_agent(game))
    assert evaluate(game, agent, 3, 1).returns.tolist() == [[4.0]] * 3
    assert evaluate(game, Participant("random", RANDOM), 5, 1).returns.mean() < 4


def test_combinations_are_numbered_with_the_last_part_first():
    """Agents that were saved know their actions by these numbers."""
    adapter = ActionAdapter("it", spaces.MultiDiscrete([2, 3], start=[0, 5]))
    assert [adapter.to_env(number).tolist() for number in range(6)] == [[0, 5], [0, 6], [0, 7], [1, 5], [1, 6], [1, 7]]


@pytest.mark.parametrize("space", [space for space, _ in COUNTED], ids=str)
def test_act_gives_actions_as_the_environment_takes_them(space, register):
    game = register(space)
    agent = knowing_agent(game)
    for sign in range(game.num_actions):
        assert str(agent.act(sign)) == str(game.actions.to_env(sign)) and space.contains(agent.act(sign))
    assert [str(action) for action in agent.act(np.array([1, 0]))] == [str(game.actions.to_env(sign)) for sign in (1, 0)]


@pytest.mark.parametrize("space", [space for space, _ in COUNTED], ids=str)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_learners_play_any_of_them(algorithm, space, register):
    game = register(space)
    quick = {"learning_starts": 32, "batch_size": 32, "gradient_steps": 1} if algorithm == "dqn" else {"n_steps": 16}
    settings, _ = resolve(game, algorithm, {"n_envs": 16, **quick}, None)
    learner = ALGORITHMS[algorithm][0](game, settings, 1, [], threads=1)
    learner.iterate(lambda: 0.0)
    assert learner.lengths and set(learner.lengths) == {4}


@pytest.mark.parametrize("space", [spaces.Discrete(3, start=5), spaces.MultiDiscrete([2, 3])], ids=str)
def test_the_action_of_an_exported_graph_is_the_environments(space, register, tmp_path, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnx, "GAMES", 4)
    monkeypatch.setattr(onnx, "DECISIONS", 20)
    game = register(space)
    agent = knowing_agent(game)
    assert onnx.export(agent, tmp_path / "agent.onnx").same == 1.0
    session = onnxruntime.InferenceSession(tmp_path / "agent.onnx", providers=["CPUExecutionProvider"])
    signs = np.eye(game.num_actions, dtype=np.float32)[:, None]
    actions = session.run(["action"], {"observation": signs})[0]
    assert actions.tolist() == agent.act(np.arange(game.num_actions)).tolist()
    assert all(space.contains(action) for action in actions)


@pytest.mark.parametrize(
    "space, said",
    [
        (spaces.Box(-1, 1, (2,)), r"any numbers[\s\S]*DiscretizeAction"),
        (spaces.Dict(a=spaces.Discrete(2), b=spaces.Box(0, 1, (1,))), "in their entry 'b'"),
        (spaces.MultiBinary(10), "1,024 actions"),
        (spaces.MultiDiscrete([100] * 20), rf"among {MOST} at most"),
        (spaces.Text(3), "space Text"),
    ],
    ids=str,
)
def test_actions_that_cannot_be_numbered_are_refused_in_words_that_help(space, said):
    with pytest.raises(UserError, match=said) as error:
        ActionAdapter("gym:it", space)
    assert "FlattenObservation" not in str(error.value) and 2 <= len(str(error.value).splitlines()) <= 3
