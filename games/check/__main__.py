"""The command: `python -m games.check pong ./my_game.py`."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import contextlib
import json
import os
import sys

import games
from games import command
from games.check import CHECKS, CheckResult, not_tried, run_checks
from games.check.process import child
from games.errors import UserError, nearest


def show(console, result: CheckResult) -> None:
    """Print one line for a check, and a second one if it fails."""
    word = "[green]ok    [/]" if result.ok else "[bold red]FAILED[/]"
    console.print(f"  {word}  {result.title}", end="", highlight=False, soft_wrap=True)
    if result.note:
        console.print(f"  ({result.note})", style="dim", end="", highlight=False, markup=False, soft_wrap=True)
    console.print(f"  {result.seconds:.1f} s", style="dim", highlight=False)
    if result.problem:
        console.print(f"          {result.problem}", highlight=False, markup=False, soft_wrap=True)


def summary(passed: int, failed: int, untried: int) -> str:
    """The last line of the output.

    >>> summary(21, 0, 0), summary(1, 1, 19)
    ('All 21 checks hold.', '1 check holds, 1 failed; 19 were not tried.')
    """
    if not failed:
        return f"All {passed} checks hold." if passed > 1 else "The check holds."
    rest = f"; {untried} {'was' if untried == 1 else 'were'} not tried" if untried else ""
    return f"{passed} {'check holds' if passed == 1 else 'checks hold'}, {failed} failed{rest}."


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m games.check", description="What every game must pass.")
    parser.add_argument("games", nargs="*", metavar="NAME_OR_PATH", help="a game's name, or a file of your own (default: all)")
    parser.add_argument("--only", metavar="CHECK", help=f"one check alone: {', '.join(CHECKS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the list")
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pictures are painted, not shown
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from rich.console import Console

    console = Console(quiet=chosen.json)
    try:
        if chosen.only and chosen.only not in CHECKS:
            raise UserError(f"There is no check '{chosen.only}'.\n{nearest(chosen.only, CHECKS)}")
        found = [games.load(name) for name in chosen.games or games.names()]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    results: dict[str, list[CheckResult]] = {}
    for game in found:
        console.print(f"[bold]{game.heading}[/]  {game.path}", highlight=False)
        results[str(game.path)] = []
        with contextlib.closing(run_checks(game, chosen.only)) as checked:  # after Ctrl-C no process goes on
            for result in checked:
                results[str(game.path)].append(result)
                show(console, result)
        for functions, names in not_tried(results[str(game.path)]).items():
            what = f"{', '.join(names)}: {functions} must be mended first"
            console.print(f"  not tried  {what}", highlight=False, markup=False, soft_wrap=True)
    every = [result for game_results in results.values() for result in game_results]
    failed = sum(not result.ok for result in every)
    if chosen.json:
        print(json.dumps({path: [vars(result) for result in game_results] for path, game_results in results.items()}))
    wanted = len(found) * (1 if chosen.only else len(CHECKS))
    console.print(summary(len(every) - failed, failed, wanted - len(every)), highlight=False)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    command.run(main)
