"""A display list as agents observe it: grey levels with area coverage, a plane for each role, or a list of objects.

Compiled; `games.engine.kernel` calls it for whole batches. Coordinates are in world units and are scaled to the image.
"""

import numpy as np

from games.core import AGENT_ROLES, DISC, GONE, LINE, RECT, WORLD, engine_jit

# Grey level of each code (role + tone); the background is 0. Roles lie far apart, tones close together.
GREYS = np.zeros(36, np.uint8)
for _role, _grey in enumerate((255, 140, 225, 80, 190, 110, 165), start=1):  # me, other, ball, wall, item, danger, goal
    GREYS[4 * _role : 4 * _role + 4] = [_grey - 12 * _tone for _tone in range(4)]

LINES = 4  # coverage of curves and slopes is summed over so many scan lines a pixel row; along a scan line it is exact
OBJECT = 6  # numbers in `objects` for one shape


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
def fill_tile(image, row, column, height, width, grey):
    """Fill a tile; its height and width are in pixels."""
    fill_rect(image, column * width, row * height, (column + 1) * width, (row + 1) * height, grey, 0.0)


@engine_jit
def paint(f, rows, columns, scratch, image):
    """Paint grey levels into `image`, uint8 [size, size]: tiles first, then the shapes in their order."""
    image[:] = 0
    size = float(image.shape[0])
    for row in range(rows):
        for column in range(columns):
            code = f.grid[row, column]
            if code:
                fill_tile(image, row, column, size / rows, size / columns, float(GREYS[code]))
    for k in range(min(f.count, len(f.kind))):
        if f.kind[k] != GONE:
            fill_shape(image, f.kind[k], f.xy[k], float(GREYS[f.code[k]]), scratch)


@engine_jit
def paint_planes(f, rows, columns, scratch, image):
    """Paint each role's coverage, 0-255, into `image`, uint8 [roles, size, size]; roles do not hide each other."""
    image[:] = 0
    size = float(image.shape[1])
    for row in range(rows):
        for column in range(columns):
            role = f.grid[row, column] // 4
            if role:
                fill_tile(image[role - 1], row, column, size / rows, size / columns, 255.0)
    for k in range(min(f.count, len(f.kind))):
        role = f.code[k] // 4
        if f.kind[k] != GONE and role <= AGENT_ROLES:
            fill_shape(image[role - 1], f.kind[k], f.xy[k], 255.0, scratch)


@engine_jit
def unit(x):
    return min(max(x, -1.0), 1.0)


@engine_jit
def list_objects(f, shapes, rows, columns, out):
    """Write the shapes and the tiles as numbers in -1 … 1 into `out`, float32 [shapes * 6 + rows * columns].

    A shape is kind / 4, (role + tone) / 32, centre x and y (-1 … 1 across the world), width and height (1 is the
    world's; signed for a line, from its first point to its second); an absent one is six zeros. A tile is its code / 32.
    """
    present = min(f.count, shapes)
    for k in range(present):
        o = out[k * OBJECT : (k + 1) * OBJECT]
        kind = f.kind[k]
        x, y, w, h = f.xy[k, 0], f.xy[k, 1], f.xy[k, 2], f.xy[k, 3]
        if kind == GONE:
            o[:] = 0.0
            continue
        if kind == RECT:
            x, y = x + 0.5 * w, y + 0.5 * h
        elif kind == DISC:
            w = h = 2.0 * f.xy[k, 2]
        elif kind == LINE:
            x, y, w, h = 0.5 * (x + w), 0.5 * (y + h), w - x, h - y
        else:
            x0, x1 = min(x, w, f.xy[k, 4]), max(x, w, f.xy[k, 4])
            y0, y1 = min(y, h, f.xy[k, 5]), max(y, h, f.xy[k, 5])
            x, y, w, h = 0.5 * (x0 + x1), 0.5 * (y0 + y1), x1 - x0, y1 - y0
        o[0] = kind / 4.0
        o[1] = f.code[k] / 32.0
        o[2] = unit(x * (2.0 / WORLD) - 1.0)
        o[3] = unit(y * (2.0 / WORLD) - 1.0)
        o[4] = unit(w / WORLD)
        o[5] = unit(h / WORLD)
    out[present * OBJECT : shapes * OBJECT] = 0.0
    for row in range(rows):
        for column in range(columns):
            out[shapes * OBJECT + row * columns + column] = f.grid[row, column] / 32.0
