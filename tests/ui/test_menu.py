"""The menu: by keys alone and by the mouse alone from the first page to a rematch; results and choices are kept."""

import json
import os
import subprocess
import sys
import time

import platformdirs
import pygame
import pytest

import games
import play
from agents import participants
from games.errors import UserError
from tests.agents.play.ladders import small_ladder
from tests.ui.test_window import ROOT, Still, key, tap, turns
from ui import catalogue, progress
from ui.choices import Choices
from ui.focus import Focus, Item
from ui.menu import menu, open_menu
from ui.pages.choice import ChoicePage
from ui.pages.controls import ControlsPage
from ui.pages.game import GamePage
from ui.pages.home import HomePage, cards
from ui.pages.match import CALM, MatchPage
from ui.pages.match_flow import OVER, PAUSED, PLAYING, READY
from ui.pages.notice import NoticePage
from ui.pages.replays import ReplaysPage
from ui.pages.settings import SettingsPage
from ui.pages.stored import StoredPage
from ui.seats import Seat
from ui.settings import SettingsFile

SIZES = [(640, 400), (1280, 720), (2560, 1440), (500, 900), (900, 300), (200, 200)]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's folders, elsewhere, and a small ladder of Pong: Newcomer and Master."""
    for kind in ("data", "config"):
        monkeypatch.setattr(platformdirs, f"user_{kind}_dir", lambda *names, kind=kind, **more: str(tmp_path / kind))
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    small_ladder(tmp_path / "zoo" / "pong" / "ladder")
    return tmp_path


@pytest.fixture
def start(home):
    """Opens menus whose games have loaded, and closes them after the test."""

    def open_app(*names, **settings):
        app = menu(**{"size": (800, 500), "names": list(names) or ["pong"], "runs": home / "runs", **settings})
        opened.append(app)
        app.turn(1)
        app.turn(1)
        app.page.catalogue.join()
        app.turn(1)
        return app

    opened = []
    yield open_app
    for app in opened:
        app.close()


def press(app, *keys: str) -> None:
    for name in keys:
        tap(name)
        app.turn(1)


def focus_of(app) -> Focus:
    return app.page.choices.focus if isinstance(app.page, MatchPage) else app.page.focus


def point(app, position) -> None:
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=position, rel=(0, 0), buttons=(0, 0, 0)))


def click(app, name: str) -> None:
    """Move the mouse to an item of the page, and click it."""
    at = next(item.box.center for item in focus_of(app).items if item.name == name)
    point(app, at)
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
    app.turn(1)


def load(app) -> None:
    """Until the match that was opened has loaded."""
    app.turn(1)
    page = app.page
    page.counts_down = False
    app.turn(1)
    page._loader.join()
    app.turn(1)


def win_a_point(app, seat: int) -> None:
    """In Pong, the next point ends the game for a seat."""
    states = app.page.match.boards[0].batch.states
    states["score"][0] = (4, 0) if seat == 0 else (0, 4)
    states["x"], states["vx"] = (90.0, 1.0) if seat == 0 else (-6.0, -1.0)


def to_the_result(app) -> None:
    turns_until_over = 12_000
    while app.page.mode != OVER and turns_until_over:
        app.turn(1)
        turns_until_over -= 1
    app.turn(app.page.reactions.last_picture + CALM)
    assert app.page.mode == OVER


# --- from the menu to a rematch ---


def test_by_keys_alone_from_the_menu_to_a_rematch_with_sides_swapped(start, monkeypatch):
    monkeypatch.setattr("secrets.randbelow", lambda most: 5)  # of some seeds the newcomer loses to nobody
    app = start()
    press(app, "return")
    assert isinstance(app.page, GamePage) and app.page.focus.name == "level:1"
    press(app, "return")
    load(app)
    assert app.page.mode == READY
    press(app, "return")
    assert app.page.mode == PLAYING and [seat.name for seat in app.page.seats] == ["You", "Newcomer"]
    to_the_result(app)  # the whole game, nobody at the paddle
    assert app.page.match.wins == [0, 1]
    press(app, "right")
    assert app.page.choices.focus.name == "Swap sides"
    press(app, "return")
    assert app.page.mode == PLAYING and [seat.name for seat in app.page.seats] == ["Newcomer", "You"]
    assert app.page.match.wins == [1, 0] and app.window.title == "Pong: Newcomer against You"
    assert "You are still on the left" in app.notice.text
    key("w")
    turns(app, 10)
    assert app.page.match.boards[0].batch.record(0).paddle[1] < 42.0, "the person plays in the other seat now"
    key("w", down=False)
    win_a_point(app, 0)
    to_the_result(app)
    assert app.page.match.wins == [2, 0]
    press(app, "escape")
    assert isinstance(app.page, GamePage)
    press(app, "escape")
    assert isinstance(app.page, HomePage) and app.is_open
    press(app, "escape")
    assert not app.is_open


