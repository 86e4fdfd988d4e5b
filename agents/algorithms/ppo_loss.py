"""PPO's loss (Schulman et al. 2017, arXiv:1707.06347) in torch's operations: the reference, on any device.

`ppo_loss_compiled` gives the same on a CPU in one pass over the minibatch.
"""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from agents.networks.action_choice import masked


class PPOTerms(NamedTuple):
    """The numbers to report of a loss, scalars: means over a minibatch."""

    policy_gradient_loss: Tensor
    value_loss: Tensor
    entropy: Tensor
    approx_kl: Tensor  # Schulman's low-variance estimate of KL(π_old, π)
    clip_fraction: Tensor  # of the ratios, those that were clipped
    loss: Tensor


class LossSettings(Protocol):
    """The coefficients of the loss; `PPOSettings` has them."""

    clip_range: float
    clip_range_vf: float
    vf_coef: float
    ent_coef: float


class Minibatch(NamedTuple):
    """Decisions [B] of a rollout, and how they are learned from."""

    rollout: dict[str, Tensor]  # action, log_prob, value, advantage, target [N], and mask [N, A] where there are any
    indices: Tensor  # int64 [B]: of the decisions in it
    adv_mean: Tensor  # advantages are normalised by these
    adv_std: Tensor
    value_scale: Any  # values are divided by this in the value loss: 1, or PopArt's deviation
    settings: LossSettings


def policy_loss(log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, clip_range: float) -> Tensor:
    """The clipped surrogate objective, to be minimised. All [B].

        L = −mean min(ρ A, clip(ρ, 1−ε, 1+ε) A)        ρ = exp(log π(a|s) − log π_old(a|s))

    >>> ratio = torch.tensor([1.5, 0.5])
    >>> round(policy_loss(ratio.log(), torch.zeros(2), torch.tensor([1.0, -1.0]), 0.2).item(), 4)  # −(1.2 − 0.8) / 2
    -0.2
    """
    ratio = (log_prob - old_log_prob).exp()
    unclipped, clipped = ratio * advantage, ratio.clamp(1 - clip_range, 1 + clip_range) * advantage
    return -torch.min(unclipped, clipped).mean()


def value_loss(value: Tensor, old_value: Tensor, target: Tensor, clip_range: float) -> Tensor:
    """The mean squared error of the values; all [B]. With clip_range > 0, values are first clipped to old_value ± clip_range.

    This is SB3's form: CleanRL takes the larger of the clipped and the unclipped error.

    >>> value_loss(torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([2.0]), 0.5).item()  # (1.5 − 2)²
    0.25
    """
    if clip_range > 0:
        value = old_value + (value - old_value).clamp(-clip_range, clip_range)
    return (value - target).square().mean()


def entropy(log_probs: Tensor) -> Tensor:
    """−Σ p log p of each row [B]; log_probs [B, A] may hold −inf."""
    return -(log_probs.exp() * log_probs.clamp(min=-1e9)).sum(1)


def loss_gradient(logits: Tensor, value: Tensor, minibatch: Minibatch) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of a minibatch's loss with respect to the logits [B, A] and values [B], and the `PPOTerms` as a tensor [6].

        loss = policy_loss + vf_coef · value_loss − ent_coef · entropy

    Gradients and terms are sums over the decisions, not means.
    """
    rollout, indices, adv_mean, adv_std, value_scale, settings = minibatch
    names = ("action", "log_prob", "value", "advantage", "target", "mask")
    batch = {name: rollout[name].index_select(0, indices) for name in names if name in rollout}
    with torch.enable_grad():
        logits, value = logits.requires_grad_(), value.requires_grad_()
        log_probs = masked(logits, batch.get("mask")).log_softmax(1)
        log_prob = log_probs.gather(1, batch["action"][:, None]).squeeze(1)
        advantage = (batch["advantage"] - adv_mean) / adv_std
        policy = policy_loss(log_prob, batch["log_prob"], advantage, settings.clip_range)
        values = value_loss(
            value / value_scale, batch["value"] / value_scale, batch["target"] / value_scale, settings.clip_range_vf
        )
        mean_entropy = entropy(log_probs).mean()
        loss = policy + settings.vf_coef * values - settings.ent_coef * mean_entropy
        dlogits, dvalue = torch.autograd.grad(len(indices) * loss, [logits, value])
    log_ratio = (log_prob - batch["log_prob"]).detach()
    approx_kl = (log_ratio.exp() - 1 - log_ratio).mean()
    clip_fraction = ((log_ratio.exp() - 1).abs() > settings.clip_range).float().mean()
    terms = PPOTerms(policy.detach(), values.detach(), mean_entropy.detach(), approx_kl, clip_fraction, loss.detach())
    return dlogits, dvalue, len(indices) * torch.stack(terms)
