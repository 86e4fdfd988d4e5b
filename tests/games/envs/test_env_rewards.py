"""Rewards of games in which nobody wins, through the standard APIs: as the game gives them."""

from pathlib import Path

import numpy as np
import pytest

from agents.bridges.sb3 import SparringVecEnv
from games.engine.batch import Batch
from games.envs.gymnasium import SparringVectorEnv
from games.envs.pettingzoo import SparringParallelEnv

TOYS = Path(__file__).parents[2] / "toys"
DECISIONS = 320  # more than an episode's 300


def returns(toy, seat):
    """Of one episode of chance beside the best bot: what the steps gave [N], and what both seats earned [N, P]."""
    env = SparringVectorEnv(TOYS / f"{toy}.py", 8, seat=seat, opponent="bot:1", observation="objects")
    env.reset(seed=3)
    totals, random = np.zeros(8), np.random.default_rng(1)
    for _ in range(DECISIONS):
        _, given, terminated, _, _ = env.step(random.integers(env.game.num_actions, size=8))
        totals += given
        if terminated.any():
            break
    assert terminated.all()
    env.close()
    return totals, env.batch.returns


@pytest.mark.parametrize("seat", [0, 1])
def test_partners_earn_the_same(seat):
    totals, both = returns("plates", seat)
    assert totals.sum() > 0.0
    assert (both == totals[:, None]).all()


@pytest.mark.parametrize("seat", [0, 1])
def test_what_the_other_earns_is_not_lost(seat):
    totals, both = returns("harvest", seat)
    assert (both[:, 1 - seat] > both[:, seat]).all(), "the bot is better than chance"
    assert totals.min() >= 0.0 and totals.sum() > 0.0
    assert (both[:, seat] == totals).all()


@pytest.mark.parametrize("toy, same", [("plates", True), ("harvest", False)])
def test_pettingzoos_agents_earn_what_the_game_gives(toy, same):
    env = SparringParallelEnv(TOYS / f"{toy}.py", observation="objects")
    totals, batch, random = np.zeros(2), Batch(env.game, 1, seed=4), np.random.default_rng(2)
    env.reset(seed=4)
    while env.agents:
        actions = {agent: int(random.integers(env.game.num_actions)) for agent in env.agents}
        world = np.array([[actions[agent] for agent in env.agents]])
        if env.game.mirror is not None:
            world[:, 1] = env.game.swap[world[:, 1]]
        batch.step(world)
        given = env.step(actions)[1]
        totals += [given[agent] for agent in env.possible_agents]
    assert totals.sum() > 0.0
    assert totals.tolist() == batch.returns[0].tolist()
    assert (totals[0] == totals[1]) == same


def test_stable_baselines3_is_told_the_return_of_its_seat():
    envs = SparringVecEnv(TOYS / "plates.py", 6, seat="any", observation="objects", reward_scale=0.1)
    envs.seed(2)
    envs.reset()
    totals, random = np.zeros(6), np.random.default_rng(1)
    for _ in range(DECISIONS):
        _, given, done, infos = envs.step(random.integers(3, size=6))
        totals += given
        if done.any():
            break
    assert done.all()
    assert totals.sum() > 0.0
    assert [info["episode"]["r"] for info in infos] == pytest.approx((10.0 * totals).tolist(), rel=1e-5)
    envs.close()
