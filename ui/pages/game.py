"""The page of a game: its rules, a row of opponents to climb, and everybody else whom one can play."""

import contextlib
from collections.abc import Callable

import pygame

from agents import participants
from games.errors import UserError
from games.render.rules import rules
from ui.application import Page
from ui.canvas import RAISED, Canvas
from ui.cast import Cast
from ui.catalogue import Catalogue, Entry
from ui.challenge import Challenge, seat_for
from ui.controls import Controls
from ui.foot import Rows
from ui.key_hints import KeyHints, mouse_rows
from ui.layout import ACCENT, CARD, DARKEST, LINE, SOFT, WHITE
from ui.match import RACE
from ui.opponents import Opponent
from ui.pages.choice import ChoicePage
from ui.pages.controls import ControlsPage
from ui.pages.kept_match import KeptMatchPage
from ui.pages.menu import MenuPage
from ui.pages.notice import NoticePage
from ui.pages.statistics import StatisticsPage
from ui.progress import yours_in_words
from ui.seats import Seat

KEYS_LINE = 1.8  # height of a line of keys, units
WIDE = 1.1  # a window's width to height from which the rules stand beside the picture
FURTHER = {  # buttons that are no opponents, and a line about each
    "Watch": "Choose two who play each other",
    "Your games": "Your results by opponent, and your rating over time",
    "Controls": "Change the keys and the buttons of a gamepad",
}
HINTS = [(["left", "right", "up", "down"], "choose"), (["return"], "play"), (["escape"], "back")]


