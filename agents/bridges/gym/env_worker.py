"""A worker process of `ProcessCopies`: it holds some copies of an environment and does with them what it is asked.

It imports Gymnasium and what the environment needs, not torch. It ends when its parent closes the connection, and soon after
its parent has ended in whatever way.
"""

import importlib
import multiprocessing.connection
import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import cloudpickle
import numpy as np

from agents.bridges.gym.copies import LocalCopies, Results
from agents.bridges.gym.failures import in_words
from agents.core import signals
from games.errors import EnvironmentFailed, UserError

GRACE = 5.0  # seconds after its parent's end in which a worker may still close its environments


def run(connection: multiprocessing.connection.Connection, module: str, maker: bytes) -> None:
    """Answer questions until the connection ends.

    module: to import first, of the environment; may be empty. maker: an `EnvMaker`, pickled by cloudpickle. A question is a
    method's name and its arguments; the answer the name of an error's class, empty if all is well, and its text or a value.
    """
    _leave_the_terminal()
    threading.Thread(target=_end_after_the_parent, daemon=True).start()
    copies: LocalCopies | None = None
    with suppress(EOFError, OSError):  # the parent has closed the connection, or is gone
        while True:
            method, arguments = connection.recv()
            if method == "close":
                connection.send(("", "" if copies is None else copies.close_quietly()))
                return
            try:
                if copies is None:
                    copies = LocalCopies(_maker(module, maker))
                answer = "", _packed(getattr(copies, method)(*arguments))
            except UserError as error:
                answer = type(error).__name__, str(error)
            except BaseException as error:  # of drawing, which may fail in any way
                answer = type(error).__name__, in_words(error)
            try:
                connection.send(answer)
            except (TypeError, AttributeError, ValueError) as error:  # what the environment gave cannot be pickled
                connection.send((EnvironmentFailed.__name__, f"What it gave cannot be sent: {in_words(error)}"))
    if copies is not None:
        copies.close_quietly()


def _maker(module: str, maker: bytes) -> Any:
    if module:
        with suppress(Exception):  # what is missing is told when an environment is made
            importlib.import_module(module)
    return cloudpickle.loads(maker)


def _packed(value: Any) -> Any:
    """Results with their observations as one array [B, …], if they are arrays of one kind: it is sent at once."""
    if isinstance(value, Results):
        first = value.observations[0]
        if isinstance(first, np.ndarray) and all(
            type(each) is np.ndarray and each.shape == first.shape and each.dtype == first.dtype for each in value.observations
        ):
            value.observations = np.stack(list(value.observations))
    return value


def _leave_the_terminal() -> None:
    """Signals of the terminal are for the parent, which saves the run; a worker gets those that are for it alone."""
    if hasattr(os, "setsid"):
        with suppress(OSError):
            os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # `ProcessCopies` has blocked them until here
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ending_signals())


def _end_after_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    time.sleep(GRACE)
    os._exit(1)
