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


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.ladder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("game", help="a game's name, or the path of its file")
    add("run", type=Path, metavar="RUN", help="the folder of a run, with the agents that it has kept")
    add("--out", type=Path, metavar="FOLDER", help="where the ladder goes (default: runs/GAME/ladder)")
    add("--games", type=int, default=2000, metavar="N", help="of each level against the one below (default: 2,000)")
    add("--coarse", type=int, metavar="N", help="of the first tournament of all candidates (default: five times --games)")
    add("--rounds", type=int, default=16, metavar="N", help="in which the choice is corrected, at most (default: 16)")
    add("--seed", type=int, default=0, help="of the games (default: 0)")
    add("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs are kept (default: runs)")
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
    from agents.training import ladder_maker  # torch loads here

    for name in ("games", "rounds", "coarse"):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= 1_000_000:
            raise UserError(f"--{name} is 1 to 1,000,000, not {value:,}.")
    if not 0 <= options.seed < 1 << 31:
        raise UserError(f"--seed is from 0 to 2,147,483,647, not {options.seed}.")
    game = games.load(options.game)
    out = options.out or folder_of(options.runs, game) / "ladder"
    effort = ladder_maker.Effort(options.coarse or 5 * options.games, options.games, options.rounds)
    maker = ladder_maker.Maker(game, options.run, options.seed, os.cpu_count() or 1, lambda text: print(text, flush=True))
    print("\n".join(ladder_maker.table(maker.make(out, effort))))
    return 0


if __name__ == "__main__":
    command.run(main)
