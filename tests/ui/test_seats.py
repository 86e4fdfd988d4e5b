"""A person's input: keys and mouse become actions, and none is lost."""

import games
from ui.seats import PlayerInput, key_map, spot_at, spot_rect


def test_a_tap_between_two_ticks_acts_for_one_tick():
    person = PlayerInput({"w": 1, "s": 2})
    person.press("w")
    person.release("w")
    assert [person.current() for _ in range(3)] == [1, None, None]


def test_every_press_acts_even_when_another_follows_at_once():
    person = PlayerInput({"w": 1, "s": 2})
    person.press("w")
    person.press("s")
    person.release("s")
    assert [person.current() for _ in range(4)] == [1, 2, 1, 1]  # w is still held


def test_the_newest_held_key_counts_and_the_older_returns_after_it():
    person = PlayerInput({"w": 1, "s": 2})
    person.press("w")
    person.current()
    person.press("s")
    assert [person.current(), person.current()] == [2, 2]
    person.release("s")
    assert person.current() == 1
    person.release("w")
    assert person.current() is None


def test_a_key_of_nobody_is_not_taken():
    person = PlayerInput({"w": 1})
    assert not person.press("x")
    assert person.current() is None


def test_one_person_may_use_both_players_keys_two_may_not():
    pong = games.load("pong")
    assert key_map(pong, 0, alone=True) == {"w": 1, "s": 2, "up": 1, "down": 2}
    assert key_map(pong, 1, alone=False) == {"up": 1, "down": 2}


def test_a_spot_is_found_where_it_is_seen():
    board = games.load("connect_four")
    for action in range(board.num_actions):
        for flipped in (False, True):
            left, top, width, height = spot_rect(board, action, flipped)
            assert spot_at(board, left + 0.5 * width, top + 0.5 * height, flipped) == action
    assert spot_at(board, 0.5, 40.0, False) == 0
    assert spot_at(board, 0.5, 40.0, True) == 6
