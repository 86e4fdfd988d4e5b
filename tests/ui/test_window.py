"""The window, driven without a display: posted events, ticks given by hand, pictures read from its surface."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pygame
import pytest

import games
from games.core import DECOR, DISC, LINE, ME
from games.engine import precompile
from games.engine.loader import COMPILING
from games.errors import UserError
from ui import application, keys, loading, window
from ui.application import App
from ui.banner import band_place, band_places
from ui.layout import layout
from ui.pages.match import CALM, LOADING, OVER, PAUSED, PLAYING, READY
from ui.reactions import A_MOMENT
from ui.seats import Seat, with_distinct_names
from ui.text import KeyCapRenderer
from ui.verdict import drawn, verdict
from ui.window import open_match

SPEED = games.load("pong").module.PADDLE_SPEED
ROOT = Path(__file__).parents[2]
CLOSED = "closed"  # in the place of a mode
HUMAN, BOT = Seat("human"), Seat("scripted", "Bot", skill=0.5)

# A game of two seats whose mirrored view exchanges left and right: each slides along the lower edge.
SLIDE = '''"""Slide.
Reward: none.
End: after ten seconds.
"""
import numpy as np
from games.core import COMMON, ME, OTHER, jit, rect
PLAYERS, ACTIONS, MIRROR = 2, ["stay", "left", "right"], (("left", "right"),)
KEYS = ({"a": "left", "d": "right"}, {"left": "left", "right": "right"})
MAX_TICKS, VERSION, MARK, RECIPE, SHAPES = 600, 0, ("bot", 0.5), {"ppo": {}}, 2
STATE = np.dtype([*COMMON, ("x", "f8", (2,))])
@jit
def reset(s):
    s.x[:] = 42.0
@jit
def step(s, actions, rewards):
    for seat in range(2):
        s.x[seat] += (actions[seat] == 2) * 1.0 - (actions[seat] == 1) * 1.0
@jit
def draw(s, f, seat):
    mine = max(seat, 0)
    rect(f, s.x[mine], 70.0, 4.0, 4.0, ME)
    rect(f, s.x[1 - mine], 20.0, 4.0, 4.0, OTHER)
@jit
def bot(s, seat, skill):
    return 0
'''


@pytest.fixture
def start():
    """Opens apps, and closes the display after the test."""

    def open_app(game, *seats, **settings):
        game = games.load(game) if isinstance(game, str) else game
        app = open_match(game, seats, **{"seed": 5, "size": (500, 560), "ready": False, **settings})
        opened.append(app)
        app.page.load()
        return app

    opened = []
    yield open_app
    for app in opened:
        app.close()


def key(name: str, down: bool = True, mod: int = 0) -> None:
    code = pygame.key.key_code(name)
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=code, mod=mod))


def tap(name: str) -> None:
    key(name)
    key(name, down=False)


def mode_of(app: App) -> str:
    """The mode of the page that is shown, or that the window has closed."""
    return app.page.mode if app.is_open else CLOSED


def turns(app: App, count: int, until: str | None = None) -> None:
    """One turn of the loop for each tick; stops in the mode `until`."""
    for _ in range(count):
        app.turn(1)
        if mode_of(app) == until:
            return


def click(app: App, x: float, y: float) -> None:
    """At a place of the first picture, in world units."""
    box = layout(app.surface.get_size(), app.page.screen.cast.pictures)[0]
    position = (box.x + round(x * box.w / 84.0), box.y + round(y * box.w / 84.0))
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=position, rel=(0, 0), buttons=(0, 0, 0)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=position, button=1))


def state(app: App, board: int = 0):
    return app.page.match.boards[board].batch.record(0)


def test_a_held_key_moves_and_a_quick_tap_is_not_lost(start):
    app = start("pong", HUMAN, BOT)
    key("w")
    turns(app, 10)
    key("w", down=False)
    turns(app, 5)
    after_hold = state(app).paddle[0]
    assert after_hold == pytest.approx(42.0 - 10 * SPEED)
    tap("s")
    turns(app, 3)
    assert state(app).paddle[0] == pytest.approx(after_hold + SPEED)


def test_escape_and_a_lost_focus_pause_and_escape_goes_on(start):
    app = start("pong", HUMAN, BOT)
    for cause in (lambda: tap("escape"), lambda: pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))):
        turns(app, 3)
        tick = state(app).tick
        playing = pygame.image.tobytes(app.surface, "RGB")
        cause()
        turns(app, 30)
        assert mode_of(app) == PAUSED
        assert state(app).tick == tick
        assert pygame.image.tobytes(app.surface, "RGB") != playing  # the page lies over it
        tap("escape")
        turns(app, 2)
        assert mode_of(app) == PLAYING
        assert state(app).tick > tick


def test_a_key_held_when_the_focus_goes_is_let_go(start):
    app = start("pong", HUMAN, BOT)
    key("w")
    turns(app, 2)
    pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    turns(app, 1)
    tap("escape")
    app.turn(0)
    before = state(app).paddle[0]
    turns(app, 5)
    assert state(app).paddle[0] == before


def test_no_pause_for_a_focus_that_only_spectators_lose(start):
    app = start("pong", BOT, BOT)
    pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    turns(app, 2)
    assert mode_of(app) == PLAYING


def test_restart_begins_another_game_that_counts_only_when_finished(start):
    app = start("pong", HUMAN, BOT)
    turns(app, 50)
    episode = int(app.page.match.boards[0].batch.episode[0])
    tap("r")
    turns(app, 1)
    assert int(app.page.match.boards[0].batch.episode[0]) == episode  # not by accident, in the middle of a game
    tap("escape")
    tap("r")
    turns(app, 1)
    assert int(app.page.match.boards[0].batch.episode[0]) == episode + 1
    assert state(app).tick <= 1
    assert app.page.match.played == 0


@pytest.mark.parametrize("way", ["close", "q"])
def test_the_window_closes(start, way):
    app = start("pong", HUMAN, BOT)
    turns(app, 2)
    if way == "q":
        tap("q")
        turns(app, 1)
        assert mode_of(app) == PLAYING  # not by accident, in the middle of a game
        tap("escape")
        tap("q")
    else:
        pygame.event.post(pygame.event.Event(pygame.QUIT))
    turns(app, 1)
    assert mode_of(app) == CLOSED


def test_a_person_reads_the_rules_first(start):
    app = start("pong", HUMAN, BOT, ready=True)
    turns(app, 10)
    assert mode_of(app) == READY
    assert state(app).tick == 0
    tap("return")
    turns(app, 3)
    assert mode_of(app) == PLAYING
    assert state(app).tick > 0


@pytest.mark.parametrize("size", [(300, 900), (900, 300), (640, 480), (97, 83), (333, 777)])
@pytest.mark.parametrize("pictures", [1, 2])
def test_pictures_stay_square_and_inside_whatever_the_window(size, pictures):
    boxes = layout(size, pictures)
    for box in boxes:
        assert box.w == box.h > 0
        assert pygame.Rect((0, 0), size).contains(box)
    assert len(boxes) == 1 or not boxes[0].colliderect(boxes[1])


def test_a_resized_window_keeps_the_picture_in_proportion_and_the_size_it_was_given(start):
    app = start("pong", HUMAN, BOT)
    turns(app, 2)
    app.window.size = (800, 400)  # as the user would have dragged it
    turns(app, 3)
    assert app.window.size == app.surface.get_size() == (800, 400)
    box = layout((800, 400), 1)[0]
    picture = pygame.surfarray.array3d(app.surface.subsurface(box)).astype(int)
    blue = (picture[..., 2] > 180) & (picture[..., 0] < 110)  # my paddle, 2.5 × 14 units
    columns, rows = np.flatnonzero(blue.any(1)), np.flatnonzero(blue.any(0))
    assert (np.ptp(rows) + 1) / (np.ptp(columns) + 1) == pytest.approx(14.0 / 2.5, rel=0.15)


@pytest.mark.parametrize("size", [(60, 40), (200, 90), (90, 400)])
def test_a_tiny_window_does_not_fall_over(start, size):
    app = start("pong", HUMAN, BOT, size=size)
    turns(app, 3)
    tap("escape")
    turns(app, 2)
    app.page.match.tick()
    assert mode_of(app) == PAUSED


def test_the_mouse_drops_a_disc_and_time_waits_for_the_person(start):
    app = start("connect_four", HUMAN, Seat("human", "Guest"))
    turns(app, 40)
    assert state(app).tick == 0
    click(app, 12.0 * 3 + 6.0, 50.0)
    turns(app, 2)
    assert state(app).tick == 1
    assert state(app).last == 3
    assert app.page.screen.cast.people == [0, 1]


def test_a_press_out_of_turn_is_no_move_in_turn(start, toy):
    app = start(toy("passes"), HUMAN, Seat("human", "Guest"))
    board = app.page.match.boards[0]
    waiting = next(k for k in (0, 1) if not board.batch.asked[0, k])
    board.inputs[waiting].choose(0)
    turns(app, 3)
    assert not board.inputs[waiting].presses
    assert state(app).tick == 0


def test_a_full_column_takes_no_disc(start):
    app = start("connect_four", HUMAN, Seat("human", "Guest"))
    for _ in range(6):
        tap("1")
        turns(app, 2)
    assert state(app).tick == 6
    tap("1")
    turns(app, 5)
    assert state(app).tick == 6


def test_a_machine_answers_after_a_moment_so_that_a_person_sees_both_moves(start):
    app = start("connect_four", HUMAN, BOT)
    while not app.page.match.boards[0].waits_for_person:
        turns(app, 1)
    tick = state(app).tick
    tap("4")
    turns(app, 3)
    assert state(app).tick == tick + 1
    turns(app, 60)
    assert state(app).tick == tick + 2


def test_keys_mean_what_a_person_sees_in_a_mirrored_view(start, make_game):
    app = start(make_game(SLIDE), BOT, HUMAN)
    board = app.page.match.boards[0]
    assert board.viewpoint == 1
    key("right")
    turns(app, 10)
    shown = app.page.screen.painter.frame(board.batch, 0, board.viewpoint)[0]["xy"][0, 0]
    assert shown == 84.0 - 42.0 - 4.0 + 10.0  # on the screen it went right …
    assert state(app).x[1] == 32.0  # … in the world left
    app.page.match.restart()
    key("right", down=False)
    key("a")  # the other seat's keys are free: they mean the same
    turns(app, 10)
    assert state(app).x[1] == 52.0


def test_a_score_stands_on_the_side_of_whom_it_belongs_to(start):
    app = start("pong", BOT, HUMAN)
    board = app.page.match.boards[0]
    board.batch.states["score"][0] = (2, 4)
    left, _, right = board.texts()
    assert (left, right) == ("4", "2")  # the person sits right, and sees the court mirrored


def test_a_race_shows_two_pictures_of_the_same_game(start):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0), size=(300, 200))
    turns(app, 1)
    assert len(layout(app.surface.get_size(), app.page.screen.cast.pictures)) == len(app.page.match.boards) == 2
    assert state(app, 0).rng == state(app, 1).rng
    assert state(app, 0).x == state(app, 1).x
    while mode_of(app) == PLAYING:
        app.turn(300)
    assert mode_of(app) == OVER
    assert app.page.match.wins == [0, 1]


def lose(app: App) -> None:
    """The person's game of a race is over; the other's goes on."""
    app.page.match.boards[0].batch.states["tick"] = app.page.game.max_ticks - 1
    turns(app, 1)
    assert app.page.match.boards[0].done and not app.page.match.boards[1].done


def test_who_is_out_of_a_race_may_begin_again_while_the_other_plays_on(start, monkeypatch):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0))
    for again in ("return", "r"):
        episode = app.page.match.episode
        assert "begin again" not in shown_caps(app, monkeypatch)
        tap("r")
        turns(app, 1)
        assert app.page.match.episode == episode, "not by accident, while one plays"
        lose(app)
        assert shown_caps(app, monkeypatch) == ["begin again", "pause"]
        assert mode_of(app) == PLAYING
        tap(again)
        turns(app, 2)
        assert app.page.match.episode == episode + 1
        assert not app.page.match.boards[0].done
    assert app.page.match.played == 0


@pytest.mark.parametrize("way", ["begins again", "restarts from the pause"])
def test_a_race_that_is_lost_counts_even_if_its_loser_does_not_wait_for_the_end(start, way):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0))
    for lost in (1, 2):
        app.page.match.boards[1].batch.slots["returns"][0] = 5.0  # the bot is ahead
        lose(app)
        for name in ("r",) if way == "begins again" else ("escape", "r"):
            tap(name)
        turns(app, 1)
        assert mode_of(app) == PLAYING
        assert (app.page.match.wins, app.page.match.played) == ([0, lost], lost)


def test_a_lost_race_can_be_the_last_game(start):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0), games=1)
    app.page.match.boards[1].batch.slots["returns"][0] = 5.0
    lose(app)
    tap("return")
    turns(app, 1)
    assert (mode_of(app), app.page.match.wins) == (CLOSED, [0, 1])


def test_draws_are_counted_and_the_score_says_so(start):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0))
    assert drawn(app.page.match) == ""
    for board in app.page.match.boards:  # both out of time in the same tick, with nothing
        board.batch.states["tick"] = app.page.game.max_ticks - 1
    turns(app, 1)
    assert (app.page.match.draws, app.page.match.wins) == (1, [0, 0])
    assert drawn(app.page.match) == ", 1 drawn"


@pytest.mark.parametrize("between", [("escape", "escape"), ("escape", "p"), ("escape", "return"), ("escape", "r"), ("p", "p")])
def test_a_key_held_over_a_pause_or_a_restart_still_counts(start, between):
    app = start("pong", HUMAN, BOT)
    key("w")
    turns(app, 2)
    for name in between:
        tap(name)
        turns(app, 1)
    assert mode_of(app) == PLAYING
    before = state(app).paddle[0]
    turns(app, 5)
    assert state(app).paddle[0] == pytest.approx(before - 5 * SPEED)
    key("w", down=False)
    turns(app, 1)
    before = state(app).paddle[0]
    turns(app, 3)
    assert state(app).paddle[0] == before


def test_a_key_held_from_the_start_page_on_counts_and_one_released_meanwhile_does_not(start):
    app = start("pong", HUMAN, BOT, ready=True)
    key("w")  # it begins the game, too
    turns(app, 6)
    assert state(app).paddle[0] == pytest.approx(42.0 - 6 * SPEED)
    tap("escape")
    key("w", down=False)
    tap("escape")
    app.turn(0)
    before = state(app).paddle[0]
    turns(app, 3)
    assert state(app).paddle[0] == before


def test_a_digit_on_the_start_page_begins_and_plays_no_column(start):
    app = start("connect_four", HUMAN, Seat("human", "Guest"), ready=True)
    tap("4")
    turns(app, 40)
    assert (mode_of(app), state(app).tick) == (PLAYING, 0)
    tap("4")
    turns(app, 2)
    assert (state(app).tick, state(app).last) == (1, 3)


def show(app: App, page: str) -> None:
    """One of the window's pages, as if it had been there for a moment."""
    if page == OVER:
        app.page.match._count()
        app.page._end(app.page.match)
    else:
        app.page._become(page)
    app.page.ticks = A_MOMENT


