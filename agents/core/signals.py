"""The signals that end a run: it saves itself first."""

import signal


def ending_signals() -> list[int]:
    """Ctrl-C, `kill`, and the end of the terminal, unless `nohup` has had that one ignored."""
    hang_up = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # Windows has none
    return [signal.SIGINT, signal.SIGTERM, *(one for one in hang_up if signal.getsignal(one) != signal.SIG_IGN)]
