"""The page of the window's settings: sounds, effects, full screen, and the way to each game's controls."""

from collections.abc import Callable
from functools import partial

import pygame

from ui.canvas import Canvas
from ui.catalogue import Catalogue, Entry
from ui.layout import FAINT, LINE, SOFT, WHITE
from ui.pages.menu import HINTS, MenuPage

ROW = 3.2  # height, units

Buttons = list[tuple[str, str, Callable[[], None]]]  # name, text and act of each


class SettingsPage(MenuPage):
    """A row for each setting: what it is, how it is now, and buttons that change it."""

    title = "Sparring: settings"

    def __init__(self, catalogue: Catalogue):
        super().__init__()
        self.catalogue = catalogue

    def compose(self, canvas: Canvas) -> None:
        """Draw the rows."""
        area, unit = canvas.area, canvas.unit
        wide, high = min(area.w, round(60 * unit)), round(ROW * unit)
        top = self.below_title(canvas) + round(0.8 * unit)
        for k, (title, now, buttons) in enumerate(self._rows()):
            box = pygame.Rect(area.centerx - wide // 2, top + k * high, wide, high)
            self._row(canvas, box, title, now, buttons)
        self.hints(canvas, [*HINTS[:1], (["return"], "change"), *HINTS[-1:]])
        self.title_row(canvas, "Settings")

    def _rows(self) -> list[tuple[str, str, Buttons]]:
        app, effects = self.app, self.app.settings.effects
        sound = "off" if app.sounds.muted else "on" if app.sounds.is_heard else "on, but there is no device for them"
        controls: Buttons = [(f"controls {each.name}", each.heading, partial(self._controls, each)) for each in self._games()]
        return [
            ("Sounds", sound, [("sounds", "On" if app.sounds.muted else "Off", app.mute)]),
            (
                "Volume",
                f"{round(100 * app.sounds.volume)} %",
                [("quieter", "Quieter", lambda: app.louder(-1)), ("louder", "Louder", lambda: app.louder(1))],
            ),
            (
                "Glow, shadows and other effects",
                "on" if effects else "off",
                [("effects", "Off" if effects else "On", lambda: app.settings_file.change(effects=not effects))],
            ),
            (
                "Full screen",
                "on" if app.is_full_screen else "off",
                [("full screen", "Off" if app.is_full_screen else "On", app.toggle_full_screen)],
            ),
            ("Keys and buttons of", "", controls),
        ]

    def _games(self) -> list[Entry]:
        return [each for each in self.catalogue.entries if each.is_ready]

    def _row(self, canvas: Canvas, box: pygame.Rect, title: str, now: str, buttons: Buttons) -> None:
        unit, high, right = canvas.unit, round(2.0 * canvas.unit), box.right
        places = []
        for name, text, act in reversed(buttons):
            wide = canvas.button_width(text, high)
            places.append((name, pygame.Rect(right - wide, box.centery - high // 2, wide, high), text, act))
            right -= wide + round(0.6 * unit)
        for place in reversed(places):  # from the left, as the focus goes
            canvas.button(*place)
        value = canvas.put(now, 1.2, FAINT, (right - 0.6 * unit, box.centery), "midright")
        names = {name for name, _, _ in buttons}
        colour = WHITE if self.focus.name in names else SOFT
        canvas.fitted(title, 1.35, colour, (box.x, box.centery), "midleft", value.x - unit - box.x)
        canvas.surface.fill(LINE, (box.x, box.bottom - 1, box.w, 1))

    def _controls(self, entry: Entry) -> None:
        from ui.pages.controls import ControlsPage  # it imports numba, which is there where a game is

        self.app.open(ControlsPage(entry.game))
