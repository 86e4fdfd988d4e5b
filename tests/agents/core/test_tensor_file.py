"""Files: what was saved comes back, damage is noticed, nothing good is lost, and no file runs code."""

import errno
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save as plain_save

import games
from agents.core import tensor_file
from agents.core.settings import ALGORITHMS, AgentSettings
from agents.networks.network import NETWORKS
from agents.play.agent import Agent, build_network, describe_agent
from agents.play.agent_info import peek
from games.errors import UserError

TENSORS = {"weight": torch.arange(12.0).reshape(3, 4), "none": torch.zeros(0), "one": torch.tensor(7, dtype=torch.int64)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "agent.safetensors"
    tensor_file.save(path, TENSORS, {"steps": 12345, "nested": {"list": [1, None, "é"]}}, "agent")
    return path


@pytest.fixture(scope="module")
def pong():
    return games.load("pong")


@pytest.fixture
def agent_file(tmp_path, pong):
    settings = AgentSettings(size=12, hidden=8)
    path = tmp_path / "agent.safetensors"
    Agent(pong, describe_agent(pong, settings, "ppo"), build_network(pong, settings)).save(path)
    return path


def rewrite(path, change, tensors=None):
    """A file whose seal is right, but which says something else."""
    kept, meta = tensor_file.load(path, "agent")
    meta = {name: value for name, value in meta.items() if name not in ("format", "kind", "sha256")}
    change(meta)
    tensor_file.save(path, kept if tensors is None else tensors, meta, "agent")


def left_behind(folder):
    return sorted(entry.name for entry in folder.iterdir())


# --- round trip ---


def test_what_was_saved_comes_back(file):
    tensors, meta = tensor_file.load(file, "agent")
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert meta["steps"] == 12345
    assert meta["nested"] == {"list": [1, None, "é"]}


def test_any_reader_of_safetensors_reads_it(file):
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        assert torch.equal(opened.get_tensor("weight"), TENSORS["weight"])


# --- damage ---


def test_every_flipped_byte_is_noticed(agent_file):
    data = agent_file.read_bytes()
    rng = np.random.default_rng(1)
    header = 8 + int.from_bytes(data[:8], "little")
    places = {*range(0, header, max(1, header // 200)), *rng.integers(header, len(data), 100).tolist(), len(data) - 1}
    assert len(places) >= 300
    for place in sorted(places):
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        agent_file.write_bytes(changed)
        with pytest.raises(UserError):
            tensor_file.load(agent_file, "agent")


def test_a_file_cut_off_anywhere_is_noticed(file):
    data = file.read_bytes()
    for length in np.linspace(0, len(data) - 1, 50).astype(int):
        file.write_bytes(data[:length])
        with pytest.raises(UserError):
            tensor_file.load(file, "agent")
    file.write_bytes(data + b"\0")
    with pytest.raises(UserError, match="damaged"):
        tensor_file.load(file, "agent")


def header_file(text, length=None):
    text = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(text) if length is None else length) + text


FOREIGN = {
    "empty": (b"", "none of Sparring's"),
    "text": (b"hello, I am an agent", "none of Sparring's"),
    "pickle": (pickle.dumps({"weights": [1.0] * 100}), "none of Sparring's"),
    "other safetensors": (plain_save(TENSORS), "lacks the metadata"),
    "other metadata": (plain_save(TENSORS, {"format": "pt"}), "lacks the metadata"),
    "not JSON": (header_file('{"__metadata__": {"sparring": "{oh"}}'), "none of Sparring's"),
    "metadata no object": (header_file('{"__metadata__": {"sparring": "[1]"}}'), "none of Sparring's"),
    "header a list": (header_file("[" + "1," * 50 + "1]"), "none of Sparring's"),
    "deep header": (header_file("[" * 200_000), "none of Sparring's"),
    "deep metadata": (header_file(json.dumps({"__metadata__": {"sparring": "[" * 200_000}})), "none of Sparring's"),
    "endless number": (header_file('{"__metadata__": {"sparring": "' + "9" * 100_000 + '"}}'), "none of Sparring's"),
    "huge header": (header_file('{"a": 0}' + " " * 11_000_000), "too long"),
    "boasting header": (header_file("{}", 1 << 62), "cut off"),
    "no UTF-8": (header_file(b"\xff" * 40), "none of Sparring's"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused_in_words_and_left_untouched(name, tmp_path):
    data, says = FOREIGN[name]
    path = tmp_path / "agent.safetensors"
    path.write_bytes(data)
    with pytest.raises(UserError, match=says):
        tensor_file.load(path, "agent")
    assert path.read_bytes() == data


def test_a_zip_file_is_named_as_what_it_is_and_never_opened(tmp_path):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", "{}")
    with pytest.raises(UserError, match="Stable-Baselines3"):
        tensor_file.load(path, "agent")


def test_a_newer_format_and_another_kind_are_told_apart(file, monkeypatch):
    with pytest.raises(UserError, match="kind 'agent', not 'checkpoint'"):
        tensor_file.load(file, "checkpoint")
    monkeypatch.setattr(tensor_file, "FORMAT", tensor_file.FORMAT + 1)
    tensor_file.save(file, TENSORS, {}, "agent")
    monkeypatch.undo()
    with pytest.raises(UserError, match="newer version"):
        tensor_file.load(file, "agent")


def test_a_missing_file_and_a_folder_are_said(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        tensor_file.load(tmp_path / "none", "agent")
    with pytest.raises(UserError, match="cannot be read"):
        tensor_file.load(tmp_path, "agent")


# --- writing ---


def full(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_other(file, monkeypatch, call):
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(tensor_file.os, call, full)
        with pytest.raises(UserError, match="No space left"):
            tensor_file.save(file, {"weight": torch.zeros(9)}, {}, "agent")
    assert file.read_bytes() == before
    assert left_behind(file.parent) == [file.name]


def test_a_disk_that_fills_up_half_way_leaves_the_old_file_and_no_other(file):
    resource = pytest.importorskip("resource")
    before, (_, hard) = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # bytes; the system refuses to write more
    try:
        with pytest.raises(UserError, match="could not be written"):
            tensor_file.save(file, {"weight": torch.zeros(5000)}, {}, "agent")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY if hard == -1 else hard, hard))
    assert file.read_bytes() == before
    assert left_behind(file.parent) == [file.name]


def test_a_signal_while_writing_leaves_the_old_file_and_no_other(file, monkeypatch):
    before = file.read_bytes()

    def interrupted(handle):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tensor_file.os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tensor_file.write_bytes(file, b"new")
    assert file.read_bytes() == before
    assert left_behind(file.parent) == [file.name]


def test_a_file_in_place_of_the_folder_is_said(file):
    with pytest.raises(UserError, match="could not be written"):
        tensor_file.write_bytes(file / "inside", b"new")


# --- agents' files ---


def test_an_agents_file_cannot_name_code(agent_file, tmp_path, pong):
    trap = tmp_path / "evil.py"
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    for game in (str(trap), f"../{trap.name}", "os", "games.core", "check", "__init__"):
        rewrite(agent_file, lambda meta, game=game: meta.update(game=game))
        with pytest.raises(UserError):
            Agent.load(agent_file)
        with pytest.raises(UserError):
            Agent.load(agent_file, pong)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"game": 7}, {"game_version": "1"}, {"steps": 1.5}, {"score": []}, {"rating": "high"},
        {"seats": 2}, {"game_digest": 5}, {"settings": None}, {"algorithm": None},
    ],
)  # fmt: skip
def test_an_agent_whose_description_is_of_the_wrong_kind_is_refused(agent_file, change):
    rewrite(agent_file, lambda meta: meta.update(change))
    with pytest.raises(UserError, match=next(iter(change))):
        peek(agent_file)


@pytest.mark.parametrize("sign", ["\n", "\x1b[2J", "\u202e"])
def test_a_games_name_with_a_command_for_the_terminal_is_refused_and_not_printed(agent_file, sign):
    rewrite(agent_file, lambda meta: meta.update(game=f"pong{sign}"))
    with pytest.raises(UserError, match="its game is") as told:
        peek(agent_file)
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 10**9), ("hidden", 10**12), ("stack", 0), ("delay", -1), ("temperature", -1.0), ("temperature", "hot"),
        ("size", True), ("network", ["patch"]),
    ],
)  # fmt: skip
def test_an_agent_of_impossible_settings_is_refused(agent_file, name, value):
    rewrite(agent_file, lambda meta: meta["settings"].update({name: value}))
    with pytest.raises(UserError, match=name):
        Agent.load(agent_file)


