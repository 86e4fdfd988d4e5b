"""Keys, columns and hints as somebody meets them who has read nothing."""

import dataclasses

import pygame
import pytest

import games
from games.people.person import people_of
from games.people.table import in_short
from tests.ui.test_replays import BOT, HUMAN, show, started, tap, turns  # noqa: F401
from ui.pages.match_flow import PAUSED, PLAYING
from ui.seats import Seat, spot_at, spots_of, ways_between_spots


def test_a_right_click_pauses_who_watches_too(show):  # noqa: F811
    app = started(show, Seat("scripted", "A", skill=0.5), Seat("scripted", "B", skill=0.5))
    turns(app, 5)
    assert app.page.mode == PLAYING and app.page.people == []
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(200, 200), button=3))
    turns(app, 1)
    assert app.page.mode == PAUSED


def test_the_lit_column_follows_keys_and_no_mouse_that_rests(show):  # noqa: F811
    app = started(show, HUMAN, BOT, game="connect_four")
    while not app.page.match.boards[0].waits_for_person:
        turns(app, 1)
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=(250, 300), rel=(1, 1), buttons=(0, 0, 0)))
    turns(app, 1)
    assert app.page.lit.action == 3
    tap("left")
    turns(app, 1)
    assert app.page.lit.action == 2
    tap("v")  # the layout changes under the mouse
    turns(app, 2)
    assert app.page.lit.action == 2
    tap("5")
    turns(app, 2)
    assert app.page.lit.action == 4


@pytest.mark.parametrize("people, offered", [([HUMAN, BOT], ""), ([HUMAN, HUMAN], "")])
def test_no_eye_is_offered_where_there_is_no_network(people, offered, show):  # noqa: F811
    app = started(show, *people)
    turns(app, 2)
    assert app.page.eye.offer == offered and app.page.eye.next_page
    tap("escape")
    turns(app, 1)
    assert all("eye" not in meaning for _, meaning in app.page._paused_foot())


def test_spots_may_be_named_by_action_and_have_gaps():
    game = dataclasses.replace(games.load("connect_four"), spots=[None, (0.0, 0.0, 40.0, 84.0), None, (44.0, 0.0, 40.0, 84.0)])
    assert list(spots_of(game)) == [1, 3] and ways_between_spots(game) == ["left", "right"]
    assert [spot_at(game, x, 10.0, False) for x in (10.0, 42.0, 50.0)] == [1, None, 3]
    assert ways_between_spots(games.load("pong")) == []


def test_each_simulated_person_is_described_in_other_words():
    for name in ("pong", "connect_four"):
        told = [in_short(person.row) for person in people_of(games.load(name))]
        assert len(set(told)) == len(told) and all(len(each) < 90 for each in told)
