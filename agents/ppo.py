"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347): the mathematics, then the learner."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.match import Participant
from agents.networks import AgentSettings, best_dtype, masked, sample
from agents.policy import Agent, build, describe, fitting
from agents.rollout import Arena, Rollout, cut_rows
from games.batch import Workers
from games.game import Game

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


def policy_loss(log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, clip_range: float) -> Tensor:
    """The clipped surrogate objective, to be minimised. All [B].

        L = −mean min(ρ A, clip(ρ, 1−ε, 1+ε) A)        ρ = exp(log π(a|s) − log π_old(a|s))

    >>> ratio = torch.tensor([1.5, 0.5])
    >>> round(policy_loss(ratio.log(), torch.zeros(2), torch.tensor([1.0, -1.0]), 0.2).item(), 4)  # −(1.2 − 0.8) / 2
    -0.2
    """
    ratio = (log_prob - old_log_prob).exp()
    return -torch.min(ratio * advantage, ratio.clamp(1 - clip_range, 1 + clip_range) * advantage).mean()


def value_loss(value: Tensor, old_value: Tensor, target: Tensor, clip_range: float) -> Tensor:
    """Mean squared error. All [B]. With clip_range > 0 a value moves at most so far from the old one (as SB3 does).

    >>> value_loss(torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([2.0]), 0.5).item()  # (1.5 − 2)²
    0.25
    """
    if clip_range > 0:
        value = old_value + (value - old_value).clamp(-clip_range, clip_range)
    return (value - target).square().mean()


def entropy(log_probs: Tensor) -> Tensor:
    """−Σ p log p of each row; log_probs [B, A] may hold −inf."""
    return -(log_probs.exp() * log_probs.clamp(min=-1e9)).sum(1)


# What is reported of each gradient step, beside the learning rate.
TERMS = ("policy_gradient_loss", "value_loss", "entropy", "approx_kl", "clip_fraction", "loss", "grad_norm")


# --- the settings ---------------------------------------------------------------------------------------------------


@dataclass
class PPOSettings(AgentSettings):
    """Names as in Stable-Baselines3. The defaults are what learned fastest over all our games on two CPU cores."""

    n_envs: int = 512  # environments; many make each network call worth its overhead
    n_steps: int = 16  # decisions of each in an iteration; bootstrapping makes up for short ones
    batch_size: int = 1024  # of a minibatch; an iteration is divided into equal ones of about this size
    n_epochs: int = 2  # passes over an iteration's data; with new games this cheap, more do not pay
    learning_rate: float = 4e-3  # high, since minibatches are large and it falls to 0
    schedule: str = "linear"  # of the learning rate over the run: linear (to 0) or constant
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    clip_range_vf: float = 0.0  # 0: the value is not clipped
    ent_coef: float = 0.03  # less, and policies settle for returning the ball before they learn to aim
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    normalize_advantage: bool = True  # in each minibatch
    target_kl: float = 0.0  # stop an iteration's passes beyond 1.5 times this; 0: never
    reward_scale: float = 1.0  # rewards are multiplied by it while learning, so that values are of the order of 1
    precision: str = "auto"  # of the networks' matrix products: bf16 where the processor has it, else fp32


SB3_PRESET: dict[str, Any] = {
    "n_envs": 8, "n_steps": 2048, "batch_size": 64, "n_epochs": 10, "learning_rate": 3e-4, "schedule": "constant",
    "gamma": 0.99, "gae_lambda": 0.95, "clip_range": 0.2, "clip_range_vf": 0.0, "ent_coef": 0.0, "vf_coef": 0.5,
    "max_grad_norm": 0.5, "normalize_advantage": True, "target_kl": 0.0,
    "network": "nature", "size": 84, "stack": 4, "precision": "fp32",
}  # fmt: skip


# --- the learner ----------------------------------------------------------------------------------------------------


