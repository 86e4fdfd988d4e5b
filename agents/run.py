"""A run: the loop that every learner shares. Collect, update, log, evaluate, save; stop and go on."""

import json
import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents import checkpoint, match
from agents.config import ALGORITHMS, Config, opponents_of
from agents.logs import Log, Terminal
from agents.match import Participant, participant
from agents.policy import Agent
from games.errors import UserError
from games.game import Game

CHECKPOINT = "checkpoints/latest.safetensors"
AGENT = "agent.safetensors"


class Stop(BaseException):
    """SIGINT or SIGTERM came."""

    def __init__(self, number: int):
        self.number = number


class Run:
    """One training run in its folder."""

    def __init__(
        self,
        game: Game,
        config: Config,
        folder: Path,
        *,
        quiet: bool = False,
        started: float | None = None,
        callback: Callable[["Run", dict[str, float]], None] | None = None,
        resume: bool = False,
    ):
        """started: time.perf_counter() at the command's start. callback: called with the run and its numbers after each
        iteration. resume: go on from the folder's checkpoint."""
        self.game, self.config, self.folder, self.callback = game, config, folder, callback
        self.started = time.perf_counter() if started is None else started
        self.threads = config.run.threads or 1
        learner, _, _ = ALGORITHMS[config.algorithm]
        opponents = opponents_of(config.opponents, game, config.device)
        self.learner = learner(game, config.learner, config.seed, opponents, config.device, self.threads)
        self.iteration, self.spent = 0, 0.0  # iterations; seconds of earlier sittings
        self.best: float | None = None  # what the best agent so far reaches at least (95 %)
        self.evaluation: dict[str, Any] = {}
        self.evaluated = -1  # at which step

        self.recent: list[float] = []
        self.pace: tuple[float, float] | None = None  # when the first iteration of this sitting ended, and the progress then
        if resume:
            checkpoint.sweep(folder)
        position = self._restore() if resume else 0
        self.log = Log(folder, position, self.learner.steps)
        if not self.learner.steps:
            self.log.settings({"game": game.name, "algo": config.algorithm, "seed": config.seed, **asdict(config.learner)})
        title = f"{game.name} {config.algorithm} {config.learner.network}"
        self.terminal = Terminal(quiet, title)
        self.tail = 3.0  # seconds kept for the final evaluation, where the time is limited

    def begin_from(self, path: Path) -> None:
        """Take an agent's weights, into the first checkpoint too: a run killed before the next one goes on with them."""
        self.learner.begin_from(path)
        self._save(self._state())

    # --- the loop ---

    def go(self) -> dict[str, Any]:
        """Train to the end; the final evaluation. `Stop` where a signal came, with the run saved."""
        handlers = {number: signal.signal(number, _raise_stop) for number in (signal.SIGINT, signal.SIGTERM)}
        self.safe: tuple = ()
        try:
            while self.progress() < 1.0:
                self.safe = self._state()
                self._iterate()
            return self._finish()
        except Stop:
            if self.safe:
                self._save(self.safe)
            raise
        finally:
            self.log.close()
            self.terminal.close()
            self.learner.arena.batch.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def elapsed(self) -> float:
        """Seconds of this and earlier sittings."""
        return self.spent + time.perf_counter() - self.started

    def progress(self) -> float:
        """0 to 1: of the steps, or where there is no number of them, of the time; 1 too where the time is over."""
        by_steps = self.learner.steps / self.config.run.steps if self.config.run.steps else 0.0
        limit = self.config.time_limit
        if limit is None:
            return min(1.0, by_steps)
        by_time = self.elapsed() / max(limit - self.tail, 1e-9)
        return min(1.0, by_time) if by_time >= 1.0 or not self.config.run.steps else min(1.0, by_steps)

    def _iterate(self) -> None:
        before = self.learner.steps
        metrics = self.learner.iterate(self.progress)
        self.iteration += 1
        self._guard(metrics)
        numbers = self._numbers(before, metrics)
        self.log.scalars(self.learner.steps, numbers)
        done = self.progress()
        self.terminal.progress(done, {"steps": self.learner.steps, **numbers}, self._eta(done))
        if self.callback is not None:
            self.callback(self, numbers)
        total = self.config.run.steps
        if done >= 1.0:
            return  # `_finish` evaluates and saves
        every = self.config.run.eval_every or (max(1, total // 10) if total else 500_000)
        if self.learner.steps // every > before // every:
            self.evaluate()
        every = self.config.run.checkpoint_every or (max(1, total // 20) if total else 500_000)
        if self.learner.steps // every > before // every:
            self._save(self._state())

    def _eta(self, done: float) -> float:
        """Seconds left at the pace since the first iteration, in which things were still being compiled."""
        now = time.perf_counter()
        if self.pace is None:
            self.pace = (now, done)
        began, at_first = self.pace
        return (now - began) * (1 - done) / (done - at_first) if done > at_first else math.inf

    def _guard(self, metrics: dict[str, float]) -> None:
        bad = [name for name, value in metrics.items() if not math.isfinite(value) and name != "train/explained_variance"]
        if bad or not np.isfinite(self.learner.returns).all():
            what = ", ".join(bad) or "a reward"
            raise UserError(
                f"Training stopped at step {self.learner.steps:,}: {what} is not a number.\n"
                f"The checkpoint and the agent in {self.folder} are of before.\nTry a lower --set learning_rate=…"
            )

    def _numbers(self, before: int, metrics: dict[str, float]) -> dict[str, float]:
        """What TensorBoard and progress.jsonl show of an iteration; SB3's tags where it has one."""
        learner = self.learner
        spent = learner.seconds
        steps, seconds = learner.steps - before, spent["collect"] + spent["update"]
        numbers: dict[str, float] = {}
        self.recent = (self.recent + learner.returns)[-500:]
        if self.recent:
            numbers["rollout/ep_rew_mean"] = float(np.mean(self.recent))
            if self.game.players == 2:
                returns = np.array(self.recent)
                numbers["rollout/win_rate"] = float(((returns > 0) + 0.5 * (returns == 0)).mean())
        if learner.lengths:
            numbers["rollout/ep_len_mean"] = float(np.mean(learner.lengths)) / self.game.frame_skip
        return {
            **numbers,
            **metrics,
            "time/fps": steps / seconds,
            "time/iterations": self.iteration,
            "time/time_elapsed": self.elapsed(),
            "time/total_timesteps": learner.steps,
            **{f"perf/{name}_seconds": value for name, value in spent.items()},
        }

    # --- evaluation ---

    def evaluate(self) -> None:
        """Play against the fixed yardstick, keep the agent if it is the best so far."""
        began = time.perf_counter()
        agent = self.learner.agent()
        seed = self.config.seed * 1_000_003 + self.learner.steps
        result = match.play(self.game, self._table(agent), self.config.run.eval_games, seed, threads=self.threads)
        summary = result.summary()
        seconds = time.perf_counter() - began
        self.tail = 1.0 + 1.3 * seconds * self.config.run.final_games / self.config.run.eval_games
        self.evaluation = summary
        score = result.score
        agent.info.score = summary
        agent.save(self.folder / "checkpoints" / f"step-{self.learner.steps:010d}.safetensors")
        if self.best is None or score >= self.best:  # as good as the best, as far as so many games can tell: the later one
            agent.save(self.folder / AGENT)
        low = summary["interval" if self.game.players == 2 else "return_interval"][0]
        self.best = low if self.best is None else max(self.best, low)
        self.log.scalars(self.learner.steps, _eval_numbers(summary, seconds))
        if self.config.run.gif:
            self._film(agent, seed)
        self.log.flush()
        self.evaluated = self.learner.steps
        self.terminal.evaluation = f"last evaluation: {verdict(summary)}"
        self.terminal.say(f"{self.learner.steps:>12,} steps   {verdict(summary)}")

    def _table(self, agent: Agent) -> list[Participant]:
        own = Participant("agent", agent=agent)
        return [own, participant("bot", self.game)] if self.game.players == 2 else [own]

    def _film(self, agent: Agent, seed: int) -> None:
        from agents.film import film

        pictures, fps = film(self.game, self._table(agent), seed)
        data = self.log.gif(self.learner.steps, "eval/play", pictures, fps)
        checkpoint.write_bytes(self.folder / "videos" / f"step-{self.learner.steps:010d}.gif", data)

    def _finish(self) -> dict[str, Any]:
        """The last evaluation, the final one of the best agent, and what a reader wants to know."""
        if self.evaluated != self.learner.steps:  # it has been, where a finished run is gone on with
            self.evaluate()
        agent = Agent.load(self.folder / AGENT, self.game, self.config.device)
        seed = self.config.seed * 1_000_003 + 500_009  # games that no evaluation has seen
        result = match.play(self.game, self._table(agent), self.config.run.final_games, seed, threads=self.threads)
        summary = {**result.summary(), "seats": [AGENT, *result.seats[1:]]}
        agent.info.score = {**summary, "mark": list(self.game.mark)}
        agent.save(self.folder / AGENT)
        self._save(self._state())
        final = {
            "agent": str(self.folder / AGENT),
            "agent_steps": agent.info.steps,
            "steps": self.learner.steps,
            "seconds": round(self.elapsed(), 2),
            "evaluation": summary,
        }
        checkpoint.write_bytes(self.folder / "results.json", (json.dumps(final, indent=2) + "\n").encode())
        return final

    # --- checkpoints ---

    def _state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        tensors, learner = self.learner.state()
        meta = {
            "learner": learner,
            "iteration": self.iteration,
            "seconds": self.elapsed(),
            "best": self.best,
            "evaluation": self.evaluation,
            "evaluated": self.evaluated,
            "recent": self.recent,
            "position": self.log.position(),
        }
        return tensors, meta

    def _save(self, state: tuple[dict[str, torch.Tensor], dict[str, Any]]) -> None:
        self.log.flush()  # a checkpoint never knows of lines that are not on the disk
        tensors, meta = state
        path = self.folder / CHECKPOINT
        more, beside = self.learner.write_beside(path.parent, tensors)
        checkpoint.save(path, {**tensors, **more}, {**meta, "beside": beside}, "checkpoint")
        self.learner.sweep_beside(path.parent)

    def _restore(self) -> int:
        """Go on from the latest checkpoint, or from the beginning where there is none; position in progress.jsonl."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return 0
        tensors, meta = checkpoint.load(path, "checkpoint")
        try:
            self.learner.restore(tensors, meta["learner"])
            self.learner.read_beside(path.parent, tensors, meta["beside"])
            self.iteration, self.spent, self.best = meta["iteration"], meta["seconds"], meta["best"]
            self.evaluation, self.evaluated, self.recent = meta["evaluation"], meta["evaluated"], meta["recent"]
            return meta["position"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(f"{path} does not fit the run's config.json: {error}.") from error


def _raise_stop(number: int, frame: Any) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda again, frame: os._exit(128 + again))
    raise Stop(number)


def verdict(summary: dict[str, Any]) -> str:
    """An evaluation in a few words."""
    if "win_rate" in summary:
        low, high = summary["interval"]
        return f"won {summary['win_rate']:.1%} of {summary['games']} games against bot (95 %: {low:.1%} to {high:.1%})"
    low, high = summary["return_interval"]
    return f"return {summary['mean_return']:.2f} over {summary['games']} games (95 %: {low:.2f} to {high:.2f})"


def _eval_numbers(summary: dict[str, Any], seconds: float) -> dict[str, float]:
    if "win_rate" in summary:
        low, high = summary["interval"]
        own = {"eval/win_rate": summary["win_rate"], "eval/win_rate_low": low, "eval/win_rate_high": high}
        return {
            **own,
            "eval/mean_reward": summary["mean_return"][0],
            "eval/score": summary["win_rate"],
            "perf/eval_seconds": seconds,
        }
    mean = summary["mean_return"]
    return {
        "eval/mean_reward": mean,
        "eval/std_reward": summary["std_return"],
        "eval/score": mean,
        "perf/eval_seconds": seconds,
    }
