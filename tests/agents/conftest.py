"""The command line of train.py, called within the test's own process."""

import sys
from pathlib import Path

import pytest

import games
import train

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def changed(tmp_path_factory):
    """`changed("games/pong.py", {"MAX_TICKS = 60 * 180": "MAX_TICKS = 20"})`: a game with some of its text replaced."""
    home = tmp_path_factory.mktemp("changed")

    def load(path, changes):
        text = (ROOT / path).read_text("utf-8")
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        copy = home / Path(path).name
        copy.write_text(text, "utf-8")
        return games.load(copy)

    return load


@pytest.fixture
def main(monkeypatch, tmp_path, capsys):
    """`main("pong", "--steps", …)`: exit code, standard output, standard error. Runs go to tmp_path."""

    def call(*words):
        place = [] if "--resume" in words else ["--runs", tmp_path]
        monkeypatch.setattr(sys, "argv", ["train.py", *map(str, [*words, *place])])
        capsys.readouterr()
        code = train.main()
        return code, *capsys.readouterr()

    return call