@pytest.mark.parametrize(
    ("page", "name", "then"),
    [
        (LOADING, "escape", CLOSED),
        (READY, "escape", CLOSED),
        (READY, "q", CLOSED),
        (READY, "p", READY),
        (PLAYING, "escape", PAUSED),
        (PLAYING, "p", PAUSED),
        (PAUSED, "escape", PLAYING),
        (PAUSED, "p", PLAYING),
        (PAUSED, "q", CLOSED),
        (OVER, "escape", CLOSED),
        (OVER, "p", OVER),
        (OVER, "return", PLAYING),
    ],
)
def test_each_page_answers_a_key_as_people_expect(start, page, name, then):
    app = start("pong", HUMAN, BOT)
    show(app, page)
    tap(name)
    app.turn(0)
    assert mode_of(app) == then


def test_escape_in_the_moment_in_which_a_game_ends_does_not_close_the_window(start):
    app = start("pong", HUMAN, BOT)
    app.page._become(OVER)
    tap("escape")
    app.turn(1)
    assert mode_of(app) == OVER


@pytest.mark.parametrize("page", [READY, PLAYING, PAUSED, OVER])
def test_alt_and_enter_fill_the_screen_and_do_nothing_else(start, page, monkeypatch):
    app, filled = start("pong", HUMAN, BOT), []
    monkeypatch.setattr(app, "toggle_full_screen", lambda: filled.append(mode_of(app)))
    show(app, page)
    key("return", mod=pygame.KMOD_LALT)
    app.turn(0)
    assert (mode_of(app), filled) == (page, [page])


