"""Loads a game file: checks its contract, fills in defaults, and compiles and caches its kernel.

A file is loaded and compiled once in a process; a file whose contents have changed is loaded anew.
"""

import ast
import contextlib
import functools
import hashlib
import importlib.machinery
import importlib.util
import inspect
import os
import re
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np

import games
from games import core, heading
from games.engine import cache, contract, kept_code
from games.engine.players import People
from games.errors import UserError

HERE = Path(__file__).parent
GAMES = HERE.parent  # the `games` package: no file in it belongs to a user's own game
KERNEL = HERE / "kernel.py"
ENGINE = (KERNEL, GAMES / "core.py", HERE / "constants.py", HERE / "raster.py", HERE / "loader.py")
# Loops that other processes compile now: (the game's file, the loop) → a function that waits for the process.
COMPILING: dict[tuple[Path, str], Callable[[], Any]] = {}
# The loaded games by (path, path as typed), each with the digests of the files that it was loaded from.
LOADED: dict[tuple[Path, str], tuple["Game", dict[Path, str]]] = {}
SHIPPED: dict[str, str] = {}  # the digest of the source of each loaded game of this package, by name
LOCK = threading.RLock()  # of loading, and of numba's global setting for the cache folder


@core.jit
def _no_build(s):
    pass


@core.jit
def _no_level(s, level):
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
    rewards: str  # how those of two seats are related, one of `games.engine.constants.REWARDS`
    actions: list[str]
    keys: tuple[dict[str, str], ...]
    hands: list[str]  # actions that only people have, numbered after `actions`
    spots: list[Any] | None  # of each action, then of each of `hands`, a clickable rectangle, or None
    frame_skip: int
    max_ticks: int
    turns: bool
    version: int
    state: np.dtype
    level: np.dtype | None  # a level as data; None: levels are numbers alone
    mirror: tuple[tuple[str, str], ...] | None  # None: every seat sees the world as it is
    shapes: int
    grid: tuple[int, int] | None
    world: tuple[float, float]  # width and height, world units; larger than the picture only with a camera
    mark: tuple[str, float]
    recipe: dict[str, dict[str, Any]]
    people: dict[str, Any] | None  # how simulated people play it; None: they cannot
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
    def competitive(self) -> bool:
        """Whether one of two seats wins: what one earns, the other loses."""
        return self.players == 2 and self.rewards == "zero-sum"

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
        KEYS, SPOTS or PEOPLE. An agent trained on a user's own game stores it.
        """
        return contract.digest([self.tree, *(ast.parse(file.read_bytes()) for file in self.imported_files())])

    def imported_files(self) -> list[Path]:
        """The user's own files that the game imports, sorted by name."""
        game_file = Path(str(self.module.__file__)).resolve()
        files = [file for file in _sources(self.module) if file.suffix == ".py" and file.resolve() != game_file]
        return sorted((file for file in files if not file.resolve().is_relative_to(GAMES)), key=lambda file: file.name)

    def uses(self, verb: str) -> bool:
        """Whether the game's file, or one that it imports, names a verb of `games.core`."""
        trees = [self.tree, *(ast.parse(file.read_bytes()) for file in self.imported_files())]
        named = {ast.Name: "id", ast.Attribute: "attr", ast.alias: "name"}
        nodes = (node for tree in trees for node in ast.walk(tree) if type(node) in named)
        return any(getattr(node, named[type(node)]) == verb for node in nodes)

    def hud(self, s, people: People | None = None) -> tuple[str, str, str]:
        """The left, middle and right text beside the picture; `s` is a state record. people: None for machines alone."""
        hud = getattr(self.module, "hud", None)
        if hud is None:
            return "", "", ""
        if not _names_people(hud):
            return hud(s)
        nobody = (False,) * self.players
        return hud(s, people or People(nobody, nobody))

    def texts(self, s, returns: Sequence[float], people: People | None = None) -> tuple[str, str, str]:
        """The texts of `hud`; where it has none and nobody wins, the seats' returns: a shared one stands in the middle."""
        texts = self.hud(s, people)
        if any(texts) or self.competitive:
            return texts
        scores = [f"{each:g}" for each in returns]
        return ("", scores[0], "") if self.rewards == "shared" else (scores[0], "", "".join(scores[1:]))

    @functools.cached_property
    def kernel(self) -> types.ModuleType:
        """`games.engine.kernel`, compiled for this game."""
        with LOCK:
            return _load_kernel(self)

    def cache_folder(self) -> Path:
        """The folder of this game's compiled code, as its file and the engine's are now."""
        return _cache_folder(self)

    def is_compiled(self, *loops: str) -> bool:
        """Whether the cache holds these loops of the kernel (as "step_slice"); compiling one takes seconds."""
        folder = _cache_folder(self)
        return all(any(folder.rglob(f"*.{loop}-*.nbc")) for loop in loops)

    def frame_dtype(self) -> np.dtype:
        """The record of one display list of this game."""
        return core.frame_dtype(self.shapes, self.grid)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Game":
        return self  # nothing in it changes

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle names the game's file, which must be the same where it is opened."""
        return unpickled, (self.name if self.shipped else self.path, self.digest)


