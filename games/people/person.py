"""`Person`: somebody of the table at a game. Any game whose file has `PEOPLE` can be played by them: docs/people.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from games.engine.batch import Batch
from games.engine.loader import Game
from games.engine.seating import KeptPlayer
from games.errors import UserError, nearest
from games.people import table
from games.people.board import SeatedBoardPlayer
from games.people.mover import SeatedMover
from games.people.table import MoverRow, Row

PREFIX = "person:"


@dataclass(frozen=True)
class Person:
    """Somebody who can sit in a seat of a game."""

    row: Row

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.row.name}"

    @property
    def digest(self) -> str:
        """SHA-256 of the parameters: with others it would be another opponent."""
        return sha256(msgspec.json.encode(self.row)).hexdigest()

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray) -> KeptPlayer:
        """Seat this person in rows (environment, seat) of a batch."""
        seated = SeatedMover if isinstance(self.row, MoverRow) else SeatedBoardPlayer
        return seated(self.row, batch, rows)  # type: ignore[arg-type]


def kind_of(game: Any) -> str:
    """The kind of rows that play a game, mover or board; `UserError` for a game without `PEOPLE`."""
    if not isinstance(game, Game) or not game.people:
        raise UserError(
            f"Simulated people do not know how to play {game.heading}: its file has no PEOPLE.\n"
            "docs/people.md says what to write."
        )
    return "board" if game.people["kind"] == "board" else "mover"


def people_of(game: Game, file: Path | None = None) -> list[Person]:
    """The people who play a game, those of the table first, the weakest of each first; file: of further rows."""
    kind = kind_of(game)
    rows = list(table.read()[kind])
    if file is not None:
        more = table.read(file)[kind]
        names = {row.name for row in rows}
        for row in more:
            if row.name in names:
                raise UserError(f"{file}: '{row.name}' is in the table already.\nGive the row another name.")
        if not more:
            raise UserError(f"{file} has no row of {kind}, the kind that plays {game.heading}.")
        rows += more
    return [Person(row) for row in rows]


def person(text: str, game: Any) -> Person:
    """The person that `person:NAME` names, or `person:FILE:NAME` with a file of one's own."""
    file, _, name = text.removeprefix(PREFIX).rpartition(":")
    found = {each.row.name: each for each in people_of(game, Path(file) if file else None)}
    if name not in found:
        raise UserError(
            f"There is no person '{name}' for {game.heading}.\n{nearest(name, found)}\nAll of them: python -m games.people"
        )
    return found[name]


def absolute_person(text: str) -> str:
    """A person's name with the whole path of the file, if it names one."""
    file, _, name = text.removeprefix(PREFIX).rpartition(":")
    return f"{PREFIX}{Path(file).resolve()}:{name}" if file else text


def pairs(people: list[Person]) -> list[tuple[Person, Person]]:
    """Pairs that differ in one habit only: who stays where they hit the ball, and who walks back to the middle."""
    movers = [each for each in people if isinstance(each.row, MoverRow)]

    def habits(each: Person) -> dict:
        return {key: value for key, value in msgspec.structs.asdict(each.row).items() if key not in ("name", "rests")}

    stays, returns = ([each for each in movers if each.row.rests == rests] for rests in ("stays", "returns"))  # type: ignore[union-attr]
    return [(each, other) for each in stays for other in returns if habits(each) == habits(other)]
