"""Loads a game file: checks its contract, fills in defaults, and compiles and caches its kernel."""

import ast
import functools
import hashlib
import importlib.util
import inspect
import os
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np

from games import core, heading
from games.engine import cache, contract
from games.errors import UserError

HERE = Path(__file__).parent
GAMES = HERE.parent  # the `games` package: no file in it belongs to a user's own game
KERNEL = HERE / "kernel.py"
ENGINE = (KERNEL, GAMES / "core.py", HERE / "constants.py", HERE / "raster.py", HERE / "loader.py")
# Loops that other processes compile now: (the game's file, the loop) → a function that waits for the process.
COMPILING: dict[tuple[Path, str], Callable[[], Any]] = {}


@core.jit
def _no_build(s):
    pass


@core.jit
def _all_legal(s, seat, mask):
    pass


@core.jit
def _always(s, seat):
    return True


@core.jit
def _all_valid(s):
    return True


@dataclass
class Game:
    """A loaded game file. Every name of the contract (see docs/games.md) is an attribute."""

    module: types.ModuleType
    name: str  # the file's name without .py
    path: Path
    shown: str  # the path as the user typed it
    tree: ast.Module = field(repr=False)  # syntax tree of the file
    shipped: bool  # True for the games of this package
    players: int
    seats: tuple[str, ...]  # names of the seats
    actions: list[str]
    keys: tuple[dict[str, str], ...]
    hands: list[str]  # actions that only people have, numbered after `actions`
    spots: Any  # a clickable rectangle for each action, or None
    frame_skip: int
    max_ticks: int
    turns: bool
    version: int
    state: np.dtype
    mirror: tuple[tuple[str, str], ...] | None  # None: every seat sees the world as it is
    shapes: int
    grid: tuple[int, int] | None
    mark: tuple[str, float]
    recipe: dict[str, dict[str, Any]]
    has_asks: bool
    has_legal: bool  # False: every action is always legal
    has_build: bool
    has_valid: bool  # False: only the engine's own checks tell whether a restored state can be
    functions: dict[str, Any] = field(repr=False)

    @property
    def title(self) -> str:
        """The name in an environment's id: "ConnectFour" for connect_four."""
        return self.heading.replace(" ", "")

    @property
    def heading(self) -> str:
        """The name for people: "Connect Four" for connect_four."""
        return heading(self.name)

    @property
    def env_id(self) -> str:
        """The Gymnasium id: "Sparring/ConnectFour-v1"."""
        return f"Sparring/{self.title}-v{self.version}"

    @property
    def doc(self) -> str:
        """The module's docstring: rule, reward, end."""
        return inspect.cleandoc(self.module.__doc__ or "")

    @property
    def num_actions(self) -> int:
        return len(self.actions)

    @property
    def swap(self) -> np.ndarray:
        """int64 [A]: the view action of each world action in a mirrored view, and the other way round."""
        swap = np.arange(self.num_actions)
        for left, right in self.mirror or ():
            i, j = self.actions.index(left), self.actions.index(right)
            swap[i], swap[j] = j, i
        return swap

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of everything in the game's file that can change observations or rewards.

        It includes the user's own files that the game imports, but no comments, docstrings, `hud`, `valid`, RECIPE, MARK,
        KEYS or SPOTS. An agent trained on a user's own game stores it.
        """
        game_file = Path(str(self.module.__file__)).resolve()
        files = [file for file in _sources(self.module) if file.suffix == ".py" and file.resolve() != game_file]
        imported = sorted((file for file in files if not file.resolve().is_relative_to(GAMES)), key=lambda file: file.name)
        return contract.digest([self.tree, *(ast.parse(file.read_bytes()) for file in imported)])

    def hud(self, s) -> tuple[str, str, str]:
        """The left, middle and right text beside the picture; `s` is a state record."""
        if hasattr(self.module, "hud"):
            return self.module.hud(s)
        return "", "", ""

    @functools.cached_property
    def kernel(self) -> types.ModuleType:
        """`games.engine.kernel`, compiled for this game."""
        return _load_kernel(self)

    def is_compiled(self, *loops: str) -> bool:
        """Whether the cache holds these loops of the kernel (as "step_slice"); compiling one takes seconds."""
        folder = _cache_folder(self)
        return all(any(folder.rglob(f"*.{loop}-*.nbc")) for loop in loops)

    def frame_dtype(self) -> np.dtype:
        """The record of one display list of this game."""
        return core.frame_dtype(self.shapes, self.grid)


def load_file(path: Path, shipped: bool = False, shown: str | None = None) -> Game:
    """Load a game file; `UserError` if it violates the contract. shown: its path as the user typed it."""
    shown = shown or (path.name if shipped else str(path))
    name = path.stem
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"{shown}: a game's file is named in lower case, like my_game.py")
    source = path.read_bytes()
    tree = contract.parse(source, shown)
    module = importlib.import_module(f"games.{name}") if shipped else run_file(path, f"sparring_game_{name}", source, shown)
    contract.check_values(module, shown)
    contract.check_text(tree, module, shown)
    return _game(module, name, path.resolve(), shipped, shown, tree)


def run_file(path: Path, name: str, source: bytes, shown: str) -> types.ModuleType:
    """Import a user's own file under the module name `name`_<hash of its source>; an unchanged file runs only once."""
    digest = hashlib.sha256(source).hexdigest()[:12]  # of the source alone: the cache works wherever the file lies
    module_name = f"{name}_{digest}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise contract.load_error(error, module, shown) from error
    return module


