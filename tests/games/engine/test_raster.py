"""Area coverage, worked by hand: grey levels of single shapes on small images."""

import numpy as np
import pytest

from games import core
from games.engine import raster

WHITE = int(raster.GREYS[core.ME])  # 255


@core.jit
def paint_it(f, rows, columns, scratch, image):
    raster.paint(f, rows, columns, core.WORLD, core.WORLD, True, scratch, image)


@core.jit
def plane_it(f, rows, columns, scratch, image):
    raster.paint_planes(f, rows, columns, core.WORLD, core.WORLD, True, scratch, image)


@core.jit
def paint_part(f, rows, columns, width, height, scratch, image):
    raster.paint(f, rows, columns, width, height, None, scratch, image)


@core.jit
def list_part(f, shapes, rows, columns, width, height, seen, out):
    raster.list_objects(f, shapes, rows, columns, width, height, seen, out)


@core.jit
def look_at(f, x, y):
    core.camera(f, x, y)
    core.rect(f, x, y, 2.0, 2.0, core.ME)
    core.number(f, x, y, 5.0, 2**40, core.ITEM)
    core.camera(f, 0.0, 0.0)
    core.disc(f, 1.0, 2.0, 3.0, core.BALL)


@core.jit
def sound(f):
    core.cue(f, core.HIT)
    core.cue(f, core.PICK)


@core.jit
def hide(f):
    raster.hide_what_is_out_of_sight(f)


@core.jit
def list_it(f, shapes, rows, columns, out):
    raster.list_objects(f, shapes, rows, columns, core.WORLD, core.WORLD, (0, 0), out)


def frame(*shapes, grid=None):
    """A display list of shapes (kind, role, numbers in world units)."""
    array = np.zeros(1, core.frame_dtype(16, None if grid is None else np.shape(grid)))
    f = array[0]
    f["count"] = len(shapes)
    for k, (kind, role, numbers) in enumerate(shapes):
        f["kind"][k], f["code"][k] = kind, role
        f["xy"][k, : len(numbers)] = numbers
    if grid is not None:
        f["grid"][:] = grid
    return array


def painted(*shapes, size=84, grid=None):
    """uint8 [size, size]: at 84 a pixel is a world unit."""
    array = frame(*shapes, grid=grid)
    image = np.full((size, size), 77, np.uint8)  # paint must clear it
    rows, columns = (0, 0) if grid is None else np.shape(grid)
    paint_it(core.at(array, 0), rows, columns, np.zeros(size + 8), image)
    return image


def area(image):
    """World units squared that white covers."""
    return image.astype(float).sum() / WHITE * (84 / len(image)) ** 2


def test_a_rectangle_on_pixel_edges_is_exact():
    image = painted((core.RECT, core.ME, (10, 20, 3, 2)))
    expected = np.zeros((84, 84), np.uint8)
    expected[20:22, 10:13] = WHITE
    assert (image == expected).all()


def test_a_rectangle_across_pixels_covers_each_by_its_part():
    # From 1.75 to 3.5 and from 0.5 to 2: widths 0.25, 1, 0.5 and heights 0.5, 1. Of 255: 32, 128, 64 and 64, 255, 128.
    image = painted((core.RECT, core.ME, (1.75, 0.5, 1.75, 1.5)))
    assert image[:3, :5].tolist() == [[0, 32, 128, 64, 0], [0, 64, 255, 128, 0], [0, 0, 0, 0, 0]]


def test_a_rectangle_within_one_pixel_covers_its_area():
    image = painted((core.RECT, core.ME, (7.25, 7.25, 0.5, 0.5)))
    assert image[7, 7] == 64  # a quarter of 255
    assert image.sum() == 64


def test_half_the_size_is_a_quarter_of_the_pixels():
    image = painted((core.RECT, core.ME, (2, 2, 1, 1)), size=42)
    assert image[1, 1] == 64
    assert image.sum() == 64


@pytest.mark.parametrize("size", [42, 84, 200])
@pytest.mark.parametrize(
    "shape, expected",
    [
        ((core.RECT, core.ME, (11.3, 20.7, 17.9, 5.1)), 17.9 * 5.1),
        ((core.DISC, core.ME, (41.3, 37.7, 12.0)), np.pi * 144),
        ((core.LINE, core.ME, (10, 10, 40, 50, 3.0)), 50 * 3.0),  # 30, 40, 50
        ((core.LINE, core.ME, (10, 40, 60, 40, 2.5)), 50 * 2.5),
        ((core.TRIANGLE, core.ME, (10, 10, 50, 20, 20, 60)), 0.5 * abs(40 * 50 - 10 * 10)),
        ((core.TRIANGLE, core.ME, (20, 60, 50, 20, 10, 10)), 0.5 * abs(40 * 50 - 10 * 10)),  # the other way round
    ],
)
def test_a_shape_covers_its_area(shape, expected, size):
    assert area(painted(shape, size=size)) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("kind, numbers", [(core.RECT, (-5, -5, 10, 10)), (core.DISC, (0, 0, 10 / np.sqrt(np.pi)))])