def test_by_the_mouse_alone_from_the_menu_to_a_rematch_with_sides_swapped(start):
    app = start("connect_four")
    click(app, "connect_four")
    click(app, "Bots")
    assert isinstance(app.page, ChoicePage)
    click(app, "bot:0")
    load(app)
    at = next(box.center for box, name in app.page.screen._card.places if name == "return")
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
    app.turn(1)
    assert app.page.mode == PLAYING
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(400, 250), button=3))
    app.turn(1)
    assert app.page.mode == PAUSED
    at = next(box.center for box, name in app.page.screen._card.places if name == "escape")
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
    app.turn(1)
    assert app.page.mode == PLAYING
    box = app.page.screen.boxes(app.surface)[0]
    for move in range(2000):
        at = box.x + (move * 5 % 7 + 0.5) * box.w / 7, box.centery
        pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
        app.turn(10)
        if app.page.mode == OVER:
            break
    app.turn(app.page.reactions.last_picture + CALM)
    click(app, "Swap sides")
    assert app.page.mode == PLAYING and [seat.kind for seat in app.page.seats] == ["scripted", "human"]
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(400, 250), button=3))
    app.turn(1)
    at = next(box.center for box, name in app.page.screen._card.places if name == "q")
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=1))
    app.turn(1)
    click(app, "back")
    click(app, "back")
    assert isinstance(app.page, HomePage)
    click(app, "quit")
    assert not app.is_open


def test_a_race_begins_from_the_menu_and_its_result_counts(start):
    app = start("breakout")
    press(app, "return")
    assert app.page.focus.name == "bot:0" and "Alone" in app.page.entry.opponents.kinds
    press(app, "return")
    load(app)
    press(app, "return")
    assert len(app.page.match.boards) == 2
    for board, points in zip(app.page.match.boards, (3.0, 1.0), strict=True):
        board.batch.slots["returns"][0] = points
        board.batch.states["tick"] = app.page.game.max_ticks - 1
    to_the_result(app)
    assert progress.Progress(app.page.game).has_beaten("bot:0")


def test_who_wins_meets_the_next_opponent_first_and_the_level_is_beaten(start):
    app = start()
    press(app, "return", "return")
    load(app)
    press(app, "return")
    win_a_point(app, 0)
    to_the_result(app)
    assert app.page.choices.focus.name == "Next: Master"
    press(app, "return")
    load(app)
    assert [seat.name for seat in app.page.seats] == ["You", "Master"]
    press(app, "escape")
    assert isinstance(app.page, GamePage)
    app.turn(1)
    assert app.page.entry.beaten == 1 and app.page.focus.name == "level:2"
    assert progress.Progress(app.page.entry.game).against("level:1") == progress.Results(won=1)
    press(app, "return")
    load(app)
    press(app, "return")
    win_a_point(app, 1)
    to_the_result(app)
    assert app.page.choices.focus.name == "Rematch" and not app.page.challenge.progress.has_beaten("level:2")


def test_a_result_tells_how_one_did_against_that_opponent_so_far(start, monkeypatch):
    app = start()
    press(app, "return", "return")
    load(app)
    press(app, "return")
    monkeypatch.setattr(app.page.screen, "banner", lambda surface, match, lines: told.append(lines[-1]))
    told = []
    for seat in (1, 0):
        win_a_point(app, seat)
        to_the_result(app)
        app.page.restart()
    assert list(dict.fromkeys(told)) == ["You against Newcomer: 1 lost", "You against Newcomer: 1 won, 1 lost"]


