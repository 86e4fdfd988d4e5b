"""The matrix: each learner, with and without a memory, with and without masks, from each observation.

Every cell trains, goes on from its checkpoint to the same weights, and plays from its file as it did in training.
"""

from itertools import product

import pytest

import games
from agents import checkpoint, match, resume
from agents.config import ALGORITHMS
from agents.match import Participant, participant
from agents.policy import Agent
from agents.ranks import Ranks

SIGHTS = {
    "pixels": {"network": "patch", "size": 12, "patch": 6, "channels": 4, "hidden": 8},
    "planes": {"network": "small", "observation": "planes", "size": 28},
    "objects": {"network": "mlp", "observation": "objects", "hidden": 8},
}
MEMORIES = {"cnn": {}, "lstm": {"memory": "lstm", "memory_size": 6}}
GAMES = {"free": "pong", "masks": "connect_four"}
PACE = {
    "ppo": {"n_envs": 16, "n_steps": 8, "batch_size": 64},
    "dqn": {"n_envs": 16, "batch_size": 32, "learning_starts": 200, "buffer_size": 2000, "n_step": 2, "train_freq": 32},
}
SHORT = {"burn_in": 2, "sequence": 4}


def learner(algorithm, memory, mask, sight):
    kind, settings, _ = ALGORITHMS[algorithm]
    game = games.load(GAMES[mask])
    more = SHORT if algorithm == "dqn" else {}
    values = {"stack": 1, "precision": "fp32", **PACE[algorithm], **more, **MEMORIES[memory], **SIGHTS[sight]}
    return kind(game, settings(**values), 1, [participant("bot", game)])


def iterate(*learners):
    for one in learners:
        before = one.updates
        while one.updates == before:
            one.iterate(lambda: 0.5)


def weights(one):
    return checkpoint.digest(one.network.state_dict())


def games_of(agent):
    table = [Participant("agent", agent=agent), participant("bot", agent.game)]
    return match.play(agent.game, table, 4, seed=7).returns.tolist()


@pytest.mark.parametrize(("algorithm", "memory", "mask", "sight"), list(product(ALGORITHMS, MEMORIES, GAMES, SIGHTS)))
def test_it_trains_goes_on_exactly_and_plays_as_it_was_saved(algorithm, memory, mask, sight, tmp_path):
    one = learner(algorithm, memory, mask, sight)
    assert (one.memory is not None) == (memory == "lstm") and one.masks == (mask == "masks")
    at_first = weights(one)
    iterate(one, one)
    tensors, meta = one.state()
    saved = weights(one)
    assert saved != at_first, "it learns"
    (tmp_path / "checkpoints").mkdir()
    resume.save(tmp_path, one, (tensors, {"learner": meta}), Ranks())
    other = learner(algorithm, memory, mask, sight)
    resume.restore(tmp_path, other, Ranks())
    assert weights(other) == saved
    iterate(one, other)
    assert weights(one) == weights(other) != saved, "going on, it learns the same"
    one.agent().save(tmp_path / "agent.safetensors")
    assert games_of(Agent.load(tmp_path / "agent.safetensors")) == games_of(one.agent())
