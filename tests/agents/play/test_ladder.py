"""Levels by their names, in any seat; and what a ladder's file may hold."""

import json
import sys

import msgspec
import pytest

import games
import play
from agents import participants
from agents.participants import participant
from agents.play import ladder
from agents.play.ladder import LADDER
from agents.play.match import play_match
from games.errors import UserError
from tests.agents.play.ladders import small_ladder
from tests.short_runs import PONG


@pytest.fixture
def pong(tmp_path, monkeypatch):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    small_ladder(tmp_path / "zoo" / "pong" / "ladder")
    return games.load("pong")


@pytest.mark.parametrize("text, rating", [("level:1", 800), ("level:2", 1200), ("level:Master", 1200), ("newcomer", 800)])
def test_a_level_takes_a_seat_by_its_number_or_its_name(pong, text, rating):
    assert participant(text, pong).agent.info.rating == rating


def test_a_level_plays_with_its_delay_and_temperature(pong):
    settings = participant("level:1", pong).agent.info.settings
    assert (settings.delay, settings.temperature) == (18, 1.0)
    result = play_match(pong, [participant("master", pong), participant("newcomer", pong)], 20, seed=1)
    assert result.summary()["win_rate"] > 0.9


def test_a_moment_plays_as_it_was_saved(pong):
    assert participant("moment:1", pong).agent.info.settings.delay == 0


@pytest.mark.parametrize("text", ["level:3", "level:0", "level:", "level:Maste", "moment:2", "expert"])
def test_a_level_that_is_not_there_is_told_with_those_that_are(pong, text):
    with pytest.raises(UserError, match=rf"There is no '{text}' in .*\n(Did you mean|Known: 1)"):
        participant(text, pong)


def test_a_users_ladder_is_found_among_their_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    small_ladder(tmp_path / "runs" / "pong" / "ladder")
    pong = games.load("pong")
    assert participant("master", pong, runs=tmp_path / "runs").agent.info.rating == 1200
    with pytest.raises(
        UserError, match=r"Pong has no ladder of levels yet\.\nMake one from a run: python -m agents.ladder pong"
    ):
        participant("master", pong, runs=tmp_path / "elsewhere")


def test_a_users_ladder_goes_before_the_one_that_ships(pong, tmp_path):
    folder = tmp_path / "runs" / "pong" / "ladder"
    file = small_ladder(folder)
    best = msgspec.structs.replace(file.rungs[-1], rating=1300.0)
    ladder.write(folder, msgspec.structs.replace(file, rungs=[*file.rungs[:-1], best]))
    assert participant("master", pong, runs=tmp_path / "runs").agent.info.rating == 1300
    assert participant("master", pong, runs=tmp_path / "elsewhere").agent.info.rating == 1200


def test_a_ladder_among_other_runs_is_played_without_a_window(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    small_ladder(tmp_path / "mine" / "pong" / "ladder")
    words = ["play.py", "pong", "level:2", "newcomer", "--headless", "--games", "4", "--json", "--runs", str(tmp_path / "mine")]
    monkeypatch.setattr(sys, "argv", words)
    assert play.main() == 0
    assert json.loads(capsys.readouterr().out)["seats"] == ["level:2", "newcomer"]


def test_a_run_against_a_level_goes_on_only_while_the_level_is_the_same(pong, main, tmp_path):
    code, _, err = main(*PONG[:-6], "--steps", "6000", "--opponent", "level:2", "--name", "one", "--quiet")
    assert code == 0, err
    path = participants.ZOO / "pong" / "ladder" / LADDER
    code, _, err = main("--resume", tmp_path / "pong" / "one", "--steps", "9000", "--quiet")
    assert code == 0, err
    path.write_text(path.read_text("utf-8").replace('"delay": 6', '"delay": 8'), encoding="utf-8")
    code, _, err = main("--resume", tmp_path / "pong" / "one", "--steps", "12000", "--quiet")
    assert code == 2 and "has changed since the run began: level:2" in err


def test_a_run_meets_a_level_of_the_users_ladder_wherever_the_runs_are(main, tmp_path, monkeypatch):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    small_ladder(tmp_path / "pong" / "ladder")  # where `main` keeps its runs, and not in ./runs
    code, _, err = main(*PONG[:-6], "--steps", "3000", "--opponent", "level:2", "--name", "one", "--quiet")
    assert code == 0, err
    code, _, err = main("--resume", tmp_path / "pong" / "one", "--steps", "6000", "--quiet")
    assert code == 0, err


def test_a_file_of_a_ladder_that_is_gone_or_another_is_told(pong):
    folder = participants.ZOO / "pong" / "ladder"
    file = ladder.read(folder).file
    file.digests = {name: ladder.file_digest(folder / name) for name in ("weak.safetensors", "strong.safetensors")}
    ladder.write(folder, file)
    assert participant("level:1", pong).agent.info.rating == 800
    (folder / "weak.safetensors").write_bytes((folder / "strong.safetensors").read_bytes())
    with pytest.raises(UserError, match=r"weak.safetensors is not the agent that was rated as a level.\nCopy that one back"):
        participant("level:1", pong)
    (folder / "weak.safetensors").unlink()
    with pytest.raises(UserError, match=r"lacks weak.safetensors, an agent of its ladder.\nCopy it back"):
        participant("moment:1", pong)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda file: file["rungs"][0].update(file="../../secret"), "'../../secret' is no file beside it"),
        (lambda file: file["rungs"][0].update(file=".."), "'..' is no file beside it"),
        (lambda file: file["rungs"][0].update(rating=1100.0), "in the order of their ratings"),
        (lambda file: file["rungs"][0].update(delay=10**6), r"rungs\[0\].delay"),
        (lambda file: file["rungs"][0].update(name="Master"), "its levels need names, each another"),
        (lambda file: file["rungs"].clear(), "rungs"),
        (lambda file: file.update(most=0.0), "most"),
        (lambda file: file.update(game="breakout"), "is of breakout, version 1, not of pong"),
        (lambda file: file.update(more=1), "an unknown name, 'more'"),
    ],
)
def test_a_damaged_ladder_is_told(pong, change, words):
    path = participants.ZOO / "pong" / "ladder" / LADDER
    file = json.loads(path.read_text("utf-8"))
    change(file)
    path.write_text(json.dumps(file), encoding="utf-8")
    with pytest.raises(UserError, match=words):
        participant("level:1", pong)


def test_what_is_written_is_what_is_read(tmp_path):
    file = small_ladder(tmp_path / "one")
    assert ladder.read(tmp_path / "one").file == file
