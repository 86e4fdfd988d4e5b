"""Kills: each learner is killed at random moments (SIGKILL), goes on, and ends with the weights of one that nobody killed."""

import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

from tests.trust import children, runs
from tests.trust.report import Report
from tests.trust.stages import SHOWN

# Stages to aim at, and how long one of them may last, seconds: the kill falls in this time after its beginning.
AIMS = {
    "": 1.0, "starting": 0.3, "restoring": 0.05, "collecting": 0.02, "learning": 0.03, "logging": 0.005, "evaluating": 0.1,
    "saving": 0.02, "finishing": 0.2,
}  # fmt: skip


def campaign(home: Path, references: runs.Reference, seed: int, quick: bool, only: str | None) -> Report:
    """17 kills of each of the twelve learners, and of one that two workers train; quick: 2 of one of them."""
    report, fell = Report("kills"), Counter()
    for learner in ["ppo-cnn-pong"] if quick else [*runs.LEARNERS, runs.WORKERS]:
        if only in (None, learner):
            words, chance = runs.words_of(learner), random.Random(f"{seed} {learner}")
            _learner(report, fell, learner, words, references, home, chance, 2 if quick else 17)
    for stage, number in fell.most_common():
        report.tried[f"while {stage}"] += number
    return report


def _learner(report, fell, learner, words, references, home, chance, kills) -> None:
    whole = references.folder(words)
    report.tried["learners"] += 1
    report.tried["kills"] += 0
    report.tried["runs compared"] += 0
    killed = number = 0
    while killed < kills:
        place = home / f"{learner}-{number}"
        number, problems = number + 1, len(report.problems)
        killed += _run(report, fell, learner, words, place, whole, chance, min(10, kills - killed))
        if len(report.problems) > problems:
            return
        shutil.rmtree(place)


def _run(report, fell, learner, words, place, whole, chance, kills) -> int:
    """A run that is killed so often at most, then goes on to its end and is compared; how often it was killed."""
    place.mkdir()
    folder, output = place / words[0] / "killed", place / "output.txt"
    begin, killed = [*words, "--runs", place, "--name", "killed"], 0
    while True:
        pid = runs.begin(runs.again(begin, folder), output, killed)
        if killed < kills and _kill(pid, chance):
            fell[SHOWN.now()] += 1
            killed += 1
            report.tried["kills"] += 1
            continue
        outcome = children.wait(pid, output, runs.LIMIT)
        if outcome.hung or outcome.code or outcome.has_traceback:
            kind = "hangs" if outcome.hung else "tracebacks" if outcome.has_traceback else "lost"
            report.add(kind, learner, f"After {killed} kills it ended with {outcome.code}:\n{outcome.text}")
            return killed
        break
    try:
        runs.assert_same_end(folder, whole)
        report.tried["runs compared"] += 1
    except Exception as error:
        report.add("lost", learner, f"After {killed} kills: {error}")
    return killed


def _kill(pid: int, chance: random.Random) -> bool:
    """Kill a child at a random moment, most often in a stage that is chosen; False if it had ended."""
    aim = chance.choice(list(AIMS))
    times, limit = chance.randint(1, 4), time.monotonic() + children.patience(runs.LIMIT)
    while aim and SHOWN.entered(aim) < times and not SHOWN.entered("finishing") and children.ended(pid) is None:
        if time.monotonic() > limit:
            return False  # it hangs: who waits for its end will say so
        time.sleep(0.0005)
    time.sleep(chance.uniform(0.0, AIMS[aim]))
    return children.kill(pid) == -signal.SIGKILL
