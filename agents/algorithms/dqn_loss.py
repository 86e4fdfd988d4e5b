"""DQN's loss (Mnih et al. 2015, doi:10.1038/nature14236) in torch's operations: the reference, on any device.

`dqn_loss_compiled` gives the same on a CPU in one pass over the minibatch.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from agents.networks.action_choice import masked


class DQNTerms(NamedTuple):
    """The numbers to report of a loss, scalars: means over a minibatch."""

    loss: Tensor
    q: Tensor  # of the actions that were done
    td_error: Tensor  # absolute


class Transitions(NamedTuple):
    """Decisions [B] of a replay: what was done, and what came of it."""

    action: np.ndarray  # int32
    reward: np.ndarray  # float32: the n-step return, all that was earned until the next state
    discount: np.ndarray  # float32: of the next state's value, 0 where the episode was over before
    weight: np.ndarray  # float32: of the loss
    real: np.ndarray  # uint8: 0 is the final state of a truncated episode, no decision
    mask: np.ndarray | None  # uint8 [B, A]: what is allowed in the next state

    def slice(self, lo: int, hi: int) -> "Transitions":
        """Transitions lo … hi-1."""
        action, reward, discount, weight, real = (field[lo:hi] for field in self[:5])
        return Transitions(action, reward, discount, weight, real, None if self.mask is None else self.mask[lo:hi])


def next_value(target_q: Tensor, online_q: Tensor | None, mask: Tensor | None) -> Tensor:
    """The value of the next states [B], by the target network's Q [B, A]; double DQN: of the action that `online_q` prefers.

    mask: uint8 [B, A], what is allowed there; nothing else counts.

    >>> target_q, online_q = torch.tensor([[1.0, 5.0, 9.0]]), torch.tensor([[2.0, 1.0, 3.0]])
    >>> allowed = torch.tensor([[1, 1, 0]])
    >>> [next_value(target_q, other, allowed).item() for other in (None, online_q)]
    [5.0, 1.0]
    """
    best = masked(target_q if online_q is None else online_q, mask).argmax(1, keepdim=True)
    return target_q.gather(1, best).squeeze(1)


def td_loss(q: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Huber's loss of temporal differences, weighted; all [B]. Its gradient is the difference, clipped to [−1, 1], times
    the weight.

    >>> td_loss(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 0.0]), torch.ones(2)).item()  # (0.5 + 2.5) / 2
    1.5
    """
    return (weight * F.smooth_l1_loss(q, target, reduction="none")).mean()


def priorities(td_error: np.ndarray, alpha: float) -> np.ndarray:
    """The priorities of temporal differences [B]; of sequences [B, T] by 0.9 of the greatest and 0.1 of the mean."""
    size = np.abs(td_error)
    if td_error.ndim == 2:
        size = 0.9 * size.max(1) + 0.1 * size.mean(1)
    return (size + 1e-6) ** alpha


def loss_gradient(
    q: Tensor, target_q: Tensor, online_q: Tensor | None, transitions: Transitions
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of the loss with respect to `q` [B, A], the temporal differences [B], and the `DQNTerms` as a tensor [3].

    q: of the states in which the actions were chosen. Gradient and terms are sums over the transitions, not means.

        target = r + γⁿ Q_target(s', argmaxₐ Q(s', a))        loss = Huber(Q(s, a) − target)

    target_q, online_q: Q [B, A] of both networks in the next states; online_q: None where it is not double DQN.
    """
    action, reward, discount, weight, real = (torch.from_numpy(field).to(q.device) for field in transitions[:-1])
    mask = None if transitions.mask is None else torch.from_numpy(transitions.mask).to(q.device)
    target = reward + discount * next_value(target_q, online_q, mask)
    with torch.enable_grad():
        q = q.requires_grad_()
        chosen_q = q.gather(1, action.long()[:, None]).squeeze(1)
        loss = len(q) * td_loss(chosen_q, target, weight * real)
        (dq,) = torch.autograd.grad(loss, [q])
    chosen_q = chosen_q.detach()
    td_error = (chosen_q - target) * real
    terms = DQNTerms(loss.detach(), chosen_q.sum(), td_error.abs().sum())
    return dq, td_error, torch.stack(terms)
