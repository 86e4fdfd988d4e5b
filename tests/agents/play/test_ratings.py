"""Ratings: Bradley and Terry's, as hand-worked numbers and other implementations have them, whatever the order of listing."""

import numpy as np
import pytest

from agents.play.ratings import (
    SCALE,
    circles,
    covariance,
    intervals,
    log_odds,
    oriented,
    points_of,
    rate,
    ratings,
    resampled,
    with_prior,
)
from agents.play.schedule import first_round, next_round, round_sizes
from games.errors import UserError

NAMES = ["a", "b", "c", "d", "e"]


def counted(**pairs):
    """Counts [5, 5, 3] of games: ab=(1, 2, 3) are one that a lost against b, two drawn and three won."""
    counts = np.zeros((5, 5, 3), int)
    for (first, second), found in pairs.items():
        counts[NAMES.index(first), NAMES.index(second)] = found
    return counts


def made_up(seed, n=5):
    """Counts [n, n, 3] of some games of each pair, some with draws."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, (n, n, 3))
    counts[np.tril_indices(n)] = 0
    return counts


# --- the fit ---


@pytest.mark.parametrize(
    ("won", "drawn", "lost", "difference"),  # 400 · log10 of the odds
    [(3, 0, 1, 190.848), (10, 0, 1, 400.0), (60, 30, 10, 190.848), (0, 50, 0, 0.0), (1, 0, 1, 0.0)],
)
def test_two_players_differ_by_the_odds_of_their_points(won, drawn, lost, difference):
    points = np.array([[0.0, won + drawn / 2], [lost + drawn / 2, 0.0]])
    assert ratings(points, anchor=1) == pytest.approx([1000 + difference, 1000], abs=1e-3)


def test_draws_neither_lift_nor_lower_those_who_draw():
    """60 wins, 30 draws and 10 losses are 191 points; a draw counted as nothing or twice makes them 311 or 164."""
    found = rate(NAMES[:2], counted(ab=(10, 30, 60))[:2, :2], anchor="b")
    assert found.rating[0] == pytest.approx(1000 + 400 * np.log10(75.5 / 25.5), abs=1e-6)
    level = rate(NAMES[:3], counted(ab=(0, 500, 0), bc=(0, 7, 0), ac=(3, 80, 3))[:3, :3])
    assert level.rating == pytest.approx([1000, 1000, 1000], abs=1e-6)


def test_who_never_lost_has_half_a_point_against_them():
    found = rate(NAMES[:2], counted(ab=(0, 0, 10))[:2, :2], anchor="b")
    assert found.rating[0] == pytest.approx(1000 + 400 * np.log10(10.5 / 0.5), abs=1e-6)


def by_gradient_ascent(points, steps=20_000):
    """Log odds of maximum likelihood by small steps uphill, in plain Python."""
    n = len(points)
    theta = [0.0] * n
    most = max(sum(points[i][j] + points[j][i] for j in range(n)) for i in range(n))
    for _ in range(steps):
        slopes = []
        for i in range(n):
            expected = [(points[i][j] + points[j][i]) / (1 + np.exp(theta[j] - theta[i])) for j in range(n) if j != i]
            slopes.append(sum(points[i]) - sum(expected))
        theta = [value + 2 * slope / most for value, slope in zip(theta, slopes, strict=True)]
    return np.array(theta) - np.mean(theta)


def test_newtons_method_finds_what_gradient_ascent_finds():
    points = with_prior(points_of(oriented(made_up(3, 4))))
    assert log_odds(points) == pytest.approx(by_gradient_ascent(points.tolist(), 500), abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_ratings_are_those_of_choix(seed):
    choix = pytest.importorskip("choix")
    points = with_prior(points_of(oriented(made_up(seed, 8))))
    theirs = choix.ilsr_pairwise_dense(points, alpha=0.0, tol=1e-12)
    assert ratings(points) == pytest.approx(1000 + SCALE * (theirs - theirs.mean()), abs=1e-6)


def test_newtons_method_arrives_where_whole_steps_run_away():
    """Found by trying 6,000 such tables. At the maximum each has the points that the strengths expect."""
    points = np.array(
        [
            [0.0, 100.5, 0.0, 0.5, 1.5, 0.0],
            [0.5, 0.0, 0.0, 0.0, 20.5, 0.0],
            [0.0, 0.0, 0.0, 0.5, 20.5, 1000.5],
            [2.5, 0.0, 10.5, 0.0, 0.0, 10.5],
            [0.5, 0.5, 0.5, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.5, 100.5, 0.0, 0.0],
        ]
    )
    theta = log_odds(points)
    expected = (points + points.T) / (1 + np.exp(theta[None] - theta[:, None]))
    assert expected.sum(1) == pytest.approx(points.sum(1), rel=1e-9)


def test_strengths_far_apart_are_found_in_full_precision():
    """A ladder of eight on which each hardly ever lost against the one below."""
    points = np.zeros((8, 8))
    for k in range(7):
        points[k + 1, k], points[k, k + 1] = 100_000.0, 1e-3
    steps = np.diff(log_odds(points))
    assert steps == pytest.approx(np.full(7, np.log(1e8)), rel=1e-9)


def test_those_who_tie_are_rated_alike():
    found = rate(NAMES[:3], counted(ab=(5, 4, 5), ac=(2, 0, 9), bc=(2, 0, 9))[:3, :3])
    assert found.rating[0] == pytest.approx(found.rating[1], abs=1e-9)


@pytest.mark.parametrize("order", [[1, 0, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 1, 3]])
def test_the_order_of_listing_changes_neither_ratings_nor_intervals_nor_circles(order):
    counts = counted(ab=(30, 1, 70), bc=(30, 2, 70), ac=(70, 3, 30), ad=(3, 0, 9), be=(0, 0, 9), de=(4, 4, 4))
    one = rate(NAMES, counts, anchor="b")
    listed = np.triu(np.ones((5, 5), bool))[..., None] * oriented(counts)[np.ix_(order, order)]
    other = rate([NAMES[k] for k in order], listed, anchor="b")
    assert (other.rating == one.rating[order]).all()
    assert (other.interval == one.interval[order]).all()
    assert [[NAMES[order[k]] for k in circle] for circle in other.circles] == [[NAMES[k] for k in one.circles[0]]]


def test_players_whom_no_games_connect_are_named():
    with pytest.raises(UserError, match=r"cannot be compared: a, c; b, d; e\.\n"):
        rate(NAMES, counted(ac=(1, 0, 1), bd=(1, 0, 1)))


# --- intervals ---


def test_the_interval_of_two_players_is_that_of_jeffreys():
    """Of 8 of 10: 0.4972 to 0.9559, by integrating the density of Beta(8.5, 2.5) (Brown, Cai and DasGupta 2001)."""
    found = intervals(counted(ab=(2, 0, 8))[:2, :2], anchor=1, times=200_000)[0]
    rates = 1 / (1 + 10 ** (-(found - 1000) / 400))
    assert rates == pytest.approx([0.4972, 0.9559], abs=0.002)


def test_who_never_lost_has_an_interval_with_a_width():
    """A bootstrap of the games alone draws the same wins each time."""
    low, high = intervals(counted(ab=(0, 0, 100))[:2, :2], anchor=1)[0]
    assert 1500 < low < 1800 and high - low > 400


def test_the_anchor_does_not_vary():
    counts = counted(ab=(5, 5, 5), bc=(5, 5, 5))[:3, :3]
    assert (intervals(counts, anchor=1)[1] == 1000).all()
    assert np.ptp(intervals(counts, anchor=None)[1]) > 50


def test_two_games_that_always_split_teach_more_than_two_apart():
    """On a board on which who begins wins, both of a couple's results together are certain."""
    alone, couples = np.zeros((2, 2, 3)), np.zeros((2, 2, 5))
    alone[0, 1], couples[0, 1] = [100, 0, 100], [0, 0, 100, 0, 0]
    assert points_of(oriented(alone)).tolist() == points_of(oriented(couples)).tolist()
    assert np.ptp(intervals(couples, anchor=1)[0]) < 0.3 * np.ptp(intervals(alone, anchor=1)[0])
    couples[0, 1] = [50, 0, 0, 0, 50]
    assert np.ptp(intervals(couples, anchor=1)[0]) > 1.2 * np.ptp(intervals(alone, anchor=1)[0])


