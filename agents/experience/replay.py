"""What a learner off policy remembers: each frame once, stacks built when they are sampled (Lin 1992; Mnih et al. 2015).

Every row keeps a ring of its own decisions, however they are spread over time: that is what makes games of turns simple.
A decision's reward and end arrive later and are added to it. Where the time limit cuts an episode, the state it was cut in
follows as an entry in which nobody decided, so that it can be valued.
"""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.experience.replay_kernels import gather_stacks, n_step_return
from agents.experience.sum_tree import SumTree
from games.errors import UserError

SCALARS = ("action", "reward", "end", "age", "real", "mask", "state")  # of each entry, beside its frame


@dataclass
class SampledEntries:
    """Entries [B], each the first of a sample: its row, and its number in the row's ring."""

    row: np.ndarray  # int64 [B]
    entry: np.ndarray  # int64 [B]
    weight: np.ndarray  # float32 [B]: against the bias of prioritised sampling, 1 without it
    largest_weight: float = 1.0  # before they were divided by it: the greatest of (the chance to be drawn)^-beta


@dataclass
class ReplayLayout:
    """How large a replay is, before there is one.

    `n_step`: of returns. `sequence`, `period`: a sample is so many entries on end, begun at every `period`-th. A sample can be
    drawn once `n_step` entries have followed it. `slack`: the newest entries, which can be taken back (`take_back`)
    and leave as they were those that could be sampled before them.
    """

    rows: int
    length: int  # decisions of each row
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
    memory: tuple[int, ...] | None = None  # the shape of the state that is kept for the first entry of each period

    @property
    def window(self) -> int:
        """Entries of a row that can be sampled from."""
        return max(self.length, 2 * (self.sequence + self.n_step + self.stack + self.period))

    @property
    def size(self) -> int:
        """Entries of a ring."""
        size = self.window + self.slack
        return size + -size % self.period

    def arrays(self) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Shape and type of all that a replay keeps."""
        rows, size = self.rows, self.size
        each: dict[str, tuple[tuple[int, ...], Any]] = {
            "frames": ((rows, size, *self.frame), self.dtype),
            "action": ((rows, size), np.int32),
            "reward": ((rows, size), np.float32),
            "end": ((rows, size), np.uint8),
            "age": ((rows, size), np.int32),  # entries of the episode before this one
            "real": ((rows, size), np.uint8),  # 0: a state that an episode was cut in
            "count": ((rows,), np.int64),  # entries ever written
        }
        if self.masks:
            each["mask"] = ((rows, size, self.actions), np.uint8)
        if self.memory is not None:
            each["state"] = ((rows, size // self.period, *self.memory), np.float32)
        if self.prioritized:
            each["priorities"] = ((SumTree.nodes(rows * (size // self.period)),), np.float64)
        return each

    def nbytes(self) -> int:
        """Of all arrays together."""
        return sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in self.arrays().values())


@dataclass
class Replay(ReplayLayout):
    """Rings of decisions for R rows."""

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
        self.greatest = 1.0  # priority so far: that of what is new
        self.segments: dict[str, np.ndarray] = {}  # files that hold the frames, oldest first, and `count` after each

    # --- writing ---

    def add(self, rows: np.ndarray, frames: np.ndarray, action: Any, age: Any, *, real: int = 1, mask: Any = None) -> None:
        """An entry for each of some rows [E], one each: frames [E, *frame], actions and ages [E], masks [E, A]."""
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
            self._set(rows, ready, np.full(len(rows), self.greatest))
            for late in (last, last - self.window + self.stack):  # its frame is new; its stack is being overwritten
                self._set(rows, late, np.zeros(len(rows)))

    def store_state(self, rows: np.ndarray, state: np.ndarray) -> None:
        """The memory's state [E, …] before the decisions that rows are about to add, where it is to be kept."""
        assert self.state is not None
        at = self.count[rows] % self.size
        due = at % self.period == 0
        self.state[rows[due], at[due] // self.period] = state[due]

    def add_reward(self, rows: np.ndarray, reward: np.ndarray, end: np.ndarray) -> None:
        """What the latest entries of rows [E] have earned since, and whether their episodes have ended (0, 1 over, 2 cut)."""
        at = (self.count[rows] - 1) % self.size
        self.reward[rows, at] += reward.astype(np.float32)
        self.end[rows, at] = end

    def _set(self, rows: np.ndarray, entries: np.ndarray, priority: np.ndarray) -> None:
        """Priorities of those entries that may begin a sample."""
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
        """Can anything be sampled?"""
        first, last = self._range()
        return bool((last >= first).any())

    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last entry of each row, in periods, that may begin a sample."""
        newest = self.count - 1 - self.n_step - (self.sequence - 1)
        return -(-self._oldest() // self.period), newest // self.period

    def _oldest(self) -> np.ndarray:
        """The oldest entry of each row that may begin a sample, [R]."""
        return np.maximum(self.count - self.window + self.stack, 0)

    def sample(self, chance: np.ndarray, beta: float = 1.0) -> SampledEntries:
        """One for each of `chance`, float64 [B] in [0, 1): all alike, or in proportion to their priorities."""
        return self._sample_uniform(chance) if self.tree is None else self._sample_prioritized(chance, beta)

    def _sample_uniform(self, chance: np.ndarray) -> SampledEntries:
        first, last = self._range()
        edges = np.cumsum(np.maximum(last - first + 1, 0))
        nth = (chance * edges[-1]).astype(np.int64)
        row = np.searchsorted(edges, nth, "right")
        entry = (last[row] - (edges[row] - 1 - nth)) * self.period
        return SampledEntries(row, entry, np.ones(len(row), np.float32))

    def _sample_prioritized(self, chance: np.ndarray, beta: float) -> SampledEntries:
        assert self.tree is not None
        leaf, priority = self.tree.find((np.arange(len(chance)) + chance) / len(chance))  # stratified, as the paper does
        each = self.size // self.period
        row, place = leaf // each, leaf % each * self.period
        newest = self.count[row] - 1
        weight = priority**-beta
        largest = weight.max() * self.tree.total() ** beta
        return SampledEntries(row, newest - (newest - place) % self.size, (weight / weight.max()).astype(np.float32), largest)

    def update_priorities(self, row: np.ndarray, entry: np.ndarray, priority: np.ndarray) -> None:
        """New priorities of what was sampled, all above 0; what can no longer be sampled since then has none."""
        if self.tree is not None:
            self.greatest = max(self.greatest, float(priority.max()))
            kept = entry >= self._oldest()[row]
            self._set(row[kept], entry[kept], priority[kept].astype(np.float64))

    def at(self, field: str, row: np.ndarray, entry: np.ndarray) -> np.ndarray:
        """What is kept of entries under one of `SCALARS`."""
        return getattr(self, field)[row, entry % self.size]

    def observation(self, row: np.ndarray, entry: np.ndarray) -> np.ndarray:
        """The stacks of entries [B], [B, stack, *frame]; zeros from before an episode began."""
        return gather_stacks(self.frames, self.age, row, entry, self.stack)

    def n_step_return(self, row: np.ndarray, entry: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """n-step returns of entries [B]: the entry to be valued after them, what was earned, and the value's discount."""
        return n_step_return(row, entry, self.reward, self.end, self.n_step, self.gamma)

    # --- checkpoints: frames once, in segments; what is small in every checkpoint ---

    def mark(self) -> dict[str, Tensor]:
        """What `take_back` needs to be again as it stands now; copies of what is small."""
        at = (np.arange(self.rows), (self.count - 1) % self.size)
        parts = {"count": self.count, "reward": self.reward[at], "end": self.end[at], "greatest": np.array(self.greatest)}
        if self.tree is not None:
            parts["priority"] = self.tree.leaves()
        return {name: torch.from_numpy(np.array(part)) for name, part in parts.items()}

    def take_back(self, mark: dict[str, Tensor]) -> None:
        """Be again as at a mark that is at most `slack` entries of a row ago."""
        self.count = mark["count"].numpy().copy()
        self.segments = {name: np.minimum(filed, self.count) for name, filed in self.segments.items()}
        at = (np.arange(self.rows), (self.count - 1) % self.size)
        self.reward[at], self.end[at] = mark["reward"].numpy(), mark["end"].numpy()
        self.greatest = float(mark["greatest"])
        if self.tree is not None:
            self.tree.fill(mark["priority"].numpy())

    def small(self) -> dict[str, Tensor]:
        """All but the frames."""
        kept = {name: getattr(self, name) for name in SCALARS}
        return {name: torch.from_numpy(array) for name, array in kept.items() if array is not None}

    def write(self, put: Callable[[str, dict[str, Tensor]], None]) -> None:
        """Put the frames that no segment holds yet into a new one: a file of this name with these tensors."""
        number, filed = 0, np.zeros(self.rows, np.int64)
        if self.segments:
            name, filed = list(self.segments.items())[-1]
            number = int(name.split(".")[0])
        begun = np.maximum(filed, self.count - self.size)
        row, entry = self._between(begun)
        if not len(row):
            return
        name = f"{number + 1:06d}.safetensors"
        packed = np.frombuffer(zlib.compress(self.frames[row, entry % self.size].tobytes(), 1), np.uint8)
        tensors = {"frames": packed.copy(), "begun": begun, "count": self.count.copy()}
        put(name, {key: torch.from_numpy(array) for key, array in tensors.items()})
        self.segments[name] = tensors["count"]
        self.segments = {name: filed for name, filed in self.segments.items() if (filed > self.count - self.size).any()}

    def _between(self, begun: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and numbers of the entries from `begun` [R] up to now, row by row."""
        many = self.count - begun
        row = np.repeat(np.arange(self.rows), many)
        entry = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many) + begun[row]
        return row, entry

    def read(
        self,
        get: Callable[[str], dict[str, Tensor]],
        segments: list[str],
        small: dict[str, Tensor],
        mark: dict[str, Tensor],
    ) -> None:
        """Be again as when it was written: a mark, `small`, and the segments that were there then."""
        self.segments = {}
        for name in segments:
            tensors = get(name)
            self.count = self.segments[name] = tensors["count"].numpy().copy()
            row, entry = self._between(tensors["begun"].numpy())
            try:
                raw = np.frombuffer(zlib.decompress(tensors["frames"].numpy().tobytes()), self.frames.dtype)
                self.frames[row, entry % self.size] = raw.reshape(len(row), *self.frame)
            except (zlib.error, ValueError) as error:
                raise UserError(f"The replay's file {name} does not fit the run: {error}.") from error
        for name, tensor in small.items():
            getattr(self, name)[:] = tensor.numpy()
        self.take_back(mark)
