"""Changed keys and buttons: what may be had, what is exchanged, and what a game makes of it."""

import pytest

import games
from ui.controls import Controls, Slot, default_buttons
from ui.settings import PersonControls, SettingsFile

CHORDS = '''"""Fly.
Reward: none.
End: never.
"""
import numpy as np
from games.core import COMMON, ME, disc, jit
PLAYERS, ACTIONS = 1, ["stay", "up", "left", "up_left", "fire", "burn"]
KEYS = ({"w": "up", "a": "left", "w+a": "up_left", "space": "fire", "b": "burn"},)
MAX_TICKS, VERSION, MARK, RECIPE, SHAPES = 600, 0, ("bot", 0.5), {"ppo": {}}, 1
STATE = np.dtype([*COMMON, ("x", "f8")])
@jit
def reset(s):
    s.x = 42.0
@jit
def step(s, actions, rewards):
    s.x += actions[0]
@jit
def draw(s, f, seat):
    disc(f, s.x, 42.0, 2.0, ME)
@jit
def bot(s, seat, skill):
    return 0
'''


@pytest.fixture
def file(tmp_path):
    made = SettingsFile(tmp_path / "settings.json")
    yield made
    made.close()


def slot(controls: Controls, seat: int, name: str) -> Slot:
    return next(each for each in controls.slots if (each.seat, each.name) == (seat, name))


def test_a_changed_key_takes_the_place_of_the_games_and_is_kept(file):
    pong = games.load("pong")
    controls = Controls(pong, file)
    assert controls.conflict(slot(controls, 0, "w"), "i") is None
    controls.assign(slot(controls, 0, "w"), "i")
    assert controls.game.keys == ({"i": "up", "s": "down"}, {"up": "up", "down": "down"})
    assert pong.keys[0] == {"w": "up", "s": "down"}  # the game itself is as it was
    file.close()
    assert Controls(pong, SettingsFile(file.path)).game.keys[0] == {"i": "up", "s": "down"}


def test_a_key_that_is_taken_is_named_and_exchanged_when_it_is_meant(file):
    controls = Controls(games.load("pong"), file)
    conflict = controls.conflict(slot(controls, 0, "w"), "down")
    assert conflict.slot == slot(controls, 1, "down")
    assert conflict.text.startswith("Down is down of right")
    controls.assign(slot(controls, 0, "w"), "down")
    assert controls.game.keys == ({"down": "up", "s": "down"}, {"up": "up", "w": "down"})


@pytest.mark.parametrize("key", ["escape", "p", "v", ",", ".", "f11", "f10", "f12", "tab", "backspace", "m", "-", "=", "+"])
def test_the_windows_own_keys_cannot_be_had(file, key):
    controls = Controls(games.load("pong"), file)
    conflict = controls.conflict(slot(controls, 0, "w"), key)
    assert conflict.slot is None
    with pytest.raises(ValueError, match="another key"):
        controls.assign(slot(controls, 0, "w"), key)
    assert controls.are_default


def test_reset_gives_back_the_games_own_keys(file):
    controls = Controls(games.load("pong"), file)
    controls.assign(slot(controls, 0, "w"), "i")
    controls.assign(slot(controls, 1, "up"), "o")
    assert not controls.are_default
    controls.reset()
    assert controls.are_default
    assert controls.game.keys == games.load("pong").keys


def test_what_is_put_back_by_hand_is_no_change(file):
    controls = Controls(games.load("pong"), file)
    for key in ("i", "w"):
        controls.assign(slot(controls, 0, "w"), key)
    assert controls.are_default


def test_chords_go_along_with_their_keys(file, make_game):
    game = make_game(CHORDS)
    controls = Controls(game, file)
    controls.assign(slot(controls, 0, "w"), "i")
    assert controls.game.keys[0] == {"i": "up", "a": "left", "i+a": "up_left", "space": "fire", "b": "burn"}


def test_two_people_who_take_turns_may_share_keys(file):
    controls = Controls(games.load("connect_four"), file)
    first = controls.slots[0]
    assert controls.conflict(first, first.name) is None
    assert controls.conflict(first, controls.slots[1].name).slot == controls.slots[1]


def test_buttons_have_a_default_for_each_action_and_can_be_exchanged(file, make_game):
    game = make_game(CHORDS)
    assert default_buttons(game, 0) == {"up": "dpup", "left": "dpleft", "fire": "a", "burn": "x"}
    controls = Controls(game, file)
    assert controls.buttons(0) == {"dpup": "w", "dpleft": "a", "a": "space", "x": "b"}
    fire = next(each for each in controls.slots if (each.kind, each.action) == ("button", "fire"))
    assert controls.conflict(fire, "start").slot is None  # it pauses
    assert "burn" in controls.conflict(fire, "x").text
    controls.assign(fire, "x")
    assert controls.buttons(0) == {"dpup": "w", "dpleft": "a", "x": "space", "a": "b"}
    assert controls.buttons(0)["x"] == "space"


def test_both_peoples_pads_have_the_same_buttons(file):
    controls = Controls(games.load("pong"), file)
    assert controls.buttons(0) == {"dpup": "w", "dpdown": "s"}
    assert controls.buttons(1) == {"dpup": "up", "dpdown": "down"}
    assert controls.conflict(slot(controls, 0, "up"), "y") is None


def test_settings_of_keys_that_a_game_no_longer_has_are_passed_over(file):
    file.change(controls={"pong": [PersonControls(keys={"q": "z", "w": "i"}, buttons={"jump": "a"})]})
    assert Controls(games.load("pong"), file).game.keys[0] == {"i": "up", "s": "down"}
