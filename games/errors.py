"""Errors that users are shown as one clear message, with exit code 2 and no traceback.

`UserError` is a mistake of the user's; `EnvironmentFailed` one of an environment that is not ours.
"""

import difflib
from collections.abc import Iterable

FEW = 12  # up to so many choices, a message lists them all beside the suggestion


class UserError(Exception):
    """An error message for the user: what is wrong, why, and what to do, in up to three short lines."""


class EnvironmentFailed(UserError):
    """An environment that is not ours raised an error or broke its API. A run that meets it is saved."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """The second line of a message about an unknown word: the nearest valid word, and all valid words if they are few.

    >>> nearest("gama", ["gamma", "size"]), nearest("gama", ["gamma", *"abcdefghijklmn"])
    ("Did you mean 'gamma'? Known: gamma, size.", "Did you mean 'gamma'?")
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.5)
    if close and len(choices) > FEW:
        return f"Did you mean '{close[0]}'?"
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return f"{hint}Known: {', '.join(choices)}."
