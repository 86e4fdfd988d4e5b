"""Learning curves: python -m agents.plot runs/pong/NAME-s1 runs/pong/NAME-s2

The mean over the runs of the same game and learner (algorithm, network, memory, observation, trainer), whatever their seeds,
and its 95 % interval by Student's t. A curve ends where the first of its runs ends.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import sys
from pathlib import Path

from agents.training.learning_curves import write
from games import command
from games.errors import UserError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m agents.plot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="a run's folder, as runs/pong/NAME")
    add("--out", type=Path, default=Path("curve.png"), metavar="FILE", help="a .png or .svg file (default: curve.png)")
    add("--by", choices=("steps", "time"), default="steps", help="what goes to the right (default: steps)")
    add("--tag", default="eval/score", help="which of TensorBoard's numbers (default: eval/score)")
    options = parser.parse_args()
    try:
        write(options.out, options.runs, options.tag, options.by)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Curve:  {options.out}")
    return 0


if __name__ == "__main__":
    command.run(main)
