"""How often an agent of Connect Four moves as a perfect player: python -m agents.perfect AGENT

In positions of 16 to 32 discs, each solved to its end, in which some moves are better than others. The share of moves at
random stands beside it.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import sys
from pathlib import Path

import games
from agents.core.json_output import only_json, print_json
from agents.participants import RUNS, participant
from games import command
from games.errors import UserError

GAME = "connect_four"
DISCS = (16, 20, 24, 28, 32)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m agents.perfect", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("players", nargs="+", metavar="AGENT", help="an agent's file, a run's folder, level:N, or bot:1")
    add("--positions", type=int, default=200, metavar="N", help="of each number of discs (default: 200)")
    add(
        "--discs",
        type=int,
        action="append",
        metavar="N",
        help=f"14 to 34; may be repeated (default: {', '.join(map(str, DISCS))})",
    )
    add("--seed", type=int, default=0, help="of the positions (default: 0)")
    add("--runs", type=Path, default=RUNS, metavar="FOLDER", help="where runs are kept (default: runs)")
    add("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        with only_json(options.json):
            return compared(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def compared(options: argparse.Namespace) -> int:
    """Solve the positions, let everybody move, and print the table; returns the exit code."""
    from agents.play import perfect
    from games.solvers.connect_four import Solver

    if not 1 <= options.positions <= 100_000:
        raise UserError(f"--positions is from 1 to 100,000, not {options.positions:,}.")
    if not 0 <= options.seed < 1 << 31:
        raise UserError(f"--seed is from 0 to 2,147,483,647, not {options.seed}.")
    game = games.load(GAME)
    players = [participant(name, game, runs=options.runs) for name in options.players]
    for player in players:
        if player.agent is None and not 0.0 <= player.bot <= 1.0:
            raise UserError(f"{player.name} cannot be compared: name agents, levels or bots.")
    solver, rows = Solver(), []
    for discs in options.discs or DISCS:
        found = perfect.positions(game, discs, options.positions, options.seed, solver)
        for player in players:
            shares = perfect.agreement(found, perfect.moves(game, player, found.states, options.seed))
            rows.append({"discs": discs, "player": player.name, **shares})
        if not options.json:
            told = ", ".join(
                f"{row['player']} {row['perfect']:.1%} ({row['interval'][0]:.1%} to {row['interval'][1]:.1%})"
                for row in rows[-len(players) :]
            )
            print(f"{discs:3} discs: {told}; at random {rows[-1]['by_chance']:.1%}", flush=True)
    if options.json:
        print_json({"game": GAME, "seed": options.seed, "rows": rows})
    return 0


if __name__ == "__main__":
    command.run(main)
