"""`Check`: a requirement on every game, and the function that tests it on one game."""

import re
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from games.engine.contract import FUNCTIONS, line_of_name
from games.engine.loader import Game
from games.errors import UserError

# The functions of the contract that a check calls; `step` stands for `build`, `reset` and `asks` too, without which no game
# begins. Every compiled loop that plays holds the bot and `legal`.
PLAYED = ("step", "legal", "bot")
DRAWN = (*PLAYED, "draw")


class Failed(Exception):
    """A game violates a check; the message says in one line what is wrong and where.

    functions: those of the contract that cannot be called until they are mended; checks that call them are left out.
    """

    def __init__(self, problem: str, functions: Iterable[str] = ()):
        super().__init__(problem)
        self.functions = tuple(functions)


@dataclass
class CheckResult:
    """The result of one check on one game."""

    check: str  # its name
    title: str
    ok: bool
    problem: str = ""  # what is wrong and where, if it failed
    note: str = ""  # of a check that holds: a figure, or why there was nothing to check
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)  # functions that later checks must not call


@dataclass
class Check:
    """One requirement, and the function that tests whether a game meets it."""

    name: str
    title: str
    run: Callable[[Game], str | None]  # a note, or None; raises Failed
    about: str  # the function or value of the file that a problem is about, if the problem names no line itself
    calls: tuple[str, ...]  # the contract's functions that it calls
    breaks: tuple[str, ...]  # those that no later check may call if it fails and does not say which

    def on(self, game: Game) -> CheckResult:
        """Run the check on a game; any exception counts as a failure."""
        began = time.perf_counter()
        result = CheckResult(self.name, self.title, True)
        try:
            result.note = self.run(game) or ""
        except Exception as error:  # a broken game may raise anything
            result.ok, result.problem = False, located(game, self.about, describe(error, game))
            result.broken = list(getattr(error, "functions", ()) or self.breaks)
        result.seconds = time.perf_counter() - began
        return result


def check(
    title: str, about: str = "", calls: tuple[str, ...] = (), breaks: tuple[str, ...] = ()
) -> Callable[[Callable[[Game], str | None]], Check]:
    """A decorator that makes a function into a check of the same name."""
    return lambda function: Check(function.__name__, title, function, about, calls, breaks)


def located(game: Game, name: str, problem: str) -> str:
    """A problem that names no line yet, with the line at which the file defines a function or a value.

    Without `name`, it is the value of the file with which the problem begins, if there is one.
    """
    line = line_of_name(game.tree, name or re.split(r"\W", problem)[0])
    if line is None or "line " in problem:
        return problem
    return f"line {line}, {name}: {problem}" if name in FUNCTIONS else f"line {line}: {problem}"


def game_frames(game: Game, error: BaseException) -> list[traceback.FrameSummary]:
    """The frames of an exception that are in the game's own files, outermost first."""
    files = {Path(str(game.module.__file__)).resolve(), *(file.resolve() for file in game.imported_files())}
    return [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).resolve() in files]


def place_of(game: Game, error: BaseException) -> str:
    """The innermost line of the game's own files in an exception, as "line 70, step"; "" if there is none."""
    for frame in reversed(game_frames(game, error)):
        file = "" if Path(frame.filename).name == game.path.name else f"{Path(frame.filename).name} "
        return f"{file}line {frame.lineno}, {frame.name}"
    return ""


def describe(error: Exception, game: Game | None = None) -> str:
    """An exception in one line: its message and the innermost place; for numba's errors, what does not compile."""
    if isinstance(error, (Failed, UserError)):
        return " ".join(str(error).splitlines())
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    in_game = place_of(game, error) if game else ""
    if in_game:
        return f"{in_game}: {type(error).__name__}: {lines[0] if lines else ''}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.name}, {Path(last.filename).name} line {last.lineno}"
    if type(error).__module__.startswith("numba"):
        lines = [line for line in lines if not line.startswith(("Failed in nopython", "-", ">>>", "File", "During: Pass"))]
        place = next((line for line in lines if line.startswith("During: ") and ".py (" in line), place)
    return f"{type(error).__name__}: {lines[0] if lines else ''} ({place})"