def press(letter: int, place: int, down: bool = True) -> None:
    """A key as a keyboard sends it: its letter in the user's layout, and its place."""
    kind = pygame.KEYDOWN if down else pygame.KEYUP
    pygame.event.post(pygame.event.Event(kind, key=letter, scancode=place, mod=0, unicode=""))


@pytest.mark.parametrize("letter", [pygame.K_w, pygame.K_z, 0x446, 0x3C2], ids=["US", "French", "Russian", "Greek"])
def test_a_game_is_played_by_the_places_of_keys(start, letter):
    app = start("pong", HUMAN, BOT)
    press(letter, pygame.KSCAN_W)
    turns(app, 5)
    assert state(app).paddle[0] == pytest.approx(42.0 - 5 * SPEED)
    press(letter, pygame.KSCAN_W, down=False)
    app.turn(0)
    before = state(app).paddle[0]
    turns(app, 3)
    assert state(app).paddle[0] == before


@pytest.mark.parametrize(
    ("letter", "place"),
    [(pygame.K_QUOTE, pygame.KSCAN_4), (pygame.K_KP4, pygame.KSCAN_KP4), (pygame.K_4, 0)],
    ids=["French 4 without Shift", "keypad", "a key whose place is not known"],
)
def test_a_column_is_chosen_by_the_digits_place_or_on_the_keypad(start, letter, place):
    app = start("connect_four", HUMAN, Seat("human", "Guest"))
    press(letter, place)
    turns(app, 2)
    assert state(app).last == 3


