"""Levels by the same names on every surface: play.py, its window, environments, and the command that writes banks."""

import hashlib
import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import games.envs.gymnasium
import games.levels
from agents.bridges.sb3.environment import SparringVecEnv
from agents.core.settings import AgentSettings
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.levels import BANK
from games.engine import bank_file
from games.engine.batch import HELD_OUT
from games.engine.level_names import levels_of
from games.engine.levels import Levels, records
from games.envs.pettingzoo import SparringParallelEnv
from games.errors import UserError
from tests.test_play import call
from ui.match import Match
from ui.seats import Seat

MAZE = Path(__file__).parent / "toys" / "door_maze.py"


@pytest.fixture(scope="module")
def maze(toy):
    return toy("door_maze")


@pytest.fixture(scope="module")
def bank(maze):
    return records(maze, levels_of(maze, "train:5"))


@pytest.fixture
def run(maze, tmp_path):
    """The folder of a run that has learned nothing, in a bank with two of the held-out levels."""
    settings = AgentSettings(observation="objects", network="mlp", hidden=8, stack=1)
    folder = tmp_path / "door_maze" / "mine"
    folder.mkdir(parents=True)
    Agent(maze, describe_agent(maze, settings, "ppo"), build_network(maze, settings)).save(folder / "agent.safetensors")
    chosen = Levels(numbers=np.array([3, HELD_OUT, HELD_OUT + 2]))
    bank_file.save(maze, chosen, folder / BANK)
    digest = hashlib.sha256((folder / BANK).read_bytes()).hexdigest()
    values = {"run": {"levels": "mine.npy", "levels_digest": digest}}
    (folder / "config.json").write_text(json.dumps(values))
    return folder


# --- play.py ----------------------------------------------------------------------------------------------------------


def test_a_match_says_on_which_levels_it_was_played(run):
    words = [MAZE, run, "--headless", "--games", 20]
    code, out, err = call(*words, "--levels", "test:4", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["levels"], result["levels_skipped"]) == ("test:4", 2)
    out = call(*words, "--levels", "test:4")[1]
    assert out.startswith("Door Maze, 20 games on test:4, ")
    assert "2 levels of test:4 left out: training has them too" in out
    assert "levels" not in json.loads(call(*words, "--json")[1])


def test_held_out_levels_are_those_that_no_agent_here_has_learned_in(run, monkeypatch):
    import agents.play.match

    played, original = [], agents.play.match.play_match
    monkeypatch.setattr(
        agents.play.match, "play_match", lambda *words, **more: (played.append(words[4]), original(*words, **more))[1]
    )
    for name in ("test:2", "train:6"):
        assert call(MAZE, run, "--headless", "--games", 3, "--levels", name)[0] == 0
    assert played[0].numbers.tolist() == [HELD_OUT + 1, HELD_OUT + 3]
    assert played[1].numbers.tolist() == list(range(6)), "training levels are played as they are"


def test_a_test_bank_leaves_out_what_the_run_has_learned_in(run, tmp_path, maze):
    bank_file.save(maze, Levels(numbers=np.array([3, 77, HELD_OUT])), tmp_path / "exam.npy")
    result = json.loads(call(MAZE, run, "--headless", "--levels", f"test:{tmp_path / 'exam.npy'}", "--json")[1])
    assert result["levels_skipped"] == 2
    result = json.loads(call(MAZE, run, "--headless", "--levels", tmp_path / "exam.npy", "--json")[1])
    assert result["levels_skipped"] == 0


def test_other_levels_give_other_games(maze):
    def returns(levels):
        return json.loads(call(MAZE, "random", "--headless", "--levels", levels, "--json", "--games", 40)[1])["mean_return"]

    assert returns("train:1") == returns("train:1")
    assert len({returns(levels) for levels in ("train:1", "test:1", "test:40")}) > 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pong", "bot", "bot", "--headless", "--levels", "test"], "Pong has no levels to choose"),
        (["gym:CartPole-v1", "random", "--headless", "--levels", "test"], "it has no levels to choose"),
        ([MAZE, "bot", "--headless", "--levels", "tests"], "Did you mean 'test'"),
        ([MAZE, "bot", "--headless", "--levels", "gone.npy"], "The levels gone.npy cannot be read"),
        ([MAZE, "bot", "--levels", "gone.npy"], "The levels gone.npy cannot be read"),
    ],
)
def test_levels_that_cannot_be_played_are_told(words, says):
    code, _, err = call(*words)
    assert code == 2 and err.startswith("error: ") and says in err


def test_the_window_plays_the_levels_that_were_named(run, monkeypatch):
    from ui import window

    played = {}
    monkeypatch.setattr(window, "play", lambda game, seats, **settings: played.update(settings))
    code, out, _ = call(MAZE, "human", run, "--levels", "test:3")
    assert code == 0 and ", on test:3\n2 levels of test:3 left out" in out
    assert played["levels"].numbers.tolist() == [HELD_OUT + 1, HELD_OUT + 3, HELD_OUT + 4]


