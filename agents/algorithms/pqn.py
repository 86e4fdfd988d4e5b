"""Parallelised Q-network (Gallici et al. 2025, arXiv:2407.04811): Q-learning on what was just played, by many games at once.

Collect by ε-greedy actions → λ-returns → minibatches → squared error → gradient step. There is no replay and no target
network: a layer norm before the action values (`NormalizedActionValues`) keeps them from diverging. `on_policy` collects and
divides into minibatches, as for PPO.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from agents.algorithms.advantages import advantages
from agents.algorithms.exploration import epsilons
from agents.algorithms.gradient import SliceLoss
from agents.algorithms.on_policy import OnPolicy, OnPolicySettings
from agents.networks.action_choice import epsilon_greedy
from agents.networks.network import NormalizedActionValues

# --- settings -------------------------------------------------------------------------------------------------------


@dataclass
class PQNSettings(OnPolicySettings):
    """Names as in the other learners; `q_lambda` is the λ of the paper."""

    n_steps: int = 32  # more than PPO's: what comes after a rollout's end is only guessed
    learning_rate: float = 4e-3
    q_lambda: float = 0.9  # 0: targets look one decision ahead; 1: to the end of the rollout or the episode
    # Of random actions: schedule, or apex (each environment has its own share).
    exploration: str = "schedule"
    exploration_initial_eps: float = 1.0
    exploration_final_eps: float = 0.02
    exploration_fraction: float = 0.1  # of the run in which it falls from the one to the other
    max_grad_norm: float = 10.0


class PQNTerms(NamedTuple):
    """The numbers to report of a loss, scalars: means over a minibatch."""

    loss: Tensor
    q: Tensor  # of the actions that were done
    td_error: Tensor  # absolute


# --- targets and loss -----------------------------------------------------------------------------------------------


def lambda_returns(
    reward: Tensor,
    value: Tensor,
    asked: Tensor,
    end: Tensor,
    truncated_value: Tensor,
    last_value: Tensor,
    gamma: float,
    q_lambda: float,
) -> tuple[Tensor, Tensor]:
    """The targets Q(λ) of decisions, and where they are valid; arguments and shapes as in `advantages`.

        Rₜ = rₜ + γ (λ Rₜ₊₁ + (1 − λ) maxₐ Q(sₜ₊₁, a))

    value: maxₐ Q(sₜ, a) over the allowed actions. With V = max Q, Rₜ − V(sₜ) = δₜ + γ λ (Rₜ₊₁ − V(sₜ₊₁)): the recursion of
    generalised advantage estimation. Where an episode is over R is rₜ, where the time limit truncated it rₜ + γ V of the
    state it was truncated in.

    One row, γ = λ = 0.5; after the last decision maxₐ Q is 8. R₁ = 2 + 0.5 · 8 = 6, R₀ = 1 + 0.5 (0.5 · 6 + 0.5 · 4) = 3.5: the
    value of its own state, 9, makes no difference.

    >>> column = lambda *x: torch.tensor(x, dtype=torch.float32)[:, None]
    >>> none = column(0, 0)
    >>> found, _ = lambda_returns(column(1, 2), column(9, 4), none == 0, none, none, torch.tensor([8.0]), 0.5, 0.5)
    >>> found.flatten().tolist()
    [3.5, 6.0]
    """
    advantage, valid = advantages(reward, value, asked, end, truncated_value, last_value, gamma, q_lambda)
    return advantage + value, valid


def loss_gradient(q: Tensor, action: Tensor, target: Tensor, deviation: float = 1.0) -> tuple[Tensor, Tensor]:
    """The gradient of ½ (Q(s, a) − target)² / deviation² with respect to `q` [B, A], and the `PQNTerms` as a tensor [3]; sums
    over B.

    q and target are in the rewards' unit; deviation, that of the targets, makes the loss the same in any unit.

    >>> gradient, terms = loss_gradient(torch.tensor([[1.0, 5.0]]), torch.tensor([1]), torch.tensor([2.0]))
    >>> gradient.tolist(), terms.tolist()
    ([[0.0, 3.0]], [4.5, 5.0, 3.0])
    """
    chosen_q = q.gather(1, action[:, None]).squeeze(1)
    td_error = chosen_q - target
    gradient = torch.zeros_like(q).scatter_(1, action[:, None], td_error[:, None] / deviation**2)
    loss = 0.5 * (td_error / deviation).square().sum()
    return gradient, torch.stack(PQNTerms(loss, chosen_q.sum(), td_error.abs().sum()))


# --- the learner ----------------------------------------------------------------------------------------------------


class PQN(OnPolicy):
    """Learns the actions' values from what it has just played."""

    algorithm, terms_type = "pqn", PQNTerms
    settings: PQNSettings
    network: NormalizedActionValues

    def epsilon(self, progress: float) -> Tensor:
        """float32 [R]: each row's share of random actions at some progress (0 to 1) of the run."""
        return epsilons(self.settings, progress, self.collector.rows, self.device)

    def choose_actions(self, t: int, scores: Tensor, progress: float) -> Tensor:
        """The action that is worth most, or now and then a random one."""
        mask = None if self.rollout.mask is None else self.rollout.mask[t]
        return epsilon_greedy(scores, mask, self.epsilon(progress), self.generator)

    def update(self, progress: float) -> dict[str, float]:
        """Learn from the rollout; the numbers for TensorBoard. progress: of the run, 0 to 1, for schedules."""
        settings, roll = self.settings, self.rollout
        learning_rate = self.stepper.set_learning_rate(progress)
        target, valid = lambda_returns(*self.outcomes(), settings.gamma, settings.q_lambda)
        flat = {name: tensor.flatten(0, 1) for name, tensor in roll.fields().items()}
        flat["target"], deviation = target.flatten(), 1.0
        if (scale := self.network.scale) is not None:
            scale.update(target[valid], self.network.action_head, self.group)
            deviation = float(scale.deviation)
        results = []
        for parts in self.epochs(valid):
            lengths = [len(self.decisions(valid, items)) for items in parts]
            counts = self.group.gather_numbers(*lengths).sum(0)  # of all processes
            for items, count in zip(parts, counts.tolist(), strict=True):
                # `count` as it is now: the next minibatch has another.
                def loss(q: Tensor, _value: Tensor, indices: Tensor, count: float = count) -> SliceLoss:
                    dq, terms = loss_gradient(q.detach(), flat["action"][indices], flat["target"][indices], deviation)
                    return SliceLoss([q], [dq / count], terms / count)

                results.append(self.gradient_step(flat, valid, items, loss))
        self.carry_pending(valid)
        return {
            **self.means(results),
            "train/learning_rate": learning_rate,
            "train/n_updates": self.stepper.updates,
            "rollout/exploration_rate": float(self.epsilon(progress).mean()),
        }
