"""Whatever people do, in whatever order: the window goes on, Escape leads back, and each game that was kept is reproduced.

A state machine posts events of keyboard, mouse, gamepad and window to the menu of three games, and lets time pass.
"""

import contextlib
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import platformdirs
import pygame
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import games
from agents import participants
from games.replay.playback import Playback
from tests.ui.test_window import key
from ui import keepsakes, replays
from ui.application import App
from ui.display import open_display
from ui.menu import menu
from ui.pads import BUTTONS, PadPress
from ui.pages.home import HomePage
from ui.pages.match_flow import LOADING, PLAYING, MatchFlow
from ui.pages.replay import ReplayPage

KEYS = [
    *("up", "down", "left", "right", "w", "s", "a", "d", "return", "space", "escape", "tab", "backspace", "delete", "home"),
    *"1234567", "p", "q", "r", "v", "c", "m", ",", ".", "-", "=", "f11", "f12",
]  # fmt: skip
NAMES = ["connect_four", "breakout", "pong"]
# Where an example begins, and the game that has the focus first.
BEGINNINGS = [("match", "pong"), ("rewound", "pong"), ("result", "connect_four"), ("match", "breakout"), ("menu", "pong")]
SIZES = [(320, 240), (200, 200), (640, 360), (240, 500), (500, 210)]
LONGEST_TURN, LONGEST_WAIT = 5.0, 60.0  # seconds of the processor, and by the clock on a busy machine: many times what it takes
BACK = 30  # keys with which anybody finds the way out
TIMES = st.integers(1, 3)
PLACES = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0))


