"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347): the mathematics, then the learner."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.algorithms.learner import Learner, LearnerSettings
from agents.algorithms.ppo_loss import TERMS as OF_LOSS
from agents.algorithms.ppo_loss import Minibatch, loss_gradient
from agents.core.distributed import ProcessGroup
from agents.experience.rollout import Rollout, truncated_rows
from agents.networks.network import Segments, masked, reset_state, sample, segments
from agents.play.agent import build_network
from agents.play.seats import Participant
from games.engine.loader import Game

# --- the mathematics ------------------------------------------------------------------------------------------------


def advantages(
    reward: Tensor,
    value: Tensor,
    asked: Tensor,
    end: Tensor,
    cut_value: Tensor,
    last_value: Tensor,
    gamma: float,
    gae_lambda: float,
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016, arXiv:1506.02438). All [T, R], but last_value [R].

        δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ)        Aₜ = δₜ + γ λ Aₜ₊₁

    sₜ₊₁ is the row's next decision, whatever others did in between; rₜ all it earned until then. Where an episode is over,
    V(sₜ₊₁) and Aₜ₊₁ are 0; where the time limit cut it, V(sₜ₊₁) is the value of the state it was cut in. `last_value`
    belongs to the decision after the last slot; a row without one (nan) leaves its last decision open.

    Returns the advantages and where they are known. One row, γ = 0.5, λ = 1: a decision worth 1 pays 0, the next, worth 3,
    pays 4 and ends. δ₁ = 4 − 3 = 1, δ₀ = 0 + 0.5 · 3 − 1 = 0.5, A₀ = 0.5 + 0.5 · 1 = 1.

    >>> column = lambda *x: torch.tensor(x, dtype=torch.float32)[:, None]
    >>> reward, value, end, none = column(0, 4), column(1, 3), column(0, 1), column(0, 0)
    >>> a, known = advantages(reward, value, none == 0, end, none, torch.zeros(1), 0.5, 1.0)
    >>> a.flatten().tolist(), known.flatten().tolist()
    ([1.0, 1.0], [True, True])
    """
    result, known = torch.zeros_like(value), torch.zeros_like(asked)
    open_ended = last_value.isnan()
    next_value = torch.where(open_ended, 0.0, last_value)
    next_advantage = torch.zeros_like(next_value)
    closed = ~open_ended  # the outcome of the row's latest decision is known
    earned = torch.zeros_like(next_value)
    for t in reversed(range(len(reward))):
        ended = end[t] != 0
        next_value = torch.where(ended, torch.where(end[t] == 2, cut_value[t], 0.0), next_value)
        next_advantage = torch.where(ended, 0.0, next_advantage)
        earned = reward[t] + torch.where(ended, 0.0, earned)
        closed = closed | ended
        delta = earned + gamma * next_value - value[t]
        result[t] = delta + gamma * gae_lambda * next_advantage
        known[t] = asked[t] & closed
        next_value = torch.where(asked[t], value[t], next_value)
        next_advantage = torch.where(known[t], result[t], torch.where(asked[t], 0.0, next_advantage))
        earned = torch.where(asked[t], 0.0, earned)
        closed = closed | asked[t]
    return result, known


TERMS = (*OF_LOSS, "grad_norm")  # what is reported of each gradient step, beside the learning rate


# --- the settings ---------------------------------------------------------------------------------------------------


@dataclass
class PPOSettings(LearnerSettings):
    """Names as in Stable-Baselines3. The defaults are what learned fastest over all our games on two CPU cores."""

    n_envs: int = 512  # environments; many make each network call worth its overhead
    n_steps: int = 16  # decisions of each in an iteration; bootstrapping makes up for short ones
    batch_size: int = 1024  # of a minibatch; an iteration is divided into equal ones of about this size
    n_epochs: int = 2  # passes over an iteration's data; with new games this cheap, more do not pay
    learning_rate: float = 4e-3  # high, since minibatches are large and it falls to 0
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    clip_range_vf: float = 0.0  # 0: the value is not clipped
    ent_coef: float = 0.03  # less, and policies settle for returning the ball before they learn to aim
    vf_coef: float = 0.5
    normalize_advantage: bool = True  # in each minibatch
    target_kl: float = 0.0  # the minibatch whose policy is farther than 1.5 times this is an iteration's last; 0: none is


SB3_PRESET: dict[str, Any] = {
    "n_envs": 8, "n_steps": 2048, "batch_size": 64, "n_epochs": 10, "learning_rate": 3e-4, "schedule": "constant",
    "gamma": 0.99, "gae_lambda": 0.95, "clip_range": 0.2, "clip_range_vf": 0.0, "ent_coef": 0.0, "vf_coef": 0.5,
    "max_grad_norm": 0.5, "normalize_advantage": True, "target_kl": 0.0, "optimizer": "adam", "optimizer_eps": 1e-5,
    "network": "nature", "size": 84, "stack": 4, "precision": "fp32",
}  # fmt: skip


# --- the learner ----------------------------------------------------------------------------------------------------


class PPO(Learner):
    """Learns a policy and a value from what it has just played. `collect`, then `update`: one iteration."""

    algorithm, terms = "ppo", TERMS

    def __init__(
        self,
        game: Game,
        settings: PPOSettings,
        seed: int,
        opponents: list[Participant | None],
        device: str = "cpu",
        threads: int = 1,
        ranks: ProcessGroup | None = None,
    ):
        super().__init__(
            game, settings, seed, opponents, device, threads, lambda: build_network(game, settings, self.algorithm), ranks
        )
        encoder = self.network.encoder
        self.piece = encoder.at_once(self.dtype) if self.device.type == "cpu" else 2 * settings.batch_size  # of a backward pass
        stored = torch.uint8 if self.arena.view.dtype == np.uint8 else torch.float32
        self.rollout = Rollout.empty(
            settings.n_steps, self.rows, encoder.stored, stored, game.num_actions, self.masks, self.device
        )
        self.last_value = torch.zeros(self.rows, device=self.device)
        self.first = self.before = self.memory  # memory before each row's first decision of the rollout, and before its latest

    # --- collect ---

    def collect(self) -> None:
        """Play `n_steps` decisions in every environment."""
        self.begin_iteration()
        with self.playing():
            for t in range(1, self.settings.n_steps + 1):
                self._play(t)
            self.steps += int(self.rollout.asked[1:].sum())
        _, value, _ = self._forward(self.seen().to(self.device), reset_state(self.memory, self.begins()))
        asked = torch.from_numpy(self.arena.asked()).to(self.device)
        self.last_value = torch.where(asked, value, float("nan"))

    def _forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Logits, values and the memory after, without gradients, the rows shared out among the threads."""

        def part(lo: int, hi: int, k: int) -> tuple[Tensor, Tensor, Tensor | None]:
            with torch.inference_mode():
                return self.network.step(x[lo:hi], None if state is None else state[lo:hi], self.dtype)

        logits, values, after = zip(*self.workers.run(len(x), part), strict=True)
        return torch.cat(logits), torch.cat(values), None if state is None else torch.cat(after)

    def _play(self, t: int) -> None:
        """One decision of every learning row, into slot t."""
        roll, view = self.rollout, self.arena.view
        began = perf_counter()
        asked = self.arena.asked()
        roll.observation[t] = self.seen()
        roll.asked[t] = torch.from_numpy(asked)
        roll.start[t] = self.begins()
        mask = None
        if roll.mask is not None:
            roll.mask[t] = torch.from_numpy(view.masks())
            mask = roll.mask[t]
        before = reset_state(self.memory, roll.start[t])
        logits, roll.value[t], after = self._forward(roll.observation[t], before)
        self.remember(asked, after)
        if before is not None and self.before is not None:
            self.before = torch.where(roll.asked[t, :, None, None], before, self.before)
        logits = masked(logits, mask)
        action = sample(logits, self.generator)
        roll.action[t] = action
        roll.log_prob[t] = logits.log_softmax(1).gather(1, action[:, None]).squeeze(1)
        chosen = action.cpu().numpy()
        acted = perf_counter()
        reward, end = self.arena.step(chosen)
        roll.reward[t] = torch.from_numpy(self.earned(reward))
        roll.end[t] = torch.from_numpy(end)
        if end.any():
            self.note_ends()
            self._value_cuts(t, truncated_rows(end))
        self._seen = self.observe()
        self.seconds["acting"] += acted - began
        self.seconds["environment"] += perf_counter() - acted

    def _value_cuts(self, t: int, cut: np.ndarray) -> None:
        """Value the states in which the time limit cut the episodes of some rows."""
        if len(cut):
            final = torch.from_numpy(self.network.encoder.arrange(self.final(cut))).to(self.device)
            rows = torch.from_numpy(cut)
            _, value, _ = self._forward(final, None if self.memory is None else self.memory[rows])
            self.rollout.cut_value[t, rows] = value

    # --- update ---

    def update(self, progress: float) -> dict[str, float]:
        """Learn from the rollout. progress: of the run, 0 to 1, for schedules. Returns what TensorBoard shows."""
        settings, roll = self.settings, self.rollout
        rate = self.set_rate(progress)
        advantage, known = advantages(
            roll.reward, roll.value, roll.asked, roll.end, roll.cut_value, self.last_value, settings.gamma, settings.gae_lambda
        )
        flat = {name: tensor.flatten(0, 1) for name, tensor in roll.fields().items()}
        flat["advantage"], flat["target"] = advantage.flatten(), (advantage + roll.value).flatten()
        if self.network.scale is not None:
            self.network.scale.update(flat["target"][known.flatten()], self.network.value, self.ranks)
        sums, count = torch.zeros(len(TERMS), device=self.device), 0
        for units in (units for _ in range(settings.n_epochs) for units in self._minibatches(known)):
            terms = self._learn(flat, known, units)
            sums, count = sums + terms, count + 1
            if settings.target_kl > 0 and terms[TERMS.index("approx_kl")] > 1.5 * settings.target_kl:
                break
        target, value = flat["target"][known.flatten()], flat["value"][known.flatten()]
        explained = (1 - self.ranks.variance(target - value) / (self.ranks.variance(target) + 1e-8)).item()
        means = [*(sums / max(count, 1)).tolist(), explained]
        self._carry(known)
        names = (*TERMS, "explained_variance")
        metrics = {f"train/{name}": mean for name, mean in zip(names, means, strict=True)}
        metrics["train/entropy_loss"] = -metrics.pop("train/entropy")
        return {
            **metrics,
            "train/learning_rate": rate,
            "train/clip_range": settings.clip_range,
            "train/n_updates": self.updates,
        }

    def _minibatches(self, known: Tensor) -> tuple[Tensor, ...]:
        """A random division of the decisions into equal parts of about `batch_size`; with memory, of the rows.

        As many on every rank; where one has too little for that, its last ones are empty.
        """
        units = known.flatten().nonzero().squeeze(1) if self.memory is None else known.any(0).nonzero().squeeze(1)
        order = torch.randperm(len(units), generator=self.generator, device=self.device)
        own = self.ranks.numbers(int(known.sum()), len(units))
        parts = max(1, round(int(own[:, 0].sum()) / (self.settings.batch_size * self.ranks.size)))
        most = int(own[:, 1].max())
        return units[order].tensor_split(min(parts, most)) if most else ()

    def _decisions(self, known: Tensor, units: Tensor) -> tuple[Tensor, Tensor, Segments | None]:
        """Some units of `_minibatches`: their decisions in the flattened rollout, the number of each one's unit here, and how
        they follow each other."""
        if self.first is None:
            return units, torch.arange(len(units), device=self.device), None
        unit, time = known[:, units].T.nonzero(as_tuple=True)  # row by row, each in the order of time
        of = segments(known[:, units], self.rollout.start[:, units], self.first[units])
        return time * self.rows + units[unit], unit, of

    def _learn(self, flat: dict[str, Tensor], known: Tensor, units: Tensor) -> Tensor:
        """One gradient step on some units, and on those of the other ranks; the numbers that `TERMS` names, as one tensor."""
        settings, scale = self.settings, self.network.scale
        chosen, _, _ = self._decisions(known, units)
        change = self.changes(len(units))  # the same for all decisions of a row that are learned from in order
        count, middle, spread = self.ranks.moments(flat["advantage"][chosen])
        if not settings.normalize_advantage:
            middle, spread = torch.zeros(()), torch.ones(())
        moments, unit = (middle, spread + 1e-8), 1.0 if scale is None else scale.deviation

        def loss(lo: int, hi: int) -> tuple[list[Tensor], list[Tensor], Tensor]:
            some, number, of = self._decisions(known, units[lo:hi])
            observation = flat["observation"].index_select(0, some)
            if change is not None:
                observation = self.changed(observation, change.of(lo + number))
            logits, value = self.network(observation, self.dtype, of)
            by_logits, by_value, terms = loss_gradient(logits, value, Minibatch(flat, some, moments, unit, settings))
            return [logits, value], [by_logits / count, by_value / count], terms / count

        at_once = self.piece if self.memory is None else max(1, self.piece // len(known))
        terms, norm = self.gradient_step(len(units), at_once, loss)
        return torch.cat([terms, norm[None]])

    def _carry(self, known: Tensor) -> None:
        """Decisions whose outcome is still open go on in the next rollout."""
        roll = self.rollout
        slots = torch.arange(len(known), device=self.device)[:, None]
        still_open = roll.asked & ~known
        roll.carry(still_open.any(0), (slots * still_open).amax(0))
        if self.memory is not None and self.before is not None:
            self.first = torch.where(still_open.any(0)[:, None, None], self.before, self.memory)

    # --- checkpoints ---

    def own_state(self) -> dict[str, Tensor]:
        carried = {f"carried.{name}": tensor[0] for name, tensor in self.rollout.fields().items()}
        memories = {"first": self.first, "before": self.before}
        return carried | {name: tensor for name, tensor in memories.items() if tensor is not None}

    def restore_own(self, tensors: dict[str, Tensor]) -> None:
        for name, tensor in self.rollout.fields().items():
            tensor[0] = tensors[f"carried.{name}"]
        if self.first is not None:
            self.first, self.before = tensors["first"].to(self.device), tensors["before"].to(self.device)
