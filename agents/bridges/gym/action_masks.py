"""Masks of allowed actions, as environments give them: in `info`, in an observation, or by a method."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from agents.bridges.gym.action_adapter import ActionAdapter
from agents.bridges.gym.observation_adapter import ObservationAdapter
from games.errors import UserError

INFO_KEYS = ("action_mask", "action_masks")  # entries of `info`: Gymnasium's and PettingZoo's, and its plural
METHOD = "action_masks"  # of environments made for sb3-contrib's MaskablePPO


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
        """Look for masks in an environment that has just been reset; `UserError` if there is one that does not fit."""
        key = next((key for key in INFO_KEYS if isinstance(info, dict) and info.get(key) is not None), None)
        if self.adapter.mask_key is not None:
            self.source = f"observation[{self.adapter.mask_key!r}]"
        elif key is not None:
            self.source = f"info[{key!r}]"
        elif callable(_method(env)):
            self.source = f"{METHOD}()"
        if self.source:
            self.rows([observation], [self.given(env, info)])

    def given(self, env: gymnasium.Env, info: Any) -> Any:
        """The mask beside an observation, as the environment gives it; None if it gives none here."""
        return _method(env)() if self.source == f"{METHOD}()" else _entry(info)

    def shown(self, envs: Sequence[gymnasium.Env], seen: Sequence[tuple[Any, Any]]) -> np.ndarray | None:
        """The masks uint8 [B, A] of B environments and what each showed: (observation, info). None if it has no masks."""
        if not self.source:
            return None
        given = [self.given(env, info) for env, (_, info) in zip(envs, seen, strict=True)]
        return self.rows([observation for observation, _ in seen], given)

    def rows(self, observations: Any, given: Sequence[Any]) -> np.ndarray:
        """The masks uint8 [B, A] of B observations. given: what `given` returned for each of them."""
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
        """One mask as uint8 [A]; `UserError` if it does not fit the actions."""
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
            raise UserError(
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


def given_in_vector(info: dict[str, Any], rows: int) -> list[Any]:
    """The masks in the info of a Gymnasium vector environment of `rows` rows, None for rows without one."""
    for key in INFO_KEYS:
        if key in info:
            present = info.get(f"_{key}", np.ones(rows, bool))
            return [mask if there else None for mask, there in zip(info[key], present, strict=True)]
    return [None] * rows


def _entry(info: Any) -> Any:
    """The mask in an info; None if there is none."""
    if not isinstance(info, dict):
        return None
    return next((info[key] for key in INFO_KEYS if info.get(key) is not None), None)


def _method(env: gymnasium.Env) -> Any:
    """The environment's own method that gives masks, or None."""
    return env.get_wrapper_attr(METHOD) if env.has_wrapper_attr(METHOD) else None
