"""The batch of a DQN gradient step: a sample's observations and transitions, and the target network's Q; how it is built.

All of it but the learning network's own Q, so that it can be computed ahead for several steps: the target network stands
still meanwhile.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from agents.algorithms.dqn_loss import Transitions
from agents.algorithms.gradient import micro_batches
from agents.experience.augmentation import Augmentation, augmented
from agents.experience.replay import Replay
from agents.networks.memory import segments
from agents.networks.network import Network
from games.engine.batch import Workers


class BatchSettings(Protocol):
    """The settings that a batch depends on; `DQNSettings` has them."""

    double: bool
    n_step: int
    burn_in: int
    sequence: int


class ReplaySample(NamedTuple):
    """The entries that a gradient step learns from, and how their observations are augmented."""

    row: np.ndarray  # int64 [B], as `SampledEntries` has them
    entry: np.ndarray  # int64 [B]
    weight: np.ndarray  # float32 [B]
    change: Augmentation | None = None
    next_change: Augmentation | None = None  # of the next states, where they are not of the same sequence

    def slice(self, lo: int, hi: int) -> "ReplaySample":
        """Entries lo … hi-1."""
        changes = (None if field is None else field.select(slice(lo, hi)) for field in (self.change, self.next_change))
        return ReplaySample(self.row[lo:hi], self.entry[lo:hi], self.weight[lo:hi], *changes)


class BurnIn(NamedTuple):
    """Inputs of a recurrent network beside a sequence's observations. All [B, …]."""

    starts: Tensor  # bool [B, sequence + n_step]: an episode's first decisions
    ahead: Tensor  # int64 [B, sequence]: entries from a decision to its next state
    observation: Tensor  # of the entries that only warm the memory up, [B, burn_in, *encoder.stored]
    observation_starts: np.ndarray  # bool [B, burn_in]
    state: Tensor  # the recurrent state before these

    def slice(self, lo: int, hi: int) -> "BurnIn":
        """Sequences lo … hi-1."""
        starts, ahead, observation, state = (field[lo:hi] for field in (self.starts, self.ahead, self.observation, self.state))
        return BurnIn(starts, ahead, observation, self.observation_starts[lo:hi], state)


class DQNBatch(NamedTuple):
    """Everything that a gradient step reads but the learning network. Observations are as the encoder stores them."""

    observation: Tensor  # [B, …] before the decisions; with a memory of all entries, [B, sequence + n_step, …]
    next_observation: Tensor | None  # [B, …], where the learning network looks there too (double DQN)
    target_q: Tensor  # the target network's Q of the next states, [B, A] or [B, sequence, A]
    transitions: Transitions  # [B] or [B * sequence]
    burn_in: BurnIn | None = None

    def slice(self, lo: int, hi: int) -> "DQNBatch":
        """Samples lo … hi-1."""
        each = len(self.transitions.action) // len(self.observation)
        return DQNBatch(
            self.observation[lo:hi],
            None if self.next_observation is None else self.next_observation[lo:hi],
            self.target_q[lo:hi],
            self.transitions.slice(lo * each, hi * each),
            None if self.burn_in is None else self.burn_in.slice(lo, hi),
        )


