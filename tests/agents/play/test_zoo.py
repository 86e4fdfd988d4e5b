"""The agents that ship: small, of the games as they are now, and good."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import games
from agents.participants import ZOO, participant
from agents.play import ladder
from agents.play.agent import Agent
from agents.play.match import play_match
from agents.play.seats import Participant
from games.engine.batch import RUNNING, Batch

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
    score = play_match(game, [Participant("agent", agent=agent), *rivals], 200, seed=77).score
    assert low - 0.07 * abs(low) <= score <= high + 0.07 * abs(high), "200 games of it, three deviations"


# --- ladders ---


LADDERS = sorted(path.parent for path in ZOO.glob("*/ladder/ladder.json"))
VERSUS = [folder for folder in LADDERS if games.load(folder.parent.name).players == 2]


def test_there_are_ladders():
    assert {folder.parent.name for folder in LADDERS} >= {"pong"}


@pytest.mark.parametrize("folder", LADDERS, ids=lambda folder: folder.parent.name)
def test_a_shipped_ladder_has_no_file_that_nobody_plays_and_is_small(folder):
    found = ladder.read(folder).file
    files = {each.file for each in [*found.rungs, *found.moments]}
    assert {path.name for path in folder.iterdir()} == files | {ladder.LADDER}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 4 << 20
    assert (found.game, found.game_version) == (folder.parent.name, games.load(folder.parent.name).version)


@pytest.mark.parametrize("folder", VERSUS, ids=lambda folder: folder.parent.name)
def test_a_shipped_ladder_has_seven_even_levels_that_react_sooner_and_sooner(folder):
    levels = ladder.read(folder).file.levels
    assert [level.name for level in levels] == list(ladder.LEVELS)
    steps = [400.0 * math.log10(level.score / (1.0 - level.score)) for level in levels[1:]]
    mean = sum(steps) / len(steps)
    assert 110.0 <= mean <= 330.0 and max(abs(step - mean) for step in steps) <= 30.0
    delays = [level.delay for level in levels]
    assert delays == sorted(delays, reverse=True)
    if not games.load(folder.parent.name).turns:
        assert 6 <= delays[-1] < delays[0] <= 18


@pytest.mark.slow
@pytest.mark.parametrize("folder", VERSUS, ids=lambda folder: folder.parent.name)
def test_each_level_beats_the_one_below_as_its_file_says(folder):
    game, found = games.load(folder.parent.name), ladder.read(folder)
    for below, level in pairwise(found.file.levels):
        pair = [Participant(rung.name, agent=found.agent(rung, game)) for rung in (level, below)]
        assert abs(play_match(game, pair, 400, seed=5).score - level.score) < 0.08, "three deviations"


def test_pongs_newcomer_beats_who_does_not_move():
    game, found = games.load("pong"), ladder.read(ZOO / "pong" / "ladder")
    batch = Batch(game, 100, seed=4)
    seats = np.arange(100) % 2  # where the Newcomer sits
    rows = np.stack([np.arange(100), seats], 1)
    player = found.agent(found.named("newcomer"), game).player(batch, rows)
    batch.reset()
    actions, won = np.zeros((100, 2), np.int64), np.full(100, np.nan)
    while np.isnan(won).any():
        player.act(actions)
        batch.step(actions)
        ended = (batch.end != RUNNING) & np.isnan(won)
        won[ended] = batch.returns[ended, seats[ended]] > batch.returns[ended, 1 - seats[ended]]
    assert won.mean() >= 0.95


@pytest.mark.slow
def test_the_weakest_follower_wins_four_of_ten_games_against_pongs_newcomer():
    game = games.load("pong")
    pair = [participant(name, game) for name in ("person:late-follower", "level:1")]
    result = play_match(game, pair, 400, seed=6)
    assert result.score >= 0.4


def test_the_connect_four_agent_beats_the_one_that_knew_the_bot_alone():
    """77 % of 1,000 games, a draw counting half."""
    game, before = games.load("connect_four"), Path(__file__).with_name("connect_four_against_bot_alone.safetensors")
    pair = [Participant("agent", agent=Agent.load(path, game)) for path in (ZOO / "connect_four" / "ppo.safetensors", before)]
    assert play_match(game, pair, 300, seed=3).score > 0.65


BEFORE = Path(__file__).with_name("pong_against_bot_alone.safetensors")  # trained against the bot alone


PEOPLE = ("predictor-stays", "follower-stays")  # who play unlike the bot: they look up late, misjudge, stay where they hit it


@pytest.mark.slow
@pytest.mark.parametrize("name", PEOPLE)
def test_the_pong_agent_beats_people_who_play_unlike_the_bot(name):
    """The one that shipped before lost to the first and half of its games to the second."""
    game = games.load("pong")

    def score(path):
        pair = [Participant("agent", agent=Agent.load(path, game)), participant(f"person:{name}", game)]
        return play_match(game, pair, 60, seed=3).score

    assert score(ZOO / "pong" / "ppo.safetensors") > 0.9
    assert score(BEFORE) < (0.4 if name == "predictor-stays" else 0.7)
