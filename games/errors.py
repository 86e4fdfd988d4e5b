"""What a user did that cannot be done: one clear message, exit code 2, no traceback."""

import difflib
from collections.abc import Iterable

FEW = 12  # words that a message lists although it names the one that was meant


class UserError(Exception):
    """What is wrong, why, and what to do: up to three short lines."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """A second line for a message about an unknown word: the nearest valid one, and all of them, where they are not many.

    >>> nearest("gama", ["gamma", "size"]), nearest("gama", ["gamma", *"abcdefghijklmn"])
    ("Did you mean 'gamma'? Known: gamma, size.", "Did you mean 'gamma'?")
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.5)
    if close and len(choices) > FEW:
        return f"Did you mean '{close[0]}'?"
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return f"{hint}Known: {', '.join(choices)}."
