"""The page that changes a game's keys and buttons: choose an action's key, then press the new one, or choose it below."""

from functools import partial

import pygame

from games.engine.keys import keys_of
from games.engine.loader import Game
from ui.canvas import Canvas
from ui.commands import Command
from ui.controls import WINDOW_KEYS, Controls, Slot, in_words
from ui.foot import Hint
from ui.keys import key_of, label
from ui.layout import FAINT, LINE, SOFT, WHITE
from ui.pads import BUTTONS
from ui.pages.menu import HINTS, MenuPage

ROW, LEAST_ROW = 2.5, 1.3  # height of a row, units
CAP = 1.05  # size of key caps, units
# Keys that can be chosen without a keyboard, a line each; others by pressing them.
CHOICES = (
    (*"1234567890", "insert", "delete", "home"), (*"qwertyuiop", "return", "space"),
    (*"asdfghjkl", "left shift", "right shift"), (*"zxcvbnm", "left ctrl", "right ctrl", "up", "down", "left", "right"),
)  # fmt: skip


class ControlsPage(MenuPage):
    """A column for each person. `slot` is the one that waits for its new key or button; None if none does."""

    def __init__(self, game: Game):
        super().__init__()
        self.game = game
        self.title = f"{game.heading}: controls"
        self.slot: Slot | None = None
        self._pressed = ""  # a key that another action has: once more exchanges the two
        self._notice = ""
        self._asked = False  # a second press brings the defaults back

    def shown(self) -> None:
        """Read the controls."""
        self.controls = Controls(self.game, self.app.settings_file)

    # --- drawing ---

    def compose(self, canvas: Canvas) -> None:
        """Draw the actions with their keys and buttons, and below them what may be chosen instead."""
        area, unit = canvas.area, canvas.unit
        top = self.below_title(canvas) + round(0.6 * unit)
        bottom = area.bottom - round((15.4 if self.slot else 6.0) * unit)
        lines = max(len(self._actions(seat)) for seat in range(self.game.players)) + (2.0 if self.game.players > 1 else 1.0)
        high = max(min(ROW * unit, (bottom - top) / lines), LEAST_ROW * unit)
        wide = min((area.w - 2 * unit * (self.game.players - 1)) / self.game.players, 24.0 * unit)
        left = area.centerx - 0.5 * (self.game.players * wide + (self.game.players - 1) * 2 * unit)
        for seat in range(self.game.players):
            self._column(canvas, seat, pygame.Rect(round(left + seat * (wide + 2 * unit)), top, round(wide), 0), high)
        self._below(canvas, area, unit)
        self._foot(canvas)
        self.title_row(canvas, f"Controls of {self.game.heading}")
        if self.slot:  # nothing else can be chosen meanwhile
            kept = {item.name for item in canvas.items} - {"reset"} - set(map(str, self.controls.slots))
            canvas.items[:] = [item for item in canvas.items if item.name in kept or item.name == str(self.slot)]

    def _actions(self, seat: int) -> dict[str, list[Slot]]:
        """The slots of each action of a seat."""
        found: dict[str, list[Slot]] = {}
        for slot in self.controls.slots:
            if slot.seat == seat:
                found.setdefault(in_words(slot), []).append(slot)
        return found

    def _column(self, canvas: Canvas, seat: int, box: pygame.Rect, high: float) -> None:
        """Draw a person's actions: name, keys, the gamepad's button."""
        unit, y = canvas.unit, float(box.y)
        keys_x, pad_x = box.x + 0.32 * box.w, box.x + 0.74 * box.w
        if self.game.players > 1:
            name = self.game.seats[seat]
            canvas.put(name[:1].upper() + name[1:], 1.5, WHITE, (box.x, y + 0.5 * high), "midleft")
            y += high
        has_pad = any(slot.kind == "button" and slot.seat == seat for slot in self.controls.slots)
        canvas.put("keyboard", 0.95, FAINT, (keys_x, y + 0.6 * high), "midleft")
        if has_pad:
            canvas.put("gamepad", 0.95, FAINT, (pad_x, y + 0.6 * high), "midleft")
        y += high
        size = min(CAP * unit, 0.56 * high)
        for action, slots in self._actions(seat).items():
            centre = y + 0.5 * high
            canvas.surface.fill(LINE, (box.x, round(y), box.w, 1))
            canvas.fitted(action, 1.25, SOFT, (box.x, centre), "midleft", keys_x - box.x - 0.5 * unit)
            places = {"key": keys_x, "button": pad_x}
            for slot in slots:
                places[slot.kind] = self._slot(canvas, slot, size, (places[slot.kind], centre)) + 0.9 * size
            y += high

    def _slot(self, canvas: Canvas, slot: Slot, size: float, at: tuple[float, float]) -> float:
        """Draw the cap of a slot; returns its right edge."""
        value = self.controls.value(slot)
        cap = "…" if slot == self.slot else _cap(slot.kind, value)
        box = canvas.text.cap(canvas.surface, cap, size, at)
        if canvas.item(str(slot), box.inflate(round(0.4 * size), round(0.4 * size)), partial(self._wait_for, slot)):
            canvas.ring(box)
        return box.right

    def _below(self, canvas: Canvas, area: pygame.Rect, unit: float) -> None:
        """Draw the lines below the columns: what to do, and the caps to choose from, or the way back to the defaults."""
        if self.slot is None:
            y, high = area.bottom - 3.6 * unit, round(1.9 * unit)
            told = self._notice or self._about_spots()
            canvas.fitted(told, 1.1, SOFT, (area.x, y - 1.4 * unit), "midleft", area.w)
            self._asked = self._asked and self.focus.name == "reset"
            if not self.controls.are_default:
                text = "Really? Your changes are lost" if self._asked else "Back to the defaults"
                box = pygame.Rect(area.x, round(y - 0.3 * unit), canvas.button_width(text, high), high)
                canvas.button("reset", box, text, self._reset)
            return
        y = area.bottom - 12.6 * unit
        told = self._notice or f"Press the new {self.slot.kind} for “{in_words(self.slot)}”, or choose it:"
        canvas.fitted(told, 1.25, WHITE, (area.x, y - 1.0 * unit), "midleft", area.w - 8 * unit)
        high = round(1.9 * unit)
        wide = canvas.button_width("Cancel", high)
        canvas.button("cancel", pygame.Rect(area.right - wide, round(y - 2.0 * unit), wide, high), "Cancel", self._cancel)
        y += 1.6 * unit
        lines = CHOICES if self.slot.kind == "key" else (tuple(BUTTONS)[:8], tuple(BUTTONS)[8:12])
        size = min(CAP * unit, area.w / 40.0)
        for line in lines:
            x = float(area.x)
            for value in line:
                if value in WINDOW_KEYS:
                    continue
                box = canvas.text.cap(canvas.surface, _cap(self.slot.kind, value), size, (x, y))
                if canvas.item(f"choice {value}", box, partial(self._take, value)):
                    canvas.ring(box)
                x = box.right + 0.9 * size
            y += 2.3 * size

    def _foot(self, canvas: Canvas) -> None:
        """Draw the keys that count now."""
        if self.slot is None:
            self.hints(canvas, [*HINTS[:1], (["return"], "change"), HINTS[-1]])
        elif (self.slot.kind == "button") != self.app.pad_in_use:  # it can only be chosen below
            self.hints(canvas, [*HINTS[:1], (["return"], "take it"), (["escape"], "cancel")])
        else:
            cancel = "Start" if self.app.pad_in_use else "escape"
            canvas.hints([Hint([f"any {self.slot.kind}"], "take it", []), Hint([cancel], "cancel", [])])

    def _about_spots(self) -> str:
        told = "A mouse or a finger chooses too" if self.game.spots else ""
        if self.game.spots:
            return f"{told}; arrows and return, or a gamepad's cross and A, go from place to place."
        return "A gamepad's stick does the same as its cross."

    # --- changing ---

    def _wait_for(self, slot: Slot) -> None:
        """The next key or button is this slot's."""
        self.slot, self._pressed, self._notice = slot, "", ""
        self.stale = True

    def _cancel(self) -> None:
        self.focus.name = str(self.slot)
        self.slot, self._pressed, self._notice, self.stale = None, "", "", True

    def _reset(self) -> None:
        """Ask, and change all when it is pressed a second time."""
        self.stale = True
        if not self._asked:
            self._asked = True
            return
        self._asked = False
        self.controls.reset()
        self._notice, self.stale = "All keys and buttons are the game's own again.", True

    def _take(self, value: str) -> None:
        """Give the slot a key or a button; one that another action has only when it comes a second time."""
        assert self.slot
        conflict = self.controls.conflict(self.slot, value)
        if conflict and (conflict.slot is None or self._pressed != value):
            self._pressed, self._notice, self.stale = value, f"{conflict.text}.", True
            return
        self.controls.assign(self.slot, value)
        self._cancel()

    # --- events ---

    def back(self) -> None:
        """Leave the page, or only the choice of a key."""
        if self.slot:
            self._cancel()
        elif self._asked and self.focus.name == "reset":
            self._asked = False
        else:
            self.app.back()

    def handle(self, event: pygame.event.Event) -> None:
        """Take a key or a button that a slot waits for; all other events are a menu's."""
        if self.slot and event.type == pygame.KEYDOWN:
            button = getattr(event, "pad_button", "")
            key = key_of(event)
            if self.slot.kind == "button" and button and button != "start":
                self._take(button)
                return
            if self.slot.kind == "key" and not button:
                self.app.keyboard.serve(key)
                if key.command == "escape":
                    self._cancel()
                else:
                    self._take(key.names[0])
                return
            if button == "start":
                self._cancel()
                return
        super().handle(event)

    def command(self, command: Command) -> None:
        """As on any page of the menu."""
        super().command(command)
        self.stale = True


def _cap(kind: str, value: str) -> str:
    """The text on a cap, or the name of an arrow."""
    if kind == "button":
        return BUTTONS.get(value, "–") if value else "–"
    return "+".join(map(label, keys_of(value))) if value else "–"