def test_the_keypads_arrows_move_where_a_game_has_no_digits_and_its_enter_begins(start):
    app = start("pong", HUMAN, BOT, ready=True)
    press(pygame.K_KP_ENTER, pygame.KSCAN_KP_ENTER)
    app.turn(0)
    assert mode_of(app) == PLAYING
    press(pygame.K_KP8, pygame.KSCAN_KP8)
    turns(app, 5)
    assert state(app).paddle[0] == pytest.approx(42.0 - 5 * SPEED)


@pytest.mark.parametrize(
    ("letter", "place"), [(pygame.K_q, pygame.KSCAN_A), (0x439, pygame.KSCAN_Q)], ids=["French", "Russian"]
)
def test_the_windows_own_keys_go_by_their_letter_or_where_there_is_none_by_their_place(start, letter, place):
    app = start("pong", HUMAN, BOT)
    app.page._become(PAUSED)
    press(letter, place)
    app.turn(0)
    assert mode_of(app) == CLOSED


def test_keys_are_shown_as_the_users_layout_has_them(start, monkeypatch):
    french = {pygame.KSCAN_W: "z", pygame.KSCAN_S: "s", pygame.KSCAN_A: "q", pygame.KSCAN_Q: "a", pygame.KSCAN_4: "'"}
    app = start("pong", HUMAN, BOT)
    monkeypatch.setattr(keys, "layout", lambda: french)
    assert app.page.screen.hints.lines() == [(0, [(["z", "up"], "up"), (["s", "down"], "down")])]
    assert [keys.label("4"), keys.label("up"), keys.command_label("q")] == ["4", "up", "q"]
    monkeypatch.setattr(keys, "layout", lambda: {pygame.KSCAN_W: "ц", pygame.KSCAN_Q: "й"})
    assert [keys.label("w"), keys.command_label("q")] == ["ц", "й"]


