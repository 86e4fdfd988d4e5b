"""From the same weights and the same play, one update of ours is one of Stable-Baselines3's: gradients, and weights after."""

import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from agents.algorithms import dqn
from agents.algorithms.advantages import advantages
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.ppo import PPO, PPOSettings
from agents.bridges.sb3.environment import SparringVecEnv
from agents.experience.replay import SampledEntries
from agents.networks.network import ActorCritic
from agents.training.sb3.networks import policy_settings
from games.engine.batch import OUT_OF_TIME, OVER
from tests.agents.algorithms.steps import gradient_step

ENVS, SEED = 8, 1
SIGHT = {"size": 20, "stack": 2}
SHARED = {"network": "small", "n_envs": ENVS, "optimizer": "sgd", "schedule": "constant", "precision": "fp32"}


@pytest.fixture(scope="module")
def short(changed):
    """Breakout with one ball, in which some games are over soon and some are cut by time."""
    sooner = {"MAX_TICKS = 60 * 180": "MAX_TICKS = 88", "LIVES = 3": "LIVES = 1", "PAUSE = 45": "PAUSE = 9"}
    return changed("games/breakout.py", sooner)


def their_envs(game):
    envs = SparringVecEnv(game, ENVS, **SIGHT)
    envs.seed(SEED)
    return envs


def their_policy(settings):
    sgd = {"optimizer_class": torch.optim.SGD, "optimizer_kwargs": {}}
    return {"policy_kwargs": {**policy_settings(settings), **sgd}, "learning_rate": settings.learning_rate, "device": "cpu"}


def ordered(network):
    """Its weights in the order of theirs."""
    parts = ("encoder", "policy", "advantage", "value", "memory")
    return [one for name in parts if getattr(network, name, None) is not None for one in getattr(network, name).parameters()]


def copy_weights(into, network):
    with torch.no_grad():
        for other, mine in zip(into.parameters(), ordered(network), strict=True):
            other.copy_(mine)


def copies(network):
    return [parameter.clone() for parameter in ordered(network)]


def assert_same(network, theirs, before):
    """The gradients, 1e-5 of the greatest, and the weights."""
    for mine, other, old in zip(ordered(network), theirs.parameters(), before, strict=True):
        size = other.grad.abs().max()
        assert size > 0
        assert (mine.grad - other.grad).abs().max() < 1e-5 * size
        assert torch.allclose(mine, other, rtol=1e-6, atol=1e-6)
        assert (mine != old).any()


# --- DQN ---


def same_transitions(game, learner, model, steps, monkeypatch):
    """Random play, into our replay and theirs."""
    chance, envs = np.random.default_rng(0), their_envs(game)
    n_step, gamma = learner.settings.n_step, learner.settings.gamma
    kind, more = (ReplayBuffer, {}) if n_step == 1 else (NStepReplayBuffer, {"n_steps": n_step, "gamma": gamma})
    model.replay_buffer = kind(steps * ENVS, envs.observation_space, envs.action_space, "cpu", n_envs=ENVS, **more)
    seen, counts = envs.reset(), {OVER: 0, OUT_OF_TIME: 0}
    for _ in range(steps):
        actions = chance.integers(0, 3, ENVS)
        monkeypatch.setattr(dqn, "epsilon_greedy", lambda *others, actions=actions: torch.from_numpy(actions))
        learner._decide()
        new, rewards, dones, infos = envs.step(actions)
        after = new.copy()
        for row in np.flatnonzero(dones):
            after[row] = infos[row]["terminal_observation"]
            counts[OUT_OF_TIME if infos[row]["TimeLimit.truncated"] else OVER] += 1
        model.replay_buffer.add(seen, after, actions, rewards, dones, infos)
        seen = new
    assert min(counts.values()) > 10
    assert np.count_nonzero(model.replay_buffer.rewards) > 10


