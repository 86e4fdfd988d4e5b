"""Time to Pong's mark: our training command, compared with Stable-Baselines3 the usual way.

The usual way: a Gymnasium environment drawn by Pygame, 84 × 84, grey, four frames stacked, one in each of eight processes,
with the hyper-parameters that RL Baselines3 Zoo has tuned for Atari (hyperparams/ppo.yml and dqn.yml, "atari"), for 10
million steps. DQN has one environment, as there.
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
STEPS = 10_000_000  # length of the schedules
EVAL_EVERY = {"ppo": 50_000, "dqn": 25_000}  # steps between evaluations
EVAL_GAMES = 200  # games of an evaluation
QUICK = {"processes": 2, "every": 128, "games": 4}
OURS_QUICK = [
    *("--steps", "4000", "--envs", "16", "--set", "eval_games=4", "--set", "final_games=4", "--set", "gif=false"),
    *("--set", "threads=1"),
]  # fmt: skip

HYPERPARAMETERS: dict[str, dict[str, Any]] = {
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
PEERS = {"ppo": "ppo", "dqn": "dqn", "pqn": "dqn"}  # of our learners: theirs; who has no PQN takes DQN


# --- the environment ------------------------------------------------------------------------------------------------


class PygameView(View):
    """Observations drawn by Pygame, in grey and without effects: 40 times as fast as with them."""

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
    """The environment of a worker process. It ignores Ctrl-C: the parent process handles it and ends the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    env = SparringEnv(GAME, seat=number % 2, opponent="bot", size=SIZE, stack=STACK)
    env.view = PygameView(env.batch, np.stack([env.seat.envs, env.seat.seats], 1), "pixels", SIZE, STACK)
    return Monitor(env)


def end(envs: SubprocVecEnv) -> None:
    """End the worker processes. `SubprocVecEnv.close` would wait for ever for an answer from one that was killed."""
    for process, pipe in zip(envs.processes, envs.remotes, strict=True):
        process.terminate()
        process.join()
        pipe.close()
    envs.closed = True


# --- Stable-Baselines3 ----------------------------------------------------------------------------------------------


class EvalCallback(BaseCallback):
    """Evaluates the learner by our match, with the clock stopped, and ends training at the mark or when time is up."""

    def __init__(self, limit: float, every: int, count: int, tell: Callable[[str], None]):
        """limit: seconds. every: steps between evaluations, each of `count` games. tell: called with a line about each."""
        super().__init__()
        self.limit, self.every, self.count, self.tell = limit, every, count, tell
        self.game = games.load(GAME)
        self.stopped, self.score, self.reached = 0.0, 0.0, False
        self.episodes, self.rewards, self.due = 0, 0, every
        self.interrupted = False

    def interrupt(self, number: int, frame: Any) -> None:
        """The handler of Ctrl-C. Python drops exceptions raised in a compiled callback, so the next step raises it again."""
        self.interrupted = True
        raise KeyboardInterrupt

    def _on_training_start(self) -> None:
        self.began = perf_counter()

    def elapsed(self) -> float:
        """Seconds of training, without the evaluations."""
        return perf_counter() - self.began - self.stopped

    def _on_step(self) -> bool:
        if self.interrupted:
            raise KeyboardInterrupt
        self.episodes += int(np.count_nonzero(self.locals["dones"]))
        self.rewards += int(np.count_nonzero(self.locals["rewards"]))
        if self.num_timesteps >= self.due:
            self.due += self.every
            self.evaluate()
        longest = self.training_env.num_envs * self.game.max_ticks // self.game.frame_skip  # steps of the longest game
        enough = self.elapsed() >= self.limit and (self.episodes or self.num_timesteps > longest)
        return not self.reached and not enough

    def evaluate(self) -> None:
        """Play `count` games against the mark's opponent."""
        seconds, began = self.elapsed(), perf_counter()
        opponent, target = self.game.mark
        seats = [Participant("Stable-Baselines3", agent=ModelAgent(self.model)), participant(opponent, self.game)]  # type: ignore[arg-type]
        self.score = play_match(self.game, seats, self.count, seed=self.num_timesteps).score
        self.reached = self.score >= target
        self.tell(f"{self.num_timesteps:,} steps in {seconds:.0f} s: won {self.score:.1%} of {self.count} games")
        self.stopped += perf_counter() - began


