"""Matches: seats are exchanged, pairs begin alike, every game counts once, and intervals are Wilson's."""

import json
import math
import os

import numpy as np
import pytest

import games
import play
import train
from agents import participants
from agents.core import tensor_file
from agents.core.settings import AgentSettings
from agents.participants import best_at_hand, participant
from agents.play import table
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.limits import MatchLimits
from agents.play.match import play_match
from agents.play.result import MatchResult
from agents.play.seats import Participant
from agents.play.table import Table
from games.errors import UserError
from games.intervals import wilson
from tests import resealed


@pytest.fixture(scope="module")
def pong():
    return games.load("pong")


@pytest.fixture(scope="module")
def connect_four():
    return games.load("connect_four")


def save_agent(game, path, score=None, rating=None):
    settings = AgentSettings(observation="objects", network="mlp", hidden=8)
    info = describe_agent(game, settings, "ppo")
    info.score, info.rating = score or {}, rating
    path.parent.mkdir(parents=True, exist_ok=True)
    Agent(game, info, build_network(game, settings)).save(path)
    return path


# --- numbers ---


@pytest.mark.parametrize(
    ("score", "games", "low", "high"),  # of published tables, to three figures
    [(0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0), (81, 263, 0.255, 0.366), (950, 1000, 0.935, 0.962)],
)
def test_intervals_are_wilsons(score, games, low, high):
    assert wilson(score, games) == pytest.approx((low, high), abs=6e-4)


