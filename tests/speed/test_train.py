"""Learners that do not learn have no speed; both sides of the comparison do the same."""

import os
import re

import numpy as np
import pytest
import torch

import games
from agents.algorithms.dqn import DQNSettings
from agents.algorithms.ppo import PPO, PPOSettings
from agents.networks.registry import ENCODERS
from agents.play.agent import build_network
from games.errors import UserError
from speed.learner_baselines import NETWORKS, Ours, Sb3
from speed.remote_peer import PeerProcess, RemotePeer, answer
from speed.train import LearnerComparison, TimedLearner, comparison_rows, comparisons


def nothing(*_arguments, **_named):
    pass


def settings(network, **others):
    recipe = {**NETWORKS[network], "n_envs": 16, "n_steps": 4, "batch_size": 32, "n_epochs": 1, **others}
    return PPOSettings(**recipe, network=network, schedule="constant", precision="fp32")


def chosen(name):
    """Settings of a comparison, ours and all of theirs, made small."""
    [comparison] = [comparison for comparison in comparisons(quick=True) if comparison.name == name]
    return comparison.ours, comparison.theirs


# --- what does not learn has no speed -------------------------------------------------------------------------------


def test_a_learner_that_does_not_learn_has_no_speed(monkeypatch):
    learning = TimedLearner(Ours(games.load("pong"), settings("patch"), 1, warm_start=50), "it")
    monkeypatch.setattr(learning.learner.learner.stepper.optimizer, "step", nothing)
    learning.run(0.0)
    with pytest.raises(UserError, match="no change of the weights"):
        learning.check()


def test_a_peer_that_does_not_learn_has_no_speed(monkeypatch):
    learning = TimedLearner(Sb3(games.load("pong"), settings("patch"), 1, warm_start=50), "it")
    monkeypatch.setattr(learning.learner.model, "train", nothing)
    learning.run(0.0)
    with pytest.raises(UserError, match="no change of the weights"):
        learning.check()


@pytest.mark.slow
def test_a_dqn_that_does_not_learn_has_no_speed(monkeypatch):
    ours, theirs = chosen("dqn small")
    for side, settings, place in ((Ours, ours, "learner.stepper.optimizer.step"), (Sb3, theirs[0], "model.train")):
        learning = TimedLearner(side(games.load("pong"), settings, 1, warm_start=50), "it")
        owner, _, name = place.rpartition(".")
        monkeypatch.setattr(getattr_path(learning.learner, owner), name, nothing)
        learning.before = learning.signs(learning.learner)
        learning.run(0.0)
        with pytest.raises(UserError, match="no change of the weights"):
            learning.check()


def getattr_path(owner, path):
    for name in path.split("."):
        owner = getattr(owner, name)
    return owner


def test_a_learner_whose_games_pay_nothing_has_no_speed(monkeypatch):
    learning = TimedLearner(Ours(games.load("pong"), settings("patch"), 1, warm_start=50), "it")
    monkeypatch.setattr(PPO, "_decide", lambda learner, t, progress: None)
    learning.run(0.0)
    with pytest.raises(UserError, match=r"no .*reward"):
        learning.check()


# --- both sides do the same -----------------------------------------------------------------------------------------


