"""Copies of an environment, stepped one after the other; observations stay a list, whatever their space."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from agents.bridges.gym.action_masks import INFO_KEYS, ActionMasks


class EnvList:
    """As Gymnasium's `SyncVectorEnv` with autoreset disabled, for observations that are dicts and tuples, and for masks."""

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}

    def __init__(self, envs: list[gymnasium.Env], masks: ActionMasks):
        self.envs, self.masks = envs, masks
        self.observations: list[Any] = [None] * len(envs)
        self.given: list[Any] = [None] * len(envs)  # masks, as the environments gave them

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[list[Any], dict[str, Any]]:
        chosen = np.ones(len(self.envs), bool) if options is None else options["reset_mask"]
        for row in np.flatnonzero(chosen):
            self.observations[row], info = self.envs[row].reset(seed=None if seed is None else seed + int(row))
            self.given[row] = self.masks.given(self.envs[row], info)
        return list(self.observations), self._info()

    def step(self, actions: Any) -> tuple[list[Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        rows = [env.step(action) for env, action in zip(self.envs, actions, strict=True)]
        self.observations = [row[0] for row in rows]
        rewards, terminated, truncated = (np.array([row[part] for row in rows]) for part in (1, 2, 3))
        self.given = [self.masks.given(env, row[4]) for env, row in zip(self.envs, rows, strict=True)]
        return list(self.observations), rewards, terminated, truncated, self._info()

    def _info(self) -> dict[str, Any]:
        return {INFO_KEYS[0]: list(self.given)} if self.masks.source else {}

    def close(self) -> None:
        for env in self.envs:
            env.close()
