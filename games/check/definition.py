"""`Check`: a requirement on every game, and the function that tests it on one game."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from games.engine.loader import Game
from games.errors import UserError


class Failed(Exception):
    """A game violates a check; the message says in one line what is wrong and where."""


@dataclass
class CheckResult:
    """The result of one check on one game."""

    check: str  # its name
    title: str
    ok: bool
    problem: str = ""  # what is wrong and where, if it failed
    note: str = ""  # of a check that holds: a figure, or why there was nothing to check
    seconds: float = 0.0


@dataclass
class Check:
    """One requirement, and the function that tests whether a game meets it."""

    name: str
    title: str
    run: Callable[[Game], str | None]  # a note, or None; raises Failed
    vital: bool = False  # True: if it fails, the others cannot be tried

    def on(self, game: Game) -> CheckResult:
        """Run the check on a game; any exception counts as a failure."""
        began = time.perf_counter()
        result = CheckResult(self.name, self.title, True)
        try:
            result.note = self.run(game) or ""
        except Exception as error:  # a broken game may raise anything
            result.ok, result.problem = False, describe(error)
        result.seconds = time.perf_counter() - began
        return result


def check(title: str, vital: bool = False) -> Callable[[Callable[[Game], str | None]], Check]:
    """A decorator that makes a function into a check of the same name."""
    return lambda function: Check(function.__name__, title, function, vital)


def describe(error: Exception) -> str:
    """An exception in one line: its message and the innermost place; for numba's errors, what does not compile."""
    if isinstance(error, (Failed, UserError)):
        return " ".join(str(error).splitlines())
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.name}, {Path(last.filename).name} line {last.lineno}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if type(error).__module__.startswith("numba"):
        lines = [line for line in lines if not line.startswith(("Failed in nopython", "-", ">>>", "File", "During: Pass"))]
        place = next((line for line in lines if line.startswith("During: ") and ".py (" in line), place)
    return f"{type(error).__name__}: {lines[0] if lines else ''} ({place})"
