"""Output into a pipe whose reader may go away, as `| head` does, or on a terminal that may be closed."""

import errno
import io
import os
import sys
from typing import TextIO

GONE = (errno.EPIPE, errno.EINVAL)  # the second is Windows's word for it


class _Outliving(io.FileIO):
    """A file that swallows what is written once nobody reads any more."""

    def __init__(self, handle: int, gone: tuple[int, ...]):
        """gone: numbers of the errors by which the system says so."""
        super().__init__(handle, "w", closefd=False)
        self.gone = gone

    def write(self, data) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in self.gone:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # child processes and C libraries write there too
            os.close(nowhere)
            return len(memoryview(data).cast("B"))


def outlive_reader() -> None:
    """Let the program go on silently when the reader of what it prints goes away; for commands, before they print."""
    sys.stdout, sys.stderr = _outliving(sys.stdout), _outliving(sys.stderr)


def _outliving(out: TextIO) -> TextIO:
    try:
        handle, on_terminal = out.fileno(), out.isatty()
    except (OSError, ValueError, AttributeError):  # no file of the system's, or none at all
        return out
    if not isinstance(out, io.TextIOWrapper) or (on_terminal and os.name == "nt"):  # Windows writes to its console otherwise
        return out
    out.flush()
    raw = _Outliving(handle, (*GONE, errno.EIO) if on_terminal else GONE)
    at_once = out.write_through  # by `python -u`
    return io.TextIOWrapper(
        raw if at_once else io.BufferedWriter(raw),
        out.encoding,
        out.errors,
        line_buffering=out.line_buffering,
        write_through=at_once,
    )
