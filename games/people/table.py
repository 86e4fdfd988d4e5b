"""The table of simulated people: a row of parameters each, from `people.toml` or a file of a user's own (TOML or JSON)."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from games.errors import UserError

SHIPPED = Path(__file__).with_name("people.toml")
LARGEST = 1 << 20  # bytes of a file

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Units = Annotated[float, Meta(ge=0, le=84)]  # world units
Ticks = Annotated[int, Meta(ge=1, le=60)]
Chance = Annotated[float, Meta(ge=0, le=1)]


class MoverRow(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Somebody who plays a game in real time, along one axis or in eight directions."""

    name: Name
    reaction: Ticks  # from what can be seen to the key
    error: Units  # is off by so many units at most, drawn anew for each flight of the ball
    error_per_10: Units  # and by so many more for each 10 units that the ball still has to fly
    looks: Literal["follows", "predicts"]  # goes to where the ball is, in their own half; or to where it will arrive
    attention: Literal["always", "hit", "glance"]  # all the time; while it flies towards them; then at one glance
    rests: Literal["returns", "stays"]  # meanwhile: walks back to the middle; stays where they hit it
    aim: Chance  # meets the ball so far off the paddle's middle, 1 at its edge
    tremor: Units  # does not begin to move for less
    hold: Ticks  # between two changes of key, at least

    def __post_init__(self) -> None:
        if self.attention == "glance" and self.looks == "follows":
            raise ValueError("attention is 'glance', which goes with looks = 'predicts' only")


class BoardRow(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Somebody who plays a board game by turns."""

    name: Name
    wins: Chance  # sees a win in one move
    blocks: Chance  # sees that the other would win with the next move
    diagonal: Chance  # times so much, where the winning line is slanted
    depth: Annotated[int, Meta(ge=2, le=4)]  # looks so many moves ahead, both sides' counted,
    further: Chance  # in this part of their moves; else 2
    prefers: Literal["middle", "near", "any"]  # among moves that look alike: the middle; near the other's last move


class Table(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A file's rows, the weakest of each kind first."""

    mover: list[MoverRow] = []
    board: list[BoardRow] = []


Row = MoverRow | BoardRow
KINDS: dict[str, type[Row]] = {"mover": MoverRow, "board": BoardRow}


def read(path: Path = SHIPPED) -> dict[str, list[Row]]:
    """The rows of a table by their kind, mover or board; `UserError` names the row and the field that do not fit."""
    values = _values(path)
    try:
        table = msgspec.convert(values, Table)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is no table of people: {_problem(str(error), values)}.\ndocs/people.md lists the fields."
        ) from error
    rows: dict[str, list[Row]] = {"mover": list(table.mover), "board": list(table.board)}
    for kind, found in rows.items():
        names = [row.name for row in found]
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"{path} has two rows of {kind} named '{name}'.\nGive one of them another name.")
    if not any(rows.values()):
        raise UserError(f"{path} holds no people.\nIts rows begin with [[mover]] or [[board]].")
    return rows


def _values(path: Path) -> Any:
    """The content of a file; `UserError` where it cannot be read."""
    if path.suffix.lower() not in (".toml", ".json"):
        raise UserError(f"A table of people is a file .toml or .json, not {path}.")
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path} has {path.stat().st_size:,} bytes; a table of people has {LARGEST:,} at most.")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return msgspec.json.decode(data) if path.suffix.lower() == ".json" else tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no {path.suffix[1:].upper()}: {error}.") from error


def _problem(text: str, values: Any) -> str:
    """msgspec's message with the row by its number and name, and the field.

    >>> _problem("Expected `int` >= 1 - at `$.mover[0].reaction`", {"mover": [{"name": "ann", "reaction": 0}]})
    "row 1 of mover ('ann'), reaction: expected a number >= 1, not 0"
    """
    what, _, where = text.partition(" - at ")
    for kind, word in (
        ("int", "a number"),
        ("float", "a number"),
        ("str", "a text"),
        ("object", "an object"),
        ("array", "a list"),
    ):
        what = what.replace(f"`{kind}`", word)
    what = what[:1].lower() + what[1:]
    place = re.match(r"`\$\.(\w+)\[(\d+)\]\.?(\w*)`", where)
    if place is None:
        return what + (f" ({where.strip('`').removeprefix('$.')})" if len(where) > 3 else "")
    kind, number, field = place[1], int(place[2]), place[3]
    row = values[kind][number]
    named = f" ('{row['name']}')" if isinstance(row, dict) and isinstance(row.get("name"), str) else ""
    given = f", not {row[field]!r}"[:60] if field and isinstance(row, dict) and field in row else ""
    if "got" in what:
        what, given = what.partition(", got")[0], given or what.partition(", got")[2]
    if what.startswith("invalid enum value"):
        choices = KINDS[kind].__annotations__[field]
        what = f"one of {', '.join(choices.__args__)}"
    return f"row {number + 1} of {kind}{named}{f', {field}' if field else ''}: {what}{given}"


# --- in words ---------------------------------------------------------------------------------------------------------


def in_words(row: Row) -> str:
    """A row as a sentence."""
    return mover_in_words(row) if isinstance(row, MoverRow) else board_in_words(row)


def in_short(row: Row) -> str:
    """A row in a few words, for somebody who chooses an opponent."""
    if isinstance(row, BoardRow):
        ahead = f"looks {row.depth} moves ahead" if row.further == 1 or row.depth == 2 else f"at times {row.depth} moves ahead"
        return f"sees {100 * row.wins:.0f} % of wins and {100 * row.blocks:.0f} % of threats, {ahead}"
    looks = "follows the ball" if row.looks == "follows" else "predicts where it arrives"
    attention = {"always": "", "hit": " while it comes", "glance": " at one glance"}[row.attention]
    aim = ", aims" if row.aim >= 0.5 else ""
    rests = "returns to the middle" if row.rests == "returns" else "stays where they hit it"
    if row.looks == "predicts" and row.attention == "always":
        rests = "keeps level with a ball that flies away"
    return f"{row.reaction / 60:.2f} s late, {looks}{attention}{aim}, {rests}"


def mover_in_words(row: MoverRow) -> str:
    off = f"off by up to {row.error:g} units" if row.error or not row.error_per_10 else "off"
    if row.error_per_10:
        off += f"{' and' if row.error else ''} by up to {row.error_per_10:g} for each 10 that the ball has to fly"
    looks = "follows the ball in their own half" if row.looks == "follows" else "predicts where it arrives"
    level = ", keeps level with a ball that flies away" if row.looks == "predicts" else ""
    attention = {"always": level, "hit": " while it flies towards them", "glance": " at one glance, once it flies towards them"}
    rests = "walks back to the middle" if row.rests == "returns" else "stays where they hit it"
    aim = f", {row.aim:.0%} of the way to the paddle's edge" if row.aim else ""
    motor = f"moves for {row.tremor:g} units or more, changes keys every {row.hold} ticks at most"
    return f"{row.reaction} ticks late, {off}; {looks}{attention[row.attention]}{aim}; {rests}; {motor}"


def board_in_words(row: BoardRow) -> str:
    deeper = f", looks {row.depth} moves ahead {row.further:.0%} of the time" if row.depth > 2 and row.further else ""
    prefers = {"middle": "prefers the middle", "near": "prefers to play near the other's last move", "any": "has no preference"}
    sees = f"sees {row.wins:.0%} of wins in one and {row.blocks:.0%} of threats, of slanted ones {row.diagonal:.0%} of these"
    return f"{sees}{deeper}; {prefers[row.prefers]}"
