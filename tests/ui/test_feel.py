"""What the window answers to a game: moments found in its pictures, lights, falls, the countdown, rallies and results."""

from types import SimpleNamespace

import numpy as np
import pygame
import pytest

import games
from games.core import BALL, ME, OTHER
from games.render.renderer import DARK, Painter
from ui.cast import Cast
from ui.countdown import EACH, NUMBERS
from ui.effects import FLASH, RING
from ui.highlights import Highlights
from ui.match import Match
from ui.moments import BOUNCE, BREAK, HIT, LEFT, PLACED, POINT, WON, Moment, MomentFinder
from ui.pages.match import COUNTING, OVER, PAUSED, PLAYING, READY
from ui.reactions import A_MOMENT, LINE_MOMENT
from ui.scene import HOT, NEW_CODE, WARMTHS, Scene, warmed
from ui.seats import Seat

from tests.ui.test_window import BOT, HUMAN, click, key, start, state, tap, turns  # noqa: F401  # isort: skip

GOOD, WEAK = Seat("scripted", "Good", skill=1.0), Seat("scripted", "Weak", skill=0.0)


def followed(game, *seats, ticks=3000, seed=3):
    """Each tick's moments in a match, with the number of its board and the board."""
    game = games.load(game) if isinstance(game, str) else game
    match, painter = Match(game, list(seats), seed), Painter(game)
    finders = [MomentFinder(game) for _ in match.boards]
    for _ in range(ticks):
        for k, (board, finder) in enumerate(zip(match.boards, finders, strict=True)):
            frame = painter.frame(board.batch, 0, board.viewpoint, final=board.done)
            yield k, board, finder, finder.follow(frame, board)
        if match.result:
            return
        match.tick()


# --- moments ---


def test_pongs_hits_points_and_bounces_are_those_of_its_rules():
    """Compared with the state, which the finder does not see: its rally counts hits, its score points."""
    rally, score, hits, points, bounces = 0, (0, 0), 0, 0, 0
    hitters = []
    for _, board, _, moments in followed("pong", GOOD, WEAK):
        s = board.batch.record(0, final=board.done)
        hits += max(int(s.rally) - rally, 0)
        points += sum(s.score) - sum(score)
        rally, score = int(s.rally), tuple(s.score)
        for moment in moments:
            bounces += moment.kind == BOUNCE
            if moment.kind == HIT:
                hits -= 1
                hitters.append(moment.code)
                assert (moment.x < 42.0) == (moment.code == ME)
                assert abs(hits) <= 1  # within a tick of it
            elif moment.kind == POINT:
                points -= 1
                assert moment.seat == (0 if moment.x > 42.0 else 1)  # where the ball left
                assert moment.code == (ME if moment.seat == 0 else OTHER)
    assert hits == 0 and points == 0 and max(score) == 5
    assert {ME, OTHER} == set(hitters) and bounces > 5


def test_a_single_person_on_the_right_is_me():
    for _, _, _, moments in followed("pong", WEAK, HUMAN, ticks=1500):
        for moment in moments:
            if moment.kind == HIT:
                assert moment.code == OTHER and moment.x > 42.0  # the bot's, in a flipped court
                return
    pytest.fail("no hit")


def test_breakouts_bricks_and_lost_balls_are_all_found():
    broken, lost, turned = 0, 0, 0
    for _, board, _, moments in followed("breakout", Seat("scripted", skill=0.3), ticks=8000):
        broken += sum(moment.kind == BREAK for moment in moments)
        lost += sum(moment.kind == LEFT for moment in moments)
        turned += sum(moment.kind == HIT for moment in moments)
        assert not any(moment.kind == POINT for moment in moments)  # a brick is no point besides
        if board.done:
            s = board.batch.record(0, final=True)
            assert broken == 84 - s.standing and lost == 3 and turned > 0
            return
    pytest.fail("it did not end")


