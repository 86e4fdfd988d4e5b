"""Where compiled code is kept: a folder of the user's own, or one that this process throws away.

What numba keeps is loaded by unpickling, which can run any code. So the folder is the user's alone (made with mode 0700,
its owner checked), and one that somebody else owns or may write in is never read.
"""

import atexit
import contextlib
import functools
import hashlib
import os
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np

from games.engine import kept_code

_IMPORTED = time.time()
KEPT_VERSIONS = 8  # compiled versions kept of a game or module; older ones are deleted


def root() -> Path:
    """The folder for compiled code: SPARRING_CACHE, else in the user's cache folder, else in the temporary one.

    A folder that only this process uses, deleted at exit, where none of them is the user's alone.
    """
    named = os.environ.get("SPARRING_CACHE")
    if named:
        return Path(named)
    for folder in _candidates():
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_private(folder) and os.access(folder, os.W_OK):
                return folder
    return throwaway()


def _candidates() -> Iterator[Path]:
    base = Path(os.environ.get("XDG_CACHE_HOME") or "")
    if base.is_absolute():  # others count as unset, says the XDG specification
        yield base / "sparring"
    else:
        with contextlib.suppress(RuntimeError):  # no home is known
            yield Path.home() / ".cache" / "sparring"
    yield Path(tempfile.gettempdir()) / f"sparring-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def is_private(folder: Path) -> bool:
    """Whether a folder belongs to this user, is no link, and nobody else may write in it. (True on Windows.)"""
    if not hasattr(os, "getuid"):
        return True
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


@functools.cache
def throwaway() -> Path:
    """A folder for this process and those that it starts, deleted at exit."""
    return _temporary()


def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="sparring-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def versioned(name: str, sources: Iterable[Path], more: str = "", editable: Path | None = None) -> Path:
    """A folder whose name is a hash of everything that compiled code depends on, so that it can never be stale.

    name: before the hash; of each name the newest KEPT_VERSIONS stay. sources: the files that are compiled; `editable` of
    them may have changed since this process began, as it was read just now. more: what else the code depends on.
    """
    digest, files = hashlib.sha256(), sorted(sources)
    for file in files:
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    digest.update(f"{more} {kept_code.FORMAT} {numba.__version__} {np.__version__} {platform.python_version()}".encode())
    place = root()
    folder = place / f"{name}-{digest.hexdigest()[:16]}"
    try:
        if any(file.stat().st_mtime > _IMPORTED for file in files if file != editable):
            return _temporary()  # a file was edited after it was imported: its hash is not that of the running code
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(folder)
        versions = sorted(place.glob(f"{name}-" + "[0-9a-f]" * 16), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in versions[KEPT_VERSIONS:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return _temporary()
    return folder


@contextlib.contextmanager
def numba_caches_in(folder: Path) -> Iterator[None]:
    """Functions that are declared in this context keep their compiled code in a folder."""
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def compiled(function: Callable[..., Any]) -> Any:
    """A decorator: compile a loop over arrays with numba, without Python's lock, and keep what was compiled.

    The loop may call others of its own file only: the cache goes by that file. NUMBA_CACHE_DIR, where it is set, is used.
    """
    declare = numba.njit(nogil=True, cache=True)
    source = Path(function.__code__.co_filename)
    named = os.environ.get("NUMBA_CACHE_DIR")
    with contextlib.nullcontext() if named else numba_caches_in(versioned(f"loops-{source.stem}", [source])):
        loop = declare(function)
    kept_code.protect(loop)
    return loop
