"""Stable-Baselines3's view of the games, beside its own DummyVecEnv over Gymnasium's, and its trainers on it."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

import games
from agents.bridges.sb3 import environment as sb3_environment
from agents.bridges.sb3.environment import SparringVecEnv
from agents.core.settings import AgentSettings
from agents.play.agent import Agent, build_network, describe_agent
from games.envs.gymnasium import SparringEnv
from games.errors import UserError

BOARD = Path(__file__).parents[2] / "toys" / "passes.py"


@pytest.fixture(scope="session")
def short_pong(tmp_path_factory):
    """Pong whose time is out after 20 decisions."""
    path = tmp_path_factory.mktemp("own") / "short_pong.py"
    text = (Path(games.__file__).parent / "pong.py").read_text("utf-8")
    path.write_text(text.replace("MAX_TICKS = 60 * 180", "MAX_TICKS = 80"), "utf-8")
    return path


def channels_first(seen):
    return np.moveaxis(seen, -1, 1) if seen.ndim == 4 else seen


@pytest.mark.parametrize("observation", ["pixels", "planes", "objects"])
@pytest.mark.parametrize("seat", [0, 1])
def test_it_equals_a_dummy_vec_env_of_gymnasiums_envs(short_pong, observation, seat):
    settings = {"observation": observation, "size": 24, "stack": 3, "seat": seat}
    ours = SparringVecEnv(short_pong, 1, **settings)
    theirs = DummyVecEnv([lambda: SparringEnv(short_pong, **settings)])
    ours.seed(3)
    theirs.seed(3)
    assert (ours.reset() == channels_first(theirs.reset())).all()
    ends = 0
    for action in np.random.default_rng(0).integers(0, 3, (70, 1)):
        seen, rewards, dones, infos = ours.step(action)
        their_seen, their_rewards, their_dones, their_infos = theirs.step(action)
        assert (seen == channels_first(their_seen)).all()
        assert rewards.dtype == their_rewards.dtype
        assert (rewards, dones) == (their_rewards, their_dones)
        if dones[0]:
            ends += 1
            mine, other = infos[0]["terminal_observation"], their_infos[0]["terminal_observation"]
            assert (mine == channels_first(other[None])[0]).all()
            assert infos[0]["TimeLimit.truncated"] is True
            assert infos[0]["episode"]["l"] == 20
        else:
            assert "terminal_observation" not in infos[0]
    assert ends == 3


def test_an_end_by_the_rules_is_not_called_a_time_out():
    envs = SparringVecEnv(BOARD, 4, observation="objects", stack=1)
    envs.seed(1)
    envs.reset()
    for _ in range(40):
        _, rewards, dones, infos = envs.step(np.array([np.flatnonzero(mask)[0] for mask in envs.action_masks()]))
        for k in np.flatnonzero(dones):
            assert infos[k]["TimeLimit.truncated"] is False
            assert infos[k]["episode"]["r"] == rewards[k]
            return
    pytest.fail("no game ended")


def test_seeds_repeat_and_resets_go_on():
    envs = SparringVecEnv("pong", 2, observation="objects")
    envs.seed(5)
    first, second = envs.reset(), envs.reset()
    assert (first != second).any()
    envs.seed(5)
    assert (envs.reset() == first).all()
    assert (envs.reset() == second).all()


def test_an_array_given_out_is_not_written_again():
    envs = SparringVecEnv("pong", 2, size=24, stack=1)
    envs.seed(1)
    seen = envs.reset()
    kept = seen.copy()
    for _ in range(20):
        envs.step(np.array([1, 2]))
    assert (seen == kept).all()


def test_ppo_learns_from_pixels_without_a_transposing_wrapper():
    with warnings.catch_warnings(action="error"):
        envs = SparringVecEnv("pong", 16, size=36)
        model = PPO("CnnPolicy", envs, n_steps=16, batch_size=128, n_epochs=1, seed=1, device="cpu")
        assert model.env is envs
        before = model.policy.action_net.weight.detach().clone()
        model.learn(512)
    assert (model.policy.action_net.weight != before).any()


def test_maskable_ppo_takes_the_masks_and_never_tries_what_they_forbid():
    envs = SparringVecEnv(BOARD, 8, observation="objects", stack=1)
    assert is_masking_supported(envs)
    tried = []
    step = envs.step_async
    envs.step_async = lambda actions: (tried.append(envs.action_masks()[np.arange(8), actions].all()), step(actions))[1]
    model = MaskablePPO("MlpPolicy", envs, n_steps=32, batch_size=64, n_epochs=1, seed=1, device="cpu")
    model.learn(256)
    assert len(tried) == 32
    assert all(tried)
    assert (get_action_masks(envs) == envs.action_masks()).all()


def test_a_saved_agent_can_be_the_opponent(tmp_path):
    settings = AgentSettings(observation="objects", stack=1, network="mlp", temperature=1.0)
    game = games.load("pong")
    Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings)).save(tmp_path / "agent.safetensors")
    envs = SparringVecEnv("pong", 3, observation="objects", opponent=str(tmp_path / "agent.safetensors"))
    envs.seed(1)
    first = envs.reset()
    paddles = set()
    for _ in range(30):
        envs.step(np.zeros(3, int))
        paddles |= set(envs.batch.states["paddle"][:, 1].tolist())
    assert len(paddles) > 3
    envs.seed(1)
    assert (envs.reset() == first).all()


def test_an_opponent_nobody_knows_is_told_what_is_known():
    with pytest.raises(UserError, match="human"):
        SparringVecEnv("pong", 1, opponent="human")


def test_wrappers_leave_the_shared_info_empty(short_pong):
    envs = VecNormalize(VecMonitor(SparringVecEnv(short_pong, 4, observation="objects")))
    envs.reset()
    for _ in range(25):
        _, _, dones, infos = envs.step(np.ones(4, int))
        if dones.any():
            assert all(info["episode"]["l"] == 20 for info in infos)
    assert sb3_environment.RUNNING_INFO == {}


def test_attributes_of_an_environment_are_the_batchs():
    envs = SparringVecEnv("pong", 3, render_mode="rgb_array", observation="objects")
    assert envs.get_attr("render_mode", [0, 2]) == ["rgb_array"] * 2
    assert not envs.has_attr("no_such_thing")
    assert envs.env_is_wrapped(VecMonitor, 1) == [False]
    assert len(envs.env_method("action_masks", indices=[1])) == 1
    with pytest.raises(NotImplementedError, match="one batch"):
        envs.env_method("step", 0)
    assert envs.render().shape == (840, 840, 3)
