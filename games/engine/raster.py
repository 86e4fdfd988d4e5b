"""A display list as agents observe it: grey levels with area coverage, a plane for each role, or a list of objects.

Compiled; `games.engine.kernel` calls it for whole batches. Coordinates are in world units and are scaled to the image.
"""

import numpy as np

from games.core import AGENT_ROLES, DISC, GONE, LINE, NUMBER, RECT, WORLD, engine_jit

# Grey level of each code (role + tone); the background is 0. Roles lie far apart, tones close together.
GREYS = np.zeros(36, np.uint8)
for _role, _grey in enumerate((255, 140, 225, 80, 190, 110, 165), start=1):  # me, other, ball, wall, item, danger, goal
    GREYS[4 * _role : 4 * _role + 4] = [_grey - 12 * _tone for _tone in range(4)]

LINES = 4  # coverage of curves and slopes is summed over so many scan lines a pixel row; along a scan line it is exact
BORDER = 6.0  # world units around the picture in which a shape still counts as seen: its glow is
OBJECT = 6  # numbers in `objects` for one shape

# The signs of numbers as rectangles (left, top, width, height) in fifths of their height, on a cell 3 wide and 5 high. They
# overlap at their corners, since two that only touched would leave a seam. 0-9, and - at 10.
_TOP, _MIDDLE, _BOTTOM, _LEFT, _RIGHT = (0, 0, 3, 1), (0, 2, 3, 1), (0, 4, 3, 1), (0, 0, 1, 5), (2, 0, 1, 5)
_UPPER_LEFT, _LOWER_LEFT, _UPPER_RIGHT, _LOWER_RIGHT = (0, 0, 1, 3), (0, 2, 1, 3), (2, 0, 1, 3), (2, 2, 1, 3)
_SIGNS = (
    (_TOP, _BOTTOM, _LEFT, _RIGHT), ((1, 0, 1, 5),), (_TOP, _MIDDLE, _BOTTOM, _UPPER_RIGHT, _LOWER_LEFT),
    (_TOP, _MIDDLE, _BOTTOM, _RIGHT), (_UPPER_LEFT, _RIGHT, _MIDDLE), (_TOP, _MIDDLE, _BOTTOM, _UPPER_LEFT, _LOWER_RIGHT),
    (_TOP, _MIDDLE, _BOTTOM, _LEFT, _LOWER_RIGHT), (_TOP, _RIGHT), (_TOP, _MIDDLE, _BOTTOM, _LEFT, _RIGHT),
    (_TOP, _MIDDLE, _BOTTOM, _UPPER_LEFT, _RIGHT), (_MIDDLE,),
)  # fmt: skip
BARS = np.zeros((11, 5, 4))  # by sign; unused ones have no size
for _sign, _bars in enumerate(_SIGNS):
    BARS[_sign, : len(_bars)] = _bars
MINUS = 10


@engine_jit
def blend(row, column, grey, cover, hides):
    """Paint `grey` over a pixel of which it covers the fraction `cover`; `hides` as in `fill_rect`."""
    before = float(row[column])
    row[column] = min(int(before + (grey - hides * before) * cover + 0.5), 255)


@engine_jit
def fill_rect(image, x0, y0, x1, y1, grey, hides):
    """Fill a rectangle in pixel units, exactly. hides: 1.0, or 0.0 to add to the pixels' values.

    Tiles use 0.0: neighbours share pixels and do not hide each other, so adding them leaves no seam.
    """
    size = image.shape[0]
    x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, float(size)), min(y1, float(size))
    if x1 <= x0 or y1 <= y0:
        return
    first, last = int(x0), min(int(x1), size - 1)  # columns
    left = min(first + 1.0, x1) - x0
    right = x1 - last
    whole = int(grey)
    for y in range(int(y0), min(int(y1), size - 1) + 1):
        cover = min(y + 1.0, y1) - max(float(y), y0)
        row = image[y]
        blend(row, first, grey, cover * left, hides)
        if last > first:
            if cover >= 1.0:
                for column in range(first + 1, last):
                    row[column] = whole
            else:
                for column in range(first + 1, last):
                    blend(row, column, grey, cover, hides)
            if right > 0.0:
                blend(row, last, grey, cover * right, hides)


@engine_jit
def add_span(cover, x0, x1, weight):
    """Add the stretch from x0 to x1 to a row's coverage."""
    x0, x1 = max(x0, 0.0), min(x1, float(len(cover)))
    if x1 <= x0:
        return
    first, last = int(x0), min(int(x1), len(cover) - 1)
    if first == last:
        cover[first] += weight * (x1 - x0)
        return
    cover[first] += weight * (first + 1.0 - x0)
    for column in range(first + 1, last):
        cover[column] += weight
    cover[last] += weight * (x1 - last)