def test_a_match_in_the_window_begins_in_these_levels(maze, bank):
    match = Match(maze, [Seat("scripted", "Bot", skill=1.0)], 1, levels_of(maze, bank[3:4]))
    for _ in range(3):
        assert (match.boards[0].batch.states["wall"][0] == bank["wall"][3]).all()
        match.restart()


def test_the_window_hands_its_levels_to_the_match(maze, bank):
    from ui.window import open_match

    app = open_match(
        maze, [Seat("scripted", "Bot", skill=1.0)], levels=levels_of(maze, bank[2:3]), seed=1, clock=None, events=list
    )
    try:
        app.page.load()
        assert (app.page.match.boards[0].batch.states["wall"][0] == bank["wall"][2]).all()
    finally:
        app.close()


# --- environments -----------------------------------------------------------------------------------------------------


def test_gymnasium_takes_names_banks_and_files(bank, tmp_path):
    env_id = games.envs.gymnasium.register(MAZE)
    bank_file.write(tmp_path / "bank.npy", bank_file.as_npy(bank))
    for levels, expected in [
        ("test", range(HELD_OUT, HELD_OUT + 1000)),
        ("train:3", range(3)),
        (str(tmp_path / "bank.npy"), range(5)),
        (bank, range(5)),
        (3, range(3)),
        ([7], [7]),
    ]:
        env = gymnasium.make(env_id, levels=levels, observation="objects")
        numbers = set()
        for seed in range(8):
            env.reset(seed=seed)
            numbers.add(int(env.unwrapped.batch.states["level"][0]))
        assert numbers <= set(expected)
        env.close()
    with pytest.raises(UserError, match="Did you mean 'test'"):
        gymnasium.make(env_id, levels="tset", observation="objects")


def test_an_environment_in_a_bank_goes_on_from_its_state_and_refuses_that_of_another_bank(bank):
    def make(levels):
        env = games.envs.gymnasium.SparringEnv(MAZE, levels=levels, observation="objects")
        env.reset(seed=4)
        return env

    env, twin, other = make(bank), make(bank), make(bank[::-1])
    env.step(2)
    twin.restore_state(env.clone_state())
    for _ in range(70):
        for each in (env, twin):
            if any(each.step(2)[2:4]):
                each.reset()
    assert twin.batch.states.tobytes() == env.batch.states.tobytes()
    with pytest.raises(UserError, match="another bank of levels"):
        other.restore_state(env.clone_state())


def test_stable_baselines3_and_pettingzoo_take_them_too(bank, toy):
    envs = SparringVecEnv(MAZE, 30, levels="test:2", observation="objects")
    assert set(envs.batch.states["level"].tolist()) == {HELD_OUT, HELD_OUT + 1}
    envs.close()
    chase = SparringParallelEnv(toy("maze_chase"), levels="test:1", observation="objects")
    chase.reset(seed=1)
    assert chase.batch.states["level"].tolist() == [HELD_OUT]
    with pytest.raises(UserError, match="Maze Chase has no levels from a bank"):
        SparringParallelEnv(toy("maze_chase"), levels=bank)


# --- python -m games.levels -------------------------------------------------------------------------------------------


def test_the_command_writes_a_bank_and_converts_it(maze, bank, tmp_path, capsys):
    first, second = tmp_path / "bank.npy", tmp_path / "bank.json"
    assert games.levels.main([str(MAZE), "train:5", "--out", str(first)]) == 0
    assert capsys.readouterr().out == f"{first}: 5 levels of Door Maze\n"
    assert np.load(first).tobytes() == bank.tobytes()
    assert games.levels.main([str(MAZE), str(first), "--out", str(second)]) == 0
    assert bank_file.load(maze, second).tobytes() == bank.tobytes()
    bank_file.write(first, bank_file.as_npy(np.concatenate([bank, bank[:2]])))
    capsys.readouterr()
    assert games.levels.main([str(MAZE), str(first), "--out", str(second)]) == 0
    assert capsys.readouterr().out == f"{second}: 7 levels of Door Maze, 2 of them twice\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([str(MAZE), "train", "--out", "x.npy"], "Say how many: train:1000"),
        ([str(MAZE), "train:5", "--out", "x.txt"], "A bank is a file .npy"),
        (["pong", "train:5", "--out", "x.npy"], "Pong has no levels to choose"),
        ([str(MAZE.parent / "maze_chase.py"), "train:5", "--out", "x.npy"], "Maze Chase has no levels from a bank"),
    ],
)
def test_what_cannot_be_written_is_told(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert games.levels.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and says in said
    assert not Path(words[-1]).exists()
