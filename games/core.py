"""The vocabulary of a game file: `jit`, the random stream, the display list and its verbs.

The world is 84 × 84 units, y down. A game's `draw` appends shapes to a frame; the window, the videos and every
observation are made from that one list (`games.engine.raster` for agents, `games.render.renderer` for people).
"""

import warnings

import numba
import numba.extending
import numpy as np
from numba.core.errors import NumbaExperimentalFeatureWarning

WORLD = 84.0  # the picture's width and height, world units; the world's too, but for games with a camera
TICKS_PER_SECOND = 60

PLAIN = bool(numba.config.DISABLE_JIT)  # NUMBA_DISABLE_JIT=1: the same functions as plain Python, to check against

# If one game's STATE begins with all fields of another's, numba may use one compiled `uniform` for both, and warns about it.
warnings.filterwarnings("ignore", ".* considered a subtype of", NumbaExperimentalFeatureWarning)

# The first fields of every game's STATE. The engine writes rng, tick and level; the game sets `over`.
COMMON = [
    ("rng", "u8"),  # the random stream: only `uniform` moves it
    ("tick", "i4"),  # ticks since the episode began
    ("over", "u1"),  # 1: the rules have ended the episode
    ("level", "i4"),  # number of the level `build` makes; from 1,000,000,000: held out for tests
]

# Roles. A shape's or tile's code is its role plus a tone 0-3: `WALL + 1`.
ME, OTHER, BALL, WALL, ITEM, DANGER, GOAL, DECOR = range(4, 36, 4)
ROLES = ("", "me", "other", "ball", "wall", "item", "danger", "goal", "decor")  # by code // 4
AGENT_ROLES = len(ROLES) - 2  # decor is for people only

# Kinds of shape; the numbers in `xy` are (left, top, width, height), (centre x, y, radius), (x, y, x, y, width), 3 points,
# and of a number (centre x, y, height, value).
GONE, RECT, DISC, LINE, TRIANGLE, NUMBER = range(6)
LARGEST_NUMBER = 99_999  # a larger one is shown as this one

# Cues: sounds by name, as bits of a frame's `cues`.
HIT, BOUNCE, BREAK, POINT, LOSS, PICK, DROP, MOVE = (1 << _bit for _bit in range(8))
CUES = ("hit", "bounce", "break", "point", "loss", "pick", "drop", "move")  # by bit

DECOR_ROOM = 128  # shapes of decor that a frame for people can hold in addition to the game's SHAPES


def jit(function):
    """Mark a function as compiled: every function that the rules, the drawing or the bot call needs it.

    The function is limited to numba's nopython mode: numbers, arrays, the fields of the state, other `jit` functions. With
    NUMBA_DISABLE_JIT=1 it stays a plain Python function.
    """
    # _nrt=True: a game may allocate arrays. The engine's loops that call it may not, and numba would pass that setting down.
    return function if PLAIN else numba.njit(error_model="numpy", nogil=True, _nrt=True, no_cfunc_wrapper=True)(function)


def engine_jit(function=None, *, cache=False):
    """`jit` for the engine's own loops: without reference counting, since they allocate nothing.

    Reference counting costs an atomic operation for each array passed to a function, more than the work of most of these
    functions. Only functions with `cache=True` can be called from Python: the others get no Python wrapper.
    """
    if function is None:
        return lambda function: engine_jit(function, cache=cache)
    if PLAIN:
        return function
    options = {"cache": cache, "no_cpython_wrapper": not cache, "no_cfunc_wrapper": True}
    return numba.njit(error_model="numpy", nogil=True, _nrt=False, **options)(function)


def verb(function):
    """`jit` for functions that game files call with constants: numba compiles one version, not one for each constant."""
    return function if PLAIN else numba.extending.register_jitable(error_model="numpy", _nrt=False)(function)


# --- the random stream: splitmix64 (Steele, Lea & Flood 2014) -------------------------------------------------------

MASK64 = 0xFFFFFFFFFFFFFFFF
GOLDEN = 0x9E3779B97F4A7C15


def u64(x):
    """An integer as an unsigned 64-bit number."""
    return int(x) & MASK64


