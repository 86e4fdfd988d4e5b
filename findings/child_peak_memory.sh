#!/bin/bash
# The peak memory that Linux reports for a child process includes its parent's, although the child runs another program.
#
# A parent that holds 600 MB starts `true` by subprocess and asks os.wait4 for its ru_maxrss. One would guess a few MB, the size of
# `true`; the answer is the parent's size. The kernel keeps the high-water mark of the address space that a process had before
# exec (fs/exec.c, exec_mmap: setmax_mm_hiwater_rss), and between vfork or fork and exec that is the parent's. So whoever
# measures the memory of commands from a large process (one that holds torch, say) must start them from a small one.
#
# Seen on 2026-11-28 with CPython 3.11.7, numpy 2.4.6, Linux 6.18: parent 626 MB, child started by it 626 MB, by a small process 11 MB.
# Source: https://github.com/torvalds/linux/blob/v6.18/fs/exec.c (exec_mmap); getrusage(2), RUSAGE_CHILDREN
set -euo pipefail

[ "$(uname)" = Linux ] || { echo "This is about Linux."; exit 0; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check numpy==2.4.6 2>/dev/null

cat > "$place/measure.py" <<'PYTHON'
import os
import resource
import subprocess
import sys

import numpy as np


def peak_of(command):
    """MB, as Linux reports it for a child."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    return usage.ru_maxrss / 1024


SMALL = "import os, subprocess; p = subprocess.Popen(['true']); print(os.wait4(p.pid, 0)[2].ru_maxrss / 1024)"
by_small = float(subprocess.run([sys.executable, "-S", "-c", SMALL], capture_output=True, text=True, check=True).stdout)
held = np.ones(600 * 2**20, np.uint8)  # 600 MiB, every page of it touched
parent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
by_large = peak_of(["true"])
print(f"version: CPython {sys.version.split()[0]}, numpy {np.__version__}, Linux {os.uname().release}")
print(f"behaviour: `true` has a peak of {by_large:.0f} MB where a process of {parent:.0f} MB starts it, of {by_small:.0f} MB where a small one does")
sys.exit(0 if by_large > 0.8 * parent and by_small < 50 else 1)
PYTHON
"$place/venv/bin/python" "$place/measure.py"
