"""How many games an evaluation can afford."""

from types import SimpleNamespace

import pytest

import games
from agents.training.budget import FEWEST, SPARE, affordable, cost, kept
from agents.training.trainer import Trainer


@pytest.mark.parametrize("wave", [0.01, 0.4, 3.0, 50.0])
@pytest.mark.parametrize("seconds", [-1.0, 0.5, 4.0, 100.0])
def test_the_games_chosen_fit_or_are_the_fewest(wave, seconds):
    count = affordable(1000, seconds, wave)
    assert FEWEST <= count <= 1000
    assert count == FEWEST or SPARE * wave * cost(count) <= seconds
    assert count == 1000 or SPARE * wave * cost(count + 1) > seconds


def test_no_more_games_than_wanted():
    assert affordable(4, 0.0, 1.0) == 4
    assert affordable(200, 5.0, 0.0) == 200


def test_what_is_kept_is_a_share_but_enough_for_the_fewest_games():
    assert kept([200, 1000], 100.0, 40.0) == 20.0  # half of all at the very most
    assert kept([200, 1000], 1.0, 1000.0) == pytest.approx(2.0 + 1.3 * (0.3 + 0.7 * 0.8 + 4.0))
    assert kept([200, 1000], 5.0, 20.0) == pytest.approx(2.0 + 1.3 * 5.0 * 2 * (0.3 + 0.7 * 0.04))


def test_where_several_have_played_an_evaluation_by_one_of_them_takes_as_many_times_as_long():
    learner = SimpleNamespace(seconds={"collect": 1.0}, lengths=[100])
    waves = []
    for size in (1, 2):
        run = SimpleNamespace(
            wave=None, learner=learner, collected=1000, pace=None, game=games.load("pong"), group=SimpleNamespace(size=size)
        )
        waves.append(Trainer._expected_wave(run))
    assert waves[1] == 2 * waves[0] > 0
