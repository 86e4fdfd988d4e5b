"""The window's work while an agent plays the bot, without a screen: python -m speed.window_frames SECONDS TICKS GAME

Prints one JSON object: the seconds of work of each frame in 1280x720, at 60 ticks a second, with effects, without, and with
the agent's eye open; the ticks a second that the window kept with effects, for SECONDS; and of a match that goes on for TICKS
as fast as it can, every game kept, the process's memory as it went on.
"""

import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # before Pygame opens a display

import games
from agents.participants import best_at_hand
from games.core import TICKS_PER_SECOND
from games.engine.loader import Game
from games.pipes import outlive_reader
from ui.application import App
from ui.clock import Clock
from ui.seating import seat_of
from ui.seats import Seat
from ui.window import open_match

SIZE = (1280, 720)
LONGEST = 10.0  # seconds of frames without effects, and with the eye open
AT_ONCE, LOOKS = 30, 60  # ticks between two pictures of the long match, and pictures between two looks at the memory
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def match(game: Game, **settings: Any) -> App:
    """A window in which the best agent at hand plays the bot, loaded."""
    rivals = [Seat("scripted", "Bot", skill=0.5)] if game.players == 2 else []
    seats = [seat_of(best_at_hand(game, Path("runs")), game), *rivals]
    app = open_match(game, seats, seed=1, size=SIZE, **settings)
    app.page.load()  # type: ignore[attr-defined]
    return app


def frames(game: Game, seconds: float, **settings: Any) -> dict[str, Any]:
    """Of a window with these settings, the seconds of work of each frame, the ticks a second, and the ticks dropped."""
    app = match(game, **settings)
    clock, work, ticks = Clock(), [], 0
    for _ in range(TICKS_PER_SECOND):  # fonts and pictures are made
        app.turn(clock.wait())
    clock.restart()
    begun = time.perf_counter()
    while ticks < seconds * TICKS_PER_SECOND:
        due = clock.wait()
        before = time.perf_counter()
        app.turn(due)
        work.append(time.perf_counter() - before)
        ticks += due
    elapsed = before - begun
    app.close()
    return {"work": work, "rate": ticks / elapsed, "dropped": clock.dropped, "late": _late(app)}


def _late(app: App) -> int:
    """Decisions of the last game that were late."""
    board = app.page.match.boards[0]  # type: ignore[attr-defined]
    return sum(board.late(seat) for seat in range(len(board.seats)))


def memory(game: Game, ticks: int) -> dict[str, Any]:
    """The process's bytes at each look while a match goes on for so many ticks, and the games that were played."""
    found = []
    with tempfile.TemporaryDirectory(prefix="sparring-match-") as folder:
        app = match(game, replays=Path(folder))
        for number in itertools.count():
            if number % LOOKS == 0:
                found.append(resident())
            if number * AT_ONCE >= ticks:
                break
            app.turn(AT_ONCE)
        played = app.page.match.played  # type: ignore[attr-defined]
        app.close()
    return {"bytes": found, "games": played, "ticks_between": AT_ONCE * LOOKS}


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell as Linux does."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0


def main(seconds: float, ticks: int, name: str) -> dict[str, Any]:
    """All figures."""
    game = games.load(name)
    short = min(seconds, LONGEST)
    return {
        "effects": frames(game, seconds),
        "plain": frames(game, short, effects=False),
        "eye": frames(game, short, eye=True),
        "memory": memory(game, ticks),
    }


if __name__ == "__main__":
    outlive_reader()
    print(json.dumps(main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