@engine_jit
def blend_row(row, cover, x0, x1, grey):
    """Paint a row by its coverage between x0 and x1, and set that coverage to 0."""
    for column in range(max(int(x0), 0), min(int(x1), len(cover) - 1) + 1):
        if cover[column] > 0.0:
            blend(row, column, grey, min(cover[column], 1.0), 1.0)
            cover[column] = 0.0


@engine_jit
def fill_disc(image, x, y, r, grey, cover):
    """Fill a disc in pixel units. `cover`: zeros [size], and zeros again afterwards."""
    size = image.shape[0]
    for line in range(max(int(y - r), 0), min(int(y + r), size - 1) + 1):
        for part in range(LINES):
            dy = line + (part + 0.5) / LINES - y
            square = r * r - dy * dy
            if square > 0.0:
                half = np.sqrt(square)
                add_span(cover, x - half, x + half, 1.0 / LINES)
        blend_row(image[line], cover, x - r, x + r, grey)


@engine_jit
def fill_convex(image, points, count, grey, cover):
    """Fill a convex polygon in pixel units: `points` is [count * 2] x, y in order. `cover` as in `fill_disc`."""
    if count < 3:
        return
    size = image.shape[0]
    x_low, x_high, y_low, y_high = points[0], points[0], points[1], points[1]
    for k in range(1, count):
        x_low, x_high = min(x_low, points[2 * k]), max(x_high, points[2 * k])
        y_low, y_high = min(y_low, points[2 * k + 1]), max(y_high, points[2 * k + 1])
    for line in range(max(int(y_low), 0), min(int(y_high), size - 1) + 1):
        for part in range(LINES):
            y = line + (part + 0.5) / LINES
            left, right = x_high, x_low
            for k in range(count):
                ax, ay = points[2 * k], points[2 * k + 1]
                after = 2 * ((k + 1) % count)
                bx, by = points[after], points[after + 1]
                if (ay <= y) != (by <= y):
                    x = ax + (bx - ax) * (y - ay) / (by - ay)
                    left, right = min(left, x), max(right, x)
            add_span(cover, left, right, 1.0 / LINES)
        blend_row(image[line], cover, x_low, x_high, grey)


@engine_jit
def line_corners(xy, corners):
    """Write the four corners of a thick line with square ends; returns 4, or 0 for a line without length."""
    dx, dy = xy[2] - xy[0], xy[3] - xy[1]
    length = np.sqrt(dx * dx + dy * dy)
    if length <= 0.0:
        return 0
    dx, dy = 0.5 * xy[4] * dx / length, 0.5 * xy[4] * dy / length
    corners[0], corners[1] = xy[0] - dy, xy[1] + dx
    corners[2], corners[3] = xy[2] - dy, xy[3] + dx
    corners[4], corners[5] = xy[2] + dy, xy[3] - dx
    corners[6], corners[7] = xy[0] + dy, xy[1] - dx
    return 4


@engine_jit
def signs_of(value):
    """The number of signs of a whole number: its digits, and a minus."""
    count, rest = (1, value) if value >= 0 else (2, -value)
    while rest >= 10:
        rest //= 10
        count += 1
    return count


@engine_jit
def sign_at(value, place, count):
    """The sign at a place of a whole number, from the left; `count`: its `signs_of`. 0-9, or MINUS."""
    if value < 0 and place == 0:
        return MINUS
    rest = abs(value)
    for _ in range(count - 1 - place):
        rest //= 10
    return rest % 10


@engine_jit
def fill_number(image, x, y, height, value, grey):
    """Fill the signs of a whole number around its centre, in pixel units."""
    fifth = height / 5.0
    count = signs_of(value)
    left, top = x - 0.5 * (4 * count - 1) * fifth, y - 0.5 * height
    for place in range(count):
        bars = BARS[sign_at(value, place, count)]
        for k in range(5):
            if bars[k, 2] > 0.0:
                x0, y0 = left + (4 * place + bars[k, 0]) * fifth, top + bars[k, 1] * fifth
                fill_rect(image, x0, y0, x0 + bars[k, 2] * fifth, y0 + bars[k, 3] * fifth, grey, 1.0)


