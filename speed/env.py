"""Ticks a second of each game, compared with Gymnasium's vector CartPole; the time to make environments and to compile."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np

from games.core import COMMON
from games.engine.batch import Batch
from games.engine.loader import Game
from games.engine.view import View
from games.errors import UserError
from speed import env_baselines, making
from speed.rows import CORES, Row, Signs, prove, short, take_turns, timed

TURNS = 10  # turns that ours and the peer take
BATCH = 1024  # environments of a batch
OBSERVATIONS = (("rules", 0), ("objects", 0), ("planes", 12), ("pixels", 42), ("pixels", 84))  # (observation, size)


class RandomBatch:
    """A batch of a game under random actions, one tick a step, with the observation of one seat of each environment."""

    def __init__(self, game: Game, num_envs: int, observation: str, size: int, threads: int):
        self.game, self.what = game, f"{game.heading}, {observation}"
        self.batch = Batch(game, num_envs, seed=1, frame_skip=1, threads=threads)
        shape = (64, num_envs, game.players)
        self.actions = list(np.random.default_rng(1).integers(game.num_actions, size=shape))
        for k in range(1000):  # spread the games over all stages
            self.batch.step(self.actions[k % 64], 1)
        rows = [(env, 0) for env in range(num_envs)]
        self.view = None if observation == "rules" else View(self.batch, rows, observation, size or 84, stack=1)
        self.steps = 0

    def step(self) -> int:
        self.batch.step(self.actions[self.steps % 64], 1)
        if self.view is not None:
            self.view.observe()
        self.steps += 1
        return self.batch.num_envs

    def run(self, seconds: float) -> float:
        """Ticks a second."""
        self.batch.returns[:] = 0
        before = self.signs()
        speed = timed(self.step, seconds)
        prove(self.what, before, self.signs, self.step, self.game.max_ticks)
        return speed

    def signs(self) -> Signs:
        fields = (self.game.state.names or ())[len(COMMON) :]  # the game's own: the engine's change even if the game does not
        picture = {} if self.view is None else {"change in what is seen": self.view.newest().tobytes()}
        return picture | {
            "change of the state": [self.batch.states[name].tobytes() for name in fields],
            "end of an episode": self.batch.episode.tobytes(),
            "reward": self.batch.returns.tobytes(),
        }


class CartPole:
    """Gymnasium's vector CartPole, written in NumPy, under random actions on one thread."""

    name = f"Gymnasium's CartPole, {BATCH:,} at once"

    def __init__(self) -> None:
        self.envs = gym.make_vec("CartPole-v1", num_envs=BATCH, vectorization_mode="vector_entry_point")
        self.envs.reset(seed=1)
        self.envs.action_space.seed(1)
        self.actions = [self.envs.action_space.sample() for _ in range(64)]
        self.steps = 0
        self.step()

    def step(self) -> int:
        self.seen, self.rewards, self.ended, _, _ = self.envs.step(self.actions[self.steps % 64])
        self.steps += 1
        return BATCH

    def run(self, seconds: float) -> float:
        """Steps a second."""
        before = {**self.signs(), "end of an episode": False, "reward": False}
        speed = timed(self.step, seconds)
        prove("CartPole", before, self.signs, self.step, 500)
        return speed

    def signs(self) -> Signs:
        return {
            "change of the state": self.seen.tobytes(),
            "end of an episode": bool(self.ended.any()),
            "reward": bool(self.rewards.any()),
        }


