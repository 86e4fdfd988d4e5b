"""The table of a network: its layers, their parameters, and what one decision costs. `train.py … --describe` prints it.

It is read from a decision itself: which parameters every operation on what was seen uses, whatever it makes of them before.
So it holds for any network, however it is written.
"""

import math
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from agents.core.settings import AgentSettings
from agents.networks.network import Network
from agents.play.agent import Agent, build_network, describe_agent, frame_shape_of
from agents.play.agent_info import AgentInfo
from games.engine.loader import Game


@dataclass
class Layer:
    """A part of a network that has parameters of its own."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of what it gives for one decision
    parameters: int
    multiply_adds: int  # for one decision


class Trace(TorchDispatchMode):
    """Notes, while a network decides, what each of its parts gives and costs."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.costs: dict[str, int] = {}  # multiply-adds of each module, in the order of their first use
        self.shapes: dict[str, tuple[int, ...]] = {}  # of the last thing that came from each
        self._sources: dict[int, set[str]] = {}  # tensors that are made of parameters alone: of which modules
        self._alive: list[Any] = []  # so that no other tensor gets their id
        for name, parameter in network.named_parameters():
            self._note(parameter, {name.rpartition(".")[0]})

    def _note(self, tensor: Any, modules: set[str]) -> None:
        if isinstance(tensor, Tensor):
            self._sources[id(tensor)] = modules
            self._alive.append(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        out = func(*args, **kwargs)
        modules = {module for one in given for module in self._sources.get(id(one), ())}
        if given and all(id(one) in self._sources for one in given):
            for one in tree_leaves(out):
                self._note(one, modules)
        elif modules:
            count = flop_registry.get(func.overloadpacket)
            cost = count(*args, **kwargs, out_val=out) // 2 if count else 0
            for module in sorted(modules):
                self.costs[module] = self.costs.get(module, 0) + cost
                self.shapes[module] = tuple(next(one for one in tree_leaves(out) if isinstance(one, Tensor)).shape)
        return out


def layers(network: Network, shape: tuple[int, ...]) -> list[Layer]:
    """The layers of a network for observations [stack, *frame], in the order in which a decision uses them."""
    observation = np.zeros((1, *shape), np.float32 if len(shape) == 2 else np.uint8)
    stored = torch.from_numpy(network.encoder.to_storage(observation))
    state = None if network.memory is None else network.memory.initial_state(1)
    with torch.no_grad(), Trace(network) as trace:
        network.step(stored, state)
    return [_layer(network, name, cost, trace.shapes[name]) for name, cost in trace.costs.items()]


def _layer(network: Network, name: str, cost: int, shape: tuple[int, ...]) -> Layer:
    module = network.get_submodule(name)
    if isinstance(module, nn.LSTM):
        shape = (1, module.hidden_size)  # what was seen last are the sums before its gates
    own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    return Layer(name, kind(module), shape[1:] if shape[0] == 1 else shape, own, cost)


def kind(module: nn.Module) -> str:
    """What a layer is, in a few words.

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


def file_bytes(game: Game, info: AgentInfo, network: Network) -> int:
    """How large the agent's file is, before there is a score in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.safetensors"
        Agent(game, info, network).save(path)
        return path.stat().st_size


def description(game: Game, settings: AgentSettings, algorithm: str) -> dict[str, Any]:
    """All that `--describe` tells of the network that settings make, as a JSON object."""
    network = build_network(game, settings, algorithm)
    shape = (settings.stack, *frame_shape_of(game, settings))
    found = layers(network, shape)
    return {
        "game": game.name,
        "algorithm": algorithm,
        "network": settings.network,
        "memory": settings.memory,
        "observation": settings.observation,
        "input": list(shape),
        "layers": [asdict(layer) for layer in found],
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "multiply_adds": sum(layer.multiply_adds for layer in found),
        "file_bytes": file_bytes(game, describe_agent(game, settings, algorithm), network),
    }


def show(found: dict[str, Any], heading: str) -> None:
    """Print a description as a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    memory = "" if found["memory"] == "none" else f" + {found['memory']}"
    title = f"{heading}: {found['algorithm']}, {found['network']}{memory}, {found['observation']} {_by(found['input'])}"
    table = Table(title=title, title_justify="left", title_style="bold", show_footer=True, box=box.SIMPLE_HEAD)
    table.add_column("layer", "total", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("parameters", f"{found['parameters']:,}", justify="right", no_wrap=True)
    table.add_column("multiply-adds", f"{found['multiply_adds']:,}", justify="right", no_wrap=True)
    for layer in found["layers"]:
        numbers = (f"{layer['parameters']:,}", f"{layer['multiply_adds']:,}")
        table.add_row(layer["name"].removeprefix("encoder."), layer["kind"], _by(layer["shape"]), *numbers)
    table.caption, table.caption_justify = f"One decision; the agent's file has {_size(found['file_bytes'])}.", "left"
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 120  # nothing cut off in a file
    console.print(table)


def _by(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))


def _size(count: int) -> str:
    """Bytes as people read them.

    >>> _size(812), _size(415_000), _size(6_700_000)
    ('812 B', '415 kB', '6.7 MB')
    """
    power = 0 if count < 1000 else min(3, int(math.log10(count)) // 3)
    value, unit = count / 1000**power, ("B", "kB", "MB", "GB")[power]
    return f"{value:.1f} {unit}" if power and value < 10 else f"{value:.0f} {unit}"
