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
from games.errors import UserError
from ui import screen, window
from ui.screen import layout
from ui.seats import Seat, with_distinct_names
from ui.text import KeyCapRenderer
from ui.window import App

SPEED = games.load("pong").module.PADDLE_SPEED
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
        app = App(game, seats, **{"seed": 5, "size": (500, 560), "ready": False, **settings})
        opened.append(app)
        app.load()
        return app

    opened = []
    yield open_app
    for app in opened:
        app.close()


def key(name: str, down: bool = True) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=pygame.key.key_code(name)))


def tap(name: str) -> None:
    key(name)
    key(name, down=False)


def turns(app: App, count: int, until: str | None = None) -> None:
    """One turn of the loop for each tick; stops in the mode `until`."""
    for _ in range(count):
        app.turn(1)
        if app.mode == until:
            return


def click(app: App, x: float, y: float) -> None:
    """At a place of the first picture, in world units."""
    box = layout(app.surface.get_size(), app.screen.pictures)[0]
    position = (box.x + round(x * box.w / 84.0), box.y + round(y * box.w / 84.0))
    pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=position, rel=(0, 0), buttons=(0, 0, 0)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=position, button=1))


def state(app: App, board: int = 0):
    return app.match.boards[board].batch.record(0)


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
        assert app.mode == window.PAUSED
        assert state(app).tick == tick
        assert pygame.image.tobytes(app.surface, "RGB") != playing  # the page lies over it
        tap("escape")
        turns(app, 2)
        assert app.mode == window.PLAYING
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
    assert app.mode == window.PLAYING


def test_restart_begins_another_game_that_counts_only_when_finished(start):
    app = start("pong", HUMAN, BOT)
    turns(app, 50)
    episode = int(app.match.boards[0].batch.episode[0])
    tap("r")
    turns(app, 1)
    assert int(app.match.boards[0].batch.episode[0]) == episode  # not by accident, in the middle of a game
    tap("escape")
    tap("r")
    turns(app, 1)
    assert int(app.match.boards[0].batch.episode[0]) == episode + 1
    assert state(app).tick <= 1
    assert app.match.played == 0


@pytest.mark.parametrize("way", ["close", "q"])
def test_the_window_closes(start, way):
    app = start("pong", HUMAN, BOT)
    turns(app, 2)
    if way == "q":
        tap("q")
        turns(app, 1)
        assert app.mode == window.PLAYING  # not by accident, in the middle of a game
        tap("escape")
        tap("q")
    else:
        pygame.event.post(pygame.event.Event(pygame.QUIT))
    turns(app, 1)
    assert app.mode == window.CLOSED


def test_a_person_reads_the_rules_first(start):
    app = start("pong", HUMAN, BOT, ready=True)
    turns(app, 10)
    assert app.mode == window.READY
    assert state(app).tick == 0
    tap("return")
    turns(app, 3)
    assert app.mode == window.PLAYING
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
    app.match.tick()
    assert app.mode == window.PAUSED


def test_the_mouse_drops_a_disc_and_time_waits_for_the_person(start):
    app = start("connect_four", HUMAN, Seat("human", "Guest"))
    turns(app, 40)
    assert state(app).tick == 0
    click(app, 12.0 * 3 + 6.0, 50.0)
    turns(app, 2)
    assert state(app).tick == 1
    assert state(app).last == 3
    assert app.screen.people == [0, 1]


def test_a_press_out_of_turn_is_no_move_in_turn(start, toy):
    app = start(toy("passes"), HUMAN, Seat("human", "Guest"))
    board = app.match.boards[0]
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
    while not app.match.boards[0].waits_for_person:
        turns(app, 1)
    tick = state(app).tick
    tap("4")
    turns(app, 3)
    assert state(app).tick == tick + 1
    turns(app, 60)
    assert state(app).tick == tick + 2


def test_keys_mean_what_a_person_sees_in_a_mirrored_view(start, make_game):
    app = start(make_game(SLIDE), BOT, HUMAN)
    board = app.match.boards[0]
    assert board.viewpoint == 1
    key("right")
    turns(app, 10)
    shown = app.screen.painter.frame(board.batch, 0, board.viewpoint)[0]["xy"][0, 0]
    assert shown == 84.0 - 42.0 - 4.0 + 10.0  # on the screen it went right …
    assert state(app).x[1] == 32.0  # … in the world left
    app.match.restart()
    key("right", down=False)
    key("a")  # the other seat's keys are free: they mean the same
    turns(app, 10)
    assert state(app).x[1] == 52.0


def test_a_score_stands_on_the_side_of_whom_it_belongs_to(start):
    app = start("pong", BOT, HUMAN)
    board = app.match.boards[0]
    board.batch.states["score"][0] = (2, 4)
    left, _, right = board.texts()
    assert (left, right) == ("4", "2")  # the person sits right, and sees the court mirrored


