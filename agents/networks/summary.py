"""The layers of a network, with their parameters and the multiply-adds of one decision.

They are traced from a decision: each operation on the observation is counted for the modules whose parameters it uses,
directly or after operations on parameters alone. So this works for any network, however it is written.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from agents.networks.network import Network


@dataclass
class Layer:
    """A module of a network that has parameters of its own."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of its output for one decision
    parameters: int
    multiply_adds: int  # for one decision


class Trace(TorchDispatchMode):
    """Records, while a network decides, the output shape and the cost of each of its modules."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.costs: dict[str, int] = {}  # multiply-adds of each module, in the order of their first use
        self.shapes: dict[str, tuple[int, ...]] = {}  # of the last output of each
        self._sources: dict[int, set[str]] = {}  # id of a tensor computed from parameters alone → their modules
        self._alive: list[Any] = []  # these tensors, so that no other tensor gets their id
        for name, parameter in network.named_parameters():
            self._add_source(parameter, {name.rpartition(".")[0]})

    def _add_source(self, tensor: Any, modules: set[str]) -> None:
        if isinstance(tensor, Tensor):
            self._sources[id(tensor)] = modules
            self._alive.append(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        out = func(*args, **kwargs)
        modules = {module for tensor in inputs for module in self._sources.get(id(tensor), ())}
        if inputs and all(id(tensor) in self._sources for tensor in inputs):
            for leaf in tree_leaves(out):
                self._add_source(leaf, modules)
        elif modules:
            count = flop_registry.get(func.overloadpacket)
            cost = count(*args, **kwargs, out_val=out) // 2 if count else 0
            for module in sorted(modules):
                self.costs[module] = self.costs.get(module, 0) + cost
                self.shapes[module] = tuple(next(leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)).shape)
        return out


def layers(network: Network, shape: tuple[int, ...], dtype: type = np.uint8) -> list[Layer]:
    """The layers of a network for observations [stack, *frame] of `dtype`, in the order in which a decision uses them."""
    observation = np.zeros((1, *shape), dtype)
    stored = torch.from_numpy(network.encoder.to_storage(observation))
    state = None if network.memory is None else network.memory.initial_state(1)
    with torch.no_grad(), Trace(network) as trace:
        network.step(stored, state)
    return [_layer(network, name, cost, trace.shapes[name]) for name, cost in trace.costs.items()]


def _layer(network: Network, name: str, cost: int, shape: tuple[int, ...]) -> Layer:
    module = network.get_submodule(name)
    if isinstance(module, nn.LSTM):
        shape = (1, module.hidden_size)  # the traced output was the sums before its gates
    parameters = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    return Layer(name, kind(module), shape[1:] if shape[0] == 1 else shape, parameters, cost)


def kind(module: nn.Module) -> str:
    """A short description of a layer.

    >>> kind(nn.Conv2d(4, 16, 3, 2)), kind(nn.Conv2d(8, 8, 3, groups=8)), kind(nn.Linear(2, 3))
    ('conv 3 × 3 / 2', 'depthwise 3 × 3', 'linear')
    """
    if isinstance(module, nn.Conv2d):
        size = " × ".join(map(str, module.kernel_size))
        step = f" / {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"{'depthwise' if module.groups == module.in_channels > 1 else 'conv'} {size}{step}"
    if isinstance(module, nn.LSTM):
        return f"lstm, {module.num_layers} layer{'s'[: module.num_layers - 1]}"
    return type(module).__name__.lower()
