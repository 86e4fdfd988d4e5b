"""Advantages: how much better than expected it went on after each decision of a rollout."""

import torch
from torch import Tensor

from games.engine.constants import OUT_OF_TIME


def advantages(
    reward: Tensor,
    value: Tensor,
    asked: Tensor,
    end: Tensor,
    truncated_value: Tensor,
    last_value: Tensor,
    gamma: float,
    gae_lambda: float,
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016, arXiv:1506.02438). All [T, R], T slots, but last_value [R].

        δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ)        Aₜ = δₜ + γ λ Aₜ₊₁

    sₜ₊₁ is the row's next decision, whatever others did in between; rₜ all it earned until then. Where an episode is over,
    V(sₜ₊₁) and Aₜ₊₁ are 0; where the time limit truncated it, V(sₜ₊₁) is the value of the state it was truncated in.
    `last_value` belongs to the decision after the last slot; nan where the row does not decide there: its last decision then
    stays pending, is not valid, and goes on in the next rollout.

    Where every row is asked in every slot, as in a game without `asks`, `since_decision` is the slot's reward and the loop is
    the usual one, as in Stable-Baselines3; the rest is for rows that wait.

    Returns the advantages and where they are valid. One row, γ = 0.5, λ = 1: values 1 and 3, rewards 0 and 4; the
    episode ends after the second. δ₁ = 4 − 3 = 1, δ₀ = 0 + 0.5 · 3 − 1 = 0.5, A₀ = 0.5 + 0.5 · 1 = 1.

    >>> column = lambda *x: torch.tensor(x, dtype=torch.float32)[:, None]
    >>> reward, value, end, none = column(0, 4), column(1, 3), column(0, 1), column(0, 0)
    >>> a, valid = advantages(reward, value, none == 0, end, none, torch.zeros(1), 0.5, 1.0)
    >>> a.flatten().tolist(), valid.flatten().tolist()
    ([1.0, 1.0], [True, True])
    """
    result, valid = torch.zeros_like(value), torch.zeros_like(asked)
    pending = last_value.isnan()
    next_value = torch.where(pending, 0.0, last_value)
    next_advantage = torch.zeros_like(next_value)
    resolved = ~pending  # after slot t the row decides again, or its episode ends
    since_decision = torch.zeros_like(next_value)  # rewards from slot t to the row's next decision
    for t in reversed(range(len(reward))):
        ended = end[t] != 0
        next_value = torch.where(ended, torch.where(end[t] == OUT_OF_TIME, truncated_value[t], 0.0), next_value)
        next_advantage = torch.where(ended, 0.0, next_advantage)
        since_decision = reward[t] + torch.where(ended, 0.0, since_decision)
        resolved = resolved | ended
        delta = since_decision + gamma * next_value - value[t]
        result[t] = delta + gamma * gae_lambda * next_advantage
        valid[t] = asked[t] & resolved
        next_value = torch.where(asked[t], value[t], next_value)
        next_advantage = torch.where(valid[t], result[t], torch.where(asked[t], 0.0, next_advantage))
        since_decision = torch.where(asked[t], 0.0, since_decision)
        resolved = resolved | asked[t]
    return result, valid
