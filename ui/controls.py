"""Controls: the key and the gamepad's button for each action of a game, for each of two people, and how these are changed.

A changed key takes the place of a key in the game's KEYS, so that chords go along with it, and a game whose KEYS have changed
since keeps those that people have not touched.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

import msgspec

from games.engine.keys import direction_of, keys_of
from games.engine.loader import Game
from ui.foot import CLIP, EYE, LOUDER_TOO, MUTE, PACE, PICTURE, QUIETER, REWIND, STEP, TAKE_OVER
from ui.keys import label
from ui.pads import BUTTONS
from ui.settings import PersonControls, SettingsFile

# Keys that the window has while people play, and what they do; a game's own KEYS may have them, people's changes may not.
WINDOW_KEYS = {
    "escape": "pauses", "p": "pauses", EYE: "opens the agent's eye", PACE: "plays in slow motion", STEP: "is a single step",
    "f11": "fills the screen", PICTURE: "keeps a picture", CLIP: "keeps a clip", TAKE_OVER: "takes a seat over",
    REWIND: "rewinds", MUTE: "mutes the sounds", QUIETER: "makes the sounds quieter", LOUDER_TOO: "makes the sounds louder",
    "+": "joins keys in a chord", "[+]": "joins keys in a chord",
}  # fmt: skip

IN_PLAY = ("a", "x", "y", "b", "rightshoulder", "leftshoulder")  # for the actions that are no directions, in this order
WINDOW_BUTTONS = {"start": "pauses", "lefttrigger": "rewinds"}  # as WINDOW_KEYS


@dataclass(frozen=True)
class Slot:
    """A place in a game's controls that takes a key or a button."""

    seat: int
    kind: Literal["key", "button"]
    name: str  # the key in KEYS; of a button the action
    action: str  # empty for a key that does something in chords alone


@dataclass(frozen=True)
class Conflict:
    """The reason why a slot does not simply take a key or a button."""

    text: str
    slot: Slot | None  # has it now, and would get the other one in exchange; None: it cannot be had


