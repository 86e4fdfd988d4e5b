"""The window of the menu. Callers need only `open_menu()`."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pygame

import games
from ui.application import App
from ui.catalogue import Catalogue
from ui.clock import TickSource
from ui.pages.home import HomePage
from ui.settings import SettingsFile, path_of
from ui.sound import Speaker


def menu(
    *,
    size: tuple[int, int] | None = None,
    runs: Path = Path("runs"),
    effects: bool = True,
    names: list[str] | None = None,
    speaker: Speaker | None = None,
    clock: TickSource | None = None,
    events: Callable[[], Iterable[pygame.event.Event]] | None = None,
) -> App:
    """An application that shows the menu.

    size: of the window, pixels; None: that of the last time.    runs: the folder of the user's runs.
    effects: glow and shadows in matches.    names: of the games; None: all that ship.
    speaker, clock and events: as in `App`.
    Raises `UserError` if there is no display.
    """
    settings = SettingsFile(path_of())
    page = HomePage(Catalogue(games.names() if names is None else names, settings, runs, effects))
    return App(page, size=size, speaker=speaker, settings=settings, clock=clock, events=events)


def open_menu(**given: object) -> None:
    """Show the menu until its window is closed. given: as in `menu`."""
    menu(**given).run()  # type: ignore[arg-type]
