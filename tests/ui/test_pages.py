"""The pages of controls, of statistics and of what is stored: by keyboard, mouse and gamepad, each alone."""

import pygame
import pytest

import games
from agents import participants
from agents.play import person_file
from agents.play.fit import Fit
from tests.ui.virtual_pad import VirtualPad, sdl
from ui.application import App
from ui.controls import Slot
from ui.pages.controls import ControlsPage
from ui.pages.match import PAUSED, PLAYING
from ui.pages.statistics import StatisticsPage
from ui.pages.stored import StoredPage
from ui.progress import Progress
from ui.seats import Seat
from ui.settings import SettingsFile, path_of
from ui.statistics import ratings_over, rows_of
from ui.stored import stored
from ui.window import open_match

UP, DOWN = Slot(0, "key", "w", "up"), Slot(0, "key", "s", "down")
UP_BUTTON = Slot(0, "button", "up", "up")


@pytest.fixture
def show():
    """Opens a page in a window, and closes it after the test."""

    def open_app(page, size=(1000, 700), **settings) -> App:
        opened.append(App(page, size=size, **{"settings": SettingsFile(path_of()), **settings}))
        opened[-1].turn(1)
        return opened[-1]

    opened = []
    yield open_app
    for app in opened:
        app.close()
    pygame.joystick.quit()


def tap(app, *names: str) -> None:
    for name in names:
        for kind in (pygame.KEYDOWN, pygame.KEYUP):
            pygame.event.post(pygame.event.Event(kind, key=pygame.key.key_code(name), mod=0))
        app.turn(1)


def click(app, name: str) -> None:
    """On an item of the page."""
    box = next(item.box for item in app.page.focus.items if item.name == name)
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=box.center, rel=(1, 1), buttons=(0, 0, 0)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=box.center, button=1))
    app.turn(1)


def keys(app) -> dict[str, str]:
    return app.page.controls.game.keys[0]


# --- controls -------------------------------------------------------------------------------------------------------


def test_a_key_is_changed_by_the_keyboard_alone_and_kept(show):
    app = show(ControlsPage(games.load("pong")))
    tap(app, "return", "i")
    assert keys(app) == {"i": "up", "s": "down"}
    tap(app, "down", "return", "k")
    assert keys(app) == {"i": "up", "k": "down"}
    app.settings_file.close()
    assert SettingsFile(path_of()).settings.controls["pong"][0].keys == {"w": "i", "s": "k"}


def test_a_conflict_is_said_and_the_same_key_again_exchanges(show):
    app = show(ControlsPage(games.load("pong")))
    tap(app, "return", "s")
    assert keys(app) == {"w": "up", "s": "down"}
    assert "S is down" in app.page._notice
    tap(app, "s")
    assert keys(app) == {"s": "up", "w": "down"}


@pytest.mark.parametrize("key", ["p", "v", "tab"])
def test_a_key_of_the_windows_is_refused_however_often_it_is_pressed(show, key):
    app = show(ControlsPage(games.load("pong")))
    tap(app, "return", key, key)
    assert keys(app) == {"w": "up", "s": "down"}
    assert "another key" in app.page._notice
    tap(app, "escape")
    assert app.page.slot is None
    assert app.is_open  # only the choice was left


def test_a_key_is_changed_and_reset_by_the_mouse_alone(show):
    app = show(ControlsPage(games.load("pong")))
    click(app, str(UP))
    click(app, "choice i")
    assert keys(app) == {"i": "up", "s": "down"}
    click(app, str(DOWN))
    click(app, "cancel")
    assert keys(app) == {"i": "up", "s": "down"}
    click(app, "reset")
    assert keys(app) == {"i": "up", "s": "down"}, "it has only asked"
    tap(app, "escape")
    click(app, "reset")
    assert app.is_open and keys(app) == {"i": "up", "s": "down"}, "Escape took the question back"
    click(app, "reset")
    assert keys(app) == {"w": "up", "s": "down"}
    assert "reset" not in [item.name for item in app.page.focus.items]
    click(app, "back")
    assert not app.is_open


@pytest.mark.skipif(sdl() is None, reason="SDL is not beside Pygame here")
def test_keys_and_buttons_are_changed_by_a_pad_alone(show):
    app = show(ControlsPage(games.load("pong")))
    pad = VirtualPad()

    def press(*buttons):
        for button in buttons:
            for down in (True, False):
                pad.press(button, down)
                pygame.event.pump()
                app.turn(1)

    try:
        app.turn(1)
        press("a", "dpdown", "dpdown", "a")  # the first key, the page's choices below it
        assert keys(app) != {"w": "up", "s": "down"}
        assert app.page.slot is None
        app.page.focus.name = str(UP_BUTTON)
        press("a", "y")
        assert app.page.controls.value(UP_BUTTON) == "y"
        press("a", "start")  # leaves the choice
        assert app.page.controls.value(UP_BUTTON) == "y"
        press("b")
        assert not app.is_open
    finally:
        pad.leave()


