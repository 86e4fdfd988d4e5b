"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347), in the order of the paper.

Collect → advantages → minibatches → loss → gradient step. The loss is in `ppo_loss`; `collector` steps the games,
`gradient` takes the gradient steps.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.algorithms import ppo_loss, ppo_loss_compiled
from agents.algorithms.gradient import SliceLoss, StepResult
from agents.algorithms.learner import Learner
from agents.algorithms.optimizer import scheduled
from agents.algorithms.ppo_loss import Minibatch, PPOTerms
from agents.algorithms.settings import LearnerSettings
from agents.core.distributed import ProcessGroup
from agents.core.memory_check import check_rollout_memory
from agents.core.restored import checked
from agents.experience import augmentation
from agents.experience.rollout import Rollout, truncated_rows
from agents.networks.action_choice import masked, sample
from agents.networks.memory import Segments, segments
from agents.networks.network import ActorCritic
from agents.play.pool import Opponents
from agents.play.trainable import AnyGame
from games.engine.constants import OUT_OF_TIME
from games.engine.levels import ANY, Levels

# --- settings -------------------------------------------------------------------------------------------------------


@dataclass
class PPOSettings(LearnerSettings):
    """Names as in Stable-Baselines3. The defaults are what learned fastest over all our games on two CPU cores."""

    n_envs: int = 512  # environments; many make each network call worth its overhead
    n_steps: int = 16  # decisions of each in an iteration; short rollouts cost little: their end is bootstrapped
    batch_size: int = 1024  # of a minibatch; an iteration is divided into equal ones of about this size
    n_epochs: int = 2  # passes over an iteration's data; with new games this cheap, more do not pay
    learning_rate: float = 4e-3  # high, since minibatches are large and it falls to 0
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    clip_range_vf: float = 0.0  # 0: the value is not clipped
    ent_coef: float = 0.03  # less, and policies settle for returning the ball before they learn to aim
    ent_schedule: str = "constant"  # of ent_coef over the run: constant, linear or cosine (both to 0)
    vf_coef: float = 0.5
    normalize_advantage: bool = True  # in each minibatch
    target_kl: float = 0.0  # an iteration stops after a minibatch whose approximate KL exceeds 1.5 times this; 0: never


SB3_PRESET: dict[str, Any] = {
    "n_envs": 8, "n_steps": 2048, "batch_size": 64, "n_epochs": 10, "learning_rate": 3e-4, "schedule": "constant",
    "gamma": 0.99, "gae_lambda": 0.95, "clip_range": 0.2, "clip_range_vf": 0.0, "ent_coef": 0.0, "vf_coef": 0.5,
    "max_grad_norm": 0.5, "normalize_advantage": True, "target_kl": 0.0, "optimizer": "adam", "optimizer_eps": 1e-5,
    "network": "nature", "size": 84, "stack": 4, "precision": "fp32",
}  # fmt: skip

FILE_NAMES = {"truncated_value": "cut_value"}  # a rollout's field → its name in checkpoints, where it was renamed since

# --- advantages -----------------------------------------------------------------------------------------------------


