"""A command goes on quietly when nobody reads its output any more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", [["play.py", "--help"], ["bench.py", "--help"], ["-m", "games.check", "--help"]])
def test_a_reader_that_goes_away_gives_no_traceback(command):
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=None
    )
    process.stdout.close()  # before anything is printed
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), said) == (0, "")


def test_what_is_printed_after_the_reader_has_gone_stops_nothing_and_what_came_before_is_whole():
    code = (
        "import sys, pathlib; from games.pipes import outlive_reader; outlive_reader()\n"
        "print('é', 1, flush=True); sys.stdin.readline()\n"
        "for _ in range(9): print('x' * 9999, flush=True)\n"
        "print('on to the end', file=sys.stderr)"
    )
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", code],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    assert process.stdout.readline() == "é 1\n"
    process.stdout.close()
    process.stdin.write("\n")
    process.stdin.close()
    assert process.stderr.read() == "on to the end\n"
    process.stderr.close()
    assert process.wait() == 0


def test_without_a_buffer_what_is_printed_is_there_at_once():
    code = (
        "import os, sys; from games.pipes import outlive_reader; outlive_reader()\n"
        "print('out', end=''); print('error', end='', file=sys.stderr); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-u", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("out", "error")


@pytest.mark.skipif(os.name == "nt", reason="its consoles are others")
def test_what_is_printed_after_the_terminal_has_gone_stops_nothing():
    code = (
        "import os, signal, sys; from games.pipes import outlive_reader; outlive_reader()\n"
        "print(sys.stdout.isatty(), 'é', flush=True); sys.stdin.readline()\n"
        "for stream in sys.stdout, sys.stderr: print('x', file=stream, flush=True)\n"
        "os._exit(7)"
    )
    terminal, other = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=other, stderr=other
    )
    os.close(other)
    said = b""
    while not said.endswith(b"\n"):
        said += os.read(terminal, 100)
    assert said == "True é\r\n".encode()
    os.close(terminal)
    process.communicate(b"\n")
    assert process.returncode == 7
