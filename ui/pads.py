"""Gamepads in SDL's standard layout: they come and go, their sticks have a dead zone, and they press keys.

`pygame._sdl2.controller` knows which button of a pad is A, whoever made the pad; `pygame.joystick` only counts buttons, each
maker in another order. It carries SDL's mappings for hundreds of pads; one that SDL does not know is left alone.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pygame
from pygame._sdl2 import controller

from ui.keys import Key, press_event

BUTTONS = {
    "a": "A", "b": "B", "x": "X", "y": "Y", "leftshoulder": "LB", "rightshoulder": "RB", "leftstick": "L3",
    "rightstick": "R3", "dpup": "up", "dpdown": "down", "dpleft": "left", "dpright": "right", "start": "Start", "back": "Back",
    "lefttrigger": "LT", "righttrigger": "RT",
}  # fmt: skip  # of SDL's standard layout, and the label of each
PRESSED, RELEASED = 0.55, 0.35  # deflection of a stick at which it counts as pressed, and below which as released: no flutter
FULL = 32767  # of an axis
STICK = {  # the left stick's axes, and the buttons that it stands for at either end
    pygame.CONTROLLER_AXIS_LEFTX: ("dpleft", "dpright"),
    pygame.CONTROLLER_AXIS_LEFTY: ("dpup", "dpdown"),
}
TRIGGERS = {  # axes that are buttons here
    pygame.CONTROLLER_AXIS_TRIGGERLEFT: "lefttrigger",
    pygame.CONTROLLER_AXIS_TRIGGERRIGHT: "righttrigger",
}
NAMES = {
    getattr(pygame, f"CONTROLLER_BUTTON_{name.upper().replace('DP', 'DPAD_', 1)}"): name
    for name in BUTTONS
    if name not in TRIGGERS.values()
}
# The window's key for a button, on its pages. In play some are the game's, and Start pauses.
COMMANDS = {
    "a": "return", "b": "escape", "start": "return", "back": "q", "x": "r", "y": "v", "leftshoulder": ",", "rightshoulder": ".",
    "dpup": "up", "dpdown": "down", "dpleft": "left", "dpright": "right", "rightstick": "c",
}  # fmt: skip
COMMANDS_IN_PLAY = {
    **COMMANDS, "start": "escape", "back": "f12", "b": "", "x": "", "rightstick": "", "lefttrigger": "backspace",
    "righttrigger": "f10",
}  # fmt: skip

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class PadPress:
    """A button goes down or up."""

    place: int  # 0: the first pad
    button: str
    down: bool


@dataclass
class Pad:
    """A pad that is plugged in."""

    device: controller.Controller
    place: int
    down: set[str] = field(default_factory=set)  # its buttons that are down
    pushed: set[str] = field(default_factory=set)  # buttons that its stick stands for now


class Pads:
    """The pads that are plugged in. The first has place 0; a place that gets free goes to the next one that comes."""

    def __init__(self) -> None:
        self._pads: dict[int, Pad] = {}  # by SDL's number of the instance

    def __len__(self) -> int:
        return len(self._pads)

    @property
    def is_listening(self) -> bool:
        """Whether `start` was called."""
        return bool(controller.get_init())

    def start(self) -> None:
        """Begin to listen: pads that are there already come as events. It takes some 10 ms, so not before the first picture."""
        controller.init()

    def close(self) -> None:
        """Let all pads go."""
        self._pads.clear()
        controller.quit()

    def handle(self, event: pygame.event.Event) -> list[PadPress]:
        """The presses and releases in one of Pygame's events; those of a pad that leaves are its last."""
        if event.type == pygame.CONTROLLERDEVICEADDED:
            self._add(event.device_index)
        elif event.type == pygame.CONTROLLERDEVICEREMOVED:
            gone = self._pads.pop(event.instance_id, None)
            return [PadPress(gone.place, button, False) for button in sorted(gone.down | gone.pushed)] if gone else []
        elif pad := self._pads.get(getattr(event, "instance_id", -1)):
            if event.type in (pygame.CONTROLLERBUTTONDOWN, pygame.CONTROLLERBUTTONUP):
                return _press(pad, pad.down, NAMES.get(event.button, ""), event.type == pygame.CONTROLLERBUTTONDOWN)
            if event.type == pygame.CONTROLLERAXISMOTION and event.axis in STICK | TRIGGERS:
                return _push(pad, event.axis, event.value / FULL)
        return []

    def _add(self, index: int) -> None:
        with contextlib.suppress(pygame.error, ValueError):  # it has left meanwhile
            device = controller.Controller(index)
            instance = device.as_joystick().get_instance_id()
            taken = {pad.place for pad in self._pads.values()}
            if instance not in self._pads:
                self._pads[instance] = Pad(device, next(place for place in range(len(taken) + 1) if place not in taken))


def _press(pad: Pad, into: set[str], button: str, down: bool) -> list[PadPress]:
    """Note a button; nothing happens for one that cross and stick both press, until both let it go."""
    before = button in pad.down | pad.pushed
    (into.add if down else into.discard)(button)
    after = button in pad.down | pad.pushed
    return [PadPress(pad.place, button, after)] if button and before != after else []


def _push(pad: Pad, axis: int, deflection: float) -> list[PadPress]:
    presses = []
    ends = ("", TRIGGERS[axis]) if axis in TRIGGERS else STICK[axis]
    for button, amount in zip(ends, (-deflection, deflection), strict=True):
        down = amount > (RELEASED if button in pad.pushed else PRESSED)
        presses += _press(pad, pad.pushed, button, down)
    return sorted(presses, key=lambda press: press.down)  # the stick's other end is released first


def key_event(press: PadPress, key: Key) -> pygame.event.Event:
    """The event of a button that presses a key."""
    return press_event(key, press.down, pad_button=press.button)


def commands_of(playing: bool, page_keys: Mapping[str, str]) -> dict[str, str]:
    """The window's key for each button. playing: not on a page.    page_keys: those that differ on the page that is shown."""
    return COMMANDS_IN_PLAY if playing else {**COMMANDS, **page_keys}


def pad_key(press: PadPress, buttons: dict[str, str], playing: bool, page_keys: Mapping[str, str] = NONE) -> Key:
    """The key that a button presses. buttons: the game's key for each of the person's buttons.    playing, page_keys: as in
    `commands_of`.
    """
    command = commands_of(playing, page_keys).get(press.button, "")
    name = buttons.get(press.button, "")
    number = -100_000 - 100 * press.place - list(BUTTONS).index(press.button)  # of no keyboard's key
    return Key(number, (name or command,), command)


def labels_of(playing: bool, page_keys: Mapping[str, str] = NONE) -> dict[str, str]:
    """The label of the button that presses each key of the window, where one does. playing, page_keys: as in `commands_of`.

    >>> labels_of(playing=False)["escape"], labels_of(playing=True)["escape"]
    ('B', 'Start')
    """
    found = {key: BUTTONS[button] for button, key in reversed(commands_of(playing, page_keys).items()) if key}
    return {**found, "space": found["return"]}


def with_buttons(rows: list[tuple[list[str], str]], labels: dict[str, str]) -> list[tuple[list[str], str]]:
    """Those of some rows of keys and meanings that have buttons. labels: as of `labels_of`.

    >>> with_buttons([(["return"], "play"), (["f11"], "full screen")], {"return": "A"})
    [(['return'], 'play')]
    """
    found = [([key for key in keys if key in labels], meaning) for keys, meaning in rows]
    return [(keys, meaning) for keys, meaning in found if keys]
