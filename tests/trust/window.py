"""Window events: random keys, sizes, clicks and lost focus in every game and on every page; no exception, no growth."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import games
from tests.trust.children import run_cases
from tests.trust.report import Report
from tests.trust.resources import Usage
from tests.trust.runs import ROOT

LIMIT = 60.0
SESSION = 250  # events of a window, until it is closed
WARM = 20  # cases until all games and agents are loaded
MOST_GROWTH = 40.0  # MiB, from then on
TOYS = ("fog", "maze_chase", "passes", "placements")
KEYS = (
    "escape",
    "return",
    "space",
    "r",
    "q",
    "f11",
    "w",
    "s",
    "a",
    "d",
    "up",
    "down",
    "left",
    "right",
    "p",
    "m",
    "1",
    "4",
    "7",
    "x",
)


def campaign(home: Path, references: object, seed: int, quick: bool, only: str | None) -> Report:
    """20,000 events in 80 windows; quick: 200 in 2 windows."""
    report = Report("window")
    names = [f"window-{number}" for number in range(2 if quick else 80)]
    names = [name for name in names if only in (None, name)]
    usage: list[Usage] = []

    def call(name: str, beat: Callable[[], None]) -> list[tuple[str, int]]:
        chance, counted = random.Random(f"{seed} {name}"), Counter()
        while counted["events"] < (100 if quick else SESSION):
            _session(chance, (100 if quick else SESSION) - counted["events"], counted, beat)
        usage.append(Usage.now())
        if len(usage) > WARM + 1:
            grown = usage[-1].growth(usage[WARM])
            assert not usage[-1].exceeds(usage[WARM], MOST_GROWTH), f"It grew: {grown}"
            if len(usage) == len(names):
                counted[f"windows that grew it by {grown}"] += len(usage) - WARM
        return list(counted.items())

    run_cases(report, names, call, home, LIMIT)
    return report


def _session(chance: random.Random, count: int, counted: Counter, beat: Callable[[], None]) -> None:
    """A window with some participants, so many events at most, and the end of it."""
    import pygame

    from ui.pages.match import PLAYING
    from ui.window import open_match

    game = games.load(chance.choice([*games.names(), *(ROOT / "tests" / "toys" / f"{name}.py" for name in TOYS)]))
    counted["windows"] += 1
    size = (chance.randint(200, 900), chance.randint(150, 700))
    app = open_match(game, _seats(game, chance), seed=chance.randrange(1000), size=size, ready=chance.random() < 0.5)
    page = app.page
    try:
        page.load(wait=chance.random() < 0.8)  # else events come while it loads
        for _ in range(count):
            beat()
            _event(app, game, chance)
            counted["events"] += 1
            app.turn(chance.choice((0, 1, 1, 1, 2, 5, 60)))
            counted[_place(app) if app.is_open else "closed"] += 1
            if not app.is_open:
                break
            if _place(app) == PLAYING and chance.random() < 0.01:  # a game that is over soon
                for board in page.match.boards:
                    board.batch.states["tick"] = game.max_ticks - 2
        if app.is_open:
            pygame.event.post(pygame.event.Event(pygame.QUIT))
            app.turn(1)
        assert not app.is_open
        page._loader.join()
    finally:
        app.close()


def _place(app) -> str:
    """The page that is shown, of a match how far it is."""
    return getattr(app.page, "mode", "elsewhere")


def _seats(game, chance: random.Random) -> list:
    from ui.seating import seat_of

    names = ["human", "bot", "bot:1", "random"]
    trained = ROOT / "agents" / "zoo" / game.name / "ppo.safetensors"
    names += [str(trained)] if trained.exists() else []
    number = game.players if game.players == 2 else chance.choice((1, 2))
    seated = ["human" if chance.random() < 0.7 else chance.choice(names)]
    if number == 2:  # two people cannot race: there is one seat, with its keys
        seated.append(chance.choice(names if game.players == 2 else names[1:]))
    return [seat_of(name, game) for name in seated]


def _event(app, game, chance: random.Random) -> None:
    """Post something that a person or a desktop may do."""
    import pygame

    def post(kind: int, **values: object) -> None:
        pygame.event.post(pygame.event.Event(kind, **values))

    width, height = app.window.size
    where = (chance.randint(-20, width + 20), chance.randint(-20, height + 20))
    what = chance.choices(
        ("press", "tap", "release", "motion", "click", "size", "focus", "exposed", "other", "quit"),
        (20, 30, 15, 10, 15, 4, 3, 2, 3, 0.3),
    )[0]
    own = [name for keys in game.keys for name in keys]
    name = chance.choice([*own, *KEYS]) if what != "tap" or _place(app) == "playing" else chance.choice(KEYS)
    if name == "q" and chance.random() < 0.9:
        name = "return"  # else most windows would close at once
    key = pygame.key.key_code(name)
    if what in ("press", "tap"):
        post(pygame.KEYDOWN, key=key)
    if what in ("release", "tap"):
        post(pygame.KEYUP, key=key)
    elif what == "motion":
        post(pygame.MOUSEMOTION, pos=where, rel=(1, 1), buttons=(0, 0, 0))
    elif what == "click":
        post(pygame.MOUSEMOTION, pos=where, rel=(0, 0), buttons=(0, 0, 0))
        post(pygame.MOUSEBUTTONDOWN, pos=where, button=chance.choice((1, 1, 1, 2, 3)))
        post(pygame.MOUSEBUTTONUP, pos=where, button=1)
    elif what == "size":
        app.window.size = (chance.randint(1, 1200), chance.randint(1, 900))  # as a person drags it
    elif what == "focus":
        post(chance.choice((pygame.WINDOWFOCUSLOST, pygame.WINDOWFOCUSGAINED, pygame.WINDOWMINIMIZED, pygame.WINDOWRESTORED)))
    elif what == "exposed":
        post(pygame.WINDOWEXPOSED)
    elif what == "other":
        post(chance.choice((pygame.TEXTINPUT, pygame.MOUSEWHEEL, pygame.JOYBUTTONDOWN, pygame.USEREVENT)), text="é", x=0, y=1)
    elif what == "quit":
        post(chance.choice((pygame.QUIT, pygame.WINDOWCLOSE)))