if not PLAIN:

    @numba.extending.overload(u64)
    def _compiled_u64(x):
        return lambda x: np.uint64(x)


@verb
def mix(z):
    """The splitmix64 finaliser: a 64-bit number to another, each bit depending on all.

    >>> hex(mix(0x9E3779B97F4A7C15))
    '0xe220a8397b1dcdaf'
    """
    z = u64(z)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return z ^ (z >> 31)


@verb
def fraction(z):
    """The upper 53 bits of a 64-bit number as a float in [0, 1)."""
    return float(u64(z) >> 11) * (1.0 / 9007199254740992.0)


@verb
def uniform(s):
    """The next number of the episode's random stream, in [0, 1). Advances `s.rng`: for `build`, `reset` and `step` only."""
    s.rng = (u64(s.rng) + GOLDEN) & MASK64
    return fraction(mix(s.rng))


@verb
def noise(s, seat, k):
    """A random number in [0, 1) computed from `s.rng`, the seat and `k`, without changing the state: for bots.

    Each `k` gives another number: `k=s.tick` changes it every tick, `k=<count of rallies>` keeps it for a whole rally.
    """
    return fraction(mix(u64(s.rng) ^ mix((u64(seat + 1) * 0xD1342543DE82EF95 + u64(k)) & MASK64)))


# --- the display list -----------------------------------------------------------------------------------------------


def frame_dtype(shapes, grid):
    """One frame's record: up to `shapes` shapes, decor beyond them, and the tiles. `grid`: (rows, columns) or None."""
    capacity = shapes + DECOR_ROOM
    return np.dtype(
        [
            ("count", "i4"),  # shapes so far
            ("flip", "u1"),  # 1: left and right change places (a mirrored view)
            ("people", "u1"),  # 1: decor is kept
            ("cameras", "u1"),  # 1: `camera` was called
            ("cues", "u1"),  # the cues of this tick, a bit for each
            ("left", "f8"),  # what is at the picture's left edge, for the shapes that come next, world units
            ("top", "f8"),
            ("tiles_left", "f8"),  # the same for the tiles, in a mirrored view measured from the world's right edge
            ("tiles_top", "f8"),
            ("kind", "u1", (capacity,)),
            ("code", "u1", (capacity,)),  # role + tone
            ("xy", "f8", (capacity, 6)),  # world units
            ("grid", "u1", grid or (1, 1)),  # role + tone, 0 for an empty tile
        ]
    )


@verb
def _row(f, kind, role):
    """Begin a shape and return its row; -1 if the list is full, or if it is decor and the frame is for agents."""
    if role >= DECOR and not f.people:
        return -1
    row = f.count
    f.count = row + 1  # keeps counting when full, so that games.check can say how many shapes there were
    if row >= len(f.kind):
        return -1
    f.kind[row] = kind
    f.code[row] = role
    return row


@verb
def _across(f, x):
    """A point's x in the picture: relative to the camera, and flipped in a mirrored view."""
    return WORLD - (x - f.left) if f.flip else x - f.left


@verb
def camera(f, x, y):
    """Put the point (x, y) of the world into the middle of the picture, for the shapes that follow.

    The tiles follow the first call of a frame. A later call places other shapes, as a background that moves more slowly, or
    with `camera(f, 42.0, 42.0)` what stands still in the picture.
    """
    f.left = x - 0.5 * WORLD
    f.top = y - 0.5 * WORLD
    if not f.cameras:
        f.cameras = 1
        f.tiles_left = f.left
        f.tiles_top = f.top


@verb
def cue(f, sound):
    """A sound of this tick, by name: HIT, BOUNCE, BREAK, POINT, LOSS, PICK, DROP or MOVE. Agents never learn of it."""
    f.cues |= sound


@verb
def rect(f, left, top, width, height, role):
    """A rectangle: left, top, width, height."""
    row = _row(f, RECT, role)
    if row >= 0:
        left -= f.left
        f.xy[row, 0] = WORLD - left - width if f.flip else left
        f.xy[row, 1] = top - f.top
        f.xy[row, 2] = width
        f.xy[row, 3] = height


