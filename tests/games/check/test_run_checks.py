"""How checks are run: one that fails hides no other, and no process is left behind."""

import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from games import check
from games.check import CheckResult, definition, not_tried, process
from games.check.definition import Failed

RACE = (Path(__file__).parents[1] / "race.py").read_text("utf-8")
BROKEN = {  # a function of the contract, and a mistake that breaks it alone
    "hud": ("return str(s.paces[0])", "return ((),)[1 + s.paces[0]]"),
    "bot": ("return 2 if s.flag > s.x[seat] else 1", "return None if s.tick else 1"),
    "draw": ("s.flag, 30.0, 1.0", "s.gate[16 + s.tick], 30.0, 1.0"),
    "step": ("s.paces[seat] += abs(move)", "s.paces[seat + 1] += abs(move)"),
    "legal": ("mask[1] = s.x[seat] > 2.0", "mask[3 + s.tick] = 1"),
}


@pytest.mark.parametrize("function", BROKEN)
def test_the_trial_says_which_function_is_broken(function, make_game):
    assert BROKEN[function][0] in RACE
    (result,) = check.check(make_game(RACE.replace(*BROKEN[function])), only="trial")
    assert result.broken == [function]
    assert re.search(rf"line \d+, {function}", result.problem)


@pytest.fixture
def made_up_checks(monkeypatch):
    """Three checks that take no time: the first finds `hud` broken, the second calls it, the third does not."""

    @definition.check("the first ticks")
    def trial(game):
        raise Failed("line 96, hud: it fails", ["hud"])

    @definition.check("texts", calls=("step", "hud"))
    def texts(game):
        raise AssertionError("is called though hud is broken")

    @definition.check("pictures", calls=("step", "draw"))
    def pictures(game):
        return "looked at"

    monkeypatch.setattr(check, "CHECKS", {each.name: each for each in (trial, texts, pictures)})
    monkeypatch.setattr(check, "AHEAD", {})
    monkeypatch.setattr(check.precompile, "compile_in_background", lambda *arguments: False)


def test_a_failing_check_hides_only_those_that_call_what_is_broken(made_up_checks, make_game):
    results = check.check(make_game(RACE))
    assert [(result.check, result.ok) for result in results] == [("trial", False), ("pictures", True)]
    assert not_tried(results) == {"hud": ["texts"]}


def test_nothing_is_left_out_where_a_failing_check_breaks_nothing():
    results = [CheckResult(name, "", name != "fair") for name in check.CHECKS]
    assert not_tried(results) == {}


def test_a_problem_without_a_line_gets_that_of_the_name_it_is_about(make_game):
    game = make_game(RACE)
    bot = RACE[: RACE.index("def bot(")].count("\n") + 1
    keys = RACE[: RACE.index("KEYS = ")].count("\n") + 1
    assert definition.located(game, "bot", "it plays 3") == f"line {bot}, bot: it plays 3"
    assert definition.located(game, "", "KEYS gives 'a' to both seats") == f"line {keys}: KEYS gives 'a' to both seats"
    assert definition.located(game, "bot", "line 7, noise_of: it plays 3") == "line 7, noise_of: it plays 3"
    assert definition.located(game, "hands", "it is empty") == "it is empty"


def test_checks_that_are_broken_off_leave_no_process(make_game, monkeypatch):
    started = []
    popen = subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    with closing(check.run_checks(make_game(RACE))) as results:
        names = [next(results).check, next(results).check, next(results).check]
    assert names[-1] == "trial"
    assert started
    assert all(each.poll() is not None for each in started)
    assert process.CHILDREN == {}


@pytest.mark.slow
def test_a_crash_in_hud_hides_no_check_but_that_of_hud(make_game):
    results = check.check(make_game(RACE.replace(*BROKEN["hud"])))
    assert [result.check for result in results] == [name for name in check.CHECKS if name != "hud"]
    assert [result.check for result in results if not result.ok] == ["trial"], results


@pytest.mark.slow
def test_a_bot_that_returns_nothing_leaves_what_compiles_no_bot(make_game):
    results = check.check(make_game(RACE.replace(*BROKEN["bot"])))
    assert {result.check: result.ok for result in results} == {
        "contract": True, "source": True, "trial": False, "hud": True, "levels": True, "solvable": True, "impossible": True,
        "round_trip": True,
    }  # fmt: skip