class ModelAgent:
    """A model of Stable-Baselines3's as an agent of our matches."""

    def __init__(self, model: Any):
        self.model = model

    def player(self, batch: Batch, rows: np.ndarray) -> "ModelAgent":
        self.batch, self.view = batch, PygameView(batch, rows, "pixels", SIZE, STACK)
        return self

    def act(self, actions: np.ndarray) -> None:
        chosen, _ = self.model.predict(self.view.observe(), deterministic=True)
        self.view.act(chosen, actions)


def train_theirs(algorithm: str, limit: float, quick: bool, tell: Callable[[str], None]) -> EvalCallback:
    """Train Stable-Baselines3 until the mark or the limit; returns the callback with its results."""
    recipe, processes = HYPERPARAMETERS[algorithm], PROCESSES[algorithm]
    every, count = EVAL_EVERY[algorithm], EVAL_GAMES
    if quick:
        processes, every, count = min(processes, QUICK["processes"]), QUICK["every"], QUICK["games"]
        recipe = recipe | ({"n_steps": 32, "batch_size": 32} if algorithm == "ppo" else {"learning_starts": 32})
    callback = EvalCallback(limit, every, count, tell)
    envs = SubprocVecEnv([partial(environment, k) for k in range(processes)])
    handler = signal.signal(signal.SIGINT, callback.interrupt)
    try:
        tell(f"{processes} process{'es' if processes > 1 else ''} ready")
        learner: Any = {"ppo": PPO, "dqn": DQN}[algorithm]
        model = learner("CnnPolicy", envs, seed=1, device="cpu", **recipe)
        before = weights(model)
        model.learn(STEPS, callback=callback)
        check(callback, model, before)
        return callback
    finally:
        signal.signal(signal.SIGINT, handler)
        end(envs)


def weights(model: Any) -> bytes:
    """The weights of a model's policy."""
    return b"".join(parameter.detach().numpy().tobytes() for parameter in model.policy.parameters())


def check(callback: EvalCallback, model: Any, before: bytes) -> None:
    """`UserError` if nothing was learned, or there was nothing to learn from."""

    def signs() -> Signs:
        learned = {"change of the weights": weights(model)} if model._n_updates else {}
        return {**learned, "end of an episode": callback.episodes, "reward": callback.rewards}

    begun = {"change of the weights": before, "end of an episode": 0, "reward": 0}
    prove("Stable-Baselines3, the usual way", begun, signs, lambda: None, 0)


# --- ours -----------------------------------------------------------------------------------------------------------


def train_ours(algorithm: str, limit: float, quick: bool) -> tuple[float, dict[str, Any]]:
    """Run our training command with an empty cache; returns its seconds, evaluations included, and its results."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(root / "train.py"), GAME]
        command += ["--algo", algorithm, "--device", "cpu", "--json", "--runs", folder]
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
    """A row for each algorithm. seconds: the time limit of each side."""
    for name in named:
        if name not in PEERS:
            raise UserError(f"There is no algorithm '{name}' here.\n{nearest(name, PEERS)}")
    for algorithm in named or list(PEERS):
        yield row(algorithm, seconds, quick)


def row(algorithm: str, limit: float, quick: bool) -> Row:
    """Seconds of both sides. If theirs did not reach the mark, their time is the limit and the ratio a lower bound."""
    tell = partial(report, algorithm)
    seconds, final = train_ours(algorithm, limit, quick)
    verdict = f"{final['mark_score']:.1%} of {final['evaluation']['games']:,} games"
    tell(f"ours: {seconds:.0f} s, won {verdict}")
    note = f"the whole command, {final['steps']:,} steps, nothing compiled yet: {verdict}"
    if not final["reached"] and not quick:
        return Row(f"usual {algorithm}", "s", seconds, note=f"{note}; ours does not reach the mark: no comparison")
    theirs = train_theirs(PEERS[algorithm], limit, quick, tell)
    reached = "reached" if theirs.reached else "not reached: lower bound"
    far = f"{theirs.num_timesteps:,} steps, without start and evaluations: {theirs.score:.1%}"
    note += f"; theirs: {PEERS[algorithm].upper()}, {far}, {reached}"
    ours = Row(f"usual {algorithm}", "s", seconds, note=note)
    return ours.beside(theirs.elapsed(), "Stable-Baselines3, the usual way", True)


def report(algorithm: str, what: str) -> None:
    """Print progress to stderr, since a run may take an hour."""
    print(f"usual {algorithm}: {what}", file=sys.stderr, flush=True)
