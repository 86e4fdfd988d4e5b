"""Connect Four's solver against a search that knows nothing but the rules; and how agents' moves are compared with it."""

import json
import sys

import numpy as np
import pytest

import games
from agents import perfect as command
from agents.participants import participant
from agents.play import perfect
from games.connect_four import COLUMNS, FULL, WIN, has_four, landing, negamax
from games.errors import UserError
from games.solvers.connect_four import Solver


def plain_value(mine, theirs):
    """The value of a position by trying everything."""
    if mine | theirs == FULL:
        return 0
    best = -1
    for column in range(COLUMNS):
        drop = landing(mine | theirs, column)
        if drop:
            best = max(best, 1 if has_four(mine | drop) else -plain_value(theirs, mine | drop))
    return best


def open_position(rng, discs):
    """A position that chance has led to, in which nobody has won."""
    while True:
        mine = theirs = 0
        for _ in range(discs):
            drops = [drop for column in range(COLUMNS) if (drop := landing(mine | theirs, column))]
            mine, theirs = theirs, mine | int(rng.choice(drops))
            if has_four(theirs):
                break
        else:
            return mine, theirs


@pytest.fixture(scope="module")
def solver():
    return Solver()


@pytest.mark.parametrize("discs", [36, 34])
def test_it_finds_what_a_plain_search_finds(solver, discs):
    rng = np.random.default_rng(discs)
    for _ in range(60):
        mine, theirs = open_position(rng, discs)
        assert solver.value(mine, theirs) == plain_value(mine, theirs)
        for column, value in enumerate(solver.values(mine, theirs)):
            drop = landing(mine | theirs, column)
            if not drop:
                assert value is None
            else:
                assert value == (1 if has_four(mine | drop) else -plain_value(theirs, mine | drop))


def test_its_table_of_positions_tells_what_a_search_without_one_does(solver):
    """The bot's own search to the end of the game, in positions of its games: many are drawn, where a bound is no value."""
    found = perfect.positions(games.load("connect_four"), 26, 400, 3, solver)
    for state, values in zip(found.states, found.values, strict=True):
        mine, theirs = (int(state["discs"][seat]) for seat in (state["turn"], 1 - state["turn"]))
        for column, value in enumerate(values):
            drop = landing(mine | theirs, column)
            if drop and not has_four(mine | drop):
                assert value == -np.sign(negamax(theirs, mine | drop, 15, -2 * WIN, 2 * WIN))


def test_a_win_is_seen_at_once_and_two_threats_are_lost(solver):
    three = 0b1 << 14 | 0b1 << 21 | 0b1 << 28  # columns 3, 4 and 5 at the bottom: open on both sides
    others = 0b10 << 14 | 0b10 << 21 | 0b100 << 14
    assert solver.value(three, others) == 1 and solver.values(three, others)[1] == solver.values(three, others)[5] == 1
    assert solver.value(others, three) == -1


def test_positions_have_as_many_discs_and_a_choice(solver):
    game = games.load("connect_four")
    found = perfect.positions(game, 30, 25, 1, solver)
    assert len(found.states) == len(found.values) == 25
    for state, values in zip(found.states, found.values, strict=True):
        occupied = int(state["discs"][0] | state["discs"][1])
        assert occupied.bit_count() == 30 and not state["over"]
        assert len({int(value) for value in values if value > -2}) > 1
        assert [value == -2 for value in values] == [landing(occupied, column) == 0 for column in range(COLUMNS)]
    again = perfect.positions(game, 30, 25, 1, solver)
    assert (again.states == found.states).all() and len(np.unique(found.states["discs"], axis=0)) == 25


def test_perfect_moves_are_all_perfect_and_the_worst_none(solver):
    game = games.load("connect_four")
    found = perfect.positions(game, 30, 25, 2, solver)
    told = perfect.agreement(found, found.values.argmax(1))
    assert told["perfect"] == 1.0 and 0.0 < told["by_chance"] < 1.0
    worst = np.where(found.values == -2, 2, found.values).argmin(1)
    assert perfect.agreement(found, worst)["perfect"] == 0.0
    agent = participant("agents/zoo/connect_four/ppo.safetensors", game)
    assert perfect.agreement(found, perfect.moves(game, agent, found.states))["perfect"] >= told["by_chance"]
    moves = perfect.moves(game, agent, found.states)
    assert (found.values[np.arange(25), moves] > -2).all()  # none into a full column


def test_the_command_prints_an_object_and_refuses_what_it_cannot_compare(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["perfect", "bot", "bot:1", "--positions", "40", "--discs", "32", "--json"])
    assert command.main() == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["player"], row["discs"], row["positions"]) for row in rows] == [("bot", 32, 40), ("bot:1", 32, 40)]
    assert rows[1]["perfect"] > rows[1]["by_chance"]
    for words, said in (
        (["person:casual"], "name agents, levels or bots"),
        (["bot", "--discs", "8"], "Positions have 14 to 34 discs here, not 8"),
        (["bot", "--positions", "0"], "--positions is from 1"),
    ):
        monkeypatch.setattr(sys, "argv", ["perfect", *words])
        assert command.main() == 2
        assert said in capsys.readouterr().err


def test_too_few_discs_are_refused(solver):
    with pytest.raises(UserError, match="14 to 34 discs"):
        perfect.positions(games.load("connect_four"), 8, 1, 1, solver)
