"""Stable-Baselines3's view of the games, beside its own DummyVecEnv over Gymnasium's, and its trainers on it."""

import copy
import os
import pickle
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CheckpointCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

import games
import play
from agents import participants
from agents.bridges.sb3 import environment as sb3_environment
from agents.bridges.sb3 import vec_normalize
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
    with pytest.warns(UserWarning, match="already wrapped with a `Monitor`"):
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


# --- evaluate_policy --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda envs: envs, VecNormalize], ids=["bare", "normalised"])
def test_evaluate_policy_asks_for_no_monitor_and_gives_the_unscaled_returns(wrap):
    def returns(scale):
        envs = wrap(SparringVecEnv("breakout", 4, observation="objects", reward_scale=scale))
        model = PPO("MlpPolicy", envs, n_steps=8, batch_size=32, seed=1, device="cpu")
        envs.seed(5)
        return evaluate_policy(model, envs, n_eval_episodes=6, return_episode_rewards=True)

    with warnings.catch_warnings(action="error"):
        scaled, lengths = returns(0.1)
    assert (scaled, lengths) == returns(1.0)
    assert any(scaled) and all(value == round(value) for value in scaled), "a brick is a whole point"


def test_a_copy_goes_on_from_the_same_state():
    """Drawn before or not, by deepcopy or a pickle, against an agent as well."""
    agent = Path(participants.ZOO) / "pong" / "ppo.safetensors"
    for settings in ({}, {"opponent": str(agent)}):
        envs = SparringVecEnv("pong", 3, observation="objects", render_mode="rgb_array", **settings)
        envs.seed(1)
        envs.reset()
        envs.render()
        for copied in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):  # noqa: S301
            twin = copied(envs)
            for action in np.random.default_rng(0).integers(0, 3, (40, 3)):
                one, other = envs.step(action), twin.step(action)
                assert all((a == b).all() for a, b in zip(one[:3], other[:3], strict=True))


# --- what was trained in a VecNormalize -------------------------------------------------------------------------------


def pong_envs(**settings):
    env_id = games.load("pong").env_id
    return DummyVecEnv([lambda: Monitor(gym.make(env_id, **{"observation": "objects", "stack": 1, **settings}))] * 4)


def learned(envs, policy="MlpPolicy", **settings):
    model = PPO(policy, envs, n_steps=32, batch_size=32, n_epochs=2, seed=1, device="cpu", **settings)
    return model.learn(512)


@pytest.fixture(scope="module")
def normalised(tmp_path_factory):
    """A model that learned in a VecNormalize, saved with its statistics."""
    folder = tmp_path_factory.mktemp("normalised")
    envs = VecNormalize(pong_envs())
    model = learned(envs)
    model.save(folder / "model.zip")
    envs.save(folder / "vecnormalize.pkl")
    return folder, model, envs


def seated(path, **told):
    return participants.participant(str(path), games.load("pong"), trusted=told).agent


def choices(agent, model, envs, wrapped):
    """The fraction of observations, of the model's own games, for which both choose the same."""
    raw, same = envs.reset(), []
    for _ in range(200):
        right = model.predict(wrapped.normalize_obs(raw), deterministic=True)[0]
        seen = raw[:, None] if raw.ndim == 2 else raw
        same += (agent.decide(seen, None)[0] == right).tolist()
        raw = envs.step(right)[0]
    return np.mean(same)


def test_what_learned_in_a_vec_normalize_plays_as_it_did_there(normalised):
    folder, model, envs = normalised
    agent = seated(folder / "model.zip")
    assert choices(agent, model, envs.venv, envs) == 1.0
    agent.statistics = None
    assert choices(agent, model, envs.venv, envs) < 1.0, "it makes a difference here"


def test_images_of_a_vec_normalize_are_normalised_too(tmp_path):
    envs = VecNormalize(SparringVecEnv("pong", 4, size=36, stack=2))
    model = learned(envs, policy="CnnPolicy", policy_kwargs={"normalize_images": False})
    model.save(tmp_path / "model.zip")
    envs.save(tmp_path / "vecnormalize.pkl")
    agent = seated(tmp_path / "model.zip")
    assert (agent.info.settings.observation, agent.info.settings.size, agent.info.settings.stack) == ("pixels", 36, 2)
    assert choices(agent, model, envs.venv, envs) == 1.0