def test_hammering_keys_brings_no_result_to_its_end(start):
    app = start()
    press(app, "return", "return")
    load(app)
    press(app, "return")
    win_a_point(app, 0)
    while app.page.mode != OVER:
        tap("w")
        app.turn(2)
    page = app.page
    for _ in range(40):
        tap("w")
        tap("s")
        app.turn(3)
    assert app.page is page and page.mode == OVER and page.ticks > page.reactions.last_picture


def test_two_are_watched_after_both_are_chosen(start):
    app = start()
    press(app, "return")
    click(app, "Watch")
    press(app, "return")
    press(app, "down", "return")
    load(app)
    assert app.page.mode == PLAYING and not app.page.people
    assert len({seat.name for seat in app.page.seats}) == 2
    press(app, "p", "q")
    assert isinstance(app.page, GamePage)


def test_the_home_page_leads_to_replays_and_to_what_is_stored(start):
    app = start()
    home_page = app.page
    for name, page in (("replays", ReplaysPage), ("stored", StoredPage), ("settings", SettingsPage)):
        click(app, name)
        assert isinstance(app.page, page)
        press(app, "escape")
        assert app.page is home_page


def test_the_settings_page_changes_what_it_shows_and_leads_to_controls(start):
    app = start()
    home_page = app.page
    click(app, "settings")
    page = app.page
    assert isinstance(page, SettingsPage)
    volume = app.sounds.volume
    click(app, "sounds")
    assert app.sounds.muted and app.settings.mute
    click(app, "quieter")
    assert not app.sounds.muted and app.sounds.volume < volume and app.settings.volume == app.sounds.volume
    click(app, "louder")
    assert app.sounds.volume == pytest.approx(volume)
    assert home_page.catalogue.match_settings["effects"]
    click(app, "effects")
    assert not app.settings.effects and not home_page.catalogue.match_settings["effects"]
    click(app, "effects")
    assert home_page.catalogue.match_settings["effects"]
    click(app, "full screen")
    assert app.is_full_screen and app.settings.full_screen
    click(app, "full screen")
    assert not app.is_full_screen
    click(app, "controls pong")
    assert isinstance(app.page, ControlsPage) and app.page.game.name == "pong"
    press(app, "escape")
    assert app.page is page
    press(app, "escape")
    assert app.page is home_page


def test_keys_of_the_sounds_count_in_the_menu_too(start):
    app = start()
    volume = app.sounds.volume
    press(app, "m")
    assert app.sounds.muted
    press(app, "-")
    assert not app.sounds.muted and app.sounds.volume < volume
    press(app, "=")
    assert app.sounds.volume == pytest.approx(volume)


def test_the_menu_is_heard(start):
    app, heard = start(), []
    app.sounds.play = heard.append
    press(app, "right", "return")
    assert heard == ["move", "confirm"]


# --- troubles ---


def test_a_level_whose_file_is_damaged_says_so_and_the_menu_goes_on(start, home):
    (home / "zoo" / "pong" / "ladder" / "weak.safetensors").write_bytes(b"no agent")
    app = start()
    press(app, "return", "return")
    assert isinstance(app.page, NoticePage) and "weak.safetensors" in app.page.text
    press(app, "escape")
    click(app, "Bots")
    press(app, "return")
    load(app)
    assert app.page.mode == READY


def test_an_agent_that_fails_to_load_says_so_in_the_page_and_the_menu_goes_on(start, monkeypatch):
    def load_it():
        raise UserError("agent.safetensors is damaged.\nTrain another.")

    app = start()
    press(app, "return")
    monkeypatch.setattr("ui.challenge.seat_of", lambda *given, **more: Seat("agent", make=Still, load=load_it))
    press(app, "return")
    load(app)
    assert isinstance(app.page, NoticePage) and "damaged" in app.page.text
    press(app, "escape")
    assert isinstance(app.page, GamePage) and app.is_open


