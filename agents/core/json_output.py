"""Standard output with one JSON object and nothing else, whatever environments, libraries and child processes print."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

_stream: TextIO | None = None  # the standard output, while it is kept for JSON


@contextlib.contextmanager
def only_json(active: bool) -> Iterator[None]:
    """While it lasts, standard output gets only what `print_json` prints, and standard error all else.

    active: if false, nothing changes.
    """
    global _stream
    if not active:
        yield
        return
    with contextlib.ExitStack() as stack:
        stream, descriptor = sys.stdout, _descriptor(sys.stdout)
        if descriptor is not None:  # so that C libraries and child processes print elsewhere too
            stream.flush()
            copy = os.dup(descriptor)
            os.dup2(_descriptor(sys.stderr) or os.open(os.devnull, os.O_WRONLY), descriptor)
            stack.callback(os.close, copy)
            stack.callback(os.dup2, copy, descriptor)
            stack.callback(stream.flush)  # of what was printed meanwhile
            stream = stack.enter_context(open(copy, "w", encoding=stream.encoding, closefd=False))
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        _stream, before = stream, _stream
        try:
            yield
        finally:
            _stream = before


def print_json(values: Any) -> None:
    """Print values as one line of JSON to standard output."""
    print(json.dumps(values), file=_stream, flush=True)


def _descriptor(stream: Any) -> int | None:
    """The file descriptor of a standard stream; None if it has none, as one that a caller has replaced."""
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
