"""The command: `python -m games.people` lists the table; `python -m games.people pong` lets them play the game's bots."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

import games
from games import command
from games.engine.loader import Game
from games.errors import UserError
from games.intervals import mean_and_interval, wilson
from games.people import table
from games.people.match import play
from games.people.person import Person, people_of

BOTS = {"bot:0": 0.0, "bot": 0.5, "bot:1": 1.0}  # in the other seat
HEADINGS = {"mover": "In real time (games whose PEOPLE are of the kind axis or directions)", "board": "At boards, by turns"}


def listed(file: Path | None) -> int:
    """Print the table in words, or the rows of a file."""
    for kind, rows in table.read(file or table.SHIPPED).items():
        if rows:
            print(HEADINGS[kind])
            for row in rows:
                print(f"  person:{row.name}\n      {table.in_words(row)}")
    return 0


def score(game: Game, person: Person, bot: float | None, count: int, seed: int) -> dict[str, Any]:
    """A person's score against, or with, a bot: a win rate where one of two wins, else a mean return; its 95 % interval."""
    returns, _ = play(game, [person] if bot is None else [person, bot], count, seed)
    if game.competitive:
        won, drawn = int((returns[:, 0] > returns[:, 1]).sum()), int((returns[:, 0] == returns[:, 1]).sum())
        points = won + drawn / 2
        return {"win_rate": points / count, "interval": list(wilson(points, count)), "draws": drawn}
    mean, _, interval = mean_and_interval(returns[:, 0])
    return {"mean_return": mean, "return_interval": interval}


def shown(found: dict[str, Any]) -> str:
    if "win_rate" in found:
        low, high = found["interval"]
        return f"{found['win_rate']:6.1%} ({low:.0%}–{high:.0%})"
    low, high = found["return_interval"]
    return f"{found['mean_return']:8.2f} ({low:.2f} to {high:.2f})"


def play_bots(game: Game, people: list[Person], count: int, seed: int, as_json: bool) -> int:
    """Print how each person fares beside each of the game's bots."""
    bots: dict[str, float | None] = dict(BOTS) if game.players == 2 else {"": None}
    width = max(len(person.row.name) for person in people)
    if not as_json:
        beside = "mean returns" if game.players == 1 else "mean returns beside"
        what = "games won, a draw counting half, against" if game.competitive else beside
        print(f"{game.heading}, {count} games each: {what}")
        if game.players == 2:
            print(" " * (width + 2) + "".join(f"  {name:20}" for name in bots).rstrip())
    every = {}
    for person in people:
        found = {name: score(game, person, bot, count, seed) for name, bot in bots.items()}
        every[person.row.name] = found if game.players == 2 else found[""]
        if not as_json:
            print(
                f"  {person.row.name:{width}}" + "".join(f"  {shown(each):20}" for each in found.values()).rstrip(), flush=True
            )
    if as_json:
        print(json.dumps({"game": game.name, "games": count, "people": every}))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m games.people", description="Simulated people: list them, or let them play a game's bots."
    )
    parser.add_argument("game", nargs="?", help="a game's name, or the path of a game's file; without one they are listed")
    parser.add_argument("--games", type=int, default=200, metavar="N", help="against each bot (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the games (default: 0)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="of further people, .toml or .json: docs/people.md")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        if options.games < 1:
            raise UserError(f"--games is 1 or more, not {options.games}.")
        if not 0 <= options.seed < 1 << 63:
            raise UserError(f"--seed is 0 or more, not {options.seed}.")
        if options.game:
            game = games.load(options.game)
            return play_bots(game, people_of(game, options.table), options.games, options.seed, options.json)
        if options.json:
            rows = table.read(options.table or table.SHIPPED)
            print(json.dumps({kind: [msgspec.to_builtins(row) for row in each] for kind, each in rows.items()}))
            return 0
        return listed(options.table)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    command.run(main)
