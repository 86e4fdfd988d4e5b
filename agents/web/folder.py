"""A page's folder: new or empty, and written as a whole or not at all."""

import shutil
import tempfile
from pathlib import Path

from games.errors import UserError


def check_folder(folder: Path) -> None:
    """`UserError` if there is something in a folder already, or if it is no folder."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, not a folder.\nName a new folder: --out FOLDER")
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty, so nothing was written.\nDelete it, or name a new folder: --out FOLDER")


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files by their names into a new or empty folder: all of them, or none."""
    check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for name, data in files.items():
                (made / name).parent.mkdir(exist_ok=True)
                (made / name).write_bytes(data)
            made.chmod(0o755)
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error
