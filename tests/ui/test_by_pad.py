"""With a gamepad alone: from the menu to a race, to Connect Four, and back in time."""

import pygame
import pytest

import games
from agents import participants
from tests.ui.virtual_pad import RIGHT_TRIGGER, VirtualPad, sdl
from ui.menu import menu
from ui.pages.game import GamePage
from ui.pages.home import HomePage
from ui.pages.kept_match import KeptMatchPage
from ui.pages.match_flow import COUNTING, OVER, PAUSED, PLAYING, READY
from ui.pages.replays import ReplaysPage
from ui.seats import Seat
from ui.text import KeyCapRenderer

pytestmark = pytest.mark.skipif(sdl() is None, reason="SDL is not beside Pygame here")


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Opens the menu of a game, whose opponents are bots, and plugs a pad in."""

    def open_app(name):
        app = menu(size=(800, 500), names=[name], runs=tmp_path)
        opened.append(app)
        app.turn(1)
        app.turn(1)
        app.page.catalogue.join()
        pad = VirtualPad()
        pads.append(pad)
        app.turn(1)
        assert len(app.pads) == 1
        return app, pad

    monkeypatch.setattr(participants, "ZOO", tmp_path)
    monkeypatch.setattr("secrets.randbelow", lambda most: 5)  # the same games in every run
    opened, pads = [], []
    yield open_app
    for pad in pads:
        pad.leave()
    for app in opened:
        app.close()
    pygame.joystick.quit()


@pytest.fixture
def caps(monkeypatch):
    """The caps of keys and buttons that are drawn."""
    found = []
    cap = KeyCapRenderer.cap

    def draw(kind, surface, key, *rest):
        if surface is not None:
            found.append(key)
        return cap(kind, surface, key, *rest)

    monkeypatch.setattr(KeyCapRenderer, "cap", draw)
    return found


def press(app, pad, *buttons: str) -> None:
    for button in buttons:
        for down in (True, False):
            pad.press(button, down)
            pygame.event.pump()
            app.turn(1)


def begin(app, pad) -> KeptMatchPage:
    """From the first page into a match against the first opponent."""
    assert isinstance(app.page, HomePage)
    press(app, pad, "a")
    assert isinstance(app.page, GamePage)
    press(app, pad, "a")
    page = app.page
    assert isinstance(page, KeptMatchPage)
    app.turn(1)
    page._loader.join()
    app.turn(1)
    assert page.mode == READY
    press(app, pad, "a")
    if page.mode == COUNTING:
        app.turn(200)
    assert page.mode == PLAYING
    return page


def turns(app, count: int, until: str = "") -> None:
    for _ in range(count):
        app.turn(1)
        if until and app.page.mode == until:
            return


def test_a_race_in_breakout_from_the_menu_to_a_rematch(play):
    app, pad = play("breakout")
    page = begin(app, pad)
    assert page.match.race
    board = page.match.boards[0]
    first = board.batch.record(0).paddle
    pad.press("dpright")
    turns(app, 20)
    assert board.batch.record(0).paddle > first + 5.0
    pad.press("dpright", down=False)
    pad.push(-1.0)
    turns(app, 40)
    assert board.batch.record(0).paddle < first
    pad.push()
    press(app, pad, "start")
    assert page.mode == PAUSED
    press(app, pad, "b")
    turns(app, 200, until=PLAYING)
    while page.mode == PLAYING:  # nobody is at the paddle: the bot is ahead in the end
        app.turn(30)
    turns(app, 200)
    assert page.mode == OVER and page.match.result.winner == 1
    assert page.choices.focus.name == "Rematch"
    press(app, pad, "a")
    assert page.mode in (COUNTING, PLAYING) and page.match.result is None and page.match.played == 1
    press(app, pad, "start", "back")
    assert isinstance(app.page, GamePage)
    press(app, pad, "b", "b")
    assert not app.is_open


def test_connect_four_by_cross_and_a(play):
    app, pad = play("connect_four")
    page = begin(app, pad)
    board = page.match.boards[0]
    assert board.waits_for_person
    press(app, pad, "dpright", "dpright", "dpright", "a")
    while not page.match.ticks or board.waits_for_person is False:
        app.turn(1)
    moves = board.recorder.track().actions[:, 0]
    assert moves[moves >= 0].tolist() == [2], "from the first column two further"
    while page.mode == PLAYING:
        if board.waits_for_person:
            press(app, pad, "a")
            press(app, pad, "dpleft" if page.match.ticks % 4 else "dpright")
        app.turn(1)
    assert page.match.result


def test_the_left_trigger_rewinds(play):
    app, pad = play("pong")
    page = begin(app, pad)
    turns(app, 200)
    ticks = page.match.ticks
    pad.pull(1.0)
    turns(app, 21)
    assert page.is_rewinding and ticks - 66 <= page.match.ticks < ticks - 50
    pad.pull(0.0)
    turns(app, 2)
    at = page.match.ticks
    turns(app, 20)
    assert not page.is_rewinding and page.match.ticks == at + 20 and page.match.rewound


def test_the_caps_are_those_of_what_is_in_the_hand(play, caps):
    app, pad = play("pong")
    press(app, pad, "leftstick")
    caps.clear()
    app.page.stale = True
    app.turn(1)
    assert set(caps) == {"up", "down", "left", "right", "A", "B"}
    page = begin(app, pad)
    caps.clear()
    page.stale = True
    page.screen.forget_keys()
    app.turn(1)
    assert caps == ["Start", "up", "down"]
    press(app, pad, "start")
    assert page.mode == PAUSED
    caps.clear()
    app.page.stale = True
    app.turn(1)
    assert set(caps) <= {"A", "B", "X", "Y", "Back", "LB", "RB", "R3", "LT", "RT", "L3", "up", "down", "Start"} and "LT" in caps
    for kind in (pygame.KEYDOWN, pygame.KEYUP):
        pygame.event.post(pygame.event.Event(kind, key=pygame.K_v, mod=0))
    caps.clear()
    turns(app, 2)
    assert "escape" in caps and "LT" not in caps


def test_a_match_that_waits_is_rewound_and_taken_over_by_pad(play):
    app, pad = play("pong")
    page = begin(app, pad)
    turns(app, 100)
    press(app, pad, "start")
    assert page.mode == PAUSED
    ticks = page.match.ticks
    pad.pull(1.0)
    turns(app, 40)
    assert page.is_rewinding and page.match.ticks < ticks - 20
    pad.pull(0.0)
    turns(app, 2)
    assert not page.is_rewinding and page.mode == PAUSED
    press(app, pad, "leftstick")
    assert page.people == [] and page.mode == PAUSED
    press(app, pad, "leftstick")
    assert page.people == [0]


def test_a_picture_and_a_clip_are_kept_by_pad(play, monkeypatch):
    app, pad = play("pong")
    page = begin(app, pad)
    kept = []
    monkeypatch.setattr(page.keepsakes, "picture", lambda *given: kept.append("picture"))
    monkeypatch.setattr(page.keepsakes, "clip", lambda *given: kept.append("clip"))
    turns(app, 20)
    press(app, pad, "back")
    assert page.mode == PLAYING and kept == ["picture"]
    for before in ((), ("start",)):
        press(app, pad, *before)
        for amount in (1.0, 0.0):
            pad.pull(amount, RIGHT_TRIGGER)
            turns(app, 2)
    assert page.mode == PAUSED and kept == ["picture", "clip", "clip"]


def test_who_lets_a_machine_play_is_told_the_button_and_plays_again_in_a_rematch(play):
    app, pad = play("pong")
    page = begin(app, pad)
    turns(app, 20)
    press(app, pad, "start", "leftstick")
    assert page.people == [] and page.match.seats[0].name == "Bot for You"
    assert app.notice.text.startswith("Bot for You plays. L3, in a pause, takes the seat over")
    press(app, pad, "x")
    assert page.people == [0] and page.match.seats[0].name == "You" and page.match.names[0] == "You"
    assert page.match.is_rated and not page.match.guests and page.match.inputs
    turns(app, 200, until=PLAYING)
    board = page.match.boards[0]
    pad.press("dpdown")
    turns(app, 10)
    assert (board.recorder.track().actions[-5:, 0] == page.game.actions.index("down")).all()


def test_a_replay_is_filmed_played_on_and_deleted_by_pad(play, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *a, **k: str(tmp_path / "data"))
    monkeypatch.setattr("platformdirs.user_videos_dir", lambda *a, **k: str(tmp_path / "videos"))
    app, pad = play("pong")
    begin(app, pad)
    turns(app, 60)
    press(app, pad, "start", "back", "b")
    assert isinstance(app.page, HomePage)
    app.open(ReplaysPage())
    app.turn(1)
    press(app, pad, "a")
    replay = app.page
    replay.load()
    app.turn(1)
    press(app, pad, "a")  # it stands still
    press(app, pad, "x")
    assert replay._job
    replay._job.cancel()
    replay._job.wait()
    replay.seek(20)
    press(app, pad, "y")
    assert isinstance(app.page, KeptMatchPage) and [seat.kind for seat in app.page.seats] == ["human", "scripted"]
    page = app.page
    page._loader.join()
    turns(app, 2)
    assert page.mode == READY
    press(app, pad, "b")
    assert app.page is replay
    press(app, pad, "b")
    listed = len(app.page.rows)
    press(app, pad, "x", "x")
    assert isinstance(app.page, ReplaysPage) and len(app.page.rows) == listed - 1


def test_people_with_one_pad_see_a_pad_and_a_keyboard(play):
    app, pad = play("pong")
    page = KeptMatchPage(games.load("pong"), [Seat("human"), Seat("human")], seed=1, ready=False)
    app.open(page)
    page.load()
    pad.press("dpup")
    turns(app, 2)
    rows = [page.screen.hints.rows(k) for k in (0, 1)]
    assert rows == [[(["up"], "up"), (["down"], "down")], [(["up"], "up"), (["down"], "down")]]
    assert page.screen.hints.pads == {0: {"dpup": "w", "dpdown": "s"}}
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_DOWN, mod=0))
    turns(app, 2)
    assert page.screen.hints.pads == {} and page.screen.hints.rows(0) == [(["w"], "up"), (["s"], "down")]
