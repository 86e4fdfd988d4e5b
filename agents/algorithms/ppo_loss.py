"""PPO's objective (Schulman et al. 2017, arXiv:1707.06347): its terms, and its gradient by what the network says.

The terms are written in torch's operations; `by_torch` takes the gradient of their sum, on any device. On a CPU `compiled`
gives the same in one pass over the minibatch: two threads that learn side by side wait for each other at every one of the
fifty small operations, forth and back, which together took a third of their time with a small network.
"""

import math
from typing import Any, NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from agents.networks.network import masked

TERMS = ("policy_gradient_loss", "value_loss", "entropy", "approx_kl", "clip_fraction", "loss")  # means, of a minibatch


class Minibatch(NamedTuple):
    """Decisions [B] of a rollout, and how they are learned from."""

    flat: dict[str, Tensor]  # the rollout: action, log_prob, value, advantage, target [N], and mask [N, A] where there are any
    some: Tensor  # int64 [B]: those of it
    moments: tuple[Tensor, Tensor]  # the mean and the deviation that advantages are normalised by
    unit: Any  # that values are measured in
    settings: Any  # PPO's: clip_range, clip_range_vf, vf_coef, ent_coef


Gradient = tuple[Tensor, Tensor, Tensor]  # by logits [B, A] and by values [B], and the terms


# --- the terms ------------------------------------------------------------------------------------------------------


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


# --- their sum, and its gradient --------------------------------------------------------------------------------------


def loss_gradient(logits: Tensor, value: Tensor, decided: Minibatch) -> Gradient:
    """Of the loss of decisions, by the logits [B, A] and the values [B] that the network says for them now.

    Gradients and terms are sums, not means.
    """
    by = compiled if logits.device.type == "cpu" else by_torch
    return by(logits.detach(), value.detach(), decided)


def by_torch(logits: Tensor, value: Tensor, decided: Minibatch) -> Gradient:
    """`gradient` of the terms above."""
    flat, some, moments, unit, settings = decided
    names = ("action", "log_prob", "value", "advantage", "target", "mask")
    batch = {name: flat[name].index_select(0, some) for name in names if name in flat}
    with torch.enable_grad():
        logits, value = logits.requires_grad_(), value.requires_grad_()
        log_probs = masked(logits, batch.get("mask")).log_softmax(1)
        log_prob = log_probs.gather(1, batch["action"][:, None]).squeeze(1)
        policy = policy_loss(log_prob, batch["log_prob"], (batch["advantage"] - moments[0]) / moments[1], settings.clip_range)
        values = value_loss(value / unit, batch["value"] / unit, batch["target"] / unit, settings.clip_range_vf)
        spread = entropy(log_probs).mean()
        loss = policy + settings.vf_coef * values - settings.ent_coef * spread
        by_logits, by_value = torch.autograd.grad(len(some) * loss, [logits, value])
    log_ratio = (log_prob - batch["log_prob"]).detach()
    kl = (log_ratio.exp() - 1 - log_ratio).mean()  # Schulman's low-variance estimate
    clipped = ((log_ratio.exp() - 1).abs() > settings.clip_range).float().mean()
    terms = torch.stack([policy.detach(), values.detach(), spread.detach(), kl, clipped, loss.detach()])
    return by_logits, by_value, len(some) * terms


def compiled(logits: Tensor, value: Tensor, decided: Minibatch) -> Gradient:
    """`gradient` in one pass."""
    flat, some, moments, unit, settings = decided
    by_logits, by_value, terms = torch.empty_like(logits), torch.empty_like(value), torch.zeros(len(TERMS), dtype=torch.float64)
    mask = flat["mask"].numpy() if "mask" in flat else np.empty((0, logits.shape[1]), np.uint8)
    rollout = [flat[name].numpy() for name in ("action", "log_prob", "value", "advantage", "target")]
    coefficients = (settings.clip_range, settings.clip_range_vf, settings.vf_coef, settings.ent_coef)
    numbers = np.array([*moments, unit, *coefficients], np.float32)
    _gradient(
        logits.contiguous().numpy(), value.contiguous().numpy(), some.numpy(), mask, *rollout, numbers,
        by_logits.numpy(), by_value.numpy(), terms.numpy(),
    )  # fmt: skip
    return by_logits, by_value, terms.float()


@numba.njit(nogil=True, cache=True)
def _gradient(logits, values, some, mask, action, log_prob, old, advantage, target, numbers, by_logits, by_value, terms):
    middle, spread, unit, clip = numbers[0], numbers[1], numbers[2], numbers[3]
    clip_value, value_share, entropy_share = numbers[4], numbers[5], numbers[6]
    actions = logits.shape[1]
    one = np.float32(1.0)
    logs, share = np.empty(actions, np.float32), np.empty(actions, np.float32)  # of each action: log p and p
    for b in range(len(some)):
        at = some[b]
        anything = True  # allowed
        if len(mask):
            anything = False
            for a in range(actions):
                anything = anything or mask[at, a] != 0
        most = np.float32(-np.inf)
        for a in range(actions):
            barred = len(mask) > 0 and anything and mask[at, a] == 0
            logs[a] = np.float32(-np.inf) if barred else logits[b, a]
            most = max(most, logs[a])
        total = np.float32(0.0)
        for a in range(actions):
            logs[a] -= most
            share[a] = math.exp(logs[a])
            total += share[a]
        beyond = math.log(total)
        disorder = np.float32(0.0)
        for a in range(actions):
            share[a] /= total
            logs[a] -= beyond
            if share[a] > 0:
                disorder -= share[a] * logs[a]

        log_ratio = logs[action[at]] - log_prob[at]
        ratio = math.exp(log_ratio)
        gain = (advantage[at] - middle) / spread
        free, bound = ratio * gain, min(max(ratio, one - clip), one + clip) * gain
        slope = np.float32(0.0) if bound < free else -gain * ratio  # of the loss by the action's logarithm
        for a in range(actions):
            by_logits[b, a] = slope * ((one if a == action[at] else np.float32(0.0)) - share[a])
            if share[a] > 0:
                by_logits[b, a] += entropy_share * share[a] * (logs[a] + disorder)

        error = (values[b] - target[at]) / unit
        moves = one
        if clip_value > 0:
            moved = (values[b] - old[at]) / unit
            error = (old[at] - target[at]) / unit + min(max(moved, -clip_value), clip_value)
            moves = one if abs(moved) <= clip_value else np.float32(0.0)
        by_value[b] = value_share * np.float32(2.0) * error * moves / unit

        policy = -bound if bound < free else -free
        terms[0] += policy
        terms[1] += error * error
        terms[2] += disorder
        terms[3] += ratio - one - log_ratio
        terms[4] += abs(ratio - one) > clip
        terms[5] += policy + value_share * error * error - entropy_share * disorder
