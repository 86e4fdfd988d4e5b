"""The agents that ship: small, of the games as they are now, and good."""

from pathlib import Path

import pytest

import games
from agents.participants import ZOO, participant
from agents.play.agent import Agent
from agents.play.match import play_match
from agents.play.seats import Participant

AGENTS = sorted(ZOO.glob("*/*.safetensors"))


def test_an_agent_ships_for_every_game():
    assert {path.parent.name for path in AGENTS} == set(games.names())


def shipped():
    """The agents; that of Breakout, whose games are long, among the slow proofs."""
    for path in AGENTS:
        game = path.parent.name
        yield pytest.param(path, id=f"{game}-{path.stem}", marks=pytest.mark.slow if game == "breakout" else ())


@pytest.mark.parametrize("path", list(shipped()))
def test_a_shipped_agent_plays_as_its_file_says(path):
    game = games.load(path.parent.name)
    agent = Agent.load(path, game)
    assert path.stat().st_size < 1 << 20
    low, high = agent.info.score["interval" if game.players == 2 else "return_interval"]
    rivals = [participant("bot", game)] if game.players == 2 else []
    score = play_match(game, [Participant("agent", agent=agent), *rivals], 200, seed=77, threads=2).score
    assert low - 0.07 * abs(low) <= score <= high + 0.07 * abs(high), "200 games of it, three deviations"


def test_the_connect_four_agent_beats_the_one_that_knew_the_bot_alone():
    """77 % of 1,000 games, a draw counting half."""
    game, before = games.load("connect_four"), Path(__file__).with_name("connect_four_against_bot_alone.safetensors")
    pair = [Participant("agent", agent=Agent.load(path, game)) for path in (ZOO / "connect_four" / "ppo.safetensors", before)]
    assert play_match(game, pair, 300, seed=3, threads=2).score > 0.65


BEFORE = Path(__file__).with_name("pong_against_bot_alone.safetensors")  # trained against the bot alone


PEOPLE = ("predictor-stays", "follower-stays")  # who play unlike the bot: they look up late, misjudge, stay where they hit it


@pytest.mark.slow
@pytest.mark.parametrize("name", PEOPLE)
def test_the_pong_agent_beats_people_who_play_unlike_the_bot(name):
    """The one that shipped before lost to the first and half of its games to the second."""
    game = games.load("pong")

    def score(path):
        pair = [Participant("agent", agent=Agent.load(path, game)), participant(f"person:{name}", game)]
        return play_match(game, pair, 60, seed=3, threads=2).score

    assert score(ZOO / "pong" / "ppo.safetensors") > 0.9
    assert score(BEFORE) < (0.4 if name == "predictor-stays" else 0.7)
