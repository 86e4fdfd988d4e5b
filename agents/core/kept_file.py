"""Small files of JSON in a user's own folders: what cannot be used is set aside, with a notice, and begins anew."""

import contextlib
from pathlib import Path
from typing import Any, TypeVar

from agents.core import schema, tensor_file
from agents.core.version import VERSION
from games.errors import UserError

LONGEST = 1_000_000  # bytes

Kind = TypeVar("Kind", bound=schema.Written)


def read(path: Path, kind: type[Kind]) -> tuple[Kind | None, str]:
    """The contents of a file; None if there is none, or if it cannot be used. The second says that in words, else it is empty.

    A file that cannot be used is renamed to `….damaged.json`.
    """
    try:
        if not path.exists():
            return None, ""
        values = schema.decode(path, tensor_file.read_bytes(path, LONGEST), dict)
        return schema.check(path, values, kind), ""
    except (UserError, OSError) as error:
        return None, f"{str(error).splitlines()[0]} The file is {set_aside(path)}."


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be used to `….damaged.json`, if that is possible; where it is now."""
    aside = path.with_suffix(".damaged.json")
    with contextlib.suppress(OSError):
        path.replace(aside)
    return path if path.exists() else aside


def write(path: Path, values: dict[str, Any]) -> None:
    """Write a file and its folder, atomically; `UserError` where that is not possible."""
    tensor_file.make_folder(path.parent)
    tensor_file.write_bytes(path, schema.encode({"written_by": VERSION, **values}).encode())
