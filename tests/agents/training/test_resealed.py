"""A checkpoint is data: with any number out of range and a checksum that holds, it is refused in words or goes on.

The checkpoints are those of `tests/written_before`: PPO with a memory in a game of turns, DQN with a prioritised replay.
"""

import contextlib
import random
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.core import tensor_file
from tests import resealed
from tests.trust.sealed_checkpoints import Patient

BEFORE = Path(__file__).parents[2] / "written_before" / "0.1.0"
RUNS = {"ppo": BEFORE / "connect_four" / "ppo-lstm", "dqn": BEFORE / "pong" / "dqn"}


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    made = {name: Patient(run, tmp_path_factory.mktemp(name) / "run") for name, run in RUNS.items()}
    yield made
    for patient in made.values():
        patient.learner.close()


@pytest.mark.parametrize("name", RUNS)
def test_unchanged_it_goes_on(name, patients):
    assert patients[name].takes(patients[name].tensors)


BAD = [
    ("ppo", "own.carried.action", 7), ("ppo", "own.carried.action", -1), ("ppo", "own.carried.end", 3),
    ("ppo", "memory", np.nan),
    ("dqn", "own.age", -1), ("dqn", "own.targeted", -1), ("dqn", "own.mark.count", -1), ("dqn", "own.mark.count", 1 << 60),
    ("dqn", "own.mark.end", 9), ("dqn", "own.mark.greatest", np.inf), ("dqn", "own.mark.priority", -1.0),
    ("dqn", "replay.action", 3), ("dqn", "replay.action", -(2**31)), ("dqn", "replay.age", -5), ("dqn", "replay.end", 3),
    ("dqn", "replay.reward", np.nan),
]  # fmt: skip


@pytest.mark.parametrize(("name", "tensor", "value"), BAD)
def test_a_number_out_of_range_is_refused(name, tensor, value, patients):
    assert not patients[name].takes(patients[name].put(tensor, value))


@pytest.mark.parametrize("name", RUNS)
def test_a_tensor_that_is_missing_or_of_another_shape_or_kind_is_refused(name, patients):
    patient = patients[name]
    for key, tensor in patient.tensors.items():
        if key.startswith(("network.", "optimizer.", "own.target.")):
            continue
        assert not patient.takes({other: each for other, each in patient.tensors.items() if other != key}), key
        if key != "generator":  # of another size it is that of another device
            assert not patient.takes({**patient.tensors, key: torch.cat([tensor.reshape(-1)] * 2)}), key
        assert not patient.takes({**patient.tensors, key: tensor.to(torch.float16)}), key


@pytest.mark.parametrize("name", RUNS)
def test_the_state_of_an_optimiser_that_is_not_the_runs_is_refused(name, patients):
    """A slot that lacks is missed in the first gradient step only, hours after it was read; a foreign one never."""
    patient = patients[name]
    slot = next(key for key in patient.tensors if key.startswith("optimizer.") and key.endswith(".exp_avg_sq"))
    lacks = {key: tensor for key, tensor in patient.tensors.items() if key != slot}
    assert not patient.takes(lacks)
    assert not patient.takes({**lacks, slot.replace("exp_avg_sq", "momentum_buffer"): patient.tensors[slot]})
    assert not patient.takes({**patient.tensors, "optimizer.first.step": torch.zeros(1)})


@pytest.mark.parametrize(
    "changes",
    [
        {"learner": {"steps": -1, "updates": 0}},
        {"position": 1.5},
        {"beside": {"segments": ["../../../x.safetensors"]}},
        {"more": 1},
    ],
)
def test_metadata_that_do_not_fit_are_refused(changes, patients):
    assert not patients["dqn"].takes(patients["dqn"].tensors, **changes)


@pytest.mark.parametrize("change", ["bomb", "short", "count", "begun"])
def test_a_replays_file_that_does_not_fit_is_refused_before_it_fills_the_memory(change, patients):
    patient = patients["dqn"]
    path = patient.folder / "checkpoints" / "replay" / "000001.safetensors"
    kept = path.read_bytes()
    tensors, meta = tensor_file.load(path, "replay")
    raw = zlib.decompress(tensors["frames"].numpy().tobytes())
    if change in ("bomb", "short"):
        data = bytes(1 << 31) if change == "bomb" else raw[:-1]
        tensors["frames"] = torch.from_numpy(np.frombuffer(zlib.compress(data, 1), np.uint8).copy())
    else:
        tensors[change] = tensors[change] + (1 << 50)
    resealed.write(path, tensors, meta)
    try:
        assert not patient.takes(patient.tensors)
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize("name", RUNS)
def test_any_change_is_refused_or_goes_on(name, patients):
    """12 here; `python -m tests.trust resealed` makes thousands."""
    chance, taken = random.Random(1), 0
    for _ in range(12):
        _, tensors, changes = patients[name].any_change(chance)
        with contextlib.suppress(FloatingPointError):  # the trainer says in words that a number is not finite
            taken += patients[name].takes(tensors, **changes)
    assert 0 < taken < 12
