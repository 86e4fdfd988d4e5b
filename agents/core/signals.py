"""The signals that end a run, after it has saved itself."""

import signal


class Stop(BaseException):
    """Raised when SIGINT or SIGTERM came."""

    def __init__(self, number: int):
        self.number = number


def ending_signals() -> list[int]:
    """SIGINT (Ctrl-C), SIGTERM (`kill`) and SIGHUP (the terminal closes), the last unless `nohup` ignores it."""
    hang_up = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # Windows has none
    return [signal.SIGINT, signal.SIGTERM, *(number for number in hang_up if signal.getsignal(number) != signal.SIG_IGN)]
