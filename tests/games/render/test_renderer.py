"""The people's picture: the same as the agent's, in better clothes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pygame
import pytest

import games
from games.core import BALL, DECOR, DISC, GONE, ITEM, LINE, ME, NUMBER, RECT, TRIANGLE, WALL
from games.engine.batch import EXTERNAL, RANDOM, Batch
from games.engine.view import View
from games.render.motion import GLIDE, Glide, Trail
from games.render.renderer import DARK, GREY, Painter, distance

MEAN, LARGEST = 0.3, 32  # grey levels: what rounding costs, on average over a picture and at a curve's edge


def frame_of(game, *shapes) -> np.ndarray:
    """A display list written by hand: (kind, code, numbers …)."""
    frame = np.zeros(1, game.frame_dtype())
    for row, (kind, code, *numbers) in enumerate(shapes):
        frame["kind"][0, row], frame["code"][0, row] = kind, code
        frame["xy"][0, row, : len(numbers)] = numbers
    frame["count"] = len(shapes)
    return frame


def painted(painter: Painter, frame: np.ndarray, size: int, **settings) -> np.ndarray:
    """Red of the picture, int [size, size]: row, column."""
    surface = pygame.Surface((size, size), 0, 32)
    painter.paint(surface, frame, **settings)
    return np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8).reshape(size, size, 3)[..., 0].astype(int)


@pytest.mark.parametrize("name", ["pong", "breakout", "connect_four"])
@pytest.mark.parametrize("size", [84, 42])
def test_averaged_down_it_is_what_the_agent_sees(name, size):
    game = games.load(name)
    batch = Batch(game, 1, seed=3, bots=RANDOM)
    view, painter = View(batch, [(0, 0)], "pixels", size, stack=1), Painter(game)
    differences = []
    for _ in range(40):
        batch.step(np.zeros((1, game.players), np.int64), max_ticks=23)
        agents = view.paint(batch.states, np.array([0]), np.array([0]))[0]
        people = painter.grey_picture(painter.frame(batch, 0, 0), size)
        differences.append(np.abs(agents.astype(int) - people))
    assert agents.any()
    assert np.mean(differences) <= MEAN
    assert np.max(differences) <= LARGEST


def test_the_comparison_notices_a_shape_half_a_pixel_off():
    game = games.load("pong")
    batch = Batch(game, 1, seed=3)
    agents = View(batch, [(0, 0)], "pixels", 84, stack=1).paint(batch.states, np.array([0]), np.array([0]))[0]
    painter = Painter(game)
    frame = painter.frame(batch, 0, 0)
    frame["xy"][0, np.flatnonzero(frame["code"][0] == BALL)[0], 0] += 0.5
    assert np.abs(painter.grey_picture(frame, 84).astype(int) - agents).max() > LARGEST


def test_every_kind_of_shape_covers_its_area():
    game = games.load("pong")
    painter = Painter(game)
    white = GREY.colour(ME)[0]
    for shape, area in (
        ((RECT, ME, 10.3, 20.7, 30.0, 8.5), 30.0 * 8.5),
        ((DISC, ME, 40.2, 41.9, 12.5), np.pi * 12.5**2),
        ((LINE, ME, 15.0, 20.0, 60.0, 70.0, 5.0), np.hypot(45.0, 50.0) * 5.0),
        ((TRIANGLE, ME, 10.0, 70.0, 50.0, 12.0, 70.0, 60.0), 0.5 * abs(40.0 * -10.0 - 60.0 * -58.0)),
    ):
        for size in (120, 500):
            grey = painted(painter, frame_of(game, shape), size, theme=GREY, effects=False)
            assert grey.sum() / white * (84.0 / size) ** 2 == pytest.approx(area, rel=0.01), (shape, size)


def test_a_triangle_is_the_same_whichever_way_its_corners_run():
    x, y = np.arange(0.0, 20.0)[None], np.arange(0.0, 20.0)[:, None]
    one = distance(TRIANGLE, (2.0, 3.0, 17.0, 5.0, 8.0, 16.0), x, y)
    other = distance(TRIANGLE, (8.0, 16.0, 17.0, 5.0, 2.0, 3.0), x, y)
    np.testing.assert_allclose(one, other)
    assert one[8, 9] < 0.0 < one[0, 0]


def test_effects_leave_shapes_where_they_are():
    """Where the exact picture is full of a shape's colour, so is the dressed one, nearly; far from it, nothing is."""
    game = games.load("pong")
    painter = Painter(game)
    frame = frame_of(game, (RECT, ME, 30.0, 30.0, 20.0, 20.0))
    exact = painted(painter, frame, 420, effects=False)
    dressed = painted(painter, frame, 420, effects=True)
    assert np.abs(exact - dressed)[160:240, 160:240].max() < 60
    assert np.abs(exact - dressed)[:100].max() < 8


