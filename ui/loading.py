"""`Loader`: prepares a match in a thread, so that nothing is compiled or decided for the first time while people play."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from games.engine import precompile
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from ui.match import Match
from ui.seats import Seat

REHEARSAL = 2000  # ticks of a rehearsal at most; it ends as soon as every agent has decided


class Loader:
    """Loads the agents, compiles the game and rehearses. Compiling begins when it is made, in processes of their own."""

    def __init__(self, game: Game, seats: Sequence[Seat], seed: int, levels: Levels = ANY):
        self.game, self.seats, self.seed, self.levels = game, list(seats), seed, levels
        self.begin: Callable[[Match], Any] | None = None  # called with the match before it is shown
        self._match: Match | None = None
        self._failure: BaseException | None = None
        self._cancelled = False
        self._thread = threading.Thread(target=self._run, name="loader")
        precompile.compile_in_background(game, "step_slice", *loops_of(game, seats))

    def start(self, frame: Callable[[Match], Any]) -> None:
        """Begin. frame: makes the pictures of a match once, so that drawing is compiled too."""
        self._frame = frame
        self._thread.start()

    @property
    def has_begun(self) -> bool:
        """Whether `start` has been called."""
        return self._thread.ident is not None

    def is_alive(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait until it has finished, if it has begun.

        A thread that still loads torch when Python ends would abort the process; it cannot be interrupted in an import.
        """
        if self.has_begun:
            self._thread.join()

    def match(self) -> Match:
        """The match, once it has finished; raises what prevented it."""
        if self._failure:
            raise self._failure
        assert self._match
        return self._match

    def cancel(self) -> None:
        """Stop as soon as possible; nothing happens if it has finished. `join` waits for it."""
        self._cancelled = True
        precompile.cancel(self.game)

    def _run(self) -> None:
        try:
            self._load()
        except precompile.Cancelled:
            pass
        except BaseException as failure:  # raised again in the window's thread
            self._failure = failure

    def _load(self) -> None:
        for seat in self.seats:
            self._check()
            if seat.load:
                seat.load()  # torch loads here, while the processes compile
        self._check()
        match = Match(self.game, self.seats, self.seed, self.levels, patient=False)
        self._check()
        rehearse(self.game, self.seats, self.seed, self._check, self.levels)
        if self.begin:
            self.begin(match)
        self._frame(match)
        self._match = match

    def _check(self) -> None:
        if self._cancelled:
            raise precompile.Cancelled


def loops_of(game: Game, seats: Sequence[Seat]) -> list[tuple[str, ...]]:
    """The kernel's loops that draw and observe, in a tuple for one process: they share the game's `draw`."""
    seen = sorted({f"{seat.observation}_slice" for seat in seats if seat.observation})
    return [(*seen, "frame_slice", *(("mask_slice",) if game.has_legal or game.turns or game.spots else ()))]


def rehearse(
    game: Game, seats: Sequence[Seat], seed: int, check: Callable[[], None] = lambda: None, levels: Levels = ANY
) -> None:
    """Play a match that nobody sees until every agent has decided once, the game's bot in the place of people.

    check: called before every tick; may raise.
    """
    stand_ins = [replace(seat, kind="scripted", skill=0.5) if seat.kind == "human" else seat for seat in seats]
    stand_ins = [replace(seat, adaptive=None) for seat in stand_ins]  # it hears nothing of a rehearsal
    match = Match(game, stand_ins, seed, levels)
    for _ in range(REHEARSAL):
        if match.all_have_decided or match.result:
            break
        check()
        match.tick()
    if game.has_legal or game.turns or game.spots:
        match.boards[0].may(0, 0)
