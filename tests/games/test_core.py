"""The random stream against its published vectors; records in plain Python."""

import os
import subprocess
import sys

import numpy as np
import pytest

from games import core

# splitmix64 seeded with 1234567: the first five numbers of the reference implementation (Vigna, prng.di.unimi.it).
REFERENCE = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]


@core.jit
def draw_five(s, out):
    for k in range(5):
        out[k] = core.uniform(s)


@core.jit
def noises(s, out):
    for seat in range(2):
        for k in range(len(out[0])):
            out[seat, k] = core.noise(s, seat, k)


@pytest.fixture
def record():
    return np.zeros(1, np.dtype(core.COMMON))


def test_uniform_is_splitmix64(record):
    record["rng"] = 1234567
    drawn = np.zeros(5)
    draw_five(record[0], drawn)
    assert drawn.tolist() == [(number >> 11) / 2**53 for number in REFERENCE]


def test_each_draw_adds_one_constant_to_the_stream(record):
    record["rng"] = 99
    draw_five(record[0], np.zeros(5))
    assert int(record["rng"][0]) == (99 + 5 * 0x9E3779B97F4A7C15) % 2**64


def test_plain_python_draws_the_same_numbers():
    program = (
        "import numpy as np; from games import core; a = np.zeros(1, np.dtype(core.COMMON)); a['rng'] = 1234567;"
        "s = core.at(a, 0); assert core.PLAIN; print([core.uniform(s) for _ in range(5)], int(a['rng'][0]))"
    )
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    said = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True).stdout
    expected = [(number >> 11) / 2**53 for number in REFERENCE]
    assert said.strip() == f"{expected} {(1234567 + 5 * 0x9E3779B97F4A7C15) % 2**64}"


def test_noise_changes_nothing_and_depends_on_stream_seat_and_k(record):
    record["rng"] = 5
    before = record.tobytes()
    one, again, other = (np.zeros((2, 500)) for _ in range(3))
    noises(record[0], one)
    record["tick"] = 0
    noises(record[0], again)
    assert record.tobytes() == before
    assert (one == again).all()
    assert len(np.unique(one)) == one.size
    record["rng"] = 6
    noises(record[0], other)
    assert (one != other).all()


def test_noise_is_spread_evenly(record):
    many = np.zeros((2, 20_000))
    noises(record[0], many)
    for row in many:
        counts = np.histogram(row, 10, (0, 1))[0]
        assert abs(counts - 2000).max() < 5 * np.sqrt(2000)  # 5 sigma


def test_plain_records_give_pythons_own_numbers():
    array = np.zeros(2, np.dtype([("small", "u1"), ("many", "u1", (3,))]))
    record = core.PlainRecord(array, 1)
    record.small = 250
    record.many[:] = 200
    assert record.small + 10 == 260  # a uint8 would wrap to 4
    assert record.many[0] * 2 == 400
    assert [number * 2 for number in record.many] == [400, 400, 400]
    assert array["small"].tolist() == [0, 250]
