"""The checks that every game must pass: `python -m games.check pong ./my_game.py` (no name: all games that ship).

A check is a function of a loaded game that raises `Failed` with the problem and its place. `CHECKS` lists all of them;
for each, `tests/games/check/test_check.py` has a game that is broken on purpose and fails it.
"""

from collections.abc import Iterator

from games.check import apis, bots, contract, determinism, levels, picture, restored, rules, seats, side_effects, trial
from games.check.definition import Check, CheckResult, Failed
from games.engine.loader import Game

__all__ = ["CHECKS", "Check", "CheckResult", "Failed", "check", "run_checks"]

CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        contract.contract,
        trial.trial,
        contract.begins,
        determinism.repeats,
        determinism.resumes,
        restored.restored,
        determinism.clean_start,
        determinism.batches,
        determinism.plain,
        determinism.stream,
        side_effects.quiet,
        picture.frames,
        picture.picture,
        seats.seats,
        rules.masks,
        rules.impossible,
        rules.zero_sum,
        bots.bot,
        bots.fair,
        bots.ends,
        levels.levels,
        levels.solvable,
        levels.round_trip,
        apis.gymnasium_env,
        apis.sb3_env,
    )
}


def check(game: Game, only: str | None = None) -> list[CheckResult]:
    """The results of all checks on a game, or of the one named `only`."""
    return list(run_checks(game, only))


def run_checks(game: Game, only: str | None = None) -> Iterator[CheckResult]:
    """Yield each check's result as soon as it is known; stop after a vital check that fails."""
    for each in [CHECKS[only]] if only else CHECKS.values():
        result = each.on(game)
        yield result
        if each.vital and not result.ok:
            return
