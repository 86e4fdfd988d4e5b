"""Observations outside the space that their environment declares are told, and never turned into other values."""

import numpy as np
import pytest
from gymnasium import spaces

from agents.bridges.gym.bounds import OutsideSpace
from agents.bridges.gym.observation_adapter import ObservationAdapter

UNIT, BYTES, SIGNED = (
    spaces.Box(0, 1, (10, 10, 1)), spaces.Box(0, 255, (10, 10, 1), np.uint8), spaces.Box(-1, 1, (10, 10, 1), np.int8)
)  # fmt: skip


def frames(space, value, dtype=None):
    """What learners see of an observation that is `value` everywhere."""
    adapter = ObservationAdapter("gym:X", space)
    raw = np.full(space.shape, value, dtype)
    return adapter.frames([raw], adapter.forms[0], 30)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "space", [UNIT, spaces.Box(-1, 1, (3,)), spaces.Dict({"image": UNIT, "vector": spaces.Box(-1, 1, (3,))})]
)
def test_an_observation_that_is_not_finite_is_told(space, value):
    adapter = ObservationAdapter("gym:X", space)
    raw = np.full(space.shape, value) if space.shape else {"image": np.zeros((10, 10, 1)), "vector": np.full(3, value)}
    with pytest.raises(FloatingPointError, match="an observation"):
        adapter.frames([raw], adapter.forms[0], 30)


@pytest.mark.parametrize(
    "space, value, dtype, said",
    [
        (UNIT, 255, np.float32, "255 in an observation whose space goes from 0 to 1"),
        (UNIT, 2, np.uint8, "2 in an observation"),
        (UNIT, -1, np.float32, "-1 in an observation"),
        (BYTES, -1, np.int64, "-1 in an observation whose space goes from 0 to 255"),
        (BYTES, 256, np.int64, "256 in an observation"),
        (BYTES, 0.5, np.float32, "0.5 in an observation whose space is of integers"),
        (SIGNED, 2, np.int8, "2 in an observation whose space goes from -1 to 1"),
        (spaces.Box(0, 1, (10, 10, 4), np.uint8), 255, np.uint8, "255 in an observation whose space goes from 0 to 1"),
        (spaces.Discrete(3), -1, np.int64, "-1 in an observation whose space goes from 0 to 2"),
        (spaces.Discrete(3), 3, np.int64, "3 in an observation"),
        (spaces.Discrete(3, start=5), 0, np.int64, "0 in an observation whose space goes from 5 to 7"),
        (spaces.Discrete(3), 1.5, np.float64, "1.5 in an observation whose space is of integers"),
        (spaces.MultiDiscrete([3, 3]), 3, np.int64, "3 in an observation"),
    ],
)
def test_a_value_outside_the_space_is_named(space, value, dtype, said):
    with pytest.raises(OutsideSpace) as error:
        frames(space, value, dtype)
    assert said in str(error.value) and "Correct its observation_space" in str(error.value)


def test_the_limits_of_each_number_count():
    space = spaces.MultiDiscrete([3, 4])
    adapter = ObservationAdapter("gym:X", space)
    assert adapter.frames([[2, 3]], "objects", 0).tolist() == [[0, 0, 1, 0, 0, 0, 1]]
    with pytest.raises(OutsideSpace, match="3 in an observation whose space goes from 0 to 2"):
        adapter.frames([[0, 0], [3, 0]], "objects", 0)


def test_the_part_of_an_observation_is_named():
    adapter = ObservationAdapter("gym:X", spaces.Dict({"place": spaces.Discrete(3), "room": spaces.Discrete(2)}))
    with pytest.raises(OutsideSpace, match="'place'"):
        adapter.frames([{"place": 4, "room": 0}], "objects", 0)


def test_what_is_in_the_space_comes_through_whatever_its_type():
    for kind in (np.uint8, np.int64, np.float32):
        assert set(frames(BYTES, 7, kind).flatten()) == {7}
    assert set(frames(UNIT, 1.0005).flatten()) == {255}, "numbers may be rounded"
    assert set(frames(UNIT, True, bool).flatten()) == {255}
    assert frames(spaces.Discrete(3), 1.0).tolist() == [[0, 1, 0]]


def test_vectors_may_leave_their_bounds():
    """They are learned from as they are, and many environments round, or overshoot by a step."""
    assert frames(spaces.Box(-1, 1, (3,)), 5.0).tolist() == [[5, 5, 5]]