def advantages(
    reward: Tensor,
    value: Tensor,
    asked: Tensor,
    end: Tensor,
    truncated_value: Tensor,
    last_value: Tensor,
    gamma: float,
    gae_lambda: float,
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016, arXiv:1506.02438). All [T, R], T slots, but last_value [R].

        δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ)        Aₜ = δₜ + γ λ Aₜ₊₁

    sₜ₊₁ is the row's next decision, whatever others did in between; rₜ all it earned until then. Where an episode is over,
    V(sₜ₊₁) and Aₜ₊₁ are 0; where the time limit truncated it, V(sₜ₊₁) is the value of the state it was truncated in.
    `last_value` belongs to the decision after the last slot; nan where the row does not decide there: its last decision then
    stays pending, is not valid, and goes on in the next rollout.

    Where every row is asked in every slot, as in a game without `asks`, `since_decision` is the slot's reward and the loop is
    the usual one, as in Stable-Baselines3; the rest is for rows that wait.

    Returns the advantages and where they are valid. One row, γ = 0.5, λ = 1: values 1 and 3, rewards 0 and 4; the
    episode ends after the second. δ₁ = 4 − 3 = 1, δ₀ = 0 + 0.5 · 3 − 1 = 0.5, A₀ = 0.5 + 0.5 · 1 = 1.

    >>> column = lambda *x: torch.tensor(x, dtype=torch.float32)[:, None]
    >>> reward, value, end, none = column(0, 4), column(1, 3), column(0, 1), column(0, 0)
    >>> a, valid = advantages(reward, value, none == 0, end, none, torch.zeros(1), 0.5, 1.0)
    >>> a.flatten().tolist(), valid.flatten().tolist()
    ([1.0, 1.0], [True, True])
    """
    result, valid = torch.zeros_like(value), torch.zeros_like(asked)
    pending = last_value.isnan()
    next_value = torch.where(pending, 0.0, last_value)
    next_advantage = torch.zeros_like(next_value)
    resolved = ~pending  # after slot t the row decides again, or its episode ends
    since_decision = torch.zeros_like(next_value)  # rewards from slot t to the row's next decision
    for t in reversed(range(len(reward))):
        ended = end[t] != 0
        next_value = torch.where(ended, torch.where(end[t] == OUT_OF_TIME, truncated_value[t], 0.0), next_value)
        next_advantage = torch.where(ended, 0.0, next_advantage)
        since_decision = reward[t] + torch.where(ended, 0.0, since_decision)
        resolved = resolved | ended
        delta = since_decision + gamma * next_value - value[t]
        result[t] = delta + gamma * gae_lambda * next_advantage
        valid[t] = asked[t] & resolved
        next_value = torch.where(asked[t], value[t], next_value)
        next_advantage = torch.where(valid[t], result[t], torch.where(asked[t], 0.0, next_advantage))
        since_decision = torch.where(asked[t], 0.0, since_decision)
        resolved = resolved | asked[t]
    return result, valid


# --- the learner ----------------------------------------------------------------------------------------------------


class PPO(Learner):
    """Learns a policy and a value from what it has just played. `collect`, then `update`: one iteration."""

    algorithm, terms_type = "ppo", PPOTerms
    settings: PPOSettings
    network: ActorCritic

    def __init__(
        self,
        game: AnyGame,
        settings: PPOSettings,
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
        self.loss_gradient = (ppo_loss_compiled if on_cpu else ppo_loss).loss_gradient
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
        return check_rollout_memory(settings.n_envs, needed, self.group.local_size)

    @property
    def iteration_decisions(self) -> int:
        return self.settings.n_steps

    def iterate(self, progress: Callable[[], float]) -> dict[str, float]:
        """One iteration; its numbers for TensorBoard. progress: of the run, 0 to 1."""
        began = perf_counter()
        self.collect()
        collected = perf_counter()
        metrics = self.update(progress())
        now, collector = perf_counter(), self.collector
        self.seconds = {
            "iteration": now - began, "collect": collected - began, "update": now - collected,
            "environment": collector.environment_seconds, "acting": collector.acting_seconds,
        }  # fmt: skip
        collector.gather_episodes()
        return metrics

    # --- collect ---

    def collect(self) -> None:
        """Play `n_steps` decisions in every environment, into slots 1 … n_steps of the rollout (slot 0: carried over)."""
        self.collector.begin_iteration()
        with self.collector.counting_steps():
            for t in range(1, self.settings.n_steps + 1):
                self._decide(t)
        observation, state = self.collector.observation().to(self.device), self.collector.recurrent_state()
        scores, value, _ = self.collector.forward(self.network, observation, state)
        value = self._state_value(scores, value, self.collector.masks())
        asked = torch.from_numpy(self.collector.asked()).to(self.device)
        self.last_value = torch.where(asked, value, float("nan"))

    def _decide(self, t: int) -> None:
        """One decision of every row, into slot t."""
        roll, collector = self.rollout, self.collector
        asked, masks = collector.asked(), collector.masks()
        roll.observation[t] = collector.observation()
        roll.asked[t] = torch.from_numpy(asked)
        roll.start[t] = collector.starts()
        if roll.mask is not None and masks is not None:
            roll.mask[t] = torch.from_numpy(masks)
        state = collector.recurrent_state()
        logits, value, state_after = collector.forward(self.network, roll.observation[t], state)
        collector.store_state(asked, state_after)
        if state is not None and self.latest_state is not None:
            self.latest_state = torch.where(roll.asked[t, :, None, None], state, self.latest_state)
        logits = masked(logits, None if roll.mask is None else roll.mask[t])
        roll.value[t] = self.network.state_value(logits, value)
        action = self.choose_actions(t, logits)
        roll.action[t] = action
        reward, end = collector.step(action.cpu().numpy())
        roll.reward[t], roll.end[t] = torch.from_numpy(reward), torch.from_numpy(end)
        self._value_truncated(t, truncated_rows(end))
        collector.observe()

    def choose_actions(self, t: int, scores: Tensor) -> Tensor:
        """Actions int64 [R] for slot t, from logits [R, A], minus infinity for actions not allowed."""
        action = sample(scores, self.generator)
        self.rollout.log_prob[t] = scores.log_softmax(1).gather(1, action[:, None]).squeeze(1)
        return action

    def _state_value(self, scores: Tensor, value: Tensor, masks: np.ndarray | None) -> Tensor:
        """The values of states [B], from what the network's heads give and the masks uint8 [B, A]."""
        mask = None if masks is None else torch.from_numpy(masks).to(self.device)
        return self.network.state_value(masked(scores, mask), value)

    def _value_truncated(self, t: int, truncated: np.ndarray) -> None:
        """Value the states in which the time limit truncated the episodes of some rows."""
        if len(truncated):
            frames = self.network.encoder.to_storage(self.collector.final_frames(truncated))
            rows, memory = torch.from_numpy(truncated), self.collector.memory
            state = None if memory is None else memory[rows]
            scores, value, _ = self.collector.forward(self.network, torch.from_numpy(frames).to(self.device), state)
            masks = self.collector.arena.view.final_masks(truncated) if self.collector.has_masks else None
            self.rollout.truncated_value[t, rows] = self._state_value(scores, value, masks)

    # --- update ---

    def update(self, progress: float) -> dict[str, float]:
        """Learn from the rollout; the numbers for TensorBoard. progress: of the run, 0 to 1, for schedules."""
        roll, ent_coef = self.rollout, scheduled(self.settings.ent_coef, self.settings.ent_schedule, progress)
        settings = replace(self.settings, ent_coef=ent_coef)  # as they are now
        learning_rate = self.stepper.set_learning_rate(progress)
        advantage, valid = advantages(
            roll.reward,
            roll.value,
            roll.asked,
            roll.end,
            roll.truncated_value,
            self.last_value,
            settings.gamma,
            settings.gae_lambda,
        )
        flat = {name: tensor.flatten(0, 1) for name, tensor in roll.fields().items()}
        flat["advantage"], flat["target"] = advantage.flatten(), (advantage + roll.value).flatten()
        target, value = flat["target"][valid.flatten()], flat["value"][valid.flatten()]
        if self.network.scale is not None:
            self.network.scale.update(target, self.network.value, self.group)
        results: list[StepResult[PPOTerms]] = []
        for items in self._epochs(valid):
            results.append(self._gradient_step(flat, valid, items, settings))
            if settings.target_kl > 0 and results[-1].terms.approx_kl > 1.5 * settings.target_kl:
                break
        unexplained = self.group.variance(target - value) / (self.group.variance(target) + 1e-8)
        self._carry_pending(valid)
        return {
            **self._means(results),
            "train/explained_variance": (1 - unexplained).item(),
            "train/learning_rate": learning_rate,
            "train/clip_range": settings.clip_range,
            "train/ent_coef": ent_coef,
            "train/n_updates": self.stepper.updates,
        }

    def _means(self, results: list[Any]) -> dict[str, float]:
        """The means of the steps' terms, by TensorBoard's names."""
        names = (*self.terms_type._fields, "grad_norm")  # type: ignore[attr-defined]
        rows = [torch.stack([*result.terms, result.grad_norm]) for result in results]
        means = torch.stack(rows).mean(0).tolist() if rows else [0.0] * len(names)
        metrics = {f"train/{name}": mean for name, mean in zip(names, means, strict=True)}
        if "train/entropy" in metrics:
            metrics["train/entropy_loss"] = -metrics.pop("train/entropy")
        return metrics

    def _epochs(self, valid: Tensor) -> Iterator[Tensor]:
        """The minibatches of all epochs, each epoch a new random division."""
        for _ in range(self.settings.n_epochs):
            yield from self._minibatches(valid)

    def _minibatches(self, valid: Tensor) -> tuple[Tensor, ...]:
        """A random division of the items into equal parts of about `batch_size` decisions, int64 [items] each.

        An item is a decision (its place in the flattened rollout), or with a memory a row (all its decisions, in their order).
        Every process makes equally many parts, since a gradient step is collective; one with fewer items ends with empty parts.
        """
        items = valid.flatten().nonzero().squeeze(1) if self.first_state is None else valid.any(0).nonzero().squeeze(1)
        order = torch.randperm(len(items), generator=self.generator, device=self.device)
        counts = self.group.gather_numbers(int(valid.sum()), len(items))
        parts = max(1, round(int(counts[:, 0].sum()) / (self.settings.batch_size * self.group.size)))
        most = int(counts[:, 1].max())
        return items[order].tensor_split(min(parts, most)) if most else ()

    def _decisions(self, valid: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Segments | None]:
        """The decisions of some items of `_minibatches`: their indices in the flattened rollout [B], each one's
        position in `items` [B], and with a memory how they follow each other."""
        if self.first_state is None:
            return items, torch.arange(len(items), device=self.device), None
        item, time = valid[:, items].T.nonzero(as_tuple=True)  # row by row, each in the order of time
        sequence = segments(valid[:, items], self.rollout.start[:, items], self.first_state[items])
        return time * self.collector.rows + items[item], item, sequence

    def _gradient_step(
        self, flat: dict[str, Tensor], valid: Tensor, items: Tensor, settings: PPOSettings
    ) -> StepResult[PPOTerms]:
        """One gradient step on some items, together with those of the other processes."""
        encoder, value_norm = self.network.encoder, self.network.scale
        indices, _, _ = self._decisions(valid, items)
        change = augmentation.draw(settings, encoder, len(items), self.generator)  # the same for all decisions of an item
        count, adv_mean, adv_std = self.group.moments(flat["advantage"][indices])
        if not settings.normalize_advantage:
            adv_mean, adv_std = torch.zeros(()), torch.ones(())
        value_scale = 1.0 if value_norm is None else value_norm.deviation

        def loss(lo: int, hi: int) -> SliceLoss:
            indices, number, sequence = self._decisions(valid, items[lo:hi])
            observation = flat["observation"].index_select(0, indices)
            if change is not None:
                observation = augmentation.augmented(observation, change.select(lo + number), encoder)
            logits, value = self.network(observation, self.dtype, sequence)
            minibatch = Minibatch(flat, indices, adv_mean, adv_std + 1e-8, value_scale, settings)
            dlogits, dvalue, terms = self.loss_gradient(logits.detach(), value.detach(), minibatch)
            return SliceLoss([logits, value], [dlogits / count, dvalue / count], terms / count)

        size = self.micro_batch_size if self.first_state is None else max(1, self.micro_batch_size // len(valid))
        return self.stepper.step(len(items), size, loss)

    def _carry_pending(self, valid: Tensor) -> None:
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
