#!/bin/bash
# With torch.distributed's gloo, a group's timeout that is changed later holds for collective operations, not for send and recv.
#
# A group that forms within a minute and later waits for hours is made with a short timeout, which torch's only function for it,
# distributed_c10d._set_pg_timeout, then lengthens. all_reduce waits for as long from there on. recv does not: gloo's buffers
# have the timeout with which the group's context was made, and nothing changes that. wait(timeout) of the work that irecv and
# isend return does, for each of them.
#
# Seen on 2026-11-30 with torch 2.13.0 (CPU build), CPython 3.11.7, Linux x86_64, a group made with 2 s, then set to a day, and a
#   peer that comes after 5 s: all_reduce waits, recv raises "Timed out waiting 2000ms for recv operation", irecv().wait(day) waits.
# Source: https://github.com/pytorch/pytorch/issues/165422 and pull request 167052 (of collective operations, for which it was mended);
#   torch/csrc/distributed/c10d/ProcessGroupGloo.cpp, RecvWork::wait (without a timeout it calls waitRecv without one)
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0 numpy==2.4.6

cat > "$place/late.py" <<'PYTHON'
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist

SHORT, LONG = timedelta(seconds=2), timedelta(days=1)
CALLS = {
    "all_reduce": lambda numbers, late: dist.all_reduce(numbers),
    "recv": lambda numbers, late: dist.send(numbers, 0) if late else dist.recv(numbers, 1),
    "irecv().wait(day)": lambda numbers, late: (dist.isend(numbers, 0) if late else dist.irecv(numbers, 1)).wait(LONG),
}
what, rank, place = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{place}/{what[:4]}", rank=rank, world_size=2, timeout=SHORT)
dist.distributed_c10d._set_pg_timeout(LONG)
time.sleep(5 * rank)
try:
    CALLS[what](torch.ones(2), late=rank == 1)
    print(f"{what}: waits")
except RuntimeError as error:
    print(f"{what}: raises, {str(error).partition('] ')[2][:60]}")
PYTHON
cd "$place"
venv/bin/python -c "import sys, torch; print('version: torch', torch.__version__, 'CPython', sys.version.split()[0])"
echo "expected: all of them wait for the one who comes after 5 s, for the group's timeout is a day"
for what in all_reduce recv "irecv().wait(day)"; do
    venv/bin/python late.py "$what" 1 "$place" > "$place/other" 2>&1 &
    venv/bin/python late.py "$what" 0 "$place" | tee -a "$place/seen" | sed "s/^/behaviour: /"
    wait $! || true
done
[ "$(cut -d, -f1 seen)" = $'all_reduce: waits\nrecv: raises\nirecv().wait(day): waits' ]