def test_what_lies_outside_is_cut_off(kind, numbers):
    assert area(painted((kind, core.ME, numbers))) == pytest.approx(25.0, rel=0.01)


@pytest.mark.parametrize(
    "kind, numbers",
    [
        (core.RECT, (-20, 10, 10, 10)),
        (core.RECT, (84, 84, 10, 10)),
        (core.DISC, (-6, 40, 5)),
        (core.DISC, (40, 1e9, 5)),
        (core.LINE, (-10, -10, -5, 90, 2)),
        (core.LINE, (30, 30, 30, 30, 5)),  # no length
        (core.TRIANGLE, (90, 10, 95, 10, 92, 30)),
        (core.TRIANGLE, (10, 10, 20, 20, 30, 30)),  # no area
        (core.GONE, (0, 0, 84, 84)),
    ],
)
def test_what_is_nowhere_in_the_picture_paints_nothing(kind, numbers):
    assert not painted((kind, core.ME, numbers)).any()


@pytest.mark.parametrize("kind, numbers", [(core.RECT, (0, 40, 3, 3)), (core.DISC, (0, 40, 2)), (core.LINE, (0, 40, 3, 42, 2))])
def test_a_shape_moves_smoothly(kind, numbers):
    """Moved by a tenth of a unit, its brightness stays and its centre moves by a tenth, at half the pixels too."""
    columns = np.arange(42) + 0.5
    centres, weights = [], []
    for shift in np.arange(20.0, 22.0, 0.1):
        moved = list(numbers)
        moved[0] += shift
        if kind == core.LINE:
            moved[2] += shift
        image = painted((kind, core.ME, moved), size=42).astype(float)
        weights.append(image.sum())
        centres.append((image.sum(0) * columns).sum() / image.sum() * 2)
    assert abs(np.diff(centres) - 0.1).max() < 0.04
    assert np.ptp(weights) < 0.02 * np.mean(weights)


def test_later_shapes_hide_earlier_ones():
    image = painted((core.RECT, core.ME, (10, 10, 10, 10)), (core.RECT, core.WALL, (12, 12, 2, 2)))
    assert image[12, 12] == raster.GREYS[core.WALL]
    assert image[10, 10] == WHITE


def test_tiles_fill_their_part_of_the_world():
    image = painted(size=42, grid=[[core.WALL, 0, core.GOAL], [0, core.WALL + 2, 0]])
    assert (image[:21, :14] == raster.GREYS[core.WALL]).all()
    assert (image[21:, 14:28] == raster.GREYS[core.WALL + 2]).all()
    assert (image[:21, 28:] == raster.GREYS[core.GOAL]).all()
    assert not image[:21, 14:28].any()


def test_roles_have_greys_of_their_own():
    greys = raster.GREYS[4:32].astype(int)
    assert len(np.unique(greys)) == 28
    assert (greys > 0).all()


