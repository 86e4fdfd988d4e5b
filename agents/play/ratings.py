"""Ratings of players by the games between them: Bradley and Terry's model, with intervals, and circles told.

Bradley and Terry 1952 (Biometrika 39): player i scores against player j with probability 1 / (1 + 10^((Rⱼ − Rᵢ) / 400)). A draw
is half a win: 60 wins, 30 draws and 10 losses are 75 points to 25, or 191 points of rating, where models with draws of their
own say something else (Davidson's: 311). The order of the players changes nothing: all games count at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from games.errors import UserError
from games.intervals import wilson

SCALE = 400.0 / np.log(10.0)  # points of rating in a unit of log odds: 400 a decade
FIXED = 1000.0  # the rating of the anchor, else the mean of all
PRIOR = 0.5  # points each way for each pair that met, so that who never lost has a rating too
RESAMPLES = 1000
TOLERANCE = 1e-11  # log odds
ITERATIONS = 200


def expected_score(difference: float) -> float:
    """Points per game of a player who is rated `difference` points higher, from 0 to 1.

    >>> round(expected_score(400.0), 4), expected_score(0.0)  # ten to one
    (0.9091, 0.5)
    """
    return float(1.0 / (1.0 + 10.0 ** (-difference / 400.0)))


def rating_against(points: Sequence[float], games: Sequence[float], opponents: Sequence[float]) -> float:
    """The rating of one player by games against opponents whose ratings are fixed, PRIOR added for each.

    points: won against each, a draw half. Found by bisection: the expected points rise with the rating.

    >>> round(rating_against([75.0], [100.0], [1000.0])), round(rating_against([5.0, 5.0], [10.0, 10.0], [900.0, 1100.0]))
    (1189, 1000)
    """
    weights = np.asarray(games, float) + 2.0 * PRIOR
    won = float(np.sum(points)) + PRIOR * len(weights)
    low, high = float(np.min(opponents)) - 4000.0, float(np.max(opponents)) + 4000.0
    for _ in range(60):
        center = (low + high) / 2.0
        expected = sum(w * expected_score(center - other) for w, other in zip(weights, opponents, strict=True))
        low, high = (center, high) if expected < won else (low, center)
    return (low + high) / 2.0


def with_prior(points: np.ndarray) -> np.ndarray:
    """Points [n, n] of the row against the column, and the prior's beside them: half a point each way where two met.

    >>> with_prior(np.array([[0.0, 3.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).tolist()
    [[0.0, 3.5, 0.0], [1.5, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return points + PRIOR * (points + points.T > 0)


# --- the fit --------------------------------------------------------------------------------------------------------


def log_odds(points: np.ndarray) -> np.ndarray:
    """The strengths θ of maximum likelihood by Newton's method, [..., n] with mean 0, from points [..., n, n] with the prior's.

        maximise  Σᵢⱼ sᵢⱼ log σ(θᵢ − θⱼ)          sᵢⱼ: points of i against j, σ(x) = 1 / (1 + e⁻ˣ)
        gradient  gᵢ = Σⱼ sᵢⱼ σ(θⱼ − θᵢ) − sⱼᵢ σ(θᵢ − θⱼ)

    A step is shortened to log(1 + r) / r of it, r its largest difference between two players, so that the likelihood rises from
    wherever it begins (Sun and Tran-Dinh 2019, arXiv:1703.04599, ν = 2). `ValueError` where games do not connect all.

    >>> theta = log_odds(np.array([[0.0, 3.0], [1.0, 0.0]]))
    >>> round(float(theta[0] - theta[1]), 6) == round(float(np.log(3)), 6)
    True
    """
    if len(groups(points.reshape(-1, *points.shape[-2:]).sum(0))) > 1:
        raise ValueError("games do not connect all players")
    theta = np.zeros(points.shape[:-1])
    for _ in range(ITERATIONS):
        wins, losses = _probabilities(theta)
        gradient = (points * losses - points.swapaxes(-1, -2) * wins).sum(-1)
        step = np.linalg.solve(_regular(information(points, theta)), gradient[..., None])[..., 0]
        size = step.max(-1) - step.min(-1)
        theta += step * np.divide(np.log1p(size), size, out=np.ones_like(size), where=size > 0)[..., None]
        if size.max() < TOLERANCE * (1.0 + np.abs(theta).max()):
            return theta - theta.mean(-1, keepdims=True)
    raise ArithmeticError(f"no strengths found in {ITERATIONS} steps")


def information(points: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Fisher's information on the strengths, [..., n, n]: that of each pair is games · p (1 − p), with p = σ(θᵢ − θⱼ).

    >>> information(np.array([[0.0, 3.0], [1.0, 0.0]]), np.zeros(2)).tolist()  # four games at even odds
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    wins, losses = _probabilities(theta)
    weights = (points + points.swapaxes(-1, -2)) * wins * losses
    return weights.sum(-1)[..., None] * np.eye(points.shape[-1]) - weights


def covariance(points: np.ndarray, theta: np.ndarray, anchor: int | None = None) -> np.ndarray:
    """The strengths' covariance [n, n]: the information's inverse, where the anchor, else the mean of all, does not vary.

    >>> covariance(np.array([[0.0, 3.0], [1.0, 0.0]]), np.zeros(2), anchor=0).round(9).tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    n = len(theta)
    fisher = information(points, theta)
    centred = np.linalg.inv(_regular(fisher)) - 1.0 / max(float(np.trace(fisher)), 1e-300)
    relative = np.eye(n) - (1.0 / n if anchor is None else np.eye(n)[anchor])
    return relative @ centred @ relative.T


def ratings(points: np.ndarray, anchor: int | None = None) -> np.ndarray:
    """Ratings [..., n] by points [..., n, n] with the prior's. anchor: the player at 1000; None: the mean of all is.

    >>> ratings(np.array([[0.0, 75.0], [25.0, 0.0]]), anchor=1).round(1).tolist()  # 400 · log10(3)
    [1190.8, 1000.0]
    >>> ratings(np.array([[0.0, 75.0], [25.0, 0.0]])).round(1).tolist()
    [1095.4, 904.6]
    """
    theta = log_odds(points)
    if anchor is not None:
        theta = theta - theta[..., anchor, None]
    return FIXED + SCALE * theta


def _probabilities(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """σ(θᵢ − θⱼ) and σ(θⱼ − θᵢ), [..., n, n]; each has its full precision, also near 0."""
    odds = np.exp(theta[..., :, None] - theta[..., None, :])
    return odds / (1.0 + odds), 1.0 / (1.0 + odds)


def _regular(matrix: np.ndarray) -> np.ndarray:
    """An information matrix that can be inverted: all strengths moved together change nothing, so that direction is filled."""
    return matrix + np.trace(matrix, axis1=-2, axis2=-1)[..., None, None] / matrix.shape[-1] ** 2


def groups(points: np.ndarray) -> list[list[int]]:
    """The players in groups that games connect; points [n, n] of the row against the column.

    >>> groups(np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]]))
    [[0, 1], [2]]
    """
    met = (points + points.T > 0) | np.eye(len(points), dtype=bool)
    found: list[list[int]] = []
    for player in range(len(points)):
        if not any(player in group for group in found):
            reached = np.eye(len(points), dtype=bool)[player]
            while (wider := met[reached].any(0)).sum() > reached.sum():
                reached = wider
            found.append(np.flatnonzero(reached).tolist())
    return found


# --- intervals ------------------------------------------------------------------------------------------------------


def resampled(counts: np.ndarray, rng: np.random.Generator, times: int = RESAMPLES) -> np.ndarray:
    """Points [times, n, n], with the prior's, of the games drawn again: each pair's weighted anew, the prior's among them.

    counts: [n, n, K], how often i got k / 2 points against j in a unit of (K − 1) / 2 games: K = 3 single games (lost, drawn,
    won), K = 5 two games that began alike, with the seats exchanged, which are not independent. Only i < j is read.

    Rubin's Bayesian bootstrap (1981, Annals of Statistics 9): gamma weights instead of whole numbers, scaled to the pair's
    number of games. For two players it is Jeffreys' interval; it has a width where one never lost, for the prior's games vary.
    """
    n, _, kinds = counts.shape
    first, second = np.triu_indices(n, 1)
    counts = counts[first, second]  # [pairs, K]
    weights = rng.standard_gamma(np.broadcast_to(counts, (times, *counts.shape)))
    prior = rng.standard_gamma(PRIOR, (times, len(first), 2))
    value = np.arange(kinds) / 2.0
    won, lost = weights @ value + prior[..., 0], weights @ value[::-1] + prior[..., 1]
    games = counts.sum(1) * (kinds - 1) / 2.0
    scale = np.where(games > 0, games + 2.0 * PRIOR, 0.0) / (won + lost)
    points = np.zeros((times, n, n))
    points[:, first, second], points[:, second, first] = won * scale, lost * scale
    return points


def intervals(counts: np.ndarray, anchor: int | None, seed: int = 0, times: int = RESAMPLES) -> np.ndarray:
    """95 % intervals of the ratings, [n, 2], by the bootstrap of `resampled`, whose counts it takes.

    >>> even = np.zeros((2, 2, 3), int)
    >>> even[0, 1] = [50, 0, 50]  # half of 100 games: the rate is 0.403 to 0.597, Jeffreys' interval
    >>> bool(np.abs(intervals(even, anchor=1)[0] - [932, 1068]).max() < 10)
    True
    """
    found = ratings(resampled(counts, np.random.default_rng(seed), times), anchor)
    return np.percentile(found, [2.5, 97.5], axis=0).T


# --- all of it ------------------------------------------------------------------------------------------------------


@dataclass
class Ratings:
    """The ratings of some players, in the order in which they were named."""

    rating: np.ndarray  # float64 [n]
    interval: np.ndarray  # float64 [n, 2]: 95 %
    circles: list[tuple[int, int, int]]  # each beats the next, the last the first


def rate(names: Sequence[str], counts: np.ndarray, anchor: str | None = None, seed: int = 0) -> Ratings:
    """Ratings of named players with intervals and circles. The order in which players are listed changes nothing.

    counts: [n, n, K] as `resampled` reads them. anchor: who is at 1000; None: the mean of all is. `UserError` where no games
    connect some players with others, who cannot be compared then.
    """
    order = sorted(range(len(names)), key=lambda k: names[k])
    whole = oriented(counts)
    ordered = whole[np.ix_(order, order)]
    points = points_of(ordered)
    separate = groups(games_of(ordered))
    if len(separate) > 1:
        told = "; ".join(", ".join(names[order[k]] for k in group) for group in separate)
        raise UserError(
            f"No games connect these players, so that they cannot be compared: {told}.\nLet one of each group meet."
        )
    fixed = None if anchor is None else [names[k] for k in order].index(anchor)
    rating, interval = np.zeros(len(names)), np.zeros((len(names), 2))
    rating[order] = ratings(with_prior(points), fixed)
    interval[order] = intervals(ordered, fixed, seed)
    return Ratings(rating, interval, circles(points_of(whole), games_of(whole), rating))


def oriented(counts: np.ndarray) -> np.ndarray:
    """Counts [n, n, K] of which i < j is filled, with the other half: what i got against j is what j left.

    >>> counts = np.zeros((2, 2, 3), int)
    >>> counts[0, 1] = [1, 0, 4]
    >>> oriented(counts)[1, 0].tolist()
    [4, 0, 1]
    """
    upper = np.where(np.triu(np.ones(counts.shape[:2], bool), 1)[..., None], counts, 0)
    return upper + upper.transpose(1, 0, 2)[..., ::-1]


def points_of(counts: np.ndarray) -> np.ndarray:
    """Points [n, n] of the row against the column, of counts [n, n, K]; a draw is half a point."""
    return counts @ (np.arange(counts.shape[-1]) / 2.0)


def games_of(counts: np.ndarray) -> np.ndarray:
    """Games [n, n] of counts [n, n, K]."""
    return counts.sum(-1) * ((counts.shape[-1] - 1) / 2.0)


def circles(points: np.ndarray, games: np.ndarray, rating: np.ndarray) -> list[tuple[int, int, int]]:
    """Players of whom each beats the next and the last the first: three win rates above one half by their intervals.

    The interval is Wilson's. Each circle begins with its player of the highest rating.

    >>> points = np.array([[0.0, 70.0, 30.0], [30.0, 0.0, 70.0], [70.0, 30.0, 0.0]])
    >>> circles(points, points + points.T, np.array([1000.0, 1000.0, 1000.0]))
    [(0, 1, 2)]
    >>> circles(points / 10, (points + points.T) / 10, np.zeros(3))  # 7 of 10 may be chance
    []
    """
    n = len(points)
    beats = np.zeros((n, n), bool)
    for i, j in zip(*np.nonzero(games), strict=True):
        beats[i, j] = wilson(points[i, j], games[i, j])[0] > 0.5
    found = []
    for i in range(n):
        rest = [k for k in range(n) if (-rating[k], k) > (-rating[i], i)]
        found += [(i, j, k) for j in rest if beats[i, j] for k in rest if beats[j, k] and beats[k, i]]
    return found
