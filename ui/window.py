"""The window of a match: handles events, advances by the clock's ticks, draws.

Callers need only `play(game, seats)`. It also runs without a display (SDL's dummy driver): a test passes a clock and a
source of events, or calls `App.turn` itself.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pygame

from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from ui.clock import Clock, TickSource
from ui.display import icon, open_display
from ui.eye import Eye
from ui.foot import EYE, PACE, PAUSED_FOOT, READY_FOOT, STEP, Rows, watching_foot
from ui.keys import Key, key_of
from ui.keys import layout as layout_of_keys
from ui.layout import window_size
from ui.loading import Loader
from ui.match import Match, between, check_seats
from ui.pointer import Pointer, pointer_at
from ui.screen import Screen
from ui.seats import Seat, with_distinct_names

LOADING, READY, PLAYING, PAUSED, OVER, CLOSED = "loading", "ready", "playing", "paused", "over", "closed"
BETWEEN_GAMES = 150  # ticks that a result is shown if no person plays
A_MOMENT = 30  # ticks that the last picture is shown before the result
SLOW = 4  # how many times slower slow motion is
CALM = 30  # ticks that a key of the game, or the mouse, must have been at rest before it can end a result

SMALLEST = (200, 200)  # the window, pixels
ENTER = ("return", "enter")  # the second is the keypad's
GO = (*ENTER, "space")  # keys that begin or continue


class App:
    """One open window and its match. `mode` is loading, ready, playing, paused, over or closed."""

    def __init__(
        self,
        game: Game,
        seats: Sequence[Seat],
        *,
        seed: int | None = None,
        levels: Levels = ANY,
        size: tuple[int, int] | None = None,
        games: int | None = None,
        effects: bool = True,
        ready: bool = True,
        eye: bool = False,
        clock: TickSource | None = None,
        events: Callable[[], Iterable[pygame.event.Event]] | None = None,
    ):
        """seats: one participant for each seat of the game; for a game of one seat, one, or two who race.

        seed: of the episodes; None: a random one.    size: of the window, pixels; None: fits the desktop.
        levels: that are played.    games: close after so many games.    effects: glow, bevels and shadows.
        ready: if a person plays, begin with a page of rules and keys.    eye: begin with the agent's eye open.
        clock, events: for tests; by default 60 ticks a second, and Pygame's events.
        Raises `UserError` if there is no display or the seats do not fit the game.
        """
        check_seats(game, seats)
        self.game, self.seats, self.games, self._greet = game, with_distinct_names(game, seats), games, ready
        self.seed = secrets.randbelow(2**31) if seed is None else seed
        open_display()
        self._loader = Loader(game, self.seats, self.seed, levels)  # compiling begins now, beside all that follows
        self.screen = Screen(game, self.seats, effects)
        desktop = (pygame.display.get_desktop_sizes() or [(1280, 800)])[0]
        title = f"{game.heading}: {f' {between(game)} '.join(seat.name for seat in self.seats)}"
        self.eye = Eye(game, self.seats, eye)
        size = size or self.eye.widened(window_size(self.screen.pictures, desktop), desktop)
        self.window = pygame.Window(title, size, resizable=True)
        self.window.minimum_size = min(size[0], SMALLEST[0]), min(size[1], SMALLEST[1])
        self.window.set_icon(icon())
        self.surface = self.window.get_surface()
        self.clock = clock or Clock()
        self.events = events or pygame.event.get
        self.mode = LOADING
        self.match: Match | None = None
        self.slow = False
        self.mouse = (-1, -1)
        self._full_screen = False
        self._ticks = 0  # since the mode changed
        self._down: dict[int, Key] = {}  # keys that are down, by number, in the order in which they were pressed
        self._served: set[int] = set()  # the numbers of those that did something in the window: they do not play
        self._touched = 0  # the last tick of this mode in which a key of the game was down
        self._stale = True  # the window must be drawn again
        self._stepped = False  # in this pause: the picture is shown instead of the page

    @property
    def people(self) -> list[int]:
        """The numbers of the participants that are people."""
        return self.screen.people

    def run(self) -> Match | None:
        """Run until the window is closed or `games` are played; returns the match, None if none had begun."""
        try:
            self.load(wait=False)
            while self.mode != CLOSED:
                self.turn(self.clock.wait())
        finally:
            self.close()
        return self.match

    def close(self) -> None:
        """Close the window and Pygame's display, then wait for the loader, if it is still at work."""
        self.window.destroy()
        pygame.display.quit()
        self._loader.cancel()

    # --- getting ready ---

    def load(self, wait: bool = True) -> None:
        """Compile the game and load the agents in a thread, so that the window stays responsive."""
        self._loader.start(self._frame)
        if wait:
            self._loader.join()
            self._loaded()

    def _frame(self, match: Match) -> None:
        for board in match.boards:
            self.screen.painter.frame(board.batch)  # compiles drawing now, not at the first picture

    def _loaded(self) -> None:
        self.match = self._loader.match()
        self.eye.follow(self.match)
        self._become(READY if self._greet and self.people else PLAYING)

    # --- one turn of the loop ---

    def turn(self, ticks: int) -> None:
        """Handle the events, advance by so many ticks, draw."""
        for event in self.events():
            self.handle(event)
        if self.mode == LOADING and not self._loader.is_alive():
            self._loaded()
        for _ in range(ticks):
            self._tick()
        if self.mode != CLOSED:
            self.draw()

    def _tick(self) -> None:
        self._ticks += 1
        if self.mode == PLAYING and self.match and self.slow and self._ticks % SLOW:
            return
        if self.mode == PLAYING and self.match:
            playing = not self.match.person_is_out
            self.match.tick()
            self._stale = True
            if self._names_down() or playing:
                self._touched = self._ticks
            if self.match.result:
                self._become(OVER)
        elif self.mode == OVER and self.match:
            if self._names_down():
                self._touched = self._ticks
            self._stale = self._stale or self._ticks == A_MOMENT
            if self._ticks > BETWEEN_GAMES and (self._enough() or not self.people):
                self.next()
        elif self.mode == LOADING and self._ticks % 15 == 0:
            self._stale = True

    def _become(self, mode: str) -> None:
        """Change the mode. Keys that are down when a game begins or goes on count as held."""
        self.mode, self._ticks, self._touched, self._stale, self._stepped = mode, 0, 0, True, False
        pygame.mouse.set_visible(mode != PLAYING or bool(self.game.spots))
        if self.match:
            for person in self.match.inputs:
                person.clear()
                for name in self._names_down() if mode == PLAYING else ():
                    person.hold(name)

    def _enough(self) -> bool:
        """Whether as many games have been played as were asked for."""
        return self.match is not None and self.games is not None and self.match.played >= self.games

    def next(self) -> None:
        """After a game: begin another one, or close the window after the last one."""
        if self._enough():
            self._become(CLOSED)
        else:
            self.restart()

    def restart(self) -> None:
        """Begin a new game; close the window instead if a race counted as lost by that was the last of `games`."""
        if not self.match:
            return
        lost = self.match.person_has_lost
        self.match.restart()
        for trail in self.screen.trails:
            trail.clear()
        self._become(CLOSED if lost and self._enough() else PLAYING)

    def draw(self) -> None:
        """Draw the match and this mode's card or banner over it, if anything has changed."""
        if not self._stale and not (self.match and self.eye.is_busy):
            return
        if self.match is None:
            self.screen.loading(self.surface, self._ticks // 15)
        else:
            if self._stale:
                self._draw_match(self.match)
            self.eye.draw(self.surface, self.match)
        self._stale = False
        self.window.flip()

    def _draw_match(self, match: Match) -> None:
        stage = self.eye.stage(self.surface)
        self.screen.draw(stage, match, self._spot(self.mouse), self._foot())
        if self.mode == READY:
            self.screen.card(stage, self.game.heading, READY_FOOT)
        elif self.mode == PAUSED and not self._is_looking:
            self.screen.card(stage, "Paused", PAUSED_FOOT)
        elif self.mode == OVER and self._ticks >= A_MOMENT:
            self.screen.banner(stage, match, last=self._enough())

    @property
    def _is_looking(self) -> bool:
        """Whether a pause shows the picture and no page over it: with the eye open, or after a single step."""
        return self.mode == PAUSED and (self.eye.page is not None or self._stepped)

    def _foot(self) -> Rows | None:
        """The window's keys that are shown below the picture; None: those of the game, if people play."""
        watching = self.slow or (self.eye.page is not None and not self.people)
        if self._is_looking or (self.mode == PLAYING and watching):
            return watching_foot(self.slow, self._is_looking, self.eye.next_page)
        return None

    # --- events ---

    def handle(self, event: pygame.event.Event) -> None:
        """Handle one of Pygame's events."""
        if event.type in (pygame.QUIT, pygame.WINDOWCLOSE):
            self._become(CLOSED)
        elif event.type == pygame.KEYDOWN:
            self._pressed(key_of(event), alt=bool(getattr(event, "mod", 0) & pygame.KMOD_ALT))
        elif event.type == pygame.KEYUP:
            self._released(key_of(event))
        elif event.type == pygame.KEYMAPCHANGED:
            layout_of_keys.cache_clear()
            self.screen.forget_keys()
            self._stale = True
        elif event.type in (pygame.VIDEORESIZE, pygame.WINDOWSIZECHANGED):
            self._resized()
        elif event.type == pygame.WINDOWEXPOSED:
            self._stale = True
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._down.clear()  # the window gets no event for keys that are released now
            self._served.clear()
            if self.mode == PLAYING and self.people:
                self._become(PAUSED)
        elif event.type == pygame.MOUSEMOTION:
            self.mouse, self._stale = event.pos, True
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._click(event.pos)

    def _released(self, key: Key) -> None:
        key = self._down.pop(key.number, key)
        self._served.discard(key.number)
        name = self._name(key)
        if self.match and name and name not in self._names_down():
            for person in self.match.inputs:
                person.release(name)

    def _game_keys(self) -> set[str]:
        """All keys with which people play."""
        return {key for person in self.match.inputs for key in person.keys} if self.match else set()

    def _name(self, key: Key) -> str:
        """The name that the game has for a key; empty if nobody plays with it."""
        return next((name for name in key.names if name in self._game_keys()), "")

    def _names_down(self) -> list[str]:
        """The game's names of the keys that are down, in the order in which they were pressed."""
        return [name for number, key in self._down.items() if number not in self._served and (name := self._name(key))]

    def _resized(self) -> None:
        """Take the window's new surface. Setting the size here would interfere with the user's resizing."""
        self.surface = self.window.get_surface()
        self._stale = True

    def _pressed(self, key: Key, alt: bool) -> None:
        """A key goes down: the window may take it, by the page that is shown; else it is the game's."""
        self._down[key.number] = key
        if key.command == "f11" or (alt and key.command in ENTER):
            self._served.add(key.number)
            self._toggle_full_screen()
        elif self._means(EYE, key):
            self._served.add(key.number)
            self.eye.cycle()
            self._stale = True
        elif self._means(PACE, key):
            self._served.add(key.number)
            self.slow = not self.slow
            self._stale = True
        elif self.mode == PLAYING:
            self._key_in_play(key)
        elif self.mode == OVER:
            self._key_at_the_end(key)
        elif self.mode in (LOADING, READY, PAUSED):
            self._key_on_a_page(key)

    def _means(self, command: str, key: Key) -> bool:
        """Whether a key is this command's, by its letter or its place; in play the game's own keys are not."""
        if not self.match or (self.mode == PLAYING and self._name(key)):
            return False
        return command in (key.command, key.names[0])

    def _step(self) -> None:
        """Advance a paused match by a single step; the game's keys that are down count as held."""
        assert self.match
        for person in self.match.inputs:
            for name in self._names_down():
                person.hold(name)
        self.match.step()
        self._stale = self._stepped = True
        if self.match.result:
            self._become(OVER)

    def _toggle_full_screen(self) -> None:
        self._full_screen = not self._full_screen
        if self._full_screen:
            self.window.set_fullscreen(desktop=True)
        else:
            self.window.set_windowed()
        self._resized()

    def _key_in_play(self, key: Key) -> None:
        assert self.match
        name = self._name(key)
        taken = [person.press(name) for person in self.match.inputs]  # in games of turns two people may share keys
        if key.command in ("escape", "p") and not any(taken):
            self._become(PAUSED)
        elif self.match.person_is_out and self._at_rest(name) and key.command in (*GO, "r"):
            self._served.add(key.number)
            self.restart()

    def _key_on_a_page(self, key: Key) -> None:
        """A key on the page before a game or of a pause. A key of the game that begins it plays only as a held one."""
        begins = self.mode != LOADING and key.command in GO
        if begins or (self.mode == PAUSED and key.command in ("escape", "p")):
            self._served.add(key.number)
            self._become(PLAYING)
        elif self.mode == READY and self._name(key):
            self._become(PLAYING)
        elif self.mode == PAUSED and key.command == "r":
            self._served.add(key.number)
            self.restart()
        elif key.command == "q" or (key.command == "escape" and self.mode != PAUSED):
            self._become(CLOSED)
        elif self.mode == PAUSED and self._means(STEP, key):
            self._served.add(key.number)
            self._step()
        elif self.mode == PAUSED and self.match and (name := self._name(key)):
            for person in self.match.inputs:
                person.press(name)  # for the next single step

    def _key_at_the_end(self, key: Key) -> None:
        """A key while the last picture or the result is shown; the first that would leave it brings the result at once."""
        if not self._at_rest(self._name(key)):
            return
        shown = self._ticks >= A_MOMENT
        if key.command == "q" or (key.command == "escape" and shown):
            self._become(CLOSED)
        elif key.command in (*GO, "r"):
            self._served.add(key.number)
            if shown:
                self.next()
            else:
                self._ticks, self._stale = A_MOMENT, True

    def _at_rest(self, name: str) -> bool:
        """Whether a key may end a result: one of the game (`name`) only after a pause, as people may still be pressing it."""
        at_rest = not name or self._ticks - self._touched >= CALM
        if name:
            self._touched = self._ticks
        return at_rest

    def _spot(self, position: tuple[int, int]) -> Pointer | None:
        """The spot at a position in the window, if a person may choose it now."""
        if not self.game.spots or self.mode != PLAYING or not self.match:
            return None
        return pointer_at(self.match, self.eye.stage(self.surface).get_size(), position)

    def _click(self, position: tuple[int, int]) -> None:
        if self.mode in (READY, PAUSED):
            self._become(PLAYING)
        elif self.mode == OVER:
            if self._ticks >= A_MOMENT + CALM:
                self.next()
        elif (spot := self._spot(position)) and self.match:
            board = self.match.boards[spot.board]
            for seat, person in board.inputs.items():
                if board.may(seat, spot.action):
                    person.choose(spot.action)
                    break


def play(game: Game, seats: Sequence[Seat], **settings: Any) -> Match | None:
    """Open a window and play until it is closed; returns the match (None: closed before it began).

    seats and settings: as in `App`.
    """
    return App(game, seats, **settings).run()
