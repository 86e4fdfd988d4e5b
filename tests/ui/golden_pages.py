"""Golden pictures: how each page of the window looks. `python -m tests.ui.golden_pages [PAGE …]` makes them again.

A page is drawn with fixed seeds, results and times, without torch; the picture is kept smaller than it was drawn. Look at the
changed pictures (`git diff --stat`, any viewer) before they are committed: they are what people will see.
"""

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

if __name__ == "__main__":  # in tests, tests/conftest.py does it
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")

import numpy as np
import platformdirs
import pygame

import games
from agents import participants
from agents.play import person_file
from agents.play.fit import Played
from agents.play.ladder import LadderFile, Rung
from games.replay.format import Replay
from ui import replays
from ui.application import App, Page
from ui.match import Match
from ui.menu import menu
from ui.opponents import BOTS, Opponent
from ui.pages import stored as stored_page
from ui.pages.choice import ChoicePage
from ui.pages.controls import ControlsPage
from ui.pages.game import GamePage
from ui.pages.home import HomePage
from ui.pages.kept_match import KeptMatchPage
from ui.pages.match_flow import OVER
from ui.pages.notice import NoticePage
from ui.pages.replay import ReplayPage
from ui.pages.replays import ReplaysPage
from ui.pages.settings import SettingsPage
from ui.pages.statistics import StatisticsPage
from ui.pages.stored import StoredPage
from ui.progress import Progress
from ui.seats import Seat
from ui.settings import SettingsFile

FOLDER = Path(__file__).parent / "golden"
DRAWN, KEPT = (800, 500), (320, 200)  # sizes of the window, and of the pictures
LEVELS = 8  # grey levels that become one: the pictures get small
BLOCK = 8  # pixels of a side: so large are the parts that are compared
ALIKE = 6.0  # grey levels by which a part may differ in the mean of its pixels: fonts and scaling of other versions
HUMAN, BOT = Seat("human"), Seat("scripted", "Bot", skill=0.5, source="bot:0.5")
BEGUN = 1_790_000_000.0  # the time at which games were played


@contextmanager
def surroundings() -> Iterator[Path]:
    """A user's folders with results and two replays in them, no agents and the time zone of Greenwich; the folder of runs."""
    with TemporaryDirectory() as name, patch.dict(os.environ, {"TZ": "UTC0"}):
        folder = Path(name)
        home = Path("/home/you/.local/share/sparring")
        with (
            patch.object(platformdirs, "user_data_dir", lambda *a, **k: str(folder / "data")),
            patch.object(platformdirs, "user_config_dir", lambda *a, **k: str(folder / "config")),
            patch.object(participants, "ZOO", folder / "zoo"),
            patch.object(stored_page, "data_folder", lambda: home),
            patch("secrets.randbelow", lambda most: 5),
        ):
            if hasattr(time, "tzset"):
                time.tzset()
            _play_before()
            yield folder / "runs"
    if hasattr(time, "tzset"):
        time.tzset()


def _play_before() -> None:
    progress = Progress(games.load("connect_four"))
    for opponent, results in {"bot:0": (1.0, 1.0), "bot:0.25": (-1.0, 0.0, 1.0), "bot:0.5": (-1.0, -1.0)}.items():
        for result in results:
            progress.count(opponent, result)
    person_file.write(games.load("pong"), [Played(1000.0 + 40.0 * k, float(k % 3 - 0.8)) for k in range(14)])
    for seconds, replay in enumerate(_replays()):
        path = replays.save(replay, replays.folder_of())
        os.utime(path, (BEGUN + seconds, BEGUN + seconds))


@functools.cache
def _replays() -> list[Replay]:
    """A game of Connect Four and one of Pong."""
    found = []
    for name, first in (("connect_four", "You"), ("pong", "Bot 1")):
        match = Match(games.load(name), [Seat("scripted", each, skill=0.5, source="bot") for each in (first, "Bot")], 5)
        match.begun = BEGUN
        while not match.result:
            match.tick()
        found.append(replays.replay_of(match))
    return found


# --- pages ---


def home(runs: Path) -> App:
    app = menu(size=DRAWN, names=["breakout", "connect_four", "pong"], runs=runs)
    app.turn(1)
    assert isinstance(app.page, HomePage)
    app.page.catalogue.start()
    app.page.catalogue.join()
    app.turn(200)
    return app


def game(runs: Path, name: str = "connect_four") -> App:
    app = home(runs)
    assert isinstance(app.page, HomePage)
    entry = next(entry for entry in app.page.catalogue.entries if entry.name == name)
    app.page.choose(entry)
    app.turn(60)
    assert isinstance(app.page, GamePage)
    return app


def shown(page: Page, ticks: int = 1) -> App:
    app = App(page, size=DRAWN, settings=SettingsFile())
    app.turn(1)
    app.turn(ticks)
    return app


def choice(runs: Path) -> App:
    among = [Opponent(f"bot:{skill:g}", title, f"the game's own bot, skill {100 * skill:.0f} %") for skill, title in BOTS]
    return shown(ChoicePage("Connect Four: Bots", among, Progress(games.load("connect_four")), lambda opponent: None))


def controls(runs: Path) -> App:
    return shown(ControlsPage(games.load("pong")))


def settings(runs: Path) -> App:
    app = home(runs)
    assert isinstance(app.page, HomePage)
    app.open(SettingsPage(app.page.catalogue))
    app.turn(1)
    return app


def statistics(runs: Path) -> App:
    return shown(StatisticsPage(games.load("connect_four"), None, lambda seat: f"Opponent {seat}"))


