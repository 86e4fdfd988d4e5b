"""The engine's compiled loops. `games.compile_game` loads this file once for each game, under a name of its own, with
the game's functions and constants as the globals listed below, so that numba inlines a game into its loops.

`*_slice` functions work on environments or rows lo … hi-1 and release the GIL: threads share a batch by slices.
"""

import numba
import numpy as np

from games import raster
from games.core import PLAIN, at, fraction, jit, mix, u64

# Given by the loader before this file runs; named here for the reader and the type checker.
GAME: dict
step, reset, build, draw, legal, asks, bot = (GAME[name] for name in ("step", "reset", "build", "draw", "legal", "asks", "bot"))
HAS_ASKS: bool = GAME["HAS_ASKS"]  # seats decide when `asks` says so, and a decision lasts one tick
HAS_BUILD: bool = GAME["HAS_BUILD"]
PLAYERS: int = GAME["PLAYERS"]
NUM_ACTIONS: int = GAME["NUM_ACTIONS"]
MAX_TICKS: int = GAME["MAX_TICKS"]
SHAPES: int = GAME["SHAPES"]
ROWS, COLUMNS = GAME["GRID"] or (0, 0)
MIRRORED: bool = GAME["MIRRORED"]

RING = 64  # ticks a delayed decision can wait, and one more
NOTHING = -2  # an empty place in the ring
NO_ACTION = -1
EXTERNAL = -2.0  # in `bots`: this seat's decisions come from the caller
RANDOM = -1.0  # in `bots`: any legal action; from 0 to 1: the skill of the game's bot
RUNNING, OVER, OUT_OF_TIME = 0, 1, 2

# What the engine keeps of one environment beside the game's state.
SLOT = np.dtype([
    ("episode", "i8"),                      # number of the running episode
    ("held", "i2", (PLAYERS,)),             # the action in effect
    ("ring", "i2", (PLAYERS, RING)),        # decisions that have not taken effect, by tick % RING
    ("waiting", "u1", (PLAYERS,)),          # how many of them
    ("asked", "u1", (PLAYERS,)),            # this seat's caller owes a decision
    ("earned", "f8", (PLAYERS,)),           # reward since the seat was last asked
    ("returns", "f8", (PLAYERS,)),          # reward since the episode began
    ("decisions", "i4", (PLAYERS,)),        # decisions since the episode began
])  # fmt: skip


def entry(function):
    """A compiled function that Python calls, kept in the cache folder."""
    return function if PLAIN else numba.njit(error_model="numpy", nogil=True, cache=True)(function)


@jit
def start_episode(s, slot, env_id, seed, levels):
    """Level, stream and state of episode `slot.episode` of environment `env_id`."""
    source = mix(mix(mix(seed) ^ u64(env_id)) ^ u64(slot.episode))
    if len(levels):
        s.level = levels[int(mix(source ^ 1) % u64(len(levels)))]
    else:
        s.level = int(mix(source ^ 1) % u64(1_000_000_000))
    s.tick = 0
    s.over = 0
    if HAS_BUILD:
        s.rng = mix(u64(s.level) ^ 0x5DEECE66D5DEECE6)
        build(s)
    s.rng = source
    reset(s)
    for seat in range(PLAYERS):
        slot.held[seat] = NO_ACTION if HAS_ASKS else 0
        slot.waiting[seat] = 0
        slot.asked[seat] = 0
        slot.earned[seat] = 0.0
        slot.returns[seat] = 0.0
        slot.decisions[seat] = 0
        for k in range(RING):
            slot.ring[seat, k] = NOTHING


@jit
def is_asked(s, slot, seat, skip):
    """Does this seat decide now?"""
    if HAS_ASKS:
        return asks(s, seat) and slot.waiting[seat] == 0
    return s.tick % skip == 0


@jit
def submit(s, slot, seat, action, delay):
    """A seat's decision: takes effect `delay` ticks from now."""
    slot.decisions[seat] += 1
    if delay == 0 and slot.waiting[seat] == 0:
        slot.held[seat] = action
    else:
        slot.ring[seat, (s.tick + delay) % RING] = action
        slot.waiting[seat] += 1


@jit
def scripted(s, seat, skill, mask):
    """The decision of the game's bot, or of chance. `mask` is scratch."""
    if skill >= 0.0:
        return int(bot(s, seat, skill))
    mask[:] = 1
    legal(s, seat, mask)
    chance = fraction(mix(u64(s.rng) ^ mix(u64(s.tick * 2 + seat) ^ 0x9E3779B97F4A7C15)))
    nth = int(chance * mask.sum())
    for action in range(NUM_ACTIONS):
        if mask[action]:
            if nth == 0:
                return action
            nth -= 1
    return NO_ACTION


@jit
def tick(s, slot, acting, rewards):
    """One tick of the game. `acting` and `rewards` are scratch [P]."""
    for seat in range(PLAYERS):
        if slot.waiting[seat]:
            place = s.tick % RING
            if slot.ring[seat, place] != NOTHING:
                slot.held[seat] = slot.ring[seat, place]
                slot.ring[seat, place] = NOTHING
                slot.waiting[seat] -= 1
        acting[seat] = slot.held[seat]
        if HAS_ASKS:
            slot.held[seat] = NO_ACTION
        rewards[seat] = 0.0
    step(s, acting, rewards)
    s.tick += 1
    for seat in range(PLAYERS):
        slot.earned[seat] += rewards[seat]
        slot.returns[seat] += rewards[seat]