@engine_jit
def fill_shape(image, kind, xy, grey, scratch):
    """Fill one shape of a display list, its numbers in world units. `scratch`: float64 [size + 8]."""
    scale = image.shape[0] / WORLD
    cover, corners = scratch[8:], scratch[:8]
    if kind == RECT:
        fill_rect(image, xy[0] * scale, xy[1] * scale, (xy[0] + xy[2]) * scale, (xy[1] + xy[3]) * scale, grey, 1.0)
    elif kind == DISC:
        fill_disc(image, xy[0] * scale, xy[1] * scale, xy[2] * scale, grey, cover)
    else:
        if kind == LINE:
            count = line_corners(xy, corners)
        else:
            count = 3
            for k in range(6):
                corners[k] = xy[k]
        for k in range(2 * count):
            corners[k] *= scale
        fill_convex(image, corners, count, grey, cover)


@engine_jit
def fill(image, kind, xy, grey, scratch, numbers):
    """`fill_shape`, or a number. numbers: None in games without any, which then compile two seconds faster."""
    if numbers is None:  # known while it compiles: what follows is left out
        fill_shape(image, kind, xy, grey, scratch)
    elif kind == NUMBER:
        scale = image.shape[0] / WORLD
        fill_number(image, xy[0] * scale, xy[1] * scale, xy[2] * scale, int(xy[3]), grey)
    else:
        fill_shape(image, kind, xy, grey, scratch)


@engine_jit
def visible(start, extent, count, size):
    """The tiles of one direction in a picture of `size` pixels: its start and a tile's size in pixels, the first tile in it and
    the one after its last. `start` of the picture and `extent` of the world in world units; `count` tiles in all."""
    start *= size / WORLD
    step = size * (extent / WORLD) / count
    first = max(int(np.floor(start / step)), 0)
    return start, step, first, min(int(np.floor((start + size) / step)) + 1, count)


@engine_jit
def paint(f, rows, columns, width, height, numbers, scratch, image):
    """Paint grey levels into `image`, uint8 [size, size]: tiles first, then the shapes in their order.

    `width`, `height`: of the world, which the tiles cover, world units; so in `paint_planes` and `list_objects`. `numbers`: as
    in `fill`.
    """
    image[:] = 0
    if rows:
        left, wide, first, last = visible(f.tiles_left, width, columns, float(image.shape[0]))
        top, high, upper, below = visible(f.tiles_top, height, rows, float(image.shape[0]))
        for row in range(upper, below):
            for column in range(first, last):
                code = f.grid[row, column]
                if code:
                    x, y, grey = column * wide - left, row * high - top, float(GREYS[code])
                    fill_rect(image, x, y, (column + 1) * wide - left, (row + 1) * high - top, grey, 0.0)
    for k in range(min(f.count, len(f.kind))):
        if f.kind[k] != GONE:
            fill(image, f.kind[k], f.xy[k], float(GREYS[f.code[k]]), scratch, numbers)


@engine_jit
def paint_planes(f, rows, columns, width, height, numbers, scratch, image):
    """Paint each role's coverage, 0-255, into `image`, uint8 [roles, size, size]; roles do not hide each other."""
    image[:] = 0
    if rows:
        left, wide, first, last = visible(f.tiles_left, width, columns, float(image.shape[1]))
        top, high, upper, below = visible(f.tiles_top, height, rows, float(image.shape[1]))
        for row in range(upper, below):
            for column in range(first, last):
                role = f.grid[row, column] // 4
                if role:
                    x, y = column * wide - left, row * high - top
                    fill_rect(image[role - 1], x, y, (column + 1) * wide - left, (row + 1) * high - top, 255.0, 0.0)
    for k in range(min(f.count, len(f.kind))):
        role = f.code[k] // 4
        if f.kind[k] != GONE and role <= AGENT_ROLES:
            fill(image[role - 1], f.kind[k], f.xy[k], 255.0, scratch, numbers)


@engine_jit
def reach(xy, first, count):
    """The smallest and largest of every second number of a shape: of `count` corners' x (first: 0) or y (1)."""
    low = high = xy[first]
    for k in range(1, count):
        low, high = min(low, xy[first + 2 * k]), max(high, xy[first + 2 * k])
    return low, high


@engine_jit
def is_out_of_sight(kind, xy):
    """Whether a shape lies more than BORDER outside the picture."""
    if kind == RECT:
        left, right, top, bottom = xy[0], xy[0] + xy[2], xy[1], xy[1] + xy[3]
    elif kind in (DISC, NUMBER):
        half = xy[2] if kind == DISC else 2.3 * xy[2]  # of six signs
        left, right, top, bottom = xy[0] - half, xy[0] + half, xy[1] - half, xy[1] + half
    else:
        count = 2 if kind == LINE else 3
        wide = 0.5 * xy[4] if kind == LINE else 0.0
        (left, right), (top, bottom) = reach(xy, 0, count), reach(xy, 1, count)
        left, right, top, bottom = left - wide, right + wide, top - wide, bottom + wide
    return max(-right, -bottom, left - WORLD, top - WORLD) > BORDER


