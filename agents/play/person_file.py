"""A person's games against a ladder, kept from day to day in the user's data folder: one file for each game."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs
from msgspec import Meta

from agents.core import schema, tensor_file
from agents.core.game_names import file_name
from agents.core.version import VERSION
from agents.play.fit import Played
from agents.play.game_info import GameInfo
from games.errors import UserError

KEPT = 200  # games; those before count for nothing any more
LONGEST = 1_000_000  # bytes

Number = Annotated[float, Meta(ge=-1e9, le=1e9)]


class PlayedFile(msgspec.Struct, forbid_unknown_fields=True):
    """A game in the file."""

    rating: Number
    result: Number


class PersonFile(schema.Written, kw_only=True, forbid_unknown_fields=True):
    """The schema of the file."""

    game_version: schema.Count
    games: Annotated[list[PlayedFile], Meta(max_length=KEPT)]  # the oldest first


def path_of(game: GameInfo) -> Path:
    """The file of a person's games, in the user's data folder."""
    return Path(platformdirs.user_data_dir("sparring", appauthor=False)) / "ratings" / f"{file_name(game.name)}.json"


def read(game: GameInfo) -> list[Played]:
    """The games that a person has played, the oldest first; none of another VERSION of the game.

    A file that is damaged is set aside, with a line on standard error.
    """
    path = path_of(game)
    if not path.exists():
        return []
    try:
        values = schema.decode(path, tensor_file.read_bytes(path, LONGEST), dict)
        found = schema.check(path, values, PersonFile)
    except UserError as error:
        aside = path.with_suffix(".damaged.json")
        try:
            path.replace(aside)
        except OSError:
            aside = path
        print(f"{str(error).splitlines()[0]}\nYour rating begins anew; the file is {aside}", file=sys.stderr)
        return []
    return [Played(each.rating, each.result) for each in found.games] if found.game_version == game.version else []


def write(game: GameInfo, games: list[Played]) -> None:
    """Keep a person's games, the newest of them; `UserError` where they cannot be written."""
    path = path_of(game)
    tensor_file.make_folder(path.parent)
    kept = [{"rating": each.rating, "result": each.result} for each in games[-KEPT:]]
    values = {"written_by": VERSION, "game_version": game.version, "games": kept}
    tensor_file.write_bytes(path, schema.encode(values).encode())
