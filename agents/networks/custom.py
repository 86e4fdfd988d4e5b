"""Custom networks: a user's file with a class derived from `agents.networks.Encoder`. docs/agents.md has an example.

Such a file runs only when a person names it (`--network ./my_net.py`). Settings, and so agents' files and runs, keep its name
and a SHA-256 of its code; no path in them is followed. Users of an agent name the file again, and its code must be the same.
"""

import ast
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from agents.core.settings import AgentSettings
from agents.networks.encoder import Encoder
from agents.networks.registry import ENCODERS
from games.engine import contract
from games.engine.loader import run_file
from games.errors import UserError

POINTER = "docs/agents.md, 'A network of your own', has a whole one."
CLOSE = 1e-3  # allowed difference of features with the other rows of a batch, as a fraction of the greatest
Result = TypeVar("Result")


@dataclass
class CustomNetwork:
    """A custom network's file, loaded."""

    name: str  # of the file, without .py
    digest: str
    shown: str  # its path as the user typed it
    module: types.ModuleType
    tree: ast.Module
    encoder_class: type[Encoder]

    def error(self, problem: str, method: str = "") -> UserError:
        """An error that names the line of the class, or of one of its methods."""
        name = self.encoder_class.__name__
        found = next(node for node in self.tree.body if isinstance(node, ast.ClassDef) and node.name == name)
        line = next(
            (node.lineno for node in found.body if isinstance(node, ast.FunctionDef) and node.name == method), found.lineno
        )
        return UserError(f"{self.shown} line {line}: {problem}\n{POINTER}")

    def call(self, function: Callable[[], Result], failure: str) -> Result:
        """Call a function of the file; if it raises, a `UserError` names the line. failure: what failed, for that error."""
        try:
            return function()
        except UserError:
            raise
        except Exception as error:
            said = str(error).strip().partition("\n")[0][:200]
            line = contract.line_of(error, self.module)
            place = f" line {line}" if line else ""
            raise UserError(f"{self.shown}{place}: {failure}: {type(error).__name__}: {said}\n{POINTER}") from error


LOADED: dict[str, CustomNetwork] = {}  # by digest: the files named since the program started


def is_file(name: Any) -> bool:
    """True if a network's name is a file, not a network that ships."""
    return isinstance(name, Path) or (isinstance(name, str) and name.endswith(".py"))