def test_a_race_shows_two_pictures_of_the_same_game(start):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0), size=(300, 200))
    turns(app, 1)
    assert len(layout(app.surface.get_size(), app.screen.pictures)) == len(app.match.boards) == 2
    assert state(app, 0).rng == state(app, 1).rng
    assert state(app, 0).x == state(app, 1).x
    while app.mode == window.PLAYING:
        app.turn(300)
    assert app.mode == window.OVER
    assert app.match.wins == [0, 1]


def lose(app: App) -> None:
    """The person's game of a race is over; the other's goes on."""
    app.match.boards[0].batch.states["tick"] = app.game.max_ticks - 1
    turns(app, 1)
    assert app.match.boards[0].done and not app.match.boards[1].done


def test_who_is_out_of_a_race_may_begin_again_while_the_other_plays_on(start, monkeypatch):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0))
    for again in ("return", "r"):
        episode = app.match._episode
        assert "begin again" not in shown_caps(app, monkeypatch)
        tap("r")
        turns(app, 1)
        assert app.match._episode == episode, "not by accident, while one plays"
        lose(app)
        assert shown_caps(app, monkeypatch) == ["begin again", "pause"]
        assert app.mode == window.PLAYING
        tap(again)
        turns(app, 2)
        assert app.match._episode == episode + 1
        assert not app.match.boards[0].done
    assert app.match.played == 0