def test_a_changed_layout_is_shown_at_once(start):
    app = start("pong", HUMAN, BOT)
    turns(app, 1)
    keys.layout()
    assert app.page.screen.plates and keys.layout.cache_info().currsize
    pygame.event.post(pygame.event.Event(pygame.KEYMAPCHANGED))
    app.turn(0)
    assert keys.layout.cache_info().misses == 1 and app.page.screen.plates  # drawn again, with the layout of now


def test_the_window_has_a_smallest_size(start):
    app = start("pong", HUMAN, BOT)
    assert app.window.minimum_size == application.SMALLEST


@pytest.mark.parametrize(("before", "after"), [(None, "Sparring"), ("Mine", "Mine")])
def test_desktops_know_the_window_as_sparring(before, after):
    """In a process of its own: Pygame sets the class when it is imported where there is an X server."""
    variable = "SDL_VIDEO_X11_WMCLASS"
    env = {**os.environ, "DISPLAY": os.environ.get("DISPLAY", ":none"), "SDL_VIDEODRIVER": "dummy"}
    env = {name: value for name, value in env.items() if name != variable} | ({variable: before} if before else {})
    code = f"import os; from ui.window import open_display; open_display(); print(os.environ[{variable!r}])"
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [after]


def test_who_hammers_the_games_keys_does_not_begin_a_race_again(start, monkeypatch):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0))
    for person in app.page.match.inputs:
        monkeypatch.setattr(person, "keys", [*person.keys, "space"])
        monkeypatch.setitem(person.actions, frozenset(["space"]), 0)
    lose(app)
    for _ in range(4):
        tap("space")
        turns(app, CALM // 2)
    assert app.page.match.boards[0].done
    turns(app, CALM)
    tap("space")
    turns(app, 1)
    assert not app.page.match.boards[0].done


def test_what_a_game_calls_the_score_is_not_contradicted_by_its_return(start):
    app = start("breakout", HUMAN)
    board = app.page.match.boards[0]
    for score, word in ((7, "7 points"), (9, "return 7")):
        board.batch.slots["returns"][0] = 7.0
        board.batch.states["score"][0] = score
        board.batch.states["tick"] = app.page.game.max_ticks - 1
        turns(app, 1)
        assert verdict(app.page.match, app.page.screen.cast)[1].startswith(word)
        assert app.page.match.points == word.endswith("points")
        app.page.restart()


def test_a_heart_is_drawn_where_the_font_has_none(start):
    kind = start("breakout", HUMAN).page.screen.text
    picture = kind.render("♥", 40, (255, 255, 255))
    assert picture.get_width() == pytest.approx(kind.width("♥", 40), abs=1)
    heart = pygame.surfarray.array_alpha(picture) > 128
    rows = np.flatnonzero(heart.any(0))
    across = [np.count_nonzero(heart[:, row]) for row in rows]
    assert max(across) > 10
    assert np.argmax(across) < len(rows) / 2 and across[-1] <= 2, "broad above, a point below"
    assert kind.width("3 ♥", 40) == pytest.approx(kind.width("3 ", 40) + kind.width("♥", 40))


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="counts open files")
def test_a_window_that_is_dragged_through_many_sizes_opens_no_more_and_more_files(start):
    kind = start("breakout", HUMAN).page.screen.text
    before = len(os.listdir("/dev/fd"))
    for size in range(8, 200):
        kind.render("Breakout", size, (255, 255, 255))
    assert len(os.listdir("/dev/fd")) <= before + 24


