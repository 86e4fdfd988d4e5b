"""What every game must pass: `python -m games.check pong ./my_game.py` (no name: all that ship).

A check is a function of a loaded game that raises `Failed` with what is wrong and where. `CHECKS` lists them; each is
known to fail on a game broken on purpose (`tests/games/check/test_check.py`).
"""

from collections.abc import Iterator

from games.check import apis, bots, contract, determinism, levels, picture, rules, side_effects
from games.check.definition import Check, CheckResult, Failed
from games.engine.loader import Game

__all__ = ["CHECKS", "Check", "CheckResult", "Failed", "check", "run_checks"]

CHECKS: dict[str, Check] = {
    each.name: each
    for each in (
        contract.contract,
        contract.begins,
        determinism.repeats,
        determinism.resumes,
        determinism.clean_start,
        determinism.batches,
        determinism.plain,
        determinism.stream,
        side_effects.quiet,
        picture.frames,
        picture.picture,
        rules.masks,
        rules.impossible,
        rules.zero_sum,
        bots.bot,
        bots.fair,
        bots.ends,
        levels.levels,
        levels.solvable,
        apis.gymnasium_env,
        apis.sb3_env,
    )
}


def check(game: Game, only: str | None = None) -> list[CheckResult]:
    """Every check of CHECKS on a game, or the one named `only`."""
    return list(run_checks(game, only))


def run_checks(game: Game, only: str | None = None) -> Iterator[CheckResult]:
    """The same, each result as soon as it is known; the last is that of a vital check that fails."""
    for each in [CHECKS[only]] if only else CHECKS.values():
        result = each.on(game)
        yield result
        if each.vital and not result.ok:
            return
