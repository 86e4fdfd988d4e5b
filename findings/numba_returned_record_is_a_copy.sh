#!/bin/bash
# An element of a structured array is a view wherever one meets it, but when a compiled function returns it to Python.
#
# `records[0]` in NumPy is a view: who writes into its fields writes into the array. It stays one when it is passed to a function
# compiled by numba, and inside compiled code `records[k]`, passed on to other compiled functions, is one too. Yet the very
# same expression, returned to Python, is a copy: what is written into it later is lost without a word, while a slice of an
# array that is returned so is a view. A helper such as `at(records, k)` works in compiled code and does nothing in a test.
#
# Seen on 2026-11-28 with numba 0.68.1, NumPy 2.4.6, CPython 3.11.7, Linux 6.18:
#   array[0] of NumPy: written; records[0:1] returned: written; records[0] returned: not written
# Source: numba/core/boxing.py, box_record ("we will create a copy of the record"); no word of it is in numba's user manual.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.4.6 2>/dev/null

cat > "$place/records.py" <<'PYTHON'
import platform
import sys

import numba
import numpy as np

KIND = np.dtype([("x", "f8")])


@numba.njit
def element(records, k):
    return records[k]


@numba.njit
def part(records, k):
    return records[k : k + 1]


@numba.njit
def write(record):
    record.x = 1.0


def written(take):
    """Whether the array changes when a compiled function writes into what `take` gives of it."""
    records = np.zeros(1, KIND)
    write(take(records))
    return bool(records["x"][0] == 1.0)


print(f"numba {numba.__version__}, NumPy {np.__version__}, CPython {platform.python_version()}")
by_numpy, by_slice = written(lambda records: records[0]), written(lambda records: part(records, 0)[0])
returned = written(lambda records: element(records, 0))
print("expected: written three times")
print(f"seen:     NumPy's element {by_numpy}, a returned slice's {by_slice}, a returned element {returned}")
sys.exit(0 if by_numpy and by_slice and not returned else 1)
PYTHON
"$place/venv/bin/python" "$place/records.py"
