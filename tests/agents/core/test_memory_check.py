"""What does not fit into memory is refused before it is allocated, with settings that would; or told in words."""

import numpy as np
import pytest
import torch

import games
import train
from agents.algorithms.ppo import PPO, PPOSettings
from agents.core import memory_check, workers
from agents.core.distributed import ProcessGroup
from agents.experience.rollout import Rollout
from agents.networks.network import NETWORKS
from agents.participants import participant
from agents.play.agent import build_network
from games.errors import UserError


def learner_of(**changes):
    game = games.load("pong")
    return PPO(game, PPOSettings(**{"n_envs": 4, "n_steps": 8, "batch_size": 32, **changes}), 1, [participant("bot", game)])


@pytest.mark.parametrize("changes", [{}, {"observation": "objects", "network": "mlp", "stack": 1}], ids=["pixels", "objects"])
def test_a_rollout_says_what_it_needs(changes, monkeypatch):
    monkeypatch.setattr(memory_check, "format_bytes", lambda count: f"{count} bytes")
    learner = learner_of(**changes)
    needed = sum(tensor.nbytes for tensor in learner.rollout.fields().values())
    masks = 9 * 4 * 3  # slots, environments and actions: it is not known yet whether there are any
    assert f"Rollout: {needed + masks} bytes" in learner.remarks


def test_a_rollout_that_does_not_fit_is_refused_with_advice_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(memory_check, "free_memory", lambda: 8e9)
    monkeypatch.setattr(Rollout, "empty", None)
    with pytest.raises(UserError, match=r"no room for a rollout of [\d.]+ GiB; 7.5 GiB are free.\nChoose --envs \d+, fewer"):
        learner_of(n_envs=100_000, n_steps=128)


@pytest.mark.parametrize("meeting", ["", "somewhere"], ids=["torchrun", "workers"])
def test_advice_for_several_processes_is_in_the_numbers_of_their_command_line(meeting, monkeypatch):
    """Workers' is of all; torchrun's processes name their own."""
    monkeypatch.setenv(workers.MEETING, meeting)
    monkeypatch.setattr(memory_check, "free_memory", lambda: 8e9)
    group = ProcessGroup(0, 2, 2)
    free, envs = ("7.5 GiB", 1600) if meeting else ("3.7 GiB", 800)
    with pytest.raises(UserError, match=rf"{free} are free.\nChoose --envs {envs}, fewer"):
        memory_check.check_rollout_memory(2000, int(5e9), group)
    assert memory_check.check_rollout_memory(2000, int(2e9), group).endswith("3.7 GiB" if meeting else "1.9 GiB")


@pytest.mark.parametrize(
    "changes",
    [{"hidden": 60_000}, {"memory": "lstm", "stack": 1, "memory_size": 4096, "memory_layers": 8}],
    ids=["patch", "lstm"],
)
def test_a_network_of_absurd_size_is_refused_before_its_numbers_are_drawn(changes, monkeypatch):
    monkeypatch.setattr(memory_check, "free_memory", lambda: 1e12)
    with pytest.raises(UserError, match=r"would have [\d,]+ parameters or more; 250,000,000 are the most here"):
        build_network(games.load("pong"), PPOSettings(**changes))


def test_a_network_is_refused_that_memory_has_no_room_to_learn(monkeypatch):
    monkeypatch.setattr(memory_check, "free_memory", lambda: 1e6)
    with pytest.raises(UserError, match="50,000 are the most here"):
        build_network(games.load("pong"), PPOSettings())


def test_looking_at_the_size_changes_no_weights(monkeypatch):
    game, settings = games.load("pong"), PPOSettings()
    torch.manual_seed(3)
    made = build_network(game, settings).state_dict()
    torch.manual_seed(3)
    plain = NETWORKS["ppo"]((2, 30, 30), game.num_actions, settings).state_dict()
    assert all(torch.equal(made[name], plain[name]) for name in plain)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_an_allocation_that_fails_is_told_in_words(kind, monkeypatch, capsys):
    def greedy(options):
        if kind == "numpy":
            np.zeros(1 << 60, np.uint8)
        torch.zeros(1 << 58)

    monkeypatch.setattr(train, "train", greedy)
    monkeypatch.setattr(train.sys, "argv", ["train.py", "pong", "--workers", "1"])
    assert train.main() == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and told[0].startswith("error: There is not enough memory (")


def test_other_errors_of_torch_are_not_taken_for_it(monkeypatch):
    monkeypatch.setattr(train, "train", lambda options: torch.zeros(2) @ torch.zeros(3))
    monkeypatch.setattr(train.sys, "argv", ["train.py", "pong", "--workers", "1"])
    with pytest.raises(RuntimeError):
        train.main()
