"""The ladder of a game: agents of rated strengths, from one that a beginner beats to the best. Needs no torch until one plays.

A ladder is a folder with a file ladder.json and the agents' files that it names. A rung is one of these files and how it
plays there: its reaction delay and its temperature. Seven rungs are levels, with names; the others lie between, for an
opponent that fits (`agents.play.fit`). `python -m agents.ladder` makes it.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from agents.core import schema, tensor_file
from agents.play.game_info import GameInfo
from games.errors import UserError, nearest

if TYPE_CHECKING:  # it imports torch
    from agents.play.agent import Agent
    from agents.play.trainable import AnyGame

LADDER = "ladder.json"
LEVELS = ("Newcomer", "Beginner", "Casual", "Regular", "Skilled", "Expert", "Master")  # names of the levels, weakest first
ONE_SEAT = ("Beginner", "Good", "Best")  # of a game of one seat
LONGEST = 1_000_000  # bytes of ladder.json
TICKS = 60  # a second

Rating = Annotated[float, Meta(ge=-1e5, le=1e5)]


class Rung(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """One opponent of a ladder: an agent's file, how it plays there, and how strong it is so."""

    file: schema.Name  # beside ladder.json
    delay: Annotated[int, Meta(ge=0, le=60)]  # ticks until its decisions take effect
    temperature: Annotated[float, Meta(ge=0, le=1000)]
    rating: Rating
    interval: tuple[Rating, Rating]  # 95 %
    name: schema.Name = ""  # of a level; empty between levels
    score: float | None = None  # the share of games won against the level below, a draw half; None for the lowest


class Moment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """An agent as it was early in its training."""

    file: schema.Name
    steps: schema.Count
    seconds: Annotated[float, Meta(ge=0, le=1e9)]  # of training until then, on the machine on which it was trained


class LadderFile(schema.Written, kw_only=True, forbid_unknown_fields=True):
    """The schema of ladder.json."""

    game: schema.Name
    game_version: schema.Count
    rungs: Annotated[list[Rung], Meta(min_length=2, max_length=100)]  # the weakest first
    moments: Annotated[list[Moment], Meta(max_length=20)] = []
    most: Annotated[float, Meta(gt=0, le=1e6)] = 1.0  # the return of a game won without a point lost
    trials: Annotated[float, Meta(ge=1, le=1e4)] = 1.0  # a game tells as much as so many that are only won or lost
    scale: Annotated[float, Meta(gt=0, le=1e4)] = 400.0  # points of rating at which the odds of a trial are 10 to 1
    digests: dict[schema.Name, schema.Name] = {}  # SHA-256 of each file; none in ladders of earlier versions

    @property
    def levels(self) -> list[Rung]:
        """The rungs that have names, the weakest first."""
        return [rung for rung in self.rungs if rung.name]


@dataclass(frozen=True)
class Ladder:
    """A game's ladder and its folder."""

    folder: Path
    file: LadderFile

    def agent(self, rung: Rung | Moment, game: "AnyGame", device: str = "cpu") -> "Agent":
        """A new agent that plays as a rung says, or as it did at a moment of its training."""
        from agents.play.agent import Agent  # torch loads here

        path = self.folder / rung.file
        if not path.exists():
            raise UserError(
                f"{self.folder} lacks {rung.file}, an agent of its ladder.\n"
                f"Copy it back, or make the ladder anew: python -m agents.ladder {game.name} RUN"
            )
        digest = self.file.digests.get(rung.file)
        if digest and file_digest(path) != digest:
            raise UserError(
                f"{path} is not the agent that was rated as a level.\n"
                f"Copy that one back, or make the ladder anew: python -m agents.ladder {game.name} RUN"
            )
        agent = Agent.load(path, game, device)
        if isinstance(rung, Rung):
            settings = replace(agent.info.settings, delay=rung.delay, temperature=rung.temperature)
            agent.info = replace(agent.info, settings=settings, rating=rung.rating)
        return agent

    def named(self, text: str) -> Rung | Moment:
        """The level or moment that a seat's name means; `UserError` if there is none.

        text: `level:3`, `level:Expert`, a level's name alone, or `moment:1`, in upper or lower case.
        """
        kind, _, which = text.lower().partition(":")
        among: dict[str, Rung | Moment] = {str(number): rung for number, rung in enumerate(self.file.levels, 1)}
        among |= {rung.name.lower(): rung for rung in self.file.levels}
        if kind == "moment":
            among = {str(number): moment for number, moment in enumerate(self.file.moments, 1)}
        found = among.get(which or kind)
        if found is None:
            raise UserError(f"There is no '{text}' in {self.folder}.\n{nearest(which or kind, among)}")
        return found


