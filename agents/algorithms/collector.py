"""The collector: a learner's seats in many copies of a game, their observations and recurrent states."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from agents.core.distributed import ProcessGroup
from agents.core.restored import checked
from agents.core.tensor_file import select_prefix
from agents.experience.vec_game import VecGame
from agents.networks.memory import reset_state
from agents.networks.network import Network
from agents.networks.normalization import RunningNorm
from games.engine.batch import Workers
from games.errors import EnvironmentFailed

OBSERVATION, REWARD = "an observation", "a reward"
GIVEN = (OBSERVATION, REWARD)  # what a game gives, as a `FloatingPointError` names it


def check_finite(observation: np.ndarray) -> np.ndarray:
    """Observations as they are; FloatingPointError where one is not finite, before it is learned from."""
    if observation.dtype != np.uint8 and not np.isfinite(observation).all():
        raise FloatingPointError(OBSERVATION)
    return observation


class OutOfTime(Exception):
    """The time of a run is up in the midst of an iteration, which is given up."""


class Collector:
    """Steps many copies of a game for a learner, which chooses the actions. R rows learn, each a seat of one environment;
    arrays and tensors are [R, …].

    One decision: `observation`, `starts`, `masks` and `recurrent_state` say what there is to decide on; `store_state` keeps
    what a memory holds after it; `step` plays the actions; after that `observe`, once.
    """

    def __init__(
        self,
        arena: VecGame,
        network: Network,
        reward_scale: float,
        device: torch.device,
        dtype: torch.dtype,
        workers: Workers,
        group: ProcessGroup,
    ):
        """network: its encoder says how observations are stored. dtype: in which networks compute."""
        self.arena, self.encoder, self.reward_scale = arena, network.encoder, reward_scale
        self.device, self.dtype, self.workers, self.group = device, dtype, workers, group
        self.rows = arena.view.rows
        self.has_masks = arena.masked
        self.steps = 0  # decisions so far, of all processes
        self.largest_reward = 0.0  # the greatest absolute value so far in this sitting, scaled
        self.returns: list[float] = []  # of the episodes that ended in this iteration
        self.lengths: list[int] = []  # their ticks
        self.acting_seconds = self.environment_seconds = 0.0  # of this iteration
        self.memory: Tensor | None = None if network.memory is None else network.memory.initial_state(self.rows, device)
        self.episode = np.full(self.rows, -1, np.int64)  # number of the episode of each row's latest decision; -1: none
        self.norms = self.encoder.running_norms  # statistics of observations; none where they are not normalised
        self.unmerged = self._new_unmerged()  # what this process has seen since the last merge, where there are several
        self.before_step: Callable[[], None] | None = None  # called before each decision is played; may raise `OutOfTime`
        self._observation: Tensor | None = None
        self._clock = perf_counter()

    def close(self) -> None:
        self.arena.close()

    def begin_iteration(self) -> None:
        """Forget the last iteration's episodes and times; from now on observations are normalised by all seen before."""
        for norm, unmerged in zip(self.norms, self.unmerged or self.norms, strict=True):
            if self.unmerged:
                norm.merge(self.group.all_gather(unmerged.summary()))
            norm.settle()
        self.unmerged = self._new_unmerged()
        self.returns, self.lengths = [], []
        self.acting_seconds = self.environment_seconds = 0.0

    def freeze_norm(self) -> None:
        """Normalise by what is known now for ever."""
        self.norms = self.unmerged = []

    def _new_unmerged(self) -> list[RunningNorm]:
        return [RunningNorm(len(norm.mean)) for norm in self.norms] if self.group.size > 1 else []

    # --- before a decision ---

    def asked(self) -> np.ndarray:
        """bool [R]: rows that decide now; in a game of turns the others wait."""
        return self.arena.asked()

    def observation(self) -> Tensor:
        """The latest observations as the encoder stores them, [R, *encoder.stored], on the CPU."""
        return self.observe() if self._observation is None else self._observation

    def observe(self) -> Tensor:
        """Compute the new observations after a step, and keep them; see `observation`."""
        raw, to_storage = check_finite(self.arena.view.observe()), self.encoder.to_storage
        if self.norms:
            inputs = self.encoder.norm_inputs(torch.from_numpy(raw[self.asked()]))
            for norm, numbers in zip(self.unmerged or self.norms, inputs, strict=True):
                norm.watch(numbers)
        parts = self.workers.run(len(raw), lambda lo, hi, k: torch.from_numpy(to_storage(raw[lo:hi])))
        self._observation = parts[0] if len(parts) == 1 else torch.cat(parts)
        now = perf_counter()
        self.environment_seconds += now - self._clock
        self._clock = now
        return self._observation

    def starts(self) -> Tensor:
        """bool [R]: rows whose next decision is the first of an episode."""
        return torch.from_numpy(self.arena.episodes() != self.episode).to(self.device)

    def masks(self) -> np.ndarray | None:
        """uint8 [R, A]: actions that are allowed; None where all always are."""
        return self.arena.view.masks() if self.has_masks else None

    def recurrent_state(self) -> Tensor | None:
        """The memory's state before the next decision, zeros where an episode starts; None without a memory."""
        return reset_state(self.memory, self.starts())

    def forward(self, network: Network, observation: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """A network's heads for stored observations [B, …] and the state after, without gradients; threads share the rows."""

        def part(lo: int, hi: int, worker: int) -> tuple[Tensor, Tensor, Tensor | None]:
            with torch.inference_mode():
                return network.step(observation[lo:hi].to(self.device), None if state is None else state[lo:hi], self.dtype)

        scores, values, after = zip(*self.workers.run(len(observation), part), strict=True)
        return torch.cat(scores), torch.cat(values), None if state is None else torch.cat(after)

    # --- a decision ---

    def store_state(self, asked: np.ndarray, after: Tensor | None) -> None:
        """Note the episode in which each row asked has decided, for `starts`, and keep the memory's state, if any.

        Call it for every decision, memory or not, after `starts` and `recurrent_state` and before `step`.
        """
        self.episode = np.where(asked, self.arena.episodes(), self.episode)
        if self.memory is not None and after is not None:
            self.memory = torch.where(torch.from_numpy(asked).to(self.device)[:, None, None], after, self.memory)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Play actions [R]: scaled rewards float32 [R], ends uint8 [R] (0 running, 1 terminated, 2 truncated)."""
        if self.before_step is not None and self.asked().any():
            self.before_step()
        now = perf_counter()
        self.acting_seconds += now - self._clock
        self._clock = now
        self.steps += int(self.asked().sum())
        reward, end = self.arena.step(actions)
        if end.any():
            returns, lengths = self.arena.finished()
            self.returns += returns
            self.lengths += lengths
        return self._scale_reward(reward), end

    def _scale_reward(self, reward: np.ndarray) -> np.ndarray:
        """Raw rewards [R] times `reward_scale`, float32; FloatingPointError where one is not finite, before it is kept."""
        with np.errstate(over="ignore"):  # of what is too large for float32 too
            scaled = (reward * self.reward_scale).astype(np.float32)
        if not np.isfinite(scaled).all():
            raise FloatingPointError(REWARD)
        self.largest_reward = max(self.largest_reward, float(np.abs(scaled).max(initial=0.0)))
        return scaled

    def final_frames(self, rows: np.ndarray) -> np.ndarray:
        """The last observations of rows whose episode was truncated, [B, stack, *frame]; between `step` and `observe`."""
        return check_finite(self.arena.view.final(rows))

    @contextmanager
    def counting_steps(self) -> Iterator[None]:
        """Wrap an iteration's decisions in this; on leaving, `steps` includes those of all processes.

        Where one of them has met a number that is not finite, has run out of time, or has an environment that failed, all
        raise: nobody waits for a process that is gone.
        """
        before, bad, late, failed = self.steps, None, None, None
        self._clock = perf_counter()
        try:
            yield
        except FloatingPointError as error:
            bad = error
        except OutOfTime as error:
            late = error
        except EnvironmentFailed as error:
            failed = error
        self.group.raise_failure(failed)
        what = 0 if bad is None else 2 if str(bad) == REWARD else 1
        counts = self.group.gather_numbers(self.steps - before, what, late is not None)
        if counts[:, 1].any():
            raise bad or FloatingPointError(GIVEN[int(counts[:, 1].max()) - 1])
        if counts[:, 2].any():
            self.group.raise_signals()  # for which the iteration was given up, perhaps
            raise late or OutOfTime
        self.steps = before + int(counts[:, 0].sum())

    def gather_episodes(self) -> None:
        """On rank 0: add the episodes that ended in other processes."""
        if self.group.size > 1:
            for data in self.group.gather_bytes(np.array([self.returns, self.lengths], np.float64).tobytes()):
                returns, lengths = np.frombuffer(data, np.float64).reshape(2, -1)
                self.returns += returns.tolist()
                self.lengths += lengths.astype(int).tolist()

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs to go on identically."""
        self.observation()  # the first one belongs to the state
        tensors = {f"arena.{name}": tensor for name, tensor in self.arena.state().items()}
        tensors["episode"] = torch.from_numpy(self.episode)
        if self.memory is not None:
            tensors["memory"] = self.memory
        if self.unmerged:
            tensors["fresh"] = torch.cat([norm.summary() for norm in self.unmerged])
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> str | None:
        """Go on from a state; a line for the user where that is not quite as if nothing had happened."""
        remark = self.arena.restore(select_prefix(tensors, "arena."))
        self.episode = checked("episode", tensors["episode"], self.episode).numpy().copy()
        if self.memory is not None:
            self.memory = checked("memory", tensors["memory"], self.memory).to(self.device)
        if self.unmerged:
            self.unmerged = self._new_unmerged()
            summaries = [norm.summary() for norm in self.unmerged]
            fresh = checked("fresh", tensors["fresh"], torch.cat(summaries)).split([len(summary) for summary in summaries])
            for norm, summary in zip(self.unmerged, fresh, strict=True):
                norm.merge([summary])
        self._observation = torch.from_numpy(self.encoder.to_storage(self.arena.view.newest()))
        return remark