def test_keys_are_changed_in_a_pause_and_count_when_it_goes_on():
    app = open_match(games.load("pong"), [Seat("human"), Seat("scripted", "Bot", skill=0.5)], seed=5, ready=False)
    try:
        app.page.load()
        match = app.page
        tap(app, "escape", "c")
        assert isinstance(app.page, ControlsPage)
        tap(app, "return", "i", "escape")
        assert app.page is match and match.mode == PAUSED
        tap(app, "escape")
        assert match.mode == PLAYING
        before = match.match.boards[0].batch.record(0).paddle[0]
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_i, mod=0))
        for _ in range(5):
            app.turn(1)
        assert match.match.boards[0].batch.record(0).paddle[0] < before
    finally:
        app.close()


@pytest.mark.parametrize("size", [(1280, 720), (400, 900), (200, 200)])
@pytest.mark.parametrize("name", ["pong", "connect_four", "breakout"])
def test_all_that_can_be_chosen_lies_in_the_window(show, size, name):
    app = show(ControlsPage(games.load(name)), size)
    tap(app, "return")
    for item in app.page.focus.items:
        assert app.surface.get_rect().inflate(8, 8).contains(item.box), item


# --- what is stored -------------------------------------------------------------------------------------------------


def put_files() -> None:
    Progress(games.load("pong")).count("level:1", 1.0)
    file = SettingsFile(path_of())
    file.change(volume=0.1)
    file.close()


def test_what_is_stored_is_listed_and_deleted_when_asked_twice(show):
    put_files()
    app = show(StoredPage())
    assert [row.title for row in app.page.rows] == ["Settings and controls", "Your results in Pong, by opponent"]
    assert all(row.size > 0 for row in app.page.rows)
    tap(app, "down", "return")
    assert len(stored()) == 2  # it has only asked
    tap(app, "up", "down", "return")
    assert len(stored()) == 2  # who went away is asked again
    tap(app, "escape", "return")
    assert app.is_open and len(stored()) == 2  # Escape took the question back
    tap(app, "return")
    assert [row.title for row in stored()] == ["Settings and controls"]
    assert not Progress(games.load("pong")).has_beaten("level:1")


def test_deleted_settings_do_not_come_back_when_the_window_closes(show):
    put_files()
    app = show(StoredPage())
    assert app.settings.volume == 0.1
    click(app, "Settings and controls")
    click(app, "Settings and controls")
    assert app.settings.volume == 0.7
    app.close()
    assert not path_of().exists()


def test_many_rows_are_scrolled_to(show, tmp_path):
    put_files()
    for number in range(30):
        Progress(games.load("pong"))
        source = stored()[-1].files[0]
        source.with_name(f"game_{number}.json").write_bytes(source.read_bytes())
    app = show(StoredPage())
    last = app.page.rows[-1].title
    assert not next(item for item in app.page.focus.items if item.name == last).is_shown
    tap(app, *["down"] * (len(app.page.rows) - 1))
    item = next(item for item in app.page.focus.items if item.name == last)
    assert app.page.focus.name == last
    assert item.is_shown and app.surface.get_rect().contains(item.box)


def test_a_file_that_stays_is_said(show, monkeypatch):
    put_files()
    app = show(StoredPage())

    def refuse(file, missing_ok):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    tap(app, "return", "return")
    assert "cannot be deleted: Read-only file system" in app.page._notice


# --- statistics -----------------------------------------------------------------------------------------------------


def test_games_are_counted_by_opponent_those_met_most_first(show):
    progress = Progress(games.load("pong"))
    for opponent, result in (("level:1", 1.0), ("level:2", 1.0), ("level:2", -1.0), ("level:2", 0.0)):
        progress.count(opponent, result)
    rows = rows_of(progress.results, {"level:1": "Newcomer", "level:2": "Beginner"}.get)
    assert [(row.title, row.games, row.results.won) for row in rows] == [("Beginner", 3, 1), ("Newcomer", 1, 1)]


def test_the_rating_after_each_game_is_that_of_the_games_until_then():
    ladder = participants.ladder_of(games.load("pong")).file
    fit = Fit(ladder)
    expected = []
    for result in (5.0, 5.0, -3.0, 5.0):
        fit.play(fit.rung(), result)
        expected.append(fit.rating()[0])
    found = ratings_over(ladder, fit.games)
    assert [each.games for each in found] == [1, 2, 3, 4]
    assert [each.rating for each in found] == pytest.approx(expected)
    many = ratings_over(ladder, fit.games * 40)
    assert len(many) <= 61 and many[-1].games == 160


@pytest.mark.parametrize("size", [(1000, 700), (400, 800), (200, 200)])
def test_the_page_of_statistics_shows_a_plot_when_there_is_a_rating(show, size):
    game = games.load("pong")
    ladder = participants.ladder_of(game).file
    empty = show(StatisticsPage(game, ladder, str), size)
    before = pygame.image.tobytes(empty.surface, "RGB")
    empty.close()
    fit = Fit(ladder)
    for _ in range(5):
        fit.play(fit.rung(), 5.0)
    person_file.write(game, fit.games)
    Progress(game).count("level:1", 1.0)
    app = show(StatisticsPage(game, ladder, str), size)
    assert pygame.image.tobytes(app.surface, "RGB") != before
    tap(app, "escape")
    assert not app.is_open
