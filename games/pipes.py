"""Output into a pipe whose reader may go away, as `| head` does, or on a terminal that may be closed."""

import errno
import io
import os
import sys
from typing import TextIO

GONE = (errno.EPIPE, errno.EIO, errno.EINVAL)  # of a pipe, of a terminal, and Windows's word for the first


class _Outliving(io.FileIO):
    """A file that swallows what is written once nobody reads any more."""

    def write(self, data) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # child processes and C libraries write there too
            os.close(nowhere)
            return len(memoryview(data).cast("B"))


def outlive_reader() -> None:
    """Let the program go on silently when the reader of what it prints goes away; for commands, before they print."""
    sys.stdout, sys.stderr = _outliving(sys.stdout), _outliving(sys.stderr)


def _outliving(out: TextIO) -> TextIO:
    if not isinstance(out, io.TextIOWrapper) or (out.isatty() and os.name == "nt"):  # Windows writes to its console otherwise
        return out
    out.flush()
    raw = _Outliving(out.fileno(), "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), out.encoding, out.errors, line_buffering=out.line_buffering)
