"""The matrix: each learner, with and without a memory, with and without masks, from each observation.

Every cell trains, goes on from its checkpoint to the same weights, and plays from its file as it did in training.
"""

from itertools import product

import numpy as np
import pytest

import games
from agents.core import tensor_file
from agents.core.distributed import ProcessGroup
from agents.participants import participant
from agents.play import match
from agents.play.agent import Agent
from agents.play.seats import Participant
from agents.training import run_checkpoint
from agents.training.config import ALGORITHMS

SIGHTS = {
    "pixels": {"network": "patch", "size": 12, "patch": 6, "channels": 4, "hidden": 8},
    "planes": {"network": "small", "observation": "planes", "size": 28},
    "objects": {"network": "mlp", "observation": "objects", "hidden": 8},
}
MEMORIES = {"cnn": {}, "lstm": {"memory": "lstm", "memory_size": 6}}
GAMES = {"free": "pong", "masks": "connect_four"}
PACE = {
    "ppo": {"n_envs": 16, "n_steps": 8, "batch_size": 64},
    "pqn": {"n_envs": 16, "n_steps": 8, "batch_size": 64},
    "dqn": {
        "n_envs": 16,
        "batch_size": 32,
        "gradient_steps": 2,
        "learning_starts": 200,
        "buffer_size": 2000,
        "n_step": 2,
        "train_freq": 32,
    },
}
SHORT = {"burn_in": 2, "sequence": 4}
THREADS = {"pixels": 2, "planes": 1, "objects": 1}


def learner(algorithm, memory, mask, sight):
    kind, settings, _ = ALGORITHMS[algorithm]
    game = games.load(GAMES[mask])
    more = SHORT if algorithm == "dqn" else {}
    values = {"stack": 1, "precision": "fp32", **PACE[algorithm], **more, **MEMORIES[memory], **SIGHTS[sight]}
    return kind(game, settings(**values), 1, [participant("bot", game)], threads=THREADS[sight])


def iterate(*learners):
    for one in learners:
        before = one.stepper.updates
        while one.stepper.updates == before:
            one.iterate(lambda: 0.5)


def weights(one):
    return tensor_file.digest(one.network.state_dict())


def said(agent):
    """Of every action at every decision of some games: what the agent chooses by."""
    found, decide = [], agent.decide

    def watched(*given):
        found.append(agent.scores(*given)[0])
        return decide(*given)

    agent.decide = watched
    match.play_match(agent.game, [Participant("agent", agent=agent), participant("bot", agent.game)], 4, seed=7)
    return np.concatenate(found)


@pytest.mark.parametrize(("algorithm", "memory", "mask", "sight"), list(product(ALGORITHMS, MEMORIES, GAMES, SIGHTS)))
def test_it_trains_goes_on_exactly_and_plays_as_it_was_saved(algorithm, memory, mask, sight, tmp_path):
    one = learner(algorithm, memory, mask, sight)
    assert (one.collector.memory is not None) == (memory == "lstm") and one.collector.has_masks == (mask == "masks")
    at_first = weights(one)
    iterate(one, one)
    tensors, meta = one.state()
    saved = weights(one)
    assert saved != at_first, "it learns"
    (tmp_path / "checkpoints").mkdir()
    of_the_run = {"iteration": 2, "seconds": 1.0, "best": None, "evaluation": {}, "evaluated": -1, "recent": [], "position": 0}
    run_checkpoint.save_checkpoint(tmp_path, one, (tensors, {"learner": meta, **of_the_run}), ProcessGroup())
    other = learner(algorithm, memory, mask, sight)
    run_checkpoint.restore_checkpoint(tmp_path, other, ProcessGroup())
    assert weights(other) == saved
    iterate(one, other)
    assert weights(one) == weights(other) != saved, "going on, it learns the same"
    one.agent().save(tmp_path / "agent.safetensors")
    scores = said(one.agent())
    assert len(np.unique(scores)) > 20, "it says something else at every decision"
    assert np.array_equal(said(Agent.load(tmp_path / "agent.safetensors")), scores)