class Window(RuleBasedStateMachine):
    """The menu and all that it leads to. The user's folders are new ones in each example."""

    app: App

    def __init__(self) -> None:
        super().__init__()
        self.around = contextlib.ExitStack()
        self.down: set[str] = set()  # keys

    @initialize(begins=st.sampled_from(BEGINNINGS))
    def begin(self, begins: tuple[str, str]) -> None:
        where, self.first = begins
        self.folder = Path(self.around.enter_context(tempfile.TemporaryDirectory()))
        for kind in ("data", "config", "pictures", "videos"):
            path = str(self.folder / kind)
            self.around.enter_context(patch.object(platformdirs, f"user_{kind}_dir", lambda *a, path=path, **k: path))
        self.around.enter_context(patch.object(participants, "ZOO", self.folder / "zoo"))
        self.around.enter_context(patch("secrets.randbelow", lambda most: 5))
        self.around.enter_context(patch.object(keepsakes, "CLIP_SECONDS", 1))
        self.open()
        if where != "menu":
            self.begin_a_match()
        if where == "result":
            self.play_to_the_end()
        elif where == "rewound":
            self.play_rewind_and_go_on(100, 20)

    def open(self) -> None:
        open_display()
        pygame.event.clear()
        self.app = menu(size=SIZES[0], names=list(dict.fromkeys([self.first, *NAMES])), runs=self.folder / "runs")
        self.turn(1)

    @property
    def is_open(self) -> bool:
        return self.app.is_open

    def turn(self, ticks: int) -> None:
        """A turn of the loop; then all that it has begun to load is loaded, so that an example goes the same way each time."""
        begun, spent = time.perf_counter(), time.process_time()
        self.app.turn(ticks)
        assert time.process_time() - spent < LONGEST_TURN and time.perf_counter() - begun < LONGEST_WAIT
        page = self.app.page
        if not self.app.is_open:
            return
        if isinstance(page, HomePage) and page.catalogue._thread.ident is None:
            self.app.turn(0)
            page.catalogue.join()
            self.app.turn(0)
        elif isinstance(page, MatchFlow) and page.mode == LOADING:
            self.app.turn(0)
            page._loader.join()
            self.app.turn(0)
        elif isinstance(page, ReplayPage) and not page.timeline:
            page.load()
            self.app.turn(0)

    def at(self, place: tuple[float, float]) -> tuple[int, int]:
        width, height = self.app.surface.get_size()
        return round(place[0] * (width - 1)), round(place[1] * (height - 1))

    # --- events ---

    @precondition(is_open.fget)
    @rule(name=st.sampled_from(KEYS), times=TIMES)
    def press(self, name: str, times: int) -> None:
        for _ in range(times):
            key(name)
            key(name, down=False)
            self.turn(1)
            if not self.app.is_open:
                return

    @precondition(is_open.fget)
    @rule(name=st.sampled_from(KEYS), ticks=st.integers(0, 40))
    def hold(self, name: str, ticks: int) -> None:
        key(name)
        self.down.add(name)
        self.turn(ticks)

    @precondition(lambda self: self.is_open and self.down)
    @rule()
    def let_go(self) -> None:
        for name in sorted(self.down):
            key(name, down=False)
        self.down.clear()
        self.turn(1)

    @precondition(is_open.fget)
    @rule(place=PLACES, button=st.sampled_from([1, 1, 1, 2, 3, 8]))
    def click(self, place: tuple[float, float], button: int) -> None:
        self.move(place)
        for kind in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
            pygame.event.post(pygame.event.Event(kind, pos=self.at(place), button=button, touch=False))
        self.turn(1)

    @precondition(is_open.fget)
    @rule(number=st.integers(0, 40))
    def click_on_an_item(self, number: int) -> None:
        page = self.app.page
        focus = getattr(page, "focus", None) or getattr(getattr(page, "choices", None), "focus", None)
        items = [item for item in focus.items if item.is_shown] if focus else []
        if items:
            width, height = self.app.surface.get_size()
            centre = items[number % len(items)].box.center
            self.click((centre[0] / max(width - 1, 1), centre[1] / max(height - 1, 1)), 1)

    @precondition(is_open.fget)
    @rule(place=PLACES)
    def move(self, place: tuple[float, float]) -> None:
        pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=self.at(place), rel=(1, 1), buttons=(0, 0, 0)))
        self.turn(1)

    @precondition(is_open.fget)
    @rule(kind=st.sampled_from(["FINGERDOWN", "FINGERMOTION", "FINGERUP"]), place=PLACES)
    def touch(self, kind: str, place: tuple[float, float]) -> None:
        pygame.event.post(pygame.event.Event(getattr(pygame, kind), x=place[0], y=place[1]))
        self.turn(1)

    @precondition(is_open.fget)
    @rule(way=st.sampled_from([-1, 1]))
    def scroll(self, way: int) -> None:
        pygame.event.post(pygame.event.Event(pygame.MOUSEWHEEL, x=0, y=way))
        self.turn(1)

    @precondition(is_open.fget)
    @rule(button=st.sampled_from(list(BUTTONS)), pad=st.integers(0, 1), down=st.sampled_from([True, True, False]))
    def press_button(self, button: str, pad: int, down: bool) -> None:
        self.app._pad_pressed(PadPress(pad, button, down))
        if down and self.app.is_open:
            self.app._pad_pressed(PadPress(pad, button, False))
        self.turn(1)

    @precondition(is_open.fget)
    @rule(kind=st.sampled_from(["WINDOWFOCUSLOST", "WINDOWFOCUSGAINED", "WINDOWEXPOSED", "KEYMAPCHANGED"]))
    def tell(self, kind: str) -> None:
        pygame.event.post(pygame.event.Event(getattr(pygame, kind)))
        self.turn(1)

    @precondition(is_open.fget)
    @rule()
    def pull_a_pad_out(self) -> None:
        pygame.event.post(pygame.event.Event(pygame.CONTROLLERDEVICEREMOVED, instance_id=99))
        self.turn(1)

    @precondition(is_open.fget)
    @rule(size=st.sampled_from(SIZES))
    def resize(self, size: tuple[int, int]) -> None:
        self.app.window.size = size
        self.turn(1)

    @precondition(is_open.fget)
    @rule(ticks=st.sampled_from([1, 10, 60, 300]))
    def let_time_pass(self, ticks: int) -> None:
        self.turn(ticks)

    @precondition(lambda self: not self.is_open)
    @rule()
    def open_again(self) -> None:
        self.app.close()
        self.open()

    @precondition(is_open.fget)
    @rule()
    def begin_a_match(self) -> None:
        """From wherever one is: on with what has the focus, until people play."""
        for _ in range(6):
            if getattr(self.app.page, "mode", "") == PLAYING or not self.app.is_open:
                return
            key("return")
            key("return", down=False)
            self.turn(100)  # a countdown

    @precondition(lambda self: self.is_open and getattr(self.app.page, "mode", "") == PLAYING)
    @rule()
    def play_to_the_end(self) -> None:
        for k in range(60):
            if getattr(self.app.page, "mode", "") != PLAYING or not self.app.is_open:
                return
            for name in (str(k % 7 + 1), "return"):
                key(name)
                key(name, down=False)
            self.turn(60)

    @precondition(lambda self: self.is_open and getattr(self.app.page, "mode", "") == PLAYING)
    @rule(played=st.integers(10, 200), back=st.integers(1, 60))
    def play_rewind_and_go_on(self, played: int, back: int) -> None:
        self.turn(played)
        key("backspace")
        self.turn(back)
        key("backspace", down=False)
        self.turn(60)

    # --- what always holds ---

    @invariant()
    def a_page_is_shown(self) -> None:
        if hasattr(self, "app") and self.app.is_open:
            assert self.app.window.title == self.app.page.title
            assert self.app.surface.get_size() == self.app.window.size
            for page in self.app.pages:
                if isinstance(page, MatchFlow) and page.match:
                    assert sum(page.match.wins) + page.match.draws <= page.match.played

    def teardown(self) -> None:
        try:
            if hasattr(self, "app"):
                self.leave()
                self.app.close()
                self.games_are_reproduced()
        finally:
            self.around.close()

    def leave(self) -> None:
        """Escape leads out of everything; in a match it pauses, and q leaves."""
        for name in sorted(self.down):
            key(name, down=False)
        for _ in range(BACK):
            if not self.app.is_open:
                return
            key("escape")
            key("escape", down=False)
            self.turn(40)  # a key that has just played may not end a result
            if self.app.is_open and isinstance(self.app.page, MatchFlow):
                key("q")
                key("q", down=False)
                self.turn(1)
        raise AssertionError(f"no way back from {self.app.page}")

    def games_are_reproduced(self) -> None:
        for path in replays.files(replays.folder_of()):
            replay = replays.load(path, games.load(replays.load_header(path).game))
            assert Playback(games.load(replay.header.game), replay).verify() is None


QUICK = settings(max_examples=15, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck))
THOUSAND = settings(QUICK, max_examples=1000, stateful_step_count=50)


class TestWindow(Window.TestCase):
    settings = QUICK


class ManyWindows(Window):
    """The same, in the slow set."""


@pytest.mark.slow
class TestManyWindows(ManyWindows.TestCase):
    settings = THOUSAND
