"""Gradient steps: the loss of a minibatch in slices on several threads, summed over processes, clipped, and applied.

A loss function returns its gradient with respect to the network's outputs, and autograd carries that back to the weights.
There is no `loss.backward()`: the loss itself is only reported.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import isfinite
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from agents.algorithms.optimizer import make_optimizer, optimizer_slots, scheduled_rate
from agents.algorithms.settings import LearnerSettings
from agents.core.distributed import ProcessGroup
from games.engine.batch import Workers

Terms = TypeVar("Terms", bound=tuple)


class SliceLoss(NamedTuple):
    """The loss of a slice of a minibatch: where its gradients enter the network, and numbers to report."""

    outputs: list[Tensor]  # of the network
    gradients: list[Tensor]  # of the loss, by each of the outputs
    terms: Tensor  # [K]: this slice's share of each number to report


class StepResult(NamedTuple, Generic[Terms]):
    """One gradient step: its loss's terms and its gradient's norm before clipping, as tensors: reading waits for a GPU."""

    terms: Terms  # a named tuple of scalars, over the whole minibatch of all processes
    grad_norm: Tensor


LossFunction = Callable[[int, int], SliceLoss]  # of the items lo … hi-1 of a minibatch


def micro_batches(lo: int, hi: int, size: int) -> Iterator[tuple[int, int]]:
    """The edges of slices of a range, about `size` long and nearly alike.

    >>> list(micro_batches(10, 17, 2)), list(micro_batches(0, 3, 8))
    ([(10, 11), (11, 13), (13, 15), (15, 17)], [(0, 3)])
    """
    count = max(1, round((hi - lo) / size))
    return pairwise(lo + (hi - lo) * k // count for k in range(count + 1))


def products(outputs: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    """Scalars of which the gradients by the outputs are these: the inner product of each output with its gradient.

    `torch.autograd.grad` takes such gradients as an argument too, but then imports a part of torch's compiler
    (findings/autograd_grad_with_gradients_imports_sympy.sh).

    >>> output = torch.tensor([[1.0, 2.0]], requires_grad=True)
    >>> torch.autograd.grad(products([output], [torch.tensor([[3.0, 4.0]])]), output)
    (tensor([[3., 4.]]),)
    """
    return [torch.dot(output.flatten(), gradient.flatten()) for output, gradient in zip(outputs, gradients, strict=True)]


class GradientStepper(Generic[Terms]):
    """Takes gradient steps on a network: one optimiser, gradients averaged over threads and processes."""

    def __init__(
        self,
        network: nn.Module,
        settings: LearnerSettings,
        device: torch.device,
        workers: Workers,
        group: ProcessGroup,
        terms_type: type[Terms],
    ):
        """terms_type: the named tuple of what a loss reports."""
        self.network, self.settings, self.device = network, settings, device
        self.workers, self.group, self.terms_type = workers, group, terms_type
        self.updates = 0  # gradient steps so far
        self.parameters: list[nn.Parameter] = []  # that learn
        self.gradient = torch.empty(0)  # of all of them, one after the other
        self.set_trainable([], freeze=False)

    def set_trainable(self, copied: list[str], freeze: bool) -> None:
        """Begin with a new optimiser: parameters named in `copied` learn at `copied_rate`; freeze: the encoder not at all."""
        named = [
            (name, parameter)
            for name, parameter in self.network.named_parameters()
            if not (freeze and name.startswith("encoder."))
        ]
        for parameter in self.network.parameters():
            parameter.requires_grad = not freeze
        for _, parameter in named:
            parameter.requires_grad = True
        self.parameters = [parameter for _, parameter in named]
        sizes = [parameter.numel() for parameter in self.parameters]
        self.gradient = torch.zeros(sum(sizes), device=self.device)
        for parameter, part in zip(self.parameters, self.gradient.split(sizes), strict=True):
            parameter.grad = part.view(parameter.shape)  # fused optimisers go by the place in memory, whatever the strides
        groups = [
            {"params": [parameter for name, parameter in named if name not in copied], "share": 1.0},
            {"params": [parameter for name, parameter in named if name in copied], "share": self.settings.copied_rate},
        ]
        self.optimizer = make_optimizer([group for group in groups if group["params"]], self.settings, self.device)

    def set_learning_rate(self, progress: float) -> float:
        """Follow the schedule to some progress (0 to 1) of the run; the learning rate now in force."""
        settings = self.settings
        rate = scheduled_rate(settings.learning_rate, settings.schedule, settings.warmup, progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        return rate

    def step(self, count: int, micro_batch_size: int, loss: LossFunction) -> StepResult[Terms]:
        """Take one step on the sum of `loss(lo, hi)` over slices of a minibatch.

        count: items of this process's minibatch, which may be 0; sums are those of all processes.
        micro_batch_size: items of one backward pass, about.
        Raises FloatingPointError, and changes nothing, where the loss or a gradient is not finite (on a CPU).
        """
        num_terms = len(self.terms_type._fields)  # type: ignore[attr-defined]

        def slice_sums(lo: int, hi: int, worker: int) -> Tensor:
            """Gradients and terms of a thread's share, [parameters + terms]."""
            sums: Tensor | None = None
            for start, stop in micro_batches(lo, hi, micro_batch_size):
                outputs, gradients, terms = loss(start, stop)
                new = (*torch.autograd.grad(products(outputs, gradients), self.parameters), terms)
                flat = torch.cat([tensor.flatten() for tensor in new])
                sums = flat if sums is None else sums.add_(flat)
            assert sums is not None
            return sums

        empty = [self.gradient.new_zeros(len(self.gradient) + num_terms)]
        sums, *more = self.workers.run(count, slice_sums) if count else empty
        for other in more:
            sums += other
        gradient, terms = self.group.all_reduce(sums).split([len(self.gradient), num_terms])
        terms = terms.clone()  # it is kept: a view of it would keep the whole gradient
        norm = torch.linalg.vector_norm(gradient)
        if self.device.type == "cpu" and not isfinite(norm + terms.sum()):  # reading them would wait for a GPU
            self.gradient.copy_(gradient)
            raise FloatingPointError(self._not_finite(terms))  # before clipping, which makes all of them NaN
        torch.mul(gradient, (self.settings.max_grad_norm / (norm + 1e-6)).clamp(max=1.0), out=self.gradient)
        self.optimizer.step()
        self.updates += 1
        return StepResult(self.terms_type(*terms.unbind()), norm)

    def _not_finite(self, terms: Tensor) -> str:
        """The first number of the last gradient step that is not finite, in words."""
        for name, parameter in self.network.named_parameters():
            if not parameter.isfinite().all():
                return f"the weight {name}"
        if not terms.isfinite().all():
            return "the loss"
        names = {id(parameter): name for name, parameter in self.network.named_parameters()}
        bad = [
            names[id(parameter)]
            for parameter in self.parameters
            if parameter.grad is not None and not parameter.grad.isfinite().all()
        ]
        return f"the gradient of {bad[0]}" if bad else "the norm of the gradients"

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """The optimiser's tensors, as `number of the parameter.slot`."""
        slots = self.optimizer.state_dict()["state"].items()
        return {f"{number}.{name}": tensor for number, each in slots for name, tensor in each.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take what `state` gave. `ValueError` where it is of other weights or of another optimiser."""
        slots: dict[int, dict[str, Tensor]] = {}
        sizes = [parameter.numel() for group in self.optimizer.param_groups for parameter in group["params"]]
        for name, tensor in tensors.items():
            number, _, slot = name.partition(".")
            if not number.isdecimal() or int(number) >= len(sizes) or tensor.numel() not in (1, sizes[int(number)]):
                raise ValueError(f"the optimizer's {slot} is of other weights")
            slots.setdefault(int(number), {})[slot] = tensor
        names = optimizer_slots(self.settings)
        if any(set(each) != names for each in slots.values()):
            raise ValueError(f"{self.settings.optimizer} keeps {', '.join(sorted(names)) or 'nothing'} of each weight")
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": slots})