def test_one_participant_has_one_picture(start):
    app = start("breakout", HUMAN)
    assert app.page.screen.cast.pictures == len(app.page.match.boards) == 1


def test_the_result_is_shown_and_enter_plays_again(start):
    app = start("pong", HUMAN, Seat("scripted", "Bot", skill=1.0))
    turns(app, 4000, until=OVER)
    turns(app, 1)
    last_picture = pygame.image.tobytes(app.surface, "RGB")
    assert max(app.page.match.boards[0].batch.record(0, final=True).score) == 5
    tap("return")
    turns(app, 2)
    assert mode_of(app) == OVER  # the first one brings the result at once …
    assert pygame.image.tobytes(app.surface, "RGB") != last_picture
    tap("return")
    turns(app, 2)
    assert mode_of(app) == PLAYING  # … and the next one leaves it
    assert app.page.match.played == 1
    assert sum(app.page.match.wins) == 1


def test_after_the_last_of_so_many_games_nothing_begins_another(start):
    app = start("pong", HUMAN, Seat("scripted", "Bot", skill=1.0), games=2)
    for number, mode in ((1, PLAYING), (2, CLOSED)):
        turns(app, 4000, until=OVER)
        turns(app, A_MOMENT + CALM)
        tap("return")
        turns(app, 1)
        assert (app.page.match.played, mode_of(app)) == (number, mode)


# Played with the keys that begin the next one.
BRIEF = SLIDE.replace('{"a": "left", "d": "right"}', '{"space": "left", "return": "right"}')


