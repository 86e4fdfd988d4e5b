"""The table of a network: every parameter is in it, and its costs are those that one counts by hand."""

import numpy as np
import pytest
import torch
from torch import nn

import games
from agents.core.settings import AgentSettings
from agents.networks.network import ActorCritic
from agents.networks.summary import kind, layers
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.description import describe_network
from agents.training.config import resolve

CHOICES = [
    ("ppo", {}),
    ("dqn", {"network": "nature", "size": 84, "stack": 4}),
    ("dqn", {"network": "small", "size": 42, "dueling": False}),
    ("ppo", {"network": "impala", "size": 42, "memory": "lstm"}),
    ("dqn", {"network": "mobile", "size": 42, "memory": "lstm", "memory_layers": 2}),
    ("ppo", {"network": "mlp", "observation": "objects"}),
]


@pytest.mark.parametrize(("algorithm", "chosen"), CHOICES, ids=lambda one: str(one))
def test_every_parameter_is_in_the_table(algorithm, chosen):
    game = games.load("pong")
    settings, _ = resolve(game, algorithm, chosen, None)
    found = describe_network(game, settings, algorithm)
    network = build_network(game, settings, algorithm)
    assert sum(layer["parameters"] for layer in found["layers"]) == found["parameters"]
    assert found["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert found["multiply_adds"] > 0.9 * found["parameters"] - 3000, "each weight is used once at least"


def test_natures_layers_are_those_of_the_paper_counted_by_hand():
    found = layers(ActorCritic((4, 84, 84), 3, AgentSettings(network="nature", size=84, stack=4)), (4, 84, 84))
    rows = [(one.name, one.kind, one.shape, one.parameters, one.multiply_adds) for one in found]
    assert rows[:4] + sorted(rows[4:]) == [
        ("encoder.convolutions.0", "conv 8 × 8 / 4", (32, 20, 20), 8_224, 20 * 20 * 32 * 8 * 8 * 4),
        ("encoder.convolutions.1", "conv 4 × 4 / 2", (64, 9, 9), 32_832, 9 * 9 * 64 * 4 * 4 * 32),
        ("encoder.convolutions.2", "conv 3 × 3", (64, 7, 7), 36_928, 7 * 7 * 64 * 3 * 3 * 64),
        ("encoder.hidden", "linear", (512,), 1_606_144, 3136 * 512),
        ("policy", "linear", (3,), 1_539, 512 * 3),
        ("value", "linear", (1,), 513, 512),
    ]


def test_a_memory_costs_its_four_gates_from_what_is_seen_and_remembered():
    settings = AgentSettings(network="mlp", observation="objects", memory="lstm", memory_size=64, memory_layers=2, hidden=32)
    found = {one.name: one for one in layers(ActorCritic((2, 9), 3, settings), (2, 9), np.float32)}
    memory = found["memory.lstm"]
    assert memory.shape == (64,)
    assert memory.multiply_adds == 4 * 64 * (32 + 64) + 4 * 64 * (64 + 64)
    assert memory.parameters == memory.multiply_adds + 2 * 2 * 4 * 64, "and two biases of each gate"


def test_a_depthwise_convolution_costs_one_kernel_a_channel():
    found = {
        one.name: one for one in layers(ActorCritic((2, 42, 42), 3, AgentSettings(network="mobile", size=42)), (2, 42, 42))
    }
    look = found["encoder.inner.0.look"]
    assert (look.kind, look.shape, look.multiply_adds) == ("depthwise 3 × 3 / 2", (64, 10, 10), 64 * 10 * 10 * 9)


def test_a_layer_that_is_called_like_any_module_is_seen_too():
    network = ActorCritic((2, 9), 3, AgentSettings(network="mlp", observation="objects"))

    class Called(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.linear = nn.LayerNorm(18), nn.Linear(18, 128)

        def to_storage(self, observation):
            return observation.reshape(len(observation), 18)

        def forward(self, x, dtype):
            return self.linear(self.norm(x))

    network.encoder = Called()
    found = layers(network, (2, 9), np.float32)
    assert [(one.name, one.kind, one.multiply_adds) for one in found[:2]] == [
        ("encoder.norm", "layernorm", 0),
        ("encoder.linear", "linear", 18 * 128),
    ]


def test_the_size_of_the_file_is_that_of_the_file(tmp_path):
    game = games.load("pong")
    settings, _ = resolve(game, "ppo", {"network": "small", "size": 42}, None)
    agent = Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings, "ppo"))
    agent.save(tmp_path / "agent.safetensors")
    assert describe_network(game, settings, "ppo")["file_bytes"] == (tmp_path / "agent.safetensors").stat().st_size


def test_a_network_that_was_described_decides_as_before():
    network = ActorCritic((2, 36, 36), 3, AgentSettings())
    stored = torch.from_numpy(network.encoder.to_storage(np.full((1, 2, 36, 36), 7, np.uint8)))
    before = network(stored)[0]
    layers(network, (2, 36, 36))
    assert torch.equal(network(stored)[0], before)


def test_a_single_channel_is_not_called_depthwise():
    assert kind(nn.Conv2d(1, 4, 3)) == "conv 3 × 3"
