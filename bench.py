"""Measure speed: python bench.py env, train, scale, play, usual, gpu or since"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import contextlib
import dataclasses
import importlib
import json
import sys
from typing import Any

import games
from games import command
from games.errors import UserError, nearest
from speed.rows import Row, show

EPILOG = """what is measured:
  env     ticks a second of each game, beside Gymnasium's vector CartPole and, where they are installed, MinAtar's
          Breakout, ALE's Pong and PufferLib's C Pong; making environments; compilation
  train   decisions a second that PPO, PQN and DQN learn from, beside Stable-Baselines3's and sb3-contrib's with the same
          network and settings; --only "dqn small" or --only lstm measures the rows with these words
  scale   decisions a second of whole trainings: one process with one thread, with two, two workers, two processes of torchrun,
          and so on up to the cores that there are; --only "ppo patch" measures the rows with these words
  usual   seconds until Pong's mark, of `train.py pong` and of Stable-Baselines3's PPO and DQN the usual way: an environment
          drawn by Pygame in each of eight processes (up to an hour for each side of each; `usual ppo`, `dqn`, `pqn`: one)
  play    seconds until the window plays, compiled and not, and from a key to its picture; a frame's work, with effects and
          without, and memory over an hour of matches; how long an agent takes to decide, beside Stable-Baselines3's
          predict; how steady the clock is
  gpu     with a GPU: the tests that need one, decisions a second of patch, nature and impala beside the processor's, a recipe
          to its mark, and what an iteration's time goes into; without one the same in small, on the processor
  since   today's tree beside an older commit's (`since HEAD~3`): learning, environments, start-up, memory, and whether learners
          come to the same weights (an hour or more; --only "train ppo patch" some minutes, --only weights a few)
Ours and the peer take turns within one run, so that whatever else the machine does hits both; usual and gpu measure one
after the other. Figures are the best turn of short ones (env), the median of long ones (train, scale, since)."""

# Each benchmark and its module.
MODULES = {name: f"speed.{name}" for name in ("env", "train", "scale", "play", "gpu", "since")} | {
    "usual": "speed.time_to_target"
}
# Seconds of each measurement: a row of env, a network of train, the clock of play, a side of usual, a learner of gpu, a run of
# scale or since.
SECONDS = {"env": 0.5, "train": 30.0, "scale": 30.0, "play": 60.0, "usual": 3600.0, "gpu": 15.0, "since": 4.0}
QUICK = {"env": 0.02, "train": 0.0, "scale": 5.0, "play": 1.0, "usual": 1.0, "gpu": 0.0, "since": 0.1}


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", help="env, train, scale, play, usual, gpu or since")
    names = (
        "of games, or files (default: env all that ship, train, play and gpu pong); for usual: ppo, dqn, pqn (default: all);"
        " for since: a commit"
    )
    parser.add_argument("names", nargs="*", help=names)
    seconds = (
        "of each measurement (default: env 0.5, train, scale 30, play 60, gpu 15; usual: up to 3600 a side; since 4 a run)"
    )
    parser.add_argument("--seconds", type=float, help=seconds)
    parser.add_argument("--only", metavar="WORDS", help="of train, scale and since: the rows whose names have all these words")
    parser.add_argument("--pairs", type=int, metavar="N", help="of since: turns of both trees for each row (default: 8)")
    parser.add_argument("--mark", action="store_true", help="of since: whole trainings by the recipes too, minutes each")
    parser.add_argument("--quick", action="store_true", help="only to see that it works: the figures say little")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    return parser


def main(argv: list[str] | None = None) -> int:
    options = arguments().parse_args(argv)
    try:
        rows = measure(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps({"rows": [dataclasses.asdict(row) for row in rows]}))
    return 0


def measure(options: argparse.Namespace) -> list[Row]:
    """Measure and return the rows; they are shown one by one unless JSON is wanted."""
    if options.what not in SECONDS:
        raise UserError(f"There is no benchmark '{options.what}'.\n{nearest(options.what, SECONDS)}")
    if options.seconds is not None and not 0 < options.seconds <= 3600:
        raise UserError(f"--seconds is above 0 and at most 3600, not {options.seconds:g}.")
    measured = targets(options)
    seconds = options.seconds or (QUICK if options.quick else SECONDS)[options.what]
    more = options_of(options)
    module = importlib.import_module(MODULES[options.what])  # only now: torch and Stable-Baselines3 take seconds to import
    sides = ("today", "then") if options.what == "since" else ("ours", "peer")
    with contextlib.closing(module.measure(measured, seconds, options.quick, **more)) as rows:  # it may have much to clean up
        return list(rows) if options.json else show(rows, sides)


def options_of(options: argparse.Namespace) -> dict[str, Any]:
    """The options that only some benchmarks take, where they are given."""
    if options.only is not None and options.what not in ("train", "scale", "since"):
        raise UserError(f"--only chooses rows of train, scale and since; {options.what} has none to choose from.")
    if options.what != "since" and (options.pairs is not None or options.mark):
        raise UserError(f"{'--mark' if options.mark else '--pairs'} is an option of since, not of {options.what}.")
    if options.pairs is not None and not 1 <= options.pairs <= 1000:
        raise UserError(f"--pairs is from 1 to 1000, not {options.pairs}.")
    given = {"only": options.only, "pairs": options.pairs, "mark": options.mark or None}
    return {name: value for name, value in given.items() if value is not None}


def targets(options: argparse.Namespace) -> list:
    """The games to measure; for `usual` the names of the algorithms, for `since` a commit."""
    if options.what == "scale" and options.names:
        raise UserError(f"scale has rows of its own; choose some by --only, not {options.names[0]}.")
    if options.what in ("usual", "since", "scale"):
        return options.names
    loaded = [games.load(name) for name in options.names or (games.names() if options.what == "env" else ["pong"])]
    if options.what != "env" and len(loaded) > 1:
        raise UserError(f"{options.what} takes one game, not {len(loaded)}.")
    return loaded


if __name__ == "__main__":
    command.run(main)