class PPO:
    """Learns a game's policy and value from what it plays. `collect`, then `update`: one iteration."""

    algorithm = "ppo"

    def __init__(
        self,
        game: Game,
        settings: PPOSettings,
        seed: int,
        opponents: list[Participant | None],
        device: str = "cpu",
        threads: int = 1,
    ):
        """opponents: see `Arena`; empty in a game of one seat.

        threads: each plays and learns a slice of every batch, and torch works on one thread in each: on few and shared
        cores that is faster than sharing out every single operation. Results depend on their number, nothing else.
        """
        torch.set_num_threads(1)
        self.workers = Workers(threads, initializer=lambda: torch.set_num_threads(1))
        self.game, self.settings = game, settings
        self.device = torch.device(device)
        self.dtype = best_dtype(self.device, settings.precision)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = build(game, settings).to(self.device)
        on_cpu = self.device.type == "cpu"
        self.piece = self.network.encoder.at_once(self.dtype) if on_cpu else 2 * settings.batch_size  # rows of a backward pass
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.Adam(self.network.parameters(), settings.learning_rate, eps=1e-5, fused=fused)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.arena = Arena(game, settings.n_envs, seed, opponents, settings, self.workers)
        rows, encoder = self.arena.view.rows, self.network.encoder
        stored = torch.uint8 if self.arena.view.dtype == np.uint8 else torch.float32
        masks = hasattr(game.module, "legal")
        self.rollout = Rollout.empty(settings.n_steps, rows, encoder.stored, stored, game.num_actions, masks, self.device)
        self.steps = 0  # decisions learned from
        self.updates = 0  # gradient steps
        self.last_value = torch.zeros(rows, device=self.device)
        self.returns: list[float] = []  # of the episodes that ended in this iteration, learning rows
        self.lengths: list[int] = []  # their ticks
        self.seconds = {"environment": 0.0, "acting": 0.0}  # of this iteration
        self._seen: Tensor | None = None

    # --- collect ---

    def collect(self) -> None:
        """Play `n_steps` decisions in every environment."""
        self.returns, self.lengths = [], []
        self.seconds = dict.fromkeys(self.seconds, 0.0)
        if self._seen is None:
            self._seen = self._observe()
        for t in range(1, self.settings.n_steps + 1):
            self._play(t)
        _, value = self._forward(self._seen.to(self.device))
        asked = torch.from_numpy(self.arena.asked()).to(self.device)
        self.last_value = torch.where(asked, value, float("nan"))
        self.steps += int(self.rollout.asked[1:].sum())

    def _observe(self) -> Tensor:
        seen = self.arena.view.observe()
        arrange = self.network.encoder.arrange
        parts = self.workers.run(len(seen), lambda lo, hi, k: torch.from_numpy(arrange(seen[lo:hi])))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and values without gradients, the rows shared out among the threads."""

        def part(lo: int, hi: int, k: int) -> tuple[Tensor, Tensor]:
            with torch.inference_mode():
                return self.network(x[lo:hi], self.dtype)

        parts = self.workers.run(len(x), part)
        return torch.cat([logits for logits, _ in parts]), torch.cat([value for _, value in parts])

    def _play(self, t: int) -> None:
        """One decision of every learning row, into slot t."""
        roll, view = self.rollout, self.arena.view
        began = perf_counter()
        assert self._seen is not None
        roll.observation[t] = self._seen
        roll.asked[t] = torch.from_numpy(self.arena.asked())
        mask = None
        if roll.mask is not None:
            roll.mask[t] = torch.from_numpy(view.masks())
            mask = roll.mask[t]
        logits, roll.value[t] = self._forward(roll.observation[t])
        logits = masked(logits, mask)
        action = sample(logits, self.generator)
        roll.action[t] = action
        roll.log_prob[t] = logits.log_softmax(1).gather(1, action[:, None]).squeeze(1)
        chosen = action.cpu().numpy()
        acted = perf_counter()
        reward, end = self.arena.step(chosen)
        roll.reward[t] = torch.from_numpy(reward) * self.settings.reward_scale
        roll.end[t] = torch.from_numpy(end)
        if end.any():
            self._finish(t, end)
        self._seen = self._observe()
        self.seconds["acting"] += acted - began
        self.seconds["environment"] += perf_counter() - acted

    def _finish(self, t: int, end: np.ndarray) -> None:
        """Note the episodes that ended, and value the states in which the time limit cut some."""
        batch, view = self.arena.batch, self.arena.view
        ended = np.flatnonzero(end)
        self.returns += batch.returns[view.envs[ended], view.seats[ended]].tolist()
        self.lengths += batch.ticks[view.envs[ended]].tolist()
        cut = cut_rows(end)
        if len(cut):
            final = torch.from_numpy(self.network.encoder.arrange(view.final(cut))).to(self.device)
            _, value = self._forward(final)
            self.rollout.cut_value[t, torch.from_numpy(cut)] = value

    # --- update ---

    def update(self, progress: float) -> dict[str, float]:
        """Learn from the rollout. progress: of the run, 0 to 1, for schedules. Returns what TensorBoard shows."""
        settings, roll = self.settings, self.rollout
        rate = settings.learning_rate * (max(0.0, 1.0 - progress) if settings.schedule == "linear" else 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        advantage, known = advantages(
            roll.reward, roll.value, roll.asked, roll.end, roll.cut_value, self.last_value, settings.gamma, settings.gae_lambda
        )
        chosen = known.flatten().nonzero().squeeze(1)
        flat = {name: tensor.flatten(0, 1) for name, tensor in roll.fields().items()}
        flat["advantage"], flat["target"] = advantage.flatten(), (advantage + roll.value).flatten()
        sums, count = torch.zeros(7, device=self.device), 0
        for _ in range(settings.n_epochs):
            kl = torch.zeros((), device=self.device)
            for rows in self._minibatches(chosen):
                terms = self._learn(flat, rows)
                sums += terms
                kl, count = terms[3], count + 1
            if settings.target_kl > 0 and kl.item() > 1.5 * settings.target_kl:
                break
        target, value = flat["target"][chosen], flat["value"][chosen]
        explained = (1 - (target - value).var() / (target.var() + 1e-8)).item() if len(chosen) > 1 else float("nan")
        means = [*(sums / max(count, 1)).tolist(), explained]
        self._carry(known)
        names = (*TERMS, "explained_variance")
        metrics = {f"train/{name}": mean for name, mean in zip(names, means, strict=True)}
        metrics["train/entropy_loss"] = -metrics.pop("train/entropy")
        self.updates += count
        return {
            **metrics,
            "train/learning_rate": rate,
            "train/clip_range": settings.clip_range,
            "train/n_updates": self.updates,
        }

    def _minibatches(self, chosen: Tensor) -> tuple[Tensor, ...]:
        """A random division of the decisions into equal parts of about `batch_size`."""
        order = torch.randperm(len(chosen), generator=self.generator, device=self.device)
        return chosen[order].tensor_split(max(1, round(len(chosen) / self.settings.batch_size))) if len(chosen) else ()

    def _learn(self, flat: dict[str, Tensor], rows: Tensor) -> Tensor:
        """One gradient step on some rows; the numbers that `TERMS` names, as one tensor."""
        advantage = flat["advantage"][rows]
        if self.settings.normalize_advantage and len(rows) > 1:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        parameters = list(self.network.parameters())

        def piece(lo: int, hi: int) -> tuple[Tensor, ...]:
            batch = {name: tensor.index_select(0, rows[lo:hi]) for name, tensor in flat.items()}
            loss, terms = self._loss({**batch, "advantage": advantage[lo:hi]})
            share = (hi - lo) / len(rows)
            return *torch.autograd.grad(share * loss, parameters), share * terms

        def part(lo: int, hi: int, k: int) -> list[Tensor]:
            sums: list[Tensor] = []
            for start in range(lo, hi, self.piece):
                new = piece(start, min(start + self.piece, hi))
                sums = [total.add_(one) for total, one in zip(sums, new, strict=True)] if sums else list(new)
            return sums

        parts = self.workers.run(len(rows), part)
        *gradients, terms = (one[0] if len(one) == 1 else torch.stack(one).sum(0) for one in zip(*parts, strict=True))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.settings.max_grad_norm)
        self.optimizer.step()
        return torch.cat([terms, norm[None]])

    def _loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The loss of some decisions, and the numbers that `TERMS` names, but for the gradient's norm."""
        settings = self.settings
        logits, value = self.network(batch["observation"], self.dtype)
        log_probs = masked(logits, batch.get("mask")).log_softmax(1)
        log_prob = log_probs.gather(1, batch["action"][:, None]).squeeze(1)
        policy = policy_loss(log_prob, batch["log_prob"], batch["advantage"], settings.clip_range)
        values = value_loss(value, batch["value"], batch["target"], settings.clip_range_vf)
        spread = entropy(log_probs).mean()
        with torch.no_grad():
            log_ratio = log_prob - batch["log_prob"]
            kl = (log_ratio.exp() - 1 - log_ratio).mean()  # Schulman's low-variance estimate
            clipped = ((log_ratio.exp() - 1).abs() > settings.clip_range).float().mean()
        loss = policy + settings.vf_coef * values - settings.ent_coef * spread
        return loss, torch.stack([policy.detach(), values.detach(), spread.detach(), kl, clipped, loss.detach()])

    def _carry(self, known: Tensor) -> None:
        """Decisions whose outcome is still open go on in the next rollout."""
        roll = self.rollout
        slots = torch.arange(len(known), device=self.device)[:, None]
        still_open = roll.asked & ~known
        roll.carry(still_open.any(0), (slots * still_open).amax(0))

    # --- agents and checkpoints ---

    def begin_from(self, path: Path) -> None:
        """Take the weights of an agent whose network has the same shapes; it may be of another game."""
        self.network.load_state_dict(fitting(path, self.network))

    def timing(self) -> dict[str, float]:
        """Of the last iteration, seconds: the environments and painting, the acting network."""
        return {"environment_seconds": self.seconds["environment"], "acting_seconds": self.seconds["acting"]}

    def agent(self) -> Agent:
        """The policy as it is now; it shares the weights."""
        info = describe(self.game, self.settings, self.algorithm)
        info.steps = self.steps
        return Agent(self.game, info, self.network, str(self.device))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and plain values that `restore` needs to go on identically; copies."""
        if self._seen is None:  # the first observation belongs to the state
            self._seen = self._observe()
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for number, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in slots.items()}
        tensors |= {f"arena.{name}": tensor for name, tensor in self.arena.state().items()}
        tensors |= {f"carried.{name}": tensor[0] for name, tensor in self.rollout.fields().items()}
        tensors["generator"] = self.generator.get_state()
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}, {
            "steps": self.steps,
            "updates": self.updates,
        }

    def restore(self, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
        def part(prefix: str) -> dict[str, Tensor]:
            return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}

        self.network.load_state_dict(part("network."))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, tensor in part("optimizer.").items():
            number, slot = name.split(".")
            slots.setdefault(int(number), {})[slot] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})
        self.arena.restore(part("arena."))
        for name, tensor in part("carried.").items():
            self.rollout.fields()[name][0] = tensor
        self.generator.set_state(tensors["generator"])
        self.steps, self.updates = meta["steps"], meta["updates"]
        self._seen = torch.from_numpy(self.network.encoder.arrange(self.arena.view.newest()))