@pytest.mark.parametrize(("kinds", "each"), [(3, 1), (5, 2)])
def test_games_drawn_again_are_as_many(kinds, each):
    """each: games of a unit that is counted."""
    counts = np.zeros((3, 3, kinds), int)
    counts[0, 1, 0], counts[0, 1, -1], counts[1, 2, 1] = 4, 5, 6
    drawn = resampled(counts, np.random.default_rng(0), 50)
    expected = np.array([[0, 9 * each + 1, 0], [9 * each + 1, 0, 6 * each + 1], [0, 6 * each + 1, 0]])
    assert drawn + drawn.swapaxes(1, 2) == pytest.approx(np.broadcast_to(expected, drawn.shape))


@pytest.mark.slow
def test_some_nineteen_of_twenty_intervals_hold_the_true_rating():
    rng, true, held = np.random.default_rng(5), np.array([0.0, 150.0, 400.0, 700.0]), 0
    for _ in range(400):
        counts = np.zeros((4, 4, 3))
        for i, j in zip(*np.triu_indices(4, 1), strict=True):
            won = rng.binomial(200, 1 / (1 + 10 ** ((true[j] - true[i]) / 400)))
            counts[i, j] = [200 - won, 0, won]
        low, high = intervals(counts, 0, times=400).T
        held += int(((low <= true + 1000) & (true + 1000 <= high))[1:].sum())
    assert 0.91 < held / 1200 < 0.98


