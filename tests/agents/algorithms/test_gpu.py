"""What a GPU has to do as the processor does. Skipped without one; `python bench.py gpu` runs them, on a processor too."""

import os

import numpy as np
import pytest
import torch

import games
from agents.core.precision import best_dtype
from agents.participants import participant
from agents.play.agent import Agent
from agents.play.match import play_match
from agents.play.seats import Participant
from agents.training import config as configs
from agents.training import trainer as runs
from agents.training.config import ALGORITHMS
from tests.agents.algorithms.test_combinations import GAMES, MEMORIES, PACE, SHORT, SIGHTS
from tests.agents.web.test_program import observations
from tests.short_runs import FAST, folder_of

DEVICE = os.environ.get("SPARRING_TEST_DEVICE", "cuda")
pytestmark = pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="there is no GPU here")


def learner(algorithm, memory, sight, device, precision="fp32"):
    kind, settings, _ = ALGORITHMS[algorithm]
    game = games.load(GAMES["masks"])
    more = SHORT if algorithm == "dqn" else {}
    values = {"stack": 1, "precision": precision, **PACE[algorithm], **more, **MEMORIES[memory], **SIGHTS[sight]}
    return kind(game, settings(**values), 1, [participant("bot", game)], device=device)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("algorithm", PACE)
def test_an_agent_has_the_scores_that_it_has_on_the_processor_and_learns(algorithm, memory, sight):
    there, here = (learner(algorithm, memory, sight, device) for device in (DEVICE, "cpu"))
    try:
        assert next(there.network.parameters()).device.type == DEVICE
        before = [parameter.detach().cpu().clone() for parameter in there.network.parameters()]
        assert all((mine.detach() == other).all() for mine, other in zip(here.network.parameters(), before, strict=True))
        same_scores(there, here)
        while not there.stepper.updates:
            metrics = there.iterate(lambda: 0.5)
        assert all(np.isfinite(value) for value in metrics.values())
        after = [parameter.detach().cpu() for parameter in there.network.parameters()]
        assert all(each.isfinite().all() for each in after)
        assert any((one != other).any() for one, other in zip(before, after, strict=True))
        here.network.load_state_dict({name: tensor.cpu() for name, tensor in there.network.state_dict().items()})
        same_scores(there, here)
    finally:
        there.close()
        here.close()


def same_scores(there, here):
    """Do both give the same scores, decision by decision?"""
    agents, seen = [each.agent() for each in (there, here)], observations(here.agent())
    states = [agent.initial_state(1) for agent in agents]
    for observation in seen:
        with torch.inference_mode():
            found = [agent._step(observation[None], state) for agent, state in zip(agents, states, strict=True)]
        states = [state for _, _, state in found]
        scores = [each[0].cpu().numpy() for each in found]
        np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-4)
        assert np.ptp(scores[1]) > 0


def test_the_fastest_precision_learns_finite_weights():
    made = learner("ppo", "cnn", "pixels", DEVICE, precision="auto")
    try:
        assert made.dtype == best_dtype(made.device, "auto")
        for _ in range(3):
            assert all(np.isfinite(value) for value in made.iterate(lambda: 0.5).values())
    finally:
        made.close()


def test_a_run_is_stopped_gone_on_with_and_its_agent_plays_on_the_processor(main, tmp_path):
    words = ["pong", *FAST, "--envs", "32", "--steps", "4000", "--device", DEVICE, "--quiet"]
    assert main(*words, "--name", "x")[0] == 0
    folder = folder_of(tmp_path, words, "x")
    assert configs.read_config(folder).device == DEVICE
    assert main("--resume", folder, "--steps", "8000", "--quiet")[0] == 0
    assert main("--resume", folder, "--steps", "12000", "--device", "cpu", "--quiet")[0] == 0
    assert runs.finished(folder, configs.read_config(folder))["steps"] >= 12000
    game = games.load("pong")
    agent = Agent.load(folder / runs.AGENT, game)
    assert play_match(game, [Participant("agent", agent=agent), participant("bot", game)], 4, seed=1).games == 4
