#!/bin/bash
# TensorBoard loses what a run wrote after it was resumed quickly: a folder's event files are read in the order of their names.
#
# A name is made of the time in whole seconds, the host, the process and a counter, and names are compared as text. Of files that were
# made within one second the counter 10 comes before 9, and the process 1000 before 999. A writer that goes on tells the step from
# which older points are out of date; read in the wrong order, the older file then removes the newer one's points. One would guess
# that files are ordered by the time of their first event, which each of them holds.
#
# Seen on 2026-11-28 with tensorboard 2.21.0, CPython 3.11.7, Linux x86_64: of 12 sittings, each of which wrote one point after those
# before, the points 1 to 10 are shown and 11 and 12 are missing (fewer, where a second ended between them).
# Source: https://github.com/tensorflow/tensorboard, tensorboard/backend/event_processing/{io_wrapper,directory_watcher}.py
# (sorted paths), tensorboard/summary/writer/event_file_writer.py (the name)
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check tensorboard==2.21.0 "setuptools<81"

cat > "$place/resumed.py" <<'PYTHON'
import sys
import time

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

folder = sys.argv[1]
time.sleep(1.0 - time.time() % 1.0)  # a second begins
for sitting in range(1, 13):
    writer = EventFileWriter(folder)
    writer.add_event(Event(wall_time=time.time(), step=sitting, session_log=SessionLog(status=SessionLog.START)))
    value = Summary.Value(tag="score", simple_value=float(sitting))
    writer.add_event(Event(wall_time=time.time(), step=sitting, summary=Summary(value=[value])))
    writer.close()
found = EventAccumulator(folder)
found.Reload()
shown = [point.step for point in found.Scalars("score")]
print(f"version: tensorboard {tensorboard.__version__}, CPython {sys.version.split()[0]}")
print("expected: the points of all sittings, 1 to 12")
print(f"behaviour: {shown}")
sys.exit(0 if shown != list(range(1, 13)) else 1)
PYTHON
"$place/venv/bin/python" "$place/resumed.py" "$place/run" 2>/dev/null
