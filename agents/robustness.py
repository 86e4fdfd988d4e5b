"""How an agent fares against simulated people: python -m agents.robustness pong AGENT

Each of them plays --games games against it; the worst of its scores says whether it has a hole. Pairs of people differ in one
habit: who stays where they hit the ball, and who walks back to the middle.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import sys
from pathlib import Path
from typing import Any

import games
from agents.core.json_output import only_json, print_json
from agents.participants import RUNS, participant
from agents.play.match import play_match
from agents.play.seats import Participant
from games import command
from games.engine.loader import Game
from games.errors import UserError
from games.people.person import Person, pairs, people_of


def robustness(game: Game, agent: Participant, people: list[Person], count: int, seed: int = 0) -> dict[str, Any]:
    """The agent's score against each person, a draw counting half, with its 95 % interval; the worst; and how much more each
    person wins who stays where they hit the ball than the same one who walks back. Scores are from 0 to 1.
    """
    scores = {}
    for each in people:
        result = play_match(game, [agent, Participant(each.name, simulated=each)], count, seed).summary()
        scores[each.row.name] = {name: result[name] for name in ("win_rate", "interval", "wins", "draws")}
    rates = {name: score["win_rate"] for name, score in scores.items()}
    worst = min(rates, key=lambda name: rates[name])
    staying = {stays.row.name: rates[returns.row.name] - rates[stays.row.name] for stays, returns in pairs(people)}
    return {
        "game": game.name, "agent": agent.name, "games": count, "people": scores, "worst": worst,
        "worst_win_rate": rates[worst], "gained_by_staying": staying,
    }  # fmt: skip


def in_words(found: dict[str, Any]) -> list[str]:
    """The lines that the command prints."""
    width = max(map(len, found["people"]))
    lines = []
    for name, score in found["people"].items():
        low, high = score["interval"]
        lines.append(f"  {name:{width}}  {score['win_rate']:6.1%}  ({low:.1%} to {high:.1%})")
    lines.append(f"Worst: {found['worst_win_rate']:.1%}, against {found['worst']}")
    if found["gained_by_staying"]:
        lines.append("Gained against it by staying where they hit the ball, instead of walking back to the middle, in points:")
        lines += [f"  {name:{width}}  {100 * gained:+6.1f}" for name, gained in found["gained_by_staying"].items()]
    return lines


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m agents.robustness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("game", help="a game's name, or the path of a game's file")
    add("agent", help="an agent's file or a run's folder; bot:0.8 and the like too")
    add("--games", type=int, default=400, metavar="N", help="against each person (default: 400)")
    add("--table", type=Path, metavar="FILE", help="of further people, .toml or .json: docs/people.md")
    add("--seed", type=int, default=0, help="of the games (default: 0)")
    add("--runs", type=Path, default=RUNS, metavar="FOLDER", help="where runs are kept (default: runs)")
    add("--network", action="append", default=[], metavar="FILE", help="of an agent's network of your own")
    add("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        if options.games < 1:
            raise UserError(f"--games is 1 or more, not {options.games}.")
        if not 0 <= options.seed < 1 << 63:
            raise UserError(f"--seed is 0 or more, not {options.seed}.")
        with only_json(options.json):
            game = games.load(options.game)
            people = people_of(game, options.table)
            if not game.competitive:
                raise UserError(
                    f"In {game.heading} nobody wins against an agent.\nHow people play it: python -m games.people {game.name}"
                )
            for file in options.network:
                from agents.networks import custom

                custom.load(file)
            agent = participant(options.agent, game, runs=options.runs)
            if agent.human:
                raise UserError("A person at the keys cannot be measured here: name an agent's file, or bot.")
            found = robustness(game, agent, people, options.games, options.seed)
            if options.json:
                print_json(found)
                return 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{game.heading}, {options.agent}: its score in {options.games} games against each, a draw counting half")
    print("\n".join(in_words(found)))
    return 0


if __name__ == "__main__":
    command.run(main)
