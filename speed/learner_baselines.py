"""Our learners and Stable-Baselines3's, `Ours` and `Sb3`, on the same game, network and settings."""

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from torch import Tensor, nn

from agents.algorithms import dqn, ppo
from agents.algorithms.dqn import DQNSettings
from agents.algorithms.ppo import PPOSettings
from agents.bridges.sb3.environment import SparringVecEnv
from agents.participants import participant
from agents.training.sb3.networks import policy_settings
from agents.training.sb3.settings import arguments
from games.engine.loader import Game

# Network → what it sees, and how PPO learns it: for patch our defaults, for the others what is usual for such networks.
NETWORKS: dict[str, dict[str, Any]] = {
    "patch": {"size": 36, "stack": 2, "n_envs": 512, "n_steps": 16, "batch_size": 1024, "n_epochs": 1},
    "small": {"size": 42, "stack": 3, "n_envs": 128, "n_steps": 16, "batch_size": 512, "n_epochs": 2},
    "nature": {"size": 84, "stack": 4, "n_envs": 128, "n_steps": 8, "batch_size": 512, "n_epochs": 2},
}


class UnderWay(VecEnvWrapper):
    """Begins in the middle of games, after so many random decisions, so that soon some end; counts what really happens."""

    def __init__(self, venv: SparringVecEnv, decisions: int):
        super().__init__(venv)
        self.decisions = decisions
        self.episodes, self.rewards = 0, 0  # that ended; that were not 0

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


Settings = PPOSettings | DQNSettings
CHUNK = 64  # decisions of DQN in an iteration, at least


class Sb3:
    """Stable-Baselines3's PPO or DQN, or sb3-contrib's RecurrentPPO, with settings of ours, on one compiled batch."""

    def __init__(self, game: Game, settings: Settings, threads: int, under_way: int = 0):
        """threads: of torch. under_way: random decisions that every game has behind it in the beginning."""
        self.settings, self.threads = settings, threads
        self.spent = 0.0  # seconds of the processor in the last iteration: what else runs matters less to them
        seat: dict[str, Any] = {"seat": "any"} if game.players == 2 else {}
        env = SparringVecEnv(
            game, settings.n_envs, observation=settings.observation, size=settings.size, stack=settings.stack, **seat
        )
        self.env = UnderWay(env, under_way)
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
            self.model.learn(settings.learning_starts + CHUNK)  # until it learns

    def iterate(self) -> int:
        """One rollout and the learning from it; its decisions."""
        torch.set_num_threads(self.threads)
        before, began = self.model.num_timesteps, process_time()
        chunk = CHUNK if isinstance(self.settings, DQNSettings) else self.model.n_steps * self.model.n_envs
        self.model.learn(chunk, reset_num_timesteps=False)
        self.spent = process_time() - began
        return self.model.num_timesteps - before

    def weights(self) -> Tensor:
        """All that learn, [parameters]; a copy."""
        learning = self.model.q_net if isinstance(self.settings, DQNSettings) else self.model.policy
        return nn.utils.parameters_to_vector(learning.parameters()).detach().clone()

    def happened(self) -> tuple[int, int]:
        """Episodes that ended and rewards that came, since the beginning."""
        return self.env.episodes, self.env.rewards

    def decider(self) -> Callable[[np.ndarray], int]:
        """Decides for one observation [1, stack, *frame]: the likeliest action."""
        shape = self.env.observation_space.shape or ()
        return lambda seen: int(self.model.predict(seen.reshape(1, *shape), deterministic=True)[0][0])

    def close(self) -> None:
        self.env.close()


class Ours:
    """Our PPO or DQN with given settings."""

    name = "ours"

    def __init__(self, game: Game, settings: Settings, threads: int, under_way: int = 0):
        """under_way: random decisions that every game has behind it in the beginning."""
        opponents = [participant("bot", game)] if game.players == 2 else []
        self.settings, self.threads = settings, threads
        self.spent = 0.0  # as `Sb3`'s
        self.episodes, self.rewards = 0, 0
        self.learner: ppo.PPO | dqn.DQN
        if isinstance(settings, PPOSettings):
            self.learner = ppo.PPO(game, settings, 1, [*opponents], threads=threads)
        else:
            self.learner = dqn.DQN(game, settings, 1, [*opponents], threads=threads)
            self.learner.rounds = -(-CHUNK // (self.learner.collector.rows * settings.train_freq))
        chance = np.random.default_rng(1)
        for _ in range(under_way):
            self.learner.collector.arena.step(chance.integers(game.num_actions, size=self.learner.collector.rows))
        while isinstance(settings, DQNSettings) and not self.learner.stepper.updates:
            self.iterate()

    def iterate(self) -> int:
        """One rollout and the learning from it; its decisions."""
        torch.set_num_threads(1)  # as our learners do for their own threads
        learner, before, began = self.learner, self.learner.steps, process_time()
        learner.iterate(lambda: 0.0)
        self.spent = process_time() - began
        self.episodes += len(learner.returns)
        earned = learner.rollout.reward[1:].numpy() if isinstance(learner, ppo.PPO) else learner.replay.reward
        self.rewards += int(np.count_nonzero(earned))
        return learner.steps - before

    def weights(self) -> Tensor:
        """All of them, [parameters]; a copy."""
        return nn.utils.parameters_to_vector(self.learner.network.parameters()).detach().clone()

    def happened(self) -> tuple[int, int]:
        """Episodes that ended and rewards that came, since the beginning."""
        return self.episodes, self.rewards

    def close(self) -> None:
        self.learner.close()
