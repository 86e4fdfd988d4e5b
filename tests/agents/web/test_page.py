"""`python -m agents.web`: the files that it makes, and what it says where it makes none."""

import base64
import gzip
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import games
from agents.core.settings import AgentSettings
from agents.participants import ladder_of
from agents.play.agent import Agent, build_network, describe_agent
from agents.web import folder as page_folder
from agents.web import page
from agents.web.__main__ import main
from games.errors import UserError
from games.web import linker

ROOT = Path(__file__).parents[3]
AGENT = str(ROOT / "agents" / "zoo" / "pong" / "ppo.safetensors")


def data_of(text: str) -> dict:
    """The data in a page, or in its game.js."""
    return json.loads(re.search(r"^const DATA = (.*);$", text, re.MULTILINE)[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of Pong with the agent that ships, as a folder."""
    out = tmp_path_factory.mktemp("pages") / "pong"
    assert main(["pong", AGENT, "--out", str(out)]) == 0
    return out


def test_a_page_is_a_folder_of_files_that_index_html_names(folder):
    index = (folder / "index.html").read_text("utf-8")
    named = set(re.findall(r'(?:src|href)="([^"]+)"', index)) - {"data:,"}
    assert named | {"index.html"} == {file.name for file in folder.iterdir()}
    assert "{{" not in index


def test_the_parts_of_a_page_are_those_of_the_agents_file(folder):
    data = data_of((folder / "game.js").read_text("utf-8"))
    whole = gzip.decompress(base64.b85decode(data["pack"].replace(",", "<")))
    parts = {name: whole[at : at + count] for name, (at, count) in data["parts"].items()}
    assert parts["game"][:4] == parts["network"][:4] == b"\0asm"
    weights = np.frombuffer(np.frombuffer(parts["weights_0"], np.uint8).reshape(4, -1).T.tobytes(), np.float32)
    agent = Agent.load(AGENT)
    numbers = np.concatenate([each.detach().numpy().ravel() for each in agent.network.parameters()])
    assert len(weights) == len(numbers) and np.isclose(abs(weights).sum(), abs(numbers).sum())
    assert data["agents"][0]["stack"] == agent.info.settings.stack and data["game"]["keys"][0][0] == [["w"], 1]


def test_a_single_file_holds_everything_and_names_no_other(tmp_path, capsys):
    assert main(["pong", "level:1", "level:2", "--single", "--out", str(tmp_path / "out")]) == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["pong.html"]
    text = (tmp_path / "out" / "pong.html").read_text("utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)', text) and "http" not in text
    data = data_of(text)
    levels = ladder_of(games.load("pong"), Path("runs")).file.levels
    assert [each["title"] for each in data["agents"]] == ["Newcomer", "Beginner"]
    assert [each["delay"] for each in data["agents"]] == [level.delay for level in levels[:2]]
    assert len(data["networks"]) == 2 and all(each["isHalf"] for each in data["networks"])
    assert "pong.html: " in capsys.readouterr().out


def test_two_levels_of_the_same_file_share_a_network():
    from agents.web.cast import cast_of

    game = games.load("pong")
    files = [level.file for level in ladder_of(game, Path("runs")).file.levels]
    first = next(k for k, pair in enumerate(pairwise(files), 1) if pair[0] == pair[1])
    cast = cast_of(game, [f"level:{first}", f"level:{first + 1}"], Path("runs"))
    data = data_of(page.game_script(game, cast))
    assert [each["network"] for each in data["agents"]] == [0, 0] and len(data["networks"]) == 1


# --- bad input: words, and nothing written ---------------------------------------------------------------------------


def refused(words, out, capsys, *told):
    """The command says these words, returns 2 and writes nothing."""
    before = sorted(out.parent.iterdir())
    assert main([*words, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and len(said.splitlines()) <= 3 and all(part in said for part in told), said
    assert sorted(out.parent.iterdir()) == before


def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path, capsys):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "letter.txt").write_text("Dear")
    refused(["pong", AGENT], out, capsys, "mine is not empty", "--out FOLDER")
    refused(["pong", AGENT, "--single"], out, capsys, "mine is not empty")
    assert [file.name for file in out.iterdir()] == ["letter.txt"]
    refused(["pong", AGENT], out / "letter.txt", capsys, "is a file, not a folder")


def test_an_agent_of_another_game_is_refused(tmp_path, capsys):
    refused(["breakout", AGENT], tmp_path / "out", capsys, "plays pong, not breakout")


@pytest.mark.parametrize("name", ["human", "bot:0.7", "random", "fit", "person:expert"])
def test_people_and_bots_are_no_agents(name, tmp_path, capsys):
    refused(["pong", name], tmp_path / "out", capsys, f"'{name}' is no agent", "on every page")


def test_what_is_not_there_is_said(tmp_path, capsys):
    refused(["pong", "nobody.safetensors"], tmp_path / "out", capsys, "nobody.safetensors")
    refused(["pnog"], tmp_path / "out", capsys, "There is no game 'pnog'", "pong")
    refused([str(ROOT / "tests" / "toys" / "passes.py"), "level:3"], tmp_path / "out", capsys, "has no ladder")
    refused(["breakout", "level:4"], tmp_path / "out", capsys, "level")
    refused(["gym:CartPole-v1"], tmp_path / "out", capsys, "cannot go into a page")


def test_without_a_linker_nothing_is_begun(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(linker.shutil, "which", lambda name: None)
    monkeypatch.setattr(linker.importlib.util, "find_spec", lambda name: None)
    refused(["pong", AGENT], tmp_path / "out", capsys, "no linker for WebAssembly", "pip install ziglang")


def test_an_agent_with_a_network_of_a_users_own_is_refused(tmp_path, capsys, monkeypatch):
    from agents.networks import custom

    monkeypatch.chdir(tmp_path)
    source = (ROOT / "examples" / "my_net.py").read_text("utf-8")
    (tmp_path / "my_net.py").write_text(source, "utf-8")
    mine = custom.load(tmp_path / "my_net.py")
    game = games.load("pong")
    settings = AgentSettings(network=mine.name, network_digest=mine.digest, size=42)
    agent = Agent(game, describe_agent(game, settings, "ppo"), build_network(game, settings))
    agent.save(tmp_path / "mine.safetensors")
    refused(["pong", "mine.safetensors"], tmp_path / "out", capsys, "mine.safetensors has a network that cannot go into a page")


def test_a_disk_that_takes_half_of_a_page_keeps_none_of_it(tmp_path, monkeypatch):
    written = []

    def full(self, data):
        if written:
            raise OSError(28, "No space left on device")
        written.append(self)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="out cannot be written: No space left on device"):
        page_folder.write(tmp_path / "out", {"index.html": b"1", "game.js": b"2"})
    assert written and not list(tmp_path.iterdir())


def test_all_games_have_a_page_that_leads_to_them():
    text = page.games_page([games.load(name) for name in games.names()], single=False).decode()
    assert re.findall(r'<a href="([^"]+)"', text) == [f"{name}/index.html" for name in games.names()]
    assert 'href="pong.html"' in page.games_page([games.load("pong")], single=True).decode() and "{{" not in text
