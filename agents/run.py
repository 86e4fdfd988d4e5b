"""A run: the loop that every learner shares. Collect, update, log, evaluate, save; stop and go on."""

import json
import math
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

import games
from agents import checkpoint, match
from agents.logs import Log, Terminal
from agents.match import Participant, participant
from agents.policy import RANGES as AGENT_RANGES
from agents.policy import Agent
from agents.ppo import PPO, SB3_PRESET, PPOSettings
from games.errors import UserError, nearest
from games.game import Game

ALGORITHMS: dict[str, tuple[type, type, dict[str, Any]]] = {"ppo": (PPO, PPOSettings, SB3_PRESET)}
CHECKPOINT = "checkpoints/latest.safetensors"
AGENT = "agent.safetensors"


@dataclass
class RunSettings:
    """What a run does beside learning. All counts are in steps (decisions of a learning seat), never in seconds."""

    steps: int = 0  # to learn from; 0: the recipe's, or as many as the time limit allows
    eval_every: int = 0  # steps between evaluations; 0: a tenth of the run
    eval_games: int = 200  # of each evaluation, against the game's bot
    final_games: int = 1000  # of the final one, of the best agent
    checkpoint_every: int = 0  # steps between checkpoints; 0: a twentieth of the run
    threads: int = 0  # that play and learn, each a slice of every batch; 0: as many as cores, at most 4
    gif: bool = True  # a short film of play at each evaluation, for TensorBoard


@dataclass
class Config:
    """All that decides a run, resolved: config.json."""

    game: str
    game_version: int
    game_digest: str | None  # of a user's own game, which is named again on resume
    algorithm: str
    seed: int
    time_limit: float | None  # seconds, the command's start to its end
    opponents: list[str]
    opponent_digests: list[str | None]  # of agents' files, so that a resumed run meets the same
    device: str
    run: RunSettings = field(default_factory=RunSettings)
    learner: Any = None  # the algorithm's settings


class Stop(BaseException):
    """SIGINT or SIGTERM came."""

    def __init__(self, number: int):
        self.number = number


def resolve(game: Game, algorithm: str, chosen: dict[str, Any], preset: str | None) -> tuple[Any, RunSettings]:
    """Settings: the defaults, changed by the game's recipe, by a preset, by what the user chose, in this order."""
    if algorithm not in ALGORITHMS:
        raise UserError(f"There is no algorithm '{algorithm}'.\n{nearest(algorithm, ALGORITHMS)}")
    _, settings_type, sb3 = ALGORITHMS[algorithm]
    if preset not in (None, "sb3"):
        raise UserError(f"There is no preset '{preset}'.\n{nearest(str(preset), ['sb3'])}")
    recipe = {name: value for name, value in game.recipe.get(algorithm, {}).items() if name != "opponents"}
    layers = [(f"the recipe of {game.name}", recipe), ("the preset", sb3 if preset else {}), ("", chosen)]
    learner, run = settings_type(), RunSettings()
    for source, values in layers:
        for name, value in values.items():
            target = learner if hasattr(learner, name) else run
            kinds = {f.name: type(f.default) for f in fields(target)}
            if name not in kinds:
                known = [f.name for f in (*fields(learner), *fields(run))]
                place = f" in {source}" if source else ""
                raise UserError(f"There is no setting '{name}'{place}.\n{nearest(name, known)}")
            setattr(target, name, _typed(name, value, kinds[name]))
    _check(learner, run)
    run.threads = run.threads or min(4, os.cpu_count() or 1)  # a resumed run needs as many, on another machine too
    return learner, run


def _typed(name: str, value: Any, kind: type) -> Any:
    """A setting's value, from Python or from the command line's text."""
    try:
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
        if kind is int:
            if float(value) != int(float(value)):
                raise ValueError
            return int(float(value))
        number = kind(value)
        if kind is float and not math.isfinite(number):
            raise ValueError
        return number
    except (KeyError, ValueError, OverflowError):
        words = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise UserError(f"The setting {name} is {words}, not '{value}'.") from None


# The range of each number; what is not listed is from 0 to no end.
MANY = 1 << 20
RANGES: dict[str, tuple[float, float]] = {
    **AGENT_RANGES,
    "n_envs": (1, MANY), "n_steps": (1, MANY), "batch_size": (2, MANY), "n_epochs": (1, 1000), "learning_rate": (0, 10),
    "gamma": (0, 1), "gae_lambda": (0, 1), "clip_range": (1e-6, 10), "max_grad_norm": (1e-9, math.inf),
    "reward_scale": (1e-9, math.inf), "eval_games": (1, MANY), "final_games": (1, MANY), "threads": (0, 256),
}  # fmt: skip
CHOICES = {"schedule": ("linear", "constant"), "precision": ("auto", "fp32", "bf16")}


def _check(*settings: Any) -> None:
    for one in settings:
        for name, value in asdict(one).items():
            if isinstance(value, (int, float)):
                low, high = RANGES.get(name, (0, math.inf))
                if not low <= value <= high:
                    reach = f"from {low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
                    raise UserError(f"The setting {name} is {value:g}; it must be {reach}.")
            elif name in CHOICES and value not in CHOICES[name]:
                raise UserError(f"The setting {name} is '{value}'.\n{nearest(value, CHOICES[name])}")


