"""Which games are played next: those that teach most about the ratings, by what is known so far."""

import itertools

import numpy as np

from agents.play.ratings import covariance, log_odds, with_prior

FIRST = 20  # games of each pair before it is known who is near whom, at most
ROUNDS = 5  # of the other games, each planned by the ones before it
BLOCKS = 200  # of a round, each given to the pair that it teaches most about


def first_round(players: int, games: int) -> np.ndarray:
    """Games of each pair in the first round, an even number, int64 [n, n]; only i < j is filled. All are connected by them.

    With two players these are all games; else half of them at most, if that leaves each pair two.

    >>> first_round(3, 600).tolist()
    [[0, 20, 20], [0, 0, 20], [0, 0, 0]]
    >>> first_round(2, 600).tolist()
    [[0, 600], [0, 0]]
    """
    pairs = players * (players - 1) // 2
    each = games if pairs == 1 else 2 * min(FIRST // 2, max(1, games // pairs // 4))
    return np.triu(np.full((players, players), each), 1)


def round_sizes(games: int) -> list[int]:
    """The even numbers of games of the rounds after the first.

    >>> round_sizes(24), round_sizes(2), round_sizes(0)
    ([4, 4, 6, 4, 6], [2], [])
    """
    couples = games // 2
    edges = [couples * k // ROUNDS for k in range(ROUNDS + 1)]
    return [2 * (high - low) for low, high in itertools.pairwise(edges) if high > low]


def next_round(points: np.ndarray, games: int, anchor: int | None = None) -> np.ndarray:
    """Games of each pair, even numbers that add up to `games`, int64 [n, n]; only i < j is filled.

    Each block of m games goes to the pair that lowers the sum of the ratings' variances most. With the covariance C,
    d = eᵢ − eⱼ and w = m p (1 − p), the information of those games, it falls by w |C d|² / (1 + w dᵀ C d) (Sherman and
    Morrison), after which C is what it would be then. Games whose end is nearly certain teach little, as do those of a pair
    that is known well.

    points: [n, n] of the row against the column so far, without the prior's. anchor: whose rating is fixed; None: the mean is.
    """
    smoothed = with_prior(points)
    theta = log_odds(smoothed)
    uncertain = covariance(smoothed, theta, anchor)
    first, second = np.triu_indices(len(points), 1)
    p = 1.0 / (1.0 + np.exp(theta[second] - theta[first]))
    planned, block = np.zeros_like(points, np.int64), 2 * max(1, games // (2 * BLOCKS))
    while games > 0:
        block = min(block, games)
        weight = block * p * (1.0 - p)
        moved = uncertain[:, first] - uncertain[:, second]  # [n, pairs]: C d of each
        variance = moved[first, np.arange(len(first))] - moved[second, np.arange(len(first))]
        fall = weight * (moved**2).sum(0) / (1.0 + weight * variance)
        best = int(fall.argmax())
        planned[first[best], second[best]] += block
        change = weight[best] / (1.0 + weight[best] * variance[best])
        uncertain = uncertain - change * np.outer(moved[:, best], moved[:, best])
        games -= block
    return planned
