"""The engine's compiled loops. `games.engine.loader` loads this file once for each game, under a module name of its own,
with the game's functions and constants in the global `GAME`, so that numba inlines the game into the loops.

`*_slice` functions work on environments or rows lo … hi-1 and release the GIL: each thread works on a slice of the batch.
"""

import numpy as np

from games.core import GOLDEN, WORLD, at, engine_jit, fraction, mix, u64
from games.engine import raster
from games.engine.constants import (
    EXTERNAL,
    HELD_OUT,
    LEVEL_STREAM,
    LONGEST_DELAY,
    NO_ACTION,
    NOTHING,
    OUT_OF_TIME,
    OVER,
    RING,
    RUNNING,
)

# Set by the loader before this file runs; declared here for the reader and the type checker.
GAME: dict
step, reset, build, draw, legal, asks, bot = (GAME[name] for name in ("step", "reset", "build", "draw", "legal", "asks", "bot"))
valid, from_level, to_level, solvable = (GAME[name] for name in ("valid", "from_level", "to_level", "solvable"))
HAS_ASKS: bool = GAME["HAS_ASKS"]  # seats decide when `asks` returns True, and a decision lasts one tick
HAS_BUILD: bool = GAME["HAS_BUILD"]
HAS_LEVEL: bool = GAME["HAS_LEVEL"]  # levels may come from a bank
PLAYERS: int = GAME["PLAYERS"]
NUM_ACTIONS: int = GAME["NUM_ACTIONS"]
MAX_TICKS: int = GAME["MAX_TICKS"]
SHAPES: int = GAME["SHAPES"]
ROWS, COLUMNS = GAME["GRID"] or (0, 0)
WIDTH, HEIGHT = GAME["WORLD"]  # of the world, world units
SEEN = raster.tiles_in_view(GAME["GRID"], GAME["WORLD"])
MIRRORED: bool = GAME["MIRRORED"]
HAS_CAMERA: bool = GAME["HAS_CAMERA"]
NUMBERS = True if GAME["HAS_NUMBERS"] else None

PATIENCE = 1000  # episodes in a row that never ask a seat of the caller's; after so many, a call gives up
assert RING > LONGEST_DELAY

# The engine's record of one environment, beside the game's state. It also holds the scratch arrays of a tick: passing
# arrays from function to function would count references, which costs more than the work.
SLOT = np.dtype([
    ("episode", "i8"),                              # number of the running episode
    ("held", "i2", (PLAYERS,)),                     # the action in effect
    ("waiting", "u1", (PLAYERS,)),                  # number of decisions that have not taken effect
    ("asked", "u1", (PLAYERS,)),                    # 1: the caller must decide for this seat
    ("due", "i4", (PLAYERS,)),                      # tick of the seat's next decision (not with `asks`)
    ("decisions", "i4", (PLAYERS,)),                # decisions since the episode began
    ("pending_reward", "f8", (PLAYERS,)),           # reward since the seat was last asked
    ("returns", "f8", (PLAYERS,)),                  # reward since the episode began
    ("bot", "f8", (PLAYERS,)),                      # who decides: EXTERNAL, RANDOM, or the skill of the game's bot
    ("opening_min", "i4"), ("opening_max", "i4"),   # range of the number of random ticks that open an episode
    ("opening", "i4"),                              # number of random ticks that open this episode
    ("frame_skip", "i4", (PLAYERS,)),               # ticks between decisions
    ("delay", "i4", (PLAYERS,)),                    # ticks until a decision takes effect
    ("acting", "i8", (PLAYERS,)),                   # scratch: the actions of this tick
    ("reward", "f8", (PLAYERS,)),                   # scratch: the rewards of this tick
    ("mask", "u1", (NUM_ACTIONS,)),                 # scratch: a seat's legal actions
    ("ring", "i2", (PLAYERS, RING)),                # the waiting decisions, at index tick % RING
])  # fmt: skip


@engine_jit
def make_level(s, bank):
    """Write level `s.level` into the state: that of the bank, or, where the bank is empty, what `build` makes."""
    if HAS_BUILD:
        s.rng = mix(u64(s.level) ^ LEVEL_STREAM)
        if HAS_LEVEL and len(bank):
            from_level(s, at(bank, s.level))
        else:
            build(s)


@engine_jit
def start_episode(s, slot, env_id, seed, levels, bank):
    """Set the level, random stream and state of episode `slot.episode` of environment `env_id`."""
    source = mix(mix(mix(seed) ^ u64(env_id)) ^ u64(slot.episode))
    if len(levels):
        s.level = levels[int(mix(source ^ 1) % u64(len(levels)))]
    else:
        s.level = int(mix(source ^ 1) % u64(HELD_OUT))
    s.tick = 0
    s.over = 0
    make_level(s, bank)
    s.rng = source
    reset(s)
    slot.opening = slot.opening_min + int(mix(source ^ 2) % u64(slot.opening_max - slot.opening_min + 1))
    for seat in range(PLAYERS):
        slot.held[seat] = NO_ACTION if HAS_ASKS else 0
        slot.waiting[seat] = 0
        slot.due[seat] = 0
        slot.asked[seat] = 0
        slot.pending_reward[seat] = 0.0
        slot.returns[seat] = 0.0
        slot.decisions[seat] = 0
        for k in range(RING):
            slot.ring[seat, k] = NOTHING


