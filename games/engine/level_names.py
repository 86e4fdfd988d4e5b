"""The names of levels, the same in `train.py`, `play.py` and all environments: train, train:1000, test, test:200, a file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from games.engine import bank_file
from games.engine.contract import did_you_mean
from games.engine.levels import ANY, MOST_LEVELS, Levels, check_bank, held_out, of_bank, without
from games.engine.loader import Game
from games.errors import UserError

TESTS = 1000  # levels that `test` stands for
NAMES = ("train", "train:1000", "test", "test:200", "a bank's file (.npy or .json)")

LevelChoice: TypeAlias = Levels | int | str | Path | Sequence[int] | np.ndarray | None


def levels_of(game: Game, choice: LevelChoice, *training: Levels) -> Levels:
    """The levels that a user or a program names; `UserError` where the game has no such levels.

    choice: None or "train": any training level; a number or "train:1000": the first ones of training; "test", "test:200":
    of those that are held out; a bank, or its file; "test:FILE": those of a file that training has not; a list of numbers.
    training: the levels that agents have learned in; where they are listed, no held-out level equals one of them.
    """
    if choice is None or isinstance(choice, Levels):
        return _checked(game, choice or ANY)
    if isinstance(choice, str | Path):
        return _named(game, str(choice), *training)
    if isinstance(choice, np.ndarray) and choice.dtype.names:
        return of_bank(game, choice)
    numbers = np.arange(choice) if isinstance(choice, int | np.integer) else np.asarray(choice)
    if numbers.ndim != 1 or (numbers.dtype.kind not in "iu" and len(numbers)):
        raise UserError(f"Levels are a number, a list of numbers, a bank, or a name, not {str(choice)[:40]}.\n{_valid_names()}")
    if not len(numbers):
        raise UserError("A batch needs one level at least.")
    if numbers.min() < 0 or numbers.max() >= 1 << 31:
        raise UserError(f"A level's number is from 0 to {(1 << 31) - 1}.")
    return Levels(f"{len(numbers)} levels", numbers.astype(np.int64))


def _checked(game: Game, levels: Levels) -> Levels:
    """Levels that a program has made: compiled code would read beyond a bank that is another game's, or too short."""
    if levels.bank is not None:
        check_bank(game, levels.bank, levels.name)
        if len(levels.numbers) and not 0 <= levels.numbers.min() <= levels.numbers.max() < len(levels.bank):
            raise UserError(f"{levels.name} has {len(levels.bank):,} levels, and others than these are named.")
    return levels


def _valid_names() -> str:
    return f"Known: {', '.join(NAMES)}."


def is_file(name: str) -> bool:
    """Whether a name of levels is that of a bank's file."""
    return Path(name).suffix.lower() in (".npy", ".json")


def _named(game: Game, name: str, *training: Levels) -> Levels:
    kind, colon, rest = name.partition(":")
    if not game.has_build:
        raise UserError(f"{game.heading} has no levels to choose: its file has no function build.\nLeave out {name}.")
    if is_file(name) and not (kind == "test" and colon):
        return of_bank(game, bank_file.load(game, Path(name)), name)
    if kind == "test" and colon and is_file(rest):
        return without(game, replace(_named(game, rest), name=name), *training)
    if kind not in ("train", "test") or (colon and not rest.isdecimal()):
        raise UserError(f"There are no levels '{name}'.{did_you_mean(name, NAMES[:-1])}\n{_valid_names()}")
    count = int(rest[:20]) if colon else TESTS
    if not 1 <= count <= MOST_LEVELS:
        raise UserError(f"{kind}:N names from 1 to {MOST_LEVELS:,} levels, not {rest[:20]}.")
    if kind == "train":
        return Levels(name, np.arange(count)) if colon else ANY
    return held_out(game, count, name, *training)
