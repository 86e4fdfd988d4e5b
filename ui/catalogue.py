"""`Catalogue`: the games of the menu and all that it shows of them, loaded in a thread beside the first picture."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import games
from ui.settings import SettingsFile

if TYPE_CHECKING:  # they import numba, which loads behind the first picture
    from games.engine.loader import Game
    from ui.miniature import Miniature
    from ui.opponents import Opponents
    from ui.progress import Progress

SEED = 7  # of the miniatures


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
        """effects: glow and shadows in matches."""
        self.settings, self.runs, self.effects = settings, runs, effects
        self.entries = [Entry(name) for name in names]
        self.changed = False  # something has loaded since a page looked
        self._cancelled = False
        self._thread = threading.Thread(target=self._load, name="catalogue")

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

    def join(self) -> None:
        """Wait until all is loaded, if it has begun."""
        if self._thread.ident is not None:
            self._thread.join()

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