def rating(runs: Path) -> App:
    rungs = [
        Rung(file="a.safetensors", delay=0, temperature=1.0, rating=800.0 + 200 * k, interval=(0.0, 1.0), name=f"Level {k}")
        for k in range(4)
    ]
    ladder = LadderFile(written_by="0", game="pong", game_version=games.load("pong").version, rungs=rungs)
    return shown(StatisticsPage(games.load("pong"), ladder, str))


def stored(runs: Path) -> App:
    return shown(StoredPage())


def replay_list(runs: Path) -> App:
    return shown(ReplaysPage())


def replay(runs: Path) -> App:
    newest = replays.files(replays.folder_of())[0]
    page = ReplayPage(newest)
    app = App(page, size=DRAWN)
    app.turn(1)
    page.load()
    page.playing = False
    page.seek(300)
    app.turn(1)
    return app


def notice(runs: Path) -> App:
    return shown(NoticePage("Pong cannot begin", "agent.safetensors is damaged.\nTake another copy of it, or train it anew."))


def match(*seats: Seat, name: str = "pong", ticks: int = 0, **settings) -> App:
    page = KeptMatchPage(games.load(name), seats, **{"seed": 5, "ready": False, **settings})
    app = App(page, size=DRAWN, settings=SettingsFile())
    app.turn(1)
    page.load()
    for left in range(ticks, 0, -10):
        app.turn(min(left, 10))
    return app


def tap(app: App, name: str) -> None:
    for kind in (pygame.KEYDOWN, pygame.KEYUP):
        app.handle(pygame.event.Event(kind, key=pygame.key.key_code(name), mod=0))
    app.turn(1)


def loading(runs: Path) -> App:
    page = KeptMatchPage(games.load("pong"), [HUMAN, BOT], seed=5)
    app = App(page, size=DRAWN)
    app.draw()
    return app


def ready(runs: Path) -> App:
    return match(HUMAN, BOT, ready=True, ticks=1)


def counting(runs: Path) -> App:
    return match(HUMAN, BOT, countdown=True, ticks=40)


def pong(runs: Path) -> App:
    return match(Seat("scripted", "Bot 1", skill=1.0), BOT, ticks=700)


def race(runs: Path) -> App:
    return match(HUMAN, BOT, name="breakout", ticks=500)


def turns(runs: Path) -> App:
    return match(Seat("scripted", "Bot 1", skill=1.0), BOT, name="connect_four", ticks=400)


def plain(runs: Path) -> App:
    return match(HUMAN, BOT, name="breakout", ticks=200, effects=False)


def paused(runs: Path) -> App:
    app = match(HUMAN, BOT, ticks=100)
    tap(app, "escape")
    return app


def rewinding(runs: Path) -> App:
    app = match(HUMAN, BOT, ticks=100)
    app.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_BACKSPACE, mod=0))
    for _ in range(10):
        app.turn(1)
    return app


def result(runs: Path) -> App:
    app = match(HUMAN, BOT)
    page = app.page
    assert isinstance(page, KeptMatchPage)
    while page.mode != OVER:
        app.turn(20)
    app.turn(60)
    return app


def eye(runs: Path) -> App:
    return match(HUMAN, BOT, ticks=30, eye=True)


PAGES: dict[str, Callable[[Path], App]] = {
    page.__name__: page
    for page in (
        home, game, choice, controls, settings, statistics, rating, stored, replay_list, replay, notice,
        loading, ready, counting, pong, race, turns, plain, paused, rewinding, result, eye,
    )
}  # fmt: skip


# --- pictures ---


@functools.cache
def opened(name: str) -> tuple[pygame.Surface, float]:
    """A page as it looks now, in the size in which pictures are kept; and the seconds in which its window closes."""
    with surroundings() as runs:
        app = PAGES[name](runs)
        app.page.stale = True
        app.draw()
        picture = pygame.transform.smoothscale(app.surface.convert(24), KEPT)
        pixels = pygame.surfarray.pixels3d(picture)
        pixels[:] = (pixels.astype(int) + LEVELS // 2) // LEVELS * LEVELS - (pixels > 255 - LEVELS // 2)
        del pixels  # it locks the picture
        begun = time.perf_counter()
        app.handle(pygame.event.Event(pygame.QUIT))
        app.turn(1)
        app.close()
        return picture, time.perf_counter() - begun


def golden(name: str) -> pygame.Surface:
    """A page as it looked when its picture was made."""
    return pygame.image.load(FOLDER / f"{name}.png")


def difference(one: pygame.Surface, two: pygame.Surface) -> float:
    """The largest difference of a part of two pictures of the same size, grey levels in the mean of its pixels."""
    pixels = [np.asarray(pygame.surfarray.array3d(each), np.float64) for each in (one, two)]
    apart = np.abs(pixels[0] - pixels[1]).mean(2)
    wide, high = (side // BLOCK for side in apart.shape)
    return float(apart[: wide * BLOCK, : high * BLOCK].reshape(wide, BLOCK, high, BLOCK).mean((1, 3)).max())


def main() -> int:
    unknown = [name for name in sys.argv[1:] if name not in PAGES]
    if unknown:
        print(f"There is no page '{unknown[0]}'. Pages: {', '.join(PAGES)}", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PAGES:
        path = FOLDER / f"{name}.png"
        picture, seconds = opened(name)
        pygame.image.save(picture, path)
        print(f"{path}: {path.stat().st_size:,} bytes; the window closes in {1e3 * seconds:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