@engine_jit
def is_asked(s, slot, seat):
    """Whether this seat decides now. Call it once a tick."""
    if HAS_ASKS:
        return asks(s, seat) and slot.waiting[seat] == 0
    if s.tick != slot.due[seat]:
        return False
    slot.due[seat] = s.tick + slot.frame_skip[seat]
    return True


@engine_jit
def submit(s, slot, seat, action):
    """Store a seat's decision, which takes effect after the seat's delay."""
    slot.decisions[seat] += 1
    delay = slot.delay[seat]
    if delay == 0 and slot.waiting[seat] == 0:
        slot.held[seat] = action
    else:
        slot.ring[seat, (s.tick + delay) % RING] = action
        slot.waiting[seat] += 1


@engine_jit
def scripted(s, slot, seat):
    """The decision of the game's bot, or a random legal action."""
    if slot.bot[seat] >= 0.0 and s.tick >= slot.opening:
        return int(bot(s, seat, slot.bot[seat]))
    mask = slot.mask
    mask[:] = 1
    legal(s, seat, mask)
    chance = fraction(mix(u64(s.rng) ^ mix(u64(s.tick * 2 + seat) ^ GOLDEN)))
    count = 0
    for action in range(NUM_ACTIONS):
        count += mask[action]
    nth = int(chance * count)
    for action in range(NUM_ACTIONS):
        if mask[action]:
            if nth == 0:
                return action
            nth -= 1
    return NO_ACTION


@engine_jit
def tick(s, slot):
    """Advance the game by one tick."""
    for seat in range(PLAYERS):
        if slot.waiting[seat]:
            place = s.tick % RING
            if slot.ring[seat, place] != NOTHING:
                slot.held[seat] = slot.ring[seat, place]
                slot.ring[seat, place] = NOTHING
                slot.waiting[seat] -= 1
        slot.acting[seat] = slot.held[seat]
        if HAS_ASKS:
            slot.held[seat] = NO_ACTION
        slot.reward[seat] = 0.0
    step(s, slot.acting, slot.reward)
    s.tick += 1
    for seat in range(PLAYERS):
        slot.pending_reward[seat] += slot.reward[seat]
        slot.returns[seat] += slot.reward[seat]


@engine_jit
def ask(s, slot):
    """Let the scripted seats decide. True if a seat of the caller's is asked (or any seat, if all are scripted)."""
    caller = False
    external = False
    scripted_asked = False
    for seat in range(PLAYERS):
        external = external or slot.bot[seat] == EXTERNAL
        if not is_asked(s, slot, seat):
            continue
        if slot.bot[seat] == EXTERNAL and s.tick >= slot.opening:
            slot.asked[seat] = 1
            caller = True
        else:
            submit(s, slot, seat, scripted(s, slot, seat))
            scripted_asked = True
    return caller if external else scripted_asked


@engine_jit
def end_of(s):
    if s.over:
        return OVER
    return OUT_OF_TIME if s.tick >= MAX_TICKS else RUNNING


@engine_jit(cache=True)
def step_slice(
    lo, hi, states, slots, env_ids, seed, levels, bank, limit, begin, actions, rewards, end, final, returns, ticks
):  # fmt: skip
    """Advance each environment by one decision, or by `limit` ticks if that comes first (`Batch.step`).

    `begin`: instead, start the episode whose number is in each slot. After an episode that ends before it has asked a seat
    of the caller's (a scripted seat may begin), the next one starts, so that one call never reports two ends.
    """
    for i in range(lo, hi):
        s, slot = at(states, i), at(slots, i)
        ended = RUNNING
        fresh = begin  # the slot's episode must still be started
        if not begin:
            for seat in range(PLAYERS):
                if slot.asked[seat]:
                    slot.asked[seat] = 0
                    submit(s, slot, seat, actions[i, seat])
        left, patience = limit, PATIENCE
        while True:
            if fresh:
                start_episode(s, slot, env_ids[i], seed, levels, bank)
                fresh = False
                if patience == 0:
                    break
            else:
                tick(s, slot)
                left -= 1
                ending = end_of(s)
                if ending != RUNNING:
                    if ended == RUNNING and not begin:
                        ended = ending
                        final[i] = states[i]
                        ticks[i] = s.tick
                        for seat in range(PLAYERS):
                            returns[i, seat] = slot.returns[seat]
                            rewards[i, seat] = slot.pending_reward[seat]
                    slot.episode += 1
                    patience -= 1
                    fresh = True
                    left = limit
                    continue
            if ask(s, slot) or left <= 0:
                break
        end[i] = ended
        if ended == RUNNING:
            for seat in range(PLAYERS):
                rewards[i, seat] = 0.0
                if slot.asked[seat]:
                    rewards[i, seat] = slot.pending_reward[seat]
                    slot.pending_reward[seat] = 0.0


