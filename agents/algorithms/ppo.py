"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347), in the order of the paper.

Collect → advantages → minibatches → loss → gradient step. `on_policy` collects and divides into minibatches, the loss is in
`ppo_loss`, and `gradient` takes the gradient steps.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from agents.algorithms import ppo_loss, ppo_loss_compiled
from agents.algorithms.advantages import advantages
from agents.algorithms.gradient import SliceLoss, StepResult
from agents.algorithms.on_policy import OnPolicy, OnPolicySettings
from agents.algorithms.optimizer import scheduled
from agents.algorithms.ppo_loss import Minibatch, PPOTerms
from agents.networks.action_choice import sample
from agents.networks.network import ActorCritic

Moments = tuple[Any, Tensor, Tensor]  # count, mean and standard deviation

# --- settings -------------------------------------------------------------------------------------------------------


@dataclass
class PPOSettings(OnPolicySettings):
    """Names as in Stable-Baselines3. The defaults are what learned fastest over all our games on two CPU cores."""

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

# --- the learner ----------------------------------------------------------------------------------------------------


class PPO(OnPolicy):
    """Learns a policy and a value from what it has just played."""

    algorithm, terms_type = "ppo", PPOTerms
    settings: PPOSettings
    network: ActorCritic

    @cached_property
    def loss_gradient(self) -> Callable[[Tensor, Tensor, Minibatch], tuple[Tensor, Tensor, Tensor]]:
        """The loss's gradient with respect to logits and values, and its terms; compiled for a CPU."""
        return (ppo_loss_compiled if self.device.type == "cpu" else ppo_loss).loss_gradient

    def compile_ahead(self) -> None:
        """Compile the loss, by a minibatch of no decisions."""
        if self.device.type != "cpu":
            return
        flat = {name: tensor.flatten(0, 1) for name, tensor in self.rollout.fields().items()}
        flat["advantage"] = flat["target"] = flat["value"]  # of the right type: nothing is read of it
        scores, nothing = torch.empty(0, self.game.num_actions), torch.empty(0, dtype=torch.int64)
        minibatch = Minibatch(flat, nothing, torch.zeros(()), torch.ones(()), 1.0, self.settings)
        self.loss_gradient(scores, scores[:, 0], minibatch)

    def choose_actions(self, t: int, scores: Tensor, progress: float) -> Tensor:
        """Draw actions by the policy, and keep how likely they were."""
        action = sample(scores, self.generator)
        self.rollout.log_prob[t] = scores.log_softmax(1).gather(1, action[:, None]).squeeze(1)
        return action

    def update(self, progress: float) -> dict[str, float]:
        """Learn from the rollout; the numbers for TensorBoard. progress: of the run, 0 to 1, for schedules."""
        roll, ent_coef = self.rollout, scheduled(self.settings.ent_coef, self.settings.ent_schedule, progress)
        settings = replace(self.settings, ent_coef=ent_coef)  # as they are now
        learning_rate = self.stepper.set_learning_rate(progress)
        # valid: the decisions whose outcome is there; the others wait for theirs in the next rollout (`carry_pending`).
        advantage, valid = advantages(*self.outcomes(), settings.gamma, settings.gae_lambda)
        flat = {name: tensor.flatten(0, 1) for name, tensor in roll.fields().items()}
        flat["advantage"], flat["target"] = advantage.flatten(), (advantage + roll.value).flatten()
        target, value = flat["target"][valid.flatten()], flat["value"][valid.flatten()]
        if self.network.scale is not None:
            self.network.scale.update(target, self.network.value, self.group)
        results: list[StepResult[PPOTerms]] = []
        for items, moments in self._minibatches(flat, valid):
            results.append(self._gradient_step(flat, valid, items, moments, settings))
            if settings.target_kl > 0 and results[-1].terms.approx_kl > 1.5 * settings.target_kl:
                break
        unexplained = self.group.variance(target - value) / (self.group.variance(target) + 1e-8)
        self.carry_pending(valid)
        metrics = self.means(results)
        metrics["train/entropy_loss"] = -metrics.pop("train/entropy")
        return {
            **metrics,
            "train/explained_variance": (1 - unexplained).item(),
            "train/learning_rate": learning_rate,
            "train/clip_range": settings.clip_range,
            "train/ent_coef": ent_coef,
            "train/n_updates": self.stepper.updates,
        }

    def _minibatches(self, flat: dict[str, Tensor], valid: Tensor) -> Iterator[tuple[Tensor, Moments]]:
        """The minibatches of all epochs, each with the count, mean and deviation of its advantages, of all processes.

        A minibatch is the numbers of its items: decisions, or with a memory whole rows of them.
        """
        for parts in self.epochs(valid):
            advantages_of_parts = [flat["advantage"][self.decisions(valid, items)] for items in parts]
            yield from zip(parts, self.group.moments(advantages_of_parts), strict=True)

    def _gradient_step(
        self, flat: dict[str, Tensor], valid: Tensor, items: Tensor, moments: Moments, settings: PPOSettings
    ) -> StepResult[PPOTerms]:
        """One gradient step on the items of a minibatch: their advantages normalised, and the loss of a slice of them."""
        count, adv_mean, adv_std = moments
        if not settings.normalize_advantage:
            adv_mean, adv_std = torch.zeros(()), torch.ones(())
        value_scale = 1.0 if self.network.scale is None else self.network.scale.deviation

        def loss(logits: Tensor, value: Tensor, indices: Tensor) -> SliceLoss:
            minibatch = Minibatch(flat, indices, adv_mean, adv_std + 1e-8, value_scale, settings)
            dlogits, dvalue, terms = self.loss_gradient(logits.detach(), value.detach(), minibatch)
            return SliceLoss([logits, value], [dlogits / count, dvalue / count], terms / count)

        return self.gradient_step(flat, valid, items, loss)
