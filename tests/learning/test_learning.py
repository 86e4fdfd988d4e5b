"""PPO learns what it should, in seconds, from games small enough that the right answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

import games
from agents import match, ppo
from agents.match import Participant, participant
from agents.ppo import PPO, PPOSettings

HERE = Path(__file__).parent
FORBIDDEN = 10.0  # what `repeat` pays for an action that its mask forbids


@pytest.fixture(scope="module")
def repeat():
    return games.load(HERE / "repeat.py")


@pytest.fixture(scope="module")
def chain():
    return games.load(HERE / "chain.py")


def settings(**changes):
    """Of these tests, whatever the defaults are."""
    small = {"observation": "objects", "network": "mlp", "stack": 1, "hidden": 32, "n_envs": 64, "batch_size": 256}
    pace = {"n_steps": 8, "n_epochs": 4, "learning_rate": 5e-3, "schedule": "constant", "ent_coef": 0.0}
    return PPOSettings(**{**small, **pace, **changes})


def train(game, iterations, opponents=(), **changes):
    """A learner after so many iterations, and all that it was paid."""
    learner = PPO(game, settings(**changes), 1, list(opponents))
    paid = []
    for _ in range(iterations):
        learner.collect()
        paid.append(learner.rollout.reward[1:].clone())
        learner.update(0.0)
    return learner, torch.stack(paid) if paid else torch.zeros(0)


def test_it_says_what_it_sees(repeat):
    learner, paid = train(repeat, 30)
    assert paid[-1].mean() > 0.9
    result = match.play(repeat, [Participant("agent", agent=learner.agent())], 200, seed=9)
    assert result.score > 7.9
    assert paid[0].mean() == pytest.approx(0.5, abs=0.1), "at first it must guess"


def test_what_is_forbidden_is_never_done_however_tempting(repeat):
    learner, paid = train(repeat, 10)
    assert paid.max() < FORBIDDEN
    for temperature in (0.0, 5.0):
        agent = learner.agent()
        agent.info.settings.temperature = temperature
        result = match.play(repeat, [Participant("agent", agent=agent)], 100, seed=3)
        assert result.returns.max() <= 8


def test_without_masks_it_would_be_tempted(repeat, monkeypatch):
    monkeypatch.setattr(ppo, "masked", lambda logits, mask: logits)
    _, paid = train(repeat, 60)
    assert paid[-1].mean() > 4, "with masks a decision pays 1 at most"


def test_a_time_out_is_not_an_end(chain):
    """One a step, for ever: 1 / (1 - gamma), though every episode is cut after five."""
    learner, _ = train(chain, 40, gamma=0.9)
    assert learner.last_value.mean() == pytest.approx(10.0, rel=0.05)


def test_were_a_time_out_an_end_the_value_would_be_that_of_five_steps(chain, monkeypatch):
    monkeypatch.setattr(ppo, "cut_rows", lambda end: np.zeros(0, int))
    learner, _ = train(chain, 40, gamma=0.9)
    assert learner.last_value.mean() < (1 - 0.9**5) / (1 - 0.9)


@pytest.mark.slow
@pytest.mark.parametrize(("opponent", "least"), [("bot:0", 0.8), ("self", 0.7)])
def test_a_game_of_turns_is_learned(opponent, least):
    game = games.load("connect_four")
    rival = None if opponent == "self" else participant(opponent, game)
    sight = {"observation": "pixels", "network": "patch", "size": 14, "patch": 2, "stack": 1}
    pace = {"n_envs": 256, "n_steps": 16, "batch_size": 1024, "learning_rate": 2e-3, "n_epochs": 2, "ent_coef": 0.02}
    scores = []
    for iterations in (0, 100):
        learner, _ = train(game, iterations, [rival], hidden=128, **sight, **pace)
        table = [Participant("agent", agent=learner.agent()), participant("random", game)]
        scores.append(match.play(game, table, 400, seed=5).score)
    assert scores[0] < 0.65
    assert scores[1] > least
