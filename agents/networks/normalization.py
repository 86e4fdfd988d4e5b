"""Running means and deviations of observations and of values: buffers of the network, saved with an agent."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from agents.core.distributed import ProcessGroup

CLIP = 10.0  # deviations from the mean


class RunningNorm(nn.Module):
    """Normalises numbers by the mean and standard deviation of all that training has seen.

    The statistics stay frozen during an iteration (`settle` updates them), so that learning normalises a decision as acting did
    (except a decision of the last iteration whose outcome was still pending).
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
        """Add observations [B, numbers] to the statistics to come (Chan et al. 1983, for batches).

        >>> norm = RunningNorm(1)
        >>> for part in ([[1.0]], [[3.0], [5.0]]):
        ...     norm.watch(torch.tensor(part))
        >>> norm.settle()
        >>> [round(x, 3) for x in (norm.mean.item(), norm.deviation.item())]  # of 1, 3, 5: 3 and √(8/3)
        [3.0, 1.633]
        """
        if len(x):
            x = x.to(self.mean.device)
            self._add(len(x), x.mean(0), x.var(0, correction=0))

    def _add(self, count: Tensor | int, mean: Tensor, variance: Tensor) -> None:
        """Add `count` observations of this mean and variance."""
        weight = count / (self.count + count)
        delta = mean - self.seen_mean
        self.seen_variance += weight * (variance - self.seen_variance) + weight * (1 - weight) * delta.square()
        self.seen_mean += weight * delta
        self.count += count

    @torch.no_grad()
    def merge(self, summaries: Sequence[Tensor]) -> None:
        """Add the observations of other processes, given by the `summary` of each."""
        for summary in summaries:
            count, mean, variance = summary.to(self.mean.device).tensor_split((1, 1 + len(self.mean)))
            if count > 0:
                self._add(count.squeeze(), mean, variance)

    def summary(self) -> Tensor:
        """Count, mean and variance of all observations: float32 [1 + 2 * numbers]."""
        return torch.cat([self.count[None], self.seen_mean, self.seen_variance])

    @torch.no_grad()
    def settle(self) -> None:
        """From now on normalise by all observations so far."""
        if self.count > 1:
            self.mean.copy_(self.seen_mean)
            self.deviation.copy_((self.seen_variance + 1e-8).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        return ((x.float() - self.mean) / self.deviation).clamp(-CLIP, CLIP)


class ValueNorm(nn.Module):
    """Mean and deviation of recent value targets, by which the output of a head is scaled: values of states, or of actions.

    PopArt: van Hasselt et al. 2016, arXiv:1602.07714.
    """

    DECAY = 0.95  # of the old moments, in each update

    mean: Tensor
    deviation: Tensor
    moments: Tensor  # mean, variance, and the total weight of the targets so far (Adam's bias correction)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.register_buffer("moments", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        """The values of a head's output."""
        return x * self.deviation + self.mean

    @torch.no_grad()
    def update(self, target: Tensor, layer: nn.Linear, group: ProcessGroup | None = None) -> None:
        """Update by the targets [B] of all processes; `layer`, the head, is rescaled so that its values stay the same.

        >>> norm, layer = ValueNorm(), nn.Linear(1, 1)
        >>> before = layer(torch.ones(1)) * norm.deviation + norm.mean
        >>> norm.update(torch.tensor([10.0, 30.0]), layer)
        >>> norm.mean.item(), norm.deviation.item()
        (20.0, 10.0)
        >>> bool(torch.isclose(layer(torch.ones(1)) * norm.deviation + norm.mean, before, atol=1e-4))
        True
        """
        group = group or ProcessGroup()
        if not group.gather_numbers(len(target)).any():
            return
        batch_mean = group.mean(target)
        batch_variance = group.mean((target - batch_mean).square())
        total = self.DECAY * self.moments[2] + (1 - self.DECAY)
        weight = (1 - self.DECAY) / total  # of the new targets
        delta = batch_mean - self.moments[0]
        mean = self.moments[0] + weight * delta
        variance = (1 - weight) * self.moments[1] + weight * batch_variance + weight * (1 - weight) * delta.square()
        self.moments.copy_(torch.stack([mean, variance, total]))
        deviation = variance.sqrt().clamp(min=1e-4)
        layer.weight.mul_(self.deviation / deviation)
        layer.bias.mul_(self.deviation).add_(self.mean - mean).div_(deviation)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)