def test_a_draw_counts_half():
    returns = np.array([[1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [0.0, 0.0], [0.5, 0.5]])
    result = MatchResult("pong", ["a", "b"], returns, 0, 10.0)
    summary = result.summary()
    assert (summary["wins"], summary["draws"]) == ([2, 1], 2)
    assert result.score == summary["win_rate"] == pytest.approx(3 / 5)
    assert summary["interval"] == list(wilson(3, 5))
    assert summary["mean_return"] == pytest.approx([0.3, -0.1])


def test_the_return_interval_of_one_seat_is_that_of_a_mean():
    summary = MatchResult("breakout", ["a"], np.array([[1.0], [2.0], [3.0], [6.0]]), 0, 10.0).summary()
    half = 1.96 * math.sqrt(14 / 3) / 2
    assert summary["mean_return"] == 3.0
    assert summary["std_return"] == pytest.approx(math.sqrt(14 / 3))
    assert summary["return_interval"] == pytest.approx([3 - half, 3 + half])


COMMON = {"game", "seats", "games", "mean_return", "steps_per_second"}


def test_the_object_has_the_keys_that_are_promised(pong):
    two = play_match(pong, [participant("bot", pong), participant("random", pong)], 2, seed=1).summary()
    assert set(two) == COMMON | {"wins", "draws", "win_rate", "interval"}
    assert two["seats"] == ["bot", "random"]
    assert len(two["wins"]) == len(two["mean_return"]) == len(two["interval"]) == 2
    one = MatchResult("breakout", ["a"], np.ones((3, 1)), 0, 10.0).summary()
    assert set(one) == COMMON | {"std_return", "return_interval"}
    assert json.loads(json.dumps([one, two])) == [one, two]


# --- who sits where ---


def test_seats_are_exchanged_and_pairs_begin_alike(pong):
    bots = [Participant("weak", 0.0), Participant("strong", 1.0)]
    table = Table(pong, bots, 8, 2, 1, 0, None, 1)
    assert table.order.tolist() == [[0, 1], [1, 0]] * 4
    assert table.batch.bots.tolist() == [[0.0, 1.0], [1.0, 0.0]] * 4
    states = table.batch.states
    assert (states[0::2] == states[1::2]).all()
    assert len(np.unique(states["rng"])) == 4, "and no two pairs"


def test_a_match_without_time_counts_the_games_that_it_cuts_as_far_as_they_got(pong):
    bots = [Participant("weak", 0.0), Participant("strong", 1.0)]
    whole = play_match(pong, bots, 600, seed=1)
    assert not whole.note
    result = play_match(pong, bots, 600, seed=1, limits=MatchLimits(seconds=0.0))
    assert result.games == result.cut == 250 and result.note == "250 of 250 games were cut: the time is up"
    assert (result.returns == 0.0).all(), "after two decisions nobody has scored"


def test_every_second_game_of_a_seat_is_won_by_whoever_sits_there(connect_four, monkeypatch):
    """What counts is the participant's return, wherever it sat."""
    result = play_match(connect_four, [Participant("strong", 1.0), Participant("random", -1.0)], 40, seed=2)
    assert result.score > 0.95
    other = play_match(connect_four, [Participant("random", -1.0), Participant("strong", 1.0)], 40, seed=2)
    assert other.score < 0.05


def test_a_game_of_turns_begins_with_two_to_four_random_plies_the_same_in_both_of_a_pair(connect_four, tmp_path):
    agent = participant(str(save_agent(connect_four, tmp_path / "agent.safetensors")), connect_four)
    table = Table(connect_four, [agent, agent], 60, 1, 1, 0, None, 1)
    states = table.batch.states
    assert (states[0::2] == states[1::2]).all()
    dropped = [int(one).bit_count() + int(other).bit_count() for one, other in states["discs"]]
    assert set(dropped) == {2, 3, 4}
    assert (table.batch.asked.sum(1) == 1).all(), "now they decide"
    assert len({tuple(discs) for discs in states["discs"].tolist()}) > 15, "openings differ"


def test_an_agent_moves_only_after_the_opening(connect_four, tmp_path):
    path = save_agent(connect_four, tmp_path / "agent.safetensors")
    one = participant(str(path), connect_four)
    table = Table(connect_four, [one, Participant("bot", 0.5)], 12, 1, 1, 0, None, 1)
    seen = []
    decide, batch = one.agent.decide, table.batch

    def spy(*given):
        seen.extend(batch.states["tick"][(batch.episode == 0) & (batch.asked.max(1) == 1)])
        return decide(*given)

    one.agent.decide = spy
    table.play()
    assert min(seen) == 2
    assert table.returns.shape == (12, 2)


@pytest.mark.parametrize("count", [1, 3, 101, 999, 1001])
def test_exactly_as_many_games_are_played_as_asked_for(pong, count, monkeypatch):
    played = []
    original = Table.play

    def spy(table, *given):
        found = original(table, *given)
        played.append((len(table.returns), table.order[:, 0].sum() * table.quota))
        return found

    monkeypatch.setattr(Table, "play", spy)
    result = play_match(pong, [Participant("strong", 1.0), Participant("random", -1.0)], count, seed=4)
    assert result.games == count == sum(games for games, _ in played)
    assert sum(second for _, second in played) == count // 2, "in the second seat half of the time"
    assert (result.returns.sum(1) == 0).all()


def test_no_game_is_played_twice(pong):
    """Chance against chance: 600 games, in pairs with the same beginning but no other in common."""
    result = play_match(pong, [Participant("random", -1.0), Participant("bot", 0.2)], 501, seed=4)
    table = Table(pong, [Participant("random", -1.0), Participant("bot", 0.2)], 250, 1, 4, 500, None, 1)
    first = Table(pong, [Participant("random", -1.0), Participant("bot", 0.2)], 250, 1, 4, 0, None, 1)
    assert not set(table.batch.states["rng"]) & set(first.batch.states["rng"]), "later tables play other games"
    assert result.games == 501


def test_a_bot_against_itself_wins_about_half(pong):
    result = play_match(pong, [Participant("bot", 0.5), Participant("same", 0.5)], 600, seed=8)
    assert result.score == pytest.approx(0.5, abs=3 * 0.5 / math.sqrt(600))
    assert result.returns.std() > 0


def test_the_same_seed_plays_the_same_games_whatever_the_threads(pong, monkeypatch):
    bots, found = [Participant("a", 0.3), Participant("b", 0.6)], []
    for threads in (1, 2):
        monkeypatch.setattr(table, "THREADS", threads)
        found.append(play_match(pong, bots, 60, seed=5).returns)
    one, two = found
    assert (one == two).all()
    assert (play_match(pong, bots, 60, seed=6).returns != one).any()


# --- names ---


@pytest.mark.parametrize(("text", "bot"), [("bot", 0.5), ("bot:0", 0.0), ("bot:0.8", 0.8), ("bot:1", 1.0), ("random", -1.0)])
def test_a_seat_is_named_in_one_way_everywhere(pong, text, bot):
    assert participant(text, pong).bot == bot
    assert not participant(text, pong).human
    assert participant("human", pong).human


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bto", "mean 'bot'"),
        ("humam", "mean 'human'"),
        ("bot:2", "0 to 1"),
        ("bot:x", "0 to 1"),
        ("bot:nan", "0 to 1"),
    ],
)
def test_a_seat_nobody_knows_names_the_nearest(pong, text, says):
    with pytest.raises(UserError, match=says):
        participant(text, pong)


def test_a_run_without_an_agent_yet_is_told_how_to_go_on(pong, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="--resume"):
        participant(str(tmp_path), pong)


def test_a_run_is_a_seat(pong, tmp_path):
    save_agent(pong, tmp_path / "agent.safetensors")
    assert participant(str(tmp_path), pong).agent is not None


def test_a_match_needs_the_right_number_of_players_and_no_people(pong):
    bot, person = participant("bot", pong), participant("human", pong)
    with pytest.raises(UserError, match="has 2 seats, not 1"):
        play_match(pong, [bot], 1, seed=0)
    with pytest.raises(UserError, match="without a window"):
        play_match(pong, [bot, person], 1, seed=0)
    with pytest.raises(UserError, match="one game at least"):
        play_match(pong, [bot, bot], 0, seed=0)


# --- the best at hand ---