def test_connect_fours_discs_and_the_line_that_won_are_found():
    placed = []
    for _, board, _, moments in followed("connect_four", GOOD, WEAK):
        placed += [moment for moment in moments if moment.kind == PLACED]
        won = [moment for moment in moments if moment.kind == WON]
        if board.done:
            [line] = won
            assert line.code == (ME if board.returns[0] > 0 else OTHER)
            x1, y1, x2, y2, _ = line.line
            assert max(abs(x2 - x1), abs(y2 - y1)) == 36.0
            last = placed[-1]
            assert min(x1, x2) <= last.x <= max(x1, x2) and min(y1, y2) <= last.y <= max(y1, y2)
            discs = board.batch.record(0, final=True).discs
            assert len(placed) == sum(int(seat).bit_count() for seat in discs)
            return
        assert not won
    pytest.fail("it did not end")


def test_nothing_happens_from_one_game_to_the_next():
    game = games.load("breakout")
    match, painter = Match(game, [WEAK], 3), Painter(game)
    finder = MomentFinder(game)
    for tick in range(700):
        if tick == 500:
            match.restart()
        board = match.boards[0]
        moments = finder.follow(painter.frame(board.batch, 0, board.viewpoint, final=board.done), board)
        assert tick != 500 or not moments
        match.tick()


@pytest.mark.parametrize("name", ["passes", "wide", "harvest"])
def test_any_game_can_be_followed(toy, name):
    game, kinds = toy(name), set()
    for _, board, _, moments in followed(game, *[GOOD, WEAK][: game.players], ticks=400):
        kinds |= {moment.kind for moment in moments}
        assert all(0.0 <= moment.x <= 84.0 and 0.0 <= moment.y <= 84.0 for moment in moments)
        assert board is not None
    assert not game.turns or PLACED in kinds


def test_a_ball_is_as_warm_as_it_is_fast():
    theme = warmed(DARK)
    assert theme.colour(NEW_CODE) == DARK.colour(BALL) and theme.colour(NEW_CODE + WARMTHS - 1) == HOT
    speeds = [finder.speed for _, _, finder, _ in followed("pong", GOOD, Seat("scripted", skill=1.0), ticks=1500)]
    assert min(speeds) == 0.0 and 1.8 < max(speeds) < 6.0  # at rest before a serve; each return is faster


# --- what is seen ---


def scene_of(game: str, *seats, effects=True):
    loaded = games.load(game)
    match = Match(loaded, list(seats), 3)
    return match, Scene(loaded, Painter(loaded), effects=effects)


def painted(scene, board, size=336) -> np.ndarray:
    surface = pygame.Surface((size, size), 0, 32)
    scene.paint(surface, board)
    return pygame.surfarray.array3d(surface).astype(int)


def until(match, scene, kind, ticks=3000) -> Moment:
    for _ in range(ticks):
        match.tick()
        moments, _ = scene.follow(match.boards[0])
        for moment in moments:
            if moment.kind == kind:
                return moment
    raise AssertionError(kind)


def test_the_paddle_that_hits_shines_and_no_longer_when_the_flash_is_over():
    match, scene = scene_of("pong", GOOD, WEAK)
    hit = until(match, scene, HIT)
    x, y = round(0.5 * (hit.box[0] + hit.box[2]) * 4), round(0.5 * (hit.box[1] + hit.box[3]) * 4)
    bright = painted(scene, match.boards[0])
    for _ in range(FLASH + 1):
        scene.effects.tick()
    dark = painted(scene, match.boards[0])
    assert bright[x, y].sum() > dark[x, y].sum() + 60
    assert not scene.effects.running


