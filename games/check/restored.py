"""A saved game is data: whatever its fields hold, going on with it neither leaves an array nor takes for ever."""

import os
import sys
import threading
from collections.abc import Iterator

import numpy as np

from games import core
from games.check.definition import DRAWN, Failed, check
from games.check.play import display_lists, every_row, pick, world_masks
from games.check.process import FAILED_CHILD, elsewhere, task
from games.engine import levels
from games.engine.bank_file import check_playable
from games.engine.batch import Batch
from games.engine.levels import Levels
from games.engine.loader import Game
from games.errors import UserError

WHOLE = (-1, 2, 3, 8, 64, 1000)  # tried in each field of whole numbers, beside the least and the greatest of its kind
LARGE = (-1e18, 1e18)  # in each field of other numbers
DECISIONS = 3  # played after each
PATIENCE = 5.0  # seconds for these


@task(plain=True)
def go_on_out_of_range(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """In plain Python, where an index that is too large raises: a state in the middle of a game, each field changed."""
    batch = Batch(game, 1, 7, bots=0.5)
    for _ in range(12):
        batch.step(np.zeros(batch.rewards.shape, np.int64))
    before, tried, refused = batch.arrays(), 0, 0
    before = {name: array.copy() for name, array in before.items()}
    for field, index, value in changes(game.state):
        for name, array in batch.arrays().items():
            array[...] = before[name]
        element = batch.states[field][0]
        if index is None:
            batch.states[field][0] = value
        else:
            element.reshape(-1)[index] = value
        tried += 1
        try:
            batch.restore(batch.snapshot())
        except UserError:
            refused += 1
            continue
        place = f"the field {field}{'' if index is None else f'[{index}]'}, restored as {value:,.0f}"
        go_on(batch, place)
    return {"tried": np.array(tried), "refused": np.array(refused)}


@task(plain=True)
def begin_out_of_range(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """In plain Python: a level as data, each field changed, asked for and begun as that of a file would be."""
    assert game.level is not None  # else the check does not ask
    before, tried, refused = levels.records(game, Levels("train", np.arange(1))), 0, 0
    for field, index, value in changes(game.level):
        bank = before.copy()
        if index is None:
            bank[field][0] = value
        else:
            bank[field][0].reshape(-1)[index] = value
        tried += 1
        place = f"the field {field}{'' if index is None else f'[{index}]'} of a level, read as {value:,.0f}"
        try:
            check_playable(game, bank, place)
            batch = Batch(game, 1, 7, bots=0.5, levels=levels.of_bank(game, bank))
        except UserError:
            refused += 1
            continue
        except IndexError as error:
            raise Failed(f"{place}: {error}; let the function solvable refuse it, and from_level only copy it") from error
        go_on(batch, place)
    return {"tried": np.array(tried), "refused": np.array(refused)}


def changes(record: np.dtype) -> Iterator[tuple[str, int | None, float]]:
    """Fields of a game's own, elements of those that are arrays, and the values that are put there."""
    for name in record.names or ():
        if name in dict(core.COMMON):
            continue
        base, shape = record[name].base, record[name].shape
        size = int(np.prod(shape))
        values: list[float] = list(LARGE)
        if base.kind in "iu":
            least, greatest = np.iinfo(base).min, np.iinfo(base).max
            values = [least, greatest, *(value for value in WHOLE if least <= value <= greatest)]
        elif base.kind != "f":
            continue  # truth values
        for index in sorted({0, size // 2, size - 1}) if shape else [None]:
            for value in values:
                yield name, index, value


def go_on(batch: Batch, place: str) -> None:
    """Play on, look at it and let the bots decide; `Failed` where an array is left, or it takes too long."""
    late = threading.Timer(PATIENCE, give_up, [f"{place}: still at work after {PATIENCE:.0f} s, a loop without an end?"])
    late.start()
    game, dice = batch.game, np.random.default_rng(7)
    rows = every_row(1, range(game.players))
    try:
        for _ in range(DECISIONS):
            for seat in range(game.players):
                game.functions["bot"](core.at(batch.states, 0), seat, 1.0)
            for people in (False, True):
                display_lists(batch, *rows, people)
            masks = world_masks(batch)
            batch.step(pick(masks, dice.random(masks.shape[:2])), game.frame_skip)
    except IndexError as error:
        raise Failed(f"{place}: {error}; write the function valid, which refuses such a state") from error
    except (ArithmeticError, ValueError):
        pass  # compiled code goes on with some number
    finally:
        late.cancel()


def give_up(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
    os._exit(FAILED_CHILD)


@check("a saved game that was changed is refused, or does no harm", about="valid", calls=(*DRAWN, "valid"))
def restored(game: Game) -> str:
    found = elsewhere(game, go_on_out_of_range)
    return f"{found['tried']} changes, {found['refused']} refused"


@check("a level that was changed is refused, or does no harm", about="solvable", calls=(*DRAWN, "from_level", "valid"))
def changed_levels(game: Game) -> str:
    if game.level is None:
        return "no levels as data"
    found = elsewhere(game, begin_out_of_range)
    return f"{found['tried']} changes, {found['refused']} refused"
