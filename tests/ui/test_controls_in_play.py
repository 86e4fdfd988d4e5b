"""Changed keys, gamepads, mouse and fingers in a match, driven without a display."""

import pygame
import pytest

import games
from tests.ui.virtual_pad import VirtualPad, sdl
from ui.layout import layout
from ui.pages.match import OVER, PAUSED, PLAYING, READY
from ui.seats import Seat
from ui.settings import PersonControls, SettingsFile
from ui.window import open_match

PONG = games.load("pong").module
BREAKOUT = games.load("breakout").module
HUMAN, BOT, IDLE = Seat("human"), Seat("scripted", "Bot", skill=0.5), Seat("scripted", "Bot", skill=0.0)
needs_pads = pytest.mark.skipif(sdl() is None, reason="SDL is not beside Pygame here")


@pytest.fixture
def start():
    """Opens apps, and closes them and their pads after the test."""

    def open_app(game, *seats, **settings):
        game = games.load(game) if isinstance(game, str) else game
        app = open_match(game, seats, **{"seed": 5, "size": (500, 560), "ready": False, **settings})
        opened.append(app)
        app.page.load()
        app.turn(0)
        return app

    opened = []
    yield open_app
    for app in opened:
        app.close()
    pygame.joystick.quit()


@pytest.fixture
def plug():
    """Plugs a pad into an app that has begun to listen."""
    plugged = []

    def make(app) -> VirtualPad:
        plugged.append(VirtualPad())
        app.turn(0)
        return plugged[-1]

    yield make
    for pad in plugged:
        pad.leave()


def key(name: str, down: bool = True) -> None:
    kind = pygame.KEYDOWN if down else pygame.KEYUP
    pygame.event.post(pygame.event.Event(kind, key=pygame.key.key_code(name), mod=0))


def tap(name: str) -> None:
    key(name)
    key(name, down=False)


def turns(app, count: int) -> None:
    for _ in range(count):
        pygame.event.pump()
        app.turn(1)


def state(app, board: int = 0):
    return app.page.match.boards[board].batch.record(0)


def place_of(app, x: float, y: float, board: int = 0) -> tuple[int, int]:
    """The position in the window of a place of a picture, in world units."""
    box = layout(app.surface.get_size(), len(app.page.match.boards))[board]
    return round(box.x + x * box.w / 84.0), round(box.y + y * box.w / 84.0)


def move(app, x: float, y: float, board: int = 0) -> None:
    position = place_of(app, x, y, board)
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=position, rel=(1, 1), buttons=(0, 0, 0)))


def touch(app, x: float, y: float, kind: int = pygame.FINGERMOTION) -> None:
    (left, top), (width, height) = place_of(app, x, y), app.surface.get_size()
    finger = {"x": left / width, "y": top / height, "dx": 0.0, "dy": 0.0, "finger_id": 1, "touch_id": 1}
    pygame.event.post(pygame.event.Event(kind, **finger))


def changed(game: str, *people: PersonControls) -> SettingsFile:
    file = SettingsFile()
    file.change(controls={game: list(people)})
    return file


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_changed_key_plays_and_the_old_one_does_not(start):
    app = start("pong", HUMAN, HUMAN, kept=changed("pong", PersonControls(keys={"w": "i"})))
    key("i")
    turns(app, 10)
    key("i", down=False)
    assert state(app).paddle[0] == pytest.approx(42.0 - 10 * PONG.PADDLE_SPEED)
    key("w")
    turns(app, 10)
    assert state(app).paddle[0] == pytest.approx(42.0 - 10 * PONG.PADDLE_SPEED)


def test_the_pages_and_the_foot_show_changed_keys(start):
    app = start("pong", HUMAN, HUMAN, kept=changed("pong", PersonControls(keys={"w": "i"})))
    shown = [cap for _, rows in app.page.screen.hints.lines() for keys, _ in rows for cap in keys]
    assert "i" in shown
    assert "w" not in shown


def test_keys_that_change_in_a_pause_count_from_then_on(start):
    app = start("pong", HUMAN, BOT)
    tap("escape")
    turns(app, 1)
    app.settings_file.change(controls={"pong": [PersonControls(keys={"w": "i"})]})
    app.page.shown()  # the page of controls has been left
    tap("escape")
    turns(app, 1)
    before = state(app).paddle[0]
    key("i")
    turns(app, 5)
    assert state(app).paddle[0] == pytest.approx(before - 5 * PONG.PADDLE_SPEED)


