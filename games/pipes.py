"""Output into a pipe whose reader may go away, as `| head` does."""

import errno
import io
import os
import sys

GONE = (errno.EPIPE, errno.EINVAL)  # the second is Windows's word for it


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
    """Let the program go on silently when the reader of its standard output goes away; for commands, before they print."""
    out = sys.stdout
    if not isinstance(out, io.TextIOWrapper) or out.isatty():
        return
    out.flush()
    raw = _Outliving(out.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), out.encoding, out.errors, line_buffering=out.line_buffering)
