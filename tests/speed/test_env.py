"""Environments that do not play have no speed."""

import numpy as np
import pytest

import games
from games.engine.batch import Batch
from games.engine.view import View
from games.errors import UserError
from speed import env_baselines
from speed.env import CartPole, RandomBatch


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
    batch = RandomBatch(games.load("pong"), 8, "objects", 0, threads=1)
    assert batch.run(0.01) > 0
    monkeypatch.setattr(where, name, mutant(getattr(where, name)))
    if missing == "end of an episode":
        batch.batch.episode[:] = 0
    with pytest.raises(UserError, match=f"no {missing}"):
        batch.run(0.0)


def test_a_cart_pole_that_stands_still_has_no_speed(monkeypatch):
    cart_pole = CartPole()
    assert cart_pole.run(0.0) > 0
    still = cart_pole.envs.step(cart_pole.actions[0])
    monkeypatch.setattr(cart_pole.envs, "step", lambda actions: still)
    cart_pole.step()
    with pytest.raises(UserError, match="no change of the state"):
        cart_pole.run(0.0)


# --- environments of others -----------------------------------------------------------------------------------------


class Stands:
    """An environment of others that may be told what not to do."""

    name, short, install = "somebody's Pong", "Somebody", "pip install somebody"

    def __init__(self, lacks=""):
        self.lacks, self.steps = lacks, 0

    def step(self):
        self.steps += 1
        self.seen = np.array([self.steps if self.lacks != "change in what is seen" else 0])
        self.over = self.lacks != "end of an episode" and self.steps % 5 == 0
        self.reward = float(self.lacks != "reward" and self.steps % 3 == 0)
        return 1


def beside(make):
    return env_baselines.row(RandomBatch(games.load("pong"), 8, "objects", 0, threads=1), make, "pong beside Somebody", 0.01, 2)


def test_an_environment_of_others_has_a_figure_beside_ours():
    found = beside(Stands)
    assert found.peer_name == "somebody's Pong" and found.ratio == found.ours / found.peer


@pytest.mark.parametrize("missing", ["change in what is seen", "end of an episode", "reward"])
def test_an_environment_of_others_that_does_not_play_is_an_error_and_no_figure(missing):
    make = lambda: Stands(missing)  # noqa: E731 - it stands for a class
    found = beside(make)
    assert found.peer is None and found.ratio is None and found.ours > 0
    assert f"error: somebody's Pong: no {missing}" in found.note


def test_an_environment_that_is_not_installed_is_named_with_its_command():
    class Absent(Stands):
        def __init__(self):
            raise ImportError("No module named 'somebody'")

    found = beside(Absent)
    assert found.peer is None and "Somebody is not installed: pip install somebody" in found.note


def test_a_compiled_part_that_is_not_there_is_an_import_error():
    for package in ("numpy", "no_such_package"):
        with pytest.raises(ImportError, match="has no compiled"):
            env_baselines.extension(package, "ocean/pong/cy_pong")


@pytest.mark.parametrize("kind", [env_baselines.MinAtar, env_baselines.Ale, env_baselines.Puffer])
def test_what_is_installed_of_others_plays(kind):
    try:
        other = kind()
    except ImportError as error:
        pytest.skip(str(error))
    env_baselines.check_plays(other)
