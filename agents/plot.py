"""Learning curves: python -m agents.plot runs/pong/NAME-s1 runs/pong/NAME-s2

The mean over the runs of the same game and learner (algorithm, network, memory, observation, trainer), whatever their seeds,
and its 95 % interval by Student's t. A curve ends where the first of its runs ends.
"""

import argparse
import sys
from pathlib import Path

from agents.training.learning_curves import write
from games.errors import UserError
from games.pipes import outlive_reader


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
    outlive_reader()
    sys.exit(main())
