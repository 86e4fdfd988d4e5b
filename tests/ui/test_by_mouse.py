"""The window by mouse alone: keys that are drawn can be clicked and held, lists scrolled, every page left."""

import os
from pathlib import Path

import pygame
import pytest

import games
from agents.play.ladder import Moment
from tests.ui.test_replays import BOT, HUMAN, bots_match, folders, kept, show, started, tap, turns, wait_for  # noqa: F401
from ui import opponents
from ui.application import App
from ui.key_hints import mouse_rows
from ui.opponents import Opponent, opponents_of
from ui.pages.choice import ChoicePage
from ui.pages.controls import ControlsPage
from ui.pages.match_flow import PAUSED, PLAYING
from ui.pages.replay import ReplayPage
from ui.pages.replays import ReplaysPage
from ui.pages.statistics import StatisticsPage
from ui.progress import Progress
from ui.seats import Seat


def mouse(kind: int, at: tuple[int, int]) -> None:
    """Post an event of the mouse."""
    if kind == pygame.MOUSEMOTION:
        pygame.event.post(pygame.event.Event(kind, pos=at, rel=(1, 1), buttons=(1, 0, 0)))
    else:
        pygame.event.post(pygame.event.Event(kind, pos=at, button=1))


def place_of(app, key: str) -> tuple[int, int]:
    """Where a key's cap is drawn on the page."""
    width, height = app.surface.get_size()
    spots = ((x, y) for y in range(height - 1, 0, -4) for x in range(0, width, 4))
    return next(spot for spot in spots if app.page.key_at(spot) == key)


def click(app, key: str) -> None:
    """Click on a key's cap, and let it go."""
    at = place_of(app, key)
    mouse(pygame.MOUSEBUTTONDOWN, at)
    mouse(pygame.MOUSEBUTTONUP, at)
    turns(app, 1)


def replay_page(show) -> App:  # noqa: F811
    app = show(ReplayPage(kept(bots_match())))
    app.page.load()
    turns(app, 2)
    return app


def test_every_key_of_the_replay_player_can_be_clicked(show):  # noqa: F811
    app = replay_page(show)
    page, match = app.page, app.page.match
    click(app, "space")
    assert not page.playing
    at = match.at
    click(app, "right")
    assert match.at == at + 300
    click(app, "left")
    assert match.at == at
    click(app, ".")
    assert match.at == at + 1
    click(app, "up")
    assert match.at in match.points_at
    click(app, ",")
    assert page.slow
    click(app, "1")
    assert app.page is not page and app.page.seats[0].kind == "human"
    app.back()
    turns(app, 1)
    click(app, "e")
    assert page._job
    page._job.cancel()
    wait_for(app, lambda: page._job is None)
    turns(app, 1)
    click(app, "escape")
    assert not app.is_open


def test_a_key_that_is_held_by_the_mouse_rewinds_a_match_that_waits(show):  # noqa: F811
    app = started(show, HUMAN, BOT)
    turns(app, 120)
    tap("escape")
    turns(app, 1)
    page, before = app.page, app.page.match.ticks
    at = place_of(app, "backspace")
    mouse(pygame.MOUSEBUTTONDOWN, at)
    turns(app, 1)
    assert page.mode == PAUSED and page.match.ticks == before - 1 and page.is_rewinding
    turns(app, 30)
    back = page.match.ticks
    assert back < before - 20
    mouse(pygame.MOUSEBUTTONUP, at)
    turns(app, 5)
    assert page.match.ticks == back and not page.is_rewinding and page.mode == PAUSED
    click(app, "backspace")  # it is offered below the picture too
    assert page.match.ticks == back - 1
    click(app, "escape")
    assert page.mode == PLAYING


def test_a_click_on_a_key_plays_no_column_and_resumes_no_match(show):  # noqa: F811
    app = started(show, HUMAN, BOT, game="connect_four")
    turns(app, 1)
    tap("escape")
    turns(app, 1)
    before = app.page.match.ticks
    click(app, "c")
    assert isinstance(app.page, ControlsPage)
    app.back()
    assert app.page.mode == PAUSED and app.page.match.ticks == before


def test_the_list_of_replays_is_used_by_mouse_alone(show, folders):  # noqa: F811
    for seed in range(2):
        kept(bots_match(seed=seed, ticks=30))
    app = show(ReplaysPage())
    turns(app, 1)
    click(app, "down")
    assert app.page.chosen == 1
    click(app, "delete")
    assert app.page.sure and len(app.page.rows) == 2
    click(app, "escape")
    assert not app.page.sure and app.is_open
    click(app, "delete")
    click(app, "delete")
    assert len(app.page.rows) == 1 and app.page.chosen == 0
    click(app, "escape")
    assert not app.is_open


