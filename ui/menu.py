"""The window of the menu. Callers need only `open_menu()`."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pygame

import games
from ui.application import App
from ui.clock import TickSource
from ui.library import Library
from ui.pages.home import HomePage
from ui.settings import LEAST_SIDE, MOST_SIDE, SettingsFile, path_of


def menu(
    *,
    size: tuple[int, int] | None = None,
    runs: Path = Path("runs"),
    effects: bool = True,
    names: list[str] | None = None,
    clock: TickSource | None = None,
    events: Callable[[], Iterable[pygame.event.Event]] | None = None,
) -> App:
    """An application that shows the menu.

    size: of the window, pixels; None: that of the last time.    runs: the folder of the user's runs.
    effects: glow and shadows in matches.    names: of the games; None: all that ship.    clock and events: as in `App`.
    Raises `UserError` if there is no display.
    """
    settings = SettingsFile(path_of())
    page = HomePage(Library(games.names() if names is None else names, settings, runs, effects and settings.settings.effects))
    app = App(page, size=size or settings.settings.size, clock=clock, events=events)
    if settings.settings.full_screen:
        app.toggle_full_screen()
    return app


def open_menu(**given: object) -> None:
    """Show the menu until its window is closed, then keep the window's size. given: as in `menu`."""
    app = menu(**given)  # type: ignore[arg-type]
    try:
        app.run()
    finally:
        page = app.pages[0]
        assert isinstance(page, HomePage)
        width, height = (min(max(side, LEAST_SIDE), MOST_SIDE) for side in app.windowed_size)
        page.library.settings.change(size=(width, height), full_screen=app.is_full_screen)
        page.library.settings.close()
