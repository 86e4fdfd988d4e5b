"""The page that lists the replays that are kept, the newest first: one is played, or deleted."""

import contextlib
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pygame

import games
from games.errors import UserError
from games.render.text import Colour
from ui import replays
from ui.application import ENTER, Page
from ui.canvas import Canvas
from ui.focus import Focus
from ui.foot import Rows, commands
from ui.ground import ground
from ui.keys import Key, key_of
from ui.layout import CARD, FAINT, LINE, SOFT, WHITE
from ui.pages.menu import BACK_BUTTONS
from ui.pages.replay import ReplayPage
from ui.replays import Listed
from ui.scroll_bar import WIDTH, ScrollBar
from ui.text import KeyCapRenderer, Place, key_at

COLUMNS = (0.0, 0.14, 0.3, 0.61, 0.99)  # where game, time, participants and result begin, and the length ends
LEAST = 0.8  # of the size of a cell's text: smaller it does not get, but is shortened
FOOT: Rows = [(["return"], "play"), (["up", "down"], "choose"), (["delete"], "delete"), (["escape"], "back")]


class ReplaysPage(Page):
    """The list."""

    title = "Replays"
    pad_keys = MappingProxyType({"x": "delete"})

    def __init__(self, folder: Path | None = None, **settings: Any):
        """folder: of the replays; None: the user's.    settings: of each replay's page, as in `ReplayPage`."""
        self.folder, self.settings = folder or replays.folder_of(), settings
        self.rows: list[Listed] = []
        self.chosen = 0
        self.sure = False  # the next press of delete deletes
        self.text = KeyCapRenderer()
        self._canvas = Canvas(self.text, {})
        self._first, self._count = 0, 1  # the row that is shown at the top, and how many are shown
        self._bar = ScrollBar()
        self._boxes: list[tuple[int, pygame.Rect]] = []  # rows that are shown, in the window
        self._places: list[Place] = []  # of the keys below them
        self._ground: pygame.Surface | None = None

    def shown(self) -> None:
        """Look into the folder. The same replay stays chosen, wherever it stands now."""
        before = self.rows[self.chosen].path if self.rows else None
        self.rows = replays.listed(self.folder)
        same = [number for number, row in enumerate(self.rows) if row.path == before]
        self.chosen = same[0] if same else min(self.chosen, max(len(self.rows) - 1, 0))
        self.sure, self.stale = False, True

    # --- events ---

    def handle(self, event: pygame.event.Event) -> None:
        """Handle one of Pygame's events."""
        first = self._bar.handle(event)
        if first is not None:
            self._first, self.stale = first, True
            self._choose(min(max(self.chosen, first), first + self._count - 1))
        elif event.type == pygame.KEYDOWN:
            self._pressed(key_of(event))
        elif event.type == pygame.MOUSEWHEEL:
            self._choose(self.chosen - event.y)
        elif event.type == pygame.MOUSEBUTTONDOWN and (event.button in BACK_BUTTONS or self._is_back(event.pos)):
            self.app.back()
        elif event.type in (pygame.MOUSEMOTION, pygame.MOUSEBUTTONDOWN):
            row = next((number for number, box in self._boxes if box.collidepoint(event.pos)), None)
            if row is not None:
                self._choose(row)
                if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                    self._play()

    def key_at(self, position: tuple[int, int]) -> str:
        """The key whose cap is drawn at a position, below the list."""
        return key_at(self._places, position)

    def _pressed(self, key: Key) -> None:
        moves = {"up": -1, "down": 1, "page up": -10, "page down": 10, "home": -len(self.rows), "end": len(self.rows)}
        if key.command in ("escape", "q"):
            if self.sure:
                self.sure, self.stale = False, True
            else:
                self.app.back()
        elif key.command in moves:
            self._choose(self.chosen + moves[key.command])
        elif key.command in (*ENTER, "space"):
            self._play()
        elif key.command in ("delete", "backspace") and self.rows:
            self._delete()

    def _is_back(self, position: tuple[int, int]) -> bool:
        return any(item.box.collidepoint(position) for item in self._canvas.items)

    def _choose(self, row: int) -> None:
        row = min(max(row, 0), max(len(self.rows) - 1, 0))
        if row != self.chosen:
            self.chosen, self.sure, self.stale = row, False, True

    def _play(self) -> None:
        if not self.rows:
            return
        try:
            page = ReplayPage(self.rows[self.chosen].path, **self.settings)
        except UserError as error:
            self.app.notice.show(str(error).splitlines()[0].removeprefix(f"{self.rows[self.chosen].path} ").capitalize())
        else:
            self.app.open(page)

    def _delete(self) -> None:
        if self.sure:
            with contextlib.suppress(OSError):  # it has gone already
                self.rows[self.chosen].path.unlink()
            self.shown()
        else:
            self.sure, self.stale = True, True

    @staticmethod
    def _named(listed: Listed) -> str:
        if listed.header is None:
            return listed.path.name
        return f"{games.heading(listed.header.game)}, {replays.participants_of(listed.header)}, {replays.when(listed.header)}"

    # --- drawing ---

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the list."""
        width, height = surface.get_size()
        if self._ground is None or self._ground.get_size() != (width, height):
            self._ground = ground((width, height))
        surface.blit(self._ground, (0, 0))
        unit = max(min(width / 46.0, height / 30.0, 52.0), 7.0)
        left = max(round((width - 44 * unit) / 2), round(unit))
        wide = width - 2 * left
        self._canvas.over(surface, Focus())
        high = round(2.0 * unit)
        back = pygame.Rect(left, round(2.4 * unit) - high // 2, self._canvas.button_width("Back", high), high)
        self._canvas.button("back", back, "Back", self.app.back)
        self.text.put(surface, "Replays", 2.4 * unit, WHITE, (back.right + 1.2 * unit, back.centery), "midleft")
        told = f"the newest {replays.KEPT} games are kept" if self.rows else ""
        self.text.put(surface, told, unit, FAINT, (left + wide, 2.6 * unit), "midright")
        high, top = round(2.1 * unit), round(4.6 * unit)
        count = max(int((height - top - 3.6 * unit) // high), 1)
        self._first = min(max(self._first, self.chosen - count + 1, 0), self.chosen, max(len(self.rows) - count, 0))
        self._boxes, self._count = [], count
        track = pygame.Rect(left + wide + round(0.9 * unit), top, round(WIDTH * unit), count * high)
        self._bar.draw(surface, track, self._first, count, len(self.rows))
        for place, row in enumerate(range(self._first, min(self._first + count, len(self.rows)))):
            box = pygame.Rect(left, top + place * high, wide, high)
            self._boxes.append((row, box))
            self._row(surface, box, self.rows[row], row == self.chosen, unit)
        if not self.rows:
            line = "No games yet: each one that you play is kept here"
            self.text.put(surface, line, 1.4 * unit, SOFT, (width // 2, height // 2), "center")
        self._keys(surface, unit)

    def _row(self, surface: pygame.Surface, box: pygame.Rect, listed: Listed, chosen: bool, unit: float) -> None:
        if chosen:
            plate = box.inflate(round(1.2 * unit), -2)
            pygame.draw.rect(surface, CARD, plate, border_radius=round(0.5 * unit))
            pygame.draw.rect(surface, LINE, plate, width=1, border_radius=round(0.5 * unit))
        bright, size = (WHITE if chosen else SOFT), 1.15 * unit
        if listed.header is None:
            self._cell(surface, box, f"{listed.path.name}: {listed.problem}", size, FAINT, (COLUMNS[0], COLUMNS[4]))
            return
        header = listed.header
        cells: list[tuple[str, Colour]] = [
            (games.heading(header.game), bright),
            (replays.when(header), FAINT),
            (replays.participants_of(header), bright),
            (replays.result_of(header), SOFT),
        ]
        for k, (text, colour) in enumerate(cells):
            self._cell(surface, box, text, size, colour, (COLUMNS[k], COLUMNS[k + 1] - (0.1 if k == 3 else 0.015)))
        length = replays.length(header, turns=header.every == 1)
        self.text.put(surface, length, size, FAINT, (box.x + COLUMNS[4] * box.w, box.centery), "midright")

    def _cell(
        self, surface: pygame.Surface, box: pygame.Rect, text: str, size: float, colour: Colour, place: tuple[float, float]
    ) -> None:
        width = (place[1] - place[0]) * box.w
        size = max(self.text.fit(text, size, width), LEAST * size)
        text = self.text.shorten(text, size, width)
        self.text.put(surface, text, size, colour, (box.x + place[0] * box.w, box.centery), "midleft")

    def _keys(self, surface: pygame.Surface, unit: float) -> None:
        width, height = surface.get_size()
        rows = FOOT if self.rows else FOOT[-1:]
        if self.sure:
            named = self.text.shorten(self._named(self.rows[self.chosen]), unit, 0.5 * width)
            rows = [(["delete"], f"delete for good: {named}"), (["escape"], "keep it")]
        hints = commands(rows, self.app.button_labels)
        self._places = self.text.hints_centred(surface, hints, unit, (width / 2, height - 1.8 * unit), 0.94 * width)
