"""Keys in a browser: the place that a key event names (`KeyW`), and the name that a game has for the key there (`w`)."""

import string

from games.engine.keys import keys_of
from games.engine.loader import Game

NAMED = {
    "ArrowUp": "up", "ArrowDown": "down", "ArrowLeft": "left", "ArrowRight": "right", "Space": "space", "Enter": "return",
    "Tab": "tab", "Backspace": "backspace", "Delete": "delete", "Insert": "insert", "Home": "home", "End": "end",
    "PageUp": "page up", "PageDown": "page down", "ShiftLeft": "left shift", "ShiftRight": "right shift",
    "ControlLeft": "left ctrl", "ControlRight": "right ctrl", "AltLeft": "left alt", "AltRight": "right alt",
    "Minus": "-", "Equal": "=", "BracketLeft": "[", "BracketRight": "]", "Backslash": "\\", "Semicolon": ";", "Quote": "'",
    "Backquote": "`", "Comma": ",", "Period": ".", "Slash": "/", "NumpadAdd": "[+]", "NumpadSubtract": "[-]",
    "NumpadMultiply": "[*]", "NumpadDivide": "[/]", "NumpadDecimal": "[.]",
}  # fmt: skip
ARROWS = {"8": "up", "2": "down", "4": "left", "6": "right"}  # of the keypad without NumLock

# Pygame's names of the key at each place, the best first.
PLACES: dict[str, tuple[str, ...]] = {
    **{code: (name,) for code, name in NAMED.items()},
    **{f"Key{letter.upper()}": (letter,) for letter in string.ascii_lowercase},
    **{f"Digit{digit}": (digit,) for digit in string.digits},
    **{f"F{number}": (f"f{number}",) for number in range(1, 13)},
    **{f"Numpad{digit}": (f"[{digit}]", digit, *([ARROWS[digit]] if digit in ARROWS else [])) for digit in string.digits},
    "NumpadEnter": ("enter", "return"),
}


def codes_of(game: Game) -> dict[str, str]:
    """For each place on the keyboard at which a game has a key, the game's name of it.

    >>> from games import load
    >>> codes_of(load("breakout"))
    {'ArrowLeft': 'left', 'ArrowRight': 'right', 'KeyA': 'a', 'KeyD': 'd', 'Numpad4': 'left', 'Numpad6': 'right'}
    """
    used = {key for keys in game.keys for name in keys for key in keys_of(name)}
    found = {code: next((name for name in names if name in used), "") for code, names in PLACES.items()}
    return {code: name for code, name in found.items() if name}
