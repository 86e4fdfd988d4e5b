"""Schema fuzz: files of each kind with other values than we write are read or refused in words (Hypothesis)."""

import contextlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from games.errors import UserError
from tests.trust import changed_files
from tests.trust.children import run_cases
from tests.trust.report import Report

LIMIT = 60.0  # seconds that a single file may take
EACH = 250  # examples of a case


def campaign(home: Path, references: object, run_seed: int, quick: bool, only: str | None) -> Report:
    """1,000 examples of each kind of file; quick: 15."""
    report = Report("schema")
    names = [f"{kind}-{number}" for number in range(1 if quick else 1000 // EACH) for kind in changed_files.KINDS]
    examples = 15 if quick else EACH
    names = [name for name in names if only in (None, name)]
    run_cases(report, names, lambda name, beat: _case(home, name, run_seed, examples, beat), home, LIMIT)
    return report


def _case(home: Path, name: str, run_seed: int, examples: int, beat: Callable[[], None]) -> list[tuple[str, int]]:
    kind = name.rpartition("-")[0]
    number = random.Random(f"{run_seed} {name}").getrandbits(32)
    refused = reads_or_refuses(kind, home / name, lambda test: seed(number)(test), examples, beat)
    shutil.rmtree(home / name)
    return [("changed files", examples), ("refusals in words", refused)]


def reads_or_refuses(
    kind: str,
    folder: Path,
    decorate: Callable,
    examples: int,
    beat: Callable[[], None] = lambda: None,
    **more: bool,
) -> int:
    """Change a run's file of a kind so often; everything that reads it reads it or raises `UserError`. How often it does.

    decorate: of the Hypothesis test, which gives it a seed.    beat: called before each example."""
    shutil.copytree(changed_files.RUN, folder)
    for read in changed_files.read_all(folder):
        read()  # unchanged it is read
    rest = ""
    if kind == "progress.jsonl":
        rest = "".join(f"\n{line}" for line in (changed_files.RUN / kind).read_text().splitlines()[1:]) + "\n"
    refused = 0

    @decorate
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        **more,
    )
    @given(changed_files.changed(changed_files.original(kind)))
    def check(text):
        nonlocal refused
        beat()
        changed_files.write(folder, kind, text + rest)
        for read in changed_files.read_all(folder):
            with contextlib.suppress(UserError):
                read()
                continue
            refused += 1

    check()
    return refused
