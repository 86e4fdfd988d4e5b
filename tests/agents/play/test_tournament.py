"""Tournaments: the same games whatever the order of listing and the threads, seats exchanged, games that differ counted."""

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import games
from agents import ratings
from agents.participants import ZOO
from agents.play.agent import Agent
from agents.play.seats import Participant
from agents.play.table import Table
from agents.play.tournament import Tournament, batches, play_tournament
from agents.training import rating_report
from games.errors import UserError
from tests.agents.play.test_match import save_agent

CONNECT_FOUR = ZOO / "connect_four" / "ppo.safetensors"


@pytest.fixture(scope="module")
def pong():
    return games.load("pong")


@pytest.fixture(scope="module")
def connect_four():
    return games.load("connect_four")


def bots(*skills):
    return [Participant(f"bot:{skill:g}", skill) for skill in skills]


def greedy(game, path, name):
    """An agent that always plays the move of the highest score."""
    agent = Agent.load(save_agent(game, path), game)
    agent.info.settings.temperature = 0.0
    return Participant(name, agent=agent)


def call(*words):
    """The command's exit code, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ratings", *map(str, words)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        return ratings.main(), out.getvalue(), err.getvalue()


# --- games ---


def same(one, other):
    return (one.couples == other.couples).all() and (one.draws == other.draws).all() and one.endings == other.endings


def test_neither_the_order_of_listing_nor_the_threads_change_a_game(connect_four, tmp_path):
    agent = Agent.load(save_agent(connect_four, tmp_path / "agent.safetensors"), connect_four)
    agent.info.settings.temperature = 1.0  # it draws from its own random stream
    players = [Participant("agent", agent=agent), *bots(0.5, 1.0, 0.2)]
    one = play_tournament(connect_four, players, 700, seed=3, threads=1)
    assert same(one, play_tournament(connect_four, players[::-1], 700, seed=3, threads=2))
    assert not same(one, play_tournament(connect_four, players, 700, seed=4, threads=1))
    at_once = [play_tournament(connect_four, players[:2], 700, seed=3, threads=threads) for threads in (1, 3)]
    assert same(*at_once), "three batches"


def test_as_many_games_are_played_as_asked_for_in_couples(pong):
    result = play_tournament(pong, bots(0.2, 0.5, 1.0), 151, seed=1)
    assert result.couples.sum() == 76, "an odd number is rounded up"
    assert (result.games == result.wins + result.wins.T + result.draws).all()
    assert (result.points == result.wins + result.draws / 2).all()
    assert (result.games % 2 == 0).all() and (result.games + np.eye(3) > 0).all()


def test_the_stronger_is_rated_higher_by_about_what_a_match_says(pong):
    result = play_tournament(pong, bots(0.5, 1.0), 300, seed=2, threads=2)
    first, second = result.summary()["players"]
    assert (first["name"], second["name"], second["rating"]) == ("bot:1", "bot:0.5", 1000.0)
    assert first["rating"] == pytest.approx(1000 + 400 * np.log10((first["wins"] + 0.5) / (second["wins"] + 0.5)))
    assert first["interval"][0] < first["rating"] < first["interval"][1] and second["interval"] == [1000, 1000]


def test_both_games_of_a_couple_begin_alike_with_the_seats_exchanged(connect_four, monkeypatch):
    tables = []
    original = Table.play

    def spy(table, **given):
        tables.append((table.order[:, 0].tolist(), table.seated.tolist(), table.batch.states.copy()))
        original(table, **given)

    monkeypatch.setattr(Table, "play", spy)
    play_tournament(connect_four, bots(0.0, 0.5, 1.0), 60, seed=2)
    for order, seated, states in tables:
        assert order == [0, 1] * (len(order) // 2)
        assert seated[0::2] == seated[1::2] and (states[0::2] == states[1::2]).all()
    starts = [int(rng) for _, _, states in tables for rng in states["rng"]]
    assert len(set(starts)) == len(starts) // 2, "and no two couples alike"


def test_a_batch_deals_the_planned_games():
    planned = np.triu(np.array([[0, 5008, 14], [0, 0, 2], [0, 0, 0]]))
    played = np.zeros((3, 3), int)
    for seated, quota in batches(planned):
        assert len(seated) <= 250 and (seated[0::2] == seated[1::2]).all() and (quota[0::2] == quota[1::2]).all()
        np.add.at(played, tuple(seated.T), quota)
    assert (played == planned).all()


def test_a_draw_is_half_a_point_to_each_and_counted_by_itself(pong):
    table = Table(pong, bots(0.0, 1.0), 6, 1, 1, 0, None, 1)
    table.returns = np.array([[1.0, -1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [-1.0, 1.0], [-2.0, 2.0]])
    result = Tournament("pong", ["a", "b"], None, 0)
    result.add(table)
    assert result.couples[0, 1].tolist() == [1, 0, 1, 1, 0]
    assert (result.wins.tolist(), result.draws.tolist()) == ([[0, 1], [2, 0]], [[0, 3], [3, 0]])
    assert result.points.tolist() == [[0, 2.5], [3.5, 0]]


# --- deterministic players ---


def test_players_without_chance_open_at_random_and_their_games_differ(connect_four, tmp_path):
    players = [
        greedy(connect_four, tmp_path / "one.safetensors", "one"),
        greedy(connect_four, tmp_path / "two.safetensors", "two"),
    ]
    summary = play_tournament(connect_four, players, 200, seed=1).summary()
    assert summary["pairs"][0]["different_games"] > 60, "without openings there would be four"


def test_games_that_repeat_others_are_counted_once_and_told(connect_four, tmp_path, monkeypatch):
    monkeypatch.setattr("agents.play.table.OPENING", (0, 0))
    players = [
        greedy(connect_four, tmp_path / "one.safetensors", "one"),
        greedy(connect_four, tmp_path / "two.safetensors", "two"),
    ]
    summary = play_tournament(connect_four, players, 40, seed=1).summary()
    assert summary["pairs"][0]["different_games"] == 4, "either of them begins, in either seat"
    assert "Only 4 of the 40 games of" in "\n".join(rating_report.remarks(summary))


def test_players_with_chance_are_told_nothing_of_repeated_games(pong):
    summary = play_tournament(pong, bots(0.2, 0.5), 40, seed=1).summary()
    assert summary["pairs"][0]["different_games"] == 40
    assert rating_report.remarks(summary) == ["bot:0.5 is fixed at 1000."]


# --- the command ---


def test_the_object_has_the_keys_that_are_promised(tmp_path):
    code, out, err = call("pong", "random", "bot:1", "bot", "--games", 60, "--json", "--plot", tmp_path / "ratings.png")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert set(found) == {
        "game", "games", "seed", "anchor", "players", "win_matrix", "pairs", "circles", "cut", "games_per_second"
    }  # fmt: skip
    assert (found["game"], found["games"], found["anchor"], found["circles"]) == ("pong", 60, "bot", [])
    assert [player["name"] for player in found["players"]] == ["bot:1", "bot", "random"]
    assert set(found["players"][0]) == {"name", "rating", "interval", "games", "wins", "draws", "score"}
    assert set(found["pairs"][0]) == {"players", "games", "wins", "draws", "win_rate", "interval", "different_games"}
    assert found["win_matrix"][0][0] is None and found["win_matrix"][0][1] == pytest.approx(1 - found["win_matrix"][1][0])
    with Image.open(tmp_path / "ratings.png") as picture:
        assert picture.size[0] > 500


def test_people_read_a_table_the_rates_and_where_the_ratings_stand():
    code, out, _ = call("pong", "bot:0.2", "bot:0.5", "--games", 20)
    assert code == 0 and "Pong, 20 games in " in out
    assert "  1  bot:0.5    1000  fixed" in out and "bot:0.5 is fixed at 1000." in out
    code, out, _ = call("pong", "bot:0.2", "bot:1", "--games", 20)
    assert "bot (bot:0.5) does not play: the mean of all is 1000." in out


def test_circles_are_said_in_words():
    result = Tournament("pong", ["a", "b", "c"], None, 0)
    result.couples[0, 1] = result.couples[1, 2] = [5, 0, 5, 0, 30]
    result.couples[0, 2] = [30, 0, 5, 0, 5]
    result.endings = {pair: set(range(80)) for pair in ((0, 1), (0, 2), (1, 2))}
    told = rating_report.remarks(result.summary())
    assert told[1] == "A circle, which no ratings describe: a beats b (81%), which beats c (81%), which beats a (81%)."


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pong", "bot"], "two participants at least"),
        (["pong"], "two participants at least"),
        (["pong", "bot", "bot:0.5"], "bot and bot:0.5 are the same participant"),
        (["pong", "random", "bot", "random"], "random is named twice"),
        (["connect_four", "level:1", "newcomer"], "level:1 and newcomer are the same participant"),
        (["connect_four", "level:8", "bot"], "There is no 'level:8'"),
        (["pong", "bot", "human"], "A person cannot play"),
        (["pong", "bot", "bto"], "mean 'bot'"),
        (["pong", "bot", CONNECT_FOUR], "plays connect_four, not pong"),
        (["breakout", "bot", "random"], "one seat"),
        (["gym:CartPole-v1", "random", "bot"], "one seat"),
        (["pong", "bot", "random", "bot:1", "--games", "5"], "Say --games 6"),
        (["pong", "bot", "random", "--games", "0"], "Say --games 2"),
        (["pong", "bot", "random", "--seed", "-1"], "--seed is 0 or more"),
        (["pong", "bot", "random", "--plot", "ratings.gif"], "ends in .png or .svg"),
        (["pong", "bot", "random", "--plot", "nowhere/ratings.png"], "no folder nowhere"),
    ],
)
def test_bad_input_gets_one_clear_error_before_a_game_is_played(words, says, monkeypatch):
    monkeypatch.setattr(Table, "play", lambda *given, **more: pytest.fail("played"))
    code, out, err = call(*words)
    assert (code, out) == (2, "") and err.startswith("error: ")
    assert says in err and err.count("error") == 1


def test_a_game_in_which_nobody_wins_has_no_ratings():
    toy = Path(__file__).parents[2] / "toys" / "harvest.py"
    code, _, err = call(toy, "bot", "random")
    assert code == 2 and 'nobody wins (REWARDS = "own")' in err


def test_levels_and_simulated_people_are_rated_too():
    code, out, _ = call("connect_four", "level:1", "level:7", "person:beginner", "bot", "--games", "24", "--json")
    assert code == 0
    assert {each["name"] for each in json.loads(out)["players"]} == {"level:1", "level:7", "person:beginner", "bot"}


def test_a_copy_of_an_agents_file_is_the_same_participant(tmp_path):
    copied = shutil.copy(CONNECT_FOUR, tmp_path / "mine.safetensors")
    code, _, err = call("connect_four", CONNECT_FOUR, copied)
    assert code == 2 and "are the same participant" in err


def test_a_failure_in_one_batch_ends_the_others(pong, monkeypatch):
    calls = []

    def fails(table, tell):
        calls.append(table)
        tell(2)
        raise UserError("broken")

    monkeypatch.setattr(Table, "play", fails)
    with pytest.raises(UserError, match="broken"):
        play_tournament(pong, bots(0.2, 0.5), 100_000, threads=2)
    assert len(calls) <= 2


def test_a_terminal_is_told_how_many_games_are_played(monkeypatch, capsys):
    assert ratings.progress_line(0.0) is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    tell = ratings.progress_line(0.0)
    tell(10, 1200)
    assert "\r10 of 1,200 games" in capsys.readouterr().err
