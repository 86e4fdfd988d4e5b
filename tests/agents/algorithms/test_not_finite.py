"""What is no number stops a run at that step, before it is learned from, and is named."""

import numpy as np
import pytest
import torch

import games
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.ppo import PPO, PPOSettings
from agents.core import tensor_file
from agents.participants import participant
from agents.play.arena import GameArena
from agents.training import trainer as runs
from games.engine.view import View
from tests.short_runs import folder_of

SMALL = {
    "observation": "objects",
    "network": "mlp",
    "stack": 1,
    "hidden": 8,
    "memory_size": 6,
    "n_envs": 6,
    "precision": "fp32",
}
KINDS = {"ppo": (PPO, PPOSettings, {"n_steps": 8, "batch_size": 48})}
KINDS["dqn"] = (DQN, DQNSettings, {"learning_starts": 100, "batch_size": 32, "gradient_steps": 1, "sequence": 4, "burn_in": 2})


@pytest.fixture(params=["ppo", "ppo lstm", "dqn", "dqn lstm"])
def learner(request):
    """One that has learned already."""
    algorithm, _, memory = request.param.partition(" ")
    kind, settings, own = KINDS[algorithm]
    game = games.load("pong")
    made = kind(game, settings(**SMALL, **own, memory=memory or "none"), 1, [participant("bot", game)])
    made.iterate(lambda: 0.0)
    assert made.stepper.updates > 0
    return made


def stops_with(learner, what):
    """Nothing has been learned since."""
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    updates = learner.stepper.updates
    with pytest.raises(FloatingPointError, match=f"^{what}$"):
        learner.iterate(lambda: 0.0)
    assert learner.stepper.updates == updates
    for name, tensor in learner.network.state_dict().items():
        assert torch.equal(tensor.nan_to_num(), before[name].nan_to_num()), name


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_reward_is_named_and_never_kept(bad, learner, monkeypatch):
    step = GameArena.step
    monkeypatch.setattr(GameArena, "step", lambda arena, actions: (step(arena, actions)[0] + bad, np.zeros(6, np.uint8)))
    stops_with(learner, "a reward")
    kept = learner.replay.reward if isinstance(learner, DQN) else learner.rollout.reward.numpy()
    assert np.isfinite(kept).all()


def test_an_observation_is_named(learner, monkeypatch):
    observe = View.observe
    monkeypatch.setattr(View, "observe", lambda view: observe(view) * np.float32(np.nan))
    stops_with(learner, "an observation")


def test_the_last_observation_of_an_episode_that_is_cut_is_named(learner, monkeypatch):
    final = View.final
    monkeypatch.setattr(View, "final", lambda view, rows: final(view, rows) * np.float32(np.nan))
    learner.collector.arena.batch.ticks[:] = learner.game.max_ticks - 8
    learner.collector.arena.batch.states["tick"] = learner.game.max_ticks - 8
    stops_with(learner, "an observation")


def test_a_weight_is_named(learner):
    with torch.no_grad():
        learner.network.encoder.second.weight[3, 4] = np.nan
    stops_with(learner, r"the weight encoder\.second\.weight")


@pytest.mark.parametrize("all_of_it", [True, False], ids=["the gradient too", "not its gradient"])
def test_the_loss_is_named(all_of_it, learner, monkeypatch):
    """With its gradient, or without, as Huber's loss, whose gradient is 1 at most."""
    gradient = learner.loss_gradient

    def endless(*given):
        *others, terms = gradient(*given)
        return (*[one * np.inf if all_of_it else one for one in others], terms * np.inf)

    monkeypatch.setattr(learner, "loss_gradient", endless)
    stops_with(learner, "the loss")


def test_a_gradient_is_named(learner, monkeypatch):
    grad, names = torch.autograd.grad, [name for name, _ in learner.network.named_parameters()]
    place = names.index("encoder.second.bias")

    def poisoned(*given, **more):
        return tuple(one * (np.nan if k == place else 1.0) for k, one in enumerate(grad(*given, **more)))

    monkeypatch.setattr(torch.autograd, "grad", poisoned)
    stops_with(learner, r"the gradient of encoder\.second\.bias")


@pytest.mark.parametrize("memory", ["none", "lstm"])
def test_a_run_of_dqn_ends_in_words_and_keeps_the_last_checkpoint(memory, main, tmp_path, monkeypatch):
    step, left = GameArena.step, 600

    def poisoned(arena, actions):
        nonlocal left
        left -= 1
        reward, end = step(arena, actions)
        return (reward if left > 0 else reward * np.nan), end

    monkeypatch.setattr(GameArena, "step", poisoned)
    words = [
        *("pong", "--algo", "dqn", "--memory", memory, "--envs", "32", "--steps", "60000", "--set", "size=12", "--quiet"),
        *("--set", "hidden=8", "--set", "learning_starts=500", "--set", "batch_size=32", "--set", "threads=1"),
        *("--set", "gradient_steps=1", "--set", "checkpoint_every=4000", "--set", "eval_every=50000", "--set", "gif=false"),
    ]  # fmt: skip
    code, _, error = main(*words, "--name", "nan")
    assert code == 2
    assert "a reward is not a number" in error
    assert "It is what the game gave." in error
    assert "Traceback" not in error and len(error.splitlines()) == 3
    tensors, meta = tensor_file.load(folder_of(tmp_path, words, "nan") / runs.CHECKPOINT, "checkpoint")
    assert 4000 <= meta["learner"]["steps"] < 600 * 32
    assert all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point())


def test_rewards_that_are_too_large_are_named_as_the_cause(main, tmp_path, monkeypatch):
    step = GameArena.step

    def rich(arena, actions):
        reward, end = step(arena, actions)
        return reward + 2.5e36, end

    monkeypatch.setattr(GameArena, "step", rich)
    words = [
        "pong",
        "--envs",
        "32",
        "--steps",
        "6000",
        "--set",
        "size=12",
        "--set",
        "hidden=8",
        "--set",
        "threads=1",
        "--quiet",
    ]
    code, _, error = main(*words, "--set", "batch_size=256", "--set", "gif=false", "--name", "rich")
    assert code == 2
    assert error.splitlines()[2] == "The game's rewards reach 2.5e+36: try --set reward_scale=1e-37"
