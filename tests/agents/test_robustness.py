"""`python -m agents.robustness`, and simulated people wherever a seat is named."""

import json
import sys
from pathlib import Path

import pytest

import games
import play
from agents import robustness
from agents.core import tensor_file
from agents.participants import participant
from agents.training import config as configs
from agents.training import trainer as runs
from games.people import __main__ as listing
from games.people.person import people_of, person
from tests.short_runs import FAST

BEFORE = Path(__file__).parent / "play" / "pong_against_bot_alone.safetensors"


@pytest.mark.slow
def test_the_hole_of_the_first_pong_agent_is_found():
    """It knows one opponent, and loses to who predicts the ball, whether they stay or return, and half to who follows it."""
    game = games.load("pong")
    people = [person(f"person:{name}", game) for name in ("predictor", "predictor-stays", "follower-stays")]
    found = robustness.robustness(game, participant(str(BEFORE), game), people, 60)
    scores = {name: score["win_rate"] for name, score in found["people"].items()}
    assert scores["predictor-stays"] < 0.4 and scores["follower-stays"] < 0.75
    assert found["worst"] in ("predictor", "predictor-stays") and found["worst_win_rate"] == min(scores.values())


def test_what_staying_gains_is_the_difference_of_a_pair():
    game = games.load("pong")
    people = [person(f"person:{name}", game) for name in ("late-follower", "late-follower-stays", "expert")]
    found = robustness.robustness(game, participant("bot:0", game), people, 24)
    rates = {name: score["win_rate"] for name, score in found["people"].items()}
    assert found["gained_by_staying"] == {"late-follower-stays": rates["late-follower"] - rates["late-follower-stays"]}
    assert rates["late-follower"] != rates["late-follower-stays"]


def test_the_command_prints_everybody_the_worst_and_who_gains_by_staying(capsys):
    assert robustness.main(["connect_four", "bot:0", "--games", "8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["people"]) == [each.row.name for each in people_of(games.load("connect_four"))]
    assert found["worst_win_rate"] == found["people"][found["worst"]]["win_rate"] and found["gained_by_staying"] == {}
    assert robustness.main(["connect_four", "bot:0", "--games", "8"]) == 0
    assert f"Worst: {found['worst_win_rate']:.1%}, against {found['worst']}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, says",
    [
        (["breakout", "bot"], "nobody wins against an agent"),
        (["pong", "human"], "cannot be measured here"),
        (["pong", "bot", "--games", "0"], "--games is 1 or more"),
        (["pong", "bot", "--table", "none.toml"], "none.toml cannot be read"),
    ],
)
def test_what_cannot_be_measured_is_told(words, says, capsys):
    assert robustness.main(words) == 2
    assert says in capsys.readouterr().err


def test_the_table_is_listed_and_played_by_a_command(capsys):
    assert listing.main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"person:{each.row.name}" in listed for each in people_of(games.load("pong")))
    assert listing.main(["connect_four", "--games", "6", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["people"]
    assert set(found["expert"]) == {"bot:0", "bot", "bot:1"} and 0.0 <= found["expert"]["bot"]["win_rate"] <= 1.0


def test_a_person_sits_in_a_match(capsys, monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["play.py", "connect_four", "person:expert", "random", "--headless", "--games", "20", "--json"]
    )
    assert play.main() == 0
    assert json.loads(capsys.readouterr().out)["win_rate"] > 0.8


@pytest.mark.parametrize("game, who", [("pong", "person:expert-stays"), ("connect_four", "person:casual")])
def test_a_run_against_a_person_resumes_to_the_same_weights(game, who, main, tmp_path, monkeypatch):
    words = [game, *FAST, "--envs", "16", "--steps", "3000", "--set", "eval_every=9000", "--opponent", who, "--opponent", "bot"]
    assert main(*words, "--name", "whole", "--quiet")[0] == 0
    original, count = runs.Trainer._iterate, 0

    def iterate(run, *arguments):
        nonlocal count
        count += 1
        if count == 5:
            raise runs.Stop(15)
        return original(run, *arguments)

    monkeypatch.setattr(runs.Trainer, "_iterate", iterate)
    assert main(*words, "--name", "stopped", "--quiet")[0] == 143
    monkeypatch.undo()
    folder = tmp_path / game / "stopped"
    assert configs.read_config(folder).opponents == [who, "bot"]
    assert configs.read_config(folder).opponent_digests == [person(who, games.load(game)).digest, None]
    assert main("--resume", folder, "--quiet")[0] == 0
    ends = [tensor_file.load(tmp_path / game / name / "agent.safetensors", "agent")[0] for name in ("whole", "stopped")]
    assert all((ends[0][name] == ends[1][name]).all() for name in ends[0])


def test_a_person_whose_row_has_changed_since_is_noticed(main, tmp_path):
    file, row = tmp_path / "mine.json", {
        "name": "ann", "wins": 0.5, "blocks": 0.5, "diagonal": 1.0, "depth": 2, "further": 0.0, "prefers": "any"
    }  # fmt: skip
    file.write_text(json.dumps({"board": [row]}), "utf-8")
    words = [
        "connect_four",
        *FAST,
        "--envs",
        "16",
        "--steps",
        "600",
        "--opponent",
        f"person:{file}:ann",
        "--name",
        "ann",
        "--quiet",
    ]
    assert main(*words)[0] == 0
    file.write_text(json.dumps({"board": [{**row, "wins": 0.6}]}), "utf-8")
    code, _, error = main("--resume", tmp_path / "connect_four" / "ann", "--steps", "1200")
    assert code == 2 and f"The opponent has changed since the run began: person:{file}:ann" in error
