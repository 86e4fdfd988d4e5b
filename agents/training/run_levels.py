"""The levels of a run: which it learns in, the bank that its folder keeps, and the held-out levels that it is tested on."""

import hashlib
from pathlib import Path
from typing import Any

from agents.core import tensor_file
from agents.core.distributed import ProcessGroup
from agents.play.levels import BANK, chosen_levels, levels_of_run, read_bank
from agents.play.trainable import AnyGame
from agents.training.config import Config, RunSettings
from games.engine import bank_file
from games.engine.level_names import levels_of
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.errors import UserError

LONGEST = 200  # characters of a name in config.json


def settle(game: AnyGame, run: RunSettings, named: bool) -> bytes:
    """Check the levels of a new run, and note the digest of its bank; the bytes of the bank, empty if it has none.

    named: by the user, who is told if the game has no levels.
    """
    if run.levels == ANY.name and not named:
        return b""
    if run.levels.partition(":")[0] == "test":
        raise UserError(f"{run.levels}: these levels are held out from training.\nTrain in train, train:1000 or a file.")
    if len(run.levels) > LONGEST:
        raise UserError(f"A name of levels has {LONGEST} characters at most: give a shorter path than {run.levels}.")
    chosen = chosen_levels(game, run.levels)
    data = b"" if chosen.bank is None else bank_file.as_npy(chosen.bank)
    run.levels_digest = hashlib.sha256(data).hexdigest() if data else ""
    return data


def keep_bank(folder: Path, game: AnyGame, run: RunSettings) -> None:
    """Copy the bank of a new run, if it has one, into its folder: the run goes on when the file is gone or changed."""
    if not run.levels_digest:
        return
    before = run.levels_digest
    data = settle(game, run, named=True)
    if run.levels_digest != before:
        raise UserError(f"{run.levels} has just changed.\nTry again.")
    tensor_file.write_bytes(folder / BANK, data)


def training_levels(game: AnyGame, config: Config, folder: Path, group: ProcessGroup) -> Levels:
    """The levels that a run learns in. Rank 0 alone reads its bank, and the others get it."""
    run = config.run
    data, path = b"", folder / BANK
    if run.levels_digest:
        if group.rank:
            data = group.scatter_bytes(())
        else:
            data, path = read_bank(folder)
            group.scatter_bytes([data] * (group.size - 1))
    return levels_of_run(game, run.levels, run.levels_digest, data, path)


def held_out_levels(game: AnyGame, training: Levels) -> tuple[Levels | None, str]:
    """Held-out levels for a run that learns in listed ones, and a line about them; None where there are none to be had."""
    if not training.is_finite or not isinstance(game, Game):
        return None, ""
    try:
        tests = levels_of(game, "test", training)
    except UserError as error:
        return None, f"Learns in {training.name}; not tested: {str(error).splitlines()[0]}"
    note = f" ({tests.note()})" if tests.note() else ""
    return tests, f"Learns in {training.name}, and is tested on {len(tests.numbers):,} held-out levels too{note}"


def told(training: Levels, tests: Levels | None, summary: dict[str, Any]) -> dict[str, Any]:
    """The entries of results.json about levels, with the evaluation on held-out ones; none for a run of any levels."""
    if not training.is_finite:
        return {}
    if tests is None:
        return {"levels": training.name}
    count = {"test_levels": len(tests.numbers), "test_levels_skipped": tests.skipped}
    return {"levels": training.name, "test_evaluation": summary, **count}


def held_out_numbers(numbers: dict[str, float]) -> dict[str, float]:
    """An evaluation's numbers for TensorBoard, under the tags of held-out levels.

    >>> held_out_numbers({"eval/score": 0.5, "perf/eval_seconds": 1.0})
    {'eval_test/score': 0.5}
    """
    return {f"eval_test/{tag.removeprefix('eval/')}": value for tag, value in numbers.items() if tag.startswith("eval/")}
