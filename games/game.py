"""A game file, loaded: its contract checked and given defaults, its kernel compiled and cached."""

import atexit
import functools
import hashlib
import importlib.util
import inspect
import os
import platform
import re
import shutil
import sys
import tempfile
import time
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np

from games import core
from games.errors import UserError

HERE = Path(__file__).parent
KERNEL = HERE / "kernel.py"
ENGINE = (KERNEL, HERE / "core.py", HERE / "raster.py", HERE / "game.py")
_IMPORTED = time.time()
CACHED_VERSIONS = 8  # compiled versions kept of a game; older ones are pruned


@core.jit
def _no_build(s):
    pass


@core.jit
def _all_legal(s, seat, mask):
    pass


@core.jit
def _always(s, seat):
    return True


@dataclass
class Game:
    """One game file. `DESIGN` of the file: see CONTRIBUTING.md; every name of the contract is an attribute here."""

    module: types.ModuleType
    name: str  # the file's name without .py
    path: Path
    shipped: bool  # one of the kit's own
    players: int
    seats: tuple[str, ...]  # their names
    actions: list[str]
    keys: tuple[dict[str, str], ...]
    hands: list[str]  # actions that only people have, numbered after `actions`
    spots: Any  # function-free: list of rectangles for each action, or None
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
    has_build: bool
    functions: dict[str, Any] = field(repr=False)

    @property
    def title(self) -> str:
        """ConnectFour, of connect_four."""
        return "".join(word.capitalize() for word in self.name.split("_"))

    @property
    def heading(self) -> str:
        """Connect Four, of connect_four: for people."""
        return " ".join(word.capitalize() for word in self.name.split("_"))

    @property
    def env_id(self) -> str:
        """The id it is registered under with Gymnasium."""
        return f"Sparring/{self.title}-v{self.version}"

    @property
    def doc(self) -> str:
        """Rule, reward, end."""
        return inspect.cleandoc(self.module.__doc__ or "")

    @property
    def num_actions(self) -> int:
        return len(self.actions)

    @property
    def swap(self) -> np.ndarray:
        """int64 [A]: what each action is called in a mirrored view, and back."""
        swap = np.arange(self.num_actions)
        for one, other in self.mirror or ():
            i, j = self.actions.index(one), self.actions.index(other)
            swap[i], swap[j] = j, i
        return swap

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the game's file: an agent of a user's own game remembers it."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def hud(self, s) -> tuple[str, str, str]:
        """Left, middle and right text beside the picture; `s` is a state record."""
        if hasattr(self.module, "hud"):
            return self.module.hud(s)
        return "", "", ""

    @functools.cached_property
    def kernel(self) -> types.ModuleType:
        """`games.kernel`, compiled for this game."""
        return _load_kernel(self)

    def frame_dtype(self) -> np.dtype:
        return core.frame_dtype(self.shapes, self.grid)


def load_file(path: Path, shipped: bool = False) -> Game:
    """Load a game file; `UserError` where it does not keep the contract."""
    name = path.stem
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"{path}: a game's file is named in lower case, like my_game.py")
    if shipped:
        module = importlib.import_module(f"games.{name}")
    else:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]  # not of its place: compiled code names the module
        module_name = f"sparring_game_{name}_{digest}"
        if module_name in sys.modules:
            module = sys.modules[module_name]
        else:
            spec = importlib.util.spec_from_file_location(module_name, path)
            assert spec and spec.loader
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            try:
                spec.loader.exec_module(module)
            except Exception as error:
                del sys.modules[module_name]
                raise UserError(f"{path} does not load: {type(error).__name__}: {error}") from error
    return _game(module, name, path.resolve(), shipped)


