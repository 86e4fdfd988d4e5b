"""What a gradient step of DQN looks at: all of it but the network that learns, so that it can be got ready beforehand."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.algorithms.dqn_loss import Transitions
from agents.experience.augmentation import Change


class ReplaySample(NamedTuple):
    """What a gradient step learns from, and how what was seen is changed before."""

    row: np.ndarray  # as `SampledEntries` has them
    entry: np.ndarray
    weight: np.ndarray
    change: Change | None = None
    later: Change | None = None  # of the states that are valued, where they are not of the same sequence

    def of(self, lo: int, hi: int) -> "ReplaySample":
        """Some of it."""
        changes = (None if one is None else one.of(slice(lo, hi)) for one in (self.change, self.later))
        return ReplaySample(self.row[lo:hi], self.entry[lo:hi], self.weight[lo:hi], *changes)


class BurnIn(NamedTuple):
    """Of sequences, beside what is seen in them: what is needed to know a network's memory. All [B, …]."""

    begins: Tensor  # bool [B, sequence + n_step]: an episode's first decisions
    ahead: Tensor  # int64 [B, sequence]: entries from a decision to the state that is valued after it
    burned: Tensor  # what was seen in the entries that only warm the memory up, [B, burn_in, *encoder.stored]
    burned_begins: np.ndarray  # bool [B, burn_in]
    state: Tensor  # the memory before these

    def of(self, lo: int, hi: int) -> "BurnIn":
        """Some of it."""
        begins, ahead, burned, state = (one[lo:hi] for one in (self.begins, self.ahead, self.burned, self.state))
        return BurnIn(begins, ahead, burned, self.burned_begins[lo:hi], state)


class DQNBatch(NamedTuple):
    """All that a gradient step looks at, but the network that learns. Seen is as the encoder stores it, and changed."""

    seen: Tensor  # [B, …] where something was decided; [B, sequence + n_step, …] with a memory
    later: Tensor | None  # [B, …] in the states that are valued, where the network that learns looks there too
    value: Tensor  # Q of the target network in the states that are valued, [B, A] or [B, sequence, A]
    decided: Transitions  # [B] or [B * sequence]
    past: BurnIn | None = None

    def of(self, lo: int, hi: int) -> "DQNBatch":
        """Some of it."""
        each = len(self.decided.action) // len(self.seen)
        return DQNBatch(
            self.seen[lo:hi],
            None if self.later is None else self.later[lo:hi],
            self.value[lo:hi],
            self.decided.of(lo * each, hi * each),
            None if self.past is None else self.past.of(lo, hi),
        )


def doubling_slices(count: int, most: int) -> Iterator[tuple[int, int]]:
    """0 … count-1 in parts, first of one, then of twice as many each time, up to a most: so that the first is there soon.

    >>> list(doubled(8, 4)), list(doubled(3, 0))
    ([(0, 1), (1, 3), (3, 7), (7, 8)], [(0, 1), (1, 2), (2, 3)])
    """
    lo, size = 0, 1
    while lo < count:
        yield lo, min(lo + size, count)
        lo, size = lo + size, max(1, min(2 * size, most))


def concatenated(parts: Sequence[Any]) -> Any:
    """Tuples of arrays, of tuples of these, or of None, one after the other."""
    first = parts[0]
    if len(parts) == 1 or first is None:
        return first
    if isinstance(first, tuple):
        return type(first)(*(concatenated(group) for group in zip(*parts, strict=True)))
    return np.concatenate(parts) if isinstance(first, np.ndarray) else torch.cat([*parts])
