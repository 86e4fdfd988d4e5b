"""The benchmarks: what they print, and that they refuse to time what does not work."""

import doctest
import json
import math

import numpy as np
import pytest
import torch

import bench
import games
from agents.networks import ENCODERS
from agents.peers import Ours, Sb3
from agents.policy import build
from agents.ppo import PPO, PPOSettings
from games.batch import Batch
from games.errors import UserError
from games.view import View

KEYS = {"name", "unit", "ours", "peer", "peer_name", "ratio", "note"}


@pytest.fixture
def rows(capsys):
    """`rows("play", "--quick")`: the rows that the command prints as JSON, by name; each has been looked at."""

    def run(*arguments):
        assert bench.main([*arguments, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found.keys() == {"rows"}
        for row in found["rows"]:
            assert row.keys() == KEYS
            assert math.isfinite(row["ours"]) and row["ours"] >= 0 and row["unit"]
            if row["peer"] is not None:
                faster = row["ours"] / row["peer"]
                assert row["ratio"] == pytest.approx(1 / faster if row["unit"] == "ms" else faster) and row["peer_name"]
        assert len({row["name"] for row in found["rows"]}) == len(found["rows"])
        return {row["name"]: row for row in found["rows"]}

    return run


def settings(network, **others):
    recipe = {**bench.NETWORKS[network], "n_envs": 16, "n_steps": 4, "batch_size": 32, "n_epochs": 1, **others}
    return PPOSettings(**recipe, network=network, schedule="constant", precision="fp32")


# --- what is printed ------------------------------------------------------------------------------------------------


def test_env_gives_ticks_of_each_observation_beside_cart_pole_and_the_time_to_compile(rows):
    found = rows("env", "pong", "--quick")
    assert {"pong rules scalar", "pong rules", "pong objects", "pong planes 12", "compile cold", "compile warm"} <= found.keys()
    assert found["pong rules"]["ours"] > 10 * found["pong rules scalar"]["ours"]
    assert "CartPole" in found["pong objects"]["peer_name"]
    assert found["compile cold"]["ours"] > 3 * found["compile warm"]["ours"]


def test_train_gives_a_row_for_each_network_beside_stable_baselines3(rows, monkeypatch):
    monkeypatch.setattr(bench, "NETWORKS", {"patch": bench.NETWORKS["patch"]})
    found = rows("train", "--quick")
    assert found["ppo patch"]["peer_name"] == "Stable-Baselines3"
    for word in ("threads", "fp32", "games", "minibatches"):
        assert word in found["ppo patch"]["note"]


@pytest.mark.slow
def test_train_measures_every_network_in_both_precisions(rows):
    found = rows("train", "--quick")
    assert {"ppo patch", "ppo small", "ppo nature"} <= found.keys()
    if "bf16" in found["ppo small"]["note"].split(",")[0]:
        assert {"ppo patch fp32", "ppo small fp32", "ppo nature fp32"} <= found.keys()


def test_play_gives_the_latency_of_a_decision_and_the_rate_of_the_clock(rows):
    found = rows("play", "--quick")
    assert 0 < found["decision p50"]["ours"] <= found["decision p99"]["ours"]
    assert found["clock"]["ours"] == pytest.approx(60.0, abs=3.0)


def test_people_get_a_table(capsys):
    bench.show(iter([bench.Row("pong rules", "ticks/s", 12345678.0).beside(1e6, "somebody else")]))
    printed = capsys.readouterr().out
    assert "12.3 M" in printed and "somebody else" in printed


def test_what_is_wrong_names_what_is_right(capsys):
    assert bench.main(["trian"]) == 2
    assert "Did you mean 'train'?" in capsys.readouterr().err
    assert bench.main(["env", "pnog"]) == 2
    assert "Did you mean 'pong'?" in capsys.readouterr().err
    assert bench.main(["env", "--seconds", "-1"]) == 2
    assert bench.main(["play", "pong", "breakout"]) == 2
    assert bench.main(["train", "connect_four"]) == 2
    assert "no masks" in capsys.readouterr().err


def test_short_numbers():
    assert doctest.testmod(bench).failed == 0


# --- what does not work has no speed --------------------------------------------------------------------------------


def nothing(*_arguments, **_named):
    pass


def without_rewards(step):
    def mutant(batch, *arguments):
        step(batch, *arguments)
        batch.returns[:] = 0

    return mutant


def without_ends(step):
    def mutant(batch, *arguments):
        step(batch, *arguments)
        batch.episode[:] = 0

    return mutant


@pytest.mark.parametrize(
    "where, name, mutant, missing",
    [
        (Batch, "step", lambda step: nothing, "change of the state"),
        (Batch, "step", without_rewards, "reward"),
        (Batch, "step", without_ends, "end of an episode"),
        (View, "observe", lambda observe: nothing, "change in what is seen"),
    ],
)
def test_a_batch_that_does_not_play_has_no_speed(monkeypatch, where, name, mutant, missing):
    ticks = bench.Ticks(games.load("pong"), 8, "objects", 0, threads=1)
    assert ticks.run(0.01) > 0
    monkeypatch.setattr(where, name, mutant(getattr(where, name)))
    if missing == "end of an episode":
        ticks.batch.episode[:] = 0
    with pytest.raises(UserError, match=f"no {missing}"):
        ticks.run(0.0)


def test_a_cart_pole_that_stands_still_has_no_speed(monkeypatch):
    cart_pole = bench.CartPole()
    assert cart_pole.run(0.0) > 0
    still = cart_pole.envs.step(cart_pole.actions[0])
    monkeypatch.setattr(cart_pole.envs, "step", lambda actions: still)
    cart_pole.step()
    with pytest.raises(UserError, match="no change of the state"):
        cart_pole.run(0.0)


def test_a_learner_that_does_not_learn_has_no_speed(monkeypatch):
    learning = bench.Learning(Ours(games.load("pong"), settings("patch"), 1, under_way=50))
    monkeypatch.setattr(learning.learner.learner.optimizer, "step", nothing)
    learning.run(0.0)
    with pytest.raises(UserError, match="no change of the weights"):
        learning.check()


def test_a_peer_that_does_not_learn_has_no_speed(monkeypatch):
    learning = bench.Learning(Sb3(games.load("pong"), settings("patch"), 1, under_way=50))
    monkeypatch.setattr(learning.learner.model, "train", nothing)
    learning.run(0.0)
    with pytest.raises(UserError, match="no change of the weights"):
        learning.check()


def test_a_learner_whose_games_pay_nothing_has_no_speed(monkeypatch):
    learning = bench.Learning(Ours(games.load("pong"), settings("patch"), 1, under_way=50))
    monkeypatch.setattr(PPO, "_play", lambda learner, t: None)
    learning.run(0.0)
    with pytest.raises(UserError, match=r"no .*reward"):
        learning.check()


def test_an_agent_that_is_never_asked_has_no_latency(monkeypatch):
    game = games.load("pong")
    table = bench.Table(game, bench.an_agent(game)[0])
    monkeypatch.setattr(table, "decide", nothing)
    with pytest.raises(UserError, match=r"no .*decision"):
        table.check()


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
    ours = build(game, chosen)
    peer = Sb3(game, chosen, threads=1)
    theirs = peer.model.policy
    with torch.no_grad():
        for mine, other in zip(weights_for_sb3(ours, chosen), theirs.parameters(), strict=True):
            other.copy_(mine)
    seen = np.random.default_rng(1).integers(256, size=(5, chosen.stack, chosen.size, chosen.size), dtype=np.uint8)
    with torch.no_grad():
        logits, values = ours(torch.from_numpy(ours.encoder.arrange(seen)))
        distribution = theirs.get_distribution(torch.from_numpy(seen)).distribution
        torch.testing.assert_close(distribution.logits, logits.log_softmax(1), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(theirs.predict_values(torch.from_numpy(seen))[:, 0], values, rtol=1e-4, atol=1e-5)


def test_every_network_of_pixels_is_compared():
    assert set(bench.NETWORKS) == {name for name, kind in ENCODERS.items() if "pixels" in kind.takes}


def test_both_sides_learn_from_as_many_decisions_in_as_many_steps():
    chosen = settings("patch", n_epochs=3)
    ours, theirs = (side(games.load("pong"), chosen, 1) for side in (Ours, Sb3))
    assert ours.iterate() == theirs.iterate() == chosen.n_envs * chosen.n_steps
    [slots] = {int(state["step"]) for state in ours.learner.optimizer.state_dict()["state"].values()}
    [others] = {int(state["step"]) for state in theirs.model.policy.optimizer.state_dict()["state"].values()}
    assert slots == others == 3 * chosen.n_envs * chosen.n_steps // chosen.batch_size
