"""How a command ends: with its exit code, also by Ctrl-C, and never with a traceback of an interrupt.

A command's file sets SIGINT to its default action before its imports: while they load, Ctrl-C ends the process at once,
since nothing has begun.
"""

import gc
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from games.pipes import outlive_reader


def run(main: Callable[[], int | None]) -> NoReturn:
    """Exit with what `main` returns; with 130 where Ctrl-C came and `main` had nothing to say about it.

    Python prints nothing of an interrupt that it cannot raise, in an object's end for instance.
    A reader of standard output that goes away, as `| head` does, ends nothing.
    """
    default = signal.getsignal(signal.SIGINT) == signal.SIG_DFL  # else it is ignored, as of a script's job in the background
    if default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _tell_errors
    outlive_reader()
    try:
        code = main()
    except KeyboardInterrupt:
        code = 130
    if default:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the interpreter tidies up: nothing is left to be told
    sys.exit(code)


def loaded() -> None:
    """Say that all modules are there: the garbage collector leaves what they made alone from now on, and works again.

    A command that loads torch may switch it off (`gc.disable()`) before: it finds nothing in modules that load, which takes it
    a sixth of their time; and half a second at the end, when the interpreter tidies up.
    """
    gc.freeze()
    gc.enable()


def _tell_errors(unraisable: "sys.UnraisableHookArgs") -> None:
    """Print what Python cannot raise, as ever, unless it is an interrupt."""
    if unraisable.exc_type is None or issubclass(unraisable.exc_type, Exception):
        sys.__unraisablehook__(unraisable)


def tell_nothing(unraisable: "sys.UnraisableHookArgs") -> None:
    """A `sys.unraisablehook` for after a signal: what callbacks of C code say of each other that it has cut short."""