def test_the_best_at_hand_is_surely_the_best(pong, tmp_path, monkeypatch):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    runs = tmp_path / "runs"
    assert best_at_hand(pong, runs) == "bot"
    lucky = save_agent(pong, runs / "pong" / "lucky" / "agent.safetensors", {"win_rate": 1.0, "interval": [0.7, 1.0]})
    assert best_at_hand(pong, runs) == str(lucky)
    sure = save_agent(pong, tmp_path / "zoo" / "pong" / "sure.safetensors", {"win_rate": 0.9, "interval": [0.88, 0.92]})
    save_agent(pong, runs / "pong" / "unknown" / "agent.safetensors")
    assert best_at_hand(pong, runs) == str(sure)
    rated = save_agent(pong, runs / "pong" / "rated" / "agent.safetensors", {"interval": [0.1, 0.2]}, rating=0.0)
    assert best_at_hand(pong, runs) == str(rated)


def test_the_best_at_hand_is_no_damaged_file_and_of_no_other_game_or_version(pong, connect_four, tmp_path, monkeypatch):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    folder = tmp_path / "runs" / "pong"
    good = {"interval": [0.9, 1.0]}
    (folder / "text").mkdir(parents=True)
    (folder / "text" / "agent.safetensors").write_text("hello")
    save_agent(connect_four, folder / "other" / "agent.safetensors", good)
    path = save_agent(pong, folder / "old" / "agent.safetensors", good)
    agent = Agent.load(path)
    agent.info.game_version += 1
    agent.save(path)
    for number, score in enumerate(({"interval": [float("nan"), 1.0]}, {"interval": ["high"]}, {"interval": 3})):
        save_agent(pong, folder / f"hostile{number}" / "agent.safetensors", score)
    worst = save_agent(pong, folder / "poor" / "agent.safetensors", {"interval": [0.0, 0.1]})
    assert best_at_hand(pong, tmp_path / "runs") == str(worst)


def plant(folder, agent):
    """Files of every bad kind among the runs of a game. agent: a good one's file."""
    for name, data in {"empty": b"", "text": b"hello", "cut": agent.read_bytes()[:-9]}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "agent.safetensors").write_bytes(data)
    (folder / "folder" / "agent.safetensors").mkdir(parents=True)
    (folder / "loop").mkdir()
    (folder / "loop" / "agent.safetensors").symlink_to(folder / "loop" / "agent.safetensors")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "agent.safetensors")
    (folder / "large").mkdir()
    with open(folder / "large" / "agent.safetensors", "wb") as file:
        file.truncate(1 << 40)  # a file of holes
    tensors, meta = tensor_file.load(agent, "agent")
    for name, change in {
        "huge score": {"score": {"interval": [10**400, 10**400]}},
        "huge steps": {"steps": 10**30},
        "deep": {"score": json.loads("[" * 500 + "]" * 500)},
        "future": {"written_by": "99.0.0", "soul": 1},
        "no settings": {"settings": {}},
        "line\nbreak": {"rating": 1e9},
    }.items():
        resealed.write(folder / name / "agent.safetensors", tensors, meta, **change)
    boast = {"rating": 1e9, "settings": {**meta["settings"], "hidden": 9}}
    resealed.write(folder / "weights of another" / "agent.safetensors", tensors, meta, **boast)


def test_games_that_repeat_others_are_counted_and_told(pong, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["play.py", "pong", "bot", "bot:1", "--headless", "--games", "20"])
    assert play.main() == 0
    assert "differ" not in capsys.readouterr().out
    monkeypatch.setattr(table, "ending", lambda batch, env: b"alike")
    assert play.main() == 0
    assert "Only 2 of the 20 games differ" in capsys.readouterr().out  # one for each order of the seats


def test_a_folder_that_is_no_run_is_told_as_such(pong, tmp_path):
    with pytest.raises(UserError, match=r"is no run: it holds neither an agent nor a config\.json\.\nName a run's folder"):
        participants.participant(str(tmp_path), pong)


def test_files_planted_in_runs_leave_the_window_and_the_matches_of_all_others_alone(pong, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    runs, good = tmp_path / "runs", {"win_rate": 0.9, "interval": [0.8, 1.0]}
    mine = save_agent(pong, runs / "pong" / "mine" / "agent.safetensors", good)
    plant(runs / "pong", mine)
    boast = str(runs / "pong" / "weights of another" / "agent.safetensors")
    assert participants.ranked_at_hand(pong, runs) == [boast, str(mine), "bot"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11 and all(line.startswith(f"Left out: {runs}") for line in lines)
    monkeypatch.setattr("sys.argv", ["play.py", "pong", "--headless", "--games", "2", "--json", "--runs", str(runs)])
    assert play.main() == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["games"] == 2
    assert f"Left out: {boast} does not fit its own description" in err
    monkeypatch.setattr("sys.argv", ["train.py", "--list", "--runs", str(runs)])
    assert train.main() == 0