def weights_for_sb3(network, settings):
    """Our weights in the order of Stable-Baselines3's layers."""
    weights = list(network.parameters())
    if settings.network == "patch":
        channels, patches = settings.channels, (settings.size // settings.patch) ** 2
        weights[0] = weights[0].reshape(channels, settings.stack, settings.patch, settings.patch)
        weights[2] = weights[2].reshape(-1, patches, channels).transpose(1, 2).flatten(1)  # channels outermost
    return weights


@pytest.mark.parametrize("name", ["patch", "small", "nature"])
def test_the_peer_learns_with_the_same_network(name):
    game, chosen = games.load("pong"), settings(name)
    ours = build_network(game, chosen)
    peer = Sb3(game, chosen, threads=1)
    theirs = peer.model.policy
    with torch.no_grad():
        for mine, other in zip(weights_for_sb3(ours, chosen), theirs.parameters(), strict=True):
            other.copy_(mine)
    seen = np.random.default_rng(1).integers(256, size=(5, chosen.stack, chosen.size, chosen.size), dtype=np.uint8)
    with torch.no_grad():
        logits, values = ours(torch.from_numpy(ours.encoder.to_storage(seen)))
        distribution = theirs.get_distribution(torch.from_numpy(seen)).distribution
        torch.testing.assert_close(distribution.logits, logits.log_softmax(1), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(theirs.predict_values(torch.from_numpy(seen))[:, 0], values, rtol=1e-4, atol=1e-5)


def test_every_network_of_pixels_is_compared():
    alone = {"impala", "mobile", "tiny"}  # Stable-Baselines3 has nothing like them; tiny is for grids
    assert set(NETWORKS) == {name for name, kind in ENCODERS.items() if "pixels" in kind.takes} - alone


def test_both_sides_learn_from_as_many_decisions_in_as_many_steps():
    chosen = settings("patch", n_epochs=3)
    ours, theirs = (side(games.load("pong"), chosen, 1) for side in (Ours, Sb3))
    assert ours.iterate() == theirs.iterate() == chosen.n_envs * chosen.n_steps
    [slots] = {int(state["step"]) for state in ours.learner.stepper.optimizer.state_dict()["state"].values()}
    [others] = {int(state["step"]) for state in theirs.model.policy.optimizer.state_dict()["state"].values()}
    assert slots == others == 3 * chosen.n_envs * chosen.n_steps // chosen.batch_size


@pytest.mark.parametrize("name", ["ppo lstm mlp", pytest.param("ppo lstm cnn", marks=pytest.mark.slow)])
def test_recurrent_ppo_learns_with_the_same_network(name):
    """Over three decisions, an episode beginning at the second: the same probabilities, and as many parameters."""
    game, (settings, theirs) = games.load("pong"), chosen(name)
    ours, peer = build_network(game, settings), Sb3(game, theirs[0], threads=1)
    policy = peer.model.policy
    with torch.no_grad():
        for mine, other in zip(ordered(ours), policy.parameters(), strict=True):
            other.copy_(mine)
    chance, shape = np.random.default_rng(1), peer.env.observation_space.shape
    if settings.observation == "objects":
        seen = chance.uniform(-1, 1, (3, 4, *shape)).astype(np.float32)
    else:
        seen = chance.integers(256, size=(3, 4, *shape), dtype=np.uint8)
    states = (torch.zeros(1, 4, 256), torch.zeros(1, 4, 256))
    memory = ours.memory.initial_state(4)
    for time in range(3):
        begins = torch.full((4,), float(time == 1))
        with torch.no_grad():
            found, states = policy.get_distribution(torch.from_numpy(seen[time]), states, begins)
            memory = torch.zeros_like(memory) if time == 1 else memory
            stored = torch.from_numpy(ours.encoder.to_storage(seen[time].reshape(4, settings.stack, *shape[1:] or shape)))
            logits, _, memory = ours.step(stored, memory)
        torch.testing.assert_close(found.distribution.logits, logits.log_softmax(1), rtol=1e-4, atol=1e-5)


def ordered(network):
    """Our weights in the order of theirs: encoder, heads, memory."""
    return [
        *network.encoder.parameters(),
        *network.policy.parameters(),
        *network.value.parameters(),
        *network.memory.parameters(),
    ]


@pytest.mark.parametrize("name", ["ppo lstm mlp", pytest.param("ppo lstm cnn", marks=pytest.mark.slow)])
def test_recurrent_ppo_takes_as_many_steps_for_a_decision(name, monkeypatch):
    ours, theirs = chosen(name)
    each = []
    for side, settings in [(Ours, ours), *[(Sb3, one) for one in theirs]]:
        learner = side(games.load("pong"), settings, 1)
        optimizer = learner.learner.stepper.optimizer if side is Ours else learner.model.policy.optimizer
        decisions = learner.iterate()
        [steps] = {int(state["step"]) for state in optimizer.state_dict()["state"].values()}
        each.append(decisions / steps)
    assert len(set(each)) == 1


@pytest.mark.slow
def test_both_sides_of_dqn_take_a_step_of_32_every_4_decisions():
    ours, theirs = chosen("dqn small")
    for side, settings in [(Ours, ours), *[(Sb3, one) for one in theirs]]:
        assert settings.batch_size == 32 and not (settings.double or settings.dueling or settings.prioritized)
        learner = side(games.load("pong"), settings, 1)
        before = updates(learner)
        decisions = sum(learner.iterate() for _ in range(3))
        assert decisions == 4 * (updates(learner) - before) > 0


def updates(learner):
    return learner.learner.stepper.updates if isinstance(learner, Ours) else learner.model._n_updates


@pytest.mark.slow
def test_different_networks_are_no_comparison():
    ours, _ = chosen("dqn small")
    other = DQNSettings(**{**vars(ours), "network": "patch", "size": 36})
    elsewhere = PeerProcess()
    try:
        with pytest.raises(UserError, match=r"networks .* differ"):
            list(comparison_rows(games.load("pong"), LearnerComparison("odd", ours, [other]), 0.0, True, elsewhere))
    finally:
        elsewhere.close()


@pytest.mark.slow
def test_a_row_says_what_the_other_settings_of_the_peer_did():
    ours = settings("patch")
    others = [ours, settings("patch", n_envs=8)]
    elsewhere = PeerProcess()
    try:
        row = next(comparison_rows(games.load("pong"), LearnerComparison("two", ours, others), 0.0, True, elsewhere))
    finally:
        elsewhere.close()
    said = re.search(r"theirs fp32, (\d+) games × 4 .* \(with (\d+) games × 4 decisions [\d,]+ steps/s in a trial\)", row.note)
    assert said is not None and {*said.groups()} == {"16", "8"}


# --- the peer has a process of its own ------------------------------------------------------------------------------


def test_a_peer_elsewhere_learns_there_and_ends_there():
    elsewhere = PeerProcess()
    try:
        peer = RemotePeer(elsewhere, games.load("pong"), settings("patch"), 1, warm_start=50)
        assert elsewhere.ask("pid") != os.getpid() and peer.name == "Stable-Baselines3"
        before = peer.weights()
        assert peer.iterate() == 16 * 4 and peer.cpu_seconds > 0
        assert (peer.weights() != before).any()
        with pytest.raises(UserError, match="There is no game"):
            elsewhere.ask("make", "pnog", settings("patch"), 1)
        peer.close()
    finally:
        elsewhere.close()
    assert not elsewhere.process.is_alive()


def test_what_is_closed_elsewhere_is_let_go():
    peers = [type("Peer", (), {"close": lambda peer: None})()]
    answer(peers, "close", 0)
    assert peers == [None]
