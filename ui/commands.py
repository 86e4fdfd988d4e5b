"""The commands with which menus are used: the keys that mean them, which a gamepad's buttons send too."""

from typing import Literal

from ui.keys import Key

Command = Literal["up", "down", "left", "right", "confirm", "back"]

DIRECTIONS: dict[Command, tuple[int, int]] = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
KEYS: dict[str, Command] = {
    "up": "up", "down": "down", "left": "left", "right": "right", "w": "up", "s": "down", "a": "left", "d": "right",
    "return": "confirm", "space": "confirm", "escape": "back", "backspace": "back",
}  # fmt: skip


def command_of(key: Key) -> Command | None:
    """The command of a key, by its place on the keyboard; None if it has none."""
    return next((KEYS[name] for name in key.names if name in KEYS), None)
