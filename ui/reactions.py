"""`Reactions`: the window's answers to what happens in a match, tick by tick: lights in the pictures, counts and sounds."""

from collections.abc import Callable
from functools import partial

from ui.application import App
from ui.foot import LOUDER, LOUDER_TOO, MUTE, QUIETER, Rows
from ui.highlights import Highlights
from ui.match import Match
from ui.screen import Screen
from ui.soundtrack import Soundtrack

A_MOMENT = 30  # ticks that the last picture is shown before the result
LINE_MOMENT = 100  # the same where a line has won and is shown


class Reactions:
    """Follows the match of a page."""

    def __init__(self, screen: Screen, app: App):
        self.screen, self.sounds = screen, app.sounds
        self.highlights = Highlights(screen.cast)
        self.soundtrack = Soundtrack(self.sounds, screen.cast, self.highlights)
        self._announced = False
        louder = partial(app.louder, 1)
        keys: dict[str, Callable[[], None]] = {
            MUTE: app.mute,
            QUIETER: partial(app.louder, -1),
            LOUDER: louder,
            LOUDER_TOO: louder,
        }
        self.commands = keys if self.sounds.is_heard else {}  # keys of the sounds, and what they do

    def begin(self) -> None:
        """Another game begins."""
        self.highlights.begin()
        self._announced = False
        for scene in self.screen.scenes:
            scene.clear()

    def follow(self, match: Match) -> bool:
        """Answer a tick, of play or of the time after it; True if the pictures have changed."""
        pictures, changed = self.screen.follow(match)
        for picture, moments in enumerate(pictures):
            self.highlights.follow(picture, moments)
            self.soundtrack.follow(picture, moments)
        if match.result and not self._announced and all(scene.is_settled for scene in self.screen.scenes):
            self._announced = True
            self.highlights.game_over(match)
            self.soundtrack.result(match)
        return changed

    @property
    def last_picture(self) -> int:
        """Ticks that the last picture of a game is shown before its result."""
        shown = any(scene.has_won_line or not scene.is_settled for scene in self.screen.scenes)
        return LINE_MOMENT if shown else A_MOMENT

    def sound_rows(self) -> Rows:
        """The keys of the sounds and what they do now; none where there are no sounds."""
        if not self.sounds.is_heard:
            return []
        volume = f"volume {round(100 * self.sounds.volume)} %"
        return [([MUTE], "sound on" if self.sounds.muted else "mute"), ([QUIETER, LOUDER], volume)]
