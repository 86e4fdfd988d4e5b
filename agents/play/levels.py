"""The levels that runs have learned in, and the bank that a run keeps. Needs no torch."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from agents.core import schema, tensor_file
from agents.play.agent_files import file_of
from agents.play.agent_info import config_values
from agents.play.game_info import GameInfo
from games.engine import bank_file
from games.engine.level_names import levels_of
from games.engine.levels import ANY, Levels, of_bank
from games.engine.loader import Game
from games.errors import UserError

BANK = "levels.npy"  # in a run's folder


class LevelSettings(msgspec.Struct):
    """The settings of a run in config.json that are of levels; runs of earlier versions played any."""

    levels: schema.Name = ANY.name
    levels_digest: schema.Name = ""  # SHA-256 of the bank in its folder; empty: its levels have numbers


def chosen_levels(game: GameInfo, name: str | None, *training: Levels) -> Levels:
    """The levels that the option --levels names, any if it is not given; `UserError` where the game has no such levels."""
    if name is None:
        return ANY
    if not isinstance(game, Game):
        raise UserError(f"{game.name} is an environment that is not ours: it has no levels to choose.\nLeave out --levels.")
    return levels_of(game, name, *training)


def levels_of_run(game: GameInfo, name: str, digest: str, data: bytes, path: Path) -> Levels:
    """The levels that a run learns in. digest, data, path: of its bank, if it has one."""
    if name == ANY.name:
        return ANY
    if not digest or not isinstance(game, Game):
        return chosen_levels(game, name)
    if hashlib.sha256(data).hexdigest() != digest:
        raise UserError(f"{path} is not the bank of levels that the run began with.\nUse a copy of it, or begin a new run.")
    return of_bank(game, bank_file.parse(game, data, path), name)


def read_bank(folder: Path) -> tuple[bytes, Path]:
    """The bytes of the bank in a run's folder, and its path; `UserError` if there is none."""
    path = folder / BANK
    if not path.is_file():
        raise UserError(f"{folder} lacks {BANK}, the levels that the run learns in.\nUse a copy of it, or begin a new run.")
    return tensor_file.read_bytes(path, bank_file.LARGEST), path


def trained_on(agent: str, game: GameInfo) -> Levels:
    """The levels in which the agent at a path has learned; any where no run lies there, or where it played any."""
    file = file_of(agent)
    folder = file.parent.parent if file.parent.name == "checkpoints" else file.parent
    if not (folder / "config.json").is_file():
        return ANY
    values: Any = config_values(folder).get("run", {})
    found = schema.check(folder / "config.json", values, LevelSettings, "run")
    data, path = read_bank(folder) if found.levels_digest else (b"", folder)
    return levels_of_run(game, found.levels, found.levels_digest, data, path)
