"""The page of a match that can be rewound and taken over, and whose games, pictures and clips are kept."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pygame

from games.core import TICKS_PER_SECOND
from games.engine.loader import Game
from ui.foot import CLIP, KEPT_FOOT, PICTURE, REWIND, TAKE_OVER, Rows
from ui.keepsakes import Keepsakes
from ui.match import Match
from ui.pages.match import PAUSED, PLAYING, MatchPage
from ui.replays import Keeper
from ui.seats import Seat
from ui.take_over import TakeOver
from ui.verdict import NOT_RATED, PRACTICE

REWIND_PACE = 3  # ticks of the game that one tick goes back
MOVE_PACE = 18  # ticks in which one move goes back, in games of turns
HELD = 20  # ticks for which the key must be held in a pause until it does more than a single step


class KeptMatchPage(MatchPage):
    """A match as on `MatchPage`, with keys to rewind it, to take a seat over, and to keep a picture or the last seconds."""

    pad_keys = MappingProxyType({"lefttrigger": REWIND, "leftstick": TAKE_OVER, "righttrigger": CLIP})

    def __init__(
        self,
        game: Game,
        seats: Sequence[Seat],
        *,
        replays: Path | None = None,
        begin: Callable[[Match], None] | None = None,
        **settings: Any,
    ):
        """seats and settings: as in `MatchPage`.    replays: the folder in which games are kept; None: they are not.

        begin: called with the match, in the loader's thread, before it is shown.
        """
        super().__init__(game, seats, **settings)
        self._loader.begin = begin
        self._replays, self.keeper = replays, Keeper(replays, self.tell) if replays else None
        self.keepsakes = Keepsakes(self.tell)
        self.guests: TakeOver | None = None
        self._rewinding = 0  # ticks for which the key has been held
        self._commands |= {
            REWIND: self._rewind_key,
            TAKE_OVER: self._take_over,
            PICTURE: self._picture,
            CLIP: self._clip,
        }

    def before(self) -> None:
        """As soon as the match is there, keep its games."""
        super().before()
        if self.match and self.guests is None:
            self.guests = TakeOver(self.match)
            self.match.when_left = self.keeper.keep if self.keeper else None

    def closed(self) -> None:
        """Keep an unfinished game too."""
        if self.match:
            self.match.leave()
            self.match.when_left = None
        super().closed()

    def joined(self) -> None:
        """Wait for the loader, and until all is written."""
        super().joined()
        if self.keeper:
            self.keeper.close()
        self.keepsakes.close()

    def swap(self) -> None:
        """Begin a new game with the sides exchanged; the last one has been kept."""
        if self.match:
            self.match.leave()
            self.match.when_left = None
        self.guests = None
        super().swap()

    def _passed_on(self) -> dict[str, Any]:
        return {**super()._passed_on(), "replays": self._replays}

    # --- rewinding ---

    @property
    def is_rewinding(self) -> bool:
        """Whether the pictures run backwards."""
        return self._rewinding > 0

    def _rewind_key(self) -> None:
        """The key is held; in a pause it goes back by a single step first."""
        if self.mode not in (PLAYING, PAUSED):
            return
        self._rewinding = 1
        if self.mode == PLAYING:
            self.reactions.highlights.begin()
        else:
            self._stepped = True
        self._back(1)

    def tick(self) -> None:
        """A tick of the match's page; in a pause the key that rewinds may be held too."""
        super().tick()
        if self.mode == PAUSED and self._rewinding and not self._hold(HELD):
            self._rewinding, self.stale = 0, True

    def _hold(self, wait: int) -> bool:
        """A tick in which the key may be held; False if it is not. wait: ticks until it goes on."""
        if not any(key.command == REWIND for key in self.app.keyboard.down.values()):
            return False
        self._rewinding += 1
        if not self.game.turns and self._rewinding > wait:
            self._back(REWIND_PACE)
        elif self.game.turns and self._rewinding % MOVE_PACE == 0:
            self._back(1)
        self.stale = True
        return True

    def _back(self, ticks: int) -> bool:
        """Go back, with pictures and no lights; False where it ends."""
        assert self.match
        went = self.match.rewind(ticks)
        self.screen.follow(self.match)
        for scene in self.screen.scenes:
            scene.clear()
        self.stale = True
        return went

    def _advance(self, match: Match) -> None:
        """A tick of play, or of rewinding."""
        if not self._rewinding:
            super()._advance(match)
        elif not self._hold(0):
            self._rewinding = 0
            while match.inputs and self.game.turns and not match.boards[0].waits_for_person and self._back(1):
                pass  # to a person's move: a machine would make its move again at once

    def _become(self, mode: str) -> None:
        self._rewinding = 0
        super()._become(mode)

    # --- taking over, keeping ---

    def _take_over(self) -> None:
        if self.mode not in (PLAYING, PAUSED) or not self.match or not self.guests:
            return
        participant = self.guests.next_participant()
        self.guests.exchange(participant)
        self._seats_changed(self.match, self.guests)
        self.hands.hold(self.app.keyboard)
        self.app.notice.show(self._told(participant), 150)

    def _seats_changed(self, match: Match, guests: TakeOver) -> None:
        """Show the keys of those who are people now, and take their keys and pointer."""
        self.screen.cast.people[:] = [k for k in range(len(self.seats)) if guests.is_person(k)]
        self.hands.take_match(match)

    def _told(self, participant: int) -> str:
        name = self.seats[participant].name
        practice = "" if self._is_watched else f". This game is {PRACTICE}"
        buttons = self.app.button_labels
        key = f"{buttons[TAKE_OVER]}, in a pause," if buttons else "Tab"
        if name == "You":
            return f"You play. {key} gives the seat back{practice}"
        return f"{name} plays. {key} takes the seat over{practice}"

    def restart(self) -> None:
        """Begin a new game, in which everybody has their own seat again."""
        if self.match and self.guests and self.match.guests:
            self.guests.give_all_back()
            self._seats_changed(self.match, self.guests)
        super().restart()

    @property
    def _is_watched(self) -> bool:
        """Whether nobody's result is at stake: no seat is a person's."""
        return not any(seat.kind == "human" for seat in self.seats)

    def _picture(self) -> None:
        """Keep the window's picture; in a pause that of the match, without the page over it."""
        surface = self.app.surface
        if self.mode == PAUSED:
            surface, self._stepped, self.stale = surface.copy(), True, True
            self.draw(surface)
            self.stale = True
        self.keepsakes.picture(surface, self.game.name)

    def _clip(self) -> None:
        if self.match and self.match.ticks:
            self.keepsakes.clip(self.match, self.screen.scenes[0].with_effects)

    # --- drawing ---

    def _label(self, stage: pygame.Surface, match: Match) -> None:
        """Say that time runs backwards, and what that means for a rating."""
        if not self.is_rewinding:
            super()._label(stage, match)
            return
        left = len(match.history)
        text = f"{left} moves left" if self.game.turns else f"{left / TICKS_PER_SECOND:.1f} s left"
        lines = [text if left else "this is as far as it goes"]
        if any(seat.adaptive for seat in self.seats):
            lines.append(NOT_RATED)
        elif match.contest and not self._is_watched:
            lines.append(PRACTICE)
        self.screen.label(stage, "Rewind", lines)

    def _foot(self) -> Rows | None:
        rows = super()._foot()
        return [*rows, *KEPT_FOOT[:1]] if rows and self._is_looking else rows

    def _paused_foot(self) -> Rows:
        return [*super()._paused_foot(), *KEPT_FOOT]
