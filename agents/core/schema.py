"""Contents of files are checked against a schema before they are used: names, types, ranges, sizes. Errors are told in words.

Each kind of file has its schema, a `msgspec.Struct`, beside the code that reads it. A missing name is never silently a default:
`ADDED` says what files of earlier versions, which lack a setting, were made with.
"""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from agents.core.version import FIRST, VERSION, release
from games.errors import UserError

MOST = 1 << 62  # of all counts: sums of two still fit into 64 bits
Count = Annotated[int, Meta(ge=0, le=MOST)]
Integer = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # of 64 bits; a plain int is of any length
Number = Integer | float
Name = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=4096)]  # as long as a path
Version = Annotated[str, Meta(max_length=20, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]

# Settings that files of earlier versions lack: the version that added each, and the value that those files were made with.
# Enter every new setting of agents, learners and runs here, with the value at which nothing has changed.
ADDED: dict[str, tuple[str, Any]] = {
    # While 0.1.0 was being made:
    "network_digest": ("0.2.0", ""),
    "env_processes": ("0.2.0", 0),
    "normalize_observation": ("0.2.0", False),
    "normalize_value": ("0.2.0", False),
    "dueling": ("0.2.0", True),
    "epsilon": ("0.2.0", 0.0),
    # Since:
    "codes": ("0.2.0", 0),
    "levels": ("0.2.0", "train"),
    "levels_digest": ("0.2.0", ""),
    "snapshots": ("0.2.0", 0),
    "league_self": ("0.2.0", 0.2),
    "league_past": ("0.2.0", 0.25),
    "league_bots": ("0.2.0", 0.45),
    "league_random": ("0.2.0", 0.05),
    "league_odd": ("0.2.0", 0.2),
    "league_named": ("0.2.0", 0.25),
    "league_choice": ("0.2.0", "hard"),
    "league_size": ("0.2.0", 8),
    "league_every": ("0.2.0", 0),
    "league_beats": ("0.2.0", 0.75),
    "league_memory": ("0.2.0", 100),
    "league_temperature": ("0.2.0", 1.0),
    "ent_schedule": ("0.2.0", "constant"),
}

KINDS = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list",
    "object": "an object", "null": "null",
}  # fmt: skip

Kind = TypeVar("Kind")


class Written(msgspec.Struct, kw_only=True):
    """The base of all schemas of files."""

    written_by: Version = FIRST


def decode(path: Path, data: bytes, kind: type[Kind], verdict: str = "is damaged") -> Kind:
    """JSON text as a value of some kind; `UserError` for any other text. verdict: on such a file."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} {verdict}: {_in_words(str(error))}.\nUse a copy of it, if there is one.") from error


def check(path: Path, values: Any, kind: type[Kind], place: str = "", written_by: Any = None) -> Kind:
    """A value that `decode` gave, as one of a schema's kind; `UserError` says what is wrong, and which version wrote the file.

    place: of the values in the file, for the message. written_by: the file's, where `values` are a part of it.
    """
    try:
        return msgspec.convert(values, kind)
    except (ValueError, RecursionError) as error:
        by = written_by or (values.get("written_by", FIRST) if isinstance(values, dict) else FIRST)
        raise UserError(f"{path} does not fit: {_problem(str(error), values, place)}.\n{_advice(by)}") from error


def settings_schema(
    settings: type, ranges: Mapping[str, tuple[float, float]], choices: Mapping[str, Sequence[str]]
) -> type[msgspec.Struct]:
    """The schema of a dataclass of settings: each of its names, no other, with values of its kind and in its range."""
    names = [(each.name, _kind_of(each.name, type(each.default), ranges, choices)) for each in dataclasses.fields(settings)]
    return msgspec.defstruct(f"{settings.__name__}File", names, kw_only=True, forbid_unknown_fields=True)


def with_added(values: dict[str, Any], names: set[str], written_by: str) -> dict[str, Any]:
    """Settings with the values of those that did not exist yet when the file was written. names: of all settings."""
    added = {
        name: value for name, (version, value) in ADDED.items() if name in names and release(written_by) < release(version)
    }
    return {**added, **values}


def encode(values: Any) -> str:
    """JSON text of plain values. What is not finite becomes null, since JSON knows no NaN and readers would refuse it."""
    return msgspec.json.encode(values, enc_hook=lambda scalar: scalar.item()).decode()  # NumPy's scalars


def _kind_of(name: str, kind: type, ranges: Mapping[str, tuple[float, float]], choices: Mapping[str, Sequence[str]]) -> Any:
    if kind is str:
        return Literal[tuple(choices[name])] if name in choices else Name
    if kind is bool:
        return bool
    low, high = ranges.get(name, (0, math.inf))
    if kind is int:
        return Annotated[int, Meta(ge=int(low), le=int(min(high, MOST)))]
    return Annotated[float, Meta(ge=low, le=high if math.isfinite(high) else None)]


# --- msgspec's errors in words ----------------------------------------------------------------------------------------


def _in_words(text: str) -> str:
    """msgspec's message with the words of a reader.

    >>> _in_words("Expected `int | null`, got `str` - at `$.seed`"), _in_words("JSON is malformed: invalid character (byte 0)")
    ('expected a whole number or null, got a text', 'JSON is malformed: invalid character (byte 0)')
    >>> _in_words("Invalid enum value 'tpu' - at `$.device`")
    'expected one of a few words'
    """
    text = text.partition(" - at ")[0]
    text = re.sub(r"^Invalid enum value .*", "Expected one of a few words", text)  # the caller shows which it is
    text = re.sub(r"`([\w |]+)`", lambda match: " or ".join(KINDS.get(kind, kind) for kind in match[1].split(" | ")), text)
    return text[0].lower() + text[1:] if text.startswith(("Expected", "Number", "Integer", "Input", "Invalid")) else text


def _problem(text: str, values: Any, place: str) -> str:
    """The problem, and its place."""
    path = re.search(r" - at `\$\.?(.*)`$", text)
    where = ".".join(filter(None, [place, path[1] if path else ""]))
    unknown, missing = (
        re.match(r"Object contains unknown field `(.*?)`", text),
        re.match(r".*missing required field `(.*?)`", text),
    )
    inside = f" in {where}" if where else ""
    if unknown:
        return f"there is an unknown name{inside}, '{unknown[1][:40]}'"
    if missing:
        return f"it lacks '{missing[1]}'{inside}"
    shown, problem = _shown(values, path[1] if path else ""), _in_words(text)
    return f"{f'{where}: ' if where else ''}{problem.partition(', got ')[0] if shown else problem}{shown}"


def _shown(values: Any, path: str) -> str:
    """The value at a path like `run.steps`, where it is short: ", not …"."""
    for name in path.split(".") if path else []:
        if not isinstance(values, dict) or name not in values:
            return ""
        values = values[name]
    if not path or isinstance(values, (dict, list)):
        return ""
    text = ascii(values)
    return f", not {text[:40]}{'…' if len(text) > 40 else ''}"


def _advice(written_by: Any) -> str:
    """Advice about a file of some version."""
    if not isinstance(written_by, str) or not re.fullmatch(r"\d{1,6}\.\d{1,6}\.\d{1,6}", written_by):
        return "It is damaged, or was not written by Sparring: use a copy."
    if release(written_by) > release(VERSION):
        return f"Sparring {written_by} wrote it, and this is {VERSION}: update Sparring."
    if written_by != VERSION:
        return f"Sparring {written_by} wrote it, and this is {VERSION}: use a copy if it is damaged, else that version."
    return "It was changed or damaged since it was written: use a copy."
