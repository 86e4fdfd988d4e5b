"""The benchmarks' command: the rows that it prints, and what it refuses."""

import json
import math

import pytest
import torch

import bench
from speed import train

KEYS = {"name", "unit", "ours", "peer", "peer_name", "ratio", "note", "low", "high"}


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


@pytest.mark.slow
def test_env_gives_ticks_of_each_observation_beside_cart_pole_and_the_time_to_compile(rows):
    found = rows("env", "pong", "--quick")
    assert {
        "pong rules scalar",
        "pong rules",
        "pong objects",
        "pong planes 12",
        "pong make",
        "pong make vector",
        "compile cold",
        "compile cold alone",
        "compile warm",
    } <= found.keys()
    assert found["pong rules"]["ours"] > 10 * found["pong rules scalar"]["ours"]
    assert "CartPole" in found["pong objects"]["peer_name"]
    assert found["compile cold"]["ours"] > 3 * found["compile warm"]["ours"]


@pytest.mark.parametrize(
    "name, peer, same",
    [
        pytest.param("ppo lstm mlp", "sb3-contrib's RecurrentPPO", "2 × minibatches of 128", marks=pytest.mark.slow),
        pytest.param("dqn small", "Stable-Baselines3", "a batch of 32 every 4 decisions", marks=pytest.mark.slow),
    ],
)
def test_train_gives_a_row_of_what_is_asked_for_beside_its_peer(rows, name, peer, same):
    found = rows("train", "--quick", "--only", name)
    assert all(set(name.split()) <= set(one.split()) for one in found)
    assert found[name]["peer_name"] == peer
    for word in ("threads", "fp32", "games", f"both {same}"):
        assert word in found[name]["note"]


@pytest.mark.parametrize("name", ["ppo masked", "dqn lstm mlp"])
def test_train_gives_rows_of_ours_alone(rows, name):
    found = rows("train", "--quick", "--only", name)
    assert found[name]["peer"] is None and found[name]["ours"] > 0


def test_train_gives_a_league_beside_the_bot_and_says_what_it_costs(rows):
    found = rows("train", "--quick", "--only", "ppo league")
    assert found.keys() == {"ppo league", "ppo league agents"}
    for row in found.values():
        assert row["peer_name"] == "against bot" and 0.2 < row["ratio"] < 2 and "processor time of a step" in row["note"]


@pytest.mark.slow
def test_train_measures_every_network_in_both_precisions(rows):
    found = rows("train", "--quick")
    assert {contest.name for contest in train.comparisons(quick=True)} <= found.keys()
    if "bf16" in found["ppo small"]["note"].split(",")[0]:
        assert {"ppo patch fp32", "ppo small fp32", "ppo nature fp32"} <= found.keys()


@pytest.mark.slow
def test_scale_gives_threads_and_processes_beside_one_thread(rows):
    found = rows("scale", "--quick", "--only", "ppo patch")
    assert {f"ppo patch, {way}" for way in ("1 thread", "2 threads", "2 workers", "2 by torchrun")} <= found.keys()
    assert found["ppo patch, 1 thread"]["peer"] is None and found["ppo patch, 2 workers"]["peer_name"] == "1 thread"


@pytest.mark.slow
def test_gpu_runs_in_small_without_one_and_says_so(rows):
    found = rows("gpu", "--quick")
    for network in ("patch", "nature", "impala"):
        assert found[f"ppo {network}"]["ours"] > 0 and "environments" in found[f"ppo {network} lstm"]["note"]
        assert "%" in found[f"ppo {network} profile"]["note"]
    assert found["tests"]["ours"] >= 20 and found["pong to its mark"]["unit"] == "s"
    if not torch.cuda.is_available():
        assert "no GPU" in found["tests"]["note"] and found["ppo patch"]["peer"] is None


@pytest.mark.slow
def test_play_gives_the_latency_of_a_decision_and_the_rate_of_the_clock(rows):
    found = rows("play", "--quick")
    assert 0 < found["decision p50"]["ours"] <= found["decision p99"]["ours"]
    assert found["start warm"]["ours"] > 0
    assert 0 < found["key to picture"]["ours"] < found["start warm"]["ours"] * 1000
    assert found["clock"]["ours"] == pytest.approx(60.0, abs=3.0)
    assert found["window"]["ours"] == pytest.approx(60.0, abs=3.0)
    assert found["frame, --plain p99"]["ours"] > 0 and "1280x720" in found["frame, the agent's eye open p99"]["note"]
    assert found["frame p99"]["ours"] > 0 and "decisions late" in found["frame p99"]["note"]
    assert "minutes of matches" in found["memory"]["note"]


def test_what_is_wrong_names_what_is_right(capsys):
    assert bench.main(["trian"]) == 2
    assert "Did you mean 'train'?" in capsys.readouterr().err
    assert bench.main(["env", "pnog"]) == 2
    assert "Did you mean 'pong'?" in capsys.readouterr().err
    assert bench.main(["env", "--seconds", "-1"]) == 2
    assert bench.main(["play", "pong", "breakout"]) == 2
    assert bench.main(["train", "--only", "dqn smal"]) == 2
    assert "Did you mean 'dqn small'?" in capsys.readouterr().err
    assert bench.main(["env", "--only", "pong"]) == 2
    assert bench.main(["scale", "pong"]) == 2
    assert "choose some by --only" in capsys.readouterr().err
    assert bench.main(["scale", "--only", "ppo pach"]) == 2
    assert "Did you mean 'ppo patch'?" in capsys.readouterr().err
    assert bench.main(["usual", "pong"]) == 2
    assert "Known: dqn, ppo, pqn" in capsys.readouterr().err
    assert bench.main(["train", "connect_four"]) == 2
    assert "no masks" in capsys.readouterr().err