class BatchBuilder:
    """Builds the batches of gradient steps from a replay, on several threads."""

    def __init__(
        self,
        replay: Replay,
        target: Network,
        settings: BatchSettings,
        device: torch.device,
        dtype: torch.dtype,
        workers: Workers,
        micro_batch_size: int,
    ):
        """target: the target network. micro_batch_size: samples of one forward pass, about."""
        self.replay, self.target, self.encoder, self.settings = replay, target, target.encoder, settings
        self.device, self.dtype, self.workers, self.micro_batch_size = device, dtype, workers, micro_batch_size

    def build(self, samples: Sequence[ReplaySample]) -> list[DQNBatch]:
        """The batches of some gradient steps.

        They are the same before and after this round's decisions are added: the replay's `slack` keeps sampled entries from
        being overwritten.
        """
        joint: ReplaySample = concatenated(samples)

        def part(lo: int, hi: int, worker: int) -> DQNBatch:
            with torch.no_grad():
                return concatenated(
                    [self._build(joint.slice(*edges)) for edges in micro_batches(lo, hi, self.micro_batch_size)]
                )

        count = len(joint.row)
        whole: DQNBatch = concatenated(self.workers.run(count, part))
        each = count // len(samples)
        return [whole.slice(lo, lo + each) for lo in range(0, count, each)]

    def _build(self, sample: ReplaySample) -> DQNBatch:
        if self.target.memory is not None:
            return self._build_sequences(sample)
        row, entry = sample.row, sample.entry
        next_entry, transitions = self._transitions(row, entry, sample.weight)
        observation = augmented(self._observation(row, entry), sample.change, self.encoder)
        next_observation = augmented(self._observation(row, next_entry), sample.next_change, self.encoder)
        target_q = self.target(next_observation, self.dtype)[0]
        return DQNBatch(observation, next_observation if self.settings.double else None, target_q, transitions)

    def _build_sequences(self, sample: ReplaySample) -> DQNBatch:
        """All observations of a sequence are augmented alike."""
        settings, replay = self.settings, self.replay
        assert replay.state is not None
        burn_in, learned, length = settings.burn_in, settings.sequence, settings.sequence + settings.n_step
        row, entry = np.repeat(sample.row, learned), consecutive(sample.entry + burn_in, learned)
        next_entry, transitions = self._transitions(row, entry, np.repeat(sample.weight, learned))
        observation, starts = self._stretch(sample, burn_in + length)
        before = BurnIn(
            self._tensor(starts[:, burn_in:]),
            self._tensor((next_entry - entry).reshape(-1, learned)),
            observation[:, :burn_in],
            starts[:, :burn_in],
            self._tensor(replay.state[sample.row, sample.entry % replay.size // replay.period]),
        )
        batch = DQNBatch(observation[:, burn_in:], None, torch.empty(0), transitions, before)
        return batch._replace(target_q=q_ahead(sequence_q(self.target, batch, self.dtype), before.ahead))

    def _stretch(self, sample: ReplaySample, length: int) -> tuple[Tensor, np.ndarray]:
        """Observations of so many entries of each sequence, [B, length, *encoder.stored], and which start an episode."""
        row, entry = np.repeat(sample.row, length), consecutive(sample.entry, length)
        x = self._observation(row, entry)
        if sample.change is not None:
            each = torch.arange(len(sample.row), device=self.device).repeat_interleave(length)
            x = augmented(x, sample.change.select(each), self.encoder)
        starts = self.replay.at("age", row, entry) == 0
        return x.unflatten(0, (-1, length)), starts.reshape(-1, length)

    def _transitions(self, row: np.ndarray, entry: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, Transitions]:
        """The entries of the next states of some entries, int64 [B], and the transitions to them."""
        at = self.replay.at
        next_entry, reward, discount = self.replay.n_step_return(row, entry)
        mask = None if self.replay.mask is None else at("mask", row, next_entry)
        return next_entry, Transitions(at("action", row, entry), reward, discount, weight, at("real", row, entry), mask)

    def _observation(self, row: np.ndarray, entry: np.ndarray) -> Tensor:
        return torch.from_numpy(self.encoder.to_storage(self.replay.observation(row, entry))).to(self.device)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


# --- sequences --------------------------------------------------------------------------------------------------------


def sequence_q(network: Network, batch: DQNBatch, dtype: torch.dtype) -> Tensor:
    """A network's Q of all entries of sequences that a loss looks at, [B, sequence + n_step, A].

    Its memory begins with the burn-in (Kapturowski et al. 2019): from the state that acting had there, without gradients,
    since these entries only bring a state that was kept a while ago up to date.
    """
    burn_in = batch.burn_in
    assert burn_in is not None
    starts, state = burn_in.starts, burn_in.state
    if burn_in.observation.shape[1]:
        x = burn_in.observation.transpose(0, 1).flatten(0, 1)  # in the order of time
        with torch.no_grad():
            state = network.state_after(x, burn_in.observation_starts.T, state, dtype)
    q, _ = network(batch.observation.flatten(0, 1), dtype, segments(torch.ones_like(starts.T), starts.T, state))
    return q.unflatten(0, starts.shape)


def q_ahead(q: Tensor, ahead: Tensor) -> Tensor:
    """Q of the next states, [B, sequence, A]: for decision t of a sequence the Q at entry t + ahead[:, t].

    q: of all entries, [B, sequence + n_step, A]. ahead: int64 [B, sequence], entries from a decision to its next state.
    """
    place = torch.arange(ahead.shape[1], device=q.device) + ahead
    return q.gather(1, place[:, :, None].expand(-1, -1, q.shape[2]))


def consecutive(entry: np.ndarray, length: int) -> np.ndarray:
    """`length` consecutive entries from each of `entry` on, flattened: [B * length]."""
    return (entry[:, None] + np.arange(length)).reshape(-1)


# --- parts ------------------------------------------------------------------------------------------------------------


def doubling_slices(count: int, most: int) -> Iterator[tuple[int, int]]:
    """The edges of slices of range(count), of 1, 2, 4 … up to `most`: the first is ready soon.

    >>> list(doubling_slices(8, 4)), list(doubling_slices(3, 0))
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
