"""The checks that every game must pass: `python -m games.check pong ./my_game.py` (no name: all games that ship).

A check is a function of a loaded game that raises `Failed` with the problem and its place. `CHECKS` lists all of them, the
quick ones first; for each, `tests/games/check/test_check.py` has a game that is broken on purpose and fails it.
"""

from collections.abc import Generator

from games.check import (
    apis,
    bots,
    contract,
    determinism,
    levels,
    people,
    picture,
    restored,
    rules,
    seats,
    secrets,
    side_effects,
    source,
    trial,
)
from games.check.definition import Check, CheckResult, Failed
from games.check.process import Task, ahead, children
from games.engine import precompile
from games.engine.loader import Game

__all__ = ["CHECKS", "Check", "CheckResult", "Failed", "check", "not_tried", "run_checks"]

CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        contract.contract,
        source.source,
        trial.trial,
        contract.begins,
        picture.frames,
        picture.picture,
        seats.seats,
        rules.masks,
        bots.ends,
        side_effects.hud,
        determinism.repeats,
        determinism.resumes,
        determinism.clean_start,
        determinism.batches,
        determinism.stream,
        bots.bot,
        bots.fair,
        people.people,
        levels.levels,
        levels.solvable,
        levels.round_trip,
        restored.changed_levels,
        apis.gymnasium_env,
        apis.sb3_env,
        side_effects.quiet,
        secrets.secrets,
        rules.impossible,
        restored.restored,
        determinism.plain,
        rules.rewards,
    )
}

# Loops that draw share code, so one process compiles them after another, while the first checks run.
DRAWING = ("frame_slice", "pixels_slice", "planes_slice", "objects_slice")
# Tasks of other processes that may begin as soon as a check holds, in the order in which they are asked for.
AHEAD: dict[str, tuple[Task, ...]] = {
    "": (trial.first_ticks, contract.begin),
    "trial": (side_effects.write_texts, side_effects.look, secrets.look_for_secrets, rules.try_the_impossible,
              restored.go_on_out_of_range, determinism.play_plain),
    "begins": (determinism.poisoned,),
    "frames": (determinism.play,),  # not before what draws is compiled: it would be twice
}  # fmt: skip


def check(game: Game, only: str | None = None) -> list[CheckResult]:
    """The results of all checks on a game, or of the one named `only`."""
    return list(run_checks(game, only))


def run_checks(game: Game, only: str | None = None) -> Generator[CheckResult, None, None]:
    """Yield each check's result as soon as it is known; leave out those that call a function that is broken."""
    if only:
        yield CHECKS[only].on(game)
        return
    broken: set[str] = set()
    with children(game):
        try:
            precompile.compile_in_background(game, DRAWING)
            begin_ahead(game, "")
            for each in CHECKS.values():
                if not broken.isdisjoint(each.calls):
                    continue
                result = each.on(game)
                broken.update(result.broken)
                if result.ok:
                    begin_ahead(game, each.name)
                yield result
        finally:
            precompile.cancel(game)


def begin_ahead(game: Game, name: str) -> None:
    for work in AHEAD.get(name, ()):
        ahead(game, work)


def not_tried(results: list[CheckResult]) -> dict[str, list[str]]:
    """The checks that were left out, by the contract's functions that they call and that are broken: "draw, hud" → names.

    >>> trial = CheckResult("trial", "", False, broken=["hud"])
    >>> not_tried([trial, *(CheckResult(name, "", True) for name in CHECKS if name not in ("trial", "hud"))])
    {'hud': ['hud']}
    """
    broken = list(dict.fromkeys(function for result in results for function in result.broken))
    tried = {result.check for result in results}
    found: dict[str, list[str]] = {}
    for each in CHECKS.values() if broken else ():
        if each.name not in tried:
            found.setdefault(", ".join(function for function in broken if function in each.calls), []).append(each.name)
    return found
