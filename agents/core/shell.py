"""Commands that people are told: as their shell takes them."""

import shlex
import subprocess
import sys
from collections.abc import Iterable
from typing import Any


def command_line(words: Iterable[Any], platform: str = sys.platform) -> str:
    """A command line of these words, each quoted where it needs to be.

    >>> command(["python", "train.py", "--resume", "runs/pong/my run"], "linux")
    "python train.py --resume 'runs/pong/my run'"
    >>> command(["--resume", r"runs\\pong\\my run"], "win32")
    '--resume "runs\\\\pong\\\\my run"'
    """
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if platform == "win32" else shlex.join(texts)
