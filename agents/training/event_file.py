"""TensorBoard's event file, written in the caller's thread: what goes wrong is told where it went wrong.

(torch's `SummaryWriter` writes in a thread of its own, which prints a traceback where the disk is full.)
"""

import os
import socket
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class EventFile:
    """One event file of a run's folder; a run has one for each time that it was begun or resumed."""

    def __init__(self, folder: Path, purge_step: int):
        """purge_step: readers drop what the folder's earlier files tell of this step and later. Raises OSError."""
        # Readers take a folder's files in the order of their names (findings/tensorboard_resumed_within_a_second.sh): with
        # microseconds that is the order in which they were made.
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self.file = open(folder / name, "xb")  # noqa: SIM115 - open as long as the run is
        self.records = RecordWriter(self.file)
        self._write(Event(file_version="brain.Event:2"))
        self._write(Event(step=purge_step, session_log=SessionLog(status=SessionLog.START)))

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self.records.write(event.SerializeToString())

    def add(self, summary: Summary, step: int) -> None:
        """Write a summary as of a step. Raises OSError."""
        self._write(Event(step=step, summary=summary))

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Write numbers by their tags."""
        self.add(Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]), step)

    def flush(self) -> None:
        """Give the file to the operating system, whose disk may be full. Raises OSError."""
        self.file.flush()

    def close(self) -> None:
        self.file.close()
