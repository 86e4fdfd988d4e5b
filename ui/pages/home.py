"""The first page: all games, played by their bots behind glass."""

from typing import TYPE_CHECKING

import pygame

from ui.canvas import Canvas
from ui.catalogue import Catalogue, Entry
from ui.display import icon
from ui.layout import CARD, FAINT, GROUND_TOP, LINE, SOFT, WHITE
from ui.pages.menu import MenuPage
from ui.pages.notice import NoticePage

if TYPE_CHECKING:  # they need numba
    from games.engine.loader import Game
    from ui.seats import Seat

EVERY = 2  # frames between two paintings of a miniature: there are several
CAPTION = 3.6  # height of the texts below a picture, units
CORNER = ("quit", "settings", "stored", "replays")
HINTS = [(["up", "down", "left", "right"], "choose"), (["return"], "open"), (["escape"], "quit"), (["f11"], "full screen")]


class HomePage(MenuPage):
    """A card for each game."""

    def __init__(self, catalogue: Catalogue):
        super().__init__()
        self.catalogue = catalogue
        self._emblem_kept: pygame.Surface | None = None
        self.focus.name = catalogue.settings.settings.game

    def before(self) -> None:
        """Load the games after the first picture."""
        if not self.stale:
            self.catalogue.start()

    def shown(self) -> None:
        """After a match levels play the miniatures, for then torch is there."""
        self.catalogue.seat_levels()

    def closed(self) -> None:
        """Stop loading."""
        self.catalogue.cancel()

    def joined(self) -> None:
        """Wait for the catalogue's thread, and for settings that are being written."""
        self.catalogue.join()
        self.catalogue.settings.close()

    def tick(self) -> None:
        """Play on, in the miniatures."""
        for entry in self.catalogue.entries:
            if entry.miniature:
                entry.miniature.tick()
                self.stale = True
        self.stale = self.stale or self.catalogue.changed
        self.catalogue.changed = False

    # --- drawing ---

    def compose(self, canvas: Canvas) -> None:
        """Draw the title, the cards, and what they are called."""
        area, unit = canvas.area, canvas.unit
        emblem = self._emblem(round(3.0 * unit))
        canvas.surface.blit(emblem, (area.x, area.y - round(0.3 * unit)))
        canvas.put("Sparring", 3.0, WHITE, (area.x + emblem.get_width() + 0.9 * unit, area.y + 1.2 * unit), "midleft")
        self._corner(canvas)
        top, bottom = round(area.y + 4.4 * unit), round(area.bottom - 2.2 * unit)
        boxes = cards(len(self.catalogue.entries), pygame.Rect(area.x, top, area.w, max(bottom - top, 1)), unit)
        for entry, box in zip(self.catalogue.entries, boxes, strict=True):
            self._card(canvas, entry, box)
        if notice := self.catalogue.notice:
            canvas.notice(notice, bottom + 0.2 * unit)
        self.hints(canvas, HINTS)
        canvas.items.sort(key=lambda item: item.name in CORNER)  # the focus begins on a game

    def _emblem(self, side: int) -> pygame.Surface:
        if self._emblem_kept is None or self._emblem_kept.get_width() != side:
            self._emblem_kept = icon(side)
        return self._emblem_kept

    def _corner(self, canvas: Canvas) -> None:
        """Draw the window's own buttons, which a mouse needs."""
        right, high = canvas.area.right, round(2.0 * canvas.unit)
        for name, text, act in (
            ("quit", "Quit", self.app.quit),
            ("settings", "Settings", self._open_settings),
            ("stored", "Your data", self._open_stored),
            ("replays", "Replays", self._open_replays),
        ):
            wide = canvas.button_width(text, high)
            canvas.button(name, pygame.Rect(right - wide, canvas.area.y, wide, high), text, act)
            right -= wide + round(0.6 * canvas.unit)

    def _card(self, canvas: Canvas, entry: Entry, box: pygame.Rect) -> None:
        """Draw a game: its picture behind glass, its name, and how far one has come."""
        unit, side = canvas.unit, box.w
        picture = pygame.Rect(box.x, box.y, side, side)
        focused = canvas.item(entry.name, box, lambda: self.choose(entry))
        if focused:
            canvas.panel(box.inflate(round(1.2 * unit), round(1.2 * unit)), CARD, CARD)
            canvas.ring(box.inflate(round(1.2 * unit), round(1.2 * unit)))
        if entry.miniature:
            entry.miniature.draw(canvas.surface.subsurface(picture), EVERY)
        else:
            canvas.panel(picture, GROUND_TOP)
            told = "cannot be loaded" if entry.failure else "Getting ready"
            canvas.fitted(told, 1.1, FAINT, picture.center, "center", 0.9 * side)
        canvas.glass(picture, lit=focused)
        pygame.draw.rect(canvas.surface, LINE, picture, width=1)
        x, y = box.x + 0.2 * unit, picture.bottom + 0.7 * unit
        canvas.fitted(entry.heading, 1.7, WHITE if focused else SOFT, (x, y), "topleft", side)
        canvas.fitted(progress_of(entry), 1.05, SOFT, (x, y + 1.75 * unit), "topleft", side)

    # --- choosing ---

    def _open_settings(self) -> None:
        from ui.pages.settings import SettingsPage

        self.app.open(SettingsPage(self.catalogue))

    def _open_stored(self) -> None:
        from ui.pages.stored import StoredPage

        self.app.open(StoredPage())

    def _open_replays(self) -> None:
        from ui.pages.replays import ReplaysPage
        from ui.replays import folder_of
        from ui.seating import seat_of

        def find(name: str, game: "Game") -> "Seat":
            return seat_of(name, game, runs=self.catalogue.runs)

        self.app.open(ReplaysPage(find=find, replay_folder=folder_of(), effects=self.catalogue.effects))

    def choose(self, entry: Entry) -> None:
        """Open a game's page, or say why that is not possible."""
        if entry.failure:
            self.app.open(NoticePage(f"{entry.heading} cannot be loaded", entry.failure))
        elif entry.is_ready:
            from ui.pages.game import GamePage  # it imports numba, which loads behind the first picture

            self.app.open(GamePage(self.catalogue, entry))


def progress_of(entry: Entry) -> str:
    """How many opponents of a game are beaten, in words."""
    if not entry.is_ready:
        return ""
    beaten, count = entry.beaten, len(entry.opponents.steps)
    return "all beaten" if beaten == count else f"{beaten} of {count} beaten" if beaten else f"{count} opponents to climb"


def cards(count: int, area: pygame.Rect, unit: float) -> list[pygame.Rect]:
    """The places of so many cards, a square picture and its caption each, as large as they fit into an area."""
    gap, best, columns = 2.6 * unit, 0.0, 1
    for across in range(1, count + 1):
        down = -(-count // across)
        side = min((area.w - gap * (across - 1)) / across, (area.h - gap * (down - 1)) / down - CAPTION * unit)
        if side > best:
            best, columns = side, across
    side, rows = max(round(best), 8), -(-count // columns)
    high = side + round(CAPTION * unit)
    left = area.x + (area.w - round(columns * side + gap * (columns - 1))) // 2
    top = area.y + max(area.h - round(rows * high + gap * (rows - 1)), 0) // 2
    return [
        pygame.Rect(left + round(k % columns * (side + gap)), top + round(k // columns * (high + gap)), side, high)
        for k in range(count)
    ]
