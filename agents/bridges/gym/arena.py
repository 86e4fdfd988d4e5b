"""Many copies of a Gymnasium environment, in which learners play."""

from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

from agents.bridges.gym.copies import Results
from agents.bridges.gym.environment import GymEnvironment
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.core.settings import AgentSettings
from games.engine.batch import OUT_OF_TIME, OVER, RUNNING
from games.errors import UserError

EVALUATION_SEEDS = 1 << 31  # seeds of evaluations are from here on, those of training below


class GymObservations:
    """Observations of R rows: the newest `stack` frames of each, oldest first; frames before the episode are zeros."""

    def __init__(self, adapter: ObservationAdapter, rows: int, settings: AgentSettings):
        self.adapter, self.rows, self.stack = adapter, rows, settings.stack
        self.observation, self.size = settings.observation, settings.size
        self.frame = adapter.shape(self.observation, self.size)
        self.dtype = np.dtype(np.float32 if self.observation == "objects" else np.uint8)
        self._last = np.zeros((rows, self.stack, *self.frame), self.dtype)
        self._final = np.zeros_like(self._last)

    def frames(self, raw: Any) -> np.ndarray:
        """Observations of the environment [B, …] as frames [B, *frame]."""
        return self.adapter.frames(raw, self.observation, self.size)

    def update(self, raw: Any, begins: Any) -> None:
        """Take the new observations of all rows; `begins` is true where an episode begins, which clears the stack."""
        self._last = self.next_stacks(np.arange(self.rows), raw, begins)

    def update_rows(self, rows: np.ndarray, raw: Any, begins: Any) -> None:
        """Take the new observations of rows [B]; `begins` is [B]."""
        self._last[rows] = self.next_stacks(rows, raw, begins)

    def next_stacks(self, rows: np.ndarray, raw: Any, begins: Any) -> np.ndarray:
        """The stacks of rows [B] with new observations [B, …] appended, as a new array: [B, stack, *frame]."""
        new = np.empty((len(rows), self.stack, *self.frame), self.dtype)
        new[:, :-1] = self._last[rows, 1:]
        new[begins, :-1] = 0
        new[:, -1] = self.frames(raw)
        return new

    def set_final(self, rows: np.ndarray, stacks: np.ndarray) -> None:
        """Set the final observations of rows whose episodes ended."""
        self._final[rows] = stacks

    def observe(self) -> np.ndarray:
        return self._last

    def newest(self) -> np.ndarray:
        return self._last

    def final(self, rows: np.ndarray) -> np.ndarray:
        return self._final[rows]

    def masks(self) -> np.ndarray:
        raise TypeError("every action is always allowed here")

    def final_masks(self, rows: np.ndarray) -> np.ndarray:
        raise TypeError("every action is always allowed here")


class GymArena:
    """A vector environment in which every row learns.

    With autoreset mode NEXT_STEP, a row whose episode has ended does not decide in the step that resets it.
    """

    masked = False

    def __init__(self, game: GymEnvironment, num_envs: int, seed: int, settings: AgentSettings):
        if settings.delay:
            raise UserError(f"{game.name} has no delay to set: that is for our own games.")
        self.game, self.seed = game, seed
        self.copies = game.copies(num_envs)
        self.mode = self.copies.mode
        self.view = GymObservations(game.adapter, num_envs, settings)
        self.episode = np.zeros(num_envs, np.int64)
        self.returns, self.lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self.resumes = 0  # how often the run has been resumed
        self._asked = np.ones(num_envs, bool)
        self._resumed = False  # true until the first step after a resume: the environments of before are gone
        self._finished: tuple[list[float], list[int]] = ([], [])
        self._reset()

    def _reset(self) -> None:
        seed = int(np.random.SeedSequence([self.seed, self.resumes]).generate_state(1)[0]) % (EVALUATION_SEEDS >> 1)
        self.view.update(self.copies.begin(seed).observations, slice(None))
        self._asked[:] = True
        self.returns[:], self.lengths[:] = 0, 0

    def asked(self) -> np.ndarray:
        """The rows that decide now, bool [R]."""
        return np.zeros(self.view.rows, bool) if self._resumed else self._asked.copy()

    def episodes(self) -> np.ndarray:
        """The number of each row's running episode, int64 [R]."""
        return self.episode.copy()

    def finished(self) -> tuple[list[float], list[int]]:
        """Returns and lengths of the episodes that ended in the last step."""
        return self._finished

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Play actions [R]: rewards float64 [R] and ends uint8 [R] (0 running, 1 terminated, 2 truncated)."""
        if self._resumed:
            return self._truncate_all()
        results = self.copies.step(self.game.actions.batch_to_env(actions))
        began = ~self._asked  # rows that this step only reset
        reward = np.where(began, 0.0, results.rewards)
        end = np.where(results.terminated, OVER, np.where(results.truncated, OUT_OF_TIME, RUNNING)).astype(np.uint8)
        end[began] = RUNNING
        ended = end != RUNNING
        self.returns += reward
        self.lengths += ~began
        self._asked = ~ended if self.mode == AutoresetMode.NEXT_STEP else np.ones(len(ended), bool)
        self._finished = (self.returns[ended].tolist(), self.lengths[ended].tolist())
        raw = results.observations
        if ended.any():
            raw = self._end_episodes(ended, results)
            if self.mode != AutoresetMode.NEXT_STEP:
                began = ended
        self.view.update(raw, began)
        return reward, end

    def _end_episodes(self, ended: np.ndarray, results: Results) -> Any:
        """Keep the final observations of rows `ended` (bool [R]) and reset these rows; the present observations [R, …]."""
        rows = np.flatnonzero(ended)
        raw: Any = results.observations
        last: Any = raw if results.final_observations is None else results.final_observations
        self.view.set_final(rows, self.view.next_stacks(rows, [last[row] for row in rows], []))
        self.episode[rows] += 1
        self.returns[rows], self.lengths[rows] = 0, 0
        if self.mode == AutoresetMode.DISABLED:
            raw = list(raw)
            for row, observation in zip(rows, self.copies.reset(rows).observations, strict=True):
                raw[row] = observation
        return raw

    def _truncate_all(self) -> tuple[np.ndarray, np.ndarray]:
        """The first step of a resumed run, without decisions: running episodes are truncated, and all rows reset."""
        end = np.where(self._asked, OUT_OF_TIME, RUNNING).astype(np.uint8)
        self.view.set_final(np.arange(len(end)), self.view.newest())
        self.episode += 1
        self._resumed, self._finished = False, ([], [])
        self._reset()
        return np.zeros(len(end)), end

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs; the environments themselves cannot be stored."""
        arrays = {"episode": self.episode, "asked": self._asked, "last": self.view.newest(), "sitting": np.array(self.resumes)}
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def restore(self, parts: dict[str, Tensor]) -> str | None:
        """Go on with new episodes."""
        self.episode, self._asked = parts["episode"].numpy().copy(), parts["asked"].numpy().copy()
        self.view._last = parts["last"].numpy().copy()
        self.resumes, self._resumed = int(parts["sitting"]) + 1, True
        return f"{self.game.name} cannot be stored: new episodes begin. Network, optimiser and counters go on."

    def close(self) -> None:
        self.copies.close()
