"""What users of environments that are not ours read: what is missing is named, and nobody is told to do what they did."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

import play
from agents.bridges.game_loader import load_game
from games.envs import gymnasium_version
from games.errors import UserError

ROOT = Path(__file__).parents[3]
MODULE = """
import gymnasium
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Talkative(CartPoleEnv):
    def step(self, action):
        print("a step")
        return super().step(action)

gymnasium.register("Mine-v0", entry_point=Talkative, max_episode_steps=20)
"""
TINY = ["--set", "n_envs=2", "--set", "n_steps=8", "--set", "batch_size=8", "--set", "threads=1", "--set", "gif=false"]
TINY += ["--steps", "32", "--set", "eval_games=1", "--set", "final_games=1"]


def run_in(folder, program, *words):
    """Run one of the repository's programs with a folder as the present one: the finished process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(ROOT / program), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_module_in_the_present_folder_is_found_and_what_it_prints_is_not_in_the_json(tmp_path):
    (tmp_path / "my_lively_env.py").write_text(MODULE)
    trained = run_in(tmp_path, "train.py", "gym:my_lively_env:Mine-v0", *TINY, "--json")
    assert trained.returncode == 0, trained.stderr
    final = json.loads(trained.stdout)
    assert final["steps"] == 32 and "a step" in trained.stderr
    played = run_in(tmp_path, "play.py", "gym:my_lively_env:Mine-v0", final["agent"], "--headless", "--games", "2", "--json")
    assert json.loads(played.stdout)["games"] == 2 and "a step" in played.stderr


@pytest.mark.parametrize("version, refused", [("0.29.1", True), ("1.3.9", True), ("1.4.0", False), ("2.0.0a1", False)])
def test_a_gymnasium_that_is_too_old_is_named(monkeypatch, version, refused):
    monkeypatch.setattr(gymnasium, "__version__", version)
    if refused:
        with pytest.raises(UserError, match=rf"Gymnasium {version} is too old") as error:
            load_game("gym:CartPole-v1")
        assert "pip install --upgrade" in str(error.value)
    else:
        load_game("gym:CartPole-v1")


def test_the_oldest_gymnasium_is_that_of_the_package():
    assert f'"gymnasium>={".".join(map(str, gymnasium_version.OLDEST))},' in (ROOT / "pyproject.toml").read_text()


def refusal(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["play.py", *map(str, words)])
    assert play.main() == 2
    return capsys.readouterr().err


def test_a_person_is_not_sent_to_and_fro_between_a_window_and_none(monkeypatch, capsys):
    assert "leave out --headless" not in refusal(monkeypatch, capsys, "gym:CartPole-v1", "human", "--headless")
    assert "instead of human" in refusal(monkeypatch, capsys, "gym:CartPole-v1", "human")


def test_where_there_is_no_agent_yet_one_is_trained(monkeypatch, capsys, tmp_path):
    said = refusal(monkeypatch, capsys, "gym:CartPole-v1", "--headless", "--runs", tmp_path)
    assert "no agent of gym:CartPole-v1" in said and "python train.py gym:CartPole-v1" in said


def test_an_id_that_a_named_module_does_not_register_is_not_told_to_name_a_module(monkeypatch):
    with pytest.raises(UserError) as error:
        load_game("gym:tests.agents.bridges.test_gym_messages:Missing-v0")
    assert "my_module" not in str(error.value) and 'gymnasium.register("Missing-v0", …)' in str(error.value)


def test_a_package_that_is_installed_and_does_not_load_is_not_told_to_be_installed(tmp_path, monkeypatch):
    (tmp_path / "ale_py.py").write_text("raise ImportError('libstdc++.so.6: version not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ale_py", raising=False)
    for name in [name for name in gymnasium.registry if name.startswith("ALE/")]:
        monkeypatch.delitem(gymnasium.registry, name)
    with pytest.raises(UserError) as error:
        load_game("gym:ALE/Pong-v5")
    assert "pip install" not in str(error.value) and "libstdc++.so.6" in str(error.value)


def test_the_module_of_a_package_that_registers_the_environment_is_named(monkeypatch, tmp_path):
    """As VizDoom's: importing vizdoom registers nothing, vizdoom.gymnasium_wrapper does."""
    (tmp_path / "shallow_package" / "deep" / "envs").mkdir(parents=True)
    (tmp_path / "shallow_package" / "__init__.py").write_text("")
    (tmp_path / "shallow_package" / "other.py").write_bytes(b"\xff '\x00")
    (tmp_path / "shallow_package" / "deep" / "envs" / "__init__.py").write_text(
        "register(\n    id='Deep-v0')\nraise SystemExit\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"shallow_package\.deep\.envs names it: gym:shallow_package\.deep\.envs:Deep-v0$"):
        load_game("gym:shallow_package:Deep-v0")
    with pytest.raises(UserError, match=r"It must call gymnasium\.register\(\"Deep-v\""):
        load_game("gym:shallow_package:Deep-v")