class Controls:
    """The controls of a game, read from the settings and written to them with each change."""

    def __init__(self, game: Game, file: SettingsFile):
        """game: as it was loaded, with its own KEYS."""
        self.original, self.file = game, file
        self.slots = [slot for seat in range(game.players) for slot in (*_key_slots(game, seat), *_button_slots(game, seat))]
        self._values: dict[Slot, str] = {}
        self._read()

    def _read(self) -> None:
        people = self.file.settings.controls.get(self.original.name, [])
        for slot in self.slots:
            changes = people[slot.seat] if slot.seat < len(people) else PersonControls()
            default = slot.name if slot.kind == "key" else default_buttons(self.original, slot.seat).get(slot.action, "")
            self._values[slot] = (changes.keys if slot.kind == "key" else changes.buttons).get(slot.name, default)

    @property
    def game(self) -> Game:
        """The game with the people's keys in its KEYS."""
        return dataclasses.replace(self.original, keys=tuple(map(self._keys, range(self.original.players))))

    def _keys(self, seat: int) -> dict[str, str]:
        now = {slot.name: key for slot, key in self._values.items() if slot.seat == seat and slot.kind == "key"}
        return {"+".join(now[key] for key in keys_of(name)): action for name, action in self.original.keys[seat].items()}

    def value(self, slot: Slot) -> str:
        """The key or the button that a slot has; empty if it has none."""
        return self._values[slot]

    def buttons(self, seat: int) -> dict[str, str]:
        """The key of the game that each of a seat's buttons stands for."""
        keys = {action: key for key, action in reversed(self._keys(seat).items()) if len(keys_of(key)) == 1}
        mine = {slot: button for slot, button in self._values.items() if slot.seat == seat and slot.kind == "button"}
        return {button: keys[slot.action] for slot, button in mine.items() if button and slot.action in keys}

    def conflict(self, slot: Slot, value: str) -> Conflict | None:
        """The reason why a slot cannot have a key or a button, or not without an exchange; None if it can."""
        taken = (WINDOW_KEYS if slot.kind == "key" else WINDOW_BUTTONS).get(value)
        if taken and value != slot.name:
            return Conflict(f"{shown(slot.kind, value)} {taken}: another {slot.kind}, please", None)
        if slot.kind == "button" and value not in BUTTONS:
            return Conflict("No such button", None)
        for other, now in self._values.items():
            if now == value and other != slot and other.kind == slot.kind and self._disturbs(slot, other):
                whose = f" of {self.original.seats[other.seat]}" if other.seat != slot.seat else ""
                meaning = in_words(other)
                return Conflict(f"{shown(slot.kind, value)} is {meaning}{whose}: once more to exchange the two", other)
        return None

    def _disturbs(self, slot: Slot, other: Slot) -> bool:
        """Whether two slots may not have the same value. Each of two people has a pad; in turns they may share keys."""
        if slot.seat == other.seat:
            return slot.action != other.action or slot.kind == "key"
        return slot.kind == "key" and not self.original.turns

    def assign(self, slot: Slot, value: str) -> None:
        """Give a slot a key or a button; another slot that has it gets this one's. `ValueError` if it cannot be had."""
        conflict = self.conflict(slot, value)
        if conflict and not conflict.slot:
            raise ValueError(conflict.text)
        if conflict and conflict.slot:
            self._values[conflict.slot] = self._values[slot]
        self._values[slot] = value
        self._write()

    @property
    def are_default(self) -> bool:
        """Whether nobody has changed anything."""
        return self.original.name not in self.file.settings.controls

    def reset(self) -> None:
        """Give everybody the game's own keys and the standard buttons."""
        controls = {name: people for name, people in self.file.settings.controls.items() if name != self.original.name}
        self.file.change(controls=controls)
        self._read()

    def _write(self) -> None:
        people = [PersonControls() for _ in range(self.original.players)]
        for slot, value in self._values.items():
            default = slot.name if slot.kind == "key" else default_buttons(self.original, slot.seat).get(slot.action, "")
            if value != default:
                changes = people[slot.seat]
                name = "keys" if slot.kind == "key" else "buttons"
                people[slot.seat] = msgspec.structs.replace(changes, **{name: {**getattr(changes, name), slot.name: value}})
        controls = {name: each for name, each in self.file.settings.controls.items() if name != self.original.name}
        if any(changes != PersonControls() for changes in people):
            controls[self.original.name] = people
        self.file.change(controls=controls)


def shown(kind: str, value: str) -> str:
    """A key or a button as people know it."""
    name = label(value) if kind == "key" else BUTTONS.get(value, value)
    return name.upper() if len(name) == 1 else name.capitalize() if kind == "key" else name


def in_words(slot: Slot) -> str:
    """The words for what a slot does."""
    return slot.action.replace("_", " ") or "part of a chord"


def default_buttons(game: Game, seat: int) -> dict[str, str]:
    """The button of each action that a single key of a seat stands for: directions on the pad's cross, others on A, X, Y, B."""
    found: dict[str, str] = {}
    rest = iter(IN_PLAY)
    for action in _single_actions(game, seat):
        cross = f"dp{direction_of(action)}"
        button = cross if cross in BUTTONS and cross not in found.values() else next(rest, "")
        found[action] = button
    return found


def _single_actions(game: Game, seat: int) -> list[str]:
    return list(dict.fromkeys(action for key, action in game.keys[seat].items() if len(keys_of(key)) == 1))


def _key_slots(game: Game, seat: int) -> list[Slot]:
    keys = dict.fromkeys(key for name in game.keys[seat] for key in keys_of(name))
    return [Slot(seat, "key", key, game.keys[seat].get(key, "")) for key in keys]


def _button_slots(game: Game, seat: int) -> list[Slot]:
    """None in games with spots, which a pad chooses as a mouse does."""
    return [] if game.spots else [Slot(seat, "button", action, action) for action in _single_actions(game, seat)]
