"""The command line of play.py: who plays, matches without a window, and mistakes."""

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import games
import play
from agents import participants
from agents.core.settings import AgentSettings
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.agent_info import peek
from ui.seating import about_agent, seat_of

ROOT = Path(__file__).parents[1]
OWN = ROOT / "tests" / "learning" / "repeat.py"
TOYS = ROOT / "tests" / "toys"


def call(*words):
    """play.py's exit code, standard output and standard error, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["play.py", *map(str, words)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = play.main()
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def run(tmp_path):
    """A run's folder with an agent of Pong that has learned nothing."""
    game = games.load("pong")
    settings = AgentSettings(size=12, hidden=8)
    info = describe_agent(game, settings, "ppo")
    info.score = {"interval": [0.6, 0.8]}
    folder = tmp_path / "pong" / "mine"
    folder.mkdir(parents=True)
    Agent(game, info, build_network(game, settings)).save(folder / "agent.safetensors")
    return folder


# --- headless ---


def test_a_match_is_one_json_object(run):
    code, out, err = call("pong", run, "bot", "--headless", "--games", 5, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    keys = ("game", "seats", "games", "wins", "draws", "win_rate", "interval", "mean_return", "steps_per_second")
    assert tuple(result) == keys
    assert (result["game"], result["seats"], result["games"]) == ("pong", [str(run), "bot"], 5)
    assert sum(result["wins"]) + result["draws"] == 5
    assert result["win_rate"] == (result["wins"][0] + result["draws"] / 2) / 5
    assert result["interval"][0] <= result["win_rate"] <= result["interval"][1]


def test_it_counts_from_the_first_ones_view():
    seats = ["bot:1", "random"]
    results = [json.loads(call("pong", *order, "--headless", "--games", 20, "--json")[1]) for order in (seats, seats[::-1])]
    assert [result["win_rate"] for result in results] == [1.0, 0.0]
    assert results[0]["wins"] == results[1]["wins"][::-1] == [20, 0]


def test_the_same_seed_gives_the_same_match_and_another_another():
    words = ["pong", "bot:0.3", "bot:0.4", "--headless", "--games", 30, "--json"]
    one, same, other = (json.loads(call(*words, "--seed", seed)[1]) for seed in (1, 1, 2))
    for result in (one, same, other):
        del result["steps_per_second"]
    assert one == same
    assert one != other


def test_a_game_of_one_seat_has_a_mean_return():
    code, out, _ = call(OWN, "bot", "--headless", "--games", 7, "--json")
    assert code == 0
    result = json.loads(out)
    keys = ("game", "seats", "games", "mean_return", "std_return", "return_interval", "different_games", "steps_per_second")
    assert tuple(result) == keys and result["different_games"] < 4
    assert (result["mean_return"], result["std_return"], result["return_interval"]) == (8.0, 0.0, [8.0, 8.0])
    assert "return 8.00 over 7 games" in call(OWN, "bot", "--headless", "--games", 7)[1]


def test_partners_have_one_mean_return_and_no_winner():
    code, out, _ = call(TOYS / "plates.py", "bot:1", "bot", "--headless", "--games", 8, "--json")
    assert code == 0
    result = json.loads(out)
    assert (result["rewards"], result["seats"]) == ("shared", ["bot:1", "bot"])
    assert result["return_interval"][0] < result["mean_return"] < result["return_interval"][1]
    assert "win_rate" not in result
    _, out, _ = call(TOYS / "plates.py", "bot:1", "bot", "--headless", "--games", 8)
    low, high = result["return_interval"]
    assert out.splitlines()[1:] == [f"  bot:1 and bot  return {result['mean_return']:.2f} (95 %: {low:.2f} to {high:.2f})"]


def test_where_each_earns_its_own_each_has_a_line():
    code, out, _ = call(TOYS / "harvest.py", "bot:1", "random", "--headless", "--games", 8, "--json")
    assert code == 0
    result = json.loads(out)
    assert result["rewards"] == "own" and result["mean_return"][0] > result["mean_return"][1]
    rows = zip(("bot:1 ", "random"), result["mean_return"], result["return_interval"], strict=True)
    expected = [f"  {name}  return {mean:.2f} (95 %: {low:.2f} to {high:.2f})" for name, mean, (low, high) in rows]
    _, out, _ = call(TOYS / "harvest.py", "bot:1", "random", "--headless", "--games", 8)
    assert out.splitlines()[1:] == expected


def test_without_json_it_is_a_table_for_people(run):
    code, out, _ = call("pong", run, "bot", "--headless", "--games", 4)
    assert code == 0
    assert out.startswith("Pong, 4 games, ")
    assert "draws" in out
    assert "a draw counting half" in out


def test_seats_may_stand_behind_options():
    code, out, err = call(OWN, "--headless", "bot", "--games", 3)
    assert (code, err) == (0, "")
    assert "return 8.00 over 3 games" in out


# --- who plays ---


def seats_of(words, game, runs):
    return play.seats_of(play.arguments().parse_args([game.name, *words, "--runs", str(runs)]), game)


def test_seats_are_filled_up_with_the_best_at_hand(run, tmp_path, monkeypatch):
    monkeypatch.setattr(participants, "ZOO", tmp_path / "zoo")
    pong, best = games.load("pong"), str(run / "agent.safetensors")
    own, empty = games.load(OWN), tmp_path / "empty"
    assert seats_of([], pong, tmp_path) == ["human", best]
    assert seats_of(["human"], pong, tmp_path) == ["human", best]
    assert seats_of(["bot", "random"], pong, tmp_path) == ["bot", "random"]
    assert seats_of([], pong, empty) == ["human", "bot"]
    assert seats_of(["--headless"], pong, tmp_path) == [best, "bot"]
    assert seats_of(["random", "--headless"], pong, tmp_path) == ["random", best]
    assert seats_of(["level:2"], pong, tmp_path) == ["human", "level:2"]
    assert seats_of([], own, empty) == ["human", "bot"], "a race"
    assert seats_of(["bot"], own, empty) == ["bot"]
    assert seats_of(["--headless"], own, empty) == ["bot"]


def test_the_windows_seats_say_who_sits_there(run):
    pong = games.load("pong")
    assert seat_of("human", pong).kind == "human"
    bot, chance, agent = (seat_of(name, pong) for name in ("bot:0.8", "random", str(run)))
    assert (bot.kind, bot.skill) == ("scripted", 0.8)
    assert (chance.kind, chance.skill) == ("scripted", None)
    assert (agent.kind, agent.about) == ("agent", str(run))


def test_the_window_stands_before_torch_loads_and_says_first_who_plays(run):
    code = (
        "import sys, play; from ui.application import App;"
        "App.run = lambda app: print('torch' in sys.modules, app.window.title);"
        f"sys.argv = ['play.py', 'pong', 'human', {str(run)!r}]; sys.exit(play.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"Pong: you against {run}", "False Pong: You against Agent"]


@pytest.mark.parametrize(
    ("score", "words"),
    [({"win_rate": 0.9716}, " (wins 97 % against bot)"), ({"mean_return": 67.44}, " (return 67.4)"), ({}, "")],
    ids=["wins", "return", "none"],
)
def test_an_agents_place_and_score_are_told(run, score, words):
    game, file = games.load("pong"), run / "agent.safetensors"
    agent = Agent.load(file)
    agent.info.score = score
    agent.save(file)
    assert about_agent(file, game, peek(file)) == f"{run}{words}"
    zoo = ROOT / "agents" / "zoo" / "pong" / "ppo.safetensors"
    assert about_agent(zoo, game, peek(zoo)).startswith("agents/zoo/pong/ppo.safetensors (wins ")


def test_the_agents_eye_is_open_from_the_start_if_that_is_asked_for(run, monkeypatch):
    opened = []
    monkeypatch.setattr("ui.window.play", lambda game, seats, **settings: opened.append(settings["eye"]))
    assert call("pong", "bot", run, "--eye")[0] == call("pong", "bot", run)[0] == 0
    assert opened == [True, False]
    assert "leave out --headless" in call("pong", "bot", run, "--eye", "--headless")[2]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pong", "watch"], "needs a run's folder"),
        (["pong", "watch", "tests"], "holds no run"),
        (["pong", "watch", "none"], "holds no run"),
        (["pong", "watch", "tests", "--headless"], "leave out --headless"),
    ],
    ids=["nothing", "no run", "no folder", "headless"],
)
def test_a_run_that_cannot_be_watched_gets_one_clear_message(words, says, monkeypatch):
    monkeypatch.setattr("ui.window.open_display", lambda: pytest.fail("a window opened"))
    code, _, err = call(*words)
    assert code == 2
    assert says in err
    assert "Traceback" not in err


