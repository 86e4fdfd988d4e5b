"""The metadata of agents' files, and of the agents of runs. Read without torch, so that a window need not wait for it."""

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agents.core import schema, tensor_file
from agents.core.settings import ALGORITHMS, CHOICES, RANGES, TRAINERS, AgentSettings
from agents.core.shell import command_line
from agents.play.game_info import GameInfo
from games.engine.constants import REWARDS
from games.errors import UserError

LONGEST_CONFIG = 1_000_000  # bytes


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


SettingsFile = schema.settings_schema(AgentSettings, RANGES, CHOICES)
SETTINGS = {each.name for each in fields(AgentSettings)}


Bound = float | tuple[float, float]  # of an interval; the second where two participants have an interval each


class ScoreFile(msgspec.Struct):
    """The numbers that are read of an evaluation in an agent's file or in results.json; other numbers may stand beside it."""

    games: schema.Count | None = None
    win_rate: Annotated[float, Meta(ge=0, le=1)] | None = None
    interval: tuple[float, float] | None = None
    mean_return: float | list[float] | None = None
    return_interval: tuple[Bound, Bound] | None = None
    rewards: Literal[tuple(REWARDS)] | None = None  # type: ignore[valid-type]

    def __post_init__(self) -> None:
        """`ValueError` unless the mean and its interval are of two who each earn their own, or of one, as `rewards` says."""
        if self.return_interval is None:
            return
        pairs = [isinstance(each, tuple) for each in self.return_interval]
        means = len(self.mean_return) if isinstance(self.mean_return, list) else 1
        if (means, pairs) != ((2, [True, True]) if self.rewards == "own" else (1, [False, False])):
            raise ValueError("`mean_return` and `return_interval` are not what `rewards` says")


class AgentFile(tensor_file.Envelope, kw_only=True, forbid_unknown_fields=True):
    """The schema of an agent's metadata."""

    game: schema.Name
    game_version: schema.Count
    game_digest: schema.Name | None
    algorithm: Literal[ALGORITHMS]  # type: ignore[valid-type]
    settings: dict[str, Any]  # `SettingsFile`
    seats: Annotated[list[Annotated[int, Meta(ge=0, le=1)]], Meta(max_length=2)]
    steps: schema.Count
    rating: float | None
    score: dict[str, Any]  # `ScoreFile`


class RunFile(schema.Written, kw_only=True):
    """The part of config.json that describes the run's agent."""

    game: schema.Name
    game_version: schema.Count
    game_digest: schema.Name | None
    algorithm: Literal[ALGORITHMS]  # type: ignore[valid-type]
    trainer: Literal[TRAINERS]  # type: ignore[valid-type]
    learner: dict[str, Any]  # the agent's settings among others


def peek(path: Path) -> AgentInfo:
    """The metadata of an agent's file, of whose weights only the checksum is verified. Needs no torch."""
    return info_of(path, tensor_file.load_metadata(path, "agent"))


def info_of(path: Path, meta: dict[str, Any]) -> AgentInfo:
    """The metadata of a file as an `AgentInfo`; `UserError` for any value that our files never contain."""
    found = schema.check(path, meta, AgentFile)
    schema.check(path, found.score, ScoreFile, "score", found.written_by)
    _check_printable(path, found.game)
    return AgentInfo(
        game=found.game,
        game_version=found.game_version,
        game_digest=found.game_digest,
        algorithm=found.algorithm,
        settings=_settings_of(path, found.settings, "settings", found.written_by),
        seats=found.seats,
        steps=found.steps,
        rating=found.rating,
        score=found.score,
    )


def _settings_of(path: Path, values: dict[str, Any], place: str, written_by: str) -> AgentSettings:
    values = schema.with_added(values, SETTINGS, written_by)
    return AgentSettings(**msgspec.structs.asdict(schema.check(path, values, SettingsFile, place, written_by)))


def _check_printable(path: Path, game: str) -> None:
    """The name of a game is printed: it holds no line ends and no commands for the terminal."""
    if not game.isprintable():
        raise UserError(f"{path} is damaged or was not written by Sparring: its game is {ascii(game)[:40]}.")


@dataclass
class RunInfo:
    """The part of a run's config.json that describes its agent."""

    trainer: str  # one of `agents.core.settings.TRAINERS`
    agent: AgentInfo


def read_run(folder: Path) -> RunInfo:
    """The agent of a run, by its config.json; `UserError` if there is none or it does not fit this version."""
    path, values = folder / "config.json", config_values(folder)
    found = schema.check(path, values, RunFile)
    _check_printable(path, found.game)
    learner = {name: value for name, value in found.learner.items() if name in SETTINGS}
    agent = AgentInfo(
        game=found.game,
        game_version=found.game_version,
        game_digest=found.game_digest,
        algorithm=found.algorithm,
        settings=_settings_of(path, learner, "learner", found.written_by),
    )
    return RunInfo(found.trainer, agent)


def config_values(folder: Path) -> dict[str, Any]:
    """The JSON object in the config.json of a run's folder; `UserError` if there is none."""
    path = folder / "config.json"
    if not path.exists():
        raise UserError(f"{folder} holds no run: it has no config.json.")
    return schema.decode(path, tensor_file.read_bytes(path, LONGEST_CONFIG), dict[str, Any])


def check_game(path: Path, info: AgentInfo, game: GameInfo) -> None:
    """Raise `UserError` if an agent was trained on another game, or on another version of it."""
    if info.game != game.name:
        raise UserError(f"{path} plays {info.game}, not {game.name}.")
    if info.game_version != game.version:
        raise UserError(
            f"{path} was trained on version {info.game_version} of {game.name}; this is version {game.version}.\n"
            f"Train it anew: {command_line(['python', 'train.py', game.name if game.shipped else game.path])}"
        )
    if info.game_digest != (None if game.shipped else game.digest):
        raise UserError(
            f"{path} was trained on another state of {game.path.name} (VERSION {game.version} in both).\n"
            f"Take back the edit, or train it anew: {command_line(['python', 'train.py', game.path])}"
        )


def in_words(evaluation: dict) -> str:
    """An evaluation in two or three words; empty for values that are not valid, since a file is not trusted.

    >>> in_words({"win_rate": 0.972}), in_words({"mean_return": 67.4}), in_words({"win_rate": "all"})
    ('wins 97 % against bot', 'return 67.4', '')
    >>> in_words({"mean_return": [5.2, 4.9], "rewards": "own"})
    'return 5.2'
    """
    rate, mean = evaluation.get("win_rate"), evaluation.get("mean_return")
    if isinstance(rate, float) and 0.0 <= rate <= 1.0:
        return f"wins {100 * rate:.0f} % against bot"
    if isinstance(mean, list) and mean and rate is None:
        mean = mean[0]  # the agent's own, then that of the bot beside it
    return f"return {mean:.1f}" if isinstance(mean, float) and math.isfinite(mean) else ""
