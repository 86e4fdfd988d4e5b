"""With --json, standard output holds one JSON object, whatever else prints."""

import json
import subprocess
import sys

import pytest

from agents.core.json_output import only_json, print_json

PROGRAM = """
import os, subprocess, sys
from agents.core.json_output import only_json, print_json
with only_json({active}):
    print("Python")
    os.write(1, b"a C library\\n")
    subprocess.run([sys.executable, "-c", "print('a child')"])
    print_json({{"a": 1}})
    print("Python again")
print("afterwards")
"""


@pytest.mark.parametrize("active", [True, False])
def test_what_is_not_json_goes_to_standard_error(active):
    command = [sys.executable, "-c", PROGRAM.format(active=active)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    others = {"Python", "a C library", "a child", "Python again"}
    if active:
        assert done.stdout == '{"a": 1}\nafterwards\n' and set(done.stderr.splitlines()) == others
    else:
        assert set(done.stdout.splitlines()) == {*others, '{"a": 1}', "afterwards"} and not done.stderr


def test_standard_output_that_a_caller_has_replaced_is_kept_too(capsys):
    with only_json(True):
        print("a word")
        print_json([1, 2])
    found = capsys.readouterr()
    assert json.loads(found.out) == [1, 2] and found.err == "a word\n"
