"""Levels: each depends on its number alone, each can be solved, and as data it is the same level."""

import hashlib

import numpy as np

from games import core
from games.check.compare import COMMON, as_bytes, changed, contents
from games.check.definition import Failed, check
from games.check.process import Arrays, children, elsewhere, task
from games.engine.batch import HELD_OUT
from games.engine.contract import line_of_name
from games.engine.loader import Game

SOLVED = 10_000  # number of levels given to the solver
AT_ONCE = 1_000  # of these that a process is given at a time
AS_DATA = 200  # number of levels that are written into records and back


def built(game: Game, numbers: np.ndarray, fill: int = 0) -> np.ndarray:
    """The levels of these numbers, which `build` makes in records filled with the byte `fill`."""
    states = np.zeros(len(numbers), game.state)
    states.view(np.uint8)[:] = fill
    states["tick"], states["over"], states["level"] = 0, 0, numbers
    states["rng"] = [int.from_bytes(hashlib.blake2b(str(n).encode(), digest_size=8).digest()) for n in numbers]
    for k in range(len(states)):
        game.module.build(core.at(states, k) if core.PLAIN else states[k])
    return states


@check("a level depends on its number alone, and held-out levels are others", about="build", calls=("step",))
def levels(game: Game) -> str:
    if not game.has_build:
        return "no levels"
    found = elsewhere(game, build_again)
    return f"{found['different']} of {found['count']} are different"


@task()
def build_again(game: Game, given: bytes) -> Arrays:
    """Levels, each built in several records, and held-out ones; the number of different ones."""
    numbers = np.arange(200)
    zeros, rubbish, again = (contents(built(game, numbers, fill)) for fill in (0x00, 0xAB, 0x00))
    untouched = (zeros == 0x00) & (rubbish == 0xAB)  # left to `reset`
    wrong = np.argwhere((zeros != rubbish) & ~untouched | (zeros != again))
    if len(wrong):
        raise Failed(f"level {wrong[0, 0]} depends on more than its number: built twice, it differs")
    held_out = {level.tobytes() for level in contents(built(game, HELD_OUT + numbers))}
    training = {level.tobytes() for level in zeros}
    if len(training) < 2:
        raise Failed(f"{len(numbers)} levels are all the same")
    if len(held_out - training) < len(held_out) / 2:
        raise Failed(f"of {len(held_out)} held-out levels, {len(held_out & training)} are training levels too")
    return {"different": np.array(len(training)), "count": np.array(len(numbers))}


@check("every level can be solved", about="build", calls=("step",))
def solvable(game: Game) -> str:
    if getattr(game.module, "solvable", None) is None:
        return "no solver"
    if not game.has_build:
        raise Failed("solvable needs the function build")
    numbers = np.concatenate([np.arange(SOLVED - SOLVED // 10), HELD_OUT + np.arange(SOLVED // 10)])
    unsolved: list[int] = []
    with children(game):  # one for all of them
        for part in np.split(numbers, SOLVED // AT_ONCE):
            try:
                unsolved += elsewhere(game, try_to_solve, part.tobytes())["unsolved"].tolist()
            except Failed as error:
                raise Failed(f"levels {part[0]} to {part[-1]}: {error}", error.functions) from error
    if unsolved:
        raise Failed(f"{len(unsolved)} of {len(numbers)} levels cannot be solved, level {unsolved[0]} the first")
    return f"{len(numbers):,} levels"


@task()
def try_to_solve(game: Game, given: bytes) -> Arrays:
    """Those of the levels of these numbers that the game's solver cannot solve."""
    numbers = np.frombuffer(given, np.int64)
    states = built(game, numbers)
    return {"unsolved": np.array([numbers[k] for k in range(len(states)) if not game.module.solvable(states[k])], np.int64)}


@check("a level survives the way into its record and back", about="from_level", calls=("step",))
def round_trip(game: Game) -> str:
    if game.level is None:
        return "no levels as data"
    elsewhere(game, write_and_read)
    return f"{AS_DATA} levels"


@task()
def write_and_read(game: Game, given: bytes) -> Arrays:
    """Levels into records and back."""
    assert game.level is not None  # else the check does not ask
    numbers = np.arange(AS_DATA)
    levels = written(game, built(game, numbers), 0x00)
    for name, again in zip(game.level.names or (), by_field(written(game, built(game, numbers), 0xAB)), strict=True):
        if (as_bytes(levels[name], 1) != again).any():
            raise Failed(f"to_level leaves {name} as it was: it must write each element of the record")
    for fill in (0x00, 0xAB):  # beside what is written, the level before it shows
        wanted, found = built(game, numbers, fill), read(game, levels, fill)
        for k in range(AS_DATA):
            differing = [name for name in changed(wanted[k], found[k]) if name not in COMMON]
            if differing:
                raise Failed(f"level {k}: {differing[0]} is not what build makes, written by to_level and read by from_level")
        back = written(game, found, 0x00)
        for name, after in zip(game.level.names or (), by_field(back), strict=True):
            if (as_bytes(levels[name], 1) != after).any():
                raise Failed(f"{name} of a level is another when from_level has read it and to_level has written it")
    check_reset(game, wanted, levels)
    return {}


def check_reset(game: Game, states: np.ndarray, levels: np.ndarray) -> None:
    """`reset` leaves alone what `build` has made: the records [N] of the states [N] are the same after it."""
    for k in range(len(states)):
        game.module.reset(core.at(states, k) if core.PLAIN else states[k])
    for name, after in zip(levels.dtype.names or (), by_field(written(game, states, 0x00)), strict=True):
        if (as_bytes(levels[name], 1) != after).any():
            line = line_of_name(game.tree, "reset")
            raise Failed(f"line {line}, reset: it changes {name} of the level, which build and from_level have made")


def by_field(records: np.ndarray) -> list[np.ndarray]:
    """The bytes [N, …] of each field: what lies between fields does not count."""
    return [as_bytes(records[name], 1) for name in records.dtype.names or ()]


def written(game: Game, states: np.ndarray, fill: int) -> np.ndarray:
    """The levels [N] that `to_level` writes into records filled with a byte; `Failed` if it changes a state."""
    records, before = np.zeros(len(states), game.level), states.copy()
    records.view(np.uint8)[:] = fill
    for k in range(len(states)):
        game.module.to_level(*(core.at(array, k) if core.PLAIN else array[k] for array in (states, records)))
        if touched := changed(before[k], states[k]):
            raise Failed(f"to_level changes {touched[0]} of the state: it may only write into the record")
    return records


def read(game: Game, levels: np.ndarray, fill: int) -> np.ndarray:
    """The states [N], filled with a byte, into which `from_level` writes the levels, in another order than they were built in.

    `Failed` if it changes a level.
    """
    states, given = np.zeros(len(levels), game.state), levels.copy()
    states.view(np.uint8)[:] = fill
    states["tick"], states["over"], states["level"], states["rng"] = 0, 0, np.arange(len(levels))[::-1], 1
    for k in range(len(levels)):
        game.module.from_level(*(core.at(array, k) if core.PLAIN else array[k] for array in (states, given)))
    if given.tobytes() != levels.tobytes():
        raise Failed("from_level changes the record: it may only write into the state")
    return states
