"""`MatchFlow`: how a match's page comes from loading to a game, from there to its result, and on to the next."""

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.errors import UserError
from ui.application import Page
from ui.challenge import Challenge
from ui.choices import Choices
from ui.countdown import Countdown
from ui.eye import Eye
from ui.hands import Hands
from ui.layout import window_size
from ui.loading import Loader
from ui.match import Match, between, check_seats
from ui.pages.notice import NoticePage
from ui.reactions import Reactions
from ui.screen import Screen
from ui.seats import Seat, with_distinct_names

LOADING, READY, COUNTING, PLAYING, PAUSED, OVER = "loading", "ready", "counting", "playing", "paused", "over"


class MatchFlow(Page):
    """A match and what is before, between and after its games; `mode`: loading, ready, counting, playing, paused or over."""

    def __init__(
        self,
        game: Game,
        seats: Sequence[Seat],
        *,
        seed: int | None = None,
        levels: Levels = ANY,
        games: int | None = None,
        effects: bool = True,
        ready: bool = True,
        countdown: bool = False,
        eye: bool = False,
        challenge: Challenge | None = None,
    ):
        """seats: one participant for each seat of the game; for a game of one seat, one, or two who race.

        seed: of the episodes; None: a random one.    levels: that are played.    games: leave after so many games.
        effects: glow, shadows and lights that answer what happens.
        ready: if a person plays, begin with a page of rules and keys.
        countdown: if a person plays, and the game does not wait for them, count 3, 2, 1 before play begins or goes on.
        eye: begin with the agent's eye open.    challenge: hears of results, and knows the next opponent.
        Raises `UserError` if the seats do not fit the game.
        """
        check_seats(game, seats)
        self.game, self.games, self.effects, self.challenge, self._greet = game, games, effects, challenge, ready
        self.seed = secrets.randbelow(2**31) if seed is None else seed
        self.countdown, self.counts_down = Countdown(), countdown and not game.turns
        self._sit(seats, eye)
        self._loader = Loader(game, self.seats, self.seed, levels)  # compiling begins now
        self.choices = Choices(self.screen.text)
        self.mode = LOADING
        self.match: Match | None = None
        self.reactions: Reactions  # once the page is shown: sounds are the application's
        self.slow = False
        self.ticks = 0  # since the mode changed

    def _sit(self, seats: Sequence[Seat], eye: bool) -> None:
        """Set who plays, and what draws them."""
        self._given, self.seats = list(seats), with_distinct_names(self.game, seats)
        self.screen = Screen(self.game, self.seats, self.effects)
        self.hands = Hands(self.game, self.screen)
        self.eye = Eye(self.game, self.seats, eye)
        self.title = f"{self.game.heading}: {f' {between(self.game)} '.join(seat.name for seat in self.seats)}"

    @property
    def is_first(self) -> bool:
        """Whether the window closes when this page is left."""
        return self.app.pages[0] is self

    @property
    def leave_word(self) -> str:
        """The word for leaving this page."""
        return "quit" if self.is_first else self.app.pages[self.app.pages.index(self) - 1].way_back

    @property
    def has_person(self) -> bool:
        """Whether somebody is there who chooses what follows a game: also while a machine plays their seat."""
        return bool(self.people) or any(seat.kind == "human" for seat in self.seats)

    @property
    def people(self) -> list[int]:
        """The numbers of the participants that are people."""
        return self.screen.cast.people

    def size(self, desktop: tuple[int, int]) -> tuple[int, int]:
        """The size of a window that opens with this page, pixels."""
        return self.eye.widened(window_size(self.screen.cast.pictures, desktop), desktop)

    def shown(self) -> None:
        """Take the people's keys, which another page may have changed."""
        self.hands.take_settings(self.app.settings_file)
        if not hasattr(self, "reactions"):
            self.reactions = Reactions(self.screen, self.app)

    def closed(self) -> None:
        """Stop loading, as soon as possible."""
        self._loader.cancel()

    def joined(self) -> None:
        """Wait for the loader's thread, and that which looks for newer agents."""
        self._loader.join()
        for seat in self.seats:
            if seat.run:
                seat.run.close()

    def _become(self, mode: str) -> None:
        """Change the mode."""
        raise NotImplementedError

    # --- before a game ---

    def _begin(self) -> None:
        """Let play begin or go on: after the countdown, if there is one. Keys that are held by then count as held."""
        if self.counts_down and self.people:
            self.countdown.begin()
            self._become(COUNTING)
        else:
            self._become(PLAYING)

    def _count(self) -> None:
        """A tick of the countdown."""
        if sound := self.countdown.tick():
            self.app.sounds.play(sound)
        self.stale = True
        if not self.countdown.left:
            self._become(PLAYING)

    def load(self, wait: bool = True) -> None:
        """Compile the game and load the agents in a thread, so that the window stays responsive."""
        self._loader.start(self._frame)
        if wait:
            self._loader.join()
            self.before()

    def before(self) -> None:
        """Load after the first picture, and begin when everything is loaded."""
        if self.mode != LOADING or self._loader.is_alive():
            return
        if self._loader.has_begun:
            try:
                self.match = self._loader.match()
            except UserError as error:
                if self.is_first:
                    raise
                self.app.replace(NoticePage(f"{self.game.heading} cannot begin", str(error)))
                return
            self.hands.take_match(self.match)
            self.eye.follow(self.match)
            if self._greet and self.people:
                self._become(READY)
            else:
                self._begin()
        elif not self.stale:
            self.load(wait=False)

    def _frame(self, match: Match) -> None:
        for board in match.boards:
            self.screen.painter.frame(board.batch)  # compiles drawing now, not at the first picture

    # --- after a game ---

    def _end(self, match: Match) -> None:
        """A game is over: keep its result, and offer what may follow."""
        if self.challenge:
            self.challenge.count(match)
        self.choices.offer(self._offers(match))
        self._become(OVER)

    def _offers(self, match: Match) -> dict[str, Callable[[], None]]:
        """The choices after a game: the text of each, and what it does. Who has won meets the next opponent first."""
        leave = {self.leave_word.capitalize(): self.app.back}
        if self._enough():
            return leave
        offers: dict[str, Callable[[], None]] = {"Rematch": self.next}
        if self.game.players == 2:
            offers["Swap sides"] = self.swap
        if self.challenge and (following := self.challenge.following):
            further: dict[str, Callable[[], None]] = {f"Next: {following.opponent.title}": lambda: self._go_on(following)}
            winner = match.result.winner if match.result else None
            has_won = winner is not None and match.seats[winner].kind == "human"
            offers = {**further, **offers} if has_won else {**offers, **further}
        return {**offers, **leave}

    def _with(self, challenge: Challenge) -> Page:
        """A page of the match with another opponent."""
        return type(self)(self.game, challenge.seats(), challenge=challenge, **self._passed_on())

    def _passed_on(self) -> dict[str, Any]:
        """The settings that a match with another opponent keeps."""
        return {"effects": self.effects, "countdown": self.counts_down}

    def _go_on(self, challenge: Challenge) -> None:
        """Meet the next opponent of the row."""
        try:
            page = self._with(challenge)
        except UserError as error:
            page = NoticePage(f"{challenge.opponent.title} cannot play", str(error))
        self.app.replace(page)

    def _enough(self) -> bool:
        """Whether as many games have been played as were asked for."""
        return self.match is not None and self.games is not None and self.match.played >= self.games

    def next(self) -> None:
        """After a game: begin another one, or leave after the last one."""
        if self._enough():
            self.app.back()
        else:
            self.restart()

    def restart(self) -> None:
        """Begin a new game; leave instead if a race counted as lost by that was the last of `games`."""
        if not self.match:
            return
        lost = self.match.person_has_lost
        if lost and self.challenge:
            self.challenge.count(self.match)
        self.match.restart()
        self.reactions.begin()
        if lost and self._enough():
            self.app.back()
        else:
            self._begin()

    def swap(self) -> None:
        """Begin a new game in which the two have changed their places; the score goes on."""
        before = self.match
        assert before
        self._sit(self._given[::-1], self.eye.page is not None)
        self.seed += 1
        self.match = Match(self.game, self.seats, self.seed, self._loader.levels, patient=False)
        self.match.wins, self.match.best = before.wins[::-1], before.best[::-1]
        self.match.draws, self.match.played, self.match.points = before.draws, before.played, before.points
        self.hands.take_settings(self.app.settings_file)
        self.hands.take_match(self.match)
        self.eye.follow(self.match)
        self.reactions = Reactions(self.screen, self.app)
        self.app.window.title = self.title
        self._begin()
        if self.match.boards[0].flipped:
            self.app.notice.show("Sides are swapped. You are still on the left: the picture is turned.")
