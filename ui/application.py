"""The application: one window, its events and its clock, and the pages that are shown in it, one at a time.

It also runs without a display (SDL's dummy driver): a test passes a clock and a source of events, or calls `App.turn` itself.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

import pygame

from ui.clock import Clock, TickSource
from ui.display import icon, open_display
from ui.keyboard import Keyboard
from ui.keys import Key, key_of, press_event
from ui.keys import layout as layout_of_keys
from ui.notice import Notice
from ui.pads import NONE, PadPress, Pads, key_event, labels_of, pad_key
from ui.settings import LEAST_SIDE, MOST_SIDE, Settings, SettingsFile
from ui.sound import Silence, Sounds, Speaker

SMALLEST = (200, 200)  # the window, pixels
NEWS = 200  # ticks that what has come about meanwhile is shown
CLICKED = -99_999  # the number of a key that is clicked: of no keyboard's, and of no gamepad's
ENTER = ("return", "enter")  # the second is the keypad's


class Page:
    """A page of the application. It may open others by its `app`: `open`, `replace`, `back`, `quit`."""

    app: "App"  # set before `shown` is called for the first time
    title = "Sparring"  # of the window
    way_back = "menu"  # the words for it on a match's page that leads back to it
    stale = True  # whether it must be drawn again
    hides_mouse = False
    is_playing = False  # whether a gamepad's buttons are those of a game
    pad_keys: Mapping[str, str] = NONE  # the window's key for a gamepad's button, where it differs from other pages

    def size(self, desktop: tuple[int, int]) -> tuple[int, int]:
        """The size of a window that opens with this page, pixels. desktop: the screen's size."""
        return min(1280, round(0.9 * desktop[0])), min(800, round(0.86 * desktop[1]))

    def shown(self) -> None:
        """It comes to the front: it is opened, or the page over it has gone."""

    def closed(self) -> None:
        """It has been left for good, or the window has closed; it ends what it has begun."""

    def joined(self) -> None:
        """It was `closed`: wait for what it has begun. A thread calls it while the window goes on with another page."""

    def tell(self, text: str) -> None:
        """Show a notice, also when this page has been left; see `App.tell`."""
        self.app.tell(text)

    def pad_buttons(self, place: int) -> dict[str, str]:
        """The key of a game for each button of a gamepad. place: 0 for the first pad."""
        return {}

    def pad_left(self) -> None:
        """A gamepad has been pulled out, or its battery is empty."""

    def before(self) -> None:
        """The events of a turn are handled, its ticks follow: for what does not depend on ticks."""

    def handle(self, event: pygame.event.Event) -> None:
        """Handle one of Pygame's events. Keys that are down are in `app.keyboard`, the pointer's place in `app.mouse`."""

    def key_at(self, position: tuple[int, int]) -> str:
        """The key whose cap is drawn at a position, which a click there presses; empty if there is none."""
        return ""

    def tick(self) -> None:
        """A tick of the clock has passed."""

    @property
    def is_stale(self) -> bool:
        """Whether it is to be drawn in this turn."""
        return self.stale

    def draw(self, surface: pygame.Surface) -> None:
        """Draw it onto all of a surface."""
        raise NotImplementedError


