"""Stable-Baselines3's PPO and DQN, sb3-contrib's RecurrentPPO and MaskablePPO, as a run asks a learner."""

import warnings
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from torch import Tensor

from agents.algorithms.dqn import MIN_DECISIONS
from agents.algorithms.optimizer import scheduled_rate
from agents.algorithms.settings import setting_remarks
from agents.bridges.sb3.agent import Sb3Agent
from agents.bridges.sb3.environment import SparringVecEnv
from agents.core.memory_check import check_replay_memory
from agents.play.agent import describe_agent
from agents.play.seats import OPENING
from agents.training.config import Config
from agents.training.sb3.networks import optimizer_settings, policy_settings
from agents.training.sb3.settings import arguments, class_name, learner_class
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.engine.players import bot_skill


class Following:
    """A schedule that goes by the run's progress, 0 to 1: each iteration is a `learn` of its own, and time may end a run."""

    def __init__(self, schedule: Callable[[float], float]):
        self.schedule, self.progress = schedule, 0.0

    def __call__(self, remaining: float) -> float:
        return self.schedule(self.progress)


def explored(by_remaining: Callable[[float], float], progress: float) -> float:
    """DQN's share of random actions, from Stable-Baselines3's own schedule of what is left."""
    return by_remaining(1.0 - progress)


class Watch(BaseCallback):
    """Notes the episodes that end in a `learn`, and how long it played."""

    def __init__(self, frame_skip: int):
        super().__init__()
        self.frame_skip = frame_skip
        self.returns: list[float] = []
        self.lengths: list[int] = []  # ticks
        self.seconds = 0.0

    def _on_rollout_start(self) -> None:
        self.began = perf_counter()

    def _on_rollout_end(self) -> None:
        self.seconds += perf_counter() - self.began

    def _on_step(self) -> bool:
        for row in np.flatnonzero(self.locals["dones"]):
            episode = self.locals["infos"][row]["episode"]
            self.returns.append(episode["r"])
            self.lengths.append(episode["l"] * self.frame_skip)
        return True


def environments(game: Game, config: Config, threads: int, levels: Levels = ANY) -> SparringVecEnv:
    """The environments of a run, the opponents shared evenly over them and the learner's seat in turn."""
    settings, names = config.learner, config.opponents
    seats: dict[str, Any] = {"seat": "any", "opponent": names[0]} if game.players == 2 else {}
    envs = SparringVecEnv(
        game, settings.n_envs, reward_scale=settings.reward_scale, observation=settings.observation, size=settings.size,
        stack=settings.stack, delay=0 if game.turns else settings.delay, threads=threads, levels=levels, **seats,
    )  # fmt: skip
    if game.turns:  # as ours: they would know few positions but their own
        envs.batch.slots["opening_min"], envs.batch.slots["opening_max"] = 0, OPENING[1]
    if len(names) > 1:
        numbers = np.arange(settings.n_envs)
        skills = np.array([bot_skill(name) for name in names], np.float64)
        envs.batch.bots[numbers, 1 - envs.seat.seats] = skills[numbers // 2 % len(names)]  # each meets both seats
    return envs


class Sb3Learner:
    """A learner of Stable-Baselines3 in our environments, with the attributes of `Learner` that a trainer reads."""

    def __init__(self, game: Game, config: Config, threads: int, levels: Levels = ANY):
        torch.set_num_threads(threads)
        self.game, self.algorithm, self.settings = game, config.algorithm, config.learner
        self.arena = environments(game, config, threads, levels)
        self.steps = 0
        self.largest_reward = 0.0  # not measured
        self.returns: list[float] = []
        self.lengths: list[int] = []
        self.seconds = {"iteration": 0.0, "collect": 0.0, "update": 0.0}
        self.remarks = setting_remarks(config.learner, game.recipe.get(config.algorithm), game.turns)
        self.followers: list[Following] = []
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self.model = self._model(class_name(game, config.algorithm, config.learner), config)
        self.remarks += [str(warning.message).partition("\n")[0] for warning in told if warning.category is UserWarning]
        self.model.set_logger(Logger(None, []))

    def _model(self, name: str, config: Config) -> Any:
        settings = self.settings
        rate: Any = settings.learning_rate
        if settings.schedule != "constant" or settings.warmup:
            rate = Following(partial(scheduled_rate, rate, settings.schedule, settings.warmup))
            self.followers.append(rate)
        if self.algorithm == "dqn":  # what is seen, and what is seen next
            each = 2 * int(np.prod(self.arena.shape)) * self.arena.view.dtype.itemsize
            self.remarks.append(check_replay_memory(settings.buffer_size, settings.buffer_size * each))
        kind = "Mlp" if settings.observation == "objects" else "Cnn"
        model = learner_class(name)(
            f"{kind}{'Lstm' if name == 'RecurrentPPO' else ''}Policy",
            self.arena,
            learning_rate=rate,
            **arguments(self.algorithm, settings),
            policy_kwargs={**policy_settings(settings), **optimizer_settings(settings)},
            seed=config.seed,
            device=config.device,
        )
        if self.algorithm == "dqn":
            model.exploration_schedule = Following(partial(explored, model.exploration_schedule))
            self.followers.append(model.exploration_schedule)
        return model

    def iterate(self, progress: Callable[[], float]) -> dict[str, float]:
        """Let it play and learn once, or until there is something to tell; its own numbers."""
        for follower in self.followers:
            follower.progress = progress()
        watch, began = Watch(self.game.frame_skip), perf_counter()
        decisions = MIN_DECISIONS if self.algorithm == "dqn" else 1  # PPO plays a whole rollout anyway
        try:
            self.model.learn(decisions, watch, log_interval=None, reset_num_timesteps=self.steps == 0)
        except ValueError as error:  # a distribution whose numbers are none
            if all(weight.isfinite().all() for weight in self.model.policy.parameters()):
                raise
            raise FloatingPointError("a weight") from error
        self.steps, self.returns, self.lengths = self.model.num_timesteps, watch.returns, watch.lengths
        spent = perf_counter() - began
        self.seconds = {"iteration": spent, "collect": watch.seconds, "update": spent - watch.seconds}
        numbers = {name: float(value) for name, value in self.model.logger.name_to_value.items()}
        self.model.logger.dump(self.steps)  # into nothing: it forgets them
        return numbers

    def close(self) -> None:
        self.arena.close()

    def agent(self) -> Sb3Agent:
        """The policy as it is now; it shares the weights."""
        info = describe_agent(self.game, self.settings, self.algorithm)
        info.steps = self.steps
        return Sb3Agent(self.game, info, self.model.policy, self.model)

    def weights(self) -> dict[str, Tensor]:
        """Of the policy; copies."""
        return {name: tensor.detach().clone() for name, tensor in self.model.policy.state_dict().items()}

    def take(self, weights: dict[str, Tensor]) -> None:
        self.model.policy.load_state_dict(weights)
