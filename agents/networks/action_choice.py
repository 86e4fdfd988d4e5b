"""How actions are chosen from a network's scores: sampled, greedily, or at random now and then; never one not allowed."""

import torch
from torch import Tensor


def masked(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Logits [B, A] with actions not allowed (mask 0) at minus infinity; a row whose mask is all 0 stays unchanged."""
    if mask is None:
        return logits
    barred = (mask == 0) & (mask != 0).any(1, keepdim=True)
    return logits.masked_fill(barred, float("-inf"))


def sample(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Actions [B] drawn from softmax(logits), by Gumbel's trick: argmax of logits + Gumbel noise."""
    noise = torch.rand(logits.shape, generator=generator, device=logits.device).clamp_(min=1e-20)
    return (logits - (-noise.log()).log()).argmax(1)


def choose(logits: Tensor, mask: Tensor | None, temperature: float, generator: torch.Generator) -> Tensor:
    """Actions [B] sampled at a temperature; 0: the most likely allowed action."""
    logits = masked(logits, mask)
    return logits.argmax(1) if temperature == 0 else sample(logits / temperature, generator)


def epsilon_greedy(scores: Tensor, mask: Tensor | None, epsilon: Tensor, generator: torch.Generator) -> Tensor:
    """Actions [B]: the allowed action of the greatest score, or with probability epsilon [B] a random allowed one."""
    best = masked(scores, mask).argmax(1)
    if not (epsilon > 0).any():
        return best
    chance = torch.rand(len(scores), generator=generator, device=scores.device)
    return torch.where(chance < epsilon, sample(masked(torch.zeros_like(scores), mask), generator), best)