class GamePage(MenuPage):
    """A game that was chosen."""

    def __init__(self, catalogue: Catalogue, entry: Entry):
        super().__init__()
        self.catalogue, self.entry = catalogue, entry
        self.heading = entry.heading
        self.title = f"Sparring: {entry.heading}"
        self._focused_for: Opponent | None = None  # whom there was to beat

    def shown(self) -> None:
        """The focus begins at the lowest opponent that is not beaten, or at the kind of whom one played last.

        Later it stays on what was chosen, until there is another one to beat.
        """
        controls = Controls(self.entry.game, self.catalogue.settings)
        game, self._buttons = controls.game, controls.buttons(0)  # with the user's keys
        self._keys = KeyHints(Cast(game, [Seat("human", name) for name in game.seats]), self._canvas.text, {})
        if self.to_beat == self._focused_for:
            return
        self._focused_for = self.to_beat
        last = self.catalogue.settings.settings.opponents.get(self.entry.name)
        steps, kinds = self.entry.opponents.steps, self.entry.opponents.kinds
        kind = next((kind for kind, among in kinds.items() if last in [each.seat for each in among]), "")
        self.focus.name = kind if kind and last not in [each.seat for each in steps] else self.to_beat.seat

    @property
    def to_beat(self) -> Opponent:
        """The lowest opponent of the row that is not beaten, else the highest."""
        steps = self.entry.opponents.steps
        return next((each for each in steps if not self.entry.progress.has_beaten(each.seat)), steps[-1])

    def tick(self) -> None:
        """Play on, in the picture."""
        if self.entry.miniature:
            self.entry.miniature.tick()
            self.stale = True

    # --- drawing ---

    def compose(self, canvas: Canvas) -> None:
        """Draw the picture and the rules, below them the row, and all others at the bottom."""
        area, unit = canvas.area, canvas.unit
        top, bottom = self.below_title(canvas), round(area.bottom - 2.2 * unit)
        chips = self._chip_rows(canvas)
        chips_high = round(len(chips) * 3.0 * unit)
        row_high = round(min(max(0.30 * (bottom - top), 7.6 * unit), 11.0 * unit))
        row = pygame.Rect(area.x, bottom - chips_high - round(2.2 * unit) - row_high, area.w, row_high)
        self._about(canvas, pygame.Rect(area.x, top, area.w, max(row.y - top - round(1.2 * unit), 1)))
        self._steps(canvas, row)
        self._details(canvas, row.bottom + round(1.1 * unit))
        for k, chips_row in enumerate(chips):
            self._chips(canvas, chips_row, bottom - chips_high + round(k * 3.0 * unit) + round(0.6 * unit))
        self.hints(canvas, HINTS)
        self.title_row(canvas, self.heading)

    def _about(self, canvas: Canvas, box: pygame.Rect) -> None:
        """Draw the miniature and the rules: beside each other, or below each other in a high window."""
        unit = canvas.unit
        beside = canvas.width >= WIDE * canvas.height
        side = min(box.h, round(0.42 * box.w)) if beside else min(box.w, round(0.56 * box.h))
        picture = pygame.Rect(box.x, box.y, max(side, 8), max(side, 8))
        if not beside:
            picture.centerx = box.centerx
        if self.entry.miniature:
            self.entry.miniature.draw(canvas.surface.subsurface(picture.clip(canvas.surface.get_rect())))
        else:
            canvas.panel(picture, CARD)
        canvas.glass(picture, lit=True)
        pygame.draw.rect(canvas.surface, LINE, picture, width=1)
        text = box.copy()
        if beside:
            text.x, text.w = picture.right + round(1.8 * unit), box.right - picture.right - round(1.8 * unit)
        else:
            text.y, text.h = picture.bottom + round(unit), box.bottom - picture.bottom - round(unit)
        size = next((size for size in (1.35, 1.2, 1.05, 0.95) if self._rules_height(canvas, text.w, size) <= text.h), 0.85)
        for line in self._rules():
            text.y = canvas.paragraph(line, size, SOFT, text) + round(0.5 * size * unit)
            text.h = box.bottom - text.y
        self._keys_of_game(canvas, text)

    def _rules(self) -> list[str]:
        return [*rules(self.entry.game), *([RACE] if self.entry.game.players == 1 else [])]

    def _key_lines(self) -> list[tuple[str, Rows]]:
        """The keys of the game: a line for each seat, with its name, where they differ."""
        self._keys.pads = {0: self._buttons} if self.app.pad_in_use else {}
        mouse = [] if self.app.pad_in_use else mouse_rows(self.entry.game)
        lines = self._keys.lines()[: 1 if self.app.pad_in_use else 2]
        name = "" if len(lines) == 1 else "{}: "
        lines[0] = (lines[0][0], [*lines[0][1], *mouse])
        return [(name.format(self.entry.game.seats[k].capitalize()), rows) for k, rows in lines]

    def _keys_of_game(self, canvas: Canvas, box: pygame.Rect) -> None:
        """Draw the keys of the game, as many lines of them as there is space for."""
        y, size = box.y + 1.2 * canvas.unit, 0.92 * canvas.unit
        for name, rows in self._key_lines():
            x = begin = float(box.x) + canvas.text.width(name, 1.1 * size)
            if y + canvas.unit <= box.bottom + 1:
                canvas.put(name, 1.0, SOFT, (box.x, y), "midleft")
            for keys, meaning in rows:
                if x > begin and canvas.text.caps(None, keys, meaning, size, (x, y)) > box.right:
                    x, y = begin, y + KEYS_LINE * canvas.unit
                if y + canvas.unit <= box.bottom + 1:
                    x = canvas.text.caps(canvas.surface, keys, meaning, size, (x, y)) + 1.3 * size
            y += KEYS_LINE * canvas.unit

    def _rules_height(self, canvas: Canvas, width: int, size: float) -> float:
        """The height of the rules, and of a line of keys for each seat."""
        lines = [len(canvas.text.wrap(line, size * canvas.unit, width)) for line in self._rules()]
        keys = 0.4 + KEYS_LINE * len(self._key_lines())
        return (1.25 * sum(lines) + 0.5 * len(lines)) * size * canvas.unit + keys * canvas.unit

    def _steps(self, canvas: Canvas, box: pygame.Rect) -> None:
        """Draw the row of opponents as stairs: those that are beaten have a tick, the next one says so."""
        steps, unit, to_beat = self.entry.opponents.steps, canvas.unit, self.to_beat
        gap = round(0.5 * unit)
        wide = (box.w - gap * (len(steps) - 1)) / len(steps)
        foot = round(1.8 * unit)  # for the names
        for k, opponent in enumerate(steps):
            left = round(box.x + k * (wide + gap))
            high = round((box.h - foot - 2.4 * unit) * (k + 1) / len(steps) + 2.4 * unit)
            step = pygame.Rect(left, box.bottom - foot - high, round(wide), high)
            focused = canvas.item(opponent.seat, pygame.Rect(left, box.y, round(wide), box.h), self._act(opponent))
            beaten = self.entry.progress.has_beaten(opponent.seat)
            canvas.panel(step, WHITE if focused else RAISED if beaten or opponent is to_beat else CARD)
            if focused:
                canvas.ring(step)
            centre = step.centerx, step.y + 1.2 * unit
            ink = DARKEST if focused else WHITE if beaten or opponent is to_beat else SOFT
            if beaten:
                canvas.tick(centre, min(1.1 * unit, 0.4 * wide), DARKEST if focused else ACCENT)
            else:
                canvas.put(str(k + 1), 1.3, ink, centre, "center")
            if opponent is to_beat and not beaten:
                canvas.fitted("next", 0.9, ACCENT, (step.centerx, step.y - 0.8 * unit), "center", wide)
            name = (step.centerx, box.bottom - 0.7 * unit)
            canvas.fitted(opponent.title, 1.05, WHITE if focused else SOFT, name, "center", wide + 0.4 * gap)

    def _details(self, canvas: Canvas, y: float) -> None:
        """Draw a line about what has the focus."""
        opponent = next((each for each in self.entry.opponents.steps if each.seat == self.focus.name), None)
        among = self.entry.opponents.kinds.get(self.focus.name, [])
        if opponent is None and len(among) == 1:
            opponent = among[0]
        if opponent:
            results = yours_in_words(self.entry.progress.against(opponent.seat))
            told = "   ".join(part for part in (f"{opponent.title}: {opponent.about}", results) if part)
        elif among:
            told = ", ".join(each.title for each in among)
        elif self.focus.name in FURTHER:
            told = FURTHER[self.focus.name]
        else:
            told = self.entry.opponents.notice
        canvas.fitted(told, 1.1, WHITE, (canvas.width / 2, y), "center", canvas.area.w)

    def _further(self) -> dict[str, Callable[[], None]]:
        """The buttons that are no opponents, with what they do."""
        return dict(zip(FURTHER, (self.watch, self._open_statistics, self._open_controls), strict=True))

    def _chip_rows(self, canvas: Canvas) -> list[list[str]]:
        """The titles of everybody else, in rows that fit the window."""
        rows: list[list[str]] = [[]]
        high = round(2.2 * canvas.unit)
        for title in [*self.entry.opponents.kinds, *self._further()]:
            wide = sum(canvas.button_width(each, high) + 0.6 * canvas.unit for each in [*rows[-1], title])
            if rows[-1] and wide > canvas.area.w:
                rows.append([])
            rows[-1].append(title)
        return rows

    def _chips(self, canvas: Canvas, titles: list[str], y: int) -> None:
        high, gap = round(2.2 * canvas.unit), round(0.6 * canvas.unit)
        widths = [canvas.button_width(title, high) for title in titles]
        x = (canvas.width - sum(widths) - gap * (len(titles) - 1)) // 2
        for title, wide in zip(titles, widths, strict=True):
            further = self._further().get(title)
            canvas.button(title, pygame.Rect(x, y, wide, high), title, further or self._choose_among(title))
            x += wide + gap

    # --- choosing ---

    def _act(self, opponent: Opponent):
        return lambda: self.play(opponent)

    def _choose_among(self, title: str):
        among = self.entry.opponents.kinds[title]
        if len(among) == 1:
            return self._act(among[0])
        return lambda: self.app.open(ChoicePage(f"{self.heading}: {title}", among, self.entry.progress, self.play))

    def play(self, opponent: Opponent) -> None:
        """Open a match of the person's against an opponent, or say why that is not possible."""
        settings, entry = self.catalogue.settings, self.entry
        settings.change(game=entry.name, opponents={**settings.settings.opponents, entry.name: opponent.seat})
        challenge = Challenge(entry.game, opponent, entry.opponents, entry.progress, self.catalogue.runs)
        try:
            page: Page = KeptMatchPage(entry.game, challenge.seats(), challenge=challenge, **self.catalogue.match_settings)
        except UserError as error:
            page = NoticePage(f"{opponent.title} cannot play", str(error))
        self.app.open(page)

    def _open_statistics(self) -> None:
        entry, ladder = self.entry, None
        with contextlib.suppress(UserError):  # a game without one
            ladder = participants.ladder_of(entry.game, self.catalogue.runs).file

        def title_of(seat: str) -> str:
            opponent = entry.opponents.named(seat)
            return opponent.title if opponent else seat

        self.app.open(StatisticsPage(entry.game, ladder, title_of))

    def _open_controls(self) -> None:
        self.app.open(ControlsPage(self.entry.game))

    def watch(self) -> None:
        """Choose two who play each other."""
        machines, progress, heading = self.entry.opponents.machines, self.entry.progress, self.heading

        def second(first: Opponent) -> None:
            self.app.replace(
                ChoicePage(f"{heading}: {first.title} against …", machines, progress, lambda other: self._watch(first, other))
            )

        self.app.open(ChoicePage(f"{heading}: watch …", machines, progress, second))

    def _watch(self, first: Opponent, other: Opponent) -> None:
        game, runs = self.entry.game, self.catalogue.runs
        try:
            seats = [seat_for(each, game, runs) for each in (first, other)]
            page: Page = KeptMatchPage(game, seats, **self.catalogue.match_settings)
        except UserError as error:
            page = NoticePage("They cannot play", str(error))
        self.app.replace(page)
