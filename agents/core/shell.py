"""Command lines that users are shown, quoted for their shell."""

import shlex
import subprocess
import sys
from collections.abc import Iterable
from typing import Any


def command_line(arguments: Iterable[Any], platform: str = sys.platform) -> str:
    """A command line of these arguments, each quoted where it needs to be.

    >>> command_line(["python", "train.py", "--resume", "runs/pong/my run"], "linux")
    "python train.py --resume 'runs/pong/my run'"
    >>> command_line(["--resume", r"runs\\pong\\my run"], "win32")
    '--resume "runs\\\\pong\\\\my run"'
    """
    texts = [str(argument) for argument in arguments]
    return subprocess.list2cmdline(texts) if platform == "win32" else shlex.join(texts)