# --- gamepads -------------------------------------------------------------------------------------------------------


@needs_pads
def test_a_whole_way_by_pad_alone_begin_play_pause_go_on(start, plug):
    app = start("pong", HUMAN, BOT, ready=True)
    pad = plug(app)
    assert app.page.mode == READY
    pad.press("a")
    turns(app, 1)
    pad.press("a", down=False)
    turns(app, 1)
    assert app.page.mode == PLAYING
    before = state(app).paddle[0]
    pad.push(0.0, -1.0)
    turns(app, 8)
    pad.push()
    turns(app, 2)
    assert state(app).paddle[0] == pytest.approx(before - 8 * PONG.PADDLE_SPEED)
    pad.press("dpdown")
    turns(app, 4)
    pad.press("dpdown", down=False)
    turns(app, 1)
    assert state(app).paddle[0] == pytest.approx(before - 4 * PONG.PADDLE_SPEED)
    for button, mode in (("b", PLAYING), ("start", PAUSED), ("start", PLAYING), ("start", PAUSED), ("b", PLAYING)):
        pad.press(button)
        turns(app, 1)
        pad.press(button, down=False)
        turns(app, 1)
        assert app.page.mode == mode, button


@needs_pads
def test_two_pads_are_of_two_people(start, plug):
    app = start("pong", HUMAN, HUMAN)
    first, second = plug(app), plug(app)
    first.push(0.0, -1.0)
    second.push(0.0, 1.0)
    turns(app, 6)
    assert state(app).paddle.tolist() == pytest.approx([42.0 - 6 * PONG.PADDLE_SPEED, 42.0 + 6 * PONG.PADDLE_SPEED])


@needs_pads
def test_a_pad_that_leaves_pauses_the_match_says_so_and_lets_go(start, plug):
    app = start("pong", HUMAN, BOT)
    pad = plug(app)
    pad.push(0.0, -1.0)
    turns(app, 3)
    pad.leave()
    turns(app, 2)
    assert app.page.mode == PAUSED
    assert "gamepad" in app.notice.text
    before = state(app).paddle[0]
    tap("escape")
    turns(app, 5)
    assert app.page.mode == PLAYING
    assert state(app).paddle[0] == before
    pad = plug(app)
    pad.push(0.0, 1.0)
    turns(app, 3)
    assert state(app).paddle[0] == pytest.approx(before + 3 * PONG.PADDLE_SPEED)


@needs_pads
def test_a_changed_button_plays(start, plug):
    app = start("pong", HUMAN, BOT, kept=changed("pong", PersonControls(buttons={"up": "y"})))
    pad = plug(app)
    pad.press("y")
    turns(app, 5)
    assert state(app).paddle[0] == pytest.approx(42.0 - 5 * PONG.PADDLE_SPEED)


@needs_pads
def test_connect_four_by_pad_alone(start, plug):
    app = start("connect_four", HUMAN, HUMAN)
    pad = plug(app)

    def tap_pad(button):
        pad.press(button)
        turns(app, 1)
        pad.press(button, down=False)
        turns(app, 1)

    for _ in range(3):
        tap_pad("dpright")  # the first press lights the first column
    tap_pad("a")
    assert state(app).last == 2
    tap_pad("dpleft")
    tap_pad("a")
    assert state(app).last == 1


def test_connect_four_by_arrows_and_return(start):
    app = start("connect_four", HUMAN, BOT)
    for name in ("right", "right", "return"):
        tap(name)
        turns(app, 1)
    turns(app, 2)
    assert state(app).last == 1


# --- mouse and touch ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [20.0, 60.5])
def test_the_paddle_goes_where_the_mouse_is_and_rests_there(start, target):
    app = start("pong", HUMAN, BOT)
    move(app, 30.0, target)
    needed = int(abs(42.0 - target) / PONG.PADDLE_SPEED) + 3
    turns(app, 5)
    assert abs(state(app).paddle[0] - 42.0) == pytest.approx(5 * PONG.PADDLE_SPEED)  # no faster than with keys
    turns(app, needed)
    rests = state(app).paddle[0]
    assert abs(rests - target) <= 0.5 * PONG.PADDLE_SPEED + 0.2  # a pixel
    turns(app, 20)
    assert state(app).paddle[0] == rests