def test_keys_of_the_game_leave_its_result_only_when_they_have_been_at_rest(start, make_game):
    app = start(make_game(BRIEF), HUMAN, BOT)
    app.page.match.boards[0].batch.states["tick"] = 590  # of 600
    for _ in range(A_MOMENT + 4 * CALM):  # hammering on, longer than the result needs to appear
        tap("space")
        turns(app, CALM // 2)
    assert mode_of(app) == OVER
    key("return")  # … or holding on
    turns(app, 2 * CALM)
    key("return", down=False)
    tap("space")
    turns(app, 1)
    assert mode_of(app) == OVER
    turns(app, CALM)
    tap("space")
    turns(app, 1)
    assert mode_of(app) == PLAYING


def test_names_tell_two_people_and_two_of_a_kind_apart():
    pong, board, breakout = (games.load(name) for name in ("pong", "connect_four", "breakout"))
    assert [seat.name for seat in with_distinct_names(pong, [HUMAN, HUMAN])] == ["Left", "Right"]
    assert [seat.name for seat in with_distinct_names(board, [HUMAN, HUMAN])] == ["Player 1", "Player 2"]
    assert [seat.name for seat in with_distinct_names(pong, [HUMAN, BOT])] == ["You", "Bot"]
    assert [seat.name for seat in with_distinct_names(pong, [BOT, BOT])] == ["Bot (left)", "Bot (right)"]
    assert [seat.name for seat in with_distinct_names(breakout, [BOT, BOT])] == ["Bot (left)", "Bot (right)"]
    assert [seat.name for seat in with_distinct_names(breakout, [HUMAN])] == ["You"]


@pytest.mark.parametrize(
    ("seats", "title", "says"),
    [((HUMAN, HUMAN), "Pong: Left against Right", "Right wins"), ((BOT, HUMAN), "Pong: Bot against You", "You win")],
    ids=["two", "one"],
)
def test_title_and_result_say_who_it_is(start, seats, title, says):
    app = start("pong", *seats)
    assert app.window.title == title
    app.page.match.boards[0].batch.states["score"][0] = (4, 4)
    app.page.match.boards[0].batch.states["x"] = -1.0
    app.page.match.boards[0].batch.states["vx"] = -1.0
    turns(app, 200, until=OVER)
    assert app.page.match.wins == [0, 1]
    assert verdict(app.page.match, app.page.screen.cast)[0] == says


def test_each_of_two_people_is_shown_the_keys_that_work_for_them(start):
    app = start("pong", HUMAN, HUMAN)
    assert app.page.screen.hints.lines() == [(0, [(["w"], "up"), (["s"], "down")]), (1, [(["up"], "up"), (["down"], "down")])]
    app = start("pong", HUMAN, BOT)
    assert app.page.screen.hints.lines() == [(0, [(["w", "up"], "up"), (["s", "down"], "down")])]
    app = start("connect_four", HUMAN, HUMAN)
    assert len(app.page.screen.hints.lines()) == 1  # the same keys, by turns


def test_it_says_which_of_two_people_is_to_move_unless_the_game_does(start):
    app = start("connect_four", HUMAN, HUMAN)
    board = app.page.match.boards[0]
    mover = int(state(app).turn)
    assert app.page.screen.header.whose_turn(board, told=False) == f"Player {mover + 1} to move"
    assert app.page.screen.header.whose_turn(board, told=True) == ""


def test_nobody_is_to_move_when_a_game_is_over(start):
    app = start("connect_four", HUMAN, HUMAN)
    while mode_of(app) == PLAYING:
        tap(str(state(app).tick % 2 + 1))  # two columns fill by turns: the one or the other gets four
        turns(app, 2, until=OVER)
    turns(app, A_MOMENT)
    assert app.page.match.boards[0].texts() == ("", "", "")


def shown_caps(app, monkeypatch) -> list[str]:
    """What the keys that are drawn at the foot of the window do."""
    found: list[str] = []
    draw = app.page.screen.text.caps

    def caps(surface, keys, meaning, size, at):
        if surface is not None:
            found.append(meaning)
        return draw(surface, keys, meaning, size, at)

    monkeypatch.setattr(app.page.screen.text, "caps", caps)
    app.page.screen.forget_keys()
    app.page.stale = True
    app.draw()
    return found


def test_the_foot_shows_the_keys_of_the_moment(start, monkeypatch):
    app = start("pong", HUMAN, BOT)
    assert shown_caps(app, monkeypatch) == ["pause", "up", "down"]
    turns(app, 4000, until=OVER)
    turns(app, A_MOMENT)
    assert shown_caps(app, monkeypatch) == []
    assert [item.name for item in app.page.choices.focus.items] == ["Rematch", "Swap sides", "Quit"]


def test_the_result_leaves_those_who_played_in_sight(start):
    app = start("pong", HUMAN, BOT)
    turns(app, 1)
    frame = app.page.screen.shown[0]
    played = np.flatnonzero(frame["kind"][0] >= 0)
    for middle, hidden_in in zip((42.0, 15.0, 70.0), band_places(), strict=True):
        frame["xy"][0, played, 1] = middle
        assert band_place(app.page.screen.shown) != hidden_in


def test_the_result_leaves_a_line_that_has_won_in_sight(start):
    app = start("connect_four", HUMAN, BOT)
    turns(app, 1)
    shown = app.page.screen.shown[0].copy()
    f = shown[0]
    f["count"], f["kind"][:12], f["code"][:12] = 12, DISC, ME
    f["xy"][:12] = 0.0
    f["xy"][:12, 1], f["xy"][:12, 2] = [42.0] * 5 + [70.0] * 6 + [15.0], 5.0
    above, centre = band_places()[1], band_places()[0]
    assert band_place([shown]) == above
    f["kind"][11], f["code"][11], f["xy"][11, :5] = LINE, DECOR + 3, (10.0, 15.0, 60.0, 15.0, 2.0)
    assert band_place([shown]) == centre
    f["count"], f["kind"][12:40], f["code"][12:40] = 40, DISC, ME
    f["xy"][12:40, :3] = (10.0, 15.0, 5.0)
    f["xy"][11, :5] = (60.0, 36.0, 60.0, 72.0, 2.0)  # it stands, and centre and bottom hide a part of it
    assert band_place([shown]) == above, "although more discs lie there than anywhere else"


class Still:
    """A player that remembers when it was asked."""

    def __init__(self, batch, rows):
        self.batch, self.rows, self.ticks = batch, list(rows), []

    def act(self, actions):
        for env, seat in self.rows:
            assert self.batch.asked[env, seat]
            self.ticks.append(int(self.batch.states["tick"][env]))
            actions[env, seat] = 2


def test_an_agent_decides_every_frame_skip_ticks_while_a_person_acts_every_tick(start):
    made = []

    def make(batch, rows):
        made.append(Still(batch, rows))
        return made[-1]

    app = start("pong", HUMAN, Seat("agent", "Zoo", make=make))
    key("w")
    turns(app, 13)
    assert made[0].ticks == [0, 4, 8, 12]
    assert state(app).paddle[0] == pytest.approx(42.0 - 13 * SPEED)
    assert state(app).paddle[1] == pytest.approx(42.0 + 13 * SPEED)


def test_an_agent_that_does_not_load_is_reported_by_the_window(start):
    def make(batch, rows):
        raise UserError("agent.safetensors is damaged.")

    with pytest.raises(UserError, match="damaged"):
        start("pong", HUMAN, Seat("agent", make=make))


def test_the_window_stays_alive_while_an_agent_loads(start):
    go_on = threading.Event()

    def make(batch, rows):
        assert go_on.wait(30)
        return Still(batch, rows)

    app = open_match(games.load("pong"), [HUMAN, Seat("agent", make=make, about="runs/x (return 7)")], seed=5, size=(500, 560))
    try:
        app.page.load(wait=False)
        pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=(7, 9), rel=(0, 0), buttons=(0, 0, 0)))
        turns(app, 3)
        assert (mode_of(app), app.mouse) == (LOADING, (7, 9))
        go_on.set()
        app.page._loader.join()
        turns(app, 1)
        assert mode_of(app) == READY
    finally:
        go_on.set()
        app.close()