def test_a_game_that_does_not_load_says_so_and_the_menu_goes_on(start, monkeypatch):
    real = games.load

    def load_game(name):
        if name == "broken":
            raise UserError("broken.py has no PLAYERS.")
        return real(name)

    monkeypatch.setattr(catalogue.games, "load", load_game)
    app = start("broken", "pong")
    press(app, "return")
    assert isinstance(app.page, NoticePage) and app.page.text == "broken.py has no PLAYERS."
    press(app, "escape", "right", "return")
    assert isinstance(app.page, GamePage)


def test_a_damaged_file_of_results_is_set_aside_with_a_notice(start, home):
    path = home / "data" / "progress" / "pong.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"written_by": "0.2.0", "game_version": 1, "opponents": {"level:1": {"won": -3}}}')
    app = start()
    assert "Your results in Pong begin anew" in app.page.catalogue.notice
    assert not path.exists() and path.with_suffix(".damaged.json").exists()
    assert app.page.catalogue.entries[0].beaten == 0


def test_results_of_another_version_of_the_game_do_not_count(home):
    pong = games.load("pong")
    progress.Progress(pong).count("level:1", 1.0)
    path = progress.path_of(pong)
    assert progress.Progress(pong).has_beaten("level:1")
    path.write_text(json.dumps({**json.loads(path.read_text()), "game_version": 99}))
    assert not progress.Progress(pong).has_beaten("level:1")


def test_results_that_cannot_be_written_are_said_and_the_games_go_on(home):
    (home / "data").write_text("no folder")
    results = progress.Progress(games.load("pong"))
    results.count("level:1", 1.0)
    assert results.has_beaten("level:1") and "cannot be made" in results.notice


# --- the window ---


def test_the_first_picture_needs_no_torch_and_no_numba(home):
    code = """
import sys
from ui.menu import menu
app = menu(size=(640, 400))
app.turn(1)
assert app.surface.get_at((320, 200)) and not app.page.stale
print(sorted({"torch", "numba"} & set(sys.modules)))
app.close()
"""
    env = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_who_leaves_while_a_match_loads_waits_for_nothing(start, monkeypatch):
    import threading

    go_on = threading.Event()
    seat = Seat("agent", make=Still, load=lambda: go_on.wait(30))
    app = start()
    press(app, "return")
    monkeypatch.setattr("ui.challenge.seat_of", lambda *given, **more: seat)
    press(app, "return")
    turns(app, 3)
    began = time.perf_counter()
    press(app, "escape")
    assert time.perf_counter() - began < 0.2
    assert isinstance(app.page, GamePage)
    go_on.set()


def test_size_full_screen_and_choices_are_remembered(home, monkeypatch):
    class Visitor:
        def __init__(self, *steps):
            self.steps = list(steps)

        def wait(self) -> int:
            return 1

        def __call__(self):
            app = apps[-1]
            app.page.catalogue.join() if isinstance(app.page, HomePage) else None
            if self.steps:
                self.steps.pop(0)(app)
            return pygame.event.get()

    apps = []
    monkeypatch.setattr("ui.menu.App", lambda *given, **more: apps.append(real(*given, **more)) or apps[-1])
    from ui.application import App as real  # noqa: N813

    def visit(*steps):
        visitor = Visitor(lambda app: None, lambda app: None, *steps)
        open_menu(names=["breakout", "pong"], runs=home / "runs", clock=visitor, events=visitor)
        return apps[-1]

    def resize(app):
        app.window.size = (700, 460)

    assert visit(resize, lambda app: tap("right"), lambda app: tap("return"), lambda app: tap("return"), quit_it)
    kept = SettingsFile(home / "config" / "settings.json").settings
    assert (kept.size, kept.full_screen, kept.game, kept.opponents) == ((700, 460), False, "pong", {"pong": "level:1"})
    app = visit(lambda app: tap("f11"), quit_it)
    assert app.pages[0].focus.name == "pong"
    kept = SettingsFile(home / "config" / "settings.json").settings
    assert (kept.size, kept.full_screen) == ((700, 460), True)
    assert visit(quit_it).is_full_screen


def quit_it(app) -> None:
    pygame.event.post(pygame.event.Event(pygame.QUIT))