@verb
def disc(f, x, y, radius, role):
    """A filled circle: centre and radius."""
    row = _row(f, DISC, role)
    if row >= 0:
        f.xy[row, 0] = _across(f, x)
        f.xy[row, 1] = y - f.top
        f.xy[row, 2] = radius


@verb
def line(f, x1, y1, x2, y2, width, role):
    """A thick line with square ends, from one point to another."""
    row = _row(f, LINE, role)
    if row >= 0:
        f.xy[row, 0] = _across(f, x1)
        f.xy[row, 1] = y1 - f.top
        f.xy[row, 2] = _across(f, x2)
        f.xy[row, 3] = y2 - f.top
        f.xy[row, 4] = width


@verb
def triangle(f, x1, y1, x2, y2, x3, y3, role):
    """A filled triangle, its corners in any order."""
    row = _row(f, TRIANGLE, role)
    if row >= 0:
        f.xy[row, 0] = _across(f, x1)
        f.xy[row, 1] = y1 - f.top
        f.xy[row, 2] = _across(f, x2)
        f.xy[row, 3] = y2 - f.top
        f.xy[row, 4] = _across(f, x3)
        f.xy[row, 5] = y3 - f.top


@verb
def number(f, x, y, height, value, role):
    """A whole number as text: its centre, the height of its digits, its value (-99,999 to 99,999) and its role.

    With the role DECOR it is for people only. With another one agents see it too: as digits in `pixels` and `planes`, as a
    value in `objects`. Never show an agent its score.
    """
    row = _row(f, NUMBER, role)
    if row >= 0:
        f.xy[row, 0] = _across(f, x)
        f.xy[row, 1] = y - f.top
        f.xy[row, 2] = height
        f.xy[row, 3] = min(max(int(value), -LARGEST_NUMBER), LARGEST_NUMBER)


@verb
def gone(f):
    """An absent shape: takes a row, so that row k of `objects` always stands for the same thing."""
    _row(f, GONE, 0)


# --- records in plain Python ----------------------------------------------------------------------------------------


def _must_fit(name, dtype, value):
    """`ValueError` where compiled code says nothing: a field of integers would cut a number off, or one is not finite."""
    if dtype.kind == "f" and not np.isfinite(value).all():
        lost = [number for number in np.ravel(value).tolist() if not np.isfinite(number)]
        raise ValueError(f"{lost[0]:g} is written into the field {name}, which must be a number")
    if dtype.kind in "iu" and not isinstance(value, int):
        lost = [number for number in np.ravel(value).tolist() if number % 1 != 0]  # or not finite
        if lost:
            raise ValueError(
                f"{lost[0]:g} is written into the field {name}, which holds integers ({dtype.str[1:]}) and cuts it off: "
                "write int() or round(), or make it an f8"
            )


class PlainArray(np.ndarray):
    """An array field whose elements are read as Python's own numbers, and which cuts nothing off."""

    field = "of an array"

    def __array_finalize__(self, whole):
        self.field = getattr(whole, "field", self.field)

    def __getitem__(self, index):
        value = super().__getitem__(index)
        return value.item() if isinstance(value, np.generic) else value

    def __setitem__(self, index, value):
        _must_fit(self.field, self.dtype, value)
        super().__setitem__(index, value)

    def __iter__(self):
        return (self[k] for k in range(len(self)))


class PlainRecord:
    """Attribute access to one element of a structured array, with Python's own numbers (plain Python mode only).

    NumPy's scalars would stay narrow (`u1 * int` wraps) where compiled code widens them.
    """

    def __init__(self, array, index):
        object.__setattr__(self, "_record", array[index : index + 1])

    def __getattr__(self, name):
        field = self._record[name][0]
        if not isinstance(field, np.ndarray):
            return field.item()
        array = field.view(PlainArray)
        array.field = name
        return array

    def __setattr__(self, name, value):
        _must_fit(name, self._record.dtype[name].base, value)
        self._record[name][0] = value


if PLAIN:

    def at(records, i):
        """Element i of a structured array, its fields as attributes."""
        return PlainRecord(records, i)

else:

    @numba.njit
    def at(records, i):
        """Element i of a structured array, its fields as attributes.

        Called from Python it is a copy (findings/numba_returned_record_is_a_copy.sh): there pass `records[i]`.
        """
        return records[i]
