"""What a check is: a promise that every game keeps, tried on one of them."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from games.engine.loader import Game
from games.errors import UserError


class Failed(Exception):
    """What is wrong, and where: one line."""


@dataclass
class CheckResult:
    """One check of one game."""

    check: str  # its name
    title: str
    ok: bool
    problem: str = ""  # what is wrong and where
    note: str = ""  # what a check that holds has to say: a figure, or why it had nothing to do
    seconds: float = 0.0


@dataclass
class Check:
    """One promise, and the function that finds out whether a game keeps it."""

    name: str
    title: str
    run: Callable[[Game], str | None]  # a note, or None; raises Failed
    vital: bool = False  # where it fails the others cannot be tried

    def on(self, game: Game) -> CheckResult:
        """Run it on a game; whatever it raises is what is wrong."""
        began = time.perf_counter()
        result = CheckResult(self.name, self.title, True)
        try:
            result.note = self.run(game) or ""
        except Exception as error:  # a game may raise anything: that is what is wrong with it
            result.ok, result.problem = False, describe(error)
        result.seconds = time.perf_counter() - began
        return result


def check(title: str, vital: bool = False) -> Callable[[Callable[[Game], str | None]], Check]:
    """Make a function into the check of its name."""
    return lambda function: Check(function.__name__, title, function, vital)


def describe(error: Exception) -> str:
    """An exception in one line: what it is, and the last place of it; of numba's, what does not compile."""
    if isinstance(error, (Failed, UserError)):
        return " ".join(str(error).splitlines())
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.name}, {Path(last.filename).name} line {last.lineno}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if type(error).__module__.startswith("numba"):
        lines = [line for line in lines if not line.startswith(("Failed in nopython", "-", ">>>", "File", "During: Pass"))]
        place = next((line for line in lines if line.startswith("During: ") and ".py (" in line), place)
    return f"{type(error).__name__}: {lines[0] if lines else ''} ({place})"
