"""A person's games against a ladder, kept from day to day in the user's data folder: one file for each game."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs
from msgspec import Meta

from agents.core import kept_file, schema
from agents.core.game_names import file_name
from agents.play.fit import Played
from agents.play.game_info import GameInfo

KEPT = 200  # games; those before count for nothing any more

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
    found, notice = kept_file.read(path_of(game), PersonFile)
    if notice:
        print(f"Your rating begins anew. {notice}", file=sys.stderr)
    if found is None or found.game_version != game.version:
        return []
    return [Played(each.rating, each.result) for each in found.games]


def write(game: GameInfo, games: list[Played]) -> None:
    """Keep a person's games, the newest of them; `UserError` where they cannot be written."""
    kept = [{"rating": each.rating, "result": each.result} for each in games[-KEPT:]]
    kept_file.write(path_of(game), {"game_version": game.version, "games": kept})