def test_a_small_disc_is_a_coin_and_a_large_one_a_ground_without_zones():
    game = games.load("pong")
    painter = Painter(game)
    for radius, zones in ((5.0, True), (36.0, False)):
        row = painted(painter, frame_of(game, (DISC, WALL, 42.0, 42.0, radius)), 840)[420]
        inner = row[420 - int(8.5 * radius) : 420 + int(8.5 * radius)]  # without the rim
        assert (np.ptp(inner) > 3) == zones


def test_decor_is_for_people_only():
    game = games.load("pong")
    painter = Painter(game)
    frame = frame_of(game, (RECT, DECOR, 10.0, 10.0, 40.0, 40.0))
    court = painted(painter, frame_of(game), 84)
    assert (painted(painter, frame, 84) != court).any()
    assert (painted(painter, frame, 84, decor=False) == court).all()
    assert not painter.grey_picture(frame, 84).any()


def test_the_colours_of_the_two_seats_differ_in_lightness_and_hue():
    me, other = np.array(DARK.colour(ME)), np.array(DARK.colour(ME + 4))
    assert np.abs(me - other).max() > 120


def test_a_picture_needs_no_display_and_starts_nothing_of_pygame():
    code = (
        "import os; os.environ.pop('DISPLAY', None); os.environ['SDL_VIDEODRIVER'] = 'no such driver'\n"
        "import games, pygame; from games.engine.batch import Batch; from games.render.renderer import Painter\n"
        "game = games.load('pong'); picture = Painter(game).picture(Batch(game, 1), size=300)\n"
        "assert picture.shape == (300, 300, 3) and picture.max() > 200 and not pygame.get_init()\n"
        "assert not pygame.display.get_init() and not pygame.mixer.get_init() and not pygame.font.get_init()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_same_state_gives_the_same_picture_and_another_does_not():
    game = games.load("pong")
    batch = Batch(game, 1, seed=1, bots=0.5)
    painter = Painter(game)
    one = painter.picture(batch, size=200)
    np.testing.assert_array_equal(one, Painter(game).picture(batch, size=200))
    for _ in range(20):
        batch.step(np.zeros((1, 2), np.int64))
    assert (painter.picture(batch, size=200) != one).any()
    np.testing.assert_array_equal(painter.picture(batch, size=200), Painter(game).picture(batch, size=200))


def test_the_end_of_an_episode_can_be_painted_after_the_next_has_begun():
    game = games.load("pong")
    batch = Batch(game, 1, seed=1, bots=[[EXTERNAL, 1.0]])
    while not batch.end[0]:
        batch.step(np.zeros((1, 2), np.int64))
    painter = Painter(game)
    assert (painter.picture(batch, final=True) != painter.picture(batch)).any()


def test_a_ball_put_elsewhere_draws_no_trail_across_the_court():
    game = games.load("pong")
    trail = Trail()
    for x in (10.0, 12.0, 14.0, 70.0):
        trail.add(frame_of(game, (DISC, BALL, x, 40.0, 2.0)))
    assert list(trail.paths[0]) == [(70.0, 40.0)]


def test_sprites_do_not_fill_the_memory(monkeypatch):
    game = games.load("pong")
    monkeypatch.setattr("games.render.renderer.KEPT_PIXELS", 300_000)
    painter = Painter(game)
    for k in range(60):
        painted(painter, frame_of(game, (RECT, ME, 5.0, 5.0, 20.0 + 0.3 * k, 20.0)), 300)
        assert painter._pixels <= 300_000
    kept = sum(s.get_width() * s.get_height() for s in painter._sprites.values())
    assert painter._pixels == kept


# --- numbers, a camera, a board's movements ---


@pytest.mark.parametrize("seat", [0, pytest.param(-1, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.slow)])
def test_a_world_larger_than_the_picture_is_the_same_for_people_and_agents(toy, seat):
    game = toy("wide")
    batch = Batch(game, 1, seed=3, bots=[[1.0, 0.8]])
    view, painter = View(batch, [(0, max(seat, 0))], "pixels", 84, stack=1), Painter(game)
    places = set()
    for _ in range(30):
        batch.step(np.zeros((1, 2), np.int64), max_ticks=17)
        frame = painter.frame(batch, 0, seat)
        places.add(float(frame["tiles_left"][0]))
        agents = view.paint(batch.states, np.array([0]), np.array([seat]))[0].astype(int)
        differences = np.abs(agents - painter.grey_picture(frame, 84))
        assert differences.mean() <= MEAN
        assert differences.max() <= LARGEST
    assert len(places) > 5


def test_a_mirrored_camera_shows_the_flipped_world(toy):
    game = toy("wide")
    batch = Batch(game, 1, seed=3)
    batch.states["x"][0], batch.states["y"][0] = (60.0, 168.0 - 60.0), (30.0, 30.0)
    batch.states["gem_x"][0] = 84.0  # the middle: the world is its own mirror image, but for the number, which is not flipped
    view = View(batch, [(0, 0), (0, 1)], "planes", 84, stack=1)
    first, second = view.paint(batch.states, np.zeros(2, int), np.arange(2))
    numbers = ITEM // 4 - 1
    assert first[ME // 4 - 1].any()
    assert (np.delete(first, numbers, 0) == np.delete(second, numbers, 0)).all()


def test_scrolled_tiles_are_painted_whole_wherever_the_picture_is(toy):
    """With effects, tiles come from a picture that is kept; it must be the one that is painted anew."""
    game = toy("wide")
    batch = Batch(game, 1, seed=3)
    kept = Painter(game)
    for x in (42.0, 43.7, 55.9, 56.1, 69.0, 60.0, 126.0, 42.0):
        batch.states["x"][0, 0] = x
        frame = kept.frame(batch, 0, 0)
        assert (painted(kept, frame, 168) == painted(Painter(game), frame, 168)).all()


def test_a_number_for_people_is_text_of_its_height_in_the_colour_of_its_role():
    painter = Painter(games.load("pong"))
    empty, frame = frame_of(painter.game), frame_of(painter.game, (NUMBER, ITEM, 42.0, 42.0, 20.0, 8))
    changed = painted(painter, frame, 420) - painted(painter, empty, 420)
    rows = np.flatnonzero((changed > 150).any(1))
    assert abs(rows.mean() - 210) <= 3
    assert abs(len(rows) - 100) <= 4  # 20 units of 5 pixels
    assert painted(painter, frame, 420).max() >= DARK.colour(ITEM)[0] - 8


def test_a_number_that_is_decor_is_for_people_only_and_readable():
    painter = Painter(games.load("pong"))
    frame = frame_of(painter.game, (NUMBER, DECOR, 42.0, 42.0, 20.0, 8))
    assert painted(painter, frame, 420).max() > 150
    assert not painter.grey_picture(frame).any()


def test_a_ball_that_lies_still_leaves_no_trail_where_the_camera_moves():
    game, trail = games.load("pong"), Trail()
    for moved in range(5):
        frame = frame_of(game, (DISC, BALL, 40.0 - moved, 50.0, 2.0))
        frame["tiles_left"] = moved
        trail.add(frame)
    assert set(trail.paths[0]) == {(40.0, 50.0)}


def test_a_piece_of_a_board_is_shown_on_its_way():
    game, glide = games.load("connect_four"), Glide()
    before = frame_of(game, (DISC, ME, 10.0, 10.0, 3.0), (NUMBER, ITEM, 1.0, 1.0, 5.0, 3.0), (GONE, 0))
    after = frame_of(game, (DISC, ME, 34.0, 10.0, 3.0), (NUMBER, ITEM, 1.0, 1.0, 5.0, 9.0), (DISC, ME, 5.0, 5.0, 3.0))
    assert glide.between(before, 0) is before
    shown = [glide.between(after, 0)[0] for _ in range(GLIDE + 1)]
    across = [float(f["xy"][0, 0]) for f in shown]
    assert across == sorted(across) and 10.0 < across[0] < across[GLIDE // 2] < 34.0 == across[-1]
    assert all(f["xy"][1, 3] == 9.0 for f in shown)  # a number changes at once
    assert all(f["xy"][2, 0] == 5.0 for f in shown)  # so does what was not there


def test_nothing_glides_from_one_game_to_the_next():
    game, glide = games.load("connect_four"), Glide()
    before, after = frame_of(game, (DISC, ME, 10.0, 10.0, 3.0)), frame_of(game, (DISC, ME, 34.0, 10.0, 3.0))
    glide.between(before, 0)
    assert glide.between(after, 1)[0]["xy"][0, 0] == 34.0