def test_an_agent_that_cannot_sit_here_is_refused_before_a_window_opens(run, monkeypatch):
    monkeypatch.setattr("ui.window.open_display", lambda: pytest.fail("a window opened"))
    assert "plays pong, not connect_four" in call("connect_four", "human", run)[2]
    (run / "agent.safetensors").write_bytes(b"nothing")
    assert "none of Sparring's files" in call("pong", "human", run)[2]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Which game?"),
        (["pnog"], "Did you mean 'pong'"),
        (["pong", "bto", "bot"], "Did you mean 'bot'"),
        (["pong", "bot:2", "bot"], "0 to 1"),
        (["pong", "bot", "bot", "bot"], "takes 2 participants"),
        (["pong", "human", "bot"], "leave out --headless, and one opens"),
        ([OWN, "bot", "bot"], "takes 1 participant here"),
        (["pong", "bot", "bot", "--games", 0], "--games is 1 or more"),
        (["pong", "bot", "bot", "--seed", -1], "--seed is 0 or more"),
        (["pong", "none.safetensors", "bot"], "There is no seat and no file"),
    ],
    ids=lambda value: "_".join(Path(str(word)).name for word in value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_clear_message(words, says):
    code, out, err = call(*words, "--headless")
    assert code == 2
    assert says in err
    assert "Traceback" not in err
    assert out == ""


def test_an_agent_of_another_game_cannot_sit_here(run):
    code, _, err = call("connect_four", run, "bot", "--headless")
    assert code == 2
    assert "plays pong, not connect_four" in err


def test_json_goes_with_headless():
    code, _, err = call("pong", "bot", "bot", "--json")
    assert code == 2
    assert "--headless" in err


@pytest.mark.parametrize("text", ["big", "100x", "10x10", "99999x100", "-5x300"])
def test_a_windows_size_that_cannot_be_is_refused(text):
    with pytest.raises(play.UserError, match="WIDTHxHEIGHT"):
        play.size_of(text)
    assert play.size_of("1280x720") == (1280, 720)
    assert play.size_of(None) is None


def test_every_example_of_the_help_is_understood():
    for line in play.EPILOG.splitlines():
        if "python play.py" in line:
            words = line.split("play.py")[1].split("   ")[0].split()
            assert isinstance(play.arguments().parse_args(words), argparse.Namespace)


def test_an_agent_loads_without_torchs_compiler():
    """It would take two seconds of each start."""
    code = (
        "import sys; from agents.play.agent import Agent; [Agent.load(path) for path in sys.argv[1:]];"
        "sys.exit(' '.join({'torch._dynamo', 'sympy'} & set(sys.modules)) or 0)"
    )
    zoo = sorted((ROOT / "agents" / "zoo").rglob("*.safetensors"))
    done = subprocess.run([sys.executable, "-c", code, *map(str, zoo)], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
