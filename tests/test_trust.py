"""The campaigns of `python -m tests.trust`: in short they find nothing, and what goes wrong in one is counted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trust.__main__ import CAMPAIGNS
from tests.trust.report import Report

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaigns fork")


def python(*words):
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)


def test_the_campaigns_in_short_lose_nothing():
    done = python("-m", "tests.trust", "--quick", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    reports = json.loads(done.stdout)["campaigns"]
    assert [report["campaign"] for report in reports] == list(CAMPAIGNS)
    assert all(sum(report["tried"].values()) > 1 and not report["problems"] for report in reports)


def test_a_campaign_that_is_not_there_is_told():
    done = python("-m", "tests.trust", "kill")
    assert done.returncode == 2
    assert done.stderr.startswith("error: There is no campaign 'kill'.\nDid you mean 'kills'? Known: damaged, ")


CASES = """
import json, os, signal, sys, time
from pathlib import Path
from tests.trust.children import run_cases
from tests.trust.report import Report

def call(name, beat):
    if name == "wrong": assert 1 == 2, "wrong"
    if name == "raises": raise ValueError("of a bug")
    if name == "crashes": os.kill(os.getpid(), signal.SIGSEGV)
    if name == "hangs": time.sleep(60)
    return [("cases", 2)]

report = Report("test")
run_cases(report, ["fine", "wrong", "raises", "crashes", "hangs", "fine"], call, Path(sys.argv[1]), 1.0)
print(json.dumps([dict(report.tried), [[problem.kind, problem.case] for problem in report.problems]]))
"""


def test_a_loss_an_exception_a_crash_and_a_hang_are_counted_and_the_other_cases_go_on(tmp_path):
    done = python("-c", CASES, str(tmp_path))
    tried, problems = json.loads(done.stdout)
    assert tried == {"cases": 4}
    assert sorted(problems) == [["hangs", "hangs"], ["lost", "wrong"], ["tracebacks", "crashes"], ["tracebacks", "raises"]]


def test_a_report_says_how_to_repeat_a_case():
    report = Report("kills", tried={"kills": 1200}, seconds=3.25)
    assert report.line() == "kills      lost 0, tracebacks 0, hangs 0     3.2 s  1,200 kills"
    report.add("lost", "dqn-cnn-pong", "other weights")
    assert "lost 1" in report.line()
    assert report.details(7, quick=False) == [
        "", "lost: dqn-cnn-pong", "  other weights", "  again: python -m tests.trust kills --only dqn-cnn-pong --seed 7",
    ]  # fmt: skip