class App:
    """The window. Of its pages the last is shown; when the first is left, the window closes (`is_open`)."""

    def __init__(
        self,
        page: Page,
        *,
        size: tuple[int, int] | None = None,
        speaker: Speaker | None = None,
        settings: SettingsFile | None = None,
        clock: TickSource | None = None,
        events: Callable[[], Iterable[pygame.event.Event]] | None = None,
    ):
        """page: the first.    size: of the window, pixels; None: that of the settings, else the page's.
        speaker: for sounds, as loud as the settings say; None: there are none.
        settings: that are kept, and the window's size among them; None: the defaults, which are not.
        clock, events: for tests; by default 60 ticks a second, and Pygame's events.
        Raises `UserError` if there is no display.
        """
        open_display()
        desktop = (pygame.display.get_desktop_sizes() or [(1280, 800)])[0]
        self.settings_file = settings or SettingsFile()
        fills = self.settings.full_screen and not size
        size = size or _fitting(self.settings.size, desktop) or page.size(desktop)
        self.window = pygame.Window(page.title, size, resizable=True)
        self.window.minimum_size = min(size[0], SMALLEST[0]), min(size[1], SMALLEST[1])
        self.window.set_icon(icon())
        self.surface = self.window.get_surface()
        self.clock = clock or Clock()
        self.events = events or pygame.event.get
        self.sounds = Sounds(self.settings.volume, self.settings.mute, speaker or Silence())
        self.keyboard, self.pads = Keyboard(), Pads()
        self.notice = Notice()
        self._news: deque[str] = deque()
        self._leaving: list[threading.Thread] = []  # each waits for what a page that was left has begun
        self._first_size = size
        self._turned = time.perf_counter()
        self.mouse = (-1, -1)
        self._clicked: Key | None = None  # a key that the mouse holds down by its cap
        self.pad_in_use = False  # a gamepad's button was pressed later than any key
        self.is_open = True
        self.is_full_screen = False
        self.windowed_size = size  # while it does not fill the screen, pixels
        self.pages: list[Page] = []
        self.open(page)
        if fills:
            self.toggle_full_screen()

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.settings_file.settings

    @property
    def spent(self) -> float:
        """Seconds of work since this turn began."""
        return time.perf_counter() - self._turned

    @property
    def page(self) -> Page:
        """The page that is shown; after the window has closed, the one that was shown last."""
        return self.pages[-1]

    def run(self) -> None:
        """Run until the window is closed."""
        try:
            while self.is_open:
                self.turn(self.clock.wait())
        finally:
            self.close()

    def turn(self, ticks: int) -> None:
        """Handle the events, advance by so many ticks, draw."""
        self._turned = time.perf_counter()
        for event in self.events():
            self.handle(event)
        if self.is_open:
            self.page.before()
        for _ in range(ticks):
            self.sounds.tick()
            if self.is_open:
                self.page.tick()
            self.notice.tick()
        if self.settings_file.notice:
            self.notice.show(self.settings_file.notice)
            self.settings_file.notice = ""
        if self._news:
            self.notice.show(self._news.popleft(), NEWS)
        if self.is_open:
            self.draw()
            self.sounds.start()  # beside what follows the first picture
            if not self.pads.is_listening:
                self.pads.start()

    def draw(self) -> None:
        """Draw the page, if anything has changed, and a notice over it."""
        if self.notice.has_changed():
            self.page.stale = True
        if self.page.is_stale:
            self.page.draw(self.surface)
            self.notice.draw(self.surface)
            self.page.stale = False
            self.window.flip()

    def close(self) -> None:
        """Close the window and Pygame's display, then wait for what the pages have begun; news that come now are printed."""
        self.is_open = False
        self.window.destroy()
        self.pads.close()
        pygame.display.quit()
        if self.windowed_size != self._first_size:
            self.settings_file.change(size=tuple(min(max(side, LEAST_SIDE), MOST_SIDE) for side in self.windowed_size))
        for page in self.pages:
            page.closed()
        self.sounds.close()
        for page in self.pages:
            page.joined()
        for thread in self._leaving:
            thread.join()
        self.settings_file.close()
        while self._news:
            print(self._news.popleft(), flush=True)

    def tell(self, text: str) -> None:
        """Show a notice in the next turn, or print it when the window has closed. Any thread may call it."""
        self._news.append(text)

    # --- pages ---

    def open(self, page: Page) -> None:
        """Show a page over the one that is shown."""
        self.pages.append(page)
        page.app = self
        self._show()

    def replace(self, page: Page) -> None:
        """Show a page in the place of the one that is shown, which is left for good."""
        self._leave()
        self.open(page)

    def back(self) -> None:
        """Leave the page that is shown, for the one below it; of the first page: close the window."""
        if len(self.pages) == 1:
            self.is_open = False
            return
        self._leave()
        self._show()

    def _leave(self) -> None:
        """Leave the page that is shown for good; what it has begun goes on to its end."""
        page = self.pages.pop()
        page.closed()
        thread = threading.Thread(target=page.joined, name="page that was left")
        self._leaving = [each for each in self._leaving if each.is_alive()] + [thread]
        thread.start()

    def quit(self) -> None:
        """Close the window after this turn."""
        self.is_open = False

    def _show(self) -> None:
        self.page.stale = True
        self.window.title = self.page.title
        self.point()
        self.page.shown()

    def point(self) -> None:
        """Show or hide the mouse pointer, as the page wants it."""
        pygame.mouse.set_visible(not self.page.hides_mouse)

    # --- events ---

    def handle(self, event: pygame.event.Event) -> None:
        """Handle one of Pygame's events: the window's own here, all others on the page that is shown."""
        for press in self.pads.handle(event):
            self._pad_pressed(press)
        if event.type in (pygame.QUIT, pygame.WINDOWCLOSE):
            self.quit()
        elif event.type in (pygame.VIDEORESIZE, pygame.WINDOWSIZECHANGED):
            self._resized()
        elif event.type == pygame.WINDOWEXPOSED:
            self.page.stale = True
        elif event.type == pygame.KEYDOWN:
            self._use_pad(hasattr(event, "pad_button"))
            key = key_of(event)
            self.keyboard.press(key)
            if key.command == "f11" or (getattr(event, "mod", 0) & pygame.KMOD_ALT and key.command in ENTER):
                self.keyboard.serve(key)
                self.toggle_full_screen()
                return
        elif event.type == pygame.KEYUP:
            self.keyboard.release(key_of(event))
        elif event.type == pygame.KEYMAPCHANGED:
            layout_of_keys.cache_clear()
        elif event.type == pygame.WINDOWFOCUSLOST:
            self.keyboard.clear()
        elif event.type == pygame.MOUSEMOTION:
            self.mouse = event.pos
        elif event.type in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP) and event.button == 1 and self._click(event):
            return
        elif event.type == pygame.CONTROLLERDEVICEREMOVED:
            self.notice.show("A gamepad is gone")
            self.page.pad_left()
        self.page.handle(event)

    def _click(self, event: pygame.event.Event) -> bool:
        """The mouse presses a key that is drawn, for as long as its button is down; False if there is none."""
        if event.type == pygame.MOUSEBUTTONDOWN and (name := self.page.key_at(event.pos)):
            self._clicked = Key(CLICKED, (name,), name)
            self.handle(press_event(self._clicked, down=True))
            return True
        if event.type == pygame.MOUSEBUTTONUP and self._clicked:
            key, self._clicked = self._clicked, None
            self.handle(press_event(key, down=False))
            return True
        return False

    def _pad_pressed(self, press: PadPress) -> None:
        """A gamepad's button presses a key: the game's while people play, else the window's."""
        self.handle(
            key_event(press, pad_key(press, self.page.pad_buttons(press.place), self.page.is_playing, self.page.pad_keys))
        )

    def _use_pad(self, in_use: bool) -> None:
        """A gamepad is in the hand, or the keyboard: pages show what can be pressed there."""
        if in_use != self.pad_in_use:
            self.pad_in_use, self.page.stale = in_use, True

    @property
    def button_labels(self) -> dict[str, str] | None:
        """The labels of a gamepad's buttons on pages, by the key that they press; None while keys are used."""
        return labels_of(playing=False, page_keys=self.page.pad_keys) if self.pad_in_use else None

    def mute(self) -> None:
        """Mute the sounds, or let them be heard again; kept in the settings."""
        self.sounds.muted = not self.sounds.muted
        self._sounds_changed()

    def louder(self, times: int) -> None:
        """Raise the volume by so many steps, or lower it; the sounds are heard again. Kept in the settings."""
        self.sounds.louder(times)
        self._sounds_changed()

    def _sounds_changed(self) -> None:
        self.settings_file.change(volume=self.sounds.volume, mute=self.sounds.muted)
        self.notice.show("Sound off" if self.sounds.muted else f"Sound on, volume {round(100 * self.sounds.volume)} %", 90)

    def toggle_full_screen(self) -> None:
        """Fill the screen, or return to a window."""
        self.is_full_screen = not self.is_full_screen
        if self.is_full_screen:
            self.window.set_fullscreen(desktop=True)
        else:
            self.window.set_windowed()
        self._resized()
        self.settings_file.change(full_screen=self.is_full_screen)

    def _resized(self) -> None:
        """Take the window's new surface. Setting the size here would interfere with the user's resizing."""
        self.surface = self.window.get_surface()
        self.page.stale = True
        if not self.is_full_screen:
            self.windowed_size = self.surface.get_size()


def _fitting(size: tuple[int, int] | None, desktop: tuple[int, int]) -> tuple[int, int] | None:
    """A window's size, or as much of it as the screen has."""
    return size and (min(size[0], desktop[0]), min(size[1], desktop[1]))
