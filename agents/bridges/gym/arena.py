"""Many copies of a Gymnasium environment, in which learners play."""

from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

from agents.bridges.gym.copies import Results, VectorCopies
from agents.bridges.gym.environment import GymEnvironment
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.core.restored import checked
from agents.core.settings import AgentSettings
from games.engine.batch import OUT_OF_TIME, OVER, RUNNING
from games.errors import UserError

MOST_RESUMES = 1 << 30  # of a run; each begins with other seeds
EVALUATION_SEEDS = 1 << 31  # seeds of evaluations are from here on, those of training below


class GymObservations:
    """Observations of R rows: the newest `stack` frames of each, oldest first; frames before the episode are zeros."""

    def __init__(self, adapter: ObservationAdapter, rows: int, settings: AgentSettings, num_actions: int | None = None):
        """num_actions: of masks, which come with the observations; None where every action is always allowed."""
        self.adapter, self.rows, self.stack = adapter, rows, settings.stack
        self.observation, self.size = settings.observation, settings.size
        self.frame = adapter.shape(self.observation, self.size)
        self.dtype = np.dtype(np.float32 if self.observation == "objects" else np.uint8)
        self._last = np.zeros((rows, self.stack, *self.frame), self.dtype)
        self._final = np.zeros_like(self._last)
        self._masks = None if num_actions is None else np.ones((rows, num_actions), np.uint8)
        self._final_masks = None if self._masks is None else self._masks.copy()

    def frames(self, raw: Any) -> np.ndarray:
        """Observations of the environment [B, …] as frames [B, *frame]."""
        return self.adapter.frames(raw, self.observation, self.size)

    def update(self, raw: Any, begins: Any, masks: np.ndarray | None = None) -> None:
        """Take the new observations of all rows; `begins` is true where an episode begins, which clears the stack."""
        self._last = self.next_stacks(np.arange(self.rows), raw, begins)
        self._masks = masks

    def update_rows(self, rows: np.ndarray, raw: Any, begins: Any, masks: np.ndarray | None = None) -> None:
        """Take the new observations of rows [B]; `begins` is [B], masks [B, A]."""
        self._last[rows] = self.next_stacks(rows, raw, begins)
        if self._masks is not None and masks is not None:
            self._masks[rows] = masks

    def next_stacks(self, rows: np.ndarray, raw: Any, begins: Any) -> np.ndarray:
        """The stacks of rows [B] with new observations [B, …] appended, as a new array: [B, stack, *frame]."""
        new = np.empty((len(rows), self.stack, *self.frame), self.dtype)
        new[:, :-1] = self._last[rows, 1:]
        new[begins, :-1] = 0
        new[:, -1] = self.frames(raw)
        return new

    def set_final(self, rows: np.ndarray, stacks: np.ndarray, masks: np.ndarray | None = None) -> None:
        """Set the final observations and masks of rows whose episodes ended."""
        self._final[rows] = stacks
        if self._final_masks is not None and masks is not None:
            self._final_masks[rows] = masks

    def observe(self) -> np.ndarray:
        return self._last

    def newest(self) -> np.ndarray:
        return self._last

    def final(self, rows: np.ndarray) -> np.ndarray:
        return self._final[rows]

    def masks(self) -> np.ndarray:
        if self._masks is None:
            raise TypeError("every action is always allowed here")
        return self._masks

    def final_masks(self, rows: np.ndarray) -> np.ndarray:
        if self._final_masks is None:
            raise TypeError("every action is always allowed here")
        return self._final_masks[rows]


