"""Nothing that an agent remembers passes from one game of a match, a tournament or an evaluation into the next."""

from collections import Counter

import numpy as np
import pytest

import games
from agents.algorithms.ppo import PPO, PPOSettings
from agents.play.agent import Agent
from agents.play.match import play_match
from agents.play.policy import SeatedAgent
from agents.play.seats import Participant
from agents.play.tournament import play_tournament
from agents.training import trainer as runs
from tests.agents.networks.test_memory import SMALL, clumsy, new_agent


@pytest.fixture
def heard(monkeypatch):
    """Decisions by whether they are the first of a game and whether anything was remembered at them."""
    counts, seated = Counter(), []
    act, decide = SeatedAgent.act, Agent.decide

    def seated_act(player, actions):
        seated.append(player)
        act(player, actions)
        seated.pop()

    def seated_decide(agent, observation, masks, state=None):
        player = seated[-1]
        rows = np.flatnonzero(player.batch.asked[player.view.envs, player.view.seats] == 1)
        last = player.__dict__.setdefault("heard_in", {})
        for row, remembered in zip(rows.tolist(), state.flatten(1).any(1).tolist(), strict=True):
            episode = int(player.batch.episode[player.view.envs[row]])
            counts["begins" if last.get(row) != episode else "goes on", remembered] += 1
            last[row] = episode
        return decide(agent, observation, masks, state)

    monkeypatch.setattr(SeatedAgent, "act", seated_act)
    monkeypatch.setattr(Agent, "decide", seated_decide)
    return counts


def match(game, agent):
    play_match(game, [Participant("agent", agent=agent), Participant("bot", 0.5)], 600, seed=1)


def tournament(game, agent):
    play_tournament(game, [Participant("agent", agent=agent), Participant("bot", 0.5)], 1200, seed=1)


@pytest.mark.parametrize("games_of", [match, tournament])
def test_each_game_of_a_match_or_a_tournament_begins_with_an_empty_memory(games_of, heard):
    game = games.load("connect_four")
    games_of(game, new_agent(game, stack=1))
    assert set(heard) == {("begins", False), ("goes on", True)}
    assert heard["begins", False] >= 600


def test_each_game_of_an_evaluation_begins_with_an_empty_memory(heard, tmp_path, monkeypatch):
    """Of the agent that a learner gives, whose seats have just learned."""
    monkeypatch.setattr("agents.play.table.TOGETHER", 4)
    game = games.load("connect_four")
    learner = PPO(game, PPOSettings(**SMALL, stack=1, n_envs=4, n_steps=8, batch_size=16), 1, [None])
    clumsy(learner.network.memory)
    learner.collect()

    class FakeTrainer:
        levels = None
        _table = runs.Trainer._table

    FakeTrainer.game = game
    runs.Trainer._match(FakeTrainer(), learner.agent(), 16, 7, None)
    assert set(heard) == {("begins", False), ("goes on", True)}
    assert heard["begins", False] >= 16
    learner.close()