def test_who_hammers_the_games_keys_does_not_begin_a_race_again(start, monkeypatch):
    app = start("breakout", HUMAN, Seat("scripted", "Bot", skill=1.0))
    for person in app.match.inputs:
        monkeypatch.setitem(person.keys, "space", 0)
    lose(app)
    for _ in range(4):
        tap("space")
        turns(app, window.CALM // 2)
    assert app.match.boards[0].done
    turns(app, window.CALM)
    tap("space")
    turns(app, 1)
    assert not app.match.boards[0].done


def test_what_a_game_calls_the_score_is_not_contradicted_by_its_return(start):
    app = start("breakout", HUMAN)
    board = app.match.boards[0]
    for score, word in ((7, "7 points"), (9, "return 7")):
        board.batch.slots["returns"][0] = 7.0
        board.batch.states["score"][0] = score
        board.batch.states["tick"] = app.game.max_ticks - 1
        turns(app, 1)
        assert app.screen._verdict(app.match)[1].startswith(word)
        assert app.match.points == word.endswith("points")
        app.restart()


def test_a_heart_is_drawn_where_the_font_has_none(start):
    kind = start("breakout", HUMAN).screen.text
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
    kind = start("breakout", HUMAN).screen.text
    before = len(os.listdir("/dev/fd"))
    for size in range(8, 200):
        kind.render("Breakout", size, (255, 255, 255))
    assert len(os.listdir("/dev/fd")) <= before + 24


def test_one_participant_has_one_picture(start):
    app = start("breakout", HUMAN)
    assert app.screen.pictures == len(app.match.boards) == 1


def test_the_result_is_shown_and_enter_plays_again(start):
    app = start("pong", HUMAN, Seat("scripted", "Bot", skill=1.0))
    turns(app, 4000, until=window.OVER)
    turns(app, 1)
    last_picture = pygame.image.tobytes(app.surface, "RGB")
    assert max(app.match.boards[0].batch.record(0, final=True).score) == 5
    tap("return")
    turns(app, 2)
    assert app.mode == window.OVER  # somebody still hammering keys does not miss the result
    turns(app, window.A_MOMENT)
    assert pygame.image.tobytes(app.surface, "RGB") != last_picture
    tap("return")
    turns(app, 2)
    assert app.mode == window.OVER  # it has only just appeared
    turns(app, window.CALM)
    tap("return")
    turns(app, 2)
    assert app.mode == window.PLAYING
    assert app.match.played == 1
    assert sum(app.match.wins) == 1


def test_after_the_last_of_so_many_games_nothing_begins_another(start):
    app = start("pong", HUMAN, Seat("scripted", "Bot", skill=1.0), games=2)
    for number, mode in ((1, window.PLAYING), (2, window.CLOSED)):
        turns(app, 4000, until=window.OVER)
        turns(app, window.A_MOMENT + window.CALM)
        tap("return")
        turns(app, 1)
        assert (app.match.played, app.mode) == (number, mode)


# Played with the keys that begin the next one.
BRIEF = SLIDE.replace('{"a": "left", "d": "right"}', '{"space": "left", "return": "right"}')


def test_keys_of_the_game_leave_its_result_only_when_they_have_been_at_rest(start, make_game):
    app = start(make_game(BRIEF), HUMAN, BOT)
    app.match.boards[0].batch.states["tick"] = 590  # of 600
    for _ in range(window.A_MOMENT + 4 * window.CALM):  # hammering on, longer than the result needs to appear
        tap("space")
        turns(app, window.CALM // 2)
    assert app.mode == window.OVER
    key("return")  # … or holding on
    turns(app, 2 * window.CALM)
    key("return", down=False)
    tap("space")
    turns(app, 1)
    assert app.mode == window.OVER
    turns(app, window.CALM)
    tap("space")
    turns(app, 1)
    assert app.mode == window.PLAYING


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
    app.match.boards[0].batch.states["score"][0] = (4, 4)
    app.match.boards[0].batch.states["x"] = -1.0
    app.match.boards[0].batch.states["vx"] = -1.0
    turns(app, 200, until=window.OVER)
    assert app.match.wins == [0, 1]
    assert app.screen._verdict(app.match)[0] == says


def test_each_of_two_people_is_shown_the_keys_that_work_for_them(start):
    app = start("pong", HUMAN, HUMAN)
    assert app.screen._key_lines() == [(0, [(["w"], "up"), (["s"], "down")]), (1, [(["up"], "up"), (["down"], "down")])]
    app = start("pong", HUMAN, BOT)
    assert app.screen._key_lines() == [(0, [(["w", "up"], "up"), (["s", "down"], "down")])]
    app = start("connect_four", HUMAN, HUMAN)
    assert len(app.screen._key_lines()) == 1  # the same keys, by turns


def test_it_says_which_of_two_people_is_to_move_unless_the_game_does(start):
    app = start("connect_four", HUMAN, HUMAN)
    board = app.match.boards[0]
    mover = int(state(app).turn)
    assert app.screen._whose_turn(board, told=False) == f"Player {mover + 1} to move"
    assert app.screen._whose_turn(board, told=True) == ""


def test_nobody_is_to_move_when_a_game_is_over(start):
    app = start("connect_four", HUMAN, HUMAN)
    while app.mode == window.PLAYING:
        tap(str(state(app).tick % 2 + 1))  # two columns fill by turns: the one or the other gets four
        turns(app, 2, until=window.OVER)
    turns(app, window.A_MOMENT)
    assert app.match.boards[0].texts() == ("", "", "")


def shown_caps(app, monkeypatch) -> list[str]:
    """What the keys that are drawn at the foot of the window do."""
    found: list[str] = []
    draw = app.screen.text.caps

    def caps(surface, keys, meaning, size, at):
        if surface is not None:
            found.append(meaning)
        return draw(surface, keys, meaning, size, at)

    monkeypatch.setattr(app.screen.text, "caps", caps)
    app.screen._plates = {}
    app._stale = True
    app.draw()
    return found


def test_the_foot_shows_the_keys_of_the_moment(start, monkeypatch):
    app = start("pong", HUMAN, BOT)
    assert shown_caps(app, monkeypatch) == ["pause", "up", "down"]
    turns(app, 4000, until=window.OVER)
    turns(app, window.A_MOMENT)
    assert shown_caps(app, monkeypatch) == ["again", "quit", "full screen"]


def test_the_result_leaves_those_who_played_in_sight(start):
    app = start("pong", HUMAN, BOT)
    turns(app, 1)
    frame = app.screen._shown[0]
    played = np.flatnonzero(frame["kind"][0] >= 0)
    for middle, hidden_in in ((42.0, screen.BAND_PLACES[0]), (15.0, screen.BAND_PLACES[1]), (70.0, screen.BAND_PLACES[2])):
        frame["xy"][0, played, 1] = middle
        assert app.screen._band_place() != hidden_in


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

    app = App(games.load("pong"), [HUMAN, Seat("agent", make=make, about="runs/x (return 7)")], seed=5, size=(500, 560))
    try:
        app.load(wait=False)
        pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=(7, 9), rel=(0, 0), buttons=(0, 0, 0)))
        turns(app, 3)
        assert (app.mode, app.mouse) == (window.LOADING, (7, 9))
        go_on.set()
        app._loader.join()
        turns(app, 1)
        assert app.mode == window.READY
    finally:
        go_on.set()
        app.close()


def test_the_page_before_a_game_says_which_agent_it_is(start, monkeypatch):
    said = []
    put = KeyCapRenderer.put
    listen = lambda kind, surface, text, *rest: said.append(text) or put(kind, surface, text, *rest)  # noqa: E731
    monkeypatch.setattr(KeyCapRenderer, "put", listen)
    seats = [Seat("agent", make=Still, about=f"runs/{k} (return 7)") for k in "ab"]
    turns(start("pong", HUMAN, seats[0], ready=True), 1)
    assert "runs/a (return 7)" in said
    app = start("pong", *seats)
    app.screen.card(app.surface, "Paused", [])
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
        App(games.load("pong"), [HUMAN])
    with pytest.raises(UserError, match="two people"):
        App(games.load("breakout"), [HUMAN, HUMAN])


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
