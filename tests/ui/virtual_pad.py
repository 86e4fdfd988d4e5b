"""A gamepad that SDL makes up, through the SDL library that pygame-ce brings."""

import ctypes
from pathlib import Path

import pygame

from ui.pads import NAMES

GAMEPAD, AXES, BUTTON_COUNT = 1, 6, 15
LEFT_TRIGGER, RIGHT_TRIGGER = 4, 5  # their axes
NUMBERS = {name: number for number, name in NAMES.items()}


def sdl() -> ctypes.CDLL | None:
    """The SDL library that Pygame uses; None where it is not beside Pygame."""
    folder = Path(pygame.__file__).parent
    for found in (
        *folder.parent.glob("pygame_ce.libs/libSDL2-2*"),
        *folder.glob(".dylibs/libSDL2-2*"),
        *folder.glob("SDL2.dll"),
    ):
        library = ctypes.CDLL(str(found))
        library.SDL_JoystickOpen.restype = ctypes.c_void_p
        return library
    return None


class VirtualPad:
    """A pad that is plugged in when it is made. Pygame's display and controllers must have begun."""

    def __init__(self) -> None:
        self._sdl = sdl()
        assert self._sdl
        index = self._sdl.SDL_JoystickAttachVirtual(GAMEPAD, AXES, BUTTON_COUNT, 0)
        assert index >= 0
        self._index = index
        self._handle = ctypes.c_void_p(self._sdl.SDL_JoystickOpen(index))
        self._instance = self._sdl.SDL_JoystickInstanceID(self._handle)

    def press(self, button: str, down: bool = True) -> None:
        self._sdl.SDL_JoystickSetVirtualButton(self._handle, NUMBERS[button], int(down))

    def push(self, x: float = 0.0, y: float = 0.0) -> None:
        """Push the left stick. x, y: -1 to 1."""
        for axis, amount in enumerate((x, y)):
            self._sdl.SDL_JoystickSetVirtualAxis(self._handle, axis, int(32767 * amount))

    def pull(self, amount: float, trigger: int = LEFT_TRIGGER) -> None:
        """Pull a trigger. amount: 0 to 1."""
        self._sdl.SDL_JoystickSetVirtualAxis(self._handle, trigger, int(65535 * amount) - 32768)

    def leave(self) -> None:
        """Pull the pad out."""
        for index in range(self._sdl.SDL_NumJoysticks()):
            if self._sdl.SDL_JoystickGetDeviceInstanceID(index) == self._instance:
                self._sdl.SDL_JoystickDetachVirtual(index)
        self._sdl.SDL_JoystickClose(self._handle)