def scrolled(app, page, shown) -> tuple[int, int]:
    """Drag the bar to its lower end, then back above the upper one; the first rows that were shown."""
    bar = page._bar._bar
    mouse(pygame.MOUSEBUTTONDOWN, bar.center)
    mouse(pygame.MOUSEMOTION, (bar.centerx + 40, 5000))
    turns(app, 1)
    low = shown()
    mouse(pygame.MOUSEMOTION, (bar.centerx + 40, -5000))
    mouse(pygame.MOUSEBUTTONUP, (bar.centerx, -5000))
    turns(app, 1)
    mouse(pygame.MOUSEMOTION, (bar.centerx, 5000))  # it is held no more
    turns(app, 1)
    return low, shown()


def test_the_bar_of_a_long_list_is_dragged(show, folders):  # noqa: F811
    path = kept(bots_match(ticks=30))
    for k in range(60):
        os.link(path, path.with_name(f"copy-{k}{path.suffix}"))
    app = show(ReplaysPage())
    turns(app, 1)
    count = app.page._count
    assert scrolled(app, app.page, lambda: app.page._first) == (61 - count, 0) and app.page.chosen < count
    among = [Opponent(f"nobody {k}", f"Nobody {k}") for k in range(40)]
    app = show(ChoicePage("Whom?", among, Progress(Path("nowhere.json")), lambda opponent: None))
    turns(app, 1)
    count = app.page._count
    assert scrolled(app, app.page, lambda: app.page._top) == (40 - count, 0)
    assert app.page.focus.name in [each.seat for each in among[:count]]


def test_the_keys_below_a_page_of_the_menu_can_be_clicked(show):  # noqa: F811
    chosen = []
    among = [Opponent(f"nobody {k}", f"Nobody {k}") for k in range(3)]
    app = show(ChoicePage("Whom?", among, Progress(Path("nowhere.json")), chosen.append))
    turns(app, 1)
    click(app, "down")
    click(app, "return")
    assert chosen == among[1:2]
    click(app, "escape")
    assert not app.is_open


def test_a_slot_that_waits_for_a_key_is_left_by_mouse(show):  # noqa: F811
    app = show(ControlsPage(games.load("pong")))
    turns(app, 1)
    page = app.page
    page.focus.item.act()
    turns(app, 1)
    assert page.slot
    mouse(pygame.MOUSEBUTTONDOWN, next(item.box.center for item in page.focus.items if item.name == "back"))
    turns(app, 1)
    assert page.slot is None and app.is_open


def test_the_picture_of_a_pause_is_that_of_the_match(show, monkeypatch):  # noqa: F811
    app = started(show, HUMAN, BOT)
    turns(app, 30)
    tap("escape")
    turns(app, 1)
    seen = []
    monkeypatch.setattr(app.page.keepsakes, "picture", lambda surface, name: seen.append(surface.copy()))
    card = app.surface.copy()
    tap("f12")
    turns(app, 1)
    assert pygame.image.tobytes(seen[0], "RGB") == pygame.image.tobytes(app.surface, "RGB") != pygame.image.tobytes(card, "RGB")


def test_who_watches_sees_the_keys_that_count(show):  # noqa: F811
    app = started(show, Seat("scripted", "A", skill=0.5), Seat("scripted", "B", skill=0.5))
    turns(app, 3)
    assert place_of(app, ",") and place_of(app, "escape")


@pytest.mark.parametrize("name, does", [("pong", "steer"), ("breakout", "steer"), ("connect_four", "click")])
def test_a_games_keys_tell_what_the_mouse_does(name, does):
    assert mouse_rows(games.load(name)) == [(["Mouse"], does)]


def test_nobody_is_told_of_ratings_in_a_race(show, monkeypatch):  # noqa: F811
    told = []
    monkeypatch.setattr(StatisticsPage, "_rating", lambda self, canvas, box: told.append(self.game.name))
    for name in ("breakout", "pong"):
        app = show(StatisticsPage(games.load(name), None, lambda seat: seat))
        turns(app, 1)
    assert set(told) == {"pong"}


@pytest.mark.parametrize(
    "seconds, titles", [([62.9, 454.6], ["63 s", "455 s"]), ([62.9, 454.6, 1279], ["1.0 min", "7.6 min", "21 min"])]
)
def test_moments_of_a_training_are_told_in_one_unit(seconds, titles):
    moments = [Moment(file=f"{number}.agent", steps=10, seconds=each) for number, each in enumerate(seconds)]
    assert [each.title for each in opponents._moments(moments)] == [f"After {each}" for each in titles]


def test_no_simulated_person_has_the_name_of_a_level(tmp_path):
    for name in ("pong", "connect_four"):
        found = opponents_of(games.load(name), tmp_path)
        titles = [each.title for each in found.machines]
        assert len(set(titles)) == len(titles) and "Expert" in titles and "Simulated expert" in titles
