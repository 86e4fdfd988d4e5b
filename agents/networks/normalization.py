"""Running means and deviations, of what an agent sees and of what it expects: part of its network and of its file."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from agents.core.distributed import ProcessGroup

FARTHEST = 10.0  # deviations from the mean that are still told apart


class RunningNorm(nn.Module):
    """Numbers as distances from their mean, in standard deviations, both of all that training has seen.

    What is in force changes between iterations only (`settle`), so that decisions are judged as they were made (those of turns
    whose outcome was still open excepted).
    """

    mean: Tensor
    deviation: Tensor
    count: Tensor
    seen_mean: Tensor
    seen_variance: Tensor

    def __init__(self, numbers: int):
        super().__init__()
        for name, start in (("mean", 0.0), ("deviation", 1.0), ("seen_mean", 0.0), ("seen_variance", 0.0)):
            self.register_buffer(name, torch.full((numbers,), start))
        self.register_buffer("count", torch.zeros(()))

    @torch.no_grad()
    def watch(self, x: Tensor) -> None:
        """Count what is seen, [B, numbers] (Chan et al. 1983, for batches).

        >>> normal = Normal(1)
        >>> for part in ([[1.0]], [[3.0], [5.0]]):
        ...     normal.watch(torch.tensor(part))
        >>> normal.settle()
        >>> [round(x, 3) for x in (normal.mean.item(), normal.deviation.item())]  # of 1, 3, 5: 3 and √(8/3)
        [3.0, 1.633]
        """
        if len(x):
            x = x.to(self.mean.device)
            self._add(len(x), x.mean(0), x.var(0, correction=0))

    def _add(self, count: Tensor | int, mean: Tensor, variance: Tensor) -> None:
        """Count so many more, of which these are known."""
        share = count / (self.count + count)
        off = mean - self.seen_mean
        self.seen_variance += share * (variance - self.seen_variance) + share * (1 - share) * off.square()
        self.seen_mean += share * off
        self.count += count

    @torch.no_grad()
    def merge(self, others: Sequence[Tensor]) -> None:
        """Count what others have seen, each as its `summary`."""
        for count, mean, variance in (other.to(self.mean.device).tensor_split((1, 1 + len(self.mean))) for other in others):
            if count > 0:
                self._add(count.squeeze(), mean, variance)

    def summary(self) -> Tensor:
        """How much has been seen, its mean and its variance: float32 [1 + 2 * numbers]."""
        return torch.cat([self.count[None], self.seen_mean, self.seen_variance])

    @torch.no_grad()
    def settle(self) -> None:
        """From now on it is normalised by what has been seen."""
        if self.count > 1:
            self.mean.copy_(self.seen_mean)
            self.deviation.copy_((self.seen_variance + 1e-8).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        return ((x.float() - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)


class ValueNorm(nn.Module):
    """The unit that values are learned in: their mean and deviation, lately.

    PopArt: van Hasselt et al. 2016, arXiv:1602.07714.
    """

    KEPT = 0.95  # of the old moments, in each update

    mean: Tensor
    deviation: Tensor
    moments: Tensor  # the mean, the variance, and how much of them is there yet

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.register_buffer("moments", torch.zeros(3))

    @torch.no_grad()
    def update(self, target: Tensor, layer: nn.Linear, ranks: ProcessGroup | None = None) -> None:
        """Follow the targets [B], of all ranks; the layer that gives values in this unit is changed so that they stay.

        >>> scale, layer = Scale(), nn.Linear(1, 1)
        >>> before = layer(torch.ones(1)) * scale.deviation + scale.mean
        >>> scale.update(torch.tensor([10.0, 30.0]), layer)
        >>> scale.mean.item(), scale.deviation.item()
        (20.0, 10.0)
        >>> bool(torch.isclose(layer(torch.ones(1)) * scale.deviation + scale.mean, before, atol=1e-4))
        True
        """
        ranks = ranks or ProcessGroup()
        if not ranks.gather_numbers(len(target)).any():
            return
        middle = ranks.mean(target)
        variance = ranks.mean((target - middle).square())
        there = self.KEPT * self.moments[2] + (1 - self.KEPT)
        share = (1 - self.KEPT) / there  # of the new ones
        off = middle - self.moments[0]
        mean = self.moments[0] + share * off
        spread = (1 - share) * self.moments[1] + share * variance + share * (1 - share) * off.square()
        self.moments.copy_(torch.stack([mean, spread, there]))
        deviation = spread.sqrt().clamp(min=1e-4)
        layer.weight.mul_(self.deviation / deviation)
        layer.bias.mul_(self.deviation).add_(self.mean - mean).div_(deviation)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)
