#!/bin/bash
# The first call of any loop that numba has cached imports scipy.linalg, and with it numpy.f2py, wherever SciPy is installed.
#
# A function compiled with cache=True is expected to be loaded and run: no linear algebra, no types to find out. But loading one
# refreshes numba's tables of all that it can compile, one of which asks whether there is a BLAS by importing
# scipy.linalg.cython_blas. That brings SciPy's array-API layer, which looks at every name that dir(numpy) gives, and so wakes
# numpy.f2py, a translator for Fortran that NumPy loads only for who names it. A program that only adds two numbers starts a
# quarter of a second later, and larger, because somebody has installed a package that it does not use.
#
# Seen on 2026-11-30 with numba 0.68.1, NumPy 2.4.6, SciPy 1.17.1, CPython 3.11.7, Linux 6.18 (second run, cached):
#   without SciPy neither is imported; with it both are, and the first call takes longer
# Source: numba/np/arraymath.py, _check_blas; scipy/_lib/array_api_compat/_internal.py, which asks for every name of dir(numpy).
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
install() { "$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" 2>/dev/null; }

cat > "$place/add.py" <<'PYTHON'
import sys
import time

import numba


@numba.njit(cache=True)
def add(a, b):
    return a + b


began = time.perf_counter()
add(1, 2)
seconds = time.perf_counter() - began
print(sum(add.stats.cache_hits.values()), "scipy.linalg" in sys.modules, "numpy.f2py" in sys.modules, f"{seconds:.2f}")
PYTHON

export NUMBA_CACHE_DIR="$place/cache"
second_run() {
    "$place/venv/bin/python" "$place/add.py" > /dev/null
    "$place/venv/bin/python" "$place/add.py"
}

install numba==0.68.1 numpy==2.4.6
without=$(second_run)
"$place/venv/bin/python" -c "import numba, numpy; print('numba', numba.__version__, 'NumPy', numpy.__version__)"
install scipy==1.17.1
with=$(second_run)
echo "expected: neither is imported; behaviour, as cache hits, scipy.linalg and numpy.f2py imported, seconds of the first call:"
echo "without SciPy: $without"
echo "with SciPy:    $with"
[[ $without == "1 False False "* ]] || { echo "CHANGED: without SciPy"; exit 1; }
[[ $with == "1 True True "* ]] || { echo "CHANGED: with SciPy"; exit 1; }
