"""Compiled code is kept where it can be, and read from nowhere that another user could have written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from games.engine import cache

ROOT = Path(__file__).parents[3]
POSIX = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are POSIX's")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """No folder is named; the user's cache folder and the temporary one are below `tmp_path`."""
    monkeypatch.delenv("SPARRING_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "temporary"))
    cache.throwaway.cache_clear()
    yield tmp_path
    cache.throwaway.cache_clear()


def shared_folder(places):
    return places / "temporary" / f"sparring-{os.getuid()}"


def test_the_users_cache_folder_is_the_users_alone(places):
    found = cache.root()
    assert found == places / "home" / "sparring"
    if hasattr(os, "getuid"):
        assert found.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("named", ["", "relative/folder"])
def test_a_cache_folder_that_is_blank_or_relative_counts_as_unset(places, monkeypatch, named):
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setenv("HOME", str(places / "person"))
    monkeypatch.setenv("USERPROFILE", str(places / "person"))
    assert cache.root() == places / "person" / ".cache" / "sparring"


@POSIX
def test_without_a_home_that_can_be_written_it_is_a_private_temporary_folder(places, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/none")
    found = cache.root()
    assert found == shared_folder(places) and found.stat().st_mode & 0o777 == 0o700
    assert cache.root() == found, "it is used again"


@POSIX
@pytest.mark.parametrize("fault", ["writable by all", "writable by the group", "a link", "another's"])
def test_a_folder_that_others_may_write_in_is_never_used(places, monkeypatch, fault):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/none")
    folder = shared_folder(places)
    if fault == "a link":
        (places / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(places / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod({"writable by all": 0o777, "writable by the group": 0o770}.get(fault, 0o700))
    if fault == "another's":
        me = os.getuid()
        monkeypatch.setattr(cache.os, "getuid", lambda: me + 1)
        folder.rename(places / "temporary" / f"sparring-{me + 1}")
    found = cache.root()
    assert found.name.startswith("sparring-") and found.stat().st_mode & 0o777 == 0o700
    assert found not in (folder, places / "temporary" / f"sparring-{os.getuid()}")
    assert cache.root() == found, "one for the whole process"


@POSIX
def test_agents_loops_compile_without_a_home_and_leave_nothing(tmp_path):
    """As in a container: installed by another user, HOME=/ cannot be written, and somebody has taken our place."""
    temporary = tmp_path / "temporary"
    squatted = temporary / f"sparring-{os.getuid()}"
    squatted.mkdir(parents=True)
    squatted.chmod(0o777)
    env = {name: value for name, value in os.environ.items() if name not in ("SPARRING_CACHE", "XDG_CACHE_HOME")}
    env |= {"HOME": "/dev/null", "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    code = (
        "import numpy as np; from agents.experience.sum_tree import _tree_set, SumTree\n"
        "tree = SumTree(4); tree.set(np.arange(2), np.ones(2))\n"
        "print(_tree_set._cache._cache_file._cache_path)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kept = Path(done.stdout.strip())
    assert kept.is_relative_to(temporary) and not kept.is_relative_to(squatted)
    assert list(temporary.iterdir()) == [squatted] and not list(squatted.iterdir())


def test_what_is_compiled_once_is_loaded_by_the_next_process(tmp_path):
    env = {**os.environ, "SPARRING_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    code = (
        "import numpy as np; from agents.experience.sum_tree import _tree_set, SumTree\n"
        "tree = SumTree(4); tree.set(np.arange(2), np.ones(2))\n"
        "print(sum(_tree_set.stats.cache_hits.values()))"
    )
    run = [sys.executable, "-c", code]
    hits = [subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)]
    assert hits == ["0", "1"]
    assert len(list(tmp_path.glob("loops-sum_tree-*"))) == 1


# --- files of compiled code -----------------------------------------------------------------------------------------

LOOP = """
from games.engine.cache import compiled

@compiled
def double(x):
    return 2 * x
"""
USED = "import own; print(own.double(21), sum(own.double.stats.cache_hits.values()))"


@pytest.fixture
def use(tmp_path):
    """`use()`: the result of a compiled loop in a process of its own, and how often it came from the cache; after some code."""
    (tmp_path / "own.py").write_text(LOOP, "utf-8")
    env = {**os.environ, "SPARRING_CACHE": str(tmp_path / "cache"), "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}

    def call(before=""):
        code = f"{before}\n{USED}"
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.strip()

    return call


@pytest.mark.parametrize(("ending", "damage"), [("nbi", "cut"), ("nbc", "a bit"), ("nbc", "empty")])
def test_a_damaged_file_of_compiled_code_is_compiled_anew(use, tmp_path, ending, damage):
    assert use() == "42 0"
    (file,) = (tmp_path / "cache").rglob(f"*.{ending}")
    data = file.read_bytes()
    turned = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :]
    file.write_bytes({"a bit": turned, "cut": data[:-9], "empty": b""}[damage])
    assert use() == "42 0"
    assert use() == "42 1", "and kept again"


# The disk is full after the first file.
FULL = """
from numba.core import caching
import builtins, errno, itertools
count, real = itertools.count(), builtins.open
def opened(path, mode="r", *rest, **more):
    if "w" in mode and next(count):
        raise OSError(errno.ENOSPC, "No space left on device")
    return real(path, mode, *rest, **more)
caching.open = opened
"""


def test_a_full_disk_does_not_keep_a_loop_from_being_used(use):
    assert use(FULL) == "42 0"
    assert use() == "42 0", "there is an index, and no code"
    assert use() == "42 1"
