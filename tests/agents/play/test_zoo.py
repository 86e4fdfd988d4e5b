"""The agents that ship: small, of the games as they are now, and good."""

import pytest

import games
from agents.participants import ZOO, participant
from agents.play.agent import Agent
from agents.play.match import play_match
from agents.play.seats import Participant

AGENTS = sorted(ZOO.glob("*/*.safetensors"))


def test_an_agent_ships_for_every_game():
    assert {path.parent.name for path in AGENTS} == set(games.names())


@pytest.mark.parametrize("path", AGENTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_shipped_agent_plays_as_its_file_says(path):
    game = games.load(path.parent.name)
    agent = Agent.load(path, game)
    assert path.stat().st_size < 1 << 20
    low, high = agent.info.score["interval" if game.players == 2 else "return_interval"]
    rivals = [participant("bot", game)] if game.players == 2 else []
    score = play_match(game, [Participant("agent", agent=agent), *rivals], 200, seed=77, threads=2).score
    assert low - 0.07 * abs(low) <= score <= high + 0.07 * abs(high), "200 games of it, three deviations"