# --- circles ---


def test_a_circle_is_found_and_begins_with_its_highest():
    counts = counted(ab=(30, 0, 70), bc=(30, 0, 70), ac=(70, 0, 30), ad=(0, 0, 50), cd=(5, 0, 40))
    found = rate(NAMES[:4], counts[:4, :4])
    first = found.circles[0][0]
    assert len(found.circles) == 1 and set(found.circles[0]) == {0, 1, 2}
    assert found.rating[first] == found.rating[:3].max()
    assert found.circles[0] in [(0, 1, 2), (1, 2, 0), (2, 0, 1)]


@pytest.mark.parametrize("weak", [(45, 0, 55), (50, 0, 50), (3, 0, 7)])
def test_a_circle_of_which_one_rate_may_be_chance_is_none(weak):
    counts = counted(ab=(30, 0, 70), bc=weak, ac=(70, 0, 30))
    points = points_of(oriented(counts))
    assert not circles(points, points + points.T, np.zeros(5))


# --- which games are played ---


def test_the_first_round_connects_all_in_even_numbers():
    for players, games in ((2, 100), (3, 6), (7, 42), (7, 5000)):
        planned = first_round(players, games)
        assert (planned[np.triu_indices(players, 1)] >= 2).all() and (planned % 2 == 0).all()
        assert planned.sum() <= games and not np.tril(planned).any()


def test_rounds_have_all_games_in_even_numbers():
    for games in (0, 2, 8, 998, 12_344):
        assert sum(round_sizes(games)) == games and all(size > 0 and size % 2 == 0 for size in round_sizes(games))


def test_the_next_games_are_of_those_whose_end_is_open():
    """a and b are level, c is far below: of 60 games more than half are of a and b where the mean of all is fixed."""
    points = points_of(oriented(counted(ab=(10, 0, 10), ac=(0, 0, 20), bc=(0, 0, 20))[:3, :3]))
    planned = next_round(points, 60)
    assert planned.sum() == 60 and (planned % 2 == 0).all()
    assert next_round(points_of(oriented(counted(ab=(10, 0, 10), ac=(1, 0, 19), bc=(40, 0, 40))[:3, :3])), 60)[0].sum() == 60


def test_planned_games_lower_the_variance_more_than_as_many_dealt_evenly():
    true = np.array([0.0, 100.0, 250.0, 800.0, 1600.0]) / SCALE
    rates = 1 / (1 + np.exp(true[None] - true[:, None]))
    before = 20 * rates * (1 - np.eye(5))
    theta = log_odds(with_prior(before))

    def variance(games):
        return np.trace(covariance(with_prior(before) + (games + games.T) * rates, theta, anchor=0))

    planned = next_round(before, 1000, anchor=0)
    evenly = np.triu(np.full((5, 5), 100.0), 1)
    assert variance(planned) < 0.8 * variance(evenly)
    best_alone = min(variance(np.eye(5)[[i]].T @ np.eye(5)[[j]] * 1000) for i in range(5) for j in range(i + 1, 5))
    assert variance(planned) < best_alone, "one pair's games cannot teach about all"
