"""Other libraries' environments of the same games, if they are installed; each is imported only when it is measured."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from typing import Any

import numpy as np

from games.engine.loader import Game
from games.errors import UserError
from speed.rows import Row, Signs, prove, take_turns, timed

CYCLE = 64  # random actions, repeated over and over


class MinAtar:
    """MinAtar's Breakout (Young & Tian 2019): one game in Python, 10 × 10 × 4 observed at each step."""

    short, name = "MinAtar", "MinAtar's Breakout, one game, 10 × 10 × 4"
    install = "pip install minatar"

    def __init__(self) -> None:
        from minatar import Environment

        self.env = Environment("breakout")
        self.env.seed(1)
        self.env.reset()
        self.actions = np.random.default_rng(1).integers(self.env.num_actions(), size=CYCLE).tolist()
        self.steps = 0

    def step(self) -> int:
        self.reward, self.over = self.env.act(self.actions[self.steps % CYCLE])
        self.seen = self.env.state()
        self.steps += 1
        if self.over:
            self.env.reset()
        return 1


class Ale:
    """Atari's Pong in the Arcade Learning Environment's vector environment, 84 × 84 grey, no frame skip, one thread."""

    short, name = "ALE", "ALE's vector Pong, 8 games, 84 × 84"
    install = "pip install ale-py"
    envs = 8

    def __init__(self) -> None:
        from ale_py.vector_env import AtariVectorEnv

        self.env = AtariVectorEnv("pong", self.envs, num_threads=1, stack_num=1, frameskip=1, max_num_frames_per_episode=2000)
        self.env.reset(seed=1)
        chance = np.random.default_rng(1)
        self.actions = list(chance.integers(self.env.single_action_space.n, size=(CYCLE, self.envs)))
        self.steps = 0

    def step(self) -> int:
        self.seen, self.reward, over, cut, _ = self.env.step(self.actions[self.steps % CYCLE])
        self.over = over | cut
        self.steps += 1
        return self.envs


class Puffer:
    """PufferLib's Pong, written in C: 8 numbers observed, frame skip 1. Only its compiled module, without the package."""

    short, name = "PufferLib", "PufferLib's C Pong, 1,024 games, 8 numbers"
    install = "pip install --no-deps pufferlib==2.0.2"  # its dependencies are older than ours
    envs = 1024

    def __init__(self) -> None:
        pong = extension("pufferlib", "ocean/pong/cy_pong")
        self.seen = np.zeros((self.envs, 8), np.float32)
        self.action = np.zeros(self.envs, np.int32)
        self.reward, self.over = np.zeros(self.envs, np.float32), np.zeros(self.envs, np.uint8)
        sizes = {"width": 500, "height": 640, "paddle_width": 20, "paddle_height": 70, "ball_width": 32, "ball_height": 32}
        speeds = {"paddle_speed": 8, "ball_initial_speed_x": 10, "ball_initial_speed_y": 1, "ball_max_speed_y": 13}
        self.env = pong.CyPong(
            self.seen, self.action, self.reward, self.over, self.envs, **sizes, **speeds,
            ball_speed_y_increment=3, max_score=21, frameskip=1,
        )  # fmt: skip
        self.env.reset()
        self.actions = list(np.random.default_rng(1).integers(3, size=(CYCLE, self.envs)).astype(np.int32))
        self.steps = 0

    def step(self) -> int:
        self.action[:] = self.actions[self.steps % CYCLE]
        self.env.step()
        self.steps += 1
        return self.envs


def extension(package: str, module: str) -> Any:
    """A compiled module of an installed package, loaded without the package itself; `ImportError` if there is none."""
    found = importlib.util.find_spec(package)
    where = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    files = [file for place in where for file in (place / module).parent.glob(f"{Path(module).name}.*.so")]
    if not files:
        raise ImportError(f"{package} has no compiled {module}")
    loader = ExtensionFileLoader(Path(module).name, str(files[0]))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    flags = sys.getdlopenflags()
    # DEEPBIND: glibc has a function `step` too, which would be called in place of PufferLib's.
    sys.setdlopenflags(flags | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        loaded = importlib.util.module_from_spec(spec)
        loader.exec_module(loaded)
    finally:
        sys.setdlopenflags(flags)
    return loaded


Baseline = MinAtar | Ale | Puffer
BaselineType = type[MinAtar] | type[Ale] | type[Puffer]
# (our game, its observation, its size, the environment to compare with)
BASELINES: list[tuple[str, str, int, BaselineType]] = [
    ("breakout", "planes", 12, MinAtar),
    ("pong", "pixels", 84, Ale),
    ("pong", "objects", 0, Puffer),
]


def check_plays(baseline: Baseline, patience: int = 5_000) -> None:
    """`UserError` unless its observations change, episodes end and rewards come."""
    baseline.step()
    counts = {"end of an episode": 0, "reward": 0}

    def repeat() -> None:
        baseline.step()
        counts["end of an episode"] += int(np.count_nonzero(baseline.over))
        counts["reward"] += int(np.count_nonzero(baseline.reward))

    def signs() -> Signs:
        return {"change in what is seen": baseline.seen.tobytes(), **counts}

    prove(baseline.name, signs(), signs, repeat, patience)


def rows(named: list[Game], ours: Callable[[Game, str, int], Any], seconds: float, turns: int) -> Iterator[Row]:
    """A row for each baseline of the given games. ours: makes our side from a game, an observation and a size."""
    for name, observation, size, make in BASELINES:
        for game in (game for game in named if game.name == name):
            yield row(ours(game, observation, size), make, f"{name} beside {make.short}", seconds, turns)


def row(ours: Any, make: BaselineType, name: str, seconds: float, turns: int) -> Row:
    """One row; without a peer if the baseline is not installed or does not play (its speed would mean nothing)."""
    try:
        baseline = make()
        check_plays(baseline)
        speeds, theirs = take_turns([ours.run, lambda seconds: timed(baseline.step, seconds)], seconds, turns)
        check_plays(baseline)
    except ImportError:
        return Row(name, "ticks/s", ours.run(seconds), note=f"{ours.what}; {make.short} is not installed: {make.install}")
    except UserError as error:
        return Row(name, "ticks/s", ours.run(seconds), note=f"{ours.what}; error: {str(error).splitlines()[0]}")
    finally:
        ours.batch.close()
    return Row(name, "ticks/s", max(speeds), note=f"{ours.what}, one thread").beside(max(theirs), baseline.name)
