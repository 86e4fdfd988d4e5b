"""`Fit`: an opponent that moves along the ladder to where a person is expected to win half of the games.

After each game the person's rating is estimated anew. A game's return counts as so many trials won of so many: where there
are points, a game that was lost by one tells more than that it was lost. Estimated on a grid of ratings (Bayes), and what was
played long ago counts less and less, since people learn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.play.ladder import LadderFile, Rung

STEP = 10.0  # points of rating between two on the grid
MARGIN = 400.0  # points to both sides of the ladder that a person may be rated
KEPT = 0.95  # of what is known of a person, after each further game
UNSURE = 0.4  # standard deviation before the first game, in units of the ladder's span
SPREAD = 150.0  # points of rating: a rung that is so far from the person's is not played


@dataclass(frozen=True)
class Played:
    """A game of a person against a rung."""

    rating: float  # of the opponent
    result: float  # the person's return


@dataclass
class Fit:
    """The rating of a person by the games that they have played, and the opponent for the next."""

    ladder: LadderFile
    games: list[Played] = field(default_factory=list)  # the oldest first

    def play(self, rung: Rung, result: float) -> None:
        """Add a game against a rung. result: the person's return."""
        self.games.append(Played(rung.rating, result))

    def rating(self) -> tuple[float, float]:
        """The person's rating and its standard deviation."""
        grid, chance = self._posterior()
        mean = float(chance @ grid)
        return mean, math.sqrt(float(chance @ (grid - mean) ** 2))

    def chances(self) -> np.ndarray:
        """The chance of each rung to be the next opponent [K]: the nearer its rating is to the person's, the likelier.

        A person may have a hard time with a rung whom others of its rating beat: several together are fairer than one. Who is
        beyond an end of the ladder gets that end.
        """
        ratings, (rating, _) = np.array([rung.rating for rung in self.ladder.rungs]), self.rating()
        distances = np.abs(ratings - rating)
        reach = min(SPREAD, rating - ratings[0], ratings[-1] - rating)  # as far to either side
        near = np.maximum(0.0, reach - distances)
        if not near.any():
            near[distances.argmin()] = 1.0
        return near / near.sum()

    def rung(self) -> Rung:
        """The opponent for the next game, drawn by `chances`; the same until a game is added."""
        number = np.random.default_rng(len(self.games)).choice(len(self.ladder.rungs), p=self.chances())
        return self.ladder.rungs[int(number)]

    def _posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """A grid of ratings [G], and the probability of each."""
        ratings = [rung.rating for rung in self.ladder.rungs]
        grid = np.arange(ratings[0] - MARGIN, ratings[-1] + MARGIN + STEP, STEP)
        unsure = max(UNSURE * (ratings[-1] - ratings[0]), STEP)
        log_chance = -((grid - 0.5 * (ratings[0] + ratings[-1])) ** 2) / (2.0 * unsure**2)
        for age, game in enumerate(reversed(self.games)):
            log_chance += KEPT**age * self.log_likelihood(grid, game)
        chance = np.exp(log_chance - log_chance.max())
        return grid, chance / chance.sum()

    def log_likelihood(self, ratings: np.ndarray, game: Played) -> np.ndarray:
        """The logarithm of a game's probability for each of a person's ratings [G], but for a constant.

            n (x log p + (1 − x) log(1 − p)),   p = 1 / (1 + 10^((R − r) / scale)),   x = (1 + result / most) / 2

        with n trials a game, and R the opponent's rating: Bradley and Terry (1952) for games that are only won or lost.
        """
        won = min(max(0.5 + 0.5 * game.result / self.ladder.most, 0.0), 1.0)
        odds = (ratings - game.rating) * math.log(10.0) / self.ladder.scale  # logarithm of them
        return -self.ladder.trials * (won * np.logaddexp(0.0, -odds) + (1.0 - won) * np.logaddexp(0.0, odds))


def trials_of(returns: np.ndarray, most: float) -> float:
    """How many trials a game is worth between equals, by returns [games] of games between them: `most`² over their variance.

    >>> trials_of(np.array([1.0, -1.0, 1.0, -1.0]), 1.0), trials_of(np.array([5.0, -5.0, 1.0, -1.0, 2.0, -2.0]), 5.0)
    (1.0, 2.5)
    """
    return max(1.0, round(most**2 / float(np.mean(np.square(returns))), 2))


def scale_of(differences: Sequence[float], shares: Sequence[float]) -> float:
    """The scale of trials: by differences in rating [K] and the shares of trials won there [K], through the origin.

    log(p / (1 − p)) = log(10) d / scale, by least squares; shares of 0 and 1 are left out.

    >>> round(scale_of([400.0, -400.0], [10 / 11, 1 / 11]))
    400
    """
    pairs = [(d, math.log(p / (1.0 - p))) for d, p in zip(differences, shares, strict=True) if 0.0 < p < 1.0]
    steepness = sum(d * y for d, y in pairs) / max(sum(d * d for d, _ in pairs), 1e-12)
    return math.log(10.0) / steepness if steepness > 0.0 else 1e4
