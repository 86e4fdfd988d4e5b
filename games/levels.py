"""The command that writes levels into a file: `python -m games.levels ./my_game.py train:1000 --out bank.npy`."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import sys
from pathlib import Path

import games
from games import command
from games.engine import bank_file
from games.engine.level_names import levels_of
from games.errors import UserError

EPILOG = """examples:
  python -m games.levels ./my_game.py train:1000 --out bank.npy     the first 1,000 training levels
  python -m games.levels ./my_game.py train:10 --out ten.json       to be edited by hand
  python -m games.levels ./my_game.py ten.json --out ten.npy        checked, and in the other format"""


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m games.levels",
        description="Write a game's levels into a file: a bank for --levels of train.py and play.py.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("game", help="the path of a game's file")
    parser.add_argument("levels", help="train:1000, test:200, or another file of levels")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".npy, or .json to edit it by hand")
    options = parser.parse_args(arguments)
    try:
        game = games.load(options.game)
        chosen = levels_of(game, options.levels)
        if not chosen.is_finite:
            raise UserError("Any training level is too many for a file.\nSay how many: train:1000")
        bank = bank_file.save(game, chosen, options.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    alike = len(bank) - len({level.tobytes() for level in bank})
    print(f"{options.out}: {len(bank):,} levels of {game.heading}" + (f", {alike} of them twice" if alike else ""))
    return 0


if __name__ == "__main__":
    command.run(main)
