"""Ctrl-C at any moment of a command prints no traceback; it says what is lost, or nothing where nothing has begun."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from games import command

ROOT = Path(__file__).parents[1]
COMMANDS = ["train.py", "play.py", "bench.py", "games/check/__main__.py"]
COMMANDS += [f"agents/{name}.py" for name in ("export", "ladder", "plot", "ratings", "robustness")]

# Runs a file as a command, and interrupts it while it imports a module.
INTERRUPTED = """
import builtins, os, runpy, signal, sys
real = builtins.__import__
def imported(name, *rest):
    if name.partition(".")[0] in ("games", "argparse"):
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest)
builtins.__import__ = imported
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
@pytest.mark.parametrize("file", COMMANDS)
def test_ctrl_c_while_modules_load_prints_no_traceback(file):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, file], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.fixture
def default_action(monkeypatch):
    """As a command's file sets it, before its imports."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # which `command.run` changes
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before)


def code_of(main):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.StringIO())  # which a command may replace, as standard error
        patch.setattr(sys, "stderr", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            command.run(main)
    return ended.value.code


def test_main_gets_ctrl_c_as_ever_and_what_follows_it_does_not(default_action):
    found = []

    def main():
        found.append(signal.getsignal(signal.SIGINT))
        return 3

    assert code_of(main) == 3
    assert found == [signal.default_int_handler]
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL


def test_a_main_that_ctrl_c_ends_exits_with_130(default_action):
    assert code_of(lambda: signal.raise_signal(signal.SIGINT)) == 130


def test_ctrl_c_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert code_of(lambda: signal.raise_signal(signal.SIGINT)) is None
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


UNRAISABLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
from games import command
class Interrupted:
    def __del__(self):
        raise {error}
command.run(lambda: Interrupted() and None)
"""


@pytest.mark.parametrize(("error", "told"), [("KeyboardInterrupt", False), ("ValueError", True)])
def test_an_interrupt_in_an_objects_end_prints_nothing_and_an_error_is_told_as_ever(error, told):
    code = UNRAISABLE.format(error=error)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, told)
