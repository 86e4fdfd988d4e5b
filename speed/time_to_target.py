"""Time to Pong's mark: the command that trains ours, beside Stable-Baselines3 the usual way.

The usual way is a Gymnasium environment drawn by Pygame, 84 × 84, grey, four frames stacked, one in each of eight processes,
and the hyper-parameters that RL Baselines3 Zoo has tuned for Atari (hyperparams/ppo.yml and dqn.yml, "atari"), for 10 million
steps. DQN has one environment, as there.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import SubprocVecEnv

import games
from agents.participants import participant
from agents.play.match import play_match
from agents.play.seats import Participant
from games.engine.batch import Batch
from games.engine.view import View
from games.envs.gymnasium import SparringEnv
from games.errors import UserError, nearest
from speed.rows import Row, Signs, prove

GAME = "pong"
SIZE, STACK = 84, 4
STEPS = 10_000_000  # that the schedules are for
EVERY = {"ppo": 50_000, "dqn": 25_000}  # steps between evaluations
GAMES = 200  # of each
QUICK = {"processes": 2, "every": 128, "games": 4}
OURS_QUICK = [
    *("--steps", "4000", "--envs", "16", "--set", "eval_games=4", "--set", "final_games=4", "--set", "gif=false"),
    *("--set", "threads=1"),
]  # fmt: skip

USUAL: dict[str, dict[str, Any]] = {
    "ppo": {
        "n_steps": 128, "n_epochs": 4, "batch_size": 256, "learning_rate": lambda left: left * 2.5e-4,
        "clip_range": lambda left: left * 0.1, "vf_coef": 0.5, "ent_coef": 0.01,
    },
    "dqn": {
        "buffer_size": 100_000, "learning_rate": 1e-4, "batch_size": 32, "learning_starts": 100_000,
        "target_update_interval": 1000, "train_freq": 4, "gradient_steps": 1, "exploration_fraction": 0.1,
        "exploration_final_eps": 0.01, "optimize_memory_usage": True,
        "replay_buffer_kwargs": {"handle_timeout_termination": False},
    },
}  # fmt: skip
PROCESSES = {"ppo": 8, "dqn": 1}


# --- the environment ------------------------------------------------------------------------------------------------


class Drawn(View):
    """What Pygame draws, in grey: the plain shapes, of which it draws 40 times as many as with their ornament."""

    @cached_property
    def painter(self) -> Any:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        from games.render.renderer import Painter

        return Painter(self.game)

    def _paint_into(self, states: np.ndarray, envs: np.ndarray, seats: np.ndarray, out: np.ndarray) -> None:
        import pygame

        from games.render.renderer import GREY

        canvas, frames = pygame.Surface((self.size, self.size), 0, 32), np.zeros(1, self.game.frame_dtype())
        for row in range(len(envs)):
            self.batch.kernel.frame_slice(0, 1, states, envs[row : row + 1], seats[row : row + 1], frames, 1)
            self.painter.paint(canvas, frames, GREY, effects=False, decor=False)
            red = np.frombuffer(pygame.image.tobytes(canvas, "RGB"), np.uint8)[::3]
            out[row, -1] = red.reshape(self.size, self.size)


def environment(number: int) -> gym.Env:
    """Called in a process of its own, which ends with the one that began it, not by a Ctrl-C that both get."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    env = SparringEnv(GAME, seat=number % 2, opponent="bot", size=SIZE, stack=STACK)
    env.view = Drawn(env.batch, np.stack([env.seat.envs, env.seat.seats], 1), "pixels", SIZE, STACK)
    return Monitor(env)


def end(envs: SubprocVecEnv) -> None:
    """End its processes. Not by `close`, which waits for an answer of each: for ever, of one that was killed."""
    for process, pipe in zip(envs.processes, envs.remotes, strict=True):
        process.terminate()
        process.join()
        pipe.close()
    envs.closed = True


# --- Stable-Baselines3 ----------------------------------------------------------------------------------------------


class Watched(BaseCallback):
    """Looks on while it learns, evaluates it by our match on a stopped clock, and ends at the mark or when time is up."""

    def __init__(self, limit: float, every: int, count: int, tell: Callable[[str], None]):
        """limit: seconds. every: steps between evaluations, each of `count` games. tell: is told of each."""
        super().__init__()
        self.limit, self.every, self.count, self.tell = limit, every, count, tell
        self.game = games.load(GAME)
        self.stopped, self.score, self.reached = 0.0, 0.0, False
        self.episodes, self.rewards, self.due = 0, 0, every
        self.interrupted = False

    def interrupt(self, number: int, frame: Any) -> None:
        """The handler of Ctrl-C. Python drops what it raises in a compiled callback, so the next step raises it again."""
        self.interrupted = True
        raise KeyboardInterrupt

    def _on_training_start(self) -> None:
        self.began = perf_counter()

    def elapsed(self) -> float:
        """Seconds, without the evaluations."""
        return perf_counter() - self.began - self.stopped

    def _on_step(self) -> bool:
        if self.interrupted:
            raise KeyboardInterrupt
        self.episodes += int(np.count_nonzero(self.locals["dones"]))
        self.rewards += int(np.count_nonzero(self.locals["rewards"]))
        if self.num_timesteps >= self.due:
            self.due += self.every
            self.evaluate()
        longest = self.training_env.num_envs * self.game.max_ticks // self.game.frame_skip  # no game lasts for more steps
        enough = self.elapsed() >= self.limit and (self.episodes or self.num_timesteps > longest)
        return not self.reached and not enough

    def evaluate(self) -> None:
        seconds, began = self.elapsed(), perf_counter()
        against, wanted = self.game.mark
        seats = [Participant("Stable-Baselines3", agent=Acting(self.model)), participant(against, self.game)]  # type: ignore[arg-type]
        self.score = play_match(self.game, seats, self.count, seed=self.num_timesteps).score
        self.reached = self.score >= wanted
        self.tell(f"{self.num_timesteps:,} steps in {seconds:.0f} s: won {self.score:.1%} of {self.count} games")
        self.stopped += perf_counter() - began


