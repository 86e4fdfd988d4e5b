"""Environments that fail or break their API: told in words with file and line, and nothing that was learned is lost."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from agents.bridges.gym import failures
from agents.bridges.gym.arena import GymArena
from agents.bridges.gym.evaluation import evaluate
from agents.bridges.gym.game import GymGame
from agents.core import tensor_file
from agents.play.seats import Participant
from agents.training.trainer import CHECKPOINT
from games.engine.batch import RANDOM
from games.errors import EnvironmentFailed, UserError
from tests.agents.bridges import odd_envs

SETTINGS = SimpleNamespace(observation="objects", size=30, stack=1, delay=0)
TINY = [
    "--algo", "ppo", "--steps", 600, "--set", "n_envs=4", "--set", "n_steps=16", "--set", "batch_size=32",
    "--set", "eval_games=3", "--set", "final_games=4", "--set", "threads=1",
    "--set", "hidden=8", "--set", "gif=false", "--quiet", "--name", "one",
]  # fmt: skip
SAID = {
    "raises": r"failed in step: ConnectionResetError: the simulator is gone",
    "exits": r"failed in step: SystemExit: no licence",
    "wide": r"observation of shape \(5,\), where its space says \(3,\)",
    "text": r"gave str 'a door' as an observation",
    "old": r"gave 4 values in step",
    "bare": r"gave array\(.*\) in step",
    "no_reward": r"gave None as a reward",
    "word": r"gave str '1' as a reward",
}


def play(arena, steps):
    for _ in range(steps):
        arena.step(np.zeros(arena.view.rows, np.int64))


def game_of(name):
    return GymGame(f"{odd_envs.__name__}:{name}-v0")


def test_info_may_hold_anything():
    arena = GymArena(game_of("Info"), 4, 1, SETTINGS)
    assert sum(int((arena.step(np.zeros(4, np.int64))[1] > 0).sum()) for _ in range(25)) == 8
    assert evaluate(arena.game, Participant("random", RANDOM), 6, 1).games == 6


@pytest.mark.parametrize("how", SAID)
def test_an_environment_that_fails_is_told_with_its_file_and_line(how):
    arena = GymArena(game_of(f"Odd-{how}"), 2, 1, SETTINGS)
    with pytest.raises(EnvironmentFailed, match=SAID[how]) as error:
        play(arena, 10)
    lines = str(error.value).splitlines()
    assert len(lines) <= 3 and re.search(r"odd_envs\.py, line \d+", lines[-1])


def test_the_line_is_the_deepest_of_the_environments_author():
    arena = GymArena(game_of("Odd-raises"), 1, 1, SETTINGS)
    with pytest.raises(EnvironmentFailed, match="in raises: raise ConnectionResetError"):
        play(arena, 10)


def test_numbers_in_arrays_are_these_numbers():
    arena, plain = GymArena(game_of("Odd-arrays"), 2, 1, SETTINGS), GymArena(game_of("Signs"), 2, 1, SETTINGS)
    for _ in range(25):
        given, expected = arena.step(np.zeros(2, np.int64)), plain.step(np.zeros(2, np.int64))
        assert [each.tolist() for each in given] == [each.tolist() for each in expected]
        assert (arena.view.observe() == plain.view.observe()).all()


@pytest.mark.parametrize("name, processes", [("Late", 0), ("Late", 2), ("Dies", 2), ("Evaluation", 0), ("Evaluation", 2)])
def test_a_run_whose_environment_fails_is_saved_and_can_be_gone_on_with(main, tmp_path, name, processes):
    words = f"gym:{odd_envs.__name__}:{name}-v0"
    code, _, error = main(words, *TINY, "--set", f"env_processes={processes}")
    assert code == 2 and "Traceback" not in error
    if name == "Dies":
        assert re.search(r"the process of copies 0 and 2 has ended, with exit code 7", error)
    else:
        assert "ConnectionResetError: the simulator is gone" in error and "odd_envs.py, line" in error
    (folder,) = tmp_path.glob("*/one")
    again = f"train.py {words} --resume {folder}"
    assert again in error
    steps = tensor_file.load(folder / CHECKPOINT, "checkpoint")[1]["learner"]["steps"]
    assert steps == (0 if name == "Evaluation" else 384)
    code, _, error = main(words, "--resume", folder, "--steps", steps + 64)
    assert code == (2 if name == "Evaluation" else 0), error


def test_an_environment_that_fails_before_it_begins_leaves_no_run(main, tmp_path):
    code, _, error = main(f"gym:{odd_envs.__name__}:Empty-v0", *TINY)
    assert code == 2 and "observations of no numbers" in error
    assert not list(tmp_path.glob("*/one"))


@pytest.mark.parametrize("processes", [0, 2])
def test_a_close_that_fails_is_told_in_a_line_and_loses_nothing(main, tmp_path, monkeypatch, processes):
    monkeypatch.setattr(failures, "_told", set())
    code, _, error = main(f"gym:{odd_envs.__name__}:Close-v0", *TINY, "--set", f"env_processes={processes}")
    assert code == 0 and list(tmp_path.glob("*/one/results.json"))
    assert error.count("failed in close") == 1 and "OSError: the simulator does not answer" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("kind", [kind for kind in odd_envs.KINDS if kind != "Empty"])
def test_environments_with_few_of_something_train(main, kind):
    code, _, error = main(f"gym:{odd_envs.__name__}:{kind}-v0", *TINY)
    assert code == 0, error


def test_a_reset_of_the_old_api_is_refused_before_a_run_begins(monkeypatch):
    monkeypatch.setattr(odd_envs.Signs, "reset", lambda self, seed=None, options=None: np.zeros(3, np.float32))
    with pytest.raises(UserError, match=r"(?s)in reset, where .* two values: observation, info.*line"):
        game_of("Signs")
