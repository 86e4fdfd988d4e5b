"""An agent acts as it did in training: from its file, on Gymnasium's observations, at its temperature."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

import games
from agents.algorithms.ppo import PPO, PPOSettings
from agents.core.settings import AgentSettings
from agents.participants import participant
from agents.play import agent as play_agent
from agents.play.agent import Agent, build_network, describe_agent
from games.engine.batch import EXTERNAL, Batch
from games.engine.view import View
from games.envs.gymnasium import SparringEnv
from games.errors import UserError

ROOT = Path(__file__).parents[3]
TALLY = ROOT / "tests" / "games" / "tally.py"  # left and right change places in the second seat's view
KINDS = {
    "pixels": {"observation": "pixels", "size": 12, "network": "patch", "patch": 6, "stack": 3, "hidden": 16},
    "planes": {"observation": "planes", "size": 12, "network": "patch", "patch": 6, "stack": 2, "hidden": 16},
    "objects": {"observation": "objects", "network": "mlp", "stack": 2, "hidden": 16},
}


@pytest.fixture(scope="module")
def pong():
    return games.load("pong")


def new_agent(game, decided=True, seed=0, **settings):
    """An agent with random weights; `decided`: whose actions depend on what it sees."""
    torch.manual_seed(seed)
    settings = AgentSettings(**settings)
    agent = Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings))
    with torch.no_grad():
        agent.network.policy.weight.mul_(100.0 if decided else 0.0)
    return agent


# --- the file ---


def test_a_loaded_agent_acts_exactly_as_the_learners(pong, tmp_path):
    learner = PPO(pong, PPOSettings(n_envs=32, n_steps=16, batch_size=256), 1, [participant("bot", pong)])
    seen, values = [], []
    for _ in range(2):
        learner.collect()
        learner.update(0.0)
    mine = learner.agent()
    mine.save(tmp_path / "agent.safetensors")
    loaded = Agent.load(tmp_path / "agent.safetensors")
    assert loaded.info == mine.info
    for _ in range(32):
        learner.collect()
        seen.append(learner.collector.arena.view.newest().copy())
    seen = np.concatenate(seen)
    assert len(seen) > 1000
    for one, other in zip(mine.evaluate(seen), loaded.evaluate(seen), strict=True):
        assert (one == other).all()
        values.append(one)
    assert (mine.decide(seen, None)[0] == loaded.decide(seen, None)[0]).all()
    assert values[1].std() > 0, "the observations must differ"


def test_an_agent_of_another_game_or_version_is_refused(pong, tmp_path):
    path = tmp_path / "agent.safetensors"
    agent = new_agent(pong, **KINDS["objects"])
    agent.save(path)
    with pytest.raises(UserError, match="plays pong, not connect_four"):
        Agent.load(path, games.load("connect_four"))
    agent.info.game_version += 1
    agent.save(path)
    with pytest.raises(UserError, match=f"version {pong.version + 1} of pong; this is version {pong.version}"):
        Agent.load(path)


def test_weights_of_16_bits_take_half_the_bytes_and_are_rounded(pong, tmp_path):
    agent = new_agent(pong, **{**KINDS["pixels"], "hidden": 128})
    for half in (False, True):
        agent.save(tmp_path / f"{half}.safetensors", half)
    whole, small = ((tmp_path / f"{half}.safetensors").stat().st_size for half in (False, True))
    assert small < 0.55 * whole
    loaded = Agent.load(tmp_path / "True.safetensors", pong)
    for found, weights in zip(loaded.network.parameters(), agent.network.parameters(), strict=True):
        assert found.dtype == torch.float32 and torch.equal(found, weights.half().float())
    assert agent.network.policy.weight.dtype == torch.float32  # the agent itself stays as it is


def test_a_network_is_built_once_for_each_state_of_its_file(pong, tmp_path, monkeypatch):
    built, path = [], tmp_path / "agent.safetensors"
    saved = [new_agent(pong, seed=seed, **KINDS["objects"]) for seed in range(2)]
    saved[0].save(path)
    monkeypatch.setattr(play_agent, "build_network", lambda *words: built.append(words) or build_network(*words))
    random = torch.random.get_rng_state()
    loaded = [Agent.load(path) for _ in range(4)]
    once = len(built)
    assert once == 2  # to check the shapes, and in earnest
    saved[1].save(path)
    anew = Agent.load(path)
    assert len(built) == 2 * once
    assert (torch.random.get_rng_state() == random).all()
    seen = np.random.default_rng(0).uniform(-1, 1, (20, 2, 18)).astype(np.float32)
    for one, other in ((loaded[0], saved[0]), (loaded[3], saved[0]), (anew, saved[1])):
        assert (one.evaluate(seen)[0] == other.evaluate(seen)[0]).all()


def test_agents_of_one_file_are_apart(pong, tmp_path):
    """What is done to one, its weights, metadata or memory, does not reach the next."""
    path, seen = tmp_path / "agent.safetensors", np.random.default_rng(0).uniform(-1, 1, (5, 36)).astype(np.float32)
    new_agent(pong, memory="lstm", **KINDS["objects"]).save(path)
    first, untouched = Agent.load(path), Agent.load(path)
    with torch.no_grad():
        for parameter in first.network.parameters():
            parameter.zero_()
    first.info.steps, first.info.settings.temperature = 99, 0.0
    first.act(seen)
    again = Agent.load(path)
    assert again.info == untouched.info
    for _ in range(3):
        assert (again.act(seen) == untouched.act(seen)).all()
    weights, others = again.network.state_dict(), untouched.network.state_dict()
    assert all(torch.equal(weights[name], others[name]) for name in others) and weights["policy.weight"].any()


def test_an_agent_of_a_users_game_is_refused_once_the_game_is_edited(tmp_path):
    game_file, path = tmp_path / "own.py", tmp_path / "agent.safetensors"
    game_file.write_text(TALLY.read_text("utf-8"), "utf-8")
    game = games.load(game_file)
    new_agent(game, **KINDS["objects"]).save(path)
    assert Agent.load(path, game).game is game
    with pytest.raises(UserError, match="a game of somebody's own"):
        Agent.load(path)
    game_file.write_text(TALLY.read_text("utf-8") + "\nPACE = 2\n", "utf-8")
    with pytest.raises(UserError, match=r"another state of own\.py"):
        Agent.load(path, games.load(game_file))


def test_an_agent_of_an_edited_copy_does_not_pass_for_the_game_that_ships(pong, tmp_path):
    path = tmp_path / "agent.safetensors"
    agent = new_agent(pong, **KINDS["objects"])
    agent.info.game_digest = "0" * 64
    agent.save(path)
    with pytest.raises(UserError, match=r"another state of pong\.py"):
        Agent.load(path, pong)


# --- acting ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seat", [0, 1])
def test_act_decides_on_gymnasiums_observations_as_in_a_seat_of_a_batch(kind, seat):
    game = games.load(TALLY)
    agent = new_agent(game, **KINDS[kind])
    seen = agent.info.settings
    env = SparringEnv(TALLY, seat=seat, opponent="random", observation=kind, size=seen.size, stack=seen.stack)
    observation, info = env.reset(seed=3)
    batch = Batch(game, 1, seed=3, bots=[[EXTERNAL if k == seat else -1.0 for k in range(2)]])
    player = agent.player(batch, np.array([[0, seat]]))
    actions, tried = np.zeros((1, 2), np.int64), []
    for _ in range(7):
        batch.states[:], batch.slots[:] = env.batch.states, env.batch.slots  # what both see
        player.act(actions)
        action = agent.act(observation, info["action_mask"])
        assert game.swap[action] == actions[0, seat] if seat else action == actions[0, seat]
        assert info["action_mask"][action]
        tried.append(action)
        observation, _, over, cut, info = env.step(action)
        if over or cut:
            break
    assert len(tried) > 4


def test_act_takes_one_observation_or_many(pong):
    agent = new_agent(pong, **KINDS["pixels"])
    many = np.random.default_rng(0).integers(0, 256, (9, 12, 12, 3), dtype=np.uint8)
    actions = agent.act(many)
    assert actions.shape == (9,)
    assert [agent.act(one) for one in many] == actions.tolist()
    assert isinstance(agent.act(many[0], np.array([0, 1, 0])), int)
    assert agent.act(many[0], np.array([0, 1, 0])) == 1


def test_at_temperature_0_it_does_the_likeliest_and_above_it_draws(pong):
    agent = new_agent(pong, **KINDS["objects"])
    with torch.no_grad():
        agent.network.policy.bias.copy_(torch.tensor([0.0, 1.0, -1.0]))
    seen = np.random.default_rng(0).normal(size=(1, *View(Batch(pong, 1), [(0, 0)], "objects", stack=2).shape))
    seen = np.repeat(seen.astype(np.float32), 20_000, 0)
    probabilities = agent.evaluate(seen[:1])[0][0]
    assert 0.4 < probabilities.max() < 0.98, "the test needs an agent in doubt"
    assert set(agent.decide(seen, None)[0]) == {probabilities.argmax()}
    agent.info.settings.temperature = 1.0
    share = np.bincount(agent.decide(seen, None)[0], minlength=3) / len(seen)
    assert share == pytest.approx(probabilities, abs=0.015)  # four standard deviations


def test_probabilities_and_values_keep_to_the_mask(pong):
    agent = new_agent(pong, **KINDS["objects"])
    view = View(Batch(pong, 4), [(k, 0) for k in range(4)], "objects", stack=2)
    probabilities, values = agent.evaluate(view.observe(), np.array([[1, 0, 1]] * 4, np.uint8))
    assert (probabilities[:, 1] == 0).all()
    assert probabilities.sum(1) == pytest.approx(np.ones(4))
    assert values.shape == (4,)


def test_a_state_is_worth_what_is_allowed_in_it():
    """To DQN; what nobody may do may be valued at anything."""
    game = games.load("connect_four")
    settings = AgentSettings(observation="objects", network="mlp", stack=1, hidden=8)
    agent = Agent(game, describe_agent(game, settings, "dqn"), build_network(game, settings, "dqn"))
    with torch.no_grad():
        agent.network.advantage.bias[3] = 100.0
    seen, mask = View(Batch(game, 1), [(0, 0)], "objects", stack=1).observe(), np.ones((1, 7), np.uint8)
    free = agent.evaluate(seen, mask)[1]
    mask[0, 3] = 0
    barred, scores = agent.evaluate(seen, mask)[1], agent.scores(seen, mask)[0]
    assert free[0] > 80 > barred[0]
    assert barred[0] == scores[0, [0, 1, 2, 4, 5, 6]].max()


def test_a_players_delay_and_frame_skip_are_its_own(pong):
    agent = new_agent(pong, **KINDS["objects"], delay=12)
    batch = Batch(pong, 3, frame_skip=1)
    agent.player(batch, np.array([[0, 1], [2, 0]]))
    assert batch.delay.tolist() == [[0, 12], [0, 0], [12, 0]]
    assert batch.frame_skip.tolist() == [[1, 4], [1, 1], [4, 1]]


def test_readmes_example_plays_a_game(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "example.py").write_text(code)
    found = runpy.run_path(str(tmp_path / "example.py"))
    assert found["terminated"] and found["reward"] == 1.0, "it beats the bot"
    assert found["observation"].shape == (30, 30, 2)
