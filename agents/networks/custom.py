"""Networks of a user's own: a file with a class that builds on `agents.networks.Encoder`. docs/agents.md has an example.

Such a file runs only where a person names it (`--network ./my_net.py`). Settings, and so agents' files and runs, keep its name
and a SHA-256 of what it says; no path in them is followed. Who uses them names the file again, and it must say the same.
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
CLOSE = 1e-3  # how much features may differ with the other rows of a batch, as a share of the greatest
Made = TypeVar("Made")


@dataclass
class CustomNetwork:
    """A file that was named."""

    name: str  # the file's without .py
    digest: str
    shown: str  # its path as the user typed it
    module: types.ModuleType
    tree: ast.Module
    kind: type[Encoder]

    def wrong(self, what: str, method: str = "") -> UserError:
        """An error that names the line of the class, or of one of its methods."""
        node: Any = next(one for one in self.tree.body if isinstance(one, ast.ClassDef) and one.name == self.kind.__name__)
        node = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == method), node)
        return UserError(f"{self.shown} line {node.lineno}: {what}\n{POINTER}")

    def call(self, function: Callable[[], Made], doing: str) -> Made:
        """What a function of the file gives; where it raises, an error that names the line."""
        try:
            return function()
        except UserError:
            raise
        except Exception as error:
            said = str(error).strip().partition("\n")[0][:200]
            line = contract.line_of(error, self.module)
            place = f" line {line}" if line else ""
            raise UserError(f"{self.shown}{place}: {doing}: {type(error).__name__}: {said}\n{POINTER}") from error


LOADED: dict[str, CustomNetwork] = {}  # by digest: the files that were named since the program began


def is_file(name: Any) -> bool:
    """Does it name a file, and not a network that ships?"""
    return isinstance(name, Path) or (isinstance(name, str) and name.endswith(".py"))


def load(file: str | Path) -> CustomNetwork:
    """Run a network's file; from now on what was made with it can be used. `UserError` where it holds none."""
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
    LOADED[digest] = CustomNetwork(path.stem, digest, shown, module, tree, _class(module, tree, shown))
    return LOADED[digest]


def _class(module: types.ModuleType, tree: ast.Module, shown: str) -> type[Encoder]:
    """The file's encoder; of those that build on each other the last."""
    lines = {node.name: node.lineno for node in tree.body if isinstance(node, ast.ClassDef)}
    classes = {name: getattr(module, name, None) for name in lines}
    kinds = {name: one for name, one in classes.items() if isinstance(one, type) and issubclass(one, Encoder)}
    last = [
        name for name, one in kinds.items() if not any(issubclass(other, one) for other in kinds.values() if other is not one)
    ]
    if not kinds:
        seen = f" line {next(iter(lines.values()))}: {next(iter(lines))} does not build on" if lines else ": no class builds on"
        raise UserError(f"{shown}{seen} agents.networks.encoder.Encoder.\n{POINTER}")
    if len(last) > 1:
        found = ", ".join(f"{name} (line {lines[name]})" for name in last)
        raise UserError(f"{shown} holds {len(last)} networks: {found}.\nKeep one in a file; parts of it are nn.Module.")
    return kinds[last[0]]


# --- named again ----------------------------------------------------------------------------------------------------


def known(settings: AgentSettings) -> bool:
    """Can the network of some settings be made here?"""
    return not settings.network_digest or settings.network_digest in LOADED


def require(settings: AgentSettings, whose: str, since: str, how: str) -> None:
    """`UserError` where settings have a network of somebody's own whose file was not named, or says something else now.

    whose: a run or an agent's file. since: what came before the edit. how: to name the file; `FILE` stands for its path.
    """
    if known(settings):
        return
    for own in LOADED.values():
        if own.name == settings.network:
            raise UserError(f"{own.shown} has changed since {since}.\nTake back the edit, or train anew.")
    fits = re.fullmatch(r"[a-z][a-z0-9_]*", settings.network)  # a file's word is not passed on as it comes
    name = settings.network if fits else "my_net"
    raise UserError(
        f"{whose} has a network of somebody's own, {settings.network[:40]!r}.\n{how.replace('FILE', f'./{name}.py')}"
    )