@pytest.mark.parametrize(("name", "value"), [("hidden", 4096), ("network", "nature"), ("observation", "planes")])
def test_an_agent_that_is_not_as_described_is_refused(agent_file, name, value):
    rewrite(agent_file, lambda meta: meta["settings"].update({name: value}))
    with pytest.raises(UserError):
        Agent.load(agent_file)


def test_weights_of_other_shapes_names_and_types_are_refused(agent_file):
    tensors, _ = tensor_file.load(agent_file, "agent")
    name = "policy.weight"
    for wrong in (
        {**tensors, name: tensors[name][:1]},
        {**tensors, name: tensors[name].double()},
        {**tensors, "extra": torch.zeros(1)},
        {key: tensor for key, tensor in tensors.items() if key != name},
    ):
        rewrite(agent_file, lambda meta: None, wrong)
        with pytest.raises(UserError, match="does not fit its own description"):
            Agent.load(agent_file)


def test_a_setting_of_the_future_is_named(agent_file):
    rewrite(agent_file, lambda meta: meta["settings"].update(telepathy=True))
    with pytest.raises(UserError, match="telepathy"):
        Agent.load(agent_file)


def test_a_file_may_name_each_algorithm_that_has_a_network():
    assert set(ALGORITHMS) == set(NETWORKS)
