"""The metadata of agents' files, and of the agents of runs. Read without torch, so that a window need not wait for it."""

import json
import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agents.core import tensor_file
from agents.core.settings import ALGORITHMS, RANGES, TRAINERS, AgentSettings, check_range, typed
from agents.play.game_info import GameInfo
from games.errors import UserError


@dataclass
class AgentInfo:
    """The metadata of an agent's file."""

    game: str  # its name
    game_version: int
    game_digest: str | None  # SHA-256 of the file of a user's own game; None for the games that ship
    algorithm: str
    settings: AgentSettings
    seats: list[int] = field(default_factory=lambda: [0, 1])  # in which it can play
    steps: int = 0  # decisions it has learned from
    rating: float | None = None
    score: dict[str, Any] = field(default_factory=dict)  # the final evaluation


def peek(path: Path) -> AgentInfo:
    """The metadata of an agent's file, of whose weights only the checksum is verified. Needs no torch."""
    return info_of(path, tensor_file.load_metadata(path, "agent"))


def info_of(path: Path, meta: dict[str, Any]) -> AgentInfo:
    """The metadata of a file as an `AgentInfo`; `UserError` for any value that our files never contain."""

    def fail(name: str, value: Any) -> UserError:
        return UserError(f"{path} is damaged or was not written by Sparring: its {name} is {str(value)[:40]!r}.")

    def checked(name: str, value: Any, *kinds: type) -> Any:
        if type(value) not in kinds or (type(value) is float and not math.isfinite(value)):
            raise fail(name, value)
        return value

    names = {f.name for f in fields(AgentInfo) if f.name != "settings"}
    values = {name: value for name, value in meta.items() if name in names}
    for name, *kinds in (
        ("game", str), ("game_version", int), ("game_digest", str, type(None)), ("algorithm", str), ("seats", list),
        ("steps", int), ("rating", int, float, type(None)), ("score", dict),
    ):  # fmt: skip
        checked(name, values.get(name), *kinds)
    if not values["game"].isprintable():
        raise fail("game", values["game"])
    if values["algorithm"] not in ALGORITHMS:
        raise fail("algorithm", values["algorithm"])
    kinds_of = {f.name: type(f.default) for f in fields(AgentSettings)}
    settings = checked("settings", meta.get("settings"), dict)
    for name, value in settings.items():
        if name not in kinds_of:
            raise UserError(f"{path} has a setting this version does not know: {name[:40]}.")
        checked(name, value, *((int, float) if kinds_of[name] is float else (kinds_of[name],)))
        low, high = RANGES.get(name, (-math.inf, math.inf))
        if not isinstance(value, str) and not low <= value <= high:
            raise fail(name, value)
    return AgentInfo(settings=AgentSettings(**settings), **values)


@dataclass
class RunInfo:
    """The part of a run's config.json that describes its agent."""

    trainer: str  # one of `agents.core.settings.TRAINERS`
    agent: AgentInfo


def read_run(folder: Path) -> RunInfo:
    """The agent of a run, by its config.json; `UserError` if there is none or it does not fit this version."""
    path, values = folder / "config.json", config_values(folder)
    try:
        if values["algorithm"] not in ALGORITHMS:
            raise KeyError(values["algorithm"])
        kinds = {f.name: type(f.default) for f in fields(AgentSettings)}
        learner = {name: typed(name, value, kinds[name]) for name, value in values["learner"].items() if name in kinds}
        agent = AgentInfo(
            game=values["game"],
            game_version=values["game_version"],
            game_digest=values["game_digest"],
            algorithm=values["algorithm"],
            settings=AgentSettings(**learner),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{path} was written by another version of Sparring: {error}.") from error
    for name, value in learner.items():
        if isinstance(value, (int, float)):
            check_range(name, value, RANGES)
    return RunInfo(values.get("trainer", TRAINERS[0]), agent)


def config_values(folder: Path) -> dict[str, Any]:
    """The JSON object in the config.json of a run's folder; `UserError` if there is none."""
    path = folder / "config.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{folder} holds no run: it has no config.json.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error


def check_game(path: Path, info: AgentInfo, game: GameInfo) -> None:
    """Raise `UserError` if an agent was trained on another game, or on another version of it."""
    if info.game != game.name:
        raise UserError(f"{path} plays {info.game}, not {game.name}.")
    if info.game_version != game.version:
        raise UserError(
            f"{path} was trained on version {info.game_version} of {game.name}; this is version {game.version}.\n"
            f"Train it anew: python train.py {game.name}"
        )
    if info.game_digest != (None if game.shipped else game.digest):
        raise UserError(
            f"{path} was trained on another state of {game.path.name} (VERSION {game.version} in both).\n"
            "Take back the edit, or train anew."
        )


def in_words(evaluation: dict) -> str:
    """An evaluation in two or three words; empty for values that are not valid, since a file is not trusted.

    >>> in_words({"win_rate": 0.972}), in_words({"mean_return": 67.4}), in_words({"win_rate": "all"})
    ('wins 97 % against bot', 'return 67.4', '')
    """
    rate, mean = evaluation.get("win_rate"), evaluation.get("mean_return")
    if isinstance(rate, float) and 0.0 <= rate <= 1.0:
        return f"wins {100 * rate:.0f} % against bot"
    return f"return {mean:.1f}" if isinstance(mean, float) and math.isfinite(mean) else ""
