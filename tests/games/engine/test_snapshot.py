"""A snapshot is data: no value in it reaches compiled code unless a batch could hold it."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import games
from games.engine import snapshot
from games.engine.batch import Batch
from games.errors import UserError


def played(name):
    batch = Batch(games.load(name), 3, 5, bots=0.5, opening=(1, 2), levels=4)
    for _ in range(30):
        batch.step(np.zeros(batch.rewards.shape, np.int64))
    return batch


@pytest.fixture(scope="module", params=games.names())
def batch(request):
    return played(request.param)


def altered(batch, name, field, value, env=1):
    """The bytes of a snapshot of the batch with one number in it changed."""
    arrays = {key: array.copy() for key, array in batch.arrays().items()}
    array = arrays[name][field] if field else arrays[name]
    array.reshape(len(array), -1)[env, -1] = value
    return snapshot.pack(batch.game, batch.seed, arrays)


def refused(batch, data, says):
    before = {name: array.copy() for name, array in batch.arrays().items()}
    with pytest.raises(UserError, match=says):
        batch.restore(data)
    assert all(array.tobytes() == before[name].tobytes() for name, array in batch.arrays().items()), "nothing has changed"


def test_a_snapshot_as_it_was_goes_on(batch):
    kept = batch.snapshot()
    batch.restore(kept)
    assert batch.snapshot() == kept


SLOTS = [
    ("episode", -1), ("waiting", 65), ("asked", 2), ("due", -1), ("due", 2**31 - 1), ("decisions", -1), ("opening_min", -1),
    ("opening_max", 0), ("opening_max", 2**31 - 1), ("opening", -1), ("frame_skip", 0), ("delay", 61), ("delay", -1),
    ("ring", -3), ("bot", np.nan), ("bot", 1.5), ("bot", -3.0), ("pending_reward", np.inf), ("returns", np.nan),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), SLOTS)
def test_a_slot_out_of_range_is_refused(batch, field, value):
    refused(batch, altered(batch, "slots", field, value), "of a slot is|in a slot")


@pytest.mark.parametrize(("field", "value"), [("tick", -1), ("tick", 2**31 - 1), ("over", 1), ("level", -1)])
def test_a_common_field_out_of_range_is_refused(batch, field, value):
    refused(batch, altered(batch, "states", field, value), f"{field} of a state is")


@pytest.mark.parametrize(
    ("name", "value"), [("end", 3), ("ticks", -1), ("ticks", 2**30), ("levels", -1), ("rewards", np.nan), ("returns", np.inf)]
)
def test_an_array_of_the_batch_out_of_range_is_refused(batch, name, value):
    refused(batch, altered(batch, name, None, value), f"{name} of the batch is")


@pytest.mark.parametrize(
    ("game", "field", "value"),
    [
        ("connect_four", "turn", 2), ("connect_four", "turn", -(2**31)), ("connect_four", "last", 7),
        ("connect_four", "discs", -1), ("connect_four", "discs", 2),
        ("breakout", "lives", 2**31 - 1), ("breakout", "x", np.nan), ("breakout", "y", 1e300),
        ("breakout", "pause", -1), ("pong", "score", 6), ("pong", "server", 2), ("pong", "x", np.inf), ("pong", "vx", 1e9),
    ],
)  # fmt: skip
def test_a_state_to_which_no_game_comes_is_refused(game, field, value):
    batch = played(game)
    for name in ("states", "final"):
        refused(batch, altered(batch, name, field, value), "never comes to a state as in|is not finite")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": -1}, "its seed is -1"),
        ({"seed": 1.5}, "its seed is 1.5"),
        ({"seed": True}, "its seed is True"),
        ({"seed": 1 << 64}, "its seed is"),
        ({"sizes": []}, "The snapshot's sizes"),
        ({"num_envs": "3"}, "The snapshot's num_envs is 3"),
    ],
)
def test_a_header_of_another_batch_is_refused(batch, change, says):
    data = batch.snapshot()
    length = int.from_bytes(data[8:12], "little")
    header = json.dumps({**json.loads(data[12 : 12 + length]), **change}).encode()
    refused(batch, data[:8] + len(header).to_bytes(4, "little") + header + data[12 + length :], says)


def test_a_snapshot_that_is_cut_or_longer_or_nothing_is_refused(batch):
    data = batch.snapshot()
    for wrong, says in ((data[:-1], "too short"), (data + b"\0", "too long"), (data[:12], "header"), (data[:8], "header")):
        refused(batch, wrong, says)
    refused(batch, data[:8] + (5000).to_bytes(4, "little") + b"[" * 5000, "header")


@pytest.mark.parametrize("name", games.names())
def test_changed_bytes_go_on_or_are_refused(name):
    """100 here; `python -m tests.trust resealed` changes 20,000 of each game."""
    batch = played(name)
    whole = batch.snapshot()

    @settings(max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=6))
    def check(places):
        data = bytearray(whole)
        for place, value in places:
            data[place] = value
        batch.restore(whole)
        try:
            batch.restore(bytes(data))
        except UserError:
            return
        for _ in range(5):
            batch.step(np.zeros(batch.rewards.shape, np.int64))

    check()
