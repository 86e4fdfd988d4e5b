"""Random numbers of players: computed from what tells one draw from another, so that nothing has to be kept."""

import numpy as np

from games.core import GOLDEN


def _mix(z: np.ndarray) -> np.ndarray:
    """`games.core.mix` of arrays, uint64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def bits(*parts: np.ndarray | int) -> np.ndarray:
    """64 random bits, uint64 [N], for each row of some integers [N]; the same for the same integers.

    >>> first, again, second = bits(np.array([0, 0, 1])).tolist()
    >>> first == again, first == second
    (True, False)
    """
    found = np.zeros(1, np.uint64)
    for part in parts:
        found = _mix((found ^ np.atleast_1d(np.asarray(part)).astype(np.uint64)) + np.uint64(GOLDEN))
    return found


def chances(*parts: np.ndarray | int) -> np.ndarray:
    """A random number in [0, 1), float64 [N], for each row of some integers [N].

    >>> bool((abs(np.histogram(chances(np.arange(10_000)), 10)[0] - 1000) < 100).all())
    True
    """
    return (bits(*parts) >> np.uint64(11)).astype(np.float64) / 9007199254740992.0
