"""The result of a match, and the intervals of its scores: a win rate where one of two seats wins, else mean returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from games.intervals import mean_and_interval, wilson

FEW = 0.5  # share of a pair's games that differ, below which that is said


def few_differ(different: int, games: int, whose: str = "") -> list[str]:
    """A sentence where most games of a pair are repeated ones, as those of deterministic players are; else nothing.

    >>> few_differ(2, 100, " of bot and bot:1")
    ['Only 2 of the 100 games of bot and bot:1 differ: they say less than as many games that do.']
    >>> few_differ(98, 100)
    []
    """
    if different >= FEW * games:
        return []
    return [f"Only {different:,} of the {games:,} games{whose} differ: they say less than as many games that do."]


class Score(NamedTuple):
    """One participant's score in a match."""

    kind: str  # win_rate or mean_return, as in the summary
    value: float
    interval: Sequence[float]  # 95 %: low, high


def first_score(summary: Mapping[str, Any]) -> Score:
    """The score of the first participant, by a summary of `MatchResult`; `LookupError` if the summary has none.

    >>> first_score({"mean_return": [5.0, 4.0], "return_interval": [[4.5, 5.5], [3.0, 5.0]]})
    Score(kind='mean_return', value=5.0, interval=[4.5, 5.5])
    """
    kind, name = ("win_rate", "interval") if "win_rate" in summary else ("mean_return", "return_interval")
    value, interval = summary.get(kind), summary.get(name)
    if value is None or interval is None:
        raise LookupError(f"no {kind} with an interval")
    return Score(kind, value[0], interval[0]) if isinstance(value, list) else Score(kind, value, interval)


@dataclass
class MatchResult:
    """The returns of all games of a match; rates are those of the first participant."""

    game: str
    seats: list[str]  # participants, in the order named
    returns: np.ndarray  # [games, participants]
    cut: int  # games truncated by the time limit
    steps_per_second: float  # decisions of all participants
    note: str = ""  # of games that were cut because they took too long
    rewards: str = "zero-sum"  # of two seats: how they are related, one of `games.engine.constants.REWARDS`
    different: int | None = None  # games that differ from each other; None: not counted

    @property
    def games(self) -> int:
        return len(self.returns)

    @property
    def repeats(self) -> list[str]:
        """A sentence where most games are repeated ones; else nothing."""
        return [] if self.different is None else few_differ(self.different, self.games)

    @property
    def score(self) -> float:
        """The score by which the best agent is chosen: the win rate, or where nobody wins the mean return."""
        return first_score(self.summary()).value

    def summary(self) -> dict[str, Any]:
        """The JSON object that `play.py --headless --json` prints."""
        common = {"game": self.game, "seats": self.seats, "games": self.games}
        result = self._wins() if len(self.seats) == 2 and self.rewards == "zero-sum" else self._mean_returns()
        note = {"note": self.note} if self.note else {}
        different = {"different_games": self.different} if self.repeats else {}
        return {**common, **result, **different, **note, "steps_per_second": round(self.steps_per_second)}

    def _wins(self) -> dict[str, Any]:
        """Two participants' wins, and the first one's rate of them."""
        wins = [int((self.returns[:, k] > self.returns[:, 1 - k]).sum()) for k in range(2)]
        draws = self.games - sum(wins)
        rate = (wins[0] + draws / 2) / self.games
        return {
            "wins": wins,
            "draws": draws,
            "win_rate": rate,
            "interval": list(wilson(wins[0] + draws / 2, self.games)),
            "mean_return": [float(mean) for mean in self.returns.mean(0)],
        }

    def _mean_returns(self) -> dict[str, Any]:
        """Mean returns: numbers of one participant, or of two who earn the same; lists where each of two earns its own."""
        related = {"rewards": self.rewards} if len(self.seats) == 2 else {}
        means, stds, intervals = (list(each) for each in zip(*map(mean_and_interval, self.returns.T), strict=True))
        if self.rewards == "own" and len(self.seats) == 2:
            return {**related, "mean_return": means, "std_return": stds, "return_interval": intervals}
        return {**related, "mean_return": means[0], "std_return": stds[0], "return_interval": intervals[0]}