def test_without_its_statistics_it_is_refused_and_told_how_to_save_them(normalised, tmp_path, capsys, monkeypatch):
    folder, *_ = normalised
    bare = tmp_path / "model.zip"
    bare.write_bytes((folder / "model.zip").read_bytes())
    monkeypatch.setattr("sys.argv", ["play.py", "pong", str(bare), "bot", "--headless", "--games", "2", "--trust-pickle"])
    assert play.main() == 2
    said = capsys.readouterr().err
    assert "learned inside a VecNormalize" in said and f'save("{tmp_path / "vecnormalize.pkl"}")' in said
    assert seated(bare, normalize_observation="false").statistics is None


def test_where_only_rewards_were_normalised_it_sees_observations_as_they_are(tmp_path):
    envs = VecNormalize(pong_envs(), norm_obs=False)
    model = learned(envs)
    model.save(tmp_path / "model.zip")
    with pytest.raises(UserError, match="if only rewards were normalised"):
        seated(tmp_path / "model.zip")
    envs.save(tmp_path / "vec_normalize.pkl")
    assert seated(tmp_path / "model.zip").statistics is None


def test_statistics_beside_a_model_that_learned_without_them_are_not_used(normalised, tmp_path):
    folder, *_ = normalised
    learned(pong_envs()).save(tmp_path / "model.zip")
    (tmp_path / "vecnormalize.pkl").write_bytes((folder / "vecnormalize.pkl").read_bytes())
    assert seated(tmp_path / "model.zip").statistics is None


def test_a_checkpoint_takes_its_own_statistics(tmp_path):
    envs = VecNormalize(pong_envs())
    callback = CheckpointCallback(32, tmp_path, "pong", save_vecnormalize=True)
    PPO("MlpPolicy", envs, n_steps=32, batch_size=64, seed=1, device="cpu").learn(256, callback=callback)
    envs.save(tmp_path / "vecnormalize.pkl")
    first, last = (seated(tmp_path / f"pong_{steps}_steps.zip").statistics for steps in (128, 256))
    assert (first.mean != last.mean).any()
    assert (last.mean == envs.obs_rms.mean).all()


def test_observations_that_gymnasium_normalised_are_refused(tmp_path):
    """Its wrapper keeps the statistics in no file; the space tells of it."""
    env_id = games.load("pong").env_id
    env = gym.wrappers.NormalizeObservation(gym.make(env_id, observation="objects", stack=1))
    learned(DummyVecEnv([lambda: env])).save(tmp_path / "model.zip")
    with pytest.raises(UserError, match=r"saw normalised observations, Box\(-inf, inf"):
        seated(tmp_path / "model.zip")


class Hostile:
    """What unpickles as the making of a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


def test_reading_statistics_runs_no_code(normalised, tmp_path, monkeypatch):
    _, _, envs = normalised
    canary, space = tmp_path / "canary", SparringVecEnv("pong", 1, observation="objects", stack=1).observation_space
    monkeypatch.setattr(envs, "hidden", [Hostile(canary), {"deep": (Hostile(canary),)}], raising=False)
    path = tmp_path / "vecnormalize.pkl"
    for protocol in range(3, pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(envs, protocol))
        read = vec_normalize.read(path, space)
        assert (read.mean == envs.obs_rms.mean).all() and (read.var == envs.obs_rms.var).all()
    for damage in (
        pickle.dumps(Hostile(canary)),
        pickle.dumps((os.system, f"touch {canary}")),
        f"cos\nsystem\n(S'touch {canary}'\ntR.".encode(),
        b"",
        path.read_bytes()[:500],
        b"no pickle",
    ):
        path.write_bytes(damage)
        with pytest.raises(UserError, match="damaged, or was not saved by VecNormalize"):
            vec_normalize.read(path, space)
    assert not canary.exists()


def test_statistics_of_other_observations_are_refused(normalised):
    folder, *_ = normalised
    space = SparringVecEnv("pong", 1, observation="objects", stack=2).observation_space
    with pytest.raises(UserError, match=r"is of observations \(18,\), and the model beside it sees \(36,\)"):
        vec_normalize.read(folder / "vecnormalize.pkl", space)
