"""Levels: each depends on its number alone, and each can be solved."""

import hashlib

import numpy as np

from games import core
from games.check.compare import contents
from games.check.definition import Failed, check
from games.engine.batch import HELD_OUT
from games.engine.loader import Game

SOLVED = 10_000  # number of levels given to the solver


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
    return f"{len(training)} of {len(numbers)} are different"


@check("every level can be solved", about="build", calls=("step",))
def solvable(game: Game) -> str:
    solver = getattr(game.module, "solvable", None)
    if solver is None:
        return "no solver"
    if not game.has_build:
        raise Failed("solvable needs the function build")
    numbers = np.concatenate([np.arange(SOLVED - SOLVED // 10), HELD_OUT + np.arange(SOLVED // 10)])
    states = built(game, numbers)
    unsolved = [int(numbers[k]) for k in range(len(states)) if not solver(states[k])]
    if unsolved:
        raise Failed(f"{len(unsolved)} of {len(numbers)} levels cannot be solved, level {unsolved[0]} the first")
    return f"{len(numbers):,} levels"
