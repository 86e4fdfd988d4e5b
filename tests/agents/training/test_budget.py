"""How many games an evaluation can afford."""

import pytest

from agents.training.budget import FEWEST, SPARE, affordable, cost, kept


@pytest.mark.parametrize("wave", [0.01, 0.4, 3.0, 50.0])
@pytest.mark.parametrize("seconds", [-1.0, 0.5, 4.0, 100.0])
def test_the_games_chosen_fit_or_are_the_fewest(wave, seconds):
    games = affordable(1000, seconds, wave)
    assert FEWEST <= games <= 1000
    assert games == FEWEST or SPARE * wave * cost(games) <= seconds
    assert games == 1000 or SPARE * wave * cost(games + 1) > seconds


def test_no_more_games_than_wanted():
    assert affordable(4, 0.0, 1.0) == 4
    assert affordable(200, 5.0, 0.0) == 200


def test_what_is_kept_is_a_share_but_enough_for_the_fewest_games():
    assert kept([200, 1000], 100.0, 40.0) == 20.0  # half of all at the very most
    assert kept([200, 1000], 1.0, 1000.0) == pytest.approx(2.0 + 1.3 * (0.3 + 0.7 * 0.8 + 4.0))
    assert kept([200, 1000], 5.0, 20.0) == pytest.approx(2.0 + 1.3 * 5.0 * 2 * (0.3 + 0.7 * 0.04))
