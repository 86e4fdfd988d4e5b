"""Agents as ONNX: the graph does what the agent does, for every kind of agent, and plays without torch."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import games
from agents import export
from agents.bridges import onnx
from agents.bridges.game_loader import load_game
from agents.core import tensor_file
from agents.core.settings import AgentSettings
from agents.networks.encoder import Encoder
from agents.play.agent import Agent, build_network, describe_agent
from games.errors import UserError

ROOT = Path(__file__).parents[3]
OBJECTS = {"network": "mlp", "observation": "objects", "stack": 1}
KINDS = {
    "pixels": ("pong", "ppo", {}),
    "masks and planes": ("connect_four", "dqn", {"observation": "planes", "size": 14, "patch": 2, "stack": 1}),
    "convolutions": ("breakout", "ppo", {"network": "small", "size": 42, "stack": 3}),
    "memory": ("pong", "dqn", {"memory": "lstm", "memory_size": 16, "memory_layers": 2, "stack": 1}),
    "deep": ("pong", "dqn", {"network": "impala", "size": 32, "stack": 1}),
    "deep and narrow": ("pong", "ppo", {"network": "mobile", "size": 32, "stack": 1}),
    "another's": ("gym:CartPole-v1", "ppo", {**OBJECTS, "normalize_observation": True, "normalize_value": True}),
    "action values of pqn": ("pong", "pqn", {"stack": 1, "normalize_value": True}),
    "another's, with memory": ("gym:CartPole-v1", "dqn", {**OBJECTS, "memory": "lstm", "memory_size": 16}),
    "memory and masks": ("connect_four", "ppo", {"network": "mlp", "observation": "objects", "memory": "lstm", "stack": 1}),
}


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(onnx, "GAMES", 10)
    monkeypatch.setattr(onnx, "DECISIONS", 60)


def agent_of(name, algorithm, settings):
    """An agent that does not know anything, but decidedly."""
    game, settings = load_game(name), AgentSettings(**{"hidden": 32, **settings})
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build_network(game, settings, algorithm)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.05 * torch.randn_like(parameter)
            for number in (buffer for name, buffer in network.named_buffers() if name.endswith(("mean", "deviation"))):
                number += 0.5 * torch.rand_like(number)
    return Agent(game, describe_agent(game, settings, algorithm), network)


SLOW = ("deep", "deep and narrow", "another's, with memory")  # to export: others show the same parts


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in KINDS])
def test_the_graph_decides_as_the_agent_does(kind, few, tmp_path):
    found = onnx.export(agent_of(*KINDS[kind]), tmp_path / "agent.onnx")
    assert found.observations == 600
    assert found.difference < 1e-5
    assert found.same == 1.0
    assert (tmp_path / "agent.onnx").stat().st_size > 1000


def test_a_graph_that_decides_otherwise_is_not_written(few, tmp_path, monkeypatch):
    to_storage = Encoder.to_storage_torch
    monkeypatch.setattr(Encoder, "to_storage_torch", lambda encoder, x: to_storage(encoder, x.flip(-1)))
    with pytest.raises(UserError, match="The graph is not the agent"):
        onnx.export(agent_of(*KINDS["pixels"]), tmp_path / "agent.onnx")
    assert not (tmp_path / "agent.onnx").exists()


@pytest.mark.parametrize(("times", "int8"), [(2.0, False), (float("nan"), False), (float("nan"), True)])
def test_a_graph_that_values_otherwise_is_not_written(times, int8, few, tmp_path, monkeypatch):
    class Wrong(onnx.Graph):
        def forward(self, observation, mask=None, memory=None, start=None):
            scores, value, action = super().forward(observation, mask, memory, start)
            return scores, times * value, action

    monkeypatch.setattr(onnx, "Graph", Wrong)
    with pytest.raises(UserError, match="The graph is not the agent: scores or values differ"):
        onnx.export(agent_of(*KINDS["pixels"]), tmp_path / "agent.onnx", int8)
    assert not (tmp_path / "agent.onnx").exists()


def test_eight_bits_are_a_third_of_the_size_and_nearly_the_same(few, tmp_path, capsys):
    agent, told = ROOT / "agents" / "zoo" / "connect_four" / "ppo.safetensors", {}
    for name, more in (("whole", []), ("small", ["--int8"])):
        assert export.main([str(agent), str(tmp_path / f"{name}.onnx"), *more]) == 0
        told[name] = capsys.readouterr().out
    assert (tmp_path / "small.onnx").stat().st_size < (tmp_path / "whole.onnx").stat().st_size / 3
    same, difference = re.search(r"([\d.]+)% of choices the same,\nscores within (\S+) of the greatest", told["small"]).groups()
    assert float(same) > 90 and 1e-5 < float(difference) < 0.5
    warning = "With 8 bits a row's scores depend a little on the other rows of its batch."
    assert warning in told["small"] and warning not in told["whole"]


@pytest.mark.slow
def test_eight_bits_do_for_convolutions_too(few, tmp_path):
    found = onnx.export(agent_of(*KINDS["convolutions"]), tmp_path / "agent.onnx", int8=True)
    assert found.same > 0.8


def test_eight_bits_that_change_what_it_does_are_refused(few, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "MIN_SAME", 1.1)
    with pytest.raises(UserError, match="export it without --int8"):
        onnx.export(agent_of(*KINDS["pixels"]), tmp_path / "agent.onnx", int8=True)
    assert not (tmp_path / "agent.onnx").exists()


def test_the_example_plays_without_torch(few, tmp_path):
    out = tmp_path / "c4.onnx"
    onnx.export(Agent.load(ROOT / "agents" / "zoo" / "connect_four" / "ppo.safetensors"), out)
    hide = "import sys, runpy; sys.modules['torch'] = None; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
    command = [
        sys.executable,
        "-c",
        hide,
        str(ROOT / "examples" / "play_onnx.py"),
        str(out),
        "Sparring/ConnectFour-v1",
        "random",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("Sparring/ConnectFour-v1: mean return ")
    assert float(done.stdout.split()[3]) > 0.7


def test_what_is_missing_names_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert export.main([str(ROOT / "agents" / "zoo" / "pong" / "ppo.safetensors"), str(tmp_path / "x.onnx")]) == 2
    assert "[onnx]" in capsys.readouterr().err


def test_a_file_that_is_no_agent_is_said(tmp_path, capsys):
    (tmp_path / "no.safetensors").write_text("nothing")
    assert export.main([str(tmp_path / "no.safetensors"), str(tmp_path / "x.onnx")]) == 2
    assert "none of Sparring's files" in capsys.readouterr().err


OWN = ROOT / "tests" / "learning" / "repeat.py"


def test_an_agent_of_a_game_of_ones_own_is_exported_and_played_by_the_games_path(few, tmp_path, capsys):
    game, settings = games.load(OWN), AgentSettings(observation="objects", network="mlp", stack=1, hidden=8)
    agent = tmp_path / "agent.safetensors"
    Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings)).save(agent)
    out = tmp_path / "repeat.onnx"
    assert export.main([str(agent), str(out)]) == 2
    assert "--game ./repeat.py" in capsys.readouterr().err
    assert export.main([str(agent), str(out), "--game", str(OWN)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"Writing {out} and comparing it with the agent in 600 observations …"
    example = [sys.executable, str(ROOT / "examples" / "play_onnx.py"), str(out), str(OWN)]
    done = subprocess.run(example, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("Sparring/Repeat-v1: mean return ")


@pytest.mark.parametrize("words", [[], ["--help"], ["some.onnx"]], ids=str)
def test_the_example_says_how_it_is_called(words, tmp_path):
    example = [sys.executable, str(ROOT / "examples" / "play_onnx.py"), *words]
    done = subprocess.run(example, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "examples/play_onnx.py pong.onnx pong [opponent]" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["./evil.py", "evil", "gym:evil:Evil-v0", "gym:MinAtar/Breakout-v1"])
def test_an_agents_file_runs_no_game_that_nobody_has_named(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    trap = "\nopen('ran', 'w').close()\n"
    (tmp_path / "evil.py").write_text(OWN.read_text() + trap)
    (tmp_path / "minatar").mkdir()
    (tmp_path / "minatar" / "__init__.py").write_text(trap)
    tensors, meta = tensor_file.load(ROOT / "agents" / "zoo" / "pong" / "ppo.safetensors", "agent")
    kept = {key: value for key, value in meta.items() if key not in ("format", "kind", "sha256", "written_by")}
    kept["settings"] = {**kept["settings"], "codes": 0}
    tensor_file.save(tmp_path / "lie.safetensors", tensors, {**kept, "game": name, "game_digest": None}, "agent")
    assert export.main(["lie.safetensors", "out.onnx"]) == 2
    assert "Name it" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
    try:
        assert export.main(["lie.safetensors", "out.onnx", "--game", name]) == 2
    finally:
        for module in ("evil", "minatar"):
            sys.modules.pop(module, None)
    assert (tmp_path / "ran").exists() == (name != "evil"), "the trap works"