def read(folder: Path) -> Ladder:
    """The ladder in a folder; `UserError` if its file is damaged, or names files elsewhere or in a wrong order."""
    path = folder / LADDER
    values = schema.decode(path, tensor_file.read_bytes(path, LONGEST), dict)
    found = schema.check(path, values, LadderFile)
    for name in [*(rung.file for rung in found.rungs), *(moment.file for moment in found.moments)]:
        if Path(name).name != name or name in (".", "..") or not name.isprintable():
            raise UserError(f"{path} is damaged: {ascii(name)[:60]} is no file beside it.")
    names = [rung.name for rung in found.levels]
    if not names or len(set(names)) < len(names) or not all(name.isprintable() for name in [*names, found.game]):
        raise UserError(f"{path} is damaged: its levels need names, each another.")
    ratings = [rung.rating for rung in found.rungs]
    if ratings != sorted(ratings):
        raise UserError(f"{path} is damaged: its rungs must stand in the order of their ratings.")
    return Ladder(folder, found)


def file_digest(path: Path) -> str:
    """SHA-256 of an agent's file."""
    return hashlib.sha256(tensor_file.read_bytes(path, tensor_file.LARGEST["agent"])).hexdigest()


def write(folder: Path, file: LadderFile) -> None:
    """Write ladder.json, atomically."""
    values = msgspec.to_builtins(file)
    tensor_file.write_bytes(folder / LADDER, msgspec.json.format(schema.encode(values).encode(), indent=1) + b"\n")


def is_level(text: str) -> bool:
    """Whether a seat's name means a level or a moment: no file has such a name.

    >>> is_level("level:3"), is_level("Master"), is_level("moment:1"), is_level("runs/pong/one")
    (True, True, True, False)
    """
    kind, colon, _ = text.lower().partition(":")
    named = (colon == ":" and kind in ("level", "moment")) or text.lower() in {name.lower() for name in (*LEVELS, *ONE_SEAT)}
    return named and not Path(text).exists()


def find(game: GameInfo, places: list[Path]) -> Ladder:
    """The first ladder of a game in some folders; `UserError` if there is none."""
    for folder in places:
        if (folder / LADDER).exists():
            ladder = read(folder)
            if (ladder.file.game, ladder.file.game_version) == (game.name, game.version):
                return ladder
            raise UserError(
                f"{folder / LADDER} is of {ladder.file.game}, version {ladder.file.game_version}, not of {game.name}, "
                f"version {game.version}.\nMake it anew: python -m agents.ladder {game.name} RUN"
            )
    raise UserError(
        f"{game.heading} has no ladder of levels yet.\nMake one from a run: python -m agents.ladder {game.name} RUN"
    )


def described(rung: Rung | Moment, game: GameInfo, number: int = 0) -> str:
    """A rung in words for people: its name and rating (in games of one seat its mean return), and how soon it reacts.

    number: of its level; 0: none.
    """
    if isinstance(rung, Moment):
        return f"the agent after {rung.seconds:.0f} s of training ({rung.steps:,} steps)"
    named = f"{rung.name}, level {number}" if number else rung.name or "between two levels"
    reacts = "" if game.turns or not rung.delay else f", reacts after {rung.delay / TICKS:.2f} s"
    return f"{named}, {'a mean return of' if game.players == 1 else 'rated'} {rung.rating:.0f}{reacts}"
