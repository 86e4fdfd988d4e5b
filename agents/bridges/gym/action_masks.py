"""Masks of allowed actions, as environments give them: in `info`, in an observation, or by a method."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from agents.bridges.gym.action_adapter import ActionAdapter
from agents.bridges.gym.checked_env import INFO_KEYS, METHOD, mask_entry, mask_method
from agents.bridges.gym.copies import Results
from agents.bridges.gym.observation_adapter import ObservationAdapter
from games.errors import EnvironmentFailed


class ActionMasks:
    """Reads an environment's masks as uint8 [B, A]: 1 where an action is allowed.

    Whether there are masks is seen in the first observation. Later, everything is allowed where an environment gives no
    mask, or one that allows nothing.
    """

    def __init__(self, name: str, actions: ActionAdapter, adapter: ObservationAdapter):
        """name: of the environment, for messages."""
        self.name, self.actions, self.adapter = name, actions, adapter
        self.source = ""  # where the masks are, in words; empty for an environment without masks

    def find(self, env: gymnasium.Env, observation: Any, info: Any) -> None:
        """Look for masks in an environment that has just been reset; `EnvironmentFailed` if there is one that does not fit."""
        key = next((key for key in INFO_KEYS if isinstance(info, dict) and info.get(key) is not None), None)
        if self.adapter.mask_key is not None:
            self.source = f"observation[{self.adapter.mask_key!r}]"
        elif key is not None:
            self.source = f"info[{key!r}]"
        elif callable(mask_method(env)):
            self.source = f"{METHOD}()"
        if self.source:
            self.rows([observation], [mask_method(env)() if self.source == f"{METHOD}()" else mask_entry(info)])

    def shown(self, results: Results) -> np.ndarray | None:
        """The masks uint8 [B, A] of what B copies showed. None if the environment has no masks."""
        return self.rows(results.observations, results.masks) if self.source else None

    def rows(self, observations: Any, given: Sequence[Any]) -> np.ndarray:
        """The masks uint8 [B, A] of B observations. given: the masks beside them, None where there was none."""
        if self.adapter.mask_key is not None:
            given = list(self.adapter.masks(observations))
        return self.converted(given)

    def converted(self, given: Sequence[Any]) -> np.ndarray:
        """Masks as an environment or a user gives them, as uint8 [B, A]."""
        masks = self._same_arrays(given)
        masks = np.stack([self._mask(mask) for mask in given]) if masks is None else masks
        masks[~masks.any(1)] = 1
        return masks

    def _same_arrays(self, given: Sequence[Any]) -> np.ndarray | None:
        """The usual case at once: arrays of bits as long as there are actions; None for others."""
        shape = (self.actions.num_actions,)
        plain = not isinstance(self.actions.space, spaces.MultiDiscrete)
        if not plain or not all(isinstance(mask, np.ndarray) and mask.shape == shape for mask in given):
            return None
        stacked = np.array(given)
        bits = stacked.dtype == bool or (stacked.dtype.kind in "iu" and stacked.min() >= 0 and stacked.max() <= 1)
        return stacked.astype(np.uint8) if bits else None

    def _mask(self, mask: Any) -> np.ndarray:
        """One mask as uint8 [A]; `EnvironmentFailed` if it does not fit the actions."""
        count = self.actions.num_actions
        if mask is None:
            return np.ones(count, np.uint8)
        found = self._of_combinations(mask)
        if found is None:
            try:
                found = np.asarray(mask).reshape(-1)
            except ValueError:  # entries of different lengths
                found = np.zeros(0)
        bits = found.dtype == bool or (found.dtype.kind in "iuf" and bool(((found == 0) | (found == 1)).all()))
        if len(found) != count or not bits:
            where = f" in {self.source}" if self.source else ""
            raise EnvironmentFailed(
                f"{self.name}: a mask{where} does not fit its {count} actions: {str(mask)[:60]}.\n"
                "A mask has one number for each action: 1 where it is allowed, else 0.\n"
                "Correct it in the environment, or take it out in a wrapper: then every action is allowed."
            )
        return found.astype(np.uint8)

    def _of_combinations(self, mask: Any) -> np.ndarray | None:
        """The mask [A] of a MultiDiscrete's combinations, from a mask of each of its parts, or these one after the other."""
        space = self.actions.space
        if not isinstance(space, spaces.MultiDiscrete) or np.ndim(mask[0] if isinstance(mask, tuple) else mask) != 1:
            return None
        sizes = space.nvec.reshape(-1).tolist()
        flat = np.concatenate([np.asarray(part) for part in mask]) if isinstance(mask, tuple) else np.asarray(mask)
        if len(flat) != sum(sizes):
            return None
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        return np.prod(np.stack(np.meshgrid(*parts, indexing="ij")), 0).reshape(-1)
