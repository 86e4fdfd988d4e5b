"""The window's settings: what is kept, what is refused, and that no play waits for or falls over a disk."""

import json
import os
import subprocess
import sys

import pytest

from ui import settings
from ui.settings import PersonControls, Settings, SettingsFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "settings.json"


def changed(path, **values) -> SettingsFile:
    file = SettingsFile(path)
    file.change(**values)
    file.close()
    return file


def test_what_was_changed_is_there_the_next_time(path):
    controls = {"pong": [PersonControls(keys={"w": "i"}), PersonControls(buttons={"up": "y"})]}
    changed(path, size=(1280, 720), volume=0.25, mute=True, opponents={"pong": "level:3"}, controls=controls)
    read = SettingsFile(path)
    assert not read.notice
    assert read.settings == Settings(
        written_by=read.settings.written_by, size=(1280, 720), volume=0.25, mute=True, opponents={"pong": "level:3"},
        controls=controls,
    )  # fmt: skip


def test_names_of_a_newer_version_stay_in_the_file(path):
    path.parent.mkdir()
    path.write_text('{"written_by": "99.0.0", "volume": 0.5, "smell": {"roses": 3}}')
    assert changed(path, mute=True).settings.volume == 0.5
    assert json.loads(path.read_text())["smell"] == {"roses": 3}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"volume": 2}', '{"size": [10, 10]}', '{"controls": {"pong": [{}, {}, {}]}}', "\x00" * 50]
)
def test_a_broken_file_is_set_aside_and_said(path, text):
    path.parent.mkdir()
    path.write_text(text)
    file = SettingsFile(path)
    assert file.settings == Settings()
    assert "settings.damaged.json" in file.notice
    assert (path.parent / "settings.damaged.json").read_text() == text
    assert not SettingsFile(path).notice  # said once


def test_a_folder_that_cannot_be_written_disturbs_nothing(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    file = changed(tmp_path / "file" / "settings.json", volume=0.1)
    assert file.settings.volume == 0.1
    assert "not kept" in file.notice


def test_a_full_disk_leaves_the_file_as_it_was(path, monkeypatch):
    changed(path, volume=0.1)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    file = changed(path, volume=0.9)
    assert "not kept" in file.notice
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["settings.json"]  # no temporary file


def test_a_change_does_not_wait_for_the_disk_and_the_last_one_counts(path, monkeypatch):
    import threading

    gate, write = threading.Event(), settings.tensor_file.write_bytes

    def slow(*parts):
        gate.wait(5)
        write(*parts)

    monkeypatch.setattr(settings.tensor_file, "write_bytes", slow)
    file = SettingsFile(path)
    for volume in (0.1, 0.2, 0.3):
        file.change(volume=volume)
    assert not path.exists()
    gate.set()
    file.close()
    assert SettingsFile(path).settings.volume == 0.3


def test_settings_without_a_file_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "path_of", lambda: tmp_path / "settings.json")
    file = SettingsFile()
    file.change(volume=0.2)
    file.close()
    assert file.settings.volume == 0.2
    assert not list(tmp_path.iterdir())


def test_settings_are_read_before_torch_numba_and_pygame():
    code = "import sys, ui.settings; print([m for m in ('torch', 'numba', 'pygame', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
