"""A gradient step by itself."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from agents.algorithms.gradient import GradientStepper, SliceLoss
from agents.algorithms.ppo import PPOSettings
from agents.core.distributed import ProcessGroup
from agents.core.threads import torch_workers


class Terms(NamedTuple):
    loss: Tensor
    other: Tensor


def test_what_a_step_reports_does_not_keep_its_gradient():
    """An iteration keeps the results of all its steps: with a large network and many steps they were gigabytes."""
    network, cpu = nn.Linear(100, 100), torch.device("cpu")
    stepper = GradientStepper(network, PPOSettings(), cpu, torch_workers(1), ProcessGroup(), Terms)

    def loss(lo, hi):
        out = network(torch.ones(hi - lo, 100))
        return SliceLoss([out], [torch.ones_like(out)], torch.tensor([2.0, 3.0]))

    result = stepper.step(4, 4, loss)
    assert result.terms == Terms(torch.tensor(2.0), torch.tensor(3.0))
    assert max(tensor.untyped_storage().nbytes() for tensor in (*result.terms, result.grad_norm)) < 200