def test_the_person_on_the_right_steers_too(start):
    app = start("pong", BOT, HUMAN)
    move(app, 30.0, 20.0)
    turns(app, 30)
    assert state(app).paddle[1] == pytest.approx(20.0, abs=0.8)


def test_of_two_people_the_mouse_is_the_firsts(start):
    app = start("pong", HUMAN, HUMAN)
    move(app, 80.0, 20.0)
    turns(app, 30)
    assert state(app).paddle.tolist() == pytest.approx([20.0, 42.0], abs=0.8)


def test_keys_take_back_and_the_mouse_takes_over_when_it_moves(start):
    app = start("pong", HUMAN, BOT)
    move(app, 30.0, 10.0)
    turns(app, 5)
    key("s")
    turns(app, 5)
    assert state(app).paddle[0] == pytest.approx(42.0)
    key("s", down=False)
    turns(app, 10)
    assert state(app).paddle[0] == pytest.approx(42.0)  # the mouse rests: it does not pull
    move(app, 30.0, 60.0)
    turns(app, 3)
    assert state(app).paddle[0] == pytest.approx(42.0 + 3 * PONG.PADDLE_SPEED)


def test_a_pause_leaves_no_target_behind(start):
    app = start("pong", HUMAN, BOT)
    move(app, 30.0, 10.0)
    turns(app, 3)
    tap("escape")
    turns(app, 2)
    move(app, 30.0, 80.0)
    tap("escape")
    turns(app, 5)
    assert app.page.mode == PLAYING
    assert state(app).paddle[0] == pytest.approx(42.0 - 3 * PONG.PADDLE_SPEED)


def test_in_a_race_the_mouse_steers_along_the_other_axis(start):
    app = start("breakout", HUMAN, BOT, size=(900, 520))
    move(app, 20.0, 10.0)
    turns(app, 40)
    assert state(app).paddle == pytest.approx(20.0, abs=0.5 * BREAKOUT.PADDLE_SPEED + 0.2)


def test_a_finger_steers_the_paddle_that_is_nearest(start):
    app = start("pong", HUMAN, HUMAN)
    touch(app, 70.0, 60.0, pygame.FINGERDOWN)
    touch(app, 10.0, 25.0)
    turns(app, 40)
    assert state(app).paddle.tolist() == pytest.approx([25.0, 60.0], abs=0.8)


def test_spots_are_clicked_as_before(start):
    app = start("connect_four", HUMAN, BOT)
    position = place_of(app, 42.0, 40.0)
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=position, rel=(1, 1), buttons=(0, 0, 0)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=position, button=1))
    turns(app, 2)
    assert state(app).last == 3


# --- the window -----------------------------------------------------------------------------------------------------


def test_the_windows_size_is_remembered_unless_it_was_told(start, tmp_path):
    path = tmp_path / "settings.json"
    app = start("pong", BOT, BOT, kept=SettingsFile(path), size=None)
    app.window.size = (600, 450)
    pygame.event.post(pygame.event.Event(pygame.WINDOWSIZECHANGED, x=600, y=450))
    app.turn(1)
    app.close()
    assert SettingsFile(path).settings.size == (600, 450)
    assert start("pong", BOT, BOT, kept=SettingsFile(path), size=None).window.size == (600, 450)
    app = start("pong", BOT, BOT, kept=SettingsFile(path), size=(320, 300))
    assert app.window.size == (320, 300)
    app.close()
    assert SettingsFile(path).settings.size == (600, 450)


def test_a_broken_settings_file_is_said_in_the_window(start, tmp_path):
    (tmp_path / "settings.json").write_text("{")
    app = start("pong", BOT, BOT, kept=SettingsFile(tmp_path / "settings.json"))
    app.turn(1)
    assert "Settings begin anew" in app.notice.text
    before = pygame.image.tobytes(app.surface.subsurface((0, 0, 500, 60)), "RGB")
    turns(app, 301)
    assert not app.notice.text
    assert pygame.image.tobytes(app.surface.subsurface((0, 0, 500, 60)), "RGB") != before


def test_a_result_is_left_by_no_finger_on_the_paddle(start):
    app = start("pong", HUMAN, BOT, games=1)
    state(app).score[1] = PONG.POINTS - 1
    for _ in range(400):
        move(app, 30.0, 5.0)
        app.turn(1)
        if app.page.mode == OVER:
            break
    for _ in range(100):
        move(app, 30.0, 5.0)
        app.turn(1)
    assert app.page.mode == OVER
