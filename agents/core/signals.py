"""The signals that end a run, after it has saved itself."""

import contextlib
import signal
from collections.abc import Iterator


class Stop(BaseException):
    """Raised when SIGINT or SIGTERM came."""

    def __init__(self, number: int):
        self.number = number


def ending_signals() -> list[int]:
    """SIGINT (Ctrl-C), SIGTERM (`kill`) and SIGHUP (the terminal closes), the last unless `nohup` ignores it."""
    hang_up = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # Windows has none
    return [signal.SIGINT, signal.SIGTERM, *(number for number in hang_up if signal.getsignal(number) != signal.SIG_IGN)]


@contextlib.contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C: where all is saved, and what is left takes some tenths of a second, or some seconds at most.

    As a decorator too.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
