"""Files of levels: NumPy's `.npy`, a structured array of the game's LEVEL; and `.json`, the same to write by hand.

A file may have been written by anybody: nothing in it is unpickled, and each level is checked before compiled code sees it
as it begins (`solvable`, `valid`).
"""

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from games.engine import levels
from games.engine.levels import Levels
from games.engine.loader import Game
from games.errors import UserError

LARGEST = 1 << 30  # bytes


def save(game: Game, chosen: Levels, path: Path) -> np.ndarray:
    """Write levels as a bank, atomically, and return it. The name ends in .npy, or in .json to be edited by hand."""
    if path.suffix.lower() not in (".npy", ".json"):
        raise UserError(f"A bank is a file .npy (or .json, to be edited by hand), not {path}.")
    bank = levels.records(game, chosen)
    write(path, as_json(bank) if path.suffix.lower() == ".json" else as_npy(bank))
    return bank


def as_npy(bank: np.ndarray) -> bytes:
    """A bank as the bytes of an .npy file."""
    out = io.BytesIO()
    np.lib.format.write_array(out, bank, allow_pickle=False)
    return out.getvalue()


def as_json(bank: np.ndarray) -> bytes:
    """A bank as a list of objects: a field a line, and of a grid a row."""

    def text(value: Any) -> str:
        if isinstance(value, list) and value and isinstance(value[0], list):
            return "[\n    " + ",\n    ".join(map(text, value)) + "]"
        return json.dumps(value)

    levels = [",\n  ".join(f'"{name}": {text(level[name].tolist())}' for name in bank.dtype.names or ()) for level in bank]
    return ("[\n" + ",\n".join(f" {{{level}}}" for level in levels) + "\n]\n").encode()


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; `UserError` where it cannot be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp", delete=False) as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                mask = os.umask(0)  # which can be read only by setting it
                os.umask(mask)
                os.chmod(file.name, 0o666 & ~mask)  # a temporary file is its user's alone
                os.replace(file.name, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
                raise
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def load(game: Game, path: Path) -> np.ndarray:
    """The bank in a file; `UserError` for one that is damaged, of another game, or holds a level that cannot be played."""
    if game.level is None:
        levels.check_bank(game, np.zeros(0), str(path))
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UserError(f"{path} has {size:,} bytes; a bank has {LARGEST:,} at most.")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"The levels {path} cannot be read: {error.strerror}.") from error
    return parse(game, data, path)


def parse(game: Game, data: bytes, path: Path) -> np.ndarray:
    """The bank in a file's bytes. path: of the file, for messages, and for its kind."""
    bank = _from_json(game, data, path) if path.suffix.lower() == ".json" else _from_npy(game, data, path)
    levels.check_bank(game, bank, str(path))
    check_playable(game, bank, str(path))
    return bank


def _from_npy(game: Game, data: bytes, path: Path) -> np.ndarray:
    """Read here, since `np.load` makes room for what a damaged header claims."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, kind = read(file)
    except Exception as error:  # NumPy parses the header as Python, and raises what that raises
        raise UserError(f"{path} is damaged, or no .npy file of NumPy's: its header cannot be read.") from error
    if kind.hasobject:
        raise UserError(f"{path} holds Python objects, which are not opened: a bank holds numbers.")
    levels.check_bank(game, np.zeros(1, kind), str(path))
    body = data[file.tell() :]
    if len(shape) != 1 or shape[0] * kind.itemsize != len(body):
        raise UserError(f"{path} is damaged: it is too short or too long for the {shape} levels that it names.")
    return np.frombuffer(body, kind).copy()


def _from_json(game: Game, data: bytes, path: Path) -> np.ndarray:
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON: {str(error)[:100]}.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path} must hold a list of levels, each an object.")
    assert game.level is not None  # `load` has looked
    bank = np.zeros(len(rows), game.level)
    for number, row in enumerate(rows):
        if set(row) != set(game.level.names or ()):
            odd = sorted(set(row) ^ set(game.level.names or ()))[0]
            told = "there is no field" if odd in row else "it lacks the field"
            raise UserError(f"{path}, level {number}: {told} '{odd[:40]}'.")
        for name, value in row.items():
            bank[name][number] = _value(value, game.level[name], f"{path}, level {number}: {name}")
    return bank


def _value(value: Any, kind: np.dtype, place: str) -> np.ndarray:
    """A JSON value as one of a field; `UserError` unless it has the field's shape, and numbers that it can hold."""
    try:
        array = np.array(value)
    except ValueError:  # lists of different lengths
        array = np.zeros(0, object)
    whole, base = kind.base.kind in "iu", kind.base
    if array.dtype.kind not in ("iu" if whole else "iuf") or array.shape != kind.shape:
        shape = f"an array of shape {kind.shape}" if kind.shape else "a number"
        raise UserError(f"{place} must be {shape}, of {'whole numbers' if whole else 'numbers'}.")
    if whole and array.size and (array.min() < np.iinfo(base).min or array.max() > np.iinfo(base).max):
        raise UserError(f"{place} must be from {np.iinfo(base).min} to {np.iinfo(base).max}.")
    return array.astype(base)


def check_playable(game: Game, bank: np.ndarray, name: str) -> None:
    """`UserError` with the number of the first level that cannot be solved, or in which no episode of the game begins."""
    chosen = Levels(name, np.arange(len(bank)), bank)
    states, out = levels.made(game, chosen), np.zeros(len(bank), np.uint8)
    game.kernel.solvable_slice(0, len(bank), states, out)
    if not out.all():
        raise UserError(f"{name}, level {out.argmin()}: it cannot be solved.")
    game.kernel.valid_slice(0, len(bank), levels.made(game, chosen, begin=True), out)
    if not out.all():
        raise UserError(f"{name}, level {out.argmin()}: {game.heading} begins with no such level: its valid says no.")
