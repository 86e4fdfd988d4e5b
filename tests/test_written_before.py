"""Files that earlier versions wrote are read: runs go on, agents play. `tests/written_before/VERSION/` holds some of each kind.

They were made by `train.py` of that version with a few thousand steps; the settings stand in their config.json.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import games
import train
from agents.core import tensor_file
from agents.participants import participant
from agents.play.agent import Agent
from agents.play.match import play_match
from agents.play.seats import Participant
from agents.training.config import read_config
from agents.training.trainer import CHECKPOINT

BEFORE = Path(__file__).parent / "written_before"
RUNS = sorted(path.parent for path in BEFORE.rglob("config.json"))
IDS = [run.relative_to(BEFORE).as_posix() for run in RUNS]


def test_there_is_a_run_of_each_algorithm_with_each_kind_of_state():
    configs = [read_config(run) for run in RUNS]
    assert {config.algorithm for config in configs} == {"ppo", "dqn"}
    assert any(config.learner.memory == "lstm" for config in configs)
    assert any(list(run.glob("checkpoints/replay/*.safetensors")) for run in RUNS)


@pytest.mark.parametrize("run", RUNS, ids=IDS)
def test_a_run_of_before_goes_on_from_its_checkpoint(run, tmp_path, monkeypatch, capsys):
    folder = tmp_path / run.parent.name / run.name
    shutil.copytree(run, folder)
    _, before = tensor_file.load(folder / CHECKPOINT, "checkpoint")
    steps = before["learner"]["steps"]
    monkeypatch.setattr("sys.argv", ["train.py", "--resume", str(folder), "--steps", str(2 * steps), "--quiet"])
    assert train.main() == 0, capsys.readouterr().err
    _, after = tensor_file.load(folder / CHECKPOINT, "checkpoint")
    assert after["learner"]["steps"] >= 2 * steps and after["learner"]["updates"] > before["learner"]["updates"]
    rows = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows), "none twice, none lost"


@pytest.mark.parametrize("run", RUNS, ids=IDS)
def test_an_agent_of_before_plays(run):
    config = read_config(run)
    game = games.load(config.game)
    agent = Agent.load(run / "agent.safetensors", game)
    assert agent.info.algorithm == config.algorithm and agent.info.settings.memory == config.learner.memory
    result = play_match(game, [Participant("agent", agent=agent), participant("bot", game)], 4, seed=1)
    assert np.isfinite(result.returns).all() and len(result.returns) == 4