@engine_jit(cache=True)
def scripted_slice(lo, hi, states, slots, envs, seats, bots, actions):
    """The decision of a scripted player, of a skill or RANDOM, for each row's seat, whoever sits there."""
    for r in range(lo, hi):
        s, slot, seat = at(states, envs[r]), at(slots, envs[r]), seats[r]
        seated = slot.bot[seat]
        slot.bot[seat] = bots[r]
        actions[r] = scripted(s, slot, seat)
        slot.bot[seat] = seated


@engine_jit(cache=True)
def mask_slice(lo, hi, states, slots, envs, seats, masks):
    """The legal actions of each row's seat; all 0 for a seat that is not asked."""
    for r in range(lo, hi):
        s, slot, seat = at(states, envs[r]), at(slots, envs[r]), seats[r]
        mask = masks[r]
        if slot.asked[seat]:
            mask[:] = 1
            legal(s, seat, mask)
        else:
            mask[:] = 0


@engine_jit(cache=True)
def valid_slice(lo, hi, states, out):
    """1 for each state that the game calls valid, 0 for others, uint8 [N]."""
    for i in range(lo, hi):
        out[i] = 1 if valid(at(states, i)) else 0


# --- levels (`games.engine.levels`) ---------------------------------------------------------------------------------


@engine_jit(cache=True)
def build_slice(lo, hi, states, bank, begin):
    """Make the level whose number is in each state; `begin`: and an episode in it."""
    for i in range(lo, hi):
        s = at(states, i)
        make_level(s, bank)
        if begin:
            reset(s)


@engine_jit(cache=True)
def to_level_slice(lo, hi, states, out):
    """Write each state's level into a record of LEVEL."""
    for i in range(lo, hi):
        to_level(at(states, i), at(out, i))


@engine_jit(cache=True)
def solvable_slice(lo, hi, states, out):
    """1 for each state whose level can be solved, 0 for others, uint8 [N]."""
    for i in range(lo, hi):
        out[i] = 1 if solvable(at(states, i)) else 0


# --- observations ---------------------------------------------------------------------------------------------------


@engine_jit
def compose(s, f, seat, people):
    """Fill `f` with the display list of a state as a seat sees it (-1: a spectator); `people`: with decor."""
    f.count = 0
    f.flip = 1 if MIRRORED and seat == 1 else 0
    f.people = people
    f.cameras = 0
    f.cues = 0
    f.left = f.top = f.tiles_left = f.tiles_top = 0.0
    if ROWS:
        f.grid[:] = 0
    draw(s, f, seat)
    if HAS_CAMERA and f.cameras:
        raster.hide_what_is_out_of_sight(f)
    if ROWS and f.flip:
        for row in range(ROWS):
            for column in range(COLUMNS // 2):
                other = COLUMNS - 1 - column
                f.grid[row, column], f.grid[row, other] = f.grid[row, other], f.grid[row, column]
        f.tiles_left = WIDTH - WORLD - f.tiles_left


@engine_jit(cache=True)
def frame_slice(lo, hi, states, envs, seats, frames, people):
    """One display list for each row, for windows and checks."""
    for r in range(lo, hi):
        compose(at(states, envs[r]), at(frames, r), seats[r], people)


@engine_jit(cache=True)
def pixels_slice(lo, hi, states, envs, seats, frames, scratch, out):
    """Paint grey levels by area coverage into the newest frame of `out`, uint8 [rows, stack, size, size].

    `frames` and `scratch` are working memory of this slice alone.
    """
    f = at(frames, 0)
    for r in range(lo, hi):
        compose(at(states, envs[r]), f, seats[r], 0)
        raster.paint(f, ROWS, COLUMNS, WIDTH, HEIGHT, NUMBERS, scratch, out[r, -1])


@engine_jit(cache=True)
def planes_slice(lo, hi, states, envs, seats, frames, scratch, out):
    """Paint each role's coverage, 0-255, into the newest frame of `out`, uint8 [rows, stack, roles, size, size]."""
    f = at(frames, 0)
    for r in range(lo, hi):
        compose(at(states, envs[r]), f, seats[r], 0)
        raster.paint_planes(f, ROWS, COLUMNS, WIDTH, HEIGHT, NUMBERS, scratch, out[r, -1])


@engine_jit(cache=True)
def objects_slice(lo, hi, states, envs, seats, frames, scratch, out):
    """Write `raster.list_objects` into the newest frame of `out`, float32 [rows, stack, SHAPES * 6 + tiles]."""
    f = at(frames, 0)
    for r in range(lo, hi):
        compose(at(states, envs[r]), f, seats[r], 0)
        raster.list_objects(f, SHAPES, ROWS, COLUMNS, WIDTH, HEIGHT, SEEN, out[r, -1])