@pytest.mark.parametrize("size", SIZES)
def test_what_can_be_chosen_lies_in_the_window_and_not_over_each_other(start, size):
    app = start("breakout", "connect_four", "pong", size=size)
    app.page.focus.name = "pong"
    pages = [list(app.page.focus.items)]
    press(app, "return")
    pages.append(list(app.page.focus.items))
    app.page._choose_among("Bots")()
    app.turn(1)
    pages.append([item for item in app.page.focus.items if item.is_shown])
    for items in pages:
        for k, item in enumerate(items):
            assert pygame.Rect((0, 0), size).contains(item.box), item
            assert not [other for other in items[:k] if other.box.colliderect(item.box)], item


def test_a_long_list_scrolls_with_the_focus_and_the_wheel(start):
    app = start(size=(500, 200))
    press(app, "return")
    app.page.watch()
    app.turn(1)
    names = [item.name for item in app.page.focus.items]
    assert not all(item.is_shown for item in app.page.focus.items)
    for number in range(1, 11):
        pygame.event.post(pygame.event.Event(pygame.MOUSEWHEEL, x=0, y=-1))
        app.turn(1)
        assert app.page.focus.name == names[number] and app.page.focus.item.is_shown
    press(app, *["up"] * 10)
    assert app.page.focus.name == names[0] and app.page.focus.item.is_shown


def test_the_mouse_moves_the_focus_and_a_held_key_of_the_menu_does_not_play(start):
    app = start("breakout", "pong")
    box = app.page.focus.items[1].box
    point(app, box.center)
    app.turn(1)
    assert app.page.focus.name == "pong"
    press(app, "return")
    app.page.focus.name = "level:1"
    key("w")
    app.turn(1)
    app.page.focus.name = "level:1"
    key("return")
    load(app)
    press(app, "space")
    turns(app, 5)
    assert app.page.match.boards[0].batch.record(0).paddle[0] == 42.0


@pytest.mark.parametrize(("direction", "then"), [((1, 0), "b"), ((0, 1), "c"), ((-1, 0), "a"), ((0, -1), "a")])
def test_directions_lead_to_the_nearest_item(direction, then):
    boxes = {"a": (0, 0, 10, 10), "b": (20, 0, 10, 10), "c": (0, 20, 10, 10), "d": (22, 22, 10, 10)}
    focus = Focus("a")
    focus.take([Item(name, pygame.Rect(box), lambda: None) for name, box in boxes.items()])
    focus.move(direction)
    assert focus.name == then


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("size", [(1200, 500), (500, 1100), (600, 380)])
def test_cards_lie_side_by_side_inside_their_area(count, size):
    area = pygame.Rect(10, 20, *size)
    boxes = cards(count, area, 12.0)
    assert len(boxes) == count and all(area.inflate(2, 2).contains(box) for box in boxes)
    assert not any(box.collidelistall(boxes[:k]) for k, box in enumerate(boxes))


def test_buttons_of_a_result_fit_a_narrow_window():
    from ui.text import KeyCapRenderer

    choices, surface = Choices(KeyCapRenderer()), pygame.Surface((260, 200))
    choices.offer({name: lambda: None for name in ("Next: Newcomer", "Rematch", "Swap sides", "Menu")})
    choices.draw(surface, [pygame.Rect(60, 20, 140, 140)])
    assert all(surface.get_rect().contains(item.box) for item in choices.focus.items)


# --- the command line ---


def test_without_a_game_the_menu_opens(monkeypatch, home):
    given = {}
    monkeypatch.setattr("ui.menu.open_menu", lambda **settings: given.update(settings))
    monkeypatch.setattr(sys, "argv", ["play.py", "--size", "900x600", "--plain"])
    assert play.main() == 0
    assert (given["size"], given["effects"]) == ((900, 600), False)


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--headless"], "Which game?"), (["--eye"], "--eye goes with a game"), (["--seed", "3"], "--seed")],
)
def test_options_of_a_game_are_refused_without_one(monkeypatch, capsys, options, message):
    monkeypatch.setattr(sys, "argv", ["play.py", *options])
    assert play.main() == 2
    assert message in capsys.readouterr().err