class GymArena:
    """A vector environment in which every row learns.

    With autoreset mode NEXT_STEP, a row whose episode has ended does not decide in the step that resets it.
    """

    def __init__(self, game: GymEnvironment, num_envs: int, seed: int, settings: AgentSettings):
        if settings.delay:
            raise UserError(f"{game.name} has no delay to set: that is for our own games.")
        self.game, self.seed, self.masked = game, seed, game.has_legal
        processes = getattr(settings, "env_processes", 0)
        self.copies = game.copies(num_envs, processes)
        has_vector = bool(processes) and isinstance(self.copies, VectorCopies)
        self.remarks = [f"env_processes={processes} steps evaluations only: {game.name} steps its copies at once"] * has_vector
        self.mode = self.copies.mode
        self.view = GymObservations(game.adapter, num_envs, settings, game.num_actions if self.masked else None)
        self.episode = np.zeros(num_envs, np.int64)
        self.returns, self.lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self.resumes = 0  # how often the run has been resumed
        self._asked = np.ones(num_envs, bool)
        self._resumed = False  # true until the first step after a resume: the environments of before are gone
        self._finished: tuple[list[float], list[int]] = ([], [])
        self._reset()

    def _reset(self) -> None:
        seed = int(np.random.SeedSequence([self.seed, self.resumes]).generate_state(1)[0]) % (EVALUATION_SEEDS >> 1)
        begun = self.copies.begin(seed)
        self.view.update(begun.observations, slice(None), self.game.masks.shown(begun))
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
        raw, masks = results.observations, self.game.masks.shown(results)
        if ended.any():
            raw, masks = self._end_episodes(np.flatnonzero(ended), results, masks)
            if self.mode != AutoresetMode.NEXT_STEP:
                began = ended
        self.view.update(raw, began, masks)
        return reward, end

    def _end_episodes(self, rows: np.ndarray, results: Results, masks: np.ndarray | None) -> tuple[Any, np.ndarray | None]:
        """Keep the final observations and masks [B, A] of rows [B] and reset these; the present ones of all rows [R, …]."""
        raw: Any = results.observations
        if results.final_observations is None:
            final, final_masks = [raw[row] for row in rows], None if masks is None else masks[rows]
        else:
            final, given = ([finals[row] for row in rows] for finals in (results.final_observations, results.final_masks))
            final_masks = self.game.masks.rows(final, given) if self.masked else None
        self.view.set_final(rows, self.view.next_stacks(rows, final, []), final_masks)
        self.episode[rows] += 1
        self.returns[rows], self.lengths[rows] = 0, 0
        if self.mode == AutoresetMode.DISABLED:
            begun = self.copies.reset(rows)
            raw = list(raw)
            for row, observation in zip(rows, begun.observations, strict=True):
                raw[row] = observation
            if masks is not None:
                masks[rows] = self.game.masks.shown(begun)
        return raw, masks

    def _truncate_all(self) -> tuple[np.ndarray, np.ndarray]:
        """The first step of a resumed run, without decisions: running episodes are truncated, and all rows reset."""
        end = np.where(self._asked, OUT_OF_TIME, RUNNING).astype(np.uint8)
        self.view.set_final(np.arange(len(end)), self.view.newest(), self.view.masks().copy() if self.masked else None)
        self.episode += 1
        self._resumed, self._finished = False, ([], [])
        self._reset()
        return np.zeros(len(end)), end

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs; the environments themselves cannot be stored."""
        arrays = {"episode": self.episode, "asked": self._asked, "last": self.view.newest(), "sitting": np.array(self.resumes)}
        if self.masked:
            arrays["masks"] = self.view.masks()
        return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def restore(self, parts: dict[str, Tensor]) -> str | None:
        """Go on with new episodes."""
        current = self.state()
        self.episode, self._asked, last = (
            checked(name, parts[name], current[name]).numpy().copy() for name in ("episode", "asked", "last")
        )
        self.view._last = last
        if self.masked:
            self.view._masks = checked("masks", parts["masks"], current["masks"], 0, 1).numpy().copy()
        self.resumes = int(checked("sitting", parts["sitting"], current["sitting"], 0, MOST_RESUMES)) + 1
        self._resumed = True
        return f"{self.game.name} cannot be stored: new episodes begin. Network, optimiser and counters go on."

    def close(self) -> None:
        self.copies.close()
