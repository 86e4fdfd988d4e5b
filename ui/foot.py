"""The window's own keys and what they do, as its pages and the line below the pictures show them."""

from typing import NamedTuple

from ui.keys import command_label
from ui.pads import with_buttons

Rows = list[tuple[list[str], str]]  # keys, and what they do


class Hint(NamedTuple):
    """Caps that are drawn beside each other, and what they do."""

    caps: list[str]  # the texts on them
    meaning: str
    keys: list[str]  # that a click on each cap presses; none where it presses nothing


STEP, PACE, EYE = ".", ",", "v"  # keys of a single step, of slow motion, of the agent's eye
CONTROLS = "c"  # of the page that changes keys
MUTE, QUIETER, LOUDER = "m", "-", "+"  # of the sounds
LOUDER_TOO = "="  # which shares its key with + on many keyboards
REWIND, TAKE_OVER, PICTURE, CLIP = "backspace", "tab", "f12", "f10"

KEPT_FOOT: Rows = [([REWIND], "rewind"), ([TAKE_OVER], "take over"), ([PICTURE], "picture"), ([CLIP], "clip")]
PLAYING_FOOT: Rows = [(["escape"], "pause")]
OUT_FOOT: Rows = [(["return"], "begin again"), (["escape"], "pause")]  # a person is out of a race that goes on


def eye_row(does: str) -> Rows:
    """The key of the agent's eye. does: what it does next; empty where there is nothing to look into."""
    return [([EYE], does)] if does else []


def ready_foot(leave: str, eye: str) -> Rows:
    """The keys of the page before a game. leave: where Escape leads, "quit" or "menu". eye: as in `eye_row`."""
    return [
        (["return"], "play"),
        (["escape"], leave),
        *eye_row(eye),
        ([CONTROLS], "controls"),
        (["f11"], "full screen"),
    ]


def paused_foot(leave: str, eye: str) -> Rows:
    """The keys of a pause."""
    return [
        (["escape"], "go on"), (["r"], "restart"), (["q"], leave), *eye_row(eye), ([STEP], "one step"),
        ([PACE], "slow motion"), ([CONTROLS], "controls"), (["f11"], "full screen"),
    ]  # fmt: skip


def watching_foot(slow: bool, paused: bool, eye: str, leave: str) -> Rows:
    """The keys of whoever watches more closely than one plays. eye: as in `eye_row`."""
    pace = ([PACE], "full speed" if slow else "slow motion")
    if paused:
        return [(["escape"], "go on"), ([STEP], "one step"), pace, (["r"], "restart"), (["q"], leave), *eye_row(eye)]
    return [(["escape"], "pause"), pace, *eye_row(eye)]


def commands(rows: Rows, labels: dict[str, str] | None = None) -> list[Hint]:
    """The window's own keys, as the user's keyboard has them.

    labels: of a gamepad's buttons (`ui.pads.labels_of`), for who uses one: rows without a button are left out.
    """
    if labels is not None:
        return [Hint([labels[key] for key in keys], meaning, keys) for keys, meaning in with_buttons(rows, labels)]
    return [Hint([command_label(key) if len(key) == 1 else key for key in keys], meaning, keys) for keys, meaning in rows]


def unclickable(rows: Rows) -> list[Hint]:
    """The keys of people, which they hold in play: a click on them presses nothing."""
    return [Hint(keys, meaning, []) for keys, meaning in rows]