def test_everything_is_compiled_and_decided_before_the_first_page(start, make_game):
    threads = []

    class Watched(Still):
        def act(self, actions):
            super().act(actions)
            threads.append(threading.current_thread().name)

    game, compiling = make_game(SLIDE), []
    load = lambda: compiling.extend(loop for path, loop in COMPILING if path == game.path)  # noqa: E731
    app = start(game, HUMAN, Seat("agent", make=Watched, load=load, observation="objects"), ready=True)
    assert {"step_slice", "objects_slice", "frame_slice"} <= set(compiling)  # before an agent, and torch with it, loads
    assert mode_of(app) == READY
    assert len(threads) == 1
    compiled = {name: list(getattr(app.page.game.kernel, name).stats.cache_misses) for name in LOOPS}
    tap("return")
    turns(app, 20)
    assert len(threads) > 1
    assert {name: list(getattr(app.page.game.kernel, name).stats.cache_misses) for name in LOOPS} == compiled


LOOPS = ("step_slice", "frame_slice", "mask_slice", "objects_slice")


@pytest.mark.parametrize("name", ["pong", "connect_four", "breakout"])
def test_a_rehearsal_ends_with_every_agents_first_decision(name):
    game, made = games.load(name), []

    def make(batch, rows):
        made.append(Still(batch, rows))
        return made[-1]

    loading.rehearse(game, [HUMAN, Seat("agent", make=make)][-game.players :], seed=5)
    assert [len(agent.ticks) for agent in made] == [1]


def test_who_closes_the_window_while_it_compiles_waits_for_nothing_and_leaves_no_process(make_game):
    game = make_game(SLIDE)
    app = open_match(game, [HUMAN, BOT], size=(200, 200))
    processes = list(precompile.RUNNING[game.path])
    app.page.load(wait=False)
    app.close()
    assert not app.page._loader.is_alive()
    assert [process.poll() is None for process in processes] == [False, False]
    assert not [path for path, _ in COMPILING if path == game.path]


def test_who_closes_the_window_while_an_agent_loads_ends_when_it_has(start):
    loaded = threading.Event()

    def load():
        loaded.wait(0.2)
        loaded.set()

    app = open_match(games.load("pong"), [HUMAN, Seat("agent", make=Still, load=load)], size=(200, 200))
    app.page.load(wait=False)
    app.close()
    assert loaded.is_set() and not app.page._loader.is_alive() and app.page.match is None


def test_the_page_before_a_game_says_which_agent_it_is(start, monkeypatch):
    said = []
    put = KeyCapRenderer.put
    listen = lambda kind, surface, text, *rest: said.append(text) or put(kind, surface, text, *rest)  # noqa: E731
    monkeypatch.setattr(KeyCapRenderer, "put", listen)
    seats = [Seat("agent", make=Still, about=f"runs/{k} (return 7)") for k in "ab"]
    turns(start("pong", HUMAN, seats[0], ready=True), 1)
    assert "runs/a (return 7)" in said
    app = start("pong", *seats)
    app.page.screen.card(app.surface, "Paused", [])
    assert {"Agent (left): runs/a (return 7)", "Agent (right): runs/b (return 7)"} <= set(said)


def test_play_runs_by_its_clock_until_the_last_game():
    class Fast:
        def wait(self) -> int:
            return 5

    match = window.play(
        games.load("pong"), [Seat("scripted"), Seat("scripted", skill=1.0)], seed=1, size=(200, 240), games=2, clock=Fast()
    )
    assert match.played == 2
    assert match.wins == [0, 2]


def test_seats_that_do_not_suit_are_refused():
    with pytest.raises(UserError, match="two participants"):
        open_match(games.load("pong"), [HUMAN])
    with pytest.raises(UserError, match="two people"):
        open_match(games.load("breakout"), [HUMAN, HUMAN])


def test_without_a_display_the_message_says_what_to_do():
    code = "from ui.window import open_display; open_display()"
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "XDG_RUNTIME_DIR")}
    if sys.platform != "linux":
        pytest.skip("only there a machine has no display")
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert "UserError: No display" in done.stderr
    assert "--headless" in done.stderr


def test_the_window_needs_no_torch():
    code = "import sys, ui.window; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
