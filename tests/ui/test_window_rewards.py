"""The window of games in which nobody wins: a score for each, or a common one, and no winner."""

import numpy as np
import pygame
import pytest

import games
from games.core import ME, OTHER
from games.render.renderer import DARK
from ui.application import App
from ui.banner import band_place
from ui.layout import WHITE, layout
from ui.match import Match
from ui.pages.match import OVER
from ui.reactions import A_MOMENT
from ui.seats import Seat
from ui.verdict import best_so_far, return_parts, verdict
from ui.window import open_match

HUMAN, GUEST, BOT = Seat("human"), Seat("human", "Guest"), Seat("scripted", "Bot", skill=1.0)


@pytest.fixture
def start(toy):
    """Opens apps of toys, and closes the display after the test."""

    def open_app(game, *seats, **settings):
        app = open_match(
            toy(game) if isinstance(game, str) else game, seats, seed=5, size=(500, 560), **{"ready": False, **settings}
        )
        opened.append(app)
        app.page.load()
        return app

    opened = []
    yield open_app
    for app in opened:
        app.close()


def finish(app: App) -> None:
    """To the page of the result; the match alone is drawn in its last moment."""
    while app.page.match.result is None:
        app.page.match.tick()
    app.turn(1)
    assert app.page.mode == OVER
    app.turn(A_MOMENT + 1)


def play(app: App, ticks: int) -> None:
    for _ in range(ticks):
        app.page.match.tick()
    app.turn(1)


def heads(app: App, left: float, right: float) -> np.ndarray:
    """The pixels above the picture, between two fractions of its width: int [W, H, 3]."""
    box = layout(app.surface.get_size(), 1)[0]
    rows = slice(box.y - round(0.075 * box.w), box.y - round(0.01 * box.w))
    pixels = pygame.surfarray.array3d(app.surface).astype(int)
    return pixels[box.x + round(left * box.w) : box.x + round(right * box.w), rows]


def is_white(pixels: np.ndarray) -> bool:
    return bool((np.abs(pixels - WHITE).max(-1) < 12).any())


def test_a_shared_score_stands_once_in_the_middle(start):
    app = start("plates", BOT, BOT)
    play(app, 200)
    (board,) = app.page.match.boards
    first, second = board.returns
    assert first == second > 1.0
    assert board.texts() == ("", f"{first:g}", "")
    assert is_white(heads(app, 0.4, 0.6))
    assert not is_white(heads(app, 0.0, 0.3)) and not is_white(heads(app, 0.7, 1.0))


def test_a_score_of_ones_own_stands_on_each_side(start):
    app = start("harvest", BOT, BOT)
    play(app, 200)
    (board,) = app.page.match.boards
    assert board.texts() == (f"{board.returns[0]:g}", "", f"{board.returns[1]:g}")
    assert is_white(heads(app, 0.0, 0.3)) and is_white(heads(app, 0.7, 1.0))


def test_scores_change_places_with_a_flipped_picture(start):
    app = start("harvest", BOT, HUMAN)
    play(app, 200)
    (board,) = app.page.match.boards
    bot, mine = board.returns
    assert bot > mine == 0.0
    assert board.texts() == ("0", "", f"{bot:g}")


def test_partners_neither_win_nor_draw(start):
    app = start("plates", BOT, BOT)
    finish(app)
    earned = app.page.match.result.returns
    assert earned[0] == earned[1] > 10.0
    assert (app.page.match.result.winner, app.page.match.wins, app.page.match.draws) == (None, [0, 0], 0)
    assert verdict(app.page.match, app.page.screen.cast) == ("Game over", f"{earned[0]:g} points together")


def test_what_each_has_earned_is_told_without_a_winner(start):
    app = start("harvest", HUMAN, BOT)
    finish(app)
    mine, bots = app.page.match.result.returns
    assert bots > mine == 0.0
    assert (app.page.match.result.winner, app.page.match.wins, app.page.match.draws) == (None, [0, 0], 0)
    assert verdict(app.page.match, app.page.screen.cast) == ("Game over", f"You  0       Bot  {bots:g}")


@pytest.mark.parametrize("seats, order", [((HUMAN, BOT), 1), ((BOT, HUMAN), -1)])
def test_the_best_so_far_is_kept_for_each(start, seats, order):
    app = start("harvest", *seats)
    finish(app)
    first = app.page.match.result.returns
    app.page.next()
    finish(app)
    best = [max(pair) for pair in zip(first, app.page.match.result.returns, strict=True)]
    assert app.page.match.best == best
    told = " – ".join(f"{each:g}" for each in best[::order])
    assert best_so_far(app.page.match, app.page.match.boards[0].flipped) == (told, "best")
    assert verdict(app.page.match, app.page.screen.cast)[1].endswith(f"best {told}")


def test_a_shared_best_is_told_once(start):
    app = start("plates", BOT, BOT)
    finish(app)
    first = app.page.match.result.returns[0]
    app.page.next()
    finish(app)
    best = max(first, app.page.match.result.returns[0])
    assert best_so_far(app.page.match) == (f"{best:g}", "best")
    assert (
        verdict(app.page.match, app.page.screen.cast)[1]
        == f"{app.page.match.result.returns[0]:g} points together   best {best:g}"
    )


def test_names_have_the_colours_of_the_picture_in_the_result(start):
    app = start("harvest", HUMAN, BOT)
    finish(app)
    parts = return_parts(app.page.match, app.page.screen.cast)
    assert parts[0] == ("You", DARK.colour(ME)) and ("Bot", DARK.colour(OTHER)) in parts
    box = layout(app.surface.get_size(), 1)[0]
    pixels = pygame.surfarray.array3d(app.surface.subsurface(box)).astype(int)
    top = round((band_place(app.page.screen.shown) + 0.18) * box.w)
    row = pixels[:, top : top + round(0.05 * box.w)]
    for colour in (ME, OTHER):
        assert (np.abs(row - DARK.colour(colour)).max(-1) < 25).any()


@pytest.mark.parametrize("game, title", [("plates", "Plates: Player 1 with Guest"), ("harvest", "Harvest: Left beside Guest")])
def test_two_people_play_together(start, game, title):
    app = start(game, HUMAN, GUEST)
    assert app.window.title == title
    before = app.page.match.boards[0].batch.states[0]["x"].copy()
    for name in ("d", "left"):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name), mod=0))
    for _ in range(10):
        app.turn(1)
    moved = app.page.match.boards[0].batch.states[0]["x"] - before
    assert moved.tolist() == [10.0, -10.0]


@pytest.mark.parametrize("name", ["plates", "harvest"])
def test_a_return_is_called_so_where_the_game_shows_other_numbers(start, toy, name, monkeypatch):
    monkeypatch.setattr(toy(name).module, "hud", lambda s: ("a", f"{s.tick}", "b"), raising=False)
    app = start(name, BOT, BOT)
    finish(app)
    assert not app.page.match.points
    assert best_so_far(app.page.match)[1] == "best return"
    first = f"{app.page.match.result.returns[0]:g}"
    assert verdict(app.page.match, app.page.screen.cast)[1].startswith(
        {"plates": f"return {first}", "harvest": "Bot (left)  return "}[name]
    )


def test_games_with_a_winner_are_counted_as_before():
    match = Match(games.load("pong"), [BOT, BOT], 5)
    assert match.contest and match.best == []
