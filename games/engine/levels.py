"""The levels that a batch plays: by their numbers, from which `build` makes them, or from a bank, which is data.

A bank is a structured array [K] of the game's LEVEL, kept in a file (`games.engine.bank_file`). Numbers are not contents: two
numbers may make the same level, so held-out levels are compared with those of training as they are made.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from games.core import COMMON
from games.engine.constants import HELD_OUT
from games.engine.loader import Game
from games.errors import UserError

MOST_LEVELS = 1_000_000  # that a name or a bank lists: more are as good as any
TRIES = 10  # held-out numbers that are looked at for each level wanted, before there are too few


def _none() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Levels:
    """A set of levels. Each has a number: the one that `build` is given, or its place in the bank."""

    name: str = "train"  # as the user names it
    numbers: np.ndarray = field(default_factory=_none)  # int64 [K]; empty: any below HELD_OUT
    bank: np.ndarray | None = None  # structured [M] of the game's LEVEL; None: `build` makes them
    skipped: int = 0  # test levels left out, since training has them too

    @property
    def is_finite(self) -> bool:
        """Whether they are listed: some numbers, or a bank."""
        return len(self.numbers) > 0

    def note(self) -> str:
        """A line about what was left out; empty if nothing was."""
        if not self.skipped:
            return ""
        levels, them = ("level", "it") if self.skipped == 1 else ("levels", "them")
        return f"{self.skipped} {levels} of {self.name} left out: training has {them} too"


ANY = Levels()


def of_bank(game: Game, bank: np.ndarray, name: str = "a bank") -> Levels:
    """All levels of a bank; `UserError` if it is not one of the game's."""
    check_bank(game, bank, name)
    return Levels(name, np.arange(len(bank)), np.array(bank, game.level))


def check_bank(game: Game, bank: np.ndarray, name: str) -> None:
    """`UserError` unless an array is one of the game's levels, [K], with finite numbers."""
    if game.level is None:
        raise UserError(
            f"{game.heading} has no levels from a bank: its file has no LEVEL, from_level and to_level.\n"
            "docs/games.md says what these are. By number: train:1000, test."
        )
    if bank.dtype != game.level:
        raise UserError(f"{name} holds no levels of {game.heading}: {_difference(bank.dtype, game.level)}.")
    if bank.ndim != 1 or not 1 <= len(bank) <= MOST_LEVELS:
        raise UserError(f"{name} is no list of 1 to {MOST_LEVELS:,} levels: its shape is {bank.shape}.")
    for part in game.level.names or ():
        if bank.dtype[part].base.kind == "f":
            finite = np.isfinite(bank[part]).reshape(len(bank), -1).all(1)
            if not finite.all():
                raise UserError(f"{name}, level {finite.argmin()}: {part} is not finite.")


def _difference(found: np.dtype, wanted: np.dtype) -> str:
    """The first difference between two dtypes, in words."""
    if not found.names:
        return f"it holds {found}, not records"
    for name in wanted.names or ():
        if name not in found.names:
            return f"its levels lack the field '{name}'"
        if found[name] != wanted[name]:
            return f"its field '{name}' is {_form(found[name])}, and the game's is {_form(wanted[name])}"
    more = [name for name in found.names if name not in (wanted.names or ())]
    return f"its levels have the field '{more[0]}', which the game's lack" if more else "its fields stand in another order"


def _form(kind: np.dtype) -> str:
    return f"{kind.base.str[1:] if kind.base.isnative else kind.base.str} {kind.shape or ''}".strip()


# --- levels as they are made ------------------------------------------------------------------------------------------


def made(game: Game, levels: Levels, begin: bool = False) -> np.ndarray:
    """States [K], zero but for what `build` or `from_level` writes. begin: an episode has begun in them."""
    states = np.zeros(len(levels.numbers), game.state)
    states["level"] = levels.numbers
    game.kernel.build_slice(0, len(states), states, bank_array(game, levels), begin)
    return states


def bank_array(game: Game, levels: Levels) -> np.ndarray:
    """The bank that the kernel is given: an empty one where `build` makes the levels."""
    if levels.bank is not None:
        return levels.bank
    return np.zeros(0, np.uint8 if game.level is None else game.level)


def records(game: Game, levels: Levels) -> np.ndarray:
    """The levels as data, a structured array [K] of the game's LEVEL."""
    check_bank(game, np.zeros(1, game.level or np.uint8), game.heading)
    out = np.zeros(len(levels.numbers), game.level)
    game.kernel.to_level_slice(0, len(out), made(game, levels), out)
    return out


def contents(game: Game, levels: Levels) -> list[bytes]:
    """Each level as it is made, without its number: equal levels have equal contents."""
    states = made(game, levels)
    for name, _ in COMMON:
        states[name] = 0
    return [state.tobytes() for state in states]


def contents_of_all(game: Game, training: Iterable[Levels]) -> set[bytes]:
    """The contents of all levels that are listed; levels of any number are none that could be compared."""
    return {content for levels in training if levels.is_finite for content in contents(game, levels)}


def without(game: Game, levels: Levels, *training: Levels) -> Levels:
    """Those of some levels that are none of training's; `UserError` if that leaves none."""
    taken = contents_of_all(game, training)
    if not taken:
        return levels
    fresh = np.array([content not in taken for content in contents(game, levels)])
    if not fresh.any():
        raise UserError(f"No level of {levels.name} is held out: training has them all.\nName other levels, or more of them.")
    return replace(levels, numbers=levels.numbers[fresh], skipped=int((~fresh).sum()))


def held_out(game: Game, count: int, name: str, *training: Levels) -> Levels:
    """The first held-out levels of a game that are none of training's: `count` of them, or fewer if there are too few."""
    found = Levels(name, HELD_OUT + np.arange(count))
    taken, numbers, skipped = contents_of_all(game, training), list[int](), 0
    if not taken:
        return found
    for first in range(HELD_OUT, HELD_OUT + TRIES * count, count):
        candidates = replace(found, numbers=first + np.arange(count))
        for number, content in zip(candidates.numbers.tolist(), contents(game, candidates), strict=True):
            if len(numbers) < count:
                numbers += [number] * (content not in taken)
                skipped += content in taken
        if len(numbers) == count:
            break
    if not numbers:
        raise UserError(
            f"{game.heading} has no held-out levels: all {TRIES * count:,} that were tried are levels of training too."
        )
    return replace(found, numbers=np.array(numbers), skipped=skipped)


def digest(bank: np.ndarray) -> str:
    """SHA-256 of a bank's levels."""
    return hashlib.sha256(bank.tobytes()).hexdigest()
