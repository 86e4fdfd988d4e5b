"""Environments that do not play have no speed."""

import pytest

import games
from games.batch import Batch
from games.errors import UserError
from games.view import View
from speed.env import CartPole, Ticks


def nothing(*_arguments, **_named):
    pass


def without_rewards(step):
    def mutant(batch, *arguments):
        step(batch, *arguments)
        batch.returns[:] = 0

    return mutant


def without_ends(step):
    def mutant(batch, *arguments):
        step(batch, *arguments)
        batch.episode[:] = 0

    return mutant


@pytest.mark.parametrize(
    "where, name, mutant, missing",
    [
        (Batch, "step", lambda step: nothing, "change of the state"),
        (Batch, "step", without_rewards, "reward"),
        (Batch, "step", without_ends, "end of an episode"),
        (View, "observe", lambda observe: nothing, "change in what is seen"),
    ],
)
def test_a_batch_that_does_not_play_has_no_speed(monkeypatch, where, name, mutant, missing):
    ticks = Ticks(games.load("pong"), 8, "objects", 0, threads=1)
    assert ticks.run(0.01) > 0
    monkeypatch.setattr(where, name, mutant(getattr(where, name)))
    if missing == "end of an episode":
        ticks.batch.episode[:] = 0
    with pytest.raises(UserError, match=f"no {missing}"):
        ticks.run(0.0)


def test_a_cart_pole_that_stands_still_has_no_speed(monkeypatch):
    cart_pole = CartPole()
    assert cart_pole.run(0.0) > 0
    still = cart_pole.envs.step(cart_pole.actions[0])
    monkeypatch.setattr(cart_pole.envs, "step", lambda actions: still)
    cart_pole.step()
    with pytest.raises(UserError, match="no change of the state"):
        cart_pole.run(0.0)
