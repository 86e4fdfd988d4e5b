"""The command line of train.py, called within the test's own process."""

import sys

import pytest

import train


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
