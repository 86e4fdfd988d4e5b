"""Games: one file each. `names()` lists those that ship, `load()` loads one of them or a file of your own.

With Gymnasium, `import games` is all that `gym.make("Sparring/Pong-v…")` needs.
"""

import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Environment variables that must be set before the libraries that read them are imported.
# PASSIVE: OpenMP threads that spin while they wait slowed us down by a factor of 20 beside another busy process.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Optimisation level 1 compiles a game in two thirds of the time of level 3, and these loops run as fast.
os.environ.setdefault("NUMBA_OPT", "1")
# Pygame's greeting would end up in JSON output.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

if TYPE_CHECKING:
    from games.engine.loader import Game

_FOLDER = Path(__file__).parent
_IS_GAME = re.compile(r"^from games\.core import", re.MULTILINE)
_REGISTRY = "gymnasium.envs.registration"  # the module in which Gymnasium keeps its ids


def names() -> list[str]:
    """The games that ship: the files in this folder that import from `games.core`."""
    return sorted(file.stem for file in _FOLDER.glob("*.py") if _is_game(file))


def _is_game(file: Path) -> bool:
    return file.is_file() and _IS_GAME.search(file.read_text("utf-8")) is not None


def heading(name: str) -> str:
    """A game's name as people read it.

    >>> heading("connect_four")
    'Connect Four'
    """
    return " ".join(word.capitalize() for word in name.split("_"))


def load(name: str | Path) -> "Game":
    """The game of that name, or of that file (a path ending in .py). `UserError` if there is none."""
    from games.engine.loader import load_file
    from games.errors import UserError, nearest

    if isinstance(name, Path) or name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise UserError(f"There is no game file {name}.")
        return load_file(path, shipped=path.resolve().parent == _FOLDER, shown=str(name))
    file = _FOLDER / f"{name}.py"
    if not (name.isidentifier() and _is_game(file)):
        raise UserError(f"There is no game '{name}'.\n{nearest(name, names())}\nA file of your own: its path, ./my_game.py")
    return load_file(file, shipped=True)


# --- Gymnasium ------------------------------------------------------------------------------------------------------


def env_ids() -> dict[str, str]:
    """The Gymnasium id of each game that ships, read from its file without running or compiling it."""
    ids = {}
    for name in names():
        title = heading(name).replace(" ", "")
        version = re.search(r"^VERSION = (\d+)", (_FOLDER / f"{name}.py").read_text("utf-8"), re.MULTILINE)
        if version:  # a file that is being written may have none yet; `load` says so
            ids[name] = f"Sparring/{title}-v{version[1]}"
    return ids


def register_with_gymnasium(env_id: str, game: str) -> None:
    """Register a game (a name, or a file's path) with Gymnasium under an id."""
    sys.modules[_REGISTRY].register(
        env_id,
        entry_point="games.envs.gymnasium:SparringEnv",
        vector_entry_point="games.envs.gymnasium:SparringVectorEnv",
        kwargs={"game": game},
    )


def _register_all() -> None:
    for name, env_id in env_ids().items():
        register_with_gymnasium(env_id, name)


class _RegisterOnImport:
    """An import hook that registers the games when Gymnasium is imported, so that `import games` need not import it."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != _REGISTRY:
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)
        loader: Any = spec.loader if spec else None
        execute = loader.exec_module

        def execute_and_register(module):
            execute(module)
            _register_all()

        loader.exec_module = execute_and_register
        return spec


if _REGISTRY in sys.modules:
    _register_all()
else:
    sys.meta_path.insert(0, _RegisterOnImport)
