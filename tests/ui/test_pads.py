"""Gamepads, with pads that SDL makes up: the standard layout, the dead zone, coming and going."""

import pygame
import pytest

from tests.ui.virtual_pad import VirtualPad, sdl
from ui.pads import PadPress, Pads, pad_key

pytestmark = pytest.mark.skipif(sdl() is None, reason="SDL is not beside Pygame here")


@pytest.fixture
def pads():
    pygame.display.init()
    pygame.event.clear()
    found = Pads()
    found.start()
    yield found
    found.close()
    pygame.joystick.quit()
    pygame.display.quit()


@pytest.fixture
def plug(pads):
    """Plugs pads in, and pulls them out after the test."""
    plugged = []

    def make() -> VirtualPad:
        plugged.append(VirtualPad())
        presses(pads)
        return plugged[-1]

    yield make
    for pad in plugged:
        pad.leave()


def presses(pads: Pads) -> list[tuple[int, str, bool]]:
    """The presses and releases since the last call."""
    pygame.event.pump()
    found = [press for event in pygame.event.get() for press in pads.handle(event)]
    return [(press.place, press.button, press.down) for press in found]


def test_buttons_go_by_the_standard_layout_once(pads, plug):
    pad = plug()
    for button in ("a", "start", "dpleft", "leftshoulder"):
        pad.press(button)
        assert presses(pads) == [(0, button, True)]
        pad.press(button, down=False)
        assert presses(pads) == [(0, button, False)]


def test_the_stick_has_a_dead_zone_and_does_not_flutter_at_its_edge(pads, plug):
    pad = plug()
    pad.push(0.3, -0.3)
    assert presses(pads) == []
    pad.push(0.3, -0.6)
    assert presses(pads) == [(0, "dpup", True)]
    for amount in (0.45, 0.55, 0.4, 0.5):  # about the dead zone's edge
        pad.push(0.0, -amount)
        assert presses(pads) == []
    pad.push(0.9, -0.9)
    assert presses(pads) == [(0, "dpright", True)]  # both: a diagonal
    pad.push(-0.9, 0.0)
    assert sorted(presses(pads)) == [(0, "dpleft", True), (0, "dpright", False), (0, "dpup", False)]


def test_cross_and_stick_together_are_one_press(pads, plug):
    pad = plug()
    pad.press("dpup")
    pad.push(0.0, -1.0)
    assert presses(pads) == [(0, "dpup", True)]
    pad.press("dpup", down=False)
    assert presses(pads) == []
    pad.push()
    assert presses(pads) == [(0, "dpup", False)]


def test_who_leaves_lets_go_and_the_next_takes_the_place(pads, plug):
    first, second = plug(), plug()
    assert len(pads) == 2
    second.press("a")
    first.press("b")
    assert sorted(presses(pads)) == [(0, "b", True), (1, "a", True)]
    first.leave()
    assert presses(pads) == [(0, "b", False)]
    assert len(pads) == 1
    third = plug()
    third.press("x")
    assert (0, "x", True) in presses(pads)


def test_a_pad_that_leaves_without_a_word_lets_go_too(pads, plug):
    pad = plug()
    pad.press("a")
    pad.push(0.0, -1.0)
    presses(pads)
    (instance,) = pads._pads
    released = pads.handle(pygame.event.Event(pygame.CONTROLLERDEVICEREMOVED, instance_id=instance))
    assert [(press.button, press.down) for press in released] == [("a", False), ("dpup", False)]


def test_a_button_is_the_games_in_play_and_the_windows_on_a_page():
    up = pad_key(PadPress(0, "dpup", True), {"dpup": "w"}, playing=True)
    assert (up.names, up.command) == (("w",), "up")
    assert pad_key(PadPress(0, "start", True), {}, playing=True).command == "escape"  # pauses
    assert pad_key(PadPress(0, "start", True), {}, playing=False).command == "return"
    assert pad_key(PadPress(0, "b", True), {}, playing=False).command == "escape"
    assert pad_key(PadPress(0, "b", True), {}, playing=True).command == ""  # nobody pauses by mistake
    numbers = {pad_key(PadPress(place, "a", True), {}, True).number for place in (0, 1)}
    assert len(numbers) == 2
