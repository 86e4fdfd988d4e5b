"""How many times better one side is than the other, from pairs of figures: the median, its spread, and what that proves."""

import math
import statistics
from collections.abc import Sequence

from agents.training.seeds import student
from speed.rows import Row

LESS = ("s", "MB")  # units of which less is better
WORDS = {"MB": ("smaller", "no larger", "larger")}  # of units that are no speed
SPEED = ("faster", "no slower", "slower")
CLOSE = 0.95  # a row whose interval reaches below this says nothing yet


def ratios(unit: str, today: Sequence[float], then: Sequence[float]) -> list[float]:
    """Of each pair how many times better today's figure is.

    >>> ratios("steps/s", [30.0], [20.0]), ratios("s", [30.0], [15.0])
    ([1.5], [0.5])
    """
    pairs = zip(today, then, strict=True)
    return [old / new if unit in LESS else new / old for new, old in pairs]


def interval(found: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the geometric mean of some ratios, by Student's t over their logarithms; of a single one, none.

    >>> low, high = interval([0.5, 1.0, 2.0])  # exp(0 ± 4.303 · ln 2 / √3)
    >>> round(low, 4), round(high, 4)
    (0.1787, 5.5958)
    """
    if len(found) < 2:
        return None
    log_ratios = [math.log(ratio) for ratio in found]
    mean, std = statistics.fmean(log_ratios), statistics.stdev(log_ratios)
    half = student(len(log_ratios)) * std / math.sqrt(len(log_ratios))
    return math.exp(mean - half), math.exp(mean + half)


def verdict(unit: str, within: tuple[float, float] | None) -> str:
    """The interval in words.

    >>> [verdict("s", one) for one in [(1.01, 1.2), (0.96, 1.0), (0.9, 0.99), (0.94, 1.3), None]]
    ['faster', 'no slower', 'slower', 'not told apart: more --pairs', 'not told apart: more --pairs']
    """
    better, same, worse = WORDS.get(unit, SPEED)
    if within is None:
        return "not told apart: more --pairs"
    low, high = within
    if low > 1.0:
        return better
    if high < 1.0:
        return worse
    return same if low >= CLOSE else "not told apart: more --pairs"


def compared(name: str, unit: str, today: Sequence[float], then: Sequence[float], who: str, note: str = "") -> Row:
    """The row of so many pairs: both medians, the median ratio, its interval, the least and the greatest ratio.

    today, then: the figures of each pair, in `unit`. who: the older side's name.
    """
    found = ratios(unit, today, then)
    within = interval(found)
    row = Row(name, unit, statistics.median(today), statistics.median(then), who, statistics.median(found))
    said = verdict(unit, within)
    if within is not None:
        row.low, row.high = within
        said += f", 95 % {row.low:.3f} to {row.high:.3f}"
    count = len(found)
    row.note = f"{said}; {count} pair{'s'[: count - 1]} {min(found):.3f} to {max(found):.3f}{f'; {note}' if note else ''}"
    return row