@pytest.mark.parametrize("n_step", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_vanilla_dqn_update_is_theirs(short, n_step, monkeypatch):
    vanilla = {"double": False, "dueling": False, "n_step": n_step, "prioritized": False, "gamma": 0.9, "batch_size": 400}
    settings = DQNSettings(**SIGHT, **SHARED, **vanilla, learning_rate=0.1)
    learner = DQN(short, settings, SEED, [])
    envs = their_envs(short)
    model = sb3.DQN("CnnPolicy", envs, buffer_size=100, gamma=0.9, batch_size=400, n_steps=n_step, **their_policy(settings))
    model.set_logger(Logger(None, []))
    copy_weights(model.q_net, learner.network)
    with torch.no_grad():  # a target network of its own, so that the two cannot be confused
        for parameter in learner.target.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * parameter.abs())
    copy_weights(model.q_net_target, learner.target)
    same_transitions(short, learner, model, 120, monkeypatch)
    chance = np.random.default_rng(1)
    time, row = chance.integers(0, 120 - n_step, 400), chance.integers(0, ENVS, 400)
    entry = np.array([np.flatnonzero(learner.replay.real[k])[t] for t, k in zip(time, row, strict=True)])
    monkeypatch.setattr(learner.replay, "sample", lambda *others: SampledEntries(row, entry, np.ones(400, np.float32)))
    theirs = iter((time, row))
    monkeypatch.setattr(np.random, "randint", lambda *others, **named: next(theirs))
    before = copies(learner.network)
    gradient_step(learner)
    model.train(1, 400)
    assert_same(learner.network, model.q_net, before)


# --- PPO ---


class Nothing(BaseCallback):
    def _on_step(self):
        return True


OTHERWISE = {"clip_range_vf": 0.1, "ent_coef": 0.05, "normalize_advantage": False}
LSTM = {"memory": "lstm", "memory_size": 16}


def as_theirs(network, features):
    """RecurrentPPO lets no gradient of the value into a memory that the policy shares."""
    return network.policy(features), network.value(features.detach()).squeeze(1)


@pytest.mark.parametrize("extra", [{}, OTHERWISE, LSTM, {**LSTM, **OTHERWISE}])
def test_a_ppo_update_is_theirs(short, extra, monkeypatch):
    """The advantages and returns of a rollout in which games end and are cut, then the step; with a memory RecurrentPPO's."""
    steps = 60
    settings = PPOSettings(
        **SIGHT, **SHARED, **{"ent_coef": 0.0, **extra}, n_steps=steps, batch_size=steps * ENVS, n_epochs=1, learning_rate=0.1
    )
    learner, envs = PPO(short, settings, SEED, []), their_envs(short)
    names = ("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "ent_coef", "vf_coef", "clip_range")
    same = {name: getattr(settings, name) for name in (*names, "max_grad_norm", "normalize_advantage")}
    clip = settings.clip_range_vf or None
    kind, name = (RecurrentPPO, "CnnLstmPolicy") if "memory" in extra else (sb3.PPO, "CnnPolicy")
    model = kind(name, envs, clip_range_vf=clip, **same, **their_policy(settings))
    policy, plain = model.policy, model.policy.forward
    if "memory" in extra:
        learner.network.policy.weight.data *= 50  # or nothing of the policy's gradient would come as far as the encoder
        monkeypatch.setattr(ActorCritic, "heads", as_theirs)
    copy_weights(policy, learner.network)
    before = copies(learner.network)
    learner.collect()
    roll = learner.rollout
    assert {OVER, OUT_OF_TIME} <= set(roll.end.flatten().tolist())
    assert roll.reward.count_nonzero() > 10
    played = iter(roll.action[1:])

    def forward(seen, *memory, deterministic=False):
        actions = next(played)
        _, _, _, *after = plain(seen, *memory)
        values, log_prob, _ = policy.evaluate_actions(seen, actions, *memory)
        return actions, values, log_prob, *after

    policy.forward = forward
    _, callback = model._setup_learn(steps * ENVS, Nothing())
    model.set_logger(Logger(None, []))
    model.collect_rollouts(model.env, callback, model.rollout_buffer, steps)
    buffer = model.rollout_buffer
    assert buffer.rewards.shape == (steps, ENVS)
    for name, mine in (("values", roll.value[1:]), ("log_probs", roll.log_prob[1:])):
        assert getattr(buffer, name) == pytest.approx(mine.numpy(), abs=1e-5), name
    assert (buffer.actions.reshape(steps, ENVS) == roll.action[1:].numpy()).all()
    mine, valid = advantages(
        *(getattr(roll, name)[1:] for name in ("reward", "value", "asked", "end", "truncated_value")),
        learner.last_value, settings.gamma, settings.gae_lambda,
    )  # fmt: skip
    assert valid.all()
    for theirs, own in ((buffer.advantages, mine), (buffer.returns, mine + roll.value[1:])):
        assert np.abs(theirs - own.numpy()).max() < 1e-5 * np.abs(theirs).max()
    learner.update(0.0)
    del policy.forward
    if "memory" in extra:
        monkeypatch.setattr(np.random, "randint", lambda *_, **__: 0)  # it would cut one of the sequences anywhere
    model.train()
    assert_same(learner.network, policy, before)
