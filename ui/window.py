"""The window of a match. Callers need only `play(game, seats)`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pygame

from games.engine.loader import Game
from ui.application import App
from ui.clock import TickSource
from ui.display import open_display
from ui.match import Match, check_seats
from ui.pages.kept_match import KeptMatchPage
from ui.seats import Seat
from ui.settings import SettingsFile
from ui.sound import Speaker


def open_match(
    game: Game,
    seats: Sequence[Seat],
    *,
    size: tuple[int, int] | None = None,
    speaker: Speaker | None = None,
    kept: SettingsFile | None = None,
    clock: TickSource | None = None,
    events: Callable[[], Iterable[pygame.event.Event]] | None = None,
    **settings: Any,
) -> App:
    """An application that shows a match and ends with it.

    seats and settings: as in `KeptMatchPage`.    size, speaker, clock and events: as in `App`, and `kept`: its settings.
    Raises `UserError` if there is no display or the seats do not fit the game.
    """
    check_seats(game, seats)
    open_display()
    page = KeptMatchPage(game, seats, **settings)
    return App(page, size=size, speaker=speaker, settings=kept, clock=clock, events=events)


def play(game: Game, seats: Sequence[Seat], **settings: Any) -> Match | None:
    """Open a window and play until it is closed; returns the match (None: closed before it began).

    seats and settings: as in `open_match`.
    """
    app = open_match(game, seats, **settings)
    page = app.page
    assert isinstance(page, KeptMatchPage)
    app.run()
    return page.match
