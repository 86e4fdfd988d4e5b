"""Environments of others that play what ours play, where they are installed; each imported only when it is measured."""

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

SOME = 64  # random actions, over and over


class MinAtar:
    """MinAtar's Breakout (Young & Tian 2019): one game in Python, 10 × 10 × 4 observed at each step."""

    short, name = "MinAtar", "MinAtar's Breakout, one game, 10 × 10 × 4"
    install = "pip install minatar"

    def __init__(self) -> None:
        from minatar import Environment

        self.env = Environment("breakout")
        self.env.seed(1)
        self.env.reset()
        self.actions = np.random.default_rng(1).integers(self.env.num_actions(), size=SOME).tolist()
        self.steps = 0

    def step(self) -> int:
        self.reward, self.over = self.env.act(self.actions[self.steps % SOME])
        self.seen = self.env.state()
        self.steps += 1
        if self.over:
            self.env.reset()
        return 1


class Ale:
    """Atari's Pong in the Arcade Learning Environment's own vector, 84 × 84 grey, each frame seen, on one thread."""

    short, name = "ALE", "ALE's vector Pong, 8 games, 84 × 84"
    install = "pip install ale-py"
    envs = 8

    def __init__(self) -> None:
        from ale_py.vector_env import AtariVectorEnv

        self.env = AtariVectorEnv("pong", self.envs, num_threads=1, stack_num=1, frameskip=1, max_num_frames_per_episode=2000)
        self.env.reset(seed=1)
        chance = np.random.default_rng(1)
        self.actions = list(chance.integers(self.env.single_action_space.n, size=(SOME, self.envs)))
        self.steps = 0

    def step(self) -> int:
        self.seen, self.reward, over, cut, _ = self.env.step(self.actions[self.steps % SOME])
        self.over = over | cut
        self.steps += 1
        return self.envs


class Puffer:
    """PufferLib's Pong, written in C: 8 numbers observed, frame skip 1. Its compiled part alone, without the package."""

    short, name = "PufferLib", "PufferLib's C Pong, 1,024 games, 8 numbers"
    install = "pip install --no-deps pufferlib==2.0.2"  # what it depends on is older than what we do
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
        self.actions = list(np.random.default_rng(1).integers(3, size=(SOME, self.envs)).astype(np.int32))
        self.steps = 0

    def step(self) -> int:
        self.action[:] = self.actions[self.steps % SOME]
        self.env.step()
        self.steps += 1
        return self.envs


def extension(package: str, module: str) -> Any:
    """A compiled module of an installed package, without the package's own imports; `ImportError` where there is none."""
    found = importlib.util.find_spec(package)
    where = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    files = [file for place in where for file in (place / module).parent.glob(f"{Path(module).name}.*.so")]
    if not files:
        raise ImportError(f"{package} has no compiled {module}")
    loader = ExtensionFileLoader(Path(module).name, str(files[0]))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | getattr(os, "RTLD_DEEPBIND", 0))  # PufferLib's `step` is also one of glibc's, which would win
    try:
        loaded = importlib.util.module_from_spec(spec)
        loader.exec_module(loaded)
    finally:
        sys.setdlopenflags(flags)
    return loaded


Other = MinAtar | Ale | Puffer
Kind = type[MinAtar] | type[Ale] | type[Puffer]
# Which game of ours, which observation and size of it are beside whom.
BESIDE: list[tuple[str, str, int, Kind]] = [
    ("breakout", "planes", 12, MinAtar),
    ("pong", "pixels", 84, Ale),
    ("pong", "objects", 0, Puffer),
]


def moves(other: Other, patience: int = 5_000) -> None:
    """`UserError` unless what it shows changes, episodes end and rewards come."""
    other.step()
    signs = {"end of an episode": 0, "reward": 0}

    def go_on() -> None:
        other.step()
        signs["end of an episode"] += int(np.count_nonzero(other.over))
        signs["reward"] += int(np.count_nonzero(other.reward))

    def sight() -> Signs:
        return {"change in what is seen": other.seen.tobytes(), **signs}

    prove(other.name, sight(), sight, go_on, patience)


def rows(named: list[Game], ours: Callable[[Game, str, int], Any], seconds: float, turns: int) -> Iterator[Row]:
    """Ours, which `ours` makes of a game, an observation and a size, beside others' environments of the same game."""
    for name, observation, size, make in BESIDE:
        for game in (game for game in named if game.name == name):
            yield row(ours(game, observation, size), make, f"{name} beside {make.short}", seconds, turns)


def row(ours: Any, make: Kind, name: str, seconds: float, turns: int) -> Row:
    """One row. Without a peer: where it is not installed, and where it does not play, whose speed would mean nothing."""
    try:
        other = make()
        moves(other)
        speeds, theirs = take_turns([ours.run, lambda seconds: timed(other.step, seconds)], seconds, turns)
        moves(other)
    except ImportError:
        return Row(name, "ticks/s", ours.run(seconds), note=f"{ours.what}; {make.short} is not installed: {make.install}")
    except UserError as error:
        return Row(name, "ticks/s", ours.run(seconds), note=f"{ours.what}; error: {str(error).splitlines()[0]}")
    finally:
        ours.batch.close()
    return Row(name, "ticks/s", max(speeds), note=f"{ours.what}, one thread").beside(max(theirs), other.name)