def _game(module: types.ModuleType, name: str, path: Path, shipped: bool) -> Game:
    def fail(what: str) -> UserError:
        return UserError(f"{path.name}: {what}\nCONTRIBUTING.md says what a game file holds.")

    for needed in ("PLAYERS", "ACTIONS", "KEYS", "MAX_TICKS", "VERSION", "STATE", "MARK", "RECIPE"):
        if not hasattr(module, needed):
            raise fail(f"{needed} is missing.")
    for needed in ("reset", "step", "draw", "bot"):
        if not callable(getattr(module, needed, None)):
            raise fail(f"the function {needed} is missing.")
    get = functools.partial(getattr, module)
    players = get("PLAYERS")
    if players not in (1, 2):
        raise fail(f"PLAYERS is {players!r}; it must be 1 or 2.")
    state = get("STATE")
    if list(state.names[: len(core.COMMON)]) != [field[0] for field in core.COMMON]:
        raise fail("STATE must begin with *COMMON.")
    if any(base == np.dtype("f4") for base in (state[n].base for n in state.names)):
        raise fail("STATE has an f4 field; use f8, so that compiled and plain Python agree.")
    if any(base.kind == "b" for base in (state[n].base for n in state.names)):
        raise fail("STATE has a boolean field; use u1.")
    mirror = get("MIRROR", None)
    actions = list(get("ACTIONS"))
    known = set(actions)
    for pair in mirror or ():
        if not set(pair) <= known:
            raise fail(f"MIRROR names {pair!r}, which ACTIONS does not have.")
    keys = tuple(get("KEYS"))
    hands = list(get("HANDS", []))
    if len(keys) != players:
        raise fail(f"KEYS holds {len(keys)} dicts; it needs one for each seat.")
    for seat_keys in keys:
        for action in seat_keys.values():
            if action not in known | set(hands):
                raise fail(f"KEYS names the action {action!r}, which ACTIONS does not have.")
    if get("SHAPES", 64) < 0 or get("SHAPES", 64) > 4096:
        raise fail("SHAPES must be from 0 to 4096.")
    if not get("RECIPE"):
        raise fail("RECIPE needs one algorithm at least: {'ppo': {}}.")
    functions = {
        "reset": module.reset,
        "step": module.step,
        "draw": module.draw,
        "bot": module.bot,
        "build": get("build", _no_build),
        "legal": get("legal", _all_legal),
        "asks": get("asks", _always),
    }
    if not core.PLAIN:
        for key, function in functions.items():
            if not isinstance(function, numba.core.dispatcher.Dispatcher):
                raise fail(f"the function {key} lacks its @jit.")
    seats = tuple(
        get("SEATS", ("player",) if players == 1 else ("left", "right") if mirror is not None else ("player 1", "player 2"))
    )
    return Game(
        module=module,
        name=name,
        path=path,
        shipped=shipped,
        players=players,
        seats=seats,
        actions=actions,
        keys=keys,
        hands=hands,
        spots=get("SPOTS", None),
        frame_skip=int(get("FRAME_SKIP", 4)),
        max_ticks=int(get("MAX_TICKS")),
        turns=bool(get("TURNS", False)),
        version=int(get("VERSION")),
        state=state,
        mirror=None if mirror is None else tuple(mirror),
        shapes=int(get("SHAPES", 64)),
        grid=get("GRID", None),
        mark=tuple(get("MARK")),
        recipe=dict(get("RECIPE")),
        has_asks=hasattr(module, "asks"),
        has_build=hasattr(module, "build"),
        functions=functions,
    )


# --- the compiled kernel --------------------------------------------------------------------------------------------


def _sources(module: types.ModuleType) -> set[Path]:
    """The files that a game's compiled code depends on: its own, and those of what it names, as far as that goes."""
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


def _cache_root() -> Path:
    """Where compiled games are kept: SPARRING_CACHE, else the user's cache folder, else a temporary one."""
    named = os.environ.get("SPARRING_CACHE")
    if named:
        return Path(named)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = base / "sparring"
    try:
        root.mkdir(parents=True, exist_ok=True)
        if os.access(root, os.W_OK):
            return root
    except OSError:
        pass
    return Path(tempfile.gettempdir()) / f"sparring-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def _cache_folder(game: Game) -> Path:
    """A folder named by a hash of all that the compiled code depends on, so that it can never be stale."""
    digest = hashlib.sha256()
    files = sorted({*ENGINE, *_sources(game.module)})
    for file in files:
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    digest.update(f"{game.module.__name__} {numba.__version__} {np.__version__} {platform.python_version()}".encode())
    root = _cache_root()
    folder = root / f"{game.name}-{digest.hexdigest()[:16]}"
    try:
        if any(file.stat().st_mtime > _IMPORTED for file in files if file != game.path):
            return _throw_away_folder()  # what is in memory is older than the file that was hashed
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        others = sorted(root.glob(f"{game.name}-" + "[0-9a-f]" * 16), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in others[CACHED_VERSIONS:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return _throw_away_folder()
    return folder


def _throw_away_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="sparring-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _load_kernel(game: Game) -> types.ModuleType:
    folder = _cache_folder(game)
    name = f"games.kernel_{folder.name.replace('-', '_')}"
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
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        spec.loader.exec_module(module)
    finally:
        numba.config.CACHE_DIR = before
    return module
