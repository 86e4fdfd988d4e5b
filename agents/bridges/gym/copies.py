"""N copies of an environment, stepped in this process or by the environment's own vector implementation.

`agents.bridges.gym.process_copies` steps them in processes of their own. Of what environments give, only observation, reward,
terminated, truncated and masks of actions are read: `info` is free otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from gymnasium.vector import AutoresetMode

from agents.bridges.gym.checked_env import INFO_KEYS, CheckedEnv, Step
from agents.bridges.gym.failures import Broken, close_failure, close_quietly, tell_close_failed, told_in_words
from games.errors import EnvironmentFailed


@dataclass
class Results:
    """The values that B copies gave in a step, or, with no rewards and no ends, in a reset."""

    observations: Sequence[Any] | np.ndarray  # B observations in a list, or an array [B, …]
    rewards: np.ndarray  # float64 [B]
    terminated: np.ndarray  # bool [B]
    truncated: np.ndarray  # bool [B]
    masks: Sequence[Any]  # of allowed actions, as each copy gave them; None for one that gave none
    final_observations: dict[int, Any] | None = None  # with autoreset mode SAME_STEP: by row, of those that ended
    final_masks: dict[int, Any] = field(default_factory=dict)  # likewise


class Copies(Protocol):
    """Copies of an environment, numbered from 0. Whatever fails raises `EnvironmentFailed`, but in `close`."""

    mode: AutoresetMode  # with DISABLED, rows are begun anew by `reset`

    @property
    def num_copies(self) -> int:
        """The number of copies."""

    def begin(self, seed: int) -> Results:
        """Reset all copies, copy k from the seed `seed` + k."""

    def reset(self, rows: np.ndarray, seeds: Sequence[int] | None = None) -> Results:
        """Begin an episode in the copies of some numbers [B]; without seeds, as the episode before lets it go on."""

    def step(self, actions: Any, rows: np.ndarray | None = None) -> Results:
        """Play an action, as the environment takes it, in each copy, or in those of some numbers [B]."""

    def close(self) -> None:
        """Close all copies. A failure is reported in a line on standard error and raises nothing."""


class SteppableCopies(Copies, Protocol):
    """Copies of which each is reset and stepped by itself, and whose number may grow."""

    def grow(self, num_copies: int) -> None:
        """Add copies until there are `num_copies` in all."""

    def render(self, row: int) -> Any:
        """A picture by a copy, in whatever form; raises any error if it cannot."""


class LocalCopies:
    """Copies in this process, stepped one after the other."""

    mode = AutoresetMode.DISABLED

    def __init__(self, make: Callable[[], CheckedEnv], num_copies: int = 0):
        """make: makes one, as `EnvMaker`."""
        self.make = make
        self.envs: list[CheckedEnv] = []
        self.grow(num_copies)

    @property
    def num_copies(self) -> int:
        return len(self.envs)

    def grow(self, num_copies: int) -> None:
        try:
            while len(self.envs) < num_copies:
                self.envs.append(self.make())
        except BaseException as error:
            made = len(self.envs)
            self.close()
            if made and isinstance(error, EnvironmentFailed):
                raise EnvironmentFailed(
                    f"{error}\nIt starts {made} time{'s'[: made - 1]} in a process, not {num_copies} times. "
                    "If a process can hold only one,\n"
                    "give each copy a process of its own, as many as fit into memory: --envs 4 --set env_processes=4"
                ) from error
            raise

    def begin(self, seed: int) -> Results:
        return joined([env.reset(seed + row) for row, env in enumerate(self.envs)])

    def reset(self, rows: np.ndarray, seeds: Sequence[int] | None = None) -> Results:
        return joined([self.envs[row].reset(None if seeds is None else int(seeds[k])) for k, row in enumerate(rows)])

    def step(self, actions: Any, rows: np.ndarray | None = None) -> Results:
        envs = self.envs if rows is None else [self.envs[row] for row in rows]
        return joined([env.step(action) for env, action in zip(envs, actions, strict=True)])

    def render(self, row: int) -> Any:
        return self.envs[row].render()

    def close(self) -> None:
        name = self.envs[0].name if self.envs else ""
        if failure := self.close_quietly():
            tell_close_failed(name, failure)

    def close_quietly(self) -> str:
        """Close all; the first error that this raises in words, empty if it raises none."""
        failures = [close_failure(env.env) for env in self.envs]
        self.envs = []
        return next(filter(None, failures), "")


class VectorCopies:
    """An environment's own vector implementation, with an autoreset mode of its own."""

    def __init__(self, envs: Any, name: str):
        """envs: a Gymnasium vector environment."""
        self.envs, self.name = envs, name
        self.mode: AutoresetMode = envs.metadata["autoreset_mode"]

    @property
    def num_copies(self) -> int:
        return self.envs.num_envs

    def begin(self, seed: int) -> Results:
        with told_in_words(self.name, "reset", self.envs):
            observations, info = self.envs.reset(seed=seed)
            return self._reset_results(observations, info, np.arange(self.num_copies))

    def reset(self, rows: np.ndarray, seeds: Sequence[int] | None = None) -> Results:
        chosen = np.zeros(self.num_copies, bool)
        chosen[rows] = True
        with told_in_words(self.name, "reset", self.envs):
            observations, info = self.envs.reset(seed=seeds, options={"reset_mask": chosen})
            return self._reset_results(observations, info, rows)

    def step(self, actions: Any, rows: np.ndarray | None = None) -> Results:
        with told_in_words(self.name, "step", self.envs):
            observations, rewards, terminated, truncated, info = self.envs.step(actions)
            results = Results(
                observations,
                np.asarray(rewards, np.float64),
                np.asarray(terminated, bool),
                np.asarray(truncated, bool),
                masks_in_vector(info, self.num_copies),
            )
            if self.mode == AutoresetMode.SAME_STEP:
                self._add_finals(results, info)
            return results

    def close(self) -> None:
        close_quietly(self.name, self.envs)

    def _reset_results(self, observations: Any, info: Any, rows: np.ndarray) -> Results:
        count, masks = len(rows), masks_in_vector(info, self.num_copies)
        observations = observations if count == self.num_copies else [observations[row] for row in rows]
        no = np.zeros(count, bool)
        return Results(observations, np.zeros(count), no, no.copy(), [masks[row] for row in rows])

    def _add_finals(self, results: Results, info: Any) -> None:
        rows = np.flatnonzero(results.terminated | results.truncated)
        if not len(rows):
            return
        if "final_obs" not in info:
            raise Broken("does not give the final observation of an episode: info['final_obs'].")
        masks = masks_in_vector(info.get("final_info"), self.num_copies)
        results.final_observations = {int(row): info["final_obs"][row] for row in rows}
        results.final_masks = {int(row): masks[row] for row in rows}


def masks_in_vector(info: Any, rows: int) -> list[Any]:
    """The masks in the info of a Gymnasium vector environment of `rows` rows, None for rows without one."""
    for key in INFO_KEYS:
        if isinstance(info, dict) and key in info:
            present = info.get(f"_{key}", np.ones(rows, bool))
            return [mask if there else None for mask, there in zip(info[key], present, strict=True)]
    return [None] * rows


def joined(steps: list[Step]) -> Results:
    """The values of B copies together."""
    observations, masks, rewards, terminated, truncated = zip(*steps, strict=True)
    return Results(list(observations), np.array(rewards), np.array(terminated), np.array(truncated), list(masks))