def _game(module: types.ModuleType, name: str, path: Path, shipped: bool, shown: str, tree: ast.Module) -> Game:
    """A `Game` from a module that keeps the contract, with defaults for the names it leaves out."""
    get = functools.partial(getattr, module)
    players, mirror = get("PLAYERS"), get("MIRROR", None)
    two_seats = ("left", "right") if mirror is not None else ("player 1", "player 2")
    return Game(
        module=module,
        name=name,
        path=path,
        shown=shown,
        tree=tree,
        shipped=shipped,
        players=players,
        seats=tuple(get("SEATS", two_seats if players == 2 else ("player",))),
        actions=list(get("ACTIONS")),
        keys=tuple(get("KEYS")),
        hands=list(get("HANDS", [])),
        spots=get("SPOTS", None),
        frame_skip=get("FRAME_SKIP", 4),
        max_ticks=get("MAX_TICKS"),
        turns=bool(get("TURNS", False)),
        version=get("VERSION"),
        state=get("STATE"),
        mirror=None if mirror is None else tuple(mirror),
        shapes=get("SHAPES", 64),
        grid=get("GRID", None),
        mark=tuple(get("MARK")),
        recipe=dict(get("RECIPE")),
        has_asks=hasattr(module, "asks"),
        has_legal=hasattr(module, "legal"),
        has_build=hasattr(module, "build"),
        has_valid=hasattr(module, "valid"),
        functions=_functions(module, shown),
    )


def _functions(module: types.ModuleType, shown: str) -> dict[str, Any]:
    """The functions that the kernel calls, with defaults for those the file leaves out."""
    functions = {name: getattr(module, name) for name in ("reset", "step", "draw", "bot")}
    for name, default in (("build", _no_build), ("legal", _all_legal), ("asks", _always), ("valid", _all_valid)):
        functions[name] = getattr(module, name, default)
    for name, function in functions.items():
        if not core.PLAIN and not isinstance(function, numba.core.dispatcher.Dispatcher):
            raise contract.contract_error(shown, f"the function {name} lacks its @jit.")
    return functions


# --- the compiled kernel --------------------------------------------------------------------------------------------


def _sources(module: types.ModuleType) -> set[Path]:
    """The files that a game's compiled code depends on: its own, and those of everything it imports, recursively."""
    libraries = tuple(str(Path(m.__file__ or "").parent) for m in (np, numba, os))
    found: set[Path] = set()
    queue = [module]
    while queue:
        current = queue.pop()
        file = getattr(current, "__file__", None)
        if not file or Path(file) in found or file.startswith(libraries):
            continue
        found.add(Path(file))
        for value in vars(current).values():
            if isinstance(value, types.ModuleType):
                queue.append(value)
            else:
                owner = sys.modules.get(getattr(value, "__module__", None) or "")
                if owner is not None and owner is not current:
                    queue.append(owner)
    return found


def _cache_folder(game: Game) -> Path:
    """The folder of a game's compiled loops, as they are now."""
    return cache.versioned(game.name, {*ENGINE, *_sources(game.module)}, game.module.__name__, editable=game.path)


def _load_kernel(game: Game) -> types.ModuleType:
    """Load `games.engine.kernel` as a module of its own for this game; its loops compile at their first call."""
    folder = _cache_folder(game)
    name = f"games.engine.kernel_{folder.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, KERNEL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    vars(module)["GAME"] = {
        **game.functions,
        "HAS_ASKS": game.has_asks,
        "HAS_BUILD": game.has_build,
        "PLAYERS": game.players,
        "NUM_ACTIONS": game.num_actions,
        "MAX_TICKS": game.max_ticks,
        "SHAPES": game.shapes,
        "GRID": game.grid,
        "MIRRORED": game.mirror is not None,
    }
    sys.modules[name] = module
    with cache.numba_caches_in(folder):
        spec.loader.exec_module(module)
    for value in list(vars(module).values()):
        if isinstance(value, numba.core.dispatcher.Dispatcher) and value.__module__ == name:
            _wrap_compile(game, value)
    return module


def _no_wait() -> None:
    pass


def _wrap_compile(game: Game, loop: Any) -> None:
    """Make a loop wait for the process that compiles it (`games.engine.precompile`), and turn numba's errors into ours."""
    numba_compile = loop.compile

    def compile_loop(signature):
        COMPILING.pop((game.path, loop.__name__), _no_wait)()
        try:
            return numba_compile(signature)
        except numba.core.errors.NumbaError as error:
            raise contract.compile_error(error, game.tree, game.path, game.shown) from error

    loop.compile = compile_loop