@functools.lru_cache(maxsize=16)  # of the games that are played; each keeps its module
def _names_people(hud: Callable[..., Any]) -> bool:
    """Whether a game's `hud` is told who plays."""
    return len(inspect.signature(hud).parameters) > 1


def load_file(path: Path, shipped: bool = False, shown: str | None = None) -> Game:
    """Load a game file; `UserError` if it violates the contract. shown: its path as the user typed it.

    The same `Game` again while the file, and the user's own files that it imports, have the same contents.
    """
    shown = shown or (path.name if shipped else str(path))
    if not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
        raise UserError(f"{shown}: a game's file is named in lower case, like my_game.py")
    key = (path.resolve(), shown)
    with LOCK:
        game, digests = LOADED.get(key, (None, {}))
        if game is None or _have_changed(digests):
            source = path.read_bytes()
            stale = [old for (place, _), (old, seen) in LOADED.items() if place == key[0] and _have_changed(seen)]
            with _imports_again(stale[0] if stale else None):
                game = _load(path, source, shipped, shown)
            imported = {file: _digest(file) for file in game.imported_files()}
            LOADED[key] = game, {game.path: hashlib.sha256(source).hexdigest(), **imported}
        return game


def _have_changed(digests: dict[Path, str]) -> bool:
    """Whether files are others than those of these digests."""
    return any(_digest(file) != digest for file, digest in digests.items())


@contextlib.contextmanager
def _imports_again(game: Game | None) -> Iterator[None]:
    """Within it, the game's file and the user's own files that it has imported are run anew where they are imported.

    Where that raises, what was loaded stays. None: nothing was.
    """
    imported = {file.resolve() for file in game.imported_files()} if game is not None else set()
    if game is None or not imported:
        yield
        return
    files = {game.path, *imported}
    before = {name: module for name, module in sys.modules.items() if _file_of(module) in files}
    for name in before:
        del sys.modules[name]
    for file in imported:  # Python would take a compiled file of the same second and size for that of the edited one
        with contextlib.suppress(OSError, NotImplementedError):
            Path(importlib.util.cache_from_source(str(file))).unlink()
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        sys.modules.update(before)
        raise


