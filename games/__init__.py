"""Games: one file each. `names()` lists those that ship, `load()` loads one of them or a file of your own."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from games.game import Game

_FOLDER = Path(__file__).parent
_ENGINE = {"__init__", "batch", "check", "core", "env", "errors", "game", "kernel", "raster", "view", "window"}


def names() -> list[str]:
    """The games that ship."""
    return sorted(file.stem for file in _FOLDER.glob("*.py") if file.stem not in _ENGINE)


def load(name: str | Path) -> "Game":
    """The game of that name, or of that file (a path ending in .py). `UserError` where there is none."""
    from games.errors import UserError, nearest
    from games.game import load_file

    if isinstance(name, Path) or name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise UserError(f"There is no game file {path}.")
        return load_file(path, shipped=path.resolve().parent == _FOLDER)
    if name not in names():
        raise UserError(f"There is no game '{name}'.\n{nearest(name, names())}\nA file of your own: its path, ./my_game.py")
    return load_file(_FOLDER / f"{name}.py", shipped=True)
