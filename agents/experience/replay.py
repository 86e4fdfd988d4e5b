"""The replay buffer of off-policy learners: frames are kept once, stacks built when sampled (Lin 1992; Mnih et al. 2015).

Every row has a ring buffer of its own decisions, however many ticks lie between, which makes turn-based games simple.
A decision's reward and end arrive later and are added to it. After a truncated episode, its final state follows as an entry
without a decision, so that its value can be bootstrapped from.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.experience.replay_kernels import gather_stacks, n_step_return
from agents.experience.sum_tree import SumTree

SCALARS = ("action", "reward", "end", "age", "real", "mask", "state")  # of each entry, besides its frame


@dataclass
class SampledEntries:
    """Sampled entries [B], each the first of a sequence: its row, and its number in that row."""

    row: np.ndarray  # int64 [B]
    entry: np.ndarray  # int64 [B]
    weight: np.ndarray  # float32 [B]: importance-sampling weight of prioritised sampling, else 1
    largest_weight: float = 1.0  # the greatest (sampling probability)^-beta, by which the weights are divided


@dataclass
class ReplayLayout:
    """The shape and size of a replay, before it is allocated.

    A sample is `sequence` consecutive entries that begin at a multiple of `period`; it can be drawn once `n_step` entries have
    followed it. The newest `slack` entries of a row can be undone (`rewind`) without loss of entries that could be sampled
    before them.
    """

    rows: int
    length: int  # entries of each row to sample from
    frame: tuple[int, ...]
    dtype: np.dtype
    actions: int
    masks: bool = False
    stack: int = 1
    n_step: int = 1
    gamma: float = 0.99
    prioritized: bool = False
    slack: int = 0
    sequence: int = 1
    period: int = 1
    memory: tuple[int, ...] | None = None  # shape of the recurrent state, kept for the first entry of each period

    @property
    def window(self) -> int:
        """The newest entries of a row, from which samples are drawn."""
        return max(self.length, 2 * (self.sequence + self.n_step + self.stack + self.period))

    @property
    def size(self) -> int:
        """Entries of a row's ring buffer."""
        size = self.window + self.slack
        return size + -size % self.period

    def arrays(self) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Shape and dtype of each array of a replay."""
        rows, size = self.rows, self.size
        arrays: dict[str, tuple[tuple[int, ...], Any]] = {
            "frames": ((rows, size, *self.frame), self.dtype),
            "action": ((rows, size), np.int32),
            "reward": ((rows, size), np.float32),
            "end": ((rows, size), np.uint8),
            "age": ((rows, size), np.int32),  # entries of the episode before this one
            "real": ((rows, size), np.uint8),  # 0: the final state of a truncated episode
            "count": ((rows,), np.int64),  # entries ever written
        }
        if self.masks:
            arrays["mask"] = ((rows, size, self.actions), np.uint8)
        if self.memory is not None:
            arrays["state"] = ((rows, size // self.period, *self.memory), np.float32)
        if self.prioritized:
            arrays["priorities"] = ((SumTree.nodes(rows * (size // self.period)),), np.float64)
        return arrays

    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in self.arrays().values())


@dataclass
class Replay(ReplayLayout):
    """Ring buffers of decisions for R rows."""

    frames: np.ndarray = field(init=False)
    action: np.ndarray = field(init=False)
    reward: np.ndarray = field(init=False)
    end: np.ndarray = field(init=False)
    age: np.ndarray = field(init=False)
    real: np.ndarray = field(init=False)
    count: np.ndarray = field(init=False)
    mask: np.ndarray | None = field(init=False, default=None)
    state: np.ndarray | None = field(init=False, default=None)

    def __post_init__(self):
        made = {name: np.zeros(shape, kind) for name, (shape, kind) in self.arrays().items()}
        priorities = made.pop("priorities", None)
        self.tree = None if priorities is None else SumTree(self.rows * (self.size // self.period), priorities)
        for name, array in made.items():
            setattr(self, name, array)
        self.max_priority = 1.0  # so far; that of new entries
        self.frame_files: dict[str, np.ndarray] = {}  # files of frames, oldest first → `count` when each was written

    # --- writing ---

    def add(self, rows: np.ndarray, frames: np.ndarray, action: Any, age: Any, *, real: int = 1, mask: Any = None) -> None:
        """Add one entry to each of rows [E]: frames [E, *frame], actions and ages [E], masks [E, A]."""
        at = self.count[rows] % self.size
        self.frames[rows, at] = frames
        self.action[rows, at], self.age[rows, at], self.real[rows, at] = action, age, real
        self.reward[rows, at], self.end[rows, at] = 0.0, 0
        if self.mask is not None:
            self.mask[rows, at] = mask
        self.count[rows] += 1
        if self.tree is not None:
            last = self.count[rows] - 1
            ready = last - self.n_step - (self.sequence - 1)
            self._set(rows, ready, np.full(len(rows), self.max_priority))
            for entry in (last, last - self.window + self.stack):  # too new to sample; its stack is being overwritten
                self._set(rows, entry, np.zeros(len(rows)))

    def store_state(self, rows: np.ndarray, state: np.ndarray) -> None:
        """Keep the recurrent state [E, …] before the next entries of rows, for entries that begin a period."""
        assert self.state is not None
        at = self.count[rows] % self.size
        due = at % self.period == 0
        self.state[rows[due], at[due] // self.period] = state[due]

    def add_reward(self, rows: np.ndarray, reward: np.ndarray, end: np.ndarray) -> None:
        """Add rewards to the latest entries of rows [E] and set their ends (0 running, 1 terminated, 2 truncated)."""
        at = (self.count[rows] - 1) % self.size
        self.reward[rows, at] += reward.astype(np.float32)
        self.end[rows, at] = end

    def _set(self, rows: np.ndarray, entries: np.ndarray, priority: np.ndarray) -> None:
        """Set the priorities of those entries that may begin a sample."""
        assert self.tree is not None
        fits = (entries >= 0) & (entries % self.period == 0)
        rows, entries, priority = rows[fits], entries[fits], priority[fits]
        if self.sequence == 1:
            priority = priority * self.real[rows, entries % self.size]
        self.tree.set(self._leaf(rows, entries), priority)

    def _leaf(self, rows: np.ndarray, entries: np.ndarray) -> np.ndarray:
        return rows * (self.size // self.period) + entries % self.size // self.period

    # --- sampling ---

    def ready(self) -> bool:
        """True if there is an entry to sample."""
        first, last = self._range()
        return bool((last >= first).any())

    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last entry of each row that may begin a sample, divided by `period`."""
        newest = self.count - 1 - self.n_step - (self.sequence - 1)
        return -(-self._oldest() // self.period), newest // self.period

    def _oldest(self) -> np.ndarray:
        """The oldest entry of each row that may begin a sample, [R]."""
        return np.maximum(self.count - self.window + self.stack, 0)

    def sample(self, uniform: np.ndarray, beta: float = 1.0) -> SampledEntries:
        """Sample by random numbers `uniform`, float64 [B] in [0, 1): uniformly, or in proportion to priorities."""
        return self._sample_uniform(uniform) if self.tree is None else self._sample_prioritized(uniform, beta)

    def _sample_uniform(self, uniform: np.ndarray) -> SampledEntries:
        first, last = self._range()
        edges = np.cumsum(np.maximum(last - first + 1, 0))
        nth = (uniform * edges[-1]).astype(np.int64)
        row = np.searchsorted(edges, nth, "right")
        entry = (last[row] - (edges[row] - 1 - nth)) * self.period
        return SampledEntries(row, entry, np.ones(len(row), np.float32))

    def _sample_prioritized(self, uniform: np.ndarray, beta: float) -> SampledEntries:
        assert self.tree is not None
        leaf, priority = self.tree.find((np.arange(len(uniform)) + uniform) / len(uniform))  # stratified, as in the paper
        per_row = self.size // self.period
        row, place = leaf // per_row, leaf % per_row * self.period
        newest = self.count[row] - 1
        weight = priority**-beta
        largest = weight.max() * self.tree.total() ** beta
        return SampledEntries(row, newest - (newest - place) % self.size, (weight / weight.max()).astype(np.float32), largest)

    def update_priorities(self, row: np.ndarray, entry: np.ndarray, priority: np.ndarray) -> None:
        """Set new priorities of sampled entries, all above 0; entries that can no longer be sampled are left out."""
        if self.tree is not None:
            self.max_priority = max(self.max_priority, float(priority.max()))
            kept = entry >= self._oldest()[row]
            self._set(row[kept], entry[kept], priority[kept].astype(np.float64))

    def at(self, field: str, row: np.ndarray, entry: np.ndarray) -> np.ndarray:
        """One of the fields `SCALARS` of entries [B]."""
        return getattr(self, field)[row, entry % self.size]

    def observation(self, row: np.ndarray, entry: np.ndarray) -> np.ndarray:
        """The observations of entries [B]: [B, stack, *frame], with zeros for frames before the episode."""
        return gather_stacks(self.frames, self.age, row, entry, self.stack)

    def n_step_return(self, row: np.ndarray, entry: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """n-step returns of entries [B]: the entry to bootstrap from, the summed reward, and the discount of its value."""
        return n_step_return(row, entry, self.reward, self.end, self.n_step, self.gamma)

    # --- checkpoints; `replay_files` writes and reads the frames ---

    def mark(self) -> dict[str, Tensor]:
        """The present state, without the entries, for `rewind`; copies."""
        at = (np.arange(self.rows), (self.count - 1) % self.size)
        parts = {"count": self.count, "reward": self.reward[at], "end": self.end[at], "greatest": np.array(self.max_priority)}
        if self.tree is not None:
            parts["priority"] = self.tree.leaves()
        return {name: torch.from_numpy(np.array(part)) for name, part in parts.items()}

    def rewind(self, mark: dict[str, Tensor]) -> None:
        """Remove all entries that were added since `mark` was taken.

        At most `slack` entries of a row may have been added since then: more would have overwritten entries to sample from.
        """
        self.count = mark["count"].numpy().copy()
        self.frame_files = {name: np.minimum(count, self.count) for name, count in self.frame_files.items()}
        at = (np.arange(self.rows), (self.count - 1) % self.size)
        self.reward[at], self.end[at] = mark["reward"].numpy(), mark["end"].numpy()
        self.max_priority = float(mark["greatest"])
        if self.tree is not None:
            self.tree.fill(mark["priority"].numpy())

    def small(self) -> dict[str, Tensor]:
        """All arrays but the frames."""
        arrays = {name: getattr(self, name) for name in SCALARS}
        return {name: torch.from_numpy(array) for name, array in arrays.items() if array is not None}
