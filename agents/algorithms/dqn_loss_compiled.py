"""DQN's loss on a CPU, compiled: `dqn_loss.loss_gradient` in one pass, each derivative above its line. Equal by test."""

import numpy as np
import torch
from torch import Tensor

from agents.algorithms.dqn_loss import DQNTerms, Transitions
from games.engine.cache import compiled


def loss_gradient(
    q: Tensor, target_q: Tensor, online_q: Tensor | None, transitions: Transitions
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of transitions' loss by Q [B, A], their temporal differences [B], the `DQNTerms` as a tensor [3]; sums."""
    dq, td_error, terms = torch.zeros_like(q), torch.empty(len(q)), torch.zeros(len(DQNTerms._fields), dtype=torch.float64)
    mask = np.empty((0, q.shape[1]), np.uint8) if transitions.mask is None else transitions.mask
    online = np.empty((0, q.shape[1]), np.float32) if online_q is None else online_q.contiguous().numpy()
    _loss_gradient(
        q.contiguous().numpy(), target_q.contiguous().numpy(), online, mask, *transitions[:-1],
        dq.numpy(), td_error.numpy(), terms.numpy(),
    )  # fmt: skip
    return dq, td_error, terms.float()


@compiled
def _loss_gradient(q, target_q, online_q, mask, action, reward, discount, weight, real, dq, td_error, terms):
    unity, half = np.float32(1.0), np.float32(0.5)
    preferred = online_q if len(online_q) else target_q
    for b in range(len(q)):
        any_allowed = True
        if len(mask):
            any_allowed = False
            for a in range(q.shape[1]):
                any_allowed = any_allowed or mask[b, a] != 0

        # argmax over the allowed actions of the next state
        best, largest = 0, np.float32(-np.inf)
        for a in range(q.shape[1]):
            barred = len(mask) > 0 and any_allowed and mask[b, a] == 0
            if not barred and preferred[b, a] > largest:
                best, largest = a, preferred[b, a]

        # δ = Q(s, a) − (r + γⁿ Q_target(s', best)), loss = w Huber(δ)
        chosen_q = q[b, action[b]]
        delta = chosen_q - (reward[b] + discount[b] * target_q[b, best])
        w, size = weight[b] * real[b], abs(delta)
        # ∂loss/∂Q(s, a) = w clip(δ, −1, 1)
        dq[b, action[b]] = w * min(max(delta, -unity), unity)
        td_error[b] = delta * real[b]
        terms[0] += w * (half * delta * delta if size < unity else size - half)
        terms[1] += chosen_q
        terms[2] += abs(td_error[b])