def device_of(name: str) -> str:
    """`auto`, `cpu`, `cuda` or `mps` as torch names it; `UserError` where this machine lacks it."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda", "mps"):
        raise UserError(f"There is no device '{name}'.\n{nearest(name, ('auto', 'cpu', 'cuda', 'mps'))}")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name]:
        raise UserError(
            f"torch {torch.__version__} finds no {name} device here.\nUse --device cpu, or install a torch built for {name}."
        )
    return name


def opponents_of(names: list[str], game: Game, device: str) -> list[Participant | None]:
    """Opponents by their names; `self` is None: both seats learn."""
    if game.players == 1:
        if names:
            raise UserError(f"{game.heading} has one seat, so there is no opponent to choose.")
        return []
    found: list[Participant | None] = []
    for name in names:
        one = None if name == "self" else participant(name, game, device)
        if one is not None and one.human:
            raise UserError("A person cannot be a training opponent.\nChoose bot, bot:0.8, random, self, or an agent.")
        found.append(one)
    return found


def digests(opponents: list[Participant | None]) -> list[str | None]:
    """A SHA-256 of each opponent that is an agent."""
    return [checkpoint.digest(one.agent.network.state_dict()) if one and one.agent else None for one in opponents]


def game_again(config: Config, named: str | None) -> Game:
    """The game of a run to go on with. No path in a config is opened: a user's own game is named again."""
    if named is None and (config.game_digest is not None or config.game not in games.names()):
        raise UserError(
            f"This run plays '{config.game}', a game of your own.\n"
            f"Name its file again: python train.py ./{config.game}.py --resume …"
        )
    game = games.load(named or config.game)
    if (game.name, game.version) != (config.game, config.game_version):
        raise UserError(f"The run plays {config.game} version {config.game_version}, not {game.name} version {game.version}.")
    if config.game_digest is not None and game.digest != config.game_digest:
        raise UserError(f"{game.path.name} has changed since the run began; take back the edit, or begin a new run.")
    return game


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
        self.perf = {"collect": 0.0, "update": 0.0, "other": 0.0}
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
        began = time.perf_counter()
        self.learner.collect()
        collected = time.perf_counter()
        metrics = self.learner.update(self.progress())
        updated = time.perf_counter()
        self.iteration += 1
        self._guard(metrics)
        numbers = self._numbers(before, collected - began, updated - collected, metrics)
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

    def _numbers(self, before: int, collect: float, update: float, metrics: dict[str, float]) -> dict[str, float]:
        """What TensorBoard and progress.jsonl show of an iteration; SB3's tags where it has one."""
        learner = self.learner
        steps, seconds = learner.steps - before, collect + update
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
            "perf/collect_seconds": collect,
            "perf/update_seconds": update,
            **{f"perf/{name}": value for name, value in learner.timing().items()},
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
        checkpoint.save(self.folder / CHECKPOINT, *state, "checkpoint")

    def _restore(self) -> int:
        """Go on from the latest checkpoint, or from the beginning where there is none; position in progress.jsonl."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return 0
        tensors, meta = checkpoint.load(path, "checkpoint")
        try:
            self.learner.restore(tensors, meta["learner"])
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


# --- folders --------------------------------------------------------------------------------------------------------


def new_folder(runs: Path, game: Game, algorithm: str, network: str, seed: int, name: str | None) -> Path:
    """Make a run's folder; `UserError` where it exists already or cannot be made."""
    label = name or f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{algorithm}-{network}-s{seed}"
    if "/" in label or label.startswith("."):
        raise UserError(f"'{label}' cannot be a run's name: it becomes a folder's.")
    folder = runs / game.name / label
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder} holds a run already.\nGo on with it by --resume {folder}, or choose another --name.")
        for part in ("checkpoints", "videos"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}.\nChoose another place: --runs FOLDER") from error
    return folder


def write_config(folder: Path, config: Config) -> None:
    checkpoint.write_bytes(folder / "config.json", (json.dumps(asdict(config), indent=2) + "\n").encode())


def write_frame(folder: Path, config: Config) -> None:
    """config.json, command.txt and system.json."""
    write_config(folder, config)
    command = " ".join(["python", *sys.argv])
    checkpoint.write_bytes(folder / "command.txt", (command + "\n").encode())
    checkpoint.write_bytes(folder / "system.json", (json.dumps(_system(), indent=2) + "\n").encode())


def _system() -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in ("sparring", "torch", "numpy", "numba", "gymnasium", "pygame-ce", "safetensors"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "commit": _commit(),
        "versions": versions,
    }


def _commit() -> str | None:
    """Of the code, where it lies in a repository and git is there."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
        return found.stdout.strip() or None
    except OSError:
        return None


def _read(kind: type, values: dict[str, Any]) -> Any:
    """Settings from JSON, each of its own type."""
    kinds = {f.name: type(f.default) for f in fields(kind)}
    return kind(**{name: _typed(name, value, kinds[name]) for name, value in values.items()})


def read_config(folder: Path) -> Config:
    """The config of a run's folder; `UserError` where there is none or it does not fit this version."""
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{folder} holds no run: it has no config.json.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    try:
        learner = _read(ALGORITHMS[values["algorithm"]][1], values.pop("learner"))
        run = _read(RunSettings, values.pop("run"))
        config = Config(learner=learner, run=run, **values)
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{path} was written by another version of Sparring: {error}.") from error
    _check(config.learner, config.run)
    return config
