"""A match's texts: a game may know who plays."""

import pytest

import games
from ui.board import Board
from ui.seats import Seat


@pytest.mark.parametrize("person", [0, 1])
def test_the_texts_of_a_game_may_know_who_is_a_person_and_whose_turn_it_is(person, monkeypatch):
    game = games.load("connect_four")
    monkeypatch.setattr(game.module, "hud", lambda s, people: ("", f"{people.persons} {people.asked}", ""))
    seats = [Seat("scripted", skill=0.5), Seat("scripted", skill=0.5)]
    seats[person] = Seat("human")
    board = Board(game, seats, 1)
    for _ in range(40):  # the machine moves first, if it is its turn
        board.tick()
    told = tuple(seat == person for seat in range(2))
    assert board.texts()[1] == f"{told} {told}"


def test_a_game_whose_texts_do_not_ask_is_not_told(monkeypatch):
    game = games.load("connect_four")
    monkeypatch.setattr(game.module, "hud", lambda s: ("", "plain", ""))
    assert Board(game, [Seat("human"), Seat("human")], 1).texts()[1] == "plain"
