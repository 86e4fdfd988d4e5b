"""A replay as a video, MP4 or GIF, of what the window draws. As a program: python -m ui.export REPLAY VIDEO [--from TICK …]"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if __name__ == "__main__":
    os.environ["SDL_VIDEODRIVER"] = "dummy"  # before Pygame is imported: nothing is shown

import pygame

import games
from games.core import TICKS_PER_SECOND
from games.engine.loader import Game
from games.errors import UserError
from games.replay.format import Replay
from ui import replays
from ui.encoders import Writer, writer
from ui.layout import FOOTER, GAP, HEADER, MARGIN
from ui.replay_match import ENDING, ReplayMatch
from ui.screen import Screen

SIDES = {".mp4": 640, ".gif": 320}  # of a picture, pixels


def export(
    game: Game,
    replay: Replay,
    path: Path,
    *,
    first: int = 0,
    last: int | None = None,
    effects: bool = True,
    progress: Callable[[float], None] = lambda part: None,
) -> None:
    """Write a replay's ticks from `first` to `last` (None: to its end, and its result) as a video.

    progress: told the part that is done, from 0 to 1.    Raises `UserError` where the video cannot be written.
    """
    match = ReplayMatch(game, replay)
    screen = Screen(game, match.seats, effects)
    screen.cast.people.clear()  # nobody plays: no keys are shown
    surface = pygame.Surface(_size(screen.cast.pictures, SIDES.get(path.suffix.lower(), 320)), 0, 32)
    video = writer(path, surface.get_size())
    last = replay.ticks if last is None else min(last, replay.ticks)
    try:
        _write(video, match, screen, surface, first, last, progress)
        video.close()
    except BaseException:
        video.cancel()
        raise


def _write(
    video: Writer,
    match: ReplayMatch,
    screen: Screen,
    surface: pygame.Surface,
    first: int,
    last: int,
    progress: Callable[[float], None],
) -> None:
    every, count = TICKS_PER_SECOND // video.rate, (last - first) * match.pace + 1
    match.seek(first)
    for number, tick in enumerate(_ticks(match, first, last)):
        if tick != match.at:
            match.seek(tick)
        screen.follow(match)
        if number % every == 0:
            screen.draw(surface, match)
            if number >= count + ENDING // 4 and match.result:
                screen.banner(surface, match)
            video.add(pygame.image.tobytes(surface, "RGB"))
            progress(min(number / (count + ENDING), 1.0))
    progress(1.0)


def _ticks(match: ReplayMatch, first: int, last: int) -> Iterator[int]:
    """The tick that each tick of the video shows."""
    for tick in range(first, last + 1):
        for _ in range(match.pace if tick < last else 1):
            yield tick
    for _ in range(ENDING if last == match.last and match.replay.header.finished else 0):
        yield last


def _size(pictures: int, side: int) -> tuple[int, int]:
    """The size of a video's frames, even numbers, as MP4 needs them."""
    across = pictures + GAP * (pictures - 1) + 2 * MARGIN
    return 2 * round(side * across / 2), 2 * round(side * (1.0 + HEADER + FOOTER) / 2)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ui.export", description=__doc__)
    parser.add_argument("replay", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--game", help="the file of a game of one's own")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="TICK")
    parser.add_argument("--to", type=int, dest="last", metavar="TICK")
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(10)  # a window may be at play beside it

    def progress(part: float) -> None:
        print(f"{part:.3f}", flush=True)

    try:
        header = replays.load_header(options.replay)
        game = games.load(options.game or header.game)
        replay = replays.load(options.replay, game)
        settings = {"first": options.first, "last": options.last, "effects": not options.plain, "progress": progress}
        export(game, replay, options.video, **settings)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
