"""What makes the levels of race.py data, for tests that append it to that file's text."""

TEXT = """

LEVEL = np.dtype([("gate", "u1", (16,))])


@jit
def from_level(s, level):
    s.gate[:] = level.gate


@jit
def to_level(s, level):
    level.gate[:] = s.gate
"""
