"""A learner learns from its own decisions and rewards alone, whoever sits opposite: in mixtures, in leagues; PPO and DQN."""

from collections import defaultdict

import numpy as np
import pytest
import torch

import games
from agents.algorithms.dqn import DQN, DQNSettings
from agents.algorithms.ppo import PPO, PPOSettings
from agents.core.settings import AgentSettings
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.pool import Member, Pool
from agents.play.seats import Participant
from games.engine.batch import Batch

SEEN = {"observation": "objects", "network": "mlp", "stack": 1, "hidden": 8}
MARK = 6  # the column that opponents choose while it is legal, and the learner never while another one is
DECISIONS = 24  # of a row of PPO, at most


def inclined(network, bias):
    """A network that chooses MARK first, or last of all."""
    head = getattr(network, "policy", None) or network.advantage
    with torch.no_grad():
        head.bias.zero_()
        head.bias[MARK] = bias
    return network


def opponents_of(kind, game):
    """A plain mixture of an agent, twice, or a league's pool of two."""
    settings = AgentSettings(**SEEN)
    agents = [
        Agent(game, describe_agent(game, settings, "ppo"), inclined(build_network(game, settings), 1e6)) for _ in range(2)
    ]
    if kind == "mixture":
        return [Participant(f"agent {key}", agent=agent) for key, agent in enumerate(agents)]
    return Pool(
        [Member(key, f"agent {key}", "past", agent=agent) for key, agent in enumerate(agents)], {"past": 1.0}, "uniform"
    )


def learner_of(algorithm, game, opponents):
    common = {**SEEN, "n_envs": 8, "precision": "fp32", "reward_scale": 1.0, "learning_rate": 0.0}
    if algorithm == "ppo":
        learner = PPO(game, PPOSettings(**common, n_steps=DECISIONS, batch_size=64), 1, opponents)
    else:
        no_chance = {"exploration_initial_eps": 0.0, "exploration_final_eps": 0.0}
        learner = DQN(game, DQNSettings(**common, **no_chance, buffer_size=4000, learning_starts=10**6), 1, opponents)
    inclined(learner.network, -1e6)
    return learner


def kept_by(learner):
    """Of each row the actions and the sum of the rewards in its experience."""
    rows = range(learner.collector.rows)
    if isinstance(learner, PPO):
        roll = learner.rollout
        return [(roll.action[1:, row][roll.asked[1:, row]].tolist(), roll.reward[1:, row].sum().item()) for row in rows]
    replay = learner.replay
    real = [np.flatnonzero(replay.real[row, : replay.count[row]]) for row in rows]
    return [(replay.action[row, real[row]].tolist(), replay.reward[row].sum().item()) for row in rows]


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
@pytest.mark.parametrize("kind", ["mixture", "league"])
def test_all_experience_is_of_the_learners_own_seats_as_they_were_played_and_paid(kind, algorithm, monkeypatch):
    game = games.load("connect_four")
    learner = learner_of(algorithm, game, opponents_of(kind, game))
    played, earned, original = defaultdict(list), np.zeros((8, 2)), Batch.step

    def step(batch, actions, *more):
        for env, seat in np.argwhere(batch.asked == 1).tolist():
            played[env, seat].append(int(actions[env, seat]))
        original(batch, actions, *more)
        earned[batch.end != 0] += batch.returns[batch.end != 0]

    monkeypatch.setattr(Batch, "step", step)
    learner.collect() if algorithm == "ppo" else learner.iterate(lambda: 0.0)
    view, kept = learner.collector.arena.view, kept_by(learner)
    own = list(zip(view.envs.tolist(), view.seats.tolist(), strict=True))
    assert [env for env, _ in own] == list(range(8)), "one seat of each environment"
    for place, (actions, reward) in zip(own, kept, strict=True):
        assert actions == played[place] and len(actions) > 5
        assert actions.count(MARK) < 0.2 * len(actions), "the seat is not the opponent's"
        assert reward == earned[place]
    others = [played[env, 1 - seat] for env, seat in own]
    assert all(actions.count(MARK) > 0.5 * len(actions) for actions in others)
    assert np.abs(earned).sum() > 0
    learner.close()