@jit
def ask(s, slot, bots, skip, delay, mask):
    """Let the scripted seats decide. True where a caller's seat is asked (or, where all are scripted, any seat)."""
    caller = False
    external = False
    scripted_asked = False
    for seat in range(PLAYERS):
        if bots[seat] == EXTERNAL:
            external = True
            if is_asked(s, slot, seat, skip[seat]):
                slot.asked[seat] = 1
                caller = True
        elif is_asked(s, slot, seat, skip[seat]):
            submit(s, slot, seat, scripted(s, seat, bots[seat], mask), delay[seat])
            scripted_asked = True
    return caller if external else scripted_asked


@jit
def end_of(s):
    if s.over:
        return OVER
    return OUT_OF_TIME if s.tick >= MAX_TICKS else RUNNING


@jit
def open_episode(s, slot, env_id, seed, levels, bots, skip, delay, limit, acting, scratch, mask):
    """Begin episodes until one asks a caller's seat (at once, but for games where a scripted seat may begin)."""
    while True:
        start_episode(s, slot, env_id, seed, levels)
        left = limit
        while not ask(s, slot, bots, skip, delay, mask):
            if left == 0:
                return
            left -= 1
            tick(s, slot, acting, scratch)
            if end_of(s) != RUNNING:
                break
        else:
            return
        slot.episode += 1


@entry
def start_slice(lo, hi, states, slots, env_ids, seed, levels, bots, skip, delay, limit):
    """Begin the episode each slot names."""
    acting = np.zeros(PLAYERS, np.int64)
    scratch = np.zeros(PLAYERS)
    mask = np.ones(NUM_ACTIONS, np.uint8)
    for i in range(lo, hi):
        open_episode(
            at(states, i), at(slots, i), env_ids[i], seed, levels, bots[i], skip[i], delay[i], limit, acting, scratch, mask
        )


@entry
def step_slice(
    lo, hi, states, slots, env_ids, seed, levels, bots, skip, delay, limit,
    actions, rewards, end, final, returns, ticks,
):  # fmt: skip
    """Advance each environment by one decision, or by `limit` ticks if that comes first (`Batch.step`)."""
    acting = np.zeros(PLAYERS, np.int64)
    scratch = np.zeros(PLAYERS)
    mask = np.ones(NUM_ACTIONS, np.uint8)
    for i in range(lo, hi):
        s, slot = at(states, i), at(slots, i)
        for seat in range(PLAYERS):
            if slot.asked[seat]:
                slot.asked[seat] = 0
                submit(s, slot, seat, actions[i, seat], delay[i, seat])
        left = limit
        ended = RUNNING
        while True:
            tick(s, slot, acting, scratch)
            left -= 1
            ended = end_of(s)
            if ended != RUNNING or ask(s, slot, bots[i], skip[i], delay[i], mask) or left == 0:
                break
        end[i] = ended
        for seat in range(PLAYERS):
            due = ended != RUNNING or slot.asked[seat] == 1
            rewards[i, seat] = slot.earned[seat] if due else 0.0
            if due:
                slot.earned[seat] = 0.0
        if ended != RUNNING:
            final[i] = states[i]
            ticks[i] = s.tick
            for seat in range(PLAYERS):
                returns[i, seat] = slot.returns[seat]
            slot.episode += 1
            open_episode(s, slot, env_ids[i], seed, levels, bots[i], skip[i], delay[i], limit, acting, scratch, mask)


@entry
def mask_slice(lo, hi, states, slots, envs, seats, masks):
    """What each row's seat may try; all 0 for a seat that is not asked."""
    for r in range(lo, hi):
        s, slot, seat = at(states, envs[r]), at(slots, envs[r]), seats[r]
        mask = masks[r]
        if slot.asked[seat]:
            mask[:] = 1
            legal(s, seat, mask)
        else:
            mask[:] = 0


# --- what a seat sees -----------------------------------------------------------------------------------------------


@jit
def compose(s, f, seat, people):
    """The display list of a state as a seat sees it (-1: a spectator); `people` keeps the decor."""
    f.count = 0
    f.flip = 1 if MIRRORED and seat == 1 else 0
    f.people = people
    if ROWS:
        f.grid[:] = 0
    draw(s, f, seat)
    if ROWS and f.flip:
        for row in range(ROWS):
            for column in range(COLUMNS // 2):
                other = COLUMNS - 1 - column
                f.grid[row, column], f.grid[row, other] = f.grid[row, other], f.grid[row, column]


@entry
def frame_slice(lo, hi, states, envs, seats, frames, people):
    """Display lists, one a row, for windows and checks."""
    for r in range(lo, hi):
        compose(at(states, envs[r]), at(frames, r), seats[r], people)


@entry
def pixels_slice(lo, hi, states, envs, seats, frames, scratch, out):
    """uint8 [rows, size, size]: grey levels, area coverage. `frames` and `scratch`: one each a slice."""
    f = at(frames, 0)
    for r in range(lo, hi):
        compose(at(states, envs[r]), f, seats[r], 0)
        raster.paint(f, ROWS, COLUMNS, scratch, out[r])


@entry
def planes_slice(lo, hi, states, envs, seats, frames, scratch, out):
    """uint8 [rows, roles, size, size]: coverage of each role, 0-255."""
    f = at(frames, 0)
    for r in range(lo, hi):
        compose(at(states, envs[r]), f, seats[r], 0)
        raster.paint_planes(f, ROWS, COLUMNS, scratch, out[r])


@entry
def objects_slice(lo, hi, states, envs, seats, frames, scratch, out):
    """float32 [rows, SHAPES * 7 + tiles]: see `raster.list_objects`."""
    f = at(frames, 0)
    for r in range(lo, hi):
        compose(at(states, envs[r]), f, seats[r], 0)
        raster.list_objects(f, SHAPES, ROWS, COLUMNS, out[r])
