"""Resealed checkpoints: numbers out of range, with a checksum that holds, are refused in words or do no harm."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

import games
from agents.training.run_checkpoint import CHECKPOINT
from games.engine.batch import Batch
from games.errors import UserError
from tests import resealed
from tests.trust import runs
from tests.trust.children import run_cases
from tests.trust.report import Report
from tests.trust.sealed_checkpoints import Patient

LIMIT = 60.0  # seconds that a single checkpoint may take
EACH = 50  # checkpoints of a case


def campaign(home: Path, references: runs.Reference, seed: int, quick: bool, only: str | None) -> Report:
    """20,000 snapshots of each game's batches; 500 checkpoints of each of the eight learners, and 5 each with which the
    whole command goes on. Quick: 20 snapshots, 10 checkpoints of one learner."""
    report = Report("resealed")
    report.tried.update({"snapshots": 0, "checkpoints": 0, "whole commands": 0, "refused in words": 0, "went on": 0})
    snapshots = [f"snapshot:{name}:{number}" for name in games.names() for number in range(1 if quick else 20)]
    snapshots = [name for name in snapshots if only in (None, name)]
    run_cases(report, snapshots, lambda name, beat: _snapshots(name, seed, 20 if quick else 1000, beat), home, LIMIT)
    learners = ["ppo-cnn-pong"] if quick else list(runs.LEARNERS)
    for learner in learners:
        folder = references.folder(runs.words_of(learner))
        names = [f"{learner}:{number}" for number in range(1 if quick else 500 // EACH)]
        names = [name for name in names if only in (None, name)]
        patients: dict[str, Patient] = {}

        def prepare(learner=learner, folder=folder, patients=patients):
            shutil.rmtree(home / learner, ignore_errors=True)
            patients[learner] = Patient(folder, home / learner)

        def call(name, beat, learner=learner, patients=patients):
            return _changes(patients[learner], random.Random(f"{seed} {name}"), 10 if quick else EACH, beat)

        if names:
            run_cases(report, names, call, home, LIMIT, prepare)
        for number in range(0 if quick else 5):
            case = f"resume:{learner}:{number}"
            if only in (None, case):
                _resume(report, case, home / "resume", folder, random.Random(f"{seed} {case}"))
    return report


def _snapshots(name: str, seed: int, count: int, beat: Callable) -> list[tuple[str, int]]:
    """Snapshots of a batch with some bytes changed; one that is taken plays on."""
    chance, counted = random.Random(f"{seed} {name}"), {"snapshots": 0, "refused in words": 0, "went on": 0}
    batch = Batch(games.load(name.split(":")[1]), 3, 5, bots=0.5, opening=(1, 2), levels=4)
    for _ in range(30):
        batch.step(np.zeros(batch.rewards.shape, np.int64))
    whole = batch.snapshot()
    for _ in range(count):
        beat()
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        counted["snapshots"] += 1
        batch.restore(whole)
        try:
            batch.restore(bytes(data))
        except UserError:
            counted["refused in words"] += 1
            continue
        for _ in range(5):
            batch.step(np.zeros(batch.rewards.shape, np.int64))
        counted["went on"] += 1
    return list(counted.items())


def _changes(patient: Patient, chance: random.Random, count: int, beat: Callable) -> list[tuple[str, int]]:
    counted = {"checkpoints": 0, "refused in words": 0, "went on": 0}
    for _ in range(count):
        beat()
        name, tensors, changes = patient.any_change(chance)
        print(name, flush=True)  # of the one at which the process ends
        counted["checkpoints"] += 1
        try:
            counted["went on" if patient.takes(tensors, **changes) else "refused in words"] += 1
        except FloatingPointError:  # `Trainer` says in words that a number is not finite
            counted["refused in words"] += 1
        except Exception as error:
            raise RuntimeError(f"{name}: {error}") from error
    return list(counted.items())


def _resume(report: Report, case: str, place: Path, run: Path, chance: random.Random) -> None:
    """The whole command goes on for longer with a changed checkpoint, or refuses it in words."""

    def change() -> None:
        patient = Patient(run, place)
        name, tensors, changes = patient.any_change(chance)
        patient.learner.close()
        resealed.write(place / CHECKPOINT, tensors, patient.meta, **changes)
        print(name, flush=True)

    words = ["--resume", place, "--steps", 10_000, "--quiet"]
    outcome = runs.run(words, place.parent / "output.txt", first=change)
    report.tried["whole commands"] += 1
    right = outcome.code == 0 or (outcome.code == 2 and "error: " in outcome.text)
    if outcome.hung or outcome.has_traceback or not right:
        kind = "hangs" if outcome.hung else "tracebacks" if outcome.has_traceback else "lost"
        report.add(kind, case, f"It ended with {outcome.code}:\n{outcome.text}")
    shutil.rmtree(place)
