"""Rates agents and bots by a tournament: python -m agents.ratings pong bot bot:1 runs/pong/NAME

Ratings are those of Bradley and Terry's model: 400 points are odds of ten to one, a draw is half a win, and bot (bot:0.5) is
fixed at 1000. Games are played between those about whom they teach most, each again with the seats exchanged.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from agents.core.json_output import only_json, print_json
from agents.participants import RUNS, ladder_of, participant
from agents.play.agent_files import agent_file
from agents.play.ladder import is_level
from games import command
from games.engine.players import bot_skill
from games.errors import UserError
from games.people.person import PREFIX

if TYPE_CHECKING:  # it imports torch
    from agents.play.trainable import AnyGame

GAMES = 1000


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.ratings", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("game", help="a game for two: its name, or the path of its file")
    add(
        "agents",
        nargs="*",
        metavar="AGENT",
        help="an agent's file, a run's folder, bot, bot:0.8, random, level:N or person:NAME",
    )
    add("--games", type=int, default=GAMES, metavar="N", help=f"of all pairs together (default: {GAMES:,})")
    add("--seed", type=int, default=0, help="of the games and the intervals (default: 0)")
    add("--runs", type=Path, default=RUNS, metavar="FOLDER", help="where runs are kept (default: runs)")
    add("--network", action="append", default=[], metavar="FILE", help="of an agent's network of your own; may be repeated")
    add("--json", action="store_true", help="print one JSON object")
    add("--plot", type=Path, metavar="FILE", help="draw the ratings and their intervals into a .png or .svg file")
    return parser


def main() -> int:
    options = arguments().parse_intermixed_args()
    try:
        with only_json(options.json):
            return rated(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def rated(options: argparse.Namespace) -> int:
    """Play the tournament and print its ratings; returns the exit code."""
    from agents.bridges.game_loader import load_game
    from agents.play.tournament import check_game, play_tournament  # torch loads here
    from agents.training import rating_report

    if not 0 <= options.seed < 1 << 63:
        raise UserError(f"--seed is 0 or more, not {options.seed}.")
    if options.plot is not None:
        rating_report.check_drawable(options.plot)
    game = load_game(options.game)
    check_game(game)
    different(options.agents, game, options.runs)
    for file in options.network:
        from agents.networks import custom

        custom.load(file)
    players = [participant(name, game, runs=options.runs) for name in options.agents]
    began = time.perf_counter()
    result = play_tournament(game, players, options.games, options.seed, os.cpu_count() or 1, progress_line(began))
    seconds = time.perf_counter() - began
    summary = {**result.summary(), "games_per_second": round(result.games.sum() / 2 / seconds, 1)}
    if options.plot is not None:
        rating_report.write(options.plot, summary)
    if options.json:
        print_json(summary)
        return 0
    print(f"{game.heading}, {summary['games']:,} games in {seconds:.1f} s\n")
    print("\n".join(rating_report.rating_lines(summary)))
    if options.plot is not None:
        print(f"\nPlot:  {options.plot}")
    return 0


def different(names: list[str], game: "AnyGame", runs: Path = RUNS) -> None:
    """`UserError` if two names are of the same participant: the same skill, level or person, or files with the same bytes."""
    seen: dict[object, str] = {}
    for name in names:
        key: object = bot_skill(name)
        if is_level(name):
            key = ladder_of(game, runs).named(name)
        elif name.startswith(PREFIX):
            key = name
        elif key is None and name != "human":
            try:
                key = hashlib.sha256(agent_file(name).read_bytes()).hexdigest()
            except OSError as error:
                raise UserError(f"{name} cannot be read: {error.strerror}.") from error
        if key in seen:
            twice = f"{name} is named twice" if seen[key] == name else f"{seen[key]} and {name} are the same participant"
            raise UserError(f"{twice}.\nName each once: nobody is rated against themselves.")
        if key is not None:
            seen[key] = name


def progress_line(began: float):
    """A function that writes how many games have been played over the last such line; None where nobody would see it."""
    if not sys.stderr.isatty():
        return None
    last = 0.0

    def tell(played: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last > 0.1 or played == total:
            last = now
            text = f"{played:,} of {total:,} games, {played / (now - began):,.0f} a second"
            print(f"\r{text:60}", end="\r" + " " * 60 + "\r" if played == total else "", file=sys.stderr, flush=True)

    return tell


if __name__ == "__main__":
    command.run(main)
