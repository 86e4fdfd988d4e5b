"""DQN's objective (Mnih et al. 2015, doi:10.1038/nature14236): temporal differences, and the gradient of their loss by Q.

As `agents.algorithms.ppo_loss`: in torch's operations on any device, and on a CPU the same in one pass.
"""

from typing import NamedTuple

import numba
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.networks.network import masked

TERMS = ("loss", "q", "td_error")  # means, of a minibatch


class Transitions(NamedTuple):
    """Decisions [B] of a replay: what was done, and what came of it."""

    action: np.ndarray  # int32
    reward: np.ndarray  # float32: all that was earned until the state that is valued
    discount: np.ndarray  # float32: of that state's value, 0 where the episode was over before
    weight: np.ndarray  # float32: of the loss
    real: np.ndarray  # uint8: 0 is nothing that anybody decided, and nothing to learn from
    mask: np.ndarray | None  # uint8 [B, A]: what is allowed in the state that is valued

    def of(self, lo: int, hi: int) -> "Transitions":
        """Some of them."""
        action, reward, discount, weight, real = (one[lo:hi] for one in self[:5])
        return Transitions(action, reward, discount, weight, real, None if self.mask is None else self.mask[lo:hi])


Gradient = tuple[Tensor, Tensor, Tensor]  # by Q [B, A]; temporal differences [B]; terms [3]


# --- the terms ------------------------------------------------------------------------------------------------------


def target_value(target: Tensor, online: Tensor | None, mask: Tensor | None) -> Tensor:
    """What states are worth [B], by the target network's Q [B, A]; double: of the action that `online` [B, A] prefers.

    mask: uint8 [B, A], what is allowed there; nothing else counts.

    >>> target, online = torch.tensor([[1.0, 5.0, 9.0]]), torch.tensor([[2.0, 1.0, 3.0]])
    >>> allowed = torch.tensor([[1, 1, 0]])
    >>> [target_value(target, other, allowed).item() for other in (None, online)]
    [5.0, 1.0]
    """
    best = masked(target if online is None else online, mask).argmax(1, keepdim=True)
    return target.gather(1, best).squeeze(1)


def td_loss(q: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Huber's loss of temporal differences, weighted; all [B]. Its gradient is the difference, at most 1.

    >>> td_loss(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0]), torch.ones(2)).item()  # (0.5 + 2.5) / 2
    1.5
    """
    return (weight * F.smooth_l1_loss(q, target, reduction="none")).mean()


def priorities(error: np.ndarray, alpha: float) -> np.ndarray:
    """Of samples whose temporal differences are `error` [B], or [B, T] for sequences (0.9 of the greatest, 0.1 of the mean)."""
    size = np.abs(error) if error.ndim == 1 else 0.9 * np.abs(error).max(1) + 0.1 * np.abs(error).mean(1)
    return (size + 1e-6) ** alpha


# --- the gradient ---------------------------------------------------------------------------------------------------


def loss_gradient(q: Tensor, target: Tensor, online: Tensor | None, decided: Transitions) -> Gradient:
    """Of the loss of decisions, by Q [B, A] in the states that they were made in. Gradient and terms are sums, not means.

    target, online: Q [B, A] of both networks in the states that are valued; online: None where it is not double.
    """
    given = (q.detach(), target.detach(), None if online is None else online.detach(), decided)
    return compiled(*given) if q.device.type == "cpu" else by_torch(*given)


def by_torch(q: Tensor, target: Tensor, online: Tensor | None, decided: Transitions) -> Gradient:
    """`gradient` of the terms above."""
    action, reward, discount, weight, real = (torch.from_numpy(one).to(q.device) for one in decided[:-1])
    mask = None if decided.mask is None else torch.from_numpy(decided.mask).to(q.device)
    goal = reward + discount * target_value(target, online, mask)
    with torch.enable_grad():
        q = q.requires_grad_()
        chosen = q.gather(1, action.long()[:, None]).squeeze(1)
        loss = len(q) * td_loss(chosen, goal, weight * real)
        (by_q,) = torch.autograd.grad(loss, [q])
    chosen = chosen.detach()
    difference = (chosen - goal) * real
    return by_q, difference, torch.stack([loss.detach(), chosen.sum(), difference.abs().sum()])


def compiled(q: Tensor, target: Tensor, online: Tensor | None, decided: Transitions) -> Gradient:
    """`gradient` in one pass."""
    by_q, difference, terms = torch.zeros_like(q), torch.empty(len(q)), torch.zeros(len(TERMS), dtype=torch.float64)
    none = np.empty((0, q.shape[1]), np.float32)
    mask = np.empty((0, q.shape[1]), np.uint8) if decided.mask is None else decided.mask
    preferred = none if online is None else online.contiguous().numpy()
    _gradient(
        q.contiguous().numpy(), target.contiguous().numpy(), preferred, mask, *decided[:-1],
        by_q.numpy(), difference.numpy(), terms.numpy(),
    )  # fmt: skip
    return by_q, difference, terms.float()


@numba.njit(nogil=True, cache=True)
def _gradient(q, target, online, mask, action, reward, discount, weight, real, by_q, difference, terms):
    one, half = np.float32(1.0), np.float32(0.5)
    preferred = online if len(online) else target
    for b in range(len(q)):
        anything = True  # allowed
        if len(mask):
            anything = False
            for a in range(q.shape[1]):
                anything = anything or mask[b, a] != 0
        best, most = 0, np.float32(-np.inf)
        for a in range(q.shape[1]):
            barred = len(mask) > 0 and anything and mask[b, a] == 0
            if not barred and preferred[b, a] > most:
                best, most = a, preferred[b, a]
        chosen = q[b, action[b]]
        off = chosen - (reward[b] + discount[b] * target[b, best])
        share, size = weight[b] * real[b], abs(off)
        by_q[b, action[b]] = share * min(max(off, -one), one)
        difference[b] = off * real[b]
        terms[0] += share * (half * off * off if size < one else size - half)
        terms[1] += chosen
        terms[2] += abs(difference[b])
