"""Failures of environments in words: which one, what happened, and in whose file and line."""

import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import gymnasium

from agents.core.signals import Stop
from games.errors import EnvironmentFailed

LONGEST = 300  # characters of an error's text
STANDARD_LIBRARY = sysconfig.get_paths()["stdlib"]
PACKAGES = (sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"])
GYMNASIUM = str(Path(gymnasium.__file__).parent)
OURS = str(Path(__file__).parent)


class Broken(Exception):
    """An environment gave something that its space or Gymnasium's API does not allow; the message says what."""


@contextmanager
def told_in_words(name: str, call: str, env: Any) -> Iterator[None]:
    """Turn whatever an environment raises, `SystemExit` too, into `EnvironmentFailed`.

    name: of the environment. call: the method that is called, such as "step". env: the environment; None if there is none yet.
    """
    try:
        yield
    except BaseException as error:
        raise_in_words(name, call, env, error)


def raise_in_words(name: str, call: str, env: Any, error: BaseException) -> NoReturn:
    """Raise `EnvironmentFailed` for an error of an environment, which may raise anything; see `told_in_words`."""
    if isinstance(error, (KeyboardInterrupt, Stop, EnvironmentFailed)):
        raise error
    if isinstance(error, Broken):
        raise EnvironmentFailed(f"{name} {error}\n{_definition(env, call)}".rstrip()) from error
    what = "does not start" if call == "__init__" else f"failed in {call}"
    raise EnvironmentFailed(f"{name} {what}: {in_words(error)}\n{_place(env, call, error)}".rstrip()) from error


def in_words(error: BaseException) -> str:
    """The kind of an error and its text, in one line.

    >>> in_words(ValueError("not  so\\nwide"))
    'ValueError: not so wide'
    """
    try:
        text = " ".join(str(error).split())
    except Exception:  # an error of the environment's own kind
        text = ""
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f"{type(error).__name__}: {short}" if short else type(error).__name__


def _place(env: Any, call: str, error: BaseException) -> str:
    """File, line and code where an environment raised an error: the deepest that is its author's."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _may_be_the_environments(frame.filename)]
    authored = [frame for frame in frames if not frame.filename.startswith((STANDARD_LIBRARY, *PACKAGES))]
    package = _package(env)
    packaged = [frame for frame in frames if package and frame.filename.startswith(package)]
    found = authored or packaged or [frame for frame in frames if not frame.filename.startswith(STANDARD_LIBRARY)]
    if not found:
        return _definition(env, call)
    code = f": {found[-1].line}" if found[-1].line else ""
    return f"{found[-1].filename}, line {found[-1].lineno}, in {found[-1].name}{code}"


def _may_be_the_environments(file: str) -> bool:
    if file.startswith(("<", OURS)):
        return False
    return not file.startswith(GYMNASIUM) or file.startswith(str(Path(GYMNASIUM, "envs") / ""))


def _class(env: Any) -> type | None:
    """The class of an environment within all wrappers; None if it cannot be known."""
    if isinstance(env, type):
        return env
    try:
        return type(env.unwrapped)
    except Exception:
        return None


def _package(env: Any) -> str:
    """The folder of the installed package that an environment is of; empty if it is of none."""
    file = getattr(sys.modules.get(getattr(_class(env), "__module__", "")), "__file__", None) or ""
    for folder in PACKAGES:
        if file.startswith(folder):
            return str(Path(folder, Path(file).relative_to(folder).parts[0]))
    return ""


def _definition(env: Any, call: str) -> str:
    """File and line in which an environment defines a method; empty if they cannot be known."""
    method = getattr(_class(env), call, None)
    code = getattr(method, "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}, in {call}" if code and _class(env) is not gymnasium.Env else ""


_told: set[str] = set()  # names of environments whose close has failed


def close_failure(env: Any) -> str:
    """Close an environment; the error that this raises in words, empty if it raises none."""
    try:
        env.close()
    except (KeyboardInterrupt, Stop):
        raise
    except BaseException as error:  # an environment may raise anything
        return in_words(error)
    return ""


def close_quietly(name: str, env: Any) -> None:
    """Close an environment; a line on standard error, once for each name, if that fails."""
    if failure := close_failure(env):
        tell_close_failed(name, failure)


def tell_close_failed(name: str, text: str) -> None:
    """Print, once for each name, that an environment could not be closed."""
    if name not in _told:
        _told.add(name)
        print(f"{name} failed in close, which changes nothing here: {text}", file=sys.stderr, flush=True)
