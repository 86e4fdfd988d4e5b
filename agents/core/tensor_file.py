"""Files of tensors that are atomic, checksummed and cannot run code: safetensors, with JSON text in its metadata.

Agents and checkpoints share this format. A file is written under a temporary name in its folder, flushed to the disk and
renamed, so that a crash or a full disk never harms an earlier version of it.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agents.core import schema
from agents.core.version import VERSION
from games.errors import UserError

if TYPE_CHECKING:  # metadata are read before torch is imported
    from torch import Tensor

FORMAT = 1  # of the metadata; raised when old readers would misread a new file
SIGNATURE = "sparring"
UNSEALED = "0" * 64  # placeholder for the checksum while it is computed
LONGEST_HEADER = 10_000_000  # bytes; our files need less than a tenth
# Bytes of a file of each kind, at most: more than any network or replay here has. What is longer is not read into memory.
LARGEST = {"agent": 1 << 32, "checkpoint": 1 << 40, "replay": 1 << 40, "rank": 1 << 40}


class Header(msgspec.Struct, rename={"metadata": "__metadata__"}):
    """The part of a safetensors file's header that is read here."""

    metadata: dict[str, str] = {}


class Envelope(schema.Written):
    """The part of the metadata that all kinds of files have; `kind` says what the rest is."""

    format: schema.Count
    kind: str
    sha256: str


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file's content atomically. `UserError` if the disk is full or the folder read-only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise UserError(f"{path} could not be written: {error.strerror}.\nWhat was there before is untouched.") from error
    finally:
        with contextlib.suppress(OSError):  # it exists only after an error, or a signal
            temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are not there yet; `UserError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}.") from error


def sweep(folder: Path) -> None:
    """Remove temporary files of killed writers from a folder and those below it."""
    for file in folder.rglob(".*.tmp"):
        with contextlib.suppress(OSError):
            file.unlink()


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":  # Windows cannot open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def digest(tensors: "Mapping[str, Tensor]") -> str:
    """SHA-256 over names, types, shapes and bytes of tensors, in the order of their names."""
    import torch

    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return sha.hexdigest()


def save(path: Path, tensors: "Mapping[str, Tensor]", meta: dict[str, Any], kind: str) -> None:
    """Write tensors and a JSON-like dict. kind: "agent" or "checkpoint"."""
    write_bytes(path, pack(tensors, meta, kind))


def pack(tensors: "Mapping[str, Tensor]", meta: dict[str, Any], kind: str) -> bytes:
    """The bytes that `save` writes."""
    from safetensors.torch import save as to_bytes

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = schema.encode({"format": FORMAT, "kind": kind, "sha256": UNSEALED, "written_by": VERSION, **meta})
    data = to_bytes(plain, {SIGNATURE: text})
    return data.replace(UNSEALED.encode(), _seal(data, UNSEALED).encode(), 1)


def _seal(data: bytes, written: str) -> str:
    """SHA-256 of a whole file, header included, as it was before the checksum `written` was put into it."""
    before, _, after = data.partition(written.encode())
    sha = hashlib.sha256(before)
    sha.update(UNSEALED.encode())
    sha.update(after)
    return sha.hexdigest()


def load(path: Path, kind: str) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """Tensors and metadata of a file that `save` wrote; `UserError` says what is wrong with any other file."""
    return unpack(path, read_bytes(path, LARGEST[kind]), kind)


def load_metadata(path: Path, kind: str) -> dict[str, Any]:
    """Like `load`, but only the metadata, without torch."""
    return _sealed_metadata(path, read_bytes(path, LARGEST[kind]), kind)


def read_bytes(path: Path, largest: int) -> bytes:
    """The content of a file of so many bytes at most; `UserError` for one that cannot be read, is larger, or is no file."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise UserError(f"{path} is no file.")
            if about.st_size > largest:
                raise UserError(f"{path} is too large: {about.st_size:,} bytes, where {largest:,} are the most.")
            return file.read(about.st_size)
    except MemoryError:
        raise UserError(f"{path} does not fit into memory.") from None
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; of a pipe nobody waits for the other end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def unpack(path: Path, data: bytes, kind: str) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """Tensors and metadata of bytes that `pack` made. path: for error messages."""
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    meta = _sealed_metadata(path, data, kind)
    try:
        return from_bytes(data), meta
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} is damaged: {error}.\nUse a copy, or an earlier checkpoint of its run.") from error


def _sealed_metadata(path: Path, data: bytes, kind: str) -> dict[str, Any]:
    """The metadata, after format, kind and checksum have been checked."""
    meta = _metadata(path, data)
    envelope = schema.check(path, meta, Envelope)
    if envelope.format != FORMAT:
        raise UserError(
            f"{path} has format {envelope.format}; this version of Sparring reads format {FORMAT}.\n"
            "It was written by a newer version: update Sparring to use it."
        )
    if envelope.kind != kind:
        raise UserError(f"{path} is a file of the kind '{envelope.kind[:40]}', not '{kind}'.")
    if len(envelope.sha256) != len(UNSEALED) or _seal(data, envelope.sha256) != envelope.sha256:
        raise UserError(f"{path} is damaged: its checksum does not match.\nUse a copy, or an earlier checkpoint of its run.")
    return meta


def _metadata(path: Path, data: bytes) -> dict[str, Any]:
    """The JSON object in a safetensors file's header, which is not trusted."""
    if data[:4] == b"PK\x03\x04":
        raise UserError(
            f"{path} is a zip file, as Stable-Baselines3 writes them: opening one can run code that is hidden in it.\n"
            "Sparring's own agents are .safetensors files."
        )
    length, verdict = int.from_bytes(data[:8], "little"), "is none of Sparring's files, or is damaged"
    if not 2 <= length <= len(data) - 8:
        raise UserError(f"{path} {verdict}: its header is cut off.")
    if length > LONGEST_HEADER:
        raise UserError(f"{path} {verdict}: its header is too long.")
    header = schema.decode(path, data[8 : 8 + length], Header, verdict)
    if SIGNATURE not in header.metadata:
        raise UserError(f"{path} is not one of Sparring's: it lacks the metadata.")
    return schema.decode(path, header.metadata[SIGNATURE].encode(), dict[str, Any], verdict)


def select_prefix(tensors: "dict[str, Tensor]", prefix: str) -> "dict[str, Tensor]":
    """The tensors whose names begin with a prefix, by their names without it."""
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
