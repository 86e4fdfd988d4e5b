"""PPO's loss on a CPU, compiled: `ppo_loss.loss_gradient` in one pass over the minibatch, each derivative above its line.

Two threads that learn side by side have to wait for each other at each of torch's fifty small operations,
which together took a third of their time with a small network. Equal to the reference by test.
"""

import math

import numpy as np
import torch
from torch import Tensor

from agents.algorithms.ppo_loss import Minibatch, PPOTerms
from games.engine.cache import compiled


def loss_gradient(logits: Tensor, value: Tensor, minibatch: Minibatch) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of a minibatch's loss with respect to the logits [B, A] and values [B], and the `PPOTerms` as a tensor [6].

    Gradients and terms are sums over the decisions, not means, as in `ppo_loss.loss_gradient`.
    """
    rollout, indices, adv_mean, adv_std, value_scale, settings = minibatch
    dlogits, dvalue = torch.empty_like(logits), torch.empty_like(value)
    terms = torch.zeros(len(PPOTerms._fields), dtype=torch.float64)
    mask = rollout["mask"].numpy() if "mask" in rollout else np.empty((0, logits.shape[1]), np.uint8)
    arrays = [rollout[name].numpy() for name in ("action", "log_prob", "value", "advantage", "target")]
    coefficients = (settings.clip_range, settings.clip_range_vf, settings.vf_coef, settings.ent_coef)
    numbers = np.array([adv_mean, adv_std, value_scale, *coefficients], np.float32)
    _loss_gradient(
        logits.contiguous().numpy(), value.contiguous().numpy(), indices.numpy(), mask, *arrays, numbers,
        dlogits.numpy(), dvalue.numpy(), terms.numpy(),
    )  # fmt: skip
    return dlogits, dvalue, terms.float()


@compiled
def _log_softmax(logits, mask, log_probs, probs):
    """log π = logits − logsumexp(logits) over the allowed actions, and π; returns the entropy. mask: empty, where all are."""
    any_allowed = len(mask) == 0
    for a in range(len(mask)):
        any_allowed = any_allowed or mask[a] != 0
    largest = np.float32(-np.inf)
    for a in range(len(logits)):
        barred = len(mask) > 0 and any_allowed and mask[a] == 0
        log_probs[a] = np.float32(-np.inf) if barred else logits[a]
        largest = max(largest, log_probs[a])
    total = np.float32(0.0)
    for a in range(len(logits)):
        log_probs[a] -= largest
        probs[a] = math.exp(log_probs[a])
        total += probs[a]
    logsumexp = math.log(total)
    entropy = np.float32(0.0)
    for a in range(len(logits)):
        probs[a] /= total
        log_probs[a] -= logsumexp
        if probs[a] > 0:
            entropy -= probs[a] * log_probs[a]
    return entropy


@compiled
def _loss_gradient(
    logits, values, indices, mask, action, old_log_prob, old_value, raw_advantage, target, numbers, dlogits, dvalue, terms
):
    adv_mean, adv_std, value_scale, clip_range = numbers[0], numbers[1], numbers[2], numbers[3]
    clip_range_vf, vf_coef, ent_coef = numbers[4], numbers[5], numbers[6]
    actions = logits.shape[1]
    unity, zero = np.float32(1.0), np.float32(0.0)
    log_probs, probs = np.empty(actions, np.float32), np.empty(actions, np.float32)  # log π(a|s) and π(a|s)
    for b in range(len(indices)):
        i = indices[b]
        entropy = _log_softmax(logits[b], mask[i] if len(mask) else mask.reshape(-1), log_probs, probs)

        # ρ = π / π_old, L_policy = −min(ρ A, clip(ρ) A)
        log_ratio = log_probs[action[i]] - old_log_prob[i]
        ratio = math.exp(log_ratio)
        advantage = (raw_advantage[i] - adv_mean) / adv_std
        unclipped = ratio * advantage
        clipped = min(max(ratio, unity - clip_range), unity + clip_range) * advantage
        # ∂L_policy/∂log π(a) = −ρ A, or 0 where clipped
        dloss_dlogp = zero if clipped < unclipped else -advantage * ratio
        for a in range(actions):
            # ∂log π(a)/∂logitₖ = [k = a] − πₖ
            dlogits[b, a] = dloss_dlogp * ((unity if a == action[i] else zero) - probs[a])
            if probs[a] > 0:
                # ∂(−entropy)/∂logitₖ = πₖ (log πₖ + entropy)
                dlogits[b, a] += ent_coef * probs[a] * (log_probs[a] + entropy)

        # L_value = ((V − target) / scale)², V at most clip_range_vf from V_old
        error = (values[b] - target[i]) / value_scale
        derror = unity
        if clip_range_vf > 0:
            moved = (values[b] - old_value[i]) / value_scale
            error = (old_value[i] - target[i]) / value_scale + min(max(moved, -clip_range_vf), clip_range_vf)
            derror = unity if abs(moved) <= clip_range_vf else zero
        # ∂L_value/∂V = 2 error / scale, or 0 where clipped
        dvalue[b] = vf_coef * np.float32(2.0) * error * derror / value_scale

        policy_loss = -clipped if clipped < unclipped else -unclipped
        terms[0] += policy_loss
        terms[1] += error * error
        terms[2] += entropy
        terms[3] += ratio - unity - log_ratio
        terms[4] += abs(ratio - unity) > clip_range
        terms[5] += policy_loss + vf_coef * error * error - ent_coef * entropy
