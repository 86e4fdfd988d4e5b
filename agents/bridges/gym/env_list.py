"""Copies of an environment, stepped one after the other; observations stay a list, whatever their space."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode


class EnvList:
    """As Gymnasium's `SyncVectorEnv` with autoreset disabled, for observations that are dicts and tuples."""

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}

    def __init__(self, envs: list[gymnasium.Env]):
        self.envs = envs
        self.observations: list[Any] = [None] * len(envs)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[list[Any], dict[str, Any]]:
        chosen = np.ones(len(self.envs), bool) if options is None else options["reset_mask"]
        for row in np.flatnonzero(chosen):
            self.observations[row], _ = self.envs[row].reset(seed=None if seed is None else seed + int(row))
        return list(self.observations), {}

    def step(self, actions: Any) -> tuple[list[Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        rows = [env.step(action) for env, action in zip(self.envs, actions, strict=True)]
        self.observations = [row[0] for row in rows]
        rewards, terminated, truncated = (np.array([row[part] for row in rows]) for part in (1, 2, 3))
        return list(self.observations), rewards, terminated, truncated, {}

    def close(self) -> None:
        for env in self.envs:
            env.close()
