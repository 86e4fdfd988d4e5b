"""A page's loops give the same scores as the network in torch: every encoder, both algorithms, with and without a memory."""

import numpy as np
import pytest
import torch

import games
from agents.core.settings import AgentSettings
from agents.networks.normalization import RunningNorm, ValueNorm
from agents.play.agent import Agent, build_network, describe_agent, frame_shape_of
from agents.web.program import program_of, run
from games.errors import UserError

DECISIONS = 8
CASES = [
    ("ppo", {"network": "patch"}),
    ("dqn", {"network": "patch", "stack": 3}),
    ("dqn", {"network": "patch", "dueling": False, "observation": "planes", "size": 12, "patch": 3}),
    ("ppo", {"network": "tiny", "observation": "planes", "size": 10}),
    ("ppo", {"network": "small", "size": 42, "normalize_observation": True}),
    ("ppo", {"network": "nature", "size": 44, "stack": 4}),
    ("ppo", {"network": "impala", "size": 21, "normalize_value": True}),
    ("dqn", {"network": "mobile", "size": 42}),
    ("ppo", {"network": "mlp", "observation": "objects", "normalize_observation": True}),
    ("pqn", {"network": "patch", "stack": 2, "normalize_value": True}),
    ("pqn", {"network": "mlp", "observation": "objects", "stack": 1, "memory": "lstm", "memory_size": 16}),
    ("ppo", {"network": "patch", "stack": 1, "memory": "lstm", "memory_size": 24}),
    ("dqn", {"network": "mlp", "observation": "objects", "stack": 1, "memory": "lstm", "memory_size": 16, "memory_layers": 2}),
]


def random_agent(algorithm: str, settings: AgentSettings) -> Agent:
    """An agent of Pong with random weights and statistics, none of them zero."""
    game = games.load("pong")
    torch.manual_seed(3)
    network = build_network(game, settings, algorithm)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=(2.0 / max(parameter[0].numel(), 20)) ** 0.5)
    for module in network.modules():
        if isinstance(module, RunningNorm | ValueNorm):
            module.mean.uniform_(-0.3, 0.3)
            module.deviation.uniform_(0.5, 1.5)
    return Agent(game, describe_agent(game, settings, algorithm), network)


def observations(agent: Agent) -> np.ndarray:
    """Random ones [DECISIONS, stack, *frame], mostly of dark pixels as games have them."""
    settings = agent.info.settings
    shape = (DECISIONS, settings.stack, *frame_shape_of(agent.game, settings))
    random = np.random.default_rng(5)
    if not settings.is_image:
        return random.uniform(-1, 1, shape).astype(np.float32)
    return (random.integers(1, 256, shape) * (random.random(shape) < 0.3)).astype(np.uint8)


@pytest.mark.parametrize("algorithm, changes", CASES, ids=[f"{a}-{'-'.join(map(str, c.values()))}" for a, c in CASES])
def test_scores_values_and_memory_are_those_of_the_agent(algorithm, changes):
    agent = random_agent(algorithm, AgentSettings(**changes))
    seen = observations(agent)
    program = program_of(agent.network, seen.shape[1:], "it")
    state = agent.initial_state(1)
    mine = None
    for observation in seen:
        with torch.inference_mode():
            scores, value, after = agent._step(observation[None], state)
        found, worth, mine = run(program, observation, mine)
        assert np.abs(found).max() > 1e-2
        np.testing.assert_allclose(found, scores[0].numpy(), rtol=1e-4, atol=1e-4)
        assert worth == pytest.approx(float(value[0]), rel=1e-4, abs=1e-4)
        if after is not None:
            np.testing.assert_allclose(mine, after[0].flatten().numpy(), atol=1e-5)
        state = after


def test_weights_that_are_halves_are_sent_as_halves():
    agent = random_agent("ppo", AgentSettings())
    shape = (2, 30, 30)
    assert not program_of(agent.network, shape, "it").is_half
    assert program_of(agent.network.half().float(), shape, "it").is_half


def test_a_network_of_a_users_own_is_refused_in_words():
    from agents.networks.cnn import Patch

    class Mine(Patch):
        pass

    agent = random_agent("ppo", AgentSettings())
    agent.network.encoder.__class__ = Mine
    with pytest.raises(UserError, match=r"mine\.safetensors has a network that cannot go into a page: Mine is none"):
        program_of(agent.network, (2, 30, 30), "mine.safetensors")
