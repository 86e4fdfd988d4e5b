"""Names of games on the command line: one of the kit's, a file, or a Gymnasium environment (`gym:CartPole-v1`)."""

import re

GYM = "gym:"


def is_gym(name: str) -> bool:
    """True for the name of a Gymnasium environment, as `gym:CartPole-v1`."""
    return name.startswith(GYM)


def bare_id(name: str) -> str:
    """The Gymnasium id in such a name.

    >>> bare_id("gym:CartPole-v1")
    'CartPole-v1'
    """
    return name.removeprefix(GYM)


def file_name(name: str) -> str:
    """The name of a game's files and folders.

    >>> file_name("pong"), file_name("gym:MinAtar/Breakout-v1")
    ('pong', 'gym-MinAtar-Breakout-v1')
    """
    return re.sub(r"[^\w.-]", "-", name)
