"""`Catalogue`: the games of the menu and all that it shows of them, loaded in a thread beside the first picture."""

import contextlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import games
from games.errors import UserError
from ui.settings import SettingsFile

if TYPE_CHECKING:  # they import numba, which loads behind the first picture
    from games.engine.loader import Game
    from ui.miniature import Miniature
    from ui.opponents import Opponents
    from ui.progress import Progress

SEED = 7  # of the miniatures
PLAYING_LEVELS = (-1, -2)  # of a ladder, those that play a miniature: the best two


class Entry:
    """A game of the menu. `game` and what belongs to it is there when `is_ready`; `failure` says what prevented that."""

    def __init__(self, name: str):
        self.name, self.heading = name, games.heading(name)
        self.failure = ""
        self.is_ready = False
        self.game: Game
        self.opponents: Opponents
        self.progress: Progress
        self.miniature: Miniature | None = None  # a while after the rest: it compiles the game

    @property
    def beaten(self) -> int:
        """The number of opponents of the row that are beaten."""
        return sum(self.progress.has_beaten(each.seat) for each in self.opponents.steps)


class Catalogue:
    """The menu's games, the user's settings and the folder of their runs."""

    def __init__(self, names: list[str], settings: SettingsFile, runs: Path = Path("runs"), effects: bool = True):
        """effects: glow and shadows in matches, where the settings do not say otherwise."""
        self.settings, self.runs, self._effects = settings, runs, effects
        self.entries = [Entry(name) for name in names]
        self.changed = False  # something has loaded since a page looked
        self._cancelled = False
        self._thread = threading.Thread(target=self._load, name="catalogue")
        self._levels_thread = threading.Thread(target=self._seat_levels, name="levels of the catalogue")

    @property
    def effects(self) -> bool:
        """Glow and shadows in matches."""
        return self._effects and self.settings.settings.effects

    @property
    def match_settings(self) -> dict[str, Any]:
        """The settings of the pages of matches (`KeptMatchPage`)."""
        from ui.replays import folder_of  # late: it imports numba

        return {"effects": self.effects, "countdown": True, "replays": folder_of()}

    @property
    def notice(self) -> str:
        """A trouble that people should know of; empty if there is none."""
        kept = [entry.progress.notice for entry in self.entries if entry.is_ready]
        return next((each for each in [self.settings.notice, *kept] if each), "")

    def start(self) -> None:
        """Begin to load, unless it has begun."""
        if self._thread.ident is None:
            self._thread.start()

    def seat_levels(self) -> None:
        """Let levels play the miniatures of games that have a ladder, once all is loaded and a match has loaded torch."""
        all_loaded = self._thread.ident is not None and not self._thread.is_alive()
        if all_loaded and "torch" in sys.modules and self._levels_thread.ident is None:
            self._levels_thread.start()

    def join(self) -> None:
        """Wait until all is loaded, if it has begun."""
        for thread in (self._thread, self._levels_thread):
            if thread.ident is not None:
                thread.join()

    def cancel(self) -> None:
        """Stop loading as soon as possible."""
        self._cancelled = True
        from games.engine import precompile

        for entry in self.entries:
            if entry.is_ready:
                precompile.cancel(entry.game)

    def _load(self) -> None:
        for load in (self._load_game, self._load_miniature):
            for number, entry in enumerate(self.entries):
                if self._cancelled:
                    return
                if not entry.failure:
                    load(entry, number)
                    self.changed = True

    def _load_game(self, entry: Entry, _: int) -> None:
        from ui.opponents import opponents_of
        from ui.progress import Progress

        try:
            entry.game = games.load(entry.name)
            entry.opponents = opponents_of(entry.game, self.runs)
            entry.progress = Progress(entry.game)
            entry.is_ready = True
        except Exception as error:  # of one game: the menu goes on with the others
            entry.failure = str(error) or type(error).__name__

    def _load_miniature(self, entry: Entry, number: int) -> None:
        from games.engine import precompile
        from ui.miniature import Miniature

        precompile.compile_in_background(entry.game, "step_slice", ("frame_slice",))
        while not self._cancelled:
            try:
                entry.miniature = Miniature(entry.game, SEED + number)
                return
            except precompile.Cancelled:  # a match of this game was left while it compiled
                continue
            except Exception as error:
                entry.failure, entry.is_ready = str(error) or type(error).__name__, False
                return

    def _seat_levels(self) -> None:
        from agents.play.ladder import is_level
        from games.engine import precompile
        from ui.loading import rehearse
        from ui.seating import seat_of

        for entry in self.entries:
            levels = [each.seat for each in entry.opponents.steps if is_level(each.seat)] if entry.is_ready else []
            if self._cancelled or len(levels) < 2 or entry.miniature is None:
                continue
            with contextlib.suppress(UserError, precompile.Cancelled):  # a damaged ladder: the bots play on
                named = [levels[k] for k in PLAYING_LEVELS[: entry.game.players]]
                seats = [seat_of(name, entry.game, runs=self.runs) for name in named]
                rehearse(entry.game, seats, SEED)  # loads and compiles all that they need
                entry.miniature.successors = seats