def measure(named: list[Game], seconds: float, quick: bool) -> Iterator[Row]:
    """Rows for every game: a batch of one and of many, the rules alone and each observation, one thread and all."""
    cart_pole = CartPole()
    for game in named:
        for observation, size in OBSERVATIONS[:3] if quick else OBSERVATIONS:
            what = f"{game.name} {observation}{f' {size}' if size else ''}"
            fair = not size  # CartPole observes four numbers: no comparison for images
            many = BATCH * (8 if fair else 1)  # short steps need more environments, or distributing them takes longer
            for num_envs, threads in [(1, 1), (BATCH, 1), *([(many, CORES)] if CORES > 1 else [])]:
                ours = RandomBatch(game, num_envs, observation, size, threads)
                baselines = [cart_pole.run] if fair and num_envs > 1 else []
                speeds, *beside = take_turns([ours.run, *baselines], seconds, 2 if quick else TURNS)
                ours.batch.close()
                where = "a batch of one" if num_envs == 1 else f"{num_envs:,} at once, {threads} thread{'s'[: threads - 1]}"
                name = f"{what} scalar" if num_envs == 1 else f"{what} all threads" if threads > 1 else what
                row = Row(name, "ticks/s", max(speeds), note=f"{where}; median {short(statistics.median(speeds))}")
                yield row.beside(max(beside[0]), cart_pole.name) if beside else row
    yield from env_baselines.rows(named, ours_of, seconds, 2 if quick else TURNS)
    yield from making.rows(named[:1] if quick else named, quick)
    yield from compilation_rows(named[:1] if quick else named)


def ours_of(game: Game, observation: str, size: int) -> RandomBatch:
    """Our batch on one thread, to compare with another library's environment."""
    return RandomBatch(game, BATCH, observation, size, threads=1)


COMPILE = """
import sys, time
import numpy as np
import games, games.engine.batch, games.engine.precompile, games.engine.view
wall, cpu = time.perf_counter(), time.process_time()
game = games.load(sys.argv[1])
if sys.argv[2] == "ahead":
    games.engine.precompile.compile_in_background(game, "step_slice", "pixels_slice")
batch = games.engine.batch.Batch(game, 8)
view = games.engine.view.View(batch, [(0, 0)], "pixels", 84, 1)
first = view.observe().copy()
for _ in range(200):
    batch.step(np.full((8, game.players), game.num_actions - 1))
    moved = (view.observe() != first).any()
print(time.perf_counter() - wall, time.process_time() - cpu, moved or batch.episode[0] > 0)
"""


def compilation_rows(named: list[Game]) -> Iterator[Row]:
    """Seconds from a game's name to its first picture in a fresh process, without imports: cache empty, then full."""
    found = {game.heading: compile_seconds(game) for game in named}
    notes = (
        "rules beside pixels, as train.py has them",
        "rules, then pixels",
        "found in the cache",
    )
    for k, name in enumerate(("compile cold", "compile cold alone", "compile warm")):
        wall, cpu = max(each[k] for each in found.values())
        each = ", ".join(f"{heading} {seconds[k][0]:.2f}" for heading, seconds in found.items())
        more = f"; the slowest: {cpu:.2f} s of the processor" if k else ""
        yield Row(name, "s", wall, note=f"{notes[k]}, imports apart: {each}{more}")


def compile_seconds(game: Game) -> list[tuple[float, float]]:
    """(wall time, processor time) in seconds: "ahead" and "alone" with an empty cache, then the best of three with a full one.

    With "ahead" two other processes compile, so only its wall time counts.
    """
    found = []
    for way in ("ahead", "alone"):
        with tempfile.TemporaryDirectory() as cache:
            found.append(compile_once(game, cache, way))
            compiled = set(Path(cache).rglob("*.nbc"))
            warm = min(compile_once(game, cache, way) for _ in range(3))
            if not compiled or set(Path(cache).rglob("*.nbc")) != compiled:
                raise UserError(
                    f"{game.heading}: nothing was compiled when it should have been, or something when it should not."
                )
    return [*found, warm]


def compile_once(game: Game, cache: str, way: str) -> tuple[float, float]:
    """(wall time, processor time) in seconds of a process that compiles into the folder `cache`, or loads from it.

    way: "ahead" compiles with `games.engine.precompile`, "alone" in the process itself.
    """
    environment = {**os.environ, "SPARRING_CACHE": cache, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", COMPILE, str(game.path), way]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{game.heading} does not compile:\n{done.stderr.strip().splitlines()[-1]}")
    wall, cpu, moved = done.stdout.split()
    if moved != "True":
        raise UserError(f"{game.heading}: nothing moved.")
    return float(wall), float(cpu)
