"""ε-greedy exploration of the learners of action values: the share of random actions, in time and over the environments."""

from typing import Protocol

import torch
from torch import Tensor

APEX = 0.4, 7.0  # the largest share, and the exponent: the smallest is the largest to the power of 1 + that


class Exploration(Protocol):
    """The settings that say how a learner explores."""

    exploration: str  # schedule, or apex
    exploration_initial_eps: float
    exploration_final_eps: float
    exploration_fraction: float


def epsilons(settings: Exploration, progress: float, rows: int, device: torch.device) -> Tensor:
    """Each row's probability of a random action, float32 [rows], at some progress (0 to 1) of the run.

    schedule: alike in all, falling in a straight line over a part of the run. apex: another in each and always the same, so
    that some play nearly as well as they can while others try everything (Horgan et al. 2018, arXiv:1803.00933).
    """
    if settings.exploration == "apex":
        largest, exponent = APEX
        return largest ** (1.0 + exponent * torch.arange(rows, device=device) / max(1, rows - 1))
    fallen = min(1.0, progress / max(settings.exploration_fraction, 1e-9))
    high, low = settings.exploration_initial_eps, settings.exploration_final_eps
    return torch.full((rows,), high + fallen * (low - high), device=device)