class Acting:
    """What it has learned so far, as one who plays our matches."""

    def __init__(self, model: Any):
        self.model = model

    def player(self, batch: Batch, rows: np.ndarray) -> "Acting":
        self.batch, self.view = batch, Drawn(batch, rows, "pixels", SIZE, STACK)
        return self

    def act(self, actions: np.ndarray) -> None:
        chosen, _ = self.model.predict(self.view.observe(), deterministic=True)
        self.view.act(chosen, actions)


def theirs(algorithm: str, limit: float, quick: bool, tell: Callable[[str], None]) -> Watched:
    """Let it learn until the mark or the limit; what was seen of it."""
    recipe, processes = USUAL[algorithm], PROCESSES[algorithm]
    every, count = EVERY[algorithm], GAMES
    if quick:
        processes, every, count = min(processes, QUICK["processes"]), QUICK["every"], QUICK["games"]
        recipe = recipe | ({"n_steps": 32, "batch_size": 32} if algorithm == "ppo" else {"learning_starts": 32})
    watched = Watched(limit, every, count, tell)
    envs = SubprocVecEnv([partial(environment, k) for k in range(processes)])
    handler = signal.signal(signal.SIGINT, watched.interrupt)
    try:
        tell(f"{processes} process{'es' if processes > 1 else ''} ready")
        learner: Any = {"ppo": PPO, "dqn": DQN}[algorithm]
        model = learner("CnnPolicy", envs, seed=1, device="cpu", **recipe)
        before = weights(model)
        model.learn(STEPS, callback=watched)
        check(watched, model, before)
        return watched
    finally:
        signal.signal(signal.SIGINT, handler)
        end(envs)


def weights(model: Any) -> bytes:
    return b"".join(one.detach().numpy().tobytes() for one in model.policy.parameters())


def check(watched: Watched, model: Any, before: bytes) -> None:
    """`UserError` where nothing was learned, or there was nothing to learn from."""

    def sight() -> Signs:
        learned = {"change of the weights": weights(model)} if model._n_updates else {}
        return {**learned, "end of an episode": watched.episodes, "reward": watched.rewards}

    begun = {"change of the weights": before, "end of an episode": 0, "reward": 0}
    prove("Stable-Baselines3, the usual way", begun, sight, lambda: None, 0)


# --- ours -----------------------------------------------------------------------------------------------------------


def ours(algorithm: str, limit: float, quick: bool) -> tuple[float, dict[str, Any]]:
    """Seconds of the command that trains ours, with nothing compiled yet, evaluations included; and its results."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            str(root / "train.py"),
            GAME,
            "--algo",
            algorithm,
            "--device",
            "cpu",
            "--json",
            "--runs",
            folder,
        ]
        environ = {**os.environ, "SPARRING_CACHE": str(Path(folder) / "cache"), "PYTHONPATH": str(root)}
        began = perf_counter()
        process = subprocess.Popen(
            [*command, *(OURS_QUICK if quick else [])], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, errors = process.communicate(timeout=None if quick else limit)
        except subprocess.TimeoutExpired as late:
            raise UserError(f"Ours has not finished after {limit:.0f} s.\nGive it more: --seconds …") from late
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise UserError(f"{' '.join(command[1:4])} failed:\n{errors.strip().splitlines()[-1]}")
        return perf_counter() - began, json.loads(out)


# --- rows -----------------------------------------------------------------------------------------------------------


def measure(named: list[str], seconds: float, quick: bool) -> Iterator[Row]:
    """A row for each algorithm. seconds: of each side at most."""
    for name in named:
        if name not in USUAL:
            raise UserError(f"There is no algorithm '{name}' here.\n{nearest(name, USUAL)}")
    for algorithm in named or list(USUAL):
        yield row(algorithm, seconds, quick)


def row(algorithm: str, limit: float, quick: bool) -> Row:
    """Seconds of both; where theirs did not reach the mark, those until the limit: the ratio is then at least so much."""
    tell = partial(say, algorithm)
    mine, final = ours(algorithm, limit, quick)
    verdict = f"{final['mark_score']:.1%} of {final['evaluation']['games']:,} games"
    tell(f"ours: {mine:.0f} s, won {verdict}")
    note = f"the whole command, {final['steps']:,} steps, nothing compiled yet: {verdict}"
    if not final["reached"] and not quick:
        return Row(f"usual {algorithm}", "s", mine, note=f"{note}; ours does not reach the mark: no comparison")
    watched = theirs(algorithm, limit, quick, tell)
    reached = "reached" if watched.reached else "not reached: lower bound"
    note += f"; theirs: {watched.num_timesteps:,} steps, without start and evaluations: {watched.score:.1%}, {reached}"
    return Row(f"usual {algorithm}", "s", mine, note=note).beside(watched.elapsed(), "Stable-Baselines3, the usual way", True)


def say(algorithm: str, what: str) -> None:
    """On the way: it takes an hour."""
    print(f"usual {algorithm}: {what}", file=sys.stderr, flush=True)
