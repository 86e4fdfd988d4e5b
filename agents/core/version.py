"""The version of Sparring, which its files name as their writer."""

VERSION = "0.2.0"  # as in pyproject.toml
FIRST = "0.1.0"  # whose files name none


def release(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared.

    >>> release("0.10.0") > release("0.9.1")
    True
    """
    return tuple(map(int, version.split(".")))
