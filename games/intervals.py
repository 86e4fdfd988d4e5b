"""The 95 % intervals of scores: of a win rate, and of a mean return."""

import math

import numpy as np


def wilson(score: float, games: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % confidence interval of a win rate (Wilson 1927); `score` is wins plus half of the draws.

    >>> [round(x, 3) for x in wilson(8, 10)]
    [0.49, 0.943]
    """
    rate, square = score / games, z * z / games
    centre = rate + square / 2
    half_width = z * math.sqrt(rate * (1 - rate) / games + square / games / 4)
    return (centre - half_width) / (1 + square), (centre + half_width) / (1 + square)


def mean_and_interval(values: np.ndarray) -> tuple[float, float, list[float]]:
    """The mean of some returns [games], their standard deviation, and the 95 % interval of the mean.

    >>> [round(x, 3) for x in mean_and_interval(np.array([1.0, 3.0]))[2]]
    [0.04, 3.96]
    """
    mean, std = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    half = 1.96 * std / math.sqrt(len(values))
    return mean, std, [mean - half, mean + half]