def _file_of(module: types.ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if isinstance(file, str) else None


def _digest(file: Path) -> str:
    """SHA-256 of a file; empty if there is none any more."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def unpickled(game: str | Path, digest: str) -> Game:
    """The game that was pickled; `UserError` if its file is another now."""
    loaded = games.load(game)
    if loaded.digest != digest:
        raise UserError(
            f"{loaded.shown} is not the game that was saved: its file has changed.\nTake back the edit, or begin anew."
        )
    return loaded


def _load(path: Path, source: bytes, shipped: bool, shown: str) -> Game:
    name, tree = path.stem, contract.parse(source, shown)
    module = _shipped_module(name, path, source, shown) if shipped else run_file(path, f"sparring_game_{name}", source, shown)
    contract.check_values(module, shown, tree)
    contract.check_text(tree, module, shown)
    return _game(module, name, path.resolve(), shipped, shown, tree)


def _shipped_module(name: str, path: Path, source: bytes, shown: str) -> types.ModuleType:
    """The module `games.NAME`; a new one if its file has changed since it was loaded."""
    digest = hashlib.sha256(source).hexdigest()
    module = importlib.import_module(f"games.{name}")
    if SHIPPED.setdefault(name, digest) != digest:
        module = _run(f"games.{name}", path, source, shown)
        setattr(games, name, module)
        SHIPPED[name] = digest
    return module


def run_file(path: Path, name: str, source: bytes, shown: str) -> types.ModuleType:
    """Import a user's own file under the module name `name`_<hash of its source>; an unchanged file runs only once."""
    digest = hashlib.sha256(source).hexdigest()[:12]  # of the source alone: the cache works wherever the file lies
    module_name = f"{name}_{digest}"
    return sys.modules.get(module_name) or _run(module_name, path, source, shown)


class SourceLoader(importlib.machinery.SourceFileLoader):
    """Runs the source that was read: no compiled file of an older one, and no edit that came after."""

    def __init__(self, name: str, path: Path, source: bytes):
        super().__init__(name, str(path))
        self.source = source

    def get_code(self, fullname: str) -> types.CodeType:
        return self.source_to_code(self.source, self.path)


def _run(module_name: str, path: Path, source: bytes, shown: str) -> types.ModuleType:
    """Run source as the module of this name, in place of an earlier one."""
    spec = importlib.util.spec_from_file_location(module_name, path, loader=SourceLoader(module_name, path, source))
    assert spec and spec.loader
    module, before = importlib.util.module_from_spec(spec), sys.modules.get(module_name)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        if before is not None:
            sys.modules[module_name] = before
        raise contract.load_error(error, module, shown) from error
    return module


def _spots(spots: Any, actions: list[str]) -> list[Any] | None:
    """SPOTS as a list with one entry for each action.

    >>> _spots({"b": (0, 0, 9, 9)}, ["a", "b"]), _spots([(0, 0, 9, 9)], ["a", "b"]), _spots(None, ["a"])
    ([None, (0, 0, 9, 9)], [(0, 0, 9, 9), None], None)
    """
    if spots is None:
        return None
    found = [spots.get(action) for action in actions] if isinstance(spots, dict) else list(spots)
    return [*found, *[None] * (len(actions) - len(found))]


def _game(module: types.ModuleType, name: str, path: Path, shipped: bool, shown: str, tree: ast.Module) -> Game:
    """A `Game` from a module that keeps the contract, with defaults for the names it leaves out."""
    get = functools.partial(getattr, module)
    players, mirror = get("PLAYERS"), get("MIRROR", None)
    world = get("WORLD_SIZE", (core.WORLD, core.WORLD))
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
        rewards=get("REWARDS", "zero-sum"),
        actions=list(get("ACTIONS")),
        keys=tuple(get("KEYS")),
        hands=list(get("HANDS", [])),
        spots=_spots(get("SPOTS", None), [*get("ACTIONS"), *get("HANDS", [])]),
        frame_skip=get("FRAME_SKIP", 4),
        max_ticks=get("MAX_TICKS"),
        turns=bool(get("TURNS", False)),
        version=get("VERSION"),
        state=get("STATE"),
        level=get("LEVEL", None),
        mirror=None if mirror is None else tuple(mirror),
        shapes=get("SHAPES", 64),
        grid=get("GRID", None),
        world=(float(world[0]), float(world[1])),
        mark=tuple(get("MARK")),
        recipe=dict(get("RECIPE")),
        people=get("PEOPLE", None),
        has_asks=hasattr(module, "asks"),
        has_legal=hasattr(module, "legal"),
        has_build=hasattr(module, "build"),
        has_valid=hasattr(module, "valid"),
        functions=_functions(module, shown),
    )


def _functions(module: types.ModuleType, shown: str) -> dict[str, Any]:
    """The functions that the kernel calls, with defaults for those the file leaves out."""
    functions = {name: getattr(module, name) for name in ("reset", "step", "draw", "bot")}
    defaults = {
        "build": _no_build, "from_level": _no_level, "to_level": _no_level, "solvable": _all_valid,
        "legal": _all_legal, "asks": _always, "valid": _all_valid,
    }  # fmt: skip
    functions |= {name: getattr(module, name, default) for name, default in defaults.items()}
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
        for name, value in vars(current).items():
            if name in ("__loader__", "__spec__"):
                continue
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
    loaded = vars(sys.modules[name])["GAME"] if name in sys.modules else {}
    if all(loaded.get(part) is function for part, function in game.functions.items()):
        return sys.modules[name]  # of the same file by another path
    spec = importlib.util.spec_from_file_location(name, KERNEL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    vars(module)["GAME"] = {
        **game.functions,
        "HAS_ASKS": game.has_asks,
        "HAS_BUILD": game.has_build,
        "HAS_LEVEL": game.level is not None,
        "PLAYERS": game.players,
        "NUM_ACTIONS": game.num_actions,
        "MAX_TICKS": game.max_ticks,
        "SHAPES": game.shapes,
        "GRID": game.grid,
        "WORLD": game.world,
        "MIRRORED": game.mirror is not None,
        "HAS_CAMERA": game.uses("camera"),
        "HAS_NUMBERS": game.uses("number"),
    }
    sys.modules[name] = module
    with cache.numba_caches_in(folder):
        spec.loader.exec_module(module)
    for value in list(vars(module).values()):
        if isinstance(value, numba.core.dispatcher.Dispatcher) and value.__module__ == name:
            kept_code.protect(value)
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