def test_planes_hold_each_role_apart():
    array = frame((core.RECT, core.ME, (0, 0, 42, 84)), (core.RECT, core.WALL + 3, (0, 0, 84, 42)))
    planes = np.full((core.AGENT_ROLES, 4, 4), 77, np.uint8)
    plane_it(core.at(array, 0), 0, 0, np.zeros(12), planes)
    assert planes[core.ME // 4 - 1].tolist() == [[255, 255, 0, 0]] * 4
    assert planes[core.WALL // 4 - 1].tolist() == [[255] * 4] * 2 + [[0] * 4] * 2
    assert planes.sum() == 2 * 8 * 255


def test_objects_are_centres_and_sizes_from_minus_one_to_one():
    shapes = [
        (core.RECT, core.ME, (0, 21, 42, 42)),
        (core.GONE, 0, ()),
        (core.DISC, core.BALL + 1, (84, 42, 8.4)),
        (core.LINE, core.WALL, (84, 0, 0, 42, 3)),
        (core.TRIANGLE, core.ITEM, (0, 0, 84, 0, 42, 84)),
    ]
    array = frame(*shapes, grid=[[core.GOAL, 0]])
    out = np.full(6 * raster.OBJECT + 2, 9.0, np.float32)
    list_it(core.at(array, 0), 6, 1, 2, out)
    rows = out[: 6 * raster.OBJECT].reshape(6, raster.OBJECT)
    assert rows[0] == pytest.approx([0.25, 4 / 32, -0.5, 0.0, 0.5, 0.5])
    assert not rows[1].any()
    assert rows[2] == pytest.approx([0.5, 13 / 32, 1.0, 0.0, 0.2, 0.2])
    assert rows[3] == pytest.approx([0.75, 16 / 32, 0.0, -0.5, -1.0, 0.5])
    assert rows[4] == pytest.approx([1.0, 20 / 32, 0.0, 0.0, 1.0, 1.0])
    assert not rows[5].any()
    assert out[-2:] == pytest.approx([core.GOAL / 32, 0.0])


# --- numbers --------------------------------------------------------------------------------------------------------


def signs(value: int, height: int) -> list[str]:
    """The rows of a number that is painted at a pixel for each fifth of its height."""
    image = painted((core.NUMBER, core.ME, (42.5, 42.5, height, value))) == WHITE
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return ["".join(".#"[int(on)] for on in row) for row in part]


def test_the_signs_of_a_number_are_painted():
    assert signs(7, 5) == ["###", "..#", "..#", "..#", "..#"]
    assert signs(-204, 5) == [
        "....###.###.#.#",
        "......#.#.#.#.#",
        "###.###.#.#.###",
        "....#...#.#...#",
        "....###.###...#",
    ]
    assert signs(13568, 5) == [
        "#..###.###.###.###",
        "#....#.#...#...#.#",
        "#..###.###.###.###",
        "#....#...#.#.#.#.#",
        "#..###.###.###.###",
    ]
    assert signs(9, 5) == ["###", "#.#", "###", "..#", "###"]


def test_a_number_in_objects_is_its_value_between_minus_one_and_one():
    array = frame(*[(core.NUMBER, core.ITEM, (42, 21, 8.4, value)) for value in (0, 10, -30, 99_999)])
    out = np.zeros(4 * raster.OBJECT, np.float32)
    list_it(core.at(array, 0), 4, 0, 0, out)
    rows = out.reshape(4, raster.OBJECT)
    assert rows[1] == pytest.approx([-0.25, core.ITEM / 32, 0.0, -0.5, 0.5, 0.1])
    assert rows[:, 4] == pytest.approx([0.0, 0.5, -0.75, 99_999 / 100_009])


# --- the camera -----------------------------------------------------------------------------------------------------


def test_a_camera_places_what_follows_and_the_tiles_keep_its_first_place():
    array = frame()
    look_at(array[0], 100.0, 50.0)
    f = array[0]
    assert f["xy"][0, :4].tolist() == [42.0, 42.0, 2.0, 2.0]
    assert f["xy"][1, :4].tolist() == [42.0, 42.0, 5.0, core.LARGEST_NUMBER]
    assert f["xy"][2, :3].tolist() == [43.0, 44.0, 3.0]
    assert (f["tiles_left"], f["tiles_top"]) == (58.0, 8.0)


def test_a_mirrored_camera_flips_around_the_middle_of_the_picture():
    array = frame()
    array["flip"] = 1
    look_at(array[0], 100.0, 50.0)
    assert array["xy"][0, 0, :2].tolist() == [40.0, 42.0]  # the right edge of what was at 42 to 44
    assert array["xy"][0, 2, 0] == 41.0


def test_tiles_scroll_by_parts_of_a_pixel():
    grid = [[0, core.ME, 0, core.BALL]]  # of 84 × 84 units each, in a world of four pictures
    array = frame(grid=grid)
    array["tiles_left"] = 84.0 - 0.25
    image = np.zeros((84, 84), np.uint8)
    paint_part(core.at(array, 0), 1, 4, 336.0, 84.0, np.zeros(92), image)
    assert image[0, :2].tolist() == [round(0.75 * WHITE), WHITE]
    assert (image[:, 1:] == WHITE).all()
    array["tiles_left"] = 400.0
    paint_part(core.at(array, 0), 1, 4, 336.0, 84.0, np.zeros(92), image)
    assert not image.any()


def test_objects_hold_the_tiles_in_sight_and_where_the_picture_cuts_them():
    array = frame(grid=[[core.ME, core.OTHER, core.BALL, core.WALL], [core.ITEM, core.DANGER, core.GOAL, core.ME]])
    array["tiles_left"], array["tiles_top"] = 52.5, -21.0  # tiles of 42 × 42
    seen = raster.tiles_in_view((2, 4), (168.0, 84.0))
    assert seen == (3, 3)
    out = np.full(3 * 3 + 2, 9.0, np.float32)
    list_part(core.at(array, 0), 0, 2, 4, 168.0, 84.0, seen, out)
    tiles = (out[:9].reshape(3, 3) * 32).tolist()
    assert tiles == [[0, 0, 0], [core.OTHER, core.BALL, core.WALL], [core.DANGER, core.GOAL, core.ME]]
    assert out[9:] == pytest.approx([0.25, 0.5])


def test_what_a_camera_leaves_out_of_sight_is_absent():
    inside = [(core.RECT, (-8.0, 0, 2.5, 1)), (core.DISC, (92.0, 1, 3)), (core.LINE, (0, -9, 5, -5, 1))]
    outside = [(core.RECT, (-9.0, 0, 2.5, 1)), (core.DISC, (94.0, 1, 3)), (core.LINE, (0, -9, 5, -7, 1))]
    inside.append((core.TRIANGLE, (95, 1, 91, 1, 89, 1)))
    outside.append((core.TRIANGLE, (95, 1, 91, 1, 92, 1)))
    array = frame(*[(kind, core.ME, xy) for kind, xy in (*inside, *outside)])
    hide(array[0])
    assert array["kind"][0, :8].tolist() == [kind for kind, _ in inside] + [core.GONE] * 4


def test_cues_are_gathered_in_a_frame():
    array = frame()
    sound(array[0])
    assert [name for bit, name in enumerate(core.CUES) if array["cues"][0] >> bit & 1] == ["hit", "pick"]
