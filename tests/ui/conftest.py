"""For all tests of the window: a machine that is busy with other tests makes no decision late."""

import pytest

from ui import threaded_player


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """The window waits for decisions for much longer than for users; returns how long it waits for those."""
    usual = threaded_player.WAITS
    monkeypatch.setattr(threaded_player, "WAITS", 100 * usual)
    return usual
