"""The result of a match, and the interval of a win rate."""

import math
from dataclasses import dataclass
from typing import Any

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


@dataclass
class MatchResult:
    """The returns of all games of a match; rates are those of the first participant."""

    game: str
    seats: list[str]  # participants, in the order named
    returns: np.ndarray  # [games, participants]
    cut: int  # games truncated by the time limit
    steps_per_second: float  # decisions of all participants
    note: str = ""  # of games that were cut because they took too long

    @property
    def games(self) -> int:
        return len(self.returns)

    @property
    def score(self) -> float:
        """The score by which the best agent is chosen: the win rate, or with one seat the mean return."""
        return self.summary()["win_rate" if len(self.seats) == 2 else "mean_return"]

    def summary(self) -> dict[str, Any]:
        """The JSON object that `play.py --headless --json` prints."""
        common = {"game": self.game, "seats": self.seats, "games": self.games}
        if len(self.seats) == 1:
            mean, std = float(self.returns.mean()), float(self.returns.std(ddof=1)) if self.games > 1 else 0.0
            half = 1.96 * std / math.sqrt(self.games)
            result = {"mean_return": mean, "std_return": std, "return_interval": [mean - half, mean + half]}
        else:
            wins = [int((self.returns[:, k] > self.returns[:, 1 - k]).sum()) for k in range(2)]
            draws = self.games - sum(wins)
            rate = (wins[0] + draws / 2) / self.games
            result = {
                "wins": wins,
                "draws": draws,
                "win_rate": rate,
                "interval": list(wilson(wins[0] + draws / 2, self.games)),
                "mean_return": [float(mean) for mean in self.returns.mean(0)],
            }
        note = {"note": self.note} if self.note else {}
        return {**common, **result, **note, "steps_per_second": round(self.steps_per_second)}
