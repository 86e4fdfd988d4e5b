"""play.py with somebody at its keys, who begins at once: python -m speed.window_start KEYS GAME SEAT…

Prints one JSON object: when the window was there, when it could begin, when the first tick was drawn (seconds since the epoch);
the longest turn of the window's loop in the first second of play, and the delays of KEYS keys from press to picture (seconds).
"""

import json
import random
import sys
import threading
import time
from typing import Any

import pygame

import play
from games.pipes import outlive_reader
from ui import window
from ui.application import App
from ui.match import Match
from ui.pages.match import PLAYING, READY, MatchPage

LOOK = 60  # ticks of play in which the longest turn is looked for
REST, SPREAD = 0.15, 0.1  # seconds between keys: at least, and by chance more, so that they hit all parts of a tick


class Watched(App):
    """The window, which presses Enter as soon as it may, and ends by itself."""

    found: dict[str, Any] = {}
    keys = 0  # to press
    pressed_at: float | None = None  # the key that has not been seen yet

    def turn(self, ticks: int) -> None:
        began = time.perf_counter()
        super().turn(ticks)
        now = time.perf_counter()
        self.found.setdefault("window", time.time())
        page = self.page
        assert isinstance(page, MatchPage)
        if page.mode == READY and "ready" not in self.found:
            self.found["ready"] = time.time()
            page.counts_down = False  # the seconds until one can play, without those that give people time
            post(pygame.K_RETURN, pygame.KSCAN_RETURN)
        elif page.mode == PLAYING and page.match and page.ticks:
            if "tick" not in self.found:
                self.found |= {"tick": time.time(), "longest": 0.0, "keys": []}
                threading.Thread(target=self.press, args=(page.match,), daemon=True).start()
            if page.ticks <= LOOK:
                self.found["longest"] = max(self.found["longest"], now - began)
            self.look(now, page.match)
            if page.ticks > LOOK and len(self.found["keys"]) >= self.keys:
                self.quit()

    def press(self, match: Match) -> None:
        """Press and release the first key of the game, again and again, at times by chance."""
        name = next(iter(match.inputs[0].keys))
        code = pygame.key.key_code(name)
        while len(self.found["keys"]) < self.keys:
            time.sleep(REST + SPREAD * random.random())
            self.pressed_at = time.perf_counter()
            post(code, 0)
            time.sleep(REST)
            post(code, 0, pygame.KEYUP)

    def look(self, now: float, match: Match) -> None:
        """Whether the picture that was just drawn is the first with the key's action."""
        board = match.boards[0]
        [(seat, person)] = board.inputs.items()
        action = next(iter(person.actions.values()))
        if self.pressed_at is not None and board.batch.slots["held"][0, seat] == board._to_world[action]:
            self.found["keys"].append(now - self.pressed_at)
            self.pressed_at = None


def post(key: int, place: int, kind: int = pygame.KEYDOWN) -> None:
    pygame.event.post(pygame.event.Event(kind, key=key, scancode=place, mod=0, unicode=""))


if __name__ == "__main__":
    outlive_reader()
    Watched.keys = int(sys.argv[1])
    window.App = Watched  # type: ignore[misc]
    sys.argv[1:2] = []
    code = play.main()
    print(json.dumps(Watched.found))
    sys.exit(code)
