"""Names of keys in a game's KEYS: single keys, and chords, keys that are held together; and directions in names of actions."""

import re

DIRECTIONS = ("up", "down", "left", "right")


def keys_of(name: str) -> tuple[str, ...]:
    """The keys of a name in KEYS.

    >>> keys_of("w"), keys_of("w+a"), keys_of("left shift+up"), keys_of("+"), keys_of("[+]")
    (('w',), ('w', 'a'), ('left shift', 'up'), ('+',), ('[+]',))
    """
    return (name,) if name in ("+", "[+]") else tuple(name.split("+"))


def direction_of(action: str) -> str:
    """The direction in an action's name; empty if there is none, or more than one.

    >>> direction_of("up"), direction_of("move_left"), direction_of("up-left"), direction_of("fire")
    ('up', 'left', '', '')
    """
    found = [word for word in re.split(r"[\W_]+", action.lower()) if word in DIRECTIONS]
    return found[0] if len(found) == 1 else ""
