"""`Ours` and `Sb3`: our learners and Stable-Baselines3's, on the same game, network and settings."""

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from torch import Tensor, nn

from agents.algorithms import dqn, on_policy
from agents.algorithms.dqn import DQNSettings
from agents.algorithms.ppo import PPOSettings
from agents.algorithms.pqn import PQNSettings
from agents.bridges.sb3.environment import SparringVecEnv
from agents.participants import participant
from agents.play.pool import Opponents
from agents.training.config import ALGORITHMS
from agents.training.sb3.networks import policy_settings
from agents.training.sb3.settings import arguments
from games.engine.loader import Game

# Network → its observation and PPO's settings: our defaults for patch, common values for the others.
NETWORKS: dict[str, dict[str, Any]] = {
    "patch": {"size": 36, "stack": 2, "n_envs": 512, "n_steps": 16, "batch_size": 1024, "n_epochs": 1},
    "small": {"size": 42, "stack": 3, "n_envs": 128, "n_steps": 16, "batch_size": 512, "n_epochs": 2},
    "nature": {"size": 84, "stack": 4, "n_envs": 128, "n_steps": 8, "batch_size": 512, "n_epochs": 2},
}


class WarmStart(VecEnvWrapper):
    """Starts with games in progress, after random decisions, so that some end soon; counts episode ends and rewards."""

    def __init__(self, venv: SparringVecEnv, decisions: int):
        """decisions: random ones at each reset."""
        super().__init__(venv)
        self.decisions = decisions
        self.episodes, self.rewards = 0, 0  # episodes that ended; rewards other than 0

    def reset(self) -> np.ndarray:
        seen = self.venv.reset()
        chance = np.random.default_rng(1)
        for _ in range(self.decisions):
            seen = self.venv.step(chance.integers(self.action_space.n, size=self.num_envs))[0]  # type: ignore[attr-defined]
        return np.asarray(seen)

    def step_wait(self) -> VecEnvStepReturn:
        seen, rewards, dones, infos = self.venv.step_wait()
        self.episodes += int(np.count_nonzero(dones))
        self.rewards += int(np.count_nonzero(rewards))
        return seen, rewards, dones, infos


AlgorithmSettings = PPOSettings | PQNSettings | DQNSettings
CHUNK = 64  # the least number of decisions in an iteration of DQN


class Sb3:
    """Stable-Baselines3's PPO or DQN, or sb3-contrib's RecurrentPPO, with our settings, on one compiled batch."""

    def __init__(self, game: Game, settings: AlgorithmSettings, threads: int, warm_start: int = 0):
        """threads: of torch. warm_start: random decisions in every game before learning begins."""
        self.settings, self.threads = settings, threads
        self.cpu_seconds = 0.0  # processor time of the last iteration: depends less on the machine's load than wall time
        seat: dict[str, Any] = {"seat": "any"} if game.players == 2 else {}
        env = SparringVecEnv(
            game, settings.n_envs, observation=settings.observation, size=settings.size, stack=settings.stack, **seat
        )
        self.env = WarmStart(env, warm_start)
        learner: Any
        self.name, learner, policy = "Stable-Baselines3", DQN if isinstance(settings, DQNSettings) else PPO, "Policy"
        if settings.memory != "none":
            from sb3_contrib import RecurrentPPO

            self.name, learner, policy = "sb3-contrib's RecurrentPPO", RecurrentPPO, "LstmPolicy"
        self.model: Any = learner(
            f"{'Mlp' if settings.observation == 'objects' else 'Cnn'}{policy}",
            self.env,
            learning_rate=settings.learning_rate,
            **arguments("dqn" if isinstance(settings, DQNSettings) else "ppo", settings),
            policy_kwargs=policy_settings(settings),
            seed=1,
            device="cpu",
        )
        if isinstance(settings, DQNSettings):
            torch.set_num_threads(threads)
            self.model.learn(settings.learning_starts + CHUNK)  # until its first update

    def iterate(self) -> int:
        """One rollout and the learning from it; returns the number of decisions."""
        torch.set_num_threads(self.threads)
        before, began = self.model.num_timesteps, process_time()
        chunk = CHUNK if isinstance(self.settings, DQNSettings) else self.model.n_steps * self.model.n_envs
        self.model.learn(chunk, reset_num_timesteps=False)
        self.cpu_seconds = process_time() - began
        return self.model.num_timesteps - before

    def weights(self) -> Tensor:
        """A copy of all trained weights, [parameters]."""
        learning = self.model.q_net if isinstance(self.settings, DQNSettings) else self.model.policy
        return nn.utils.parameters_to_vector(learning.parameters()).detach().clone()

    def counts(self) -> tuple[int, int]:
        """The numbers of episodes that ended and of rewards other than 0 so far."""
        return self.env.episodes, self.env.rewards

    def decider(self) -> Callable[[np.ndarray], int]:
        """A function from one observation [1, stack, *frame] to the most likely action."""
        shape = self.env.observation_space.shape or ()
        return lambda seen: int(self.model.predict(seen.reshape(1, *shape), deterministic=True)[0][0])

    def close(self) -> None:
        self.env.close()


class Ours:
    """Our PPO, PQN or DQN with the given settings."""

    name = "ours"

    def __init__(
        self,
        game: Game,
        settings: AlgorithmSettings,
        threads: int,
        warm_start: int = 0,
        opponents: Opponents | None = None,
    ):
        """warm_start: random decisions in every game before learning begins. opponents: by default the bot."""
        if opponents is None:
            opponents = [participant("bot", game)] if game.players == 2 else []
        self.settings, self.threads = settings, threads
        self.cpu_seconds = 0.0  # as in `Sb3`
        self.episodes, self.rewards = 0, 0
        kind = next(learner for learner, settings_type, _ in ALGORITHMS.values() if settings_type is type(settings))
        self.learner: on_policy.OnPolicy | dqn.DQN = kind(game, settings, 1, opponents, threads=threads)
        if isinstance(self.learner, dqn.DQN) and isinstance(settings, DQNSettings):
            self.learner.rounds = -(-CHUNK // (self.learner.collector.rows * settings.train_freq))
        chance = np.random.default_rng(1)
        for _ in range(warm_start):
            self.learner.collector.arena.step(chance.integers(game.num_actions, size=self.learner.collector.rows))
        while isinstance(settings, DQNSettings) and not self.learner.stepper.updates:
            self.iterate()

    def iterate(self) -> int:
        """One rollout and the learning from it; returns the number of decisions."""
        torch.set_num_threads(1)  # as our learners set it for their own threads
        learner, before, began = self.learner, self.learner.steps, process_time()
        learner.iterate(lambda: 0.0)
        self.cpu_seconds = process_time() - began
        self.episodes += len(learner.returns)
        rewards = learner.replay.reward if isinstance(learner, dqn.DQN) else learner.rollout.reward[1:].numpy()
        self.rewards += int(np.count_nonzero(rewards))
        return learner.steps - before

    def weights(self) -> Tensor:
        """A copy of all weights, [parameters]."""
        return nn.utils.parameters_to_vector(self.learner.network.parameters()).detach().clone()

    def counts(self) -> tuple[int, int]:
        """The numbers of episodes that ended and of rewards other than 0 so far."""
        return self.episodes, self.rewards

    def close(self) -> None:
        self.learner.close()
