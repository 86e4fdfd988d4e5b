"""Makes a ladder of levels from a run's past: python -m agents.ladder pong runs/pong/NAME

Seven levels from one that a beginner beats to the best, evenly spaced, each rated against its neighbours; and rungs between
them, for an opponent that fits. `play.py pong human level:3` and `play.py pong human fit` play them. In a game of one seat:
three levels, by their mean return.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import os
import sys
from pathlib import Path

from games import command
from games.errors import UserError

RUN = "the folder of a run, with the agents that it has kept; then those of runs that went on from it (--init-from)"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.ladder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("game", help="a game's name, or the path of its file")
    add("runs", type=Path, nargs="+", metavar="RUN", help=RUN)
    add("--out", type=Path, metavar="FOLDER", help="where the ladder goes (default: runs/GAME/ladder)")
    add(
        "--games",
        type=int,
        metavar="N",
        help="of each level against the one below (default: 4,000); of each level in a game of one seat (default: 500)",
    )
    add("--coarse", type=int, default=40, metavar="N", help="of each candidate, to rate all of them roughly (default: 40)")
    add(
        "--step",
        type=float,
        metavar="POINTS",
        help="of rating from a level to the next, 110 to 330 (default: as the run spans)",
    )
    add("--seed", type=int, default=0, help="of the games (default: 0)")
    add("--runs", dest="folder", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs are kept (default: runs)")
    return parser


def main() -> int:
    options = arguments().parse_args()
    try:
        return made(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def made(options: argparse.Namespace) -> int:
    """Make the ladder and print its table; returns the exit code."""
    import games
    from agents.participants import folder_of
    from agents.training import ladder_choice, ladder_maker  # torch loads here

    game = games.load(options.game)
    if options.games is None:
        options.games = ladder_maker.ONE_SEAT_GAMES if game.players == 1 else ladder_maker.GAMES
    if game.players == 1 and options.step is not None:
        raise UserError(f"--step is for ratings; the levels of {game.heading}, a game of one seat, have mean returns.")
    for name in ("games", "coarse"):
        value = getattr(options, name)
        if not 1 <= value <= 1_000_000:
            raise UserError(f"--{name} is 1 to 1,000,000, not {value:,}.")
    if options.step is not None and not ladder_choice.LEAST <= options.step <= ladder_choice.MOST:
        raise UserError(f"--step is {ladder_choice.LEAST:.0f} to {ladder_choice.MOST:.0f} points, not {options.step:g}.")
    if not 0 <= options.seed < 1 << 31:
        raise UserError(f"--seed is from 0 to 2,147,483,647, not {options.seed}.")
    out = options.out or folder_of(options.folder, game) / "ladder"
    effort = ladder_maker.Effort(options.coarse, options.games)
    maker = ladder_maker.Maker(game, options.runs, options.seed, os.cpu_count() or 1, lambda text: print(text, flush=True))
    print("\n".join(ladder_maker.table(maker.make(out, effort, options.step), game)))
    return 0


if __name__ == "__main__":
    command.run(main)
