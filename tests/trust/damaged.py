"""Damaged files: with bits turned, cut off, added or zeroed, a run's files are refused in words or read as they were."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import games
from agents.core import tensor_file
from agents.play.agent import Agent
from agents.training import learning_curves
from agents.training.config import read_config
from agents.training.results import read_results
from agents.training.run_checkpoint import CHECKPOINT
from games.errors import UserError
from tests.trust import runs
from tests.trust.children import run_cases
from tests.trust.report import Report

LIMIT = 60.0
EACH = 50  # damages of a case
LEARNERS = ("ppo-lstm-connect_four", "dqn-cnn-pong")
SEALED = {"agent.safetensors": "agent", CHECKPOINT: "checkpoint", "replay": "replay"}  # files with a checksum
FILES = (*SEALED, "config.json", "results.json", "progress.jsonl")
# Files beside which a run goes on, and those at which it stops, if it needs them.
HARMLESS, NEEDED = ("progress.jsonl", "events", "results.json", "system.json", "command.txt"), (CHECKPOINT, "agent.safetensors")


def campaign(home: Path, references: runs.Reference, seed: int, quick: bool, only: str | None) -> Report:
    """1,000 damages of each kind of file of two runs, and 40 runs that go on beside a damaged one; quick: 50 and 2."""
    report = Report("damaged")
    folders = {learner: references.folder(runs.words_of(learner)) for learner in LEARNERS}
    numbers = range(1 if quick else 1000 // EACH)
    names = [f"{learner}:{file}:{number}" for learner in LEARNERS for file in FILES for number in numbers]
    names = [name for name in names if only in (None, name) and not name.startswith("ppo-lstm-connect_four:replay")]
    run_cases(report, names, lambda name, beat: _damages(home, folders, name, seed, 5 if quick else EACH, beat), home, LIMIT)
    for number in range(2 if quick else 40):
        case = f"resume:{number}"
        if only in (None, case):
            _goes_on(report, case, home / f"resume-{number}", folders, random.Random(f"{seed} {case}"), number)
    return report


def damage(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """The data damaged in some way, and the way's name."""
    where, length = chance.randrange(len(data) or 1), chance.choice((1, 8, 100, 4096))
    head = chance.random() < 0.3  # in the header, or the first line
    where = where % 600 if head else where
    how = chance.choice(("turned", "cut", "longer", "zeroed", "noise", "twice"))
    if how == "turned":
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 8))):
            changed[(where + chance.randrange(64)) % len(data)] ^= 1 << chance.randrange(8)
        return bytes(changed), how
    if how == "cut":
        return data[:where], how
    if how == "longer":
        return data + chance.randbytes(length), how
    if how == "zeroed":
        return data[:where] + bytes(len(data[where : where + length])) + data[where + length :], how
    if how == "noise":
        return data[:where] + chance.randbytes(len(data[where : where + length])) + data[where + length :], how
    return data[:where] + data[where : where + length] + data[where:], how


def _damages(home: Path, folders: dict[str, Path], name: str, seed: int, count: int, beat: Callable) -> list[tuple[str, int]]:
    learner, file, _ = name.split(":")
    chance, folder = random.Random(f"{seed} {name}"), home / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(folders[learner], folder)
    path = next((folder / "checkpoints" / "replay").glob("*")) if file == "replay" else folder / file
    data, counted = path.read_bytes(), {"damaged files": 0, "refused in words": 0, "read": 0}
    before = _contents(path, file, folder)
    for _ in range(count):
        beat()
        changed, how = damage(data, chance)
        path.write_bytes(changed)
        counted["damaged files"] += 1
        try:
            after = _contents(path, file, folder)
        except UserError:
            counted["refused in words"] += 1
            continue
        counted["read"] += 1
        assert changed == data or file not in SEALED, f"{file}, {how}, is read in spite of its checksum"
        assert changed != data or after == before, f"{file} is read as something else"
    return list(counted.items())


def _contents(path: Path, file: str, folder: Path) -> object:
    """The contents of a file, by what reads it."""
    if file in SEALED:
        tensors, meta = tensor_file.load(path, SEALED[file])
        if file == "agent.safetensors":
            Agent.load(path, games.load(meta["game"]))
        return tensor_file.digest(tensors), meta
    if file == "config.json":
        return read_config(folder)
    if file == "results.json":
        return read_results(folder)
    return str(learning_curves.read(folder, "rollout/ep_rew_mean", "steps"))


def _goes_on(report: Report, case: str, place: Path, folders: dict[str, Path], chance: random.Random, number: int) -> None:
    """A run with a damaged file goes on for longer, or refuses in words where it needs that file."""
    learner, file = chance.choice(LEARNERS), (*HARMLESS, *NEEDED)[number % 7]
    shutil.copytree(folders[learner], place)
    path = next(place.glob("events.*")) if file == "events" else place / file
    data = path.read_bytes()
    changed, how = damage(data, chance)
    path.write_bytes(changed)
    steps = runs.ALGORITHMS[runs.LEARNERS[learner][0]]["steps"] + 600
    outcome = runs.run(["--resume", place, "--steps", steps, "--quiet"], place.parent / "output.txt")
    report.tried["runs beside a damaged file"] += 1
    refused = outcome.code == 2 and "error: " in outcome.text
    right = outcome.code == 0 if file in HARMLESS or changed == data else refused or file == "agent.safetensors"
    if outcome.hung or outcome.has_traceback or not right:
        kind = "hangs" if outcome.hung else "tracebacks" if outcome.has_traceback else "lost"
        report.add(kind, case, f"{learner}, {file} {how}: it ended with {outcome.code}:\n{outcome.text}")
    shutil.rmtree(place)
