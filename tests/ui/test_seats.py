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


# --- chords ---

EIGHT = {"w": 1, "s": 2, "a": 3, "d": 4, "w+a": 5, "w+d": 6, "s+a": 7, "s+d": 8}


def acting(person: PlayerInput) -> int | None:
    """The action of held keys, after all presses."""
    person.presses.clear()
    return person.current()


def test_two_keys_held_together_are_a_chord_in_any_order():
    for keys in ("wa", "aw"):
        person = PlayerInput(EIGHT)
        for key in keys:
            assert person.press(key)
        assert acting(person) == 5
        person.release("a")
        assert acting(person) == 1


def test_of_opposite_keys_the_newest_counts_and_none_stops_the_other():
    person = PlayerInput(EIGHT)
    steps = [("w", 1), ("a", 5), ("d", 6), ("s", 8)]
    for key, action in steps:
        person.press(key)
        assert acting(person) == action
    for key, action in (("s", 6), ("d", 5), ("w", 3)):
        person.release(key)
        assert acting(person) == action


def test_a_key_pressed_beside_a_chord_counts_as_it_does_beside_a_key():
    person = PlayerInput({**EIGHT, "space": 9})
    for key in ("w", "a", "space"):
        person.press(key)
    assert acting(person) == 9
    person.release("space")
    assert acting(person) == 5


def test_a_chord_of_a_key_that_does_nothing_alone_is_played():
    person = PlayerInput({"left shift+d": 9, "d": 4})
    assert person.press("left shift")
    assert acting(person) is None
    person.press("d")
    assert acting(person) == 9
    person.release("left shift")
    assert acting(person) == 4


def test_each_press_of_a_chord_acts_for_a_tick_where_time_runs():
    person = PlayerInput(EIGHT)
    person.press("w")
    person.press("d")
    person.release("w")
    person.release("d")
    assert [person.current() for _ in range(3)] == [1, 6, None]


def test_where_a_press_counts_once_a_chord_is_one_press():
    person = PlayerInput(EIGHT, waits=True)
    person.press("w")
    assert person.next_press() is None  # it may still become a chord
    person.press("d")
    assert [person.next_press() for _ in range(3)] == [6, None, None]


def test_where_a_press_counts_once_a_tap_is_not_waited_for():
    person = PlayerInput(EIGHT, waits=True)
    person.press("w")
    person.release("w")
    assert person.next_press() == 1


def test_where_a_press_counts_once_a_key_that_stays_down_counts_soon():
    person = PlayerInput(EIGHT, waits=True)
    person.press("w")
    assert [person.next_press() for _ in range(5)] == [None, None, None, 1, None]
