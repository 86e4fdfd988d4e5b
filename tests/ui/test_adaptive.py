"""An opponent that is another after each game: it hears of results, and who plays then sits in its seat."""

import pytest

import games
from agents.play import ladder, person_file
from agents.play.fitting import FittingOpponent
from tests.agents.play.ladders import small_ladder
from ui import loading
from ui.cast import Cast
from ui.match import Match
from ui.seats import Seat
from ui.verdict import verdict


@pytest.fixture
def fitting(tmp_path, monkeypatch):
    monkeypatch.setattr(person_file.platformdirs, "user_data_dir", lambda *names, **more: str(tmp_path / "data"))
    small_ladder(tmp_path / "ladder")
    return FittingOpponent(games.load("pong"), ladder.read(tmp_path / "ladder"))


def seats(fitting):
    return [Seat("human"), Seat("agent", fitting.name, make=fitting.player, load=fitting.load, adaptive=fitting)]


def test_who_loses_every_game_meets_the_lowest_level_soon(fitting):
    match = Match(games.load("pong"), seats(fitting), 1)
    assert match.seats[1].name == "Newcomer +"
    delays = []
    for _ in range(5):
        delays.append(match.boards[0].batch.delay[0, 1])
        while not match.result:
            match.tick()  # nobody at the keys
        assert match.result.winner == 1
        match.restart()
    assert delays[0] == 12 and delays[-1] == 18
    assert match.seats[1].name == "Newcomer"
    assert len(fitting.fit.games) == 5 and all(game.result < 0 for game in fitting.fit.games)


def test_a_result_says_the_persons_rating(fitting):
    match = Match(games.load("pong"), seats(fitting), 1)
    while not match.result:
        match.tick()
    _, detail = verdict(match, Cast(match.game, match.seats))
    assert "you are rated" in detail and "±" in detail


def test_a_rehearsal_is_no_game_of_the_persons(fitting, monkeypatch):
    monkeypatch.setattr(loading, "REHEARSAL", 20_000)
    monkeypatch.setattr(Match, "all_have_decided", False)  # so that it plays to the end
    loading.rehearse(games.load("pong"), seats(fitting), 1)
    assert fitting.fit.games == []
