"""PQN's λ-returns against hand-worked numbers, masks in its values, exploration, and what it learns."""

from pathlib import Path

import numpy as np
import pytest
import torch

import games
from agents.algorithms import on_policy
from agents.algorithms.pqn import PQN, PQNSettings, lambda_returns
from agents.participants import participant
from agents.play import match
from agents.play.seats import Participant
from agents.training.config import resolve
from games.engine.batch import OUT_OF_TIME, OVER, RUNNING
from games.errors import UserError

LEARNING = Path(__file__).parents[2] / "learning"
SMALL = {"observation": "objects", "network": "mlp", "stack": 1, "hidden": 32, "n_envs": 64, "precision": "fp32"}
PACE = {"n_steps": 8, "n_epochs": 4, "batch_size": 256, "learning_rate": 5e-3, "schedule": "constant"}
GREEDY = {"exploration_initial_eps": 0.1, "exploration_final_eps": 0.1}


def columns(*rows):
    return torch.tensor(rows, dtype=torch.float32).T.contiguous()


def train(game, iterations, **changes):
    """A learner after so many iterations, and the rewards of the last one."""
    learner = PQN(game, PQNSettings(**{**SMALL, **PACE, **GREEDY, **changes}), 1, [])
    for _ in range(iterations):
        learner.iterate(lambda: 0.5)
    return learner, learner.rollout.reward[1:]


def returns(reward, value, end, truncated_value, last, q_lambda, asked=None):
    asked = columns([1] * len(reward)) > 0 if asked is None else columns(asked) > 0
    rest = (columns(end), columns(truncated_value), torch.tensor([float(last)]))
    found, valid = lambda_returns(columns(reward), columns(value), asked, *rest, 0.5, q_lambda)
    return found.flatten().tolist(), valid.flatten().tolist()


def test_lambda_returns_are_those_worked_by_hand():
    """γ = λ = 0.5. R₂ = 2 + 0.5·8; R₁ = 0 + 0.5 (0.5·6 + 0.5·6); R₀ = 1 + 0.5 (0.5·3 + 0.5·4)."""
    never = [RUNNING] * 3
    assert returns([1, 0, 2], [2, 4, 6], never, [0, 0, 0], 8, 0.5)[0] == [2.75, 3.0, 6.0]
    assert returns([1, 0, 2], [2, 4, 6], never, [0, 0, 0], 8, 0.0)[0] == [3.0, 3.0, 6.0], "one step ahead"
    assert returns([1, 0, 2], [2, 4, 6], never, [0, 0, 0], 8, 1.0)[0] == [2.5, 3.0, 6.0], "the sum of the rewards"


def test_an_end_is_worth_its_reward_and_a_time_out_what_the_cut_state_is_worth():
    """Nothing of the next episode, which starts in slot 1, is in the target of slot 0."""
    assert returns([3, 100], [1, 50], [OVER, RUNNING], [10, 0], 0, 0.9)[0][0] == 3.0
    assert returns([3, 100], [1, 50], [OUT_OF_TIME, RUNNING], [10, 0], 0, 0.9)[0][0] == 8.0


def test_a_decision_spans_the_others_move():
    found, valid = returns([0, 2, 0], [1, 99, 6], [RUNNING] * 3, [0, 0, 0], "nan", 1.0, asked=[1, 0, 1])
    assert found[0] == 5.0 and valid == [True, False, False]


def test_values_are_of_allowed_actions_alone():
    game = games.load("connect_four")
    learner = PQN(game, PQNSettings(**{**SMALL, **PACE, "n_envs": 8, "n_steps": 24}), 1, [participant("bot", game)])
    learner.network.advantage.weight.data.zero_()
    learner.network.advantage.bias.data[:] = torch.arange(7.0)
    learner.collect()
    mask, asked = learner.rollout.mask[1:], learner.rollout.asked[1:]
    best = (mask * torch.arange(1, 8)).amax(2) - 1
    assert (learner.rollout.value[1:] == best)[asked].all() and (best[asked] < 6).any()
    assert mask.gather(2, learner.rollout.action[1:, :, None])[asked].all()


def test_exploration_falls_over_the_first_part_of_the_run_or_differs_by_row():
    learner = PQN(games.load(LEARNING / "chain.py"), PQNSettings(**SMALL, exploration_final_eps=0.02), 1, [])
    for progress, expected in ((0.0, 1.0), (0.05, 0.51), (0.1, 0.02), (1.0, 0.02)):
        assert learner.epsilon(progress).tolist() == pytest.approx([expected] * 64)
    learner.settings.exploration = "apex"
    assert learner.epsilon(0.0)[[0, -1]].tolist() == pytest.approx([0.4, 0.4**8]) and (learner.epsilon(0.5).diff() < 0).all()


@pytest.mark.parametrize("memory", [{}, {"memory": "lstm", "memory_size": 32}], ids=["none", "lstm"])
def test_pqn_says_what_it_sees_and_never_does_what_is_forbidden(memory):
    game = games.load(LEARNING / "repeat.py")
    learner, paid = train(game, 20, gamma=0.5, **memory)
    assert paid.max() < 10
    assert match.play_match(game, [Participant("agent", agent=learner.agent())], 200, seed=9).score > 7.8


@pytest.mark.parametrize("memory", [{}, {"memory": "lstm", "memory_size": 32}], ids=["none", "lstm"])
def test_a_time_out_is_not_an_end_for_pqn(memory, monkeypatch):
    """One a step for ever is worth 1 / (1 − 0.8) = 5; five steps are worth 3.4 at most."""
    chain = games.load(LEARNING / "chain.py")
    assert train(chain, 40, gamma=0.8, **memory)[0].last_value.mean() == pytest.approx(5.0, rel=0.05)
    monkeypatch.setattr(on_policy, "truncated_rows", lambda end: np.zeros(0, int))
    assert train(chain, 40, gamma=0.8, **memory)[0].last_value.mean() < 3.4


def test_values_are_learned_in_their_own_unit():
    """Of the chain that pays `scale` for ever, at γ = 0.8."""
    chain, reached = games.load(LEARNING / "chain.py"), []
    for normalize in (False, True):
        for scale in (0.01, 100.0):
            learner, _ = train(chain, 30, gamma=0.8, reward_scale=scale, normalize_value=normalize)
            reached.append(learner.last_value.mean().item() / scale)
    assert reached[2:] == pytest.approx([5.0, 5.0], rel=0.05) and reached[1] < 4.0, reached


def test_the_loss_is_the_same_in_any_unit():
    chain, said = games.load(LEARNING / "chain.py"), []
    for scale in (1.0, 1000.0):
        learner = train(chain, 1, reward_scale=scale, normalize_value=True)[0]
        said.append(learner.iterate(lambda: 0.5))
    for name in ("train/loss", "train/grad_norm"):
        assert said[1][name] == pytest.approx(said[0][name], rel=0.2), name


@pytest.mark.parametrize("memory", [{"memory": "lstm", "memory_size": 32}, {}], ids=["lstm", "none"])
def test_what_was_shown_before_is_recalled_by_pqn_with_a_memory_alone(memory):
    game = games.load(LEARNING / "recall.py")
    learner, _ = train(game, 60, **memory)
    score = match.play_match(game, [Participant("agent", agent=learner.agent())], 400, seed=9).score
    assert score > 0.95 if memory else abs(score) < 0.2


def test_there_is_no_preset_of_stable_baselines3():
    with pytest.raises(UserError, match="Stable-Baselines3 has no pqn"):
        resolve(games.load("pong"), "pqn", {}, "sb3")
