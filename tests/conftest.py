"""For all tests: no screen and no sound needed, compiled games kept between runs, nothing left behind elsewhere."""

import itertools
import os
import signal
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Before anything imports Pygame, torch or numba.
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SPARRING_CACHE", str(ROOT / ".pytest_cache" / "sparring"))

# A shell starts what it puts into the background with Ctrl-C ignored, and all that is begun here would inherit that: tests of
# interruptions would fail, or wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402

NUMBERS = itertools.count()  # of folders
TOYS = ("maze_chase", "fog", "placements", "passes", "morra")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark the tests of slow_variants.txt as slow; where all tests are collected, each line needs one."""
    text = (ROOT / "tests" / "slow_variants.txt").read_text(encoding="utf-8")
    lines = {line for line in text.splitlines() if not line.startswith("#")}
    found = set()
    for item in items:
        for name in {item.nodeid, item.nodeid.partition("[")[0]} & lines:
            item.add_marker(pytest.mark.slow)
            found.add(name)
    if config.args == config.getini("testpaths") and lines - found:
        raise pytest.UsageError(f"tests/slow_variants.txt names no test that there is: {sorted(lines - found)}")


@pytest.fixture(autouse=True)
def user_folders(tmp_path_factory, monkeypatch):
    """A test reads and writes no settings, ratings and results of the user's, but in folders of its own."""
    folder = tmp_path_factory.getbasetemp() / f"user-{next(NUMBERS)}"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))


@pytest.fixture(autouse=True)
def signals():
    """A test leaves no signal ignored, handled or blocked: processes that later tests begin would inherit that."""
    before = _signals()
    yield
    assert _signals() == before


def _signals():
    numbers = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else set()
    return [signal.getsignal(number) for number in numbers], blocked


@pytest.fixture(scope="session", autouse=True)
def sb3_folder(tmp_path_factory):
    """Stable-Baselines3's learners leave their empty folders among the tests' files, not in the temporary folder of all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SB3_LOGDIR", str(tmp_path_factory.getbasetemp() / "sb3"))
        yield


@pytest.fixture(scope="session")
def toy():
    """`toy("fog")`: a game of tests/toys, loaded."""
    import games

    return lambda name: games.load(ROOT / "tests" / "toys" / f"{name}.py")


@pytest.fixture
def make_game(tmp_path_factory, monkeypatch):
    """`make_game(text)`: a game file written for this test and loaded; what it compiles is thrown away in the end."""
    import games

    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path_factory.getbasetemp() / "compiled"))

    def make(text, name="made_up"):
        path = tmp_path_factory.mktemp("game") / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return games.load(path)

    return make
