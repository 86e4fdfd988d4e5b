"""An agent that does not decide has no latency."""

import pytest

import games
from games.errors import UserError
from speed.play import AgentGame, an_agent


def test_an_agent_that_is_never_asked_has_no_latency(monkeypatch):
    game = games.load("pong")
    table = AgentGame(game, an_agent(game)[0])
    monkeypatch.setattr(table, "decide", lambda: None)
    with pytest.raises(UserError, match=r"no .*decision"):
        table.check()
