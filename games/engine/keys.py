"""Names of keys in a game's KEYS: single keys, and chords, keys that are held together."""


def keys_of(name: str) -> tuple[str, ...]:
    """The keys of a name in KEYS.

    >>> keys_of("w"), keys_of("w+a"), keys_of("left shift+up"), keys_of("+"), keys_of("[+]")
    (('w',), ('w', 'a'), ('left shift', 'up'), ('+',), ('[+]',))
    """
    return (name,) if name in ("+", "[+]") else tuple(name.split("+"))