def load(file: str | Path) -> CustomNetwork:
    """Run a network's file, so that agents with this network can be used. `UserError` if it holds no network."""
    shown, path = str(file), Path(file)
    if not is_file(file):
        raise UserError(f"'{shown}' is no file of a network of your own; such a file ends in .py: --network ./my_net.py")
    if not path.is_file():
        raise UserError(f"There is no network file {shown}.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
        raise UserError(f"{shown}: a network's file is named in lower case, like my_net.py")
    if path.stem in ENCODERS:
        raise UserError(f"{shown}: there is a network called {path.stem} already; give the file another name.")
    source = path.read_bytes()
    tree = contract.parse(source, shown)
    module = run_file(path, f"sparring_network_{path.stem}", source, shown)
    digest = contract.digest([tree], unseen=frozenset())
    LOADED[digest] = CustomNetwork(path.stem, digest, shown, module, tree, _encoder_class(module, tree, shown))
    return LOADED[digest]


def _encoder_class(module: types.ModuleType, tree: ast.Module, shown: str) -> type[Encoder]:
    """The file's encoder; of classes that derive from each other the last."""
    lines = {node.name: node.lineno for node in tree.body if isinstance(node, ast.ClassDef)}
    members = {name: getattr(module, name, None) for name in lines}
    encoders = {name: member for name, member in members.items() if isinstance(member, type) and issubclass(member, Encoder)}
    last = [name for name, base in encoders.items() if not any(issubclass(c, base) for c in encoders.values() if c is not base)]
    if not encoders:
        seen = f" line {next(iter(lines.values()))}: {next(iter(lines))} does not build on" if lines else ": no class builds on"
        raise UserError(f"{shown}{seen} agents.networks.encoder.Encoder.\n{POINTER}")
    if len(last) > 1:
        found = ", ".join(f"{name} (line {lines[name]})" for name in last)
        raise UserError(f"{shown} holds {len(last)} networks: {found}.\nKeep one in a file; parts of it are nn.Module.")
    return encoders[last[0]]


# --- an agent's network, whose file is named again --------------------------------------------------------------------


def is_available(settings: AgentSettings) -> bool:
    """True if the network that settings name can be made: it ships, or its file has been loaded."""
    return not settings.network_digest or settings.network_digest in LOADED


def require(settings: AgentSettings, whose: str, since: str, how: str) -> None:
    """Raise `UserError` if settings name a custom network whose file has not been loaded, or has changed.

    For the messages: whose, a run or an agent's file; since, the event before the edit; how to name the file, as `FILE`.
    """
    if is_available(settings):
        return
    for network in LOADED.values():
        if network.name == settings.network:
            raise UserError(f"{network.shown} has changed since {since}.\nTake back the edit, or train anew.")
    fits = re.fullmatch(r"[a-z][a-z0-9_]*", settings.network)  # the text of a file is not trusted
    name = settings.network if fits else "my_net"
    raise UserError(
        f"{whose} has a network of somebody's own, {settings.network[:40]!r}.\n{how.replace('FILE', f'./{name}.py')}"
    )


# --- making and checking it -----------------------------------------------------------------------------------------


def make_encoder(shape: tuple[int, ...], settings: AgentSettings) -> Encoder:
    """The encoder of a loaded file, for observations [stack, *frame]; `UserError` if it cannot be used."""
    require(settings, "What was asked for", "it was asked for", "Name its file: --network FILE")
    network = LOADED[settings.network_digest]
    encoder_class, seen = network.encoder_class, f"{settings.observation} {' × '.join(map(str, shape))}"
    name = encoder_class.__name__
    if settings.observation not in encoder_class.takes:
        raise network.error(f"{name} takes {' and '.join(encoder_class.takes)}, not {settings.observation}.")
    encoder = network.call(lambda: encoder_class(shape, settings), f"{name} cannot be made for {seen}")
    features = getattr(encoder, "features", None)
    if not isinstance(features, int) or features < 1:
        raise network.error(f"{name} does not say how many numbers it gives: self.features.", "__init__")
    for parameter, tensor in encoder.named_parameters():
        if tensor.dtype != torch.float32:
            dtype_name = str(tensor.dtype).removeprefix("torch.")
            raise network.error(f"the parameter {parameter} is {dtype_name}; what learns is float32 here.", "__init__")
    if torch.get_default_device().type != "meta":
        _check_meta(network, shape, settings)
        for dtype in (torch.bfloat16, torch.float32):
            _check_features(network, encoder, _examples(encoder, shape, settings), dtype, seen)
    return encoder


def _check_meta(network: CustomNetwork, shape: tuple[int, ...], settings: AgentSettings) -> None:
    """Raise `UserError` if it cannot be made on the meta device, where the shapes in an agent's file are checked."""
    encoder_class = network.encoder_class
    with torch.device("meta"):
        network.call(
            lambda: encoder_class(shape, settings), f"{encoder_class.__name__} reads values of tensors while it is made"
        )


def _examples(encoder: Encoder, shape: tuple[int, ...], settings: AgentSettings) -> Tensor:
    """Three random observations, as they are stored."""
    rng = np.random.default_rng(0)
    if settings.observation == "objects":
        return torch.from_numpy(encoder.to_storage(rng.normal(size=(3, *shape)).astype(np.float32)))
    return torch.from_numpy(encoder.to_storage(rng.integers(0, 256, (3, *shape), np.uint8)))


def _check_features(network: CustomNetwork, encoder: Encoder, x: Tensor, dtype: torch.dtype, seen: str) -> None:
    """Raise `UserError` if features have another shape, depend on chance or other rows, or not on every parameter."""
    name = network.encoder_class.__name__
    found: Any = network.call(lambda: encoder(x, dtype), f"{name} cannot read {seen}")
    if not isinstance(found, Tensor) or found.shape != (3, encoder.features) or not found.is_floating_point():
        given = f"{str(found.dtype).removeprefix('torch.')} {list(found.shape)}" if isinstance(found, Tensor) else type(found)
        raise network.error(
            f"{name} gives {given} for 3 observations; it must be [3, {encoder.features}], as self.features.", "forward"
        )
    if not found.isfinite().all():
        raise network.error(f"{name} gives what is no number.", "forward")
    if dtype != torch.float32:
        return
    two = network.call(lambda: encoder(x[:2], dtype), f"{name} cannot read {seen}")
    if (two - found[:2]).abs().max() > CLOSE * found.abs().max():
        cause = "depend on chance or on the other observations of a batch"
        raise network.error(
            f"features {cause}, as with Dropout and BatchNorm: an agent would not act as it learned.", "forward"
        )
    parameters = dict(encoder.named_parameters())
    frozen = [parameter for parameter, tensor in parameters.items() if not tensor.requires_grad]
    if frozen:
        raise network.error(f"the parameter {frozen[0]} does not learn; what stays as it is belongs in a buffer.", "__init__")
    tensors = list(parameters.values())
    gradients = torch.autograd.grad(found.sum(), tensors, allow_unused=True) if found.requires_grad else [None] * len(tensors)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            raise network.error(f"the parameter {parameter} is not used in forward.", "forward")
