"""Makes pages on which people play in a browser: python -m agents.web pong --single

A game's rules, bots, drawing and observations, and its agents' networks go into the page as compiled code; it needs no
server and loads nothing from anywhere. Without a game's name: all games that ship, and a page that leads to them.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import sys
from pathlib import Path

from games import command
from games.errors import UserError


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.web", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("game", nargs="?", help="a game's name, or the path of its file (default: all that ship)")
    add("agents", nargs="*", metavar="AGENT", help="levels (level:3), agents' files or runs (default: the ladder's levels)")
    add("--out", type=Path, metavar="FOLDER", help="a new or empty folder (default: pages/GAME, or pages)")
    add("--single", action="store_true", help="one file for each game, GAME.html, which opens by a double click")
    add("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs are kept (default: runs)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = make_parser().parse_args(arguments)
    try:
        return made(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def made(options: argparse.Namespace) -> int:
    """Make the pages and say what was made; returns the exit code."""
    import games
    from agents.core.game_names import is_gym
    from agents.web.folder import check_folder, write
    from agents.web.names import names_of, sights_of
    from games.web.linker import find_linker
    from games.web.module import compile_ahead

    if options.game and is_gym(options.game):
        raise UserError(f"{options.game} cannot go into a page: its rules are not a game file, which could be compiled.")
    chosen = [games.load(options.game)] if options.game else [games.load(name) for name in games.names()]
    out = options.out or (Path("pages") / chosen[0].name if options.game else Path("pages"))
    check_folder(out)
    find_linker()
    for game in chosen:  # in processes of their own, while torch loads here
        compile_ahead(game, sights_of(game, names_of(game, options.agents, options.runs), options.runs))
    from agents.web import page  # torch loads here
    from agents.web.cast import cast_of

    files: dict[str, bytes] = {}
    for game in chosen:
        print(f"Compiling {game.heading} …", flush=True)
        cast = cast_of(game, options.agents, options.runs)
        found = page.files_of(game, cast, options.single)
        files |= found if options.game or options.single else {f"{game.name}/{name}": data for name, data in found.items()}
    if not options.game:
        files[page.INDEX] = page.games_page(chosen, options.single)
    write(out, files)
    first = page.INDEX if page.INDEX in files else f"{chosen[0].name}.html"
    size = sum(map(len, files.values())) / 1024
    print(f"{out / first}: {size:,.0f} KiB in {len(files)} file{'s'[: len(files) != 1]}. Open it in a browser.")
    return 0


if __name__ == "__main__":
    command.run(main)
