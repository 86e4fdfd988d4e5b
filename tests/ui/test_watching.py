"""Watching a run learn: its newest agent plays, its successor follows between games, and bad files are passed over."""

import json
import os
import time

import pytest

import games
import play
from games.errors import UserError
from tests.ui.test_eye import agent_of
from ui.curve_page import CurvePage
from ui.run_watcher import RunWatcher
from ui.seats import Seat
from ui.watching import watching_seat
from ui.window import open_match

BOT = Seat("scripted", "Bot", skill=0.5)
SEEN = {"size": 12, "stack": 1, "hidden": 16, "network": "tiny"}


def put_agent(folder, steps: int) -> None:
    agent = agent_of("pong", **SEEN)
    agent.info.steps = steps
    path = folder / "checkpoints" / "snapshots" / f"step-{steps:010d}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    agent.save(path)


def put_numbers(folder, *lines: dict) -> None:
    (folder / "progress.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"step": 9, "ev')


@pytest.fixture
def run(tmp_path):
    """The folder of a run that has begun, with an agent after 1,000 steps."""
    folder = tmp_path / "runs" / "pong" / "mine"
    put_agent(folder, 1000)
    agent = agent_of("pong", **SEEN)
    learner = {name: getattr(agent.info.settings, name) for name in vars(agent.info.settings)}
    config = {
        "written_by": "0.2.0", "game": "pong", "game_version": agent.info.game_version, "game_digest": None,
        "algorithm": "ppo", "learner": learner, "trainer": "sparring",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    put_numbers(folder, {"step": 0, "eval/win_rate": 0.1}, {"step": 1000, "rollout/win_rate": 0.2, "eval/win_rate": 0.4})
    return folder


def look(watcher: RunWatcher) -> None:
    """A look into the folder that is due."""
    watcher._next_look = 0.0
    watcher.poll()
    watcher.close()


def test_the_newest_agent_plays_and_its_successor_after_the_game(run):
    app = open_match(games.load("pong"), [watching_seat(games.load("pong"), run), BOT], seed=5, size=(700, 500), eye=True)
    try:
        app.page.load()
        match, watcher = app.page.match, app.page.seats[0].run
        assert match.seats[0].name == "After 1 k steps"
        player = match.boards[0].player(0)
        put_agent(run, 3000)
        for _ in range(30):
            app.turn(1)
        look(watcher)
        for _ in range(30):
            app.turn(1)
        assert match.boards[0].player(0) is player  # never in a game
        assert watcher.info.steps == 1000
        match.restart()
        assert match.boards[0].player(0) is not player
        assert match.seats[0].name == "After 3 k steps"
        assert watcher.info.steps == 3000
        app.turn(1)
    finally:
        app.close()


def test_the_curve_is_read_as_far_as_it_is_written(run):
    watcher = RunWatcher(games.load("pong"), run)
    watcher.load()
    assert watcher.progress.evaluations == [(0.0, 0.1), (1000.0, 0.4)]
    assert watcher.progress.training == [(1000.0, 0.2)]
    assert watcher.about_person == "evaluation: 40 % won"
    put_numbers(run, {"step": 0, "eval/win_rate": 0.1}, {"step": 3000, "eval/win_rate": 0.8})
    look(watcher)
    assert watcher.progress.evaluations[-1] == (3000.0, 0.8)


def test_half_a_file_is_passed_over_and_taken_when_it_is_whole(run):
    watcher = RunWatcher(games.load("pong"), run)
    watcher.load()
    put_agent(run, 2000)
    put_agent(run, 3000)
    newest = run / "checkpoints" / "snapshots" / "step-0000003000.safetensors"
    whole = newest.read_bytes()
    newest.write_bytes(whole[: len(whole) // 2])
    look(watcher)
    assert watcher.name == "After 2 k steps"
    newest.write_bytes(whole)
    os.utime(newest, (time.time() + 5, time.time() + 5))
    look(watcher)
    assert watcher.name == "After 3 k steps"


def test_a_file_that_goes_while_it_is_read_ends_nothing(run, monkeypatch):
    watcher = RunWatcher(games.load("pong"), run)
    watcher.load()
    gone = run / "checkpoints" / "step-0000009000.safetensors"
    found = watcher._candidates()
    monkeypatch.setattr(watcher, "_candidates", lambda: [gone, *found])
    look(watcher)
    assert watcher.name == "After 1 k steps"


def test_folders_without_a_run_or_an_agent_are_refused(run, tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        RunWatcher(games.load("pong"), tmp_path)
    with pytest.raises(UserError, match="plays pong, not breakout"):
        RunWatcher(games.load("breakout"), run)
    for file in run.glob("checkpoints/snapshots/*"):
        file.unlink()
    with pytest.raises(UserError, match="no agent to watch yet"):
        RunWatcher(games.load("pong"), run)


def test_the_command_shows_the_curve_and_names_the_bot_unless_another_is_named(run, monkeypatch):
    opened = []
    monkeypatch.setattr("ui.window.play", lambda game, seats, **settings: opened.append((seats, settings["eye"])))
    for further in ([], ["human"]):
        monkeypatch.setattr("sys.argv", ["play.py", "pong", "watch", str(run), *further])
        assert play.main() == 0
    assert [[seat.kind for seat in seats] for seats, _ in opened] == [["agent", "scripted"], ["agent", "human"]]
    assert all(seats[0].run.folder == run and eye for seats, eye in opened)


def test_the_key_goes_from_the_curve_to_the_agents_eye(run):
    seat = watching_seat(games.load("pong"), run)
    app = open_match(games.load("pong"), [seat, BOT], seed=5, size=(700, 500), eye=True)
    try:
        app.page.load()
        eye = app.page.eye
        told = []
        for _ in range(3):
            told.append((eye.next_page, eye.insight is not None))
            eye.cycle()
            app.turn(1)
        assert told == [("agent's eye", False), ("close the eye", True), ("learning curve", False)]
    finally:
        app.close()


@pytest.mark.parametrize("size", [(500, 700), (90, 60), (20, 20)])
def test_the_curve_is_drawn_in_any_shape(run, size):
    import pygame

    watcher = RunWatcher(games.load("pong"), run)
    page, panel = CurvePage(), pygame.Surface(size)
    page.paint(panel, panel.get_rect(), watcher, (60, 190, 255))
    before = pygame.image.tobytes(panel, "RGB")
    watcher.load()
    page.paint(panel, panel.get_rect(), watcher, (60, 190, 255))
    if size == (500, 700):  # in smaller ones a curve has no place
        assert pygame.image.tobytes(panel, "RGB") != before
