"""Keys by their place on the keyboard, so that a game plays the same whatever the user's layout is.

A game names keys as a US keyboard has them ("w"). An event tells a key's place (its scancode) and its letter in the user's
layout: people play by place, the window's own commands ("q" quits) go by letter, and texts show the letter that is there.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import pygame

import games.render  # noqa: F401 - it checks that pygame is pygame-ce, before anything here uses it

# The keypad's keys by name, and what else they may stand for: digits, or arrows as without NumLock.
KEYPAD: dict[str, tuple[str, ...]] = {**{f"[{digit}]": (str(digit),) for digit in range(10)}, "enter": ("return",)}
for _digit, _arrow in ((8, "up"), (2, "down"), (4, "left"), (6, "right")):
    KEYPAD[f"[{_digit}]"] += (_arrow,)
SCANCODE_NAMES = {"QUOTE": "APOSTROPHE", "BACKQUOTE": "GRAVE"}  # where Pygame's K_ and KSCAN_ constants differ in their word
SCRIPTS = range(0x21, 0x1100)  # code points that a layout may have unshifted: Latin to Georgian


@dataclass(frozen=True)
class Key:
    """The key of an event."""

    number: int  # the same when it goes down and up
    names: tuple[str, ...]  # what a game may call it, the best first
    command: str  # what the window's own commands call it


def key_of(event: pygame.event.Event) -> Key:
    """The key of a KEYDOWN or KEYUP event. A key whose place is not known, as an on-screen keyboard's, goes by its letter.

    A button of a gamepad, or a click on a key that is drawn, comes as such an event too, with the key that it presses.
    """
    if isinstance(pressed := getattr(event, "pressed", None), Key):
        return pressed
    letter = pygame.key.name(event.key)
    scancode = getattr(event, "scancode", 0)
    place = us_names().get(scancode, "")
    nowhere = letter not in us_names().values()  # no key of a US keyboard: a game that names it means the letter
    names = (place or letter, *KEYPAD.get(place or letter, ()), *((letter,) if place and nowhere else ()))
    return Key(scancode or -event.key, names, letter if letter.isascii() and letter else place)


def press_event(key: Key, down: bool, **more: Any) -> pygame.event.Event:
    """The event of something else than the keyboard that presses a key, or lets it go. more: further attributes."""
    return pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=0, mod=0, unicode="", pressed=key, **more)


@cache
def us_names() -> dict[int, str]:
    """Pygame's name of the key at each place (scancode) of a US keyboard. Needs the display."""
    found = {}
    for word in (name[2:] for name in dir(pygame) if name.startswith("K_")):
        place = getattr(pygame, f"KSCAN_{SCANCODE_NAMES.get(word, word).upper()}", 0)
        if place:
            found[place] = pygame.key.name(getattr(pygame, f"K_{word}"))
    return found


@cache
def layout() -> dict[int, str]:
    """The letter at each place (scancode) of the user's layout, now. `layout.cache_clear()` when it has changed."""
    places: Any = pygame.key.ScancodeWrapper(range(512))  # type: ignore[arg-type]  # looks up by key what stands at its place
    return {places[code]: chr(code) for code in SCRIPTS if places[code]}


def label(name: str) -> str:
    """The letter that the user's layout has where a US keyboard has `name`: "z" for "w" on a French one.

    Digits and keys with longer names stay as they are: every keyboard has them at their place, with or without Shift.
    """
    if len(name) > 1 or name.isdigit():
        return name
    place = next((place for place, other in us_names().items() if other == name), 0)
    return layout().get(place, name)


def command_label(name: str) -> str:
    """The key to press for a command: its letter, or where the user's layout has no such letter, the one at its place."""
    return name if name in layout().values() else label(name)
