"""The command line of replays: list them, play one, verify one without a window, make a video of one."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import games
from games.errors import UserError

if TYPE_CHECKING:  # they take half a second, which --help does not wait for
    from games.engine.loader import Game
    from ui.branch import SeatFinder

BAR = 30  # characters of the progress on a terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of replays to a parser."""
    group = parser.add_argument_group("replays of games that a window has played")
    group.add_argument("--replays", action="store_true", help="list them: game, when, who, result, length, file")
    group.add_argument("--replay", type=Path, metavar="FILE", help="play one in the window")
    group.add_argument("--verify", action="store_true", help="with --replay: no window; does the game still go as it did?")
    group.add_argument("--export", type=Path, metavar="FILE", help="with --replay: write it as a video, .mp4 or .gif")


def is_asked(options: argparse.Namespace) -> bool:
    """Whether any of these options is there."""
    return bool(options.replays or options.replay or options.verify or options.export)


def run(options: argparse.Namespace, find: "SeatFinder", size: tuple[int, int] | None) -> int:
    """Do what the options ask for; the exit code. find, size: for the window.

    Raises `UserError` for a file that is damaged, of another game, or no replay.
    """
    from ui import replays

    if options.replays:
        found = replays.listed(replays.folder_of())
        print("\n".join(replays.table(found)) if found else f"No replays yet in {replays.folder_of()}")
        return 0
    if not options.replay:
        raise UserError(f"--{'verify' if options.verify else 'export'} goes with --replay FILE.\nAll replays: --replays")
    if options.verify and options.export:
        raise UserError("Either --verify or --export.")
    game = _game(options)
    if options.verify:
        return verify(options.replay, game)
    if options.export:
        return export(options.replay, game, options.export, not options.plain)
    _window(options, game, find, size)
    return 0


def _game(options: argparse.Namespace) -> "Game":
    """The game that the replay is of, or the file that the user names."""
    from ui import replays
    from ui.pages.replay import game_of

    return games.load(options.game) if options.game else game_of(replays.load_header(options.replay).game, options.replay)


def verify(path: Path, game: "Game") -> int:
    """Play a replay without a window and print whether each hash is the same; 0 if so, else 1."""
    from games.replay.playback import Playback
    from ui import replays

    replay = replays.load(path, game)
    difference = Playback(game, replay).verify()
    count = sum(len(track.hashes) for track in replay.tracks)
    print(f"{path}: {difference or f'the same in all {count} hashes of {replay.ticks:,} ticks'}")
    return 1 if difference else 0


def export(path: Path, game: "Game", video: Path, effects: bool) -> int:
    """Write a replay as a video, with the progress on the terminal."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"  # nothing is shown
    from ui import replays
    from ui.export import export as write

    replay, terminal = replays.load(path, game), sys.stderr.isatty()

    def progress(part: float) -> None:
        if terminal:
            done = round(part * BAR)
            print(f"\r{'█' * done}{'·' * (BAR - done)} {part:4.0%}", end="", file=sys.stderr, flush=True)

    write(game, replay, video, effects=effects, progress=progress)
    if terminal:
        print(file=sys.stderr)
    print(f"{video}: {video.stat().st_size:,} bytes")
    return 0


def _window(options: argparse.Namespace, game: "Game", find: "SeatFinder", size: tuple[int, int] | None) -> None:
    from ui import replays
    from ui.application import App
    from ui.display import open_display
    from ui.pages.replay import ReplayPage
    from ui.settings import SettingsFile, path_of
    from ui.sound import Mixer

    kept = SettingsFile(path_of())
    effects = kept.settings.effects and not options.plain
    page = ReplayPage(options.replay, game=game, find=find, replay_folder=replays.folder_of(), effects=effects)
    open_display()
    App(page, size=size, speaker=Mixer(), settings=kept).run()
