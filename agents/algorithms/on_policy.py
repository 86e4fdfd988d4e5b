"""On-policy learning: play some decisions in many environments, learn from them a few times, forget them.

`PPO` and `PQN` say how actions are chosen and what is learned. Here is what both do: collect a rollout, divide it into
minibatches, and carry over to the next one the decisions whose outcome is still pending.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.algorithms.gradient import SliceLoss, StepResult
from agents.algorithms.learner import Learner
from agents.algorithms.settings import LearnerSettings
from agents.core.distributed import ProcessGroup
from agents.core.memory_check import check_rollout_memory
from agents.core.restored import checked
from agents.experience import augmentation
from agents.experience.rollout import Rollout, truncated_rows
from agents.networks.action_choice import masked
from agents.networks.memory import Segments, segments
from agents.play.pool import Opponents
from agents.play.trainable import AnyGame
from games.engine.constants import OUT_OF_TIME
from games.engine.levels import ANY, Levels

FILE_NAMES = {"truncated_value": "cut_value"}  # a rollout's field → its name in checkpoints, where it was renamed since

HeadsLoss = Callable[[Tensor, Tensor, Tensor], SliceLoss]  # of scores [B, A], values [B] and indices in the rollout [B]


@dataclass
class OnPolicySettings(LearnerSettings):
    """Settings that all on-policy learners have."""

    n_envs: int = 512  # environments; many make each network call worth its overhead
    n_steps: int = 16  # decisions of each in an iteration; short rollouts cost little: their end is bootstrapped
    batch_size: int = 1024  # of a minibatch; an iteration is divided into equal ones of about this size
    n_epochs: int = 2  # passes over an iteration's data; with new games this cheap, more do not pay


class OnPolicy(Learner):
    """Learns from what it has just played. `collect`, then `update`: one iteration."""

    settings: OnPolicySettings

    def __init__(
        self,
        game: AnyGame,
        settings: OnPolicySettings,
        seed: int,
        opponents: Opponents,
        device: str = "cpu",
        threads: int = 1,
        group: ProcessGroup | None = None,
        levels: Levels = ANY,
    ):
        super().__init__(game, settings, seed, opponents, device, threads, group, levels)
        encoder, on_cpu = self.network.encoder, self.device.type == "cpu"
        self.micro_batch_size = encoder.micro_batch_size(self.dtype) if on_cpu else 2 * settings.batch_size
        stored = torch.uint8 if self.collector.arena.view.dtype == np.uint8 else torch.float32
        self.rollout = Rollout.empty(
            settings.n_steps,
            self.collector.rows,
            encoder.stored,
            stored,
            game.num_actions,
            self.collector.has_masks,
            self.device,
        )
        self.last_value = torch.zeros(self.collector.rows, device=self.device)
        # The recurrent state before each row's first decision of the rollout, and before its latest; None without a memory.
        self.first_state = self.latest_state = self.collector.memory

    def _check_memory(self, rows: int) -> str:
        settings, encoder = self.settings, self.network.encoder
        stored = torch.float32 if settings.observation == "objects" else torch.uint8
        needed = Rollout.nbytes(settings.n_steps, rows, encoder.stored, stored, self.game.num_actions, masks=True)
        return check_rollout_memory(settings.n_envs, needed, self.group)

    @property
    def iteration_decisions(self) -> int:
        return self.settings.n_steps

    def iterate(self, progress: Callable[[], float]) -> dict[str, float]:
        """One iteration; its numbers for TensorBoard. progress: of the run, 0 to 1."""
        began = perf_counter()
        self.collect(progress())
        collected = perf_counter()
        metrics = self.update(progress())
        now, collector = perf_counter(), self.collector
        self.seconds = {
            "iteration": now - began, "collect": collected - began, "update": now - collected,
            "environment": collector.environment_seconds, "acting": collector.acting_seconds,
        }  # fmt: skip
        collector.gather_episodes()
        return metrics

    # --- what an algorithm says ---

    def choose_actions(self, t: int, scores: Tensor, progress: float) -> Tensor:
        """Actions int64 [R] for slot t of the rollout, from scores [R, A], minus infinity for actions not allowed."""
        raise TypeError(f"{type(self).__name__} does not choose")

    def update(self, progress: float) -> dict[str, float]:
        """Learn from the rollout; the numbers for TensorBoard. progress: of the run, 0 to 1, for schedules."""
        raise TypeError(f"{type(self).__name__} does not learn")

    # --- collect ---

    def collect(self, progress: float = 0.0) -> None:
        """Play `n_steps` decisions in every environment, into slots 1 … n_steps of the rollout (slot 0: carried over)."""
        self.collector.begin_iteration()
        with self.collector.counting_steps():
            for t in range(1, self.settings.n_steps + 1):
                self._decide(t, progress)
        observation, state = self.collector.observation().to(self.device), self.collector.recurrent_state()
        value = self._state_values(observation, state, self.collector.masks())
        asked = torch.from_numpy(self.collector.asked()).to(self.device)
        self.last_value = torch.where(asked, value, float("nan"))

    def _decide(self, t: int, progress: float) -> None:
        """One decision of every row, into slot t."""
        roll, collector = self.rollout, self.collector
        asked, masks = collector.asked(), collector.masks()
        roll.observation[t] = collector.observation()
        roll.asked[t] = torch.from_numpy(asked)
        roll.start[t] = collector.starts()
        if roll.mask is not None and masks is not None:
            roll.mask[t] = torch.from_numpy(masks)
        state = collector.recurrent_state()
        scores, value, state_after = collector.forward(self.network, roll.observation[t], state)
        collector.store_state(asked, state_after)
        if state is not None and self.latest_state is not None:
            self.latest_state = torch.where(roll.asked[t, :, None, None], state, self.latest_state)
        scores = masked(scores, None if roll.mask is None else roll.mask[t])
        roll.value[t] = self.network.state_value(scores, value)
        action = self.choose_actions(t, scores, progress)
        roll.action[t] = action
        reward, end = collector.step(action.cpu().numpy())
        roll.reward[t], roll.end[t] = torch.from_numpy(reward), torch.from_numpy(end)
        self._value_truncated(t, truncated_rows(end))
        collector.observe()

    def _state_values(self, observation: Tensor, state: Tensor | None, masks: np.ndarray | None) -> Tensor:
        """The values of states, float32 [B], by their observations, recurrent states and masks uint8 [B, A]."""
        scores, value, _ = self.collector.forward(self.network, observation, state)
        mask = None if masks is None else torch.from_numpy(masks).to(self.device)
        return self.network.state_value(masked(scores, mask), value)

    def _value_truncated(self, t: int, truncated: np.ndarray) -> None:
        """Value the states in which the time limit truncated the episodes of some rows."""
        if len(truncated):
            frames = self.network.encoder.to_storage(self.collector.final_frames(truncated))
            rows, memory = torch.from_numpy(truncated), self.collector.memory
            state = None if memory is None else memory[rows]
            masks = self.collector.arena.view.final_masks(truncated) if self.collector.has_masks else None
            observation = torch.from_numpy(frames).to(self.device)
            self.rollout.truncated_value[t, rows] = self._state_values(observation, state, masks)

    def outcomes(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Rewards, values, and what else `advantages` asks of a rollout; its first six arguments."""
        roll = self.rollout
        return roll.reward, roll.value, roll.asked, roll.end, roll.truncated_value, self.last_value

    # --- minibatches ---

    def epochs(self, valid: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """The minibatches of each epoch: a random division of the items into equal parts of about `batch_size` decisions,
        int64 [items] each. valid: bool [T, R], decisions to learn from.

        An item is a decision (its place in the flattened rollout), or with a memory a row (all its decisions, in their order).
        Every process makes equally many parts, since a gradient step is collective; one with fewer items ends with empty parts.
        """
        items = valid.flatten().nonzero().squeeze(1) if self.first_state is None else valid.any(0).nonzero().squeeze(1)
        counts = self.group.gather_numbers(int(valid.sum()), len(items))
        parts = max(1, round(int(counts[:, 0].sum()) / (self.settings.batch_size * self.group.size)))
        most = int(counts[:, 1].max())
        for _ in range(self.settings.n_epochs if most else 0):
            order = torch.randperm(len(items), generator=self.generator, device=self.device)
            yield items[order].tensor_split(min(parts, most))

    def decisions(self, valid: Tensor, items: Tensor) -> Tensor:
        """The decisions of some items of `epochs`: their indices in the flattened rollout, int64 [B]."""
        return self._sequences(valid, items)[0]

    def _sequences(self, valid: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Segments | None]:
        """The decisions of some items: their indices in the flattened rollout [B], each one's position in `items` [B], and
        with a memory how they follow each other."""
        if self.first_state is None:
            return items, torch.arange(len(items), device=self.device), None
        item, time = valid[:, items].T.nonzero(as_tuple=True)  # row by row, each in the order of time
        sequence = segments(valid[:, items], self.rollout.start[:, items], self.first_state[items])
        return time * self.collector.rows + items[item], item, sequence

    def gradient_step(self, flat: dict[str, Tensor], valid: Tensor, items: Tensor, loss: HeadsLoss) -> StepResult[Any]:
        """One gradient step on some items, together with those of the other processes. flat: the rollout, flattened."""
        encoder = self.network.encoder
        change = augmentation.draw(self.settings, encoder, len(items), self.generator)  # the same in all of an item

        def slice_loss(lo: int, hi: int) -> SliceLoss:
            indices, number, sequence = self._sequences(valid, items[lo:hi])
            observation = flat["observation"].index_select(0, indices)
            if change is not None:
                observation = augmentation.augmented(observation, change.select(lo + number), encoder)
            scores, value = self.network(observation, self.dtype, sequence)
            return loss(scores, value, indices)

        size = self.micro_batch_size if self.first_state is None else max(1, self.micro_batch_size // len(valid))
        return self.stepper.step(len(items), size, slice_loss)

    def means(self, results: list[StepResult[Any]]) -> dict[str, float]:
        """The means of the steps' terms, by TensorBoard's names."""
        names = (*self.terms_type._fields, "grad_norm")  # type: ignore[attr-defined]
        rows = [torch.stack([*result.terms, result.grad_norm]) for result in results]
        means = torch.stack(rows).mean(0).tolist() if rows else [0.0] * len(names)
        return {f"train/{name}": mean for name, mean in zip(names, means, strict=True)}

    def carry_pending(self, valid: Tensor) -> None:
        """Decisions whose outcome is still pending go on in the next rollout's slot 0."""
        roll = self.rollout
        slots = torch.arange(len(valid), device=self.device)[:, None]
        pending = roll.asked & ~valid
        roll.carry(pending.any(0), (slots * pending).amax(0))
        if self.collector.memory is not None and self.latest_state is not None:
            self.first_state = torch.where(pending.any(0)[:, None, None], self.latest_state, self.collector.memory)

    # --- checkpoints ---

    def algorithm_state(self) -> dict[str, Tensor]:
        carried = {f"carried.{FILE_NAMES.get(name, name)}": tensor[0] for name, tensor in self.rollout.fields().items()}
        states = {"first": self.first_state, "before": self.latest_state}
        return carried | {name: tensor for name, tensor in states.items() if tensor is not None}

    def restore_algorithm_state(self, tensors: dict[str, Tensor]) -> None:
        highest = {"action": self.game.num_actions - 1, "end": OUT_OF_TIME, "mask": 1}
        for name, tensor in self.rollout.fields().items():
            carried, low = tensors[f"carried.{FILE_NAMES.get(name, name)}"], 0 if name in highest else None
            tensor[0] = checked(name, carried, tensor[0], low, highest.get(name), finite=False)
        if self.first_state is not None:
            first, before = (checked(name, tensors[name], self.first_state) for name in ("first", "before"))
            self.first_state, self.latest_state = first.to(self.device), before.to(self.device)