@engine_jit
def hide_what_is_out_of_sight(f):
    """Make absent the shapes that a camera leaves outside the picture: so no agent knows more than the picture shows."""
    for k in range(min(f.count, len(f.kind))):
        if f.kind[k] != GONE and is_out_of_sight(f.kind[k], f.xy[k]):
            f.kind[k] = GONE


@engine_jit
def unit(x):
    return min(max(x, -1.0), 1.0)


@engine_jit
def describe_shape(kind, code, xy, o):
    """Write a shape's six numbers into `o`, float32 [6], as `list_objects` says."""
    x, y, w, h = xy[0], xy[1], xy[2], xy[3]
    if kind == RECT:
        x, y = x + 0.5 * w, y + 0.5 * h
    elif kind == DISC:
        w = h = 2.0 * xy[2]
    elif kind == LINE:
        x, y, w, h = 0.5 * (x + w), 0.5 * (y + h), w - x, h - y
    elif kind == NUMBER:
        w, h = WORLD * h / (abs(h) + 10.0), w
    else:
        x0, x1 = min(x, w, xy[4]), max(x, w, xy[4])
        y0, y1 = min(y, h, xy[5]), max(y, h, xy[5])
        x, y, w, h = 0.5 * (x0 + x1), 0.5 * (y0 + y1), x1 - x0, y1 - y0
    o[0] = -0.25 if kind == NUMBER else kind / 4.0
    o[1] = code / 32.0
    o[2] = unit(x * (2.0 / WORLD) - 1.0)
    o[3] = unit(y * (2.0 / WORLD) - 1.0)
    o[4] = unit(w / WORLD)
    o[5] = unit(h / WORLD)


@engine_jit
def list_objects(f, shapes, rows, columns, width, height, seen, out):
    """Write the shapes and the tiles as numbers in -1 … 1 into `out`, float32 [shapes * 6 + tiles].

    A shape is kind / 4, (role + tone) / 32, centre x and y (-1 … 1 across the picture), width and height (1 is the
    picture's; signed for a line, from its first point to its second); an absent one is six zeros. A number has kind -1/4, and
    its value v as v / (|v| + 10) in place of the width. A tile is its code / 32.
    seen: the rows and columns of tiles that a picture of a larger world can show (`tiles_in_view`), from the one at its upper
    left corner on, 0 beyond the world; then the part of that tile, across and down, that lies outside; (0, 0): the whole grid.
    """
    present = min(f.count, shapes)
    for k in range(present):
        o = out[k * OBJECT : (k + 1) * OBJECT]
        if f.kind[k] == GONE:
            o[:] = 0.0
        else:
            describe_shape(f.kind[k], f.code[k], f.xy[k], o)
    tiles = shapes * OBJECT
    out[present * OBJECT : tiles] = 0.0
    if not seen[0]:
        for row in range(rows):
            for column in range(columns):
                out[tiles + row * columns + column] = f.grid[row, column] / 32.0
        return
    right, down = f.tiles_left / (width / columns), f.tiles_top / (height / rows)  # of the picture's corner, tiles
    first, upper = int(np.floor(right)), int(np.floor(down))
    for k in range(seen[0]):
        for m in range(seen[1]):
            row, column = upper + k, first + m
            inside = 0 <= row < rows and 0 <= column < columns
            out[tiles + k * seen[1] + m] = f.grid[row, column] / 32.0 if inside else 0.0
    out[tiles + seen[0] * seen[1]] = right - first
    out[tiles + seen[0] * seen[1] + 1] = down - upper


def tiles_in_view(grid, world):
    """The rows and columns of tiles that a picture shows at most, wherever it is; (0, 0) if it always shows the whole grid.

    grid: (rows, columns) or None. world: its (width, height), world units.

    >>> tiles_in_view((12, 12), (84.0, 84.0)), tiles_in_view((12, 36), (252.0, 84.0))
    ((0, 0), (13, 13))
    """
    if grid is None or tuple(world) == (WORLD, WORLD):
        return 0, 0
    rows, columns = grid
    return int(np.ceil(WORLD / (world[1] / rows))) + 1, int(np.ceil(WORLD / (world[0] / columns))) + 1