def test_a_ring_in_the_winners_colour_spreads_from_where_the_point_was_lost():
    match, scene = scene_of("pong", WEAK, GOOD)
    point = until(match, scene, POINT)
    before = painted(scene, match.boards[0])
    radii = []
    for _ in range(2):
        for _ in range(RING // 3):
            scene.effects.tick()
        ring = painted(scene, match.boards[0]) - before
        lit = np.argwhere(ring.sum(-1) > 20)
        radii.append(np.hypot(lit[:, 0] - 4 * point.x, lit[:, 1] - 4 * point.y).max())
        strongest = ring[tuple(lit[ring.sum(-1)[tuple(lit.T)].argmax()])]
        winner = np.array(DARK.colour(point.code))
        assert np.corrcoef(strongest, winner)[0, 1] > 0.9
    assert radii[1] > radii[0] + 8


def test_plain_is_without_effects_and_shows_what_the_painter_shows():
    match, scene = scene_of("pong", GOOD, WEAK, effects=False)
    until(match, scene, HIT)
    board = match.boards[0]
    surface = pygame.Surface((336, 336), 0, 32)
    painter = scene.painter
    painter.paint(surface, painter.frame(board.batch, 0, board.viewpoint), effects=False)
    assert np.array_equal(painted(scene, board), pygame.surfarray.array3d(surface))
    assert not scene.effects.running


def test_the_trail_is_that_of_the_ticks_however_many_a_picture_covers():
    pictures = []
    for each in (1, 3):
        match, scene = scene_of("pong", GOOD, WEAK)
        for tick in range(60):
            match.tick()
            scene.follow(match.boards[0])
            if (tick + 1) % each == 0:
                picture = painted(scene, match.boards[0])
        pictures.append(picture)
    assert np.array_equal(*pictures)
    bare = painted(Scene(scene.game, scene.painter), match.boards[0])
    assert np.abs(pictures[0] - bare).max() > 20  # there is a trail


def test_a_disc_falls_bounces_softly_and_rests_in_its_place():
    match, scene = scene_of("connect_four", GOOD, WEAK)
    board, heights = match.boards[0], []
    match.tick()
    while match.boards[0].batch.states["tick"][0] == 0:
        scene.follow(board)
        match.tick()
    scene.follow(board)
    [fall] = scene._falls.running
    disc = next(iter(fall.shapes))
    while fall in scene._falls.running:
        heights.append(float(scene._falls.shown(scene.frame)[0]["xy"][disc, 1]))
        scene.follow(board)
    landed = fall.moment
    assert heights[0] < 14.0 and 15 < len(heights) < 30
    top = heights.index(max(heights))
    assert heights[:top] == sorted(heights[:top])  # down, then up a little, then at rest
    bounce = landed.y - min(heights[top:])
    assert 0.5 < bounce < 4.0 and abs(heights[-1] - landed.y) < 1.0


def test_a_disc_that_is_set_on_a_square_does_not_fall(toy):
    game = toy("passes")
    match, scene = Match(game, [GOOD, WEAK], 3), Scene(game, Painter(game))
    for _ in range(200):
        match.tick()
        scene.follow(match.boards[0])
        assert scene.is_settled


def test_the_line_that_won_glows_and_the_rest_dims(start):  # noqa: F811
    app = start("connect_four", GOOD, WEAK)
    turns(app, 3000, until=OVER)
    scene = app.page.screen.scenes[0]
    for _ in range(LINE_MOMENT - 2):
        app.turn(1)
        if app.page.ticks == 2:
            before = painted(scene, app.page.match.boards[0])
    assert scene.has_won_line and not app.page._shows_result
    after = painted(scene, app.page.match.boards[0])
    x1, y1, x2, y2, _ = scene.effects.won[0].moment.line
    on = tuple(round(4 * v) for v in (x1 + 0.35 * (x2 - x1), y1 + 0.35 * (y2 - y1)))
    assert after[on].min() > 200  # white
    assert after[20, 200].sum() < 0.75 * before[20, 200].sum()  # the board
    turns(app, 3)
    assert app.page._shows_result
    app.page.restart()
    assert not scene.has_won_line


# --- the countdown ---


def test_play_begins_and_goes_on_after_three_numbers(start):  # noqa: F811
    app = start("pong", HUMAN, BOT, ready=True, countdown=True)
    tap("return")
    turns(app, 1)
    assert app.page.mode == COUNTING and app.page.countdown.number == NUMBERS
    before = state(app).tick
    turns(app, NUMBERS * EACH - 2)
    assert app.page.mode == COUNTING and state(app).tick == before
    turns(app, 2)
    assert app.page.mode == PLAYING and EACH <= 36  # 0.6 s a number at most
    turns(app, 5)
    assert state(app).tick > before
    for name in ("escape", "escape"):
        tap(name)
        turns(app, 1)
    assert app.page.mode == COUNTING
    tap("escape")
    turns(app, 1)
    assert app.page.mode == PAUSED


def test_keys_held_in_the_countdown_count_as_held(start):  # noqa: F811
    app = start("pong", HUMAN, BOT, ready=True, countdown=True)
    tap("return")
    turns(app, 10)
    tap("s")  # a tap is over by then
    key("w")
    turns(app, NUMBERS * EACH + 5)
    assert app.page.mode == PLAYING and state(app).paddle[0] < 42.0
    key("w", down=False)


def test_a_lost_focus_in_the_countdown_pauses(start):  # noqa: F811
    app = start("pong", HUMAN, BOT, countdown=True)
    assert app.page.mode == COUNTING
    pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    turns(app, 1)
    assert app.page.mode == PAUSED


@pytest.mark.parametrize(("game", "seats"), [("pong", (BOT, BOT)), ("connect_four", (HUMAN, BOT))])
def test_spectators_and_games_of_turns_have_no_countdown(start, game, seats):  # noqa: F811
    app = start(game, *seats, countdown=True)
    assert app.page.mode == PLAYING


def test_the_start_page_comes_before_the_countdown(start):  # noqa: F811
    app = start("pong", HUMAN, BOT, ready=True, countdown=True)
    turns(app, 3)
    assert app.page.mode == READY


# --- rallies and results ---


@pytest.fixture
def highlights():
    return Highlights(Cast(games.load("pong"), [HUMAN, Seat("scripted", "Bot", skill=0.5, caption="the agent of 30 seconds")]))


def over(winner) -> SimpleNamespace:
    return SimpleNamespace(result=SimpleNamespace(winner=winner), seats=[HUMAN, BOT], is_rated=True)


def test_a_rally_is_counted_while_it_lasts(highlights):
    for k in range(5):
        highlights.follow(0, [Moment(HIT, code=(ME, OTHER)[k % 2], speed=1.0 + 0.1 * k)])
    assert highlights.rally_text == "rally 5"
    highlights.follow(0, [Moment(POINT)])
    assert not highlights.rally_text
    highlights.game_over(over(1))
    assert highlights.lines(over(1)) == ["longest rally 5   top speed 1.4 × the slowest"]
    highlights.begin()
    assert highlights.lines(over(1)) == []


def test_the_result_tells_wins_in_a_row_and_whom_one_has_beaten(highlights):
    for _ in range(3):
        highlights.game_over(over(0))
    assert highlights.lines(over(0)) == ["You beat the agent of 30 seconds", "3 wins in a row"]
    highlights.game_over(over(1))
    assert highlights.lines(over(1)) == []
    highlights.game_over(over(1))
    assert highlights.lines(over(1)) == ["Bot: 2 wins in a row"]


def test_a_whole_match_shows_them(start, monkeypatch):  # noqa: F811
    app = start("pong", GOOD, Seat("scripted", "Other", skill=0.8))
    texts = []
    put = app.page.screen.text.put
    monkeypatch.setattr(app.page.screen.text, "put", lambda s, text, *rest: (texts.append(text), put(s, text, *rest))[1])
    while app.page.mode != OVER:
        app.turn(7)  # so few pictures are quick
    assert any(text.startswith("rally ") for text in texts)
    texts.clear()
    turns(app, A_MOMENT + 1)
    assert any("longest rally" in text for text in texts)
    highlights = app.page.reactions.highlights
    assert highlights.streak == (app.page.match.result.winner, 1)
    app.page.restart()
    assert highlights.longest_rally == 0 and highlights.streak[1] == 1


def test_a_click_places_a_disc_that_falls(start):  # noqa: F811
    app = start("connect_four", HUMAN, BOT, seed=1)
    turns(app, 200, until=None)
    click(app, 40.0, 40.0)
    turns(app, 2)
    [fall] = app.page.screen.scenes[0]._falls.running
    assert (fall.moment.x, fall.moment.code) == (42.0, ME) and fall.above > 40.0