# --- made, and tried ------------------------------------------------------------------------------------------------


def make_encoder(shape: tuple[int, ...], settings: AgentSettings) -> Encoder:
    """The encoder of a file that was named, for observations [stack, *frame]; `UserError` where it cannot be used."""
    require(settings, "What was asked for", "it was asked for", "Name its file: --network FILE")
    own = LOADED[settings.network_digest]
    name, sight = own.kind.__name__, f"{settings.observation} {' × '.join(map(str, shape))}"
    if settings.observation not in own.kind.takes:
        raise own.wrong(f"{name} takes {' and '.join(own.kind.takes)}, not {settings.observation}.")
    made = own.call(lambda: own.kind(shape, settings), f"{name} cannot be made for {sight}")
    features = getattr(made, "features", None)
    if not isinstance(features, int) or features < 1:
        raise own.wrong(f"{name} does not say how many numbers it gives: self.features.", "__init__")
    for parameter, one in made.named_parameters():
        if one.dtype != torch.float32:
            given = str(one.dtype).removeprefix("torch.")
            raise own.wrong(f"the parameter {parameter} is {given}; what learns is float32 here.", "__init__")
    if torch.get_default_device().type != "meta":
        _try_meta(own, shape, settings)
        for dtype in (torch.bfloat16, torch.float32):
            _try(own, made, _examples(made, shape, settings), dtype, sight)
    return made


def _try_meta(own: CustomNetwork, shape: tuple[int, ...], settings: AgentSettings) -> None:
    """An agent's file is compared with the shapes of its network before there is memory for it."""
    with torch.device("meta"):
        own.call(lambda: own.kind(shape, settings), f"{own.kind.__name__} reads values of tensors while it is made")


def _examples(made: Encoder, shape: tuple[int, ...], settings: AgentSettings) -> Tensor:
    """Three observations, as they are stored."""
    chance = np.random.default_rng(0)
    if settings.observation == "objects":
        return torch.from_numpy(made.to_storage(chance.normal(size=(3, *shape)).astype(np.float32)))
    return torch.from_numpy(made.to_storage(chance.integers(0, 256, (3, *shape), np.uint8)))


def _try(own: CustomNetwork, made: Encoder, x: Tensor, dtype: torch.dtype, sight: str) -> None:
    """`UserError` where features have another shape, depend on chance or on other rows, or not on every parameter."""
    name = own.kind.__name__
    found: Any = own.call(lambda: made(x, dtype), f"{name} cannot read {sight}")
    if not isinstance(found, Tensor) or found.shape != (3, made.features) or not found.is_floating_point():
        given = f"{str(found.dtype).removeprefix('torch.')} {list(found.shape)}" if isinstance(found, Tensor) else type(found)
        raise own.wrong(
            f"{name} gives {given} for 3 observations; it must be [3, {made.features}], as self.features.", "forward"
        )
    if not found.isfinite().all():
        raise own.wrong(f"{name} gives what is no number.", "forward")
    if dtype != torch.float32:
        return
    alone = own.call(lambda: made(x[:2], dtype), f"{name} cannot read {sight}")
    if (alone - found[:2]).abs().max() > CLOSE * found.abs().max():
        what = "depend on chance or on the other observations of a batch"
        raise own.wrong(f"features {what}, as with Dropout and BatchNorm: an agent would not act as it learned.", "forward")
    named = dict(made.named_parameters())
    still = [parameter for parameter, one in named.items() if not one.requires_grad]
    if still:
        raise own.wrong(f"the parameter {still[0]} does not learn; what stays as it is belongs in a buffer.", "__init__")
    used = found.requires_grad
    gradients = torch.autograd.grad(found.sum(), list(named.values()), allow_unused=True) if used else [None] * len(named)
    for parameter, gradient in zip(named, gradients, strict=True):
        if gradient is None:
            raise own.wrong(f"the parameter {parameter} is not used in forward.", "forward")
