"""`MenuPage`: the base of the menu's pages. It moves the focus by keys, mouse and gamepad, and scrolls."""

import pygame

from ui.application import Page
from ui.canvas import Canvas
from ui.commands import DIRECTIONS, Command, command_of
from ui.focus import Focus
from ui.foot import LOUDER, LOUDER_TOO, MUTE, QUIETER, Rows, commands
from ui.keys import key_of
from ui.layout import WHITE
from ui.text import KeyCapRenderer, key_at

HINTS = [(["up", "down", "left", "right"], "choose"), (["return"], "open"), (["escape"], "back")]
BACK_BUTTONS = (3, 6, 8)  # of a mouse: the right one, and those at the side as SDL's drivers number them


class MenuPage(Page):
    """A page with items to choose from. A subclass draws itself in `compose`, and so places its items."""

    heading = ""

    def __init__(self) -> None:
        self.focus = Focus()
        self._canvas = Canvas(KeyCapRenderer(), {})

    def compose(self, canvas: Canvas) -> None:
        """Draw the page below its title, and note its items."""
        raise NotImplementedError

    def draw(self, surface: pygame.Surface) -> None:
        """Draw the page; once more if its items have changed so that the focus has gone elsewhere."""
        for _ in range(2):
            self._canvas.begin(surface, self.focus)
            self.compose(self._canvas)
            before = self.focus.name
            self.focus.take(self._canvas.items)
            if self.focus.name == before:
                break

    def hints(self, canvas: Canvas, rows: Rows) -> None:
        """Draw the line of keys at the lower edge, or of a gamepad's buttons while one is used."""
        canvas.hints(commands(rows, self.app.button_labels))

    def key_at(self, position: tuple[int, int]) -> str:
        """The key whose cap is drawn at a position; empty if there is none."""
        return key_at(self._canvas.places, position)

    @staticmethod
    def below_title(canvas: Canvas) -> int:
        """The y below the title."""
        return round(canvas.area.y + 3.2 * canvas.unit)

    def title_row(self, canvas: Canvas, text: str) -> None:
        """Draw the title, and the way back: the last of the items, so that the focus does not begin there."""
        area, high = canvas.area, round(2.0 * canvas.unit)
        box = pygame.Rect(area.x, area.y, canvas.button_width("Back", high), high)
        x = box.right + round(1.2 * canvas.unit)
        canvas.fitted(text, 2.4, WHITE, (x, box.centery), "midleft", area.right - x)
        canvas.button("back", box, "Back", self.back)

    def back(self) -> None:
        """Leave the page."""
        self.app.back()

    # --- events ---

    def command(self, command: Command) -> None:
        """Move the focus, choose what has it, or go back."""
        self.app.sounds.play("confirm" if command == "confirm" else "move")
        if command == "back":
            self.back()
        elif command == "confirm":
            if item := self.focus.item:
                item.act()
        elif not self.focus.move(DIRECTIONS[command]):
            self.stuck(command)
        self.stale = True

    def stuck(self, command: Command) -> None:
        """There is no item in the direction of a command."""

    def handle(self, event: pygame.event.Event) -> None:
        """Handle one of Pygame's events."""
        if event.type == pygame.KEYDOWN:
            key = key_of(event)
            if command := command_of(key):
                self.app.keyboard.serve(key)  # who holds it on the page that follows does not play with it
                self.command(command)
            elif key.command in (MUTE, QUIETER, LOUDER, LOUDER_TOO):
                self.app.keyboard.serve(key)
                self.app.mute() if key.command == MUTE else self.app.louder(-1 if key.command == QUIETER else 1)
        elif event.type == pygame.MOUSEMOTION:
            if item := self.focus.at(event.pos):
                self.stale = self.stale or self.focus.name != item.name
                self.focus.name = item.name
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            if item := self.focus.at(event.pos):
                self.focus.name = item.name
                self.command("confirm")
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button in BACK_BUTTONS:
            self.command("back")
        elif event.type == pygame.MOUSEWHEEL:
            self.focus.step(-1 if event.y > 0 else 1)
            self.stale = True
        elif event.type == pygame.KEYMAPCHANGED:
            self.stale = True
