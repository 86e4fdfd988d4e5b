"""Signals: Ctrl-C, kill and a closed terminal in each stage of a run, once and twice: right words, nothing lost."""

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from tests.trust import children, runs
from tests.trust.report import Report
from tests.trust.stages import SHOWN

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Stages to aim at, and how long after its beginning the signal may come, seconds.
AIMS = {
    "starting": 0.3, "compiling": 2.0, "restoring": 0.05, "collecting": 0.02, "learning": 0.03, "logging": 0.003,
    "evaluating": 0.1, "filming": 0.1, "saving": 0.02, "finishing": 0.2, "ended": 0.0,
}  # fmt: skip
WORDS = ("Stopped at step", "Stopped before the first iteration", "Ended at once")
LEARNERS = ("ppo-cnn-pong", "ppo-lstm-connect_four", "dqn-cnn-connect_four", "dqn-lstm-pong", runs.WORKERS)
COMMAND = "command"  # aims at a process of its own, from the interpreter's first moment on
SECONDS = 12.0  # that such a process lives here, about


def campaign(home: Path, references: runs.Reference, seed: int, quick: bool, only: str | None) -> Report:
    """Each stage and signal, once and twice, in four learners by turns; and whole commands. Quick: two cases."""
    report, fell = Report("signals"), Counter()
    report.tried.update({"runs": 0, "signals": 0, "runs compared": 0})
    cases = [f"{aim}-{number.name}-{times}" for aim in AIMS for number in NUMBERS for times in ("once", "twice")]
    cases += [f"{COMMAND}-{number}" for number in range(12)]
    if quick:
        cases = [
            "collecting-SIGINT-once",
            "saving-SIGTERM-twice",
        ]
    for place, case in enumerate(cases):
        if only in (None, case):
            chance = random.Random(f"{seed} {case}")
            learner = LEARNERS[place % len(LEARNERS)]
            _case(report, fell, case, learner, references, home / case, chance)
    for stage, number in fell.most_common():
        report.tried[f"while {stage}"] += number
    return report


def _case(report: Report, fell: Counter, case: str, learner: str, references, place: Path, chance: random.Random) -> None:
    aim = case.split("-")[0]
    place.mkdir()
    film = {"gif": "true"} if aim == "filming" else {}
    words = runs.words_of(learner, **film)
    whole = references.folder(words)
    output, begin = place / "output.txt", [*words, "--runs", place, "--name", "stopped"]
    environment = {}
    if aim == "compiling":  # a game of one's own, which nothing has compiled yet
        own = place / f"{words[0]}.py"
        shutil.copy(runs.ROOT / "games" / own.name, own)
        begin[0], environment = own, {"SPARRING_CACHE": str(place / "cache")}
    folder = place / words[0] / "stopped"
    report.tried["runs"] += 1
    sitting = 0
    if aim == "restoring":  # a first sitting, stopped while it learns
        sitting = 1
        if not _stop(report, fell, case, runs.begin(begin, output), output, "learning", [signal.SIGTERM], chance):
            return
    again = runs.again(begin, folder)
    if aim == COMMAND:
        pid = children.execute([sys.executable, str(runs.ROOT / "train.py"), *map(str, again)], output)
        numbers = [chance.choice(NUMBERS)]
    else:
        pid = runs.begin(again, output, sitting, lambda: os.environ.update(environment))
        first = signal.Signals[case.split("-")[1]]
        numbers = [first] if case.endswith("once") else [first, chance.choice(NUMBERS)]
    if not _stop(report, fell, case, pid, output, aim, numbers, chance):
        return
    outcome = runs.run(runs.again(begin, folder), output, sitting + 1, runs.LIMIT)
    if outcome.hung or outcome.code or outcome.has_traceback:
        report.add(_kind(outcome), case, f"Going on, it ended with {outcome.code}:\n{outcome.text}")
        return
    try:
        runs.assert_same_end(folder, whole)
        report.tried["runs compared"] += 1
    except Exception as error:
        report.add("lost", case, f"After the signal: {error}")
    shutil.rmtree(place)


def _stop(report, fell, case, pid, output, aim, numbers, chance) -> bool:
    """Send signals to a child in a stage; whether its end is as promised."""
    stage, late = _await(pid, aim, chance), aim == COMMAND
    sent = []
    for number in numbers:
        if children.ended(pid) is None:
            if not sent:
                stage, late = SHOWN.now(), late or SHOWN.entered("finishing") > 0  # it may have ended before it hears of it
            _send(pid, number, chance)
            sent.append(number)
            time.sleep(chance.uniform(0.0, 0.02))
    outcome = children.wait(pid, output, runs.LIMIT)
    stage = COMMAND if aim == COMMAND else stage
    fell[stage] += len(sent)
    report.tried["signals"] += len(sent)
    handled = [128 + number for number in sent]
    early = [-number for number in sent] if stage in ("starting", "restoring", "compiling", "ended", COMMAND) else []
    after = [-number for number in sent[1:]] if "Stopped at" in outcome.text else []  # it had stopped when the second one came
    codes = [*handled, *early, *after, *([0] if late or not sent else [])]
    silent = outcome.code in (0, *early) or (outcome.code in handled and early)  # nothing had begun: there is no word to say
    told = silent or any(word in outcome.text for word in WORDS)
    if outcome.hung or outcome.has_traceback or outcome.code not in codes or not told:
        names = " and ".join(number.name for number in sent)
        report.add(_kind(outcome), case, f"{names} while {stage}: it ended with {outcome.code}:\n{outcome.text}")
        return False
    return True


def _send(pid: int, number: int, chance: random.Random) -> None:
    """Send it as `kill` does, or as a terminal does: to what the child has begun too, its workers among it."""
    if chance.random() < 0.5:
        with contextlib.suppress(ProcessLookupError):  # it has only just begun, and leads no group yet
            return os.killpg(pid, number)
    os.kill(pid, number)


def _await(pid: int, aim: str, chance: random.Random) -> str:
    """Wait for a random moment in a stage of a child, or in the life of a command."""
    limit = time.monotonic() + children.patience(runs.LIMIT)
    if aim == COMMAND:
        time.sleep(chance.uniform(0.0, 1.0) ** 2 * SECONDS)  # more of them early
        return COMMAND
    times = chance.randint(1, 3) if aim in ("collecting", "learning", "logging", "saving") else 1
    while SHOWN.entered(aim) < times and aim != "starting" and children.ended(pid) is None and time.monotonic() < limit:
        time.sleep(0.0005)
    time.sleep(chance.uniform(0.0, AIMS[aim]))
    return SHOWN.now()


def _kind(outcome: children.Outcome) -> str:
    return "hangs" if outcome.hung else "tracebacks" if outcome.has_traceback else "lost"
