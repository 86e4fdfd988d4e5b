"""Files of replays: who played a game, how it began, the actions in effect in each tick, and hashes of the states in between.

A file is a signature, the SHA-256 of all that follows, a header of JSON, and the actions and hashes, compressed. It may have
been written by anybody: nothing in it is run, and all of it is checked before compiled code sees it.
"""

import hashlib
import zlib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from games.engine.loader import Game
from games.errors import UserError

MAGIC = b"SPARREP1"  # the last character is the format's number
LARGEST = 4_000_000  # bytes of a file
LONGEST = 64_000_000  # bytes of its contents, decompressed
HASH = 8  # bytes of a state's hash
SECOND = 60  # ticks between two hashes; in games of turns a hash follows each tick

Count = Annotated[int, Meta(ge=0, le=1 << 62)]
Name = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=4096)]


class ReplaySeat(msgspec.Struct, kw_only=True):
    """A participant."""

    name: Name  # as the window showed it
    kind: Annotated[str, Meta(pattern="^(human|scripted|agent)$")]
    source: Text = ""  # as the command line names it: a level, a simulated person, a path
    skill: float | None = None  # of a bot; None: none, or any legal action
    sha256: Annotated[str, Meta(max_length=64)] = ""  # of an agent's file


class Change(msgspec.Struct, kw_only=True):
    """From a tick on somebody else plays a seat."""

    tick: Count
    participant: Annotated[int, Meta(ge=0, le=1)]
    name: Name


class Header(msgspec.Struct, kw_only=True):
    """The part of a file that says what is in it. A file of a later version may have more names."""

    written_by: Name
    game: Name
    version: Count  # the game's VERSION
    digest: Annotated[str, Meta(max_length=64)] = ""  # of a user's own game: its file's
    seed: Count
    episode: Count
    level: Count  # the level's number
    bank: bytes = b""  # the level as data, where it is one of a bank's
    seats: Annotated[list[ReplaySeat], Meta(min_length=1, max_length=2)]
    ticks: Annotated[list[Count], Meta(min_length=1, max_length=2)]  # of each board
    every: Annotated[int, Meta(ge=1, le=100_000)]  # ticks between two hashes
    returns: Annotated[list[float], Meta(max_length=2)] = []
    winner: Annotated[int, Meta(ge=0, le=1)] | None = None
    finished: bool = False  # the game has been played to its end
    begun: float = 0.0  # seconds since 1970
    rewound: bool = False
    changes: Annotated[list[Change], Meta(max_length=10_000)] = []


class Track(msgspec.Struct):
    """A board's game: two of them where two race."""

    actions: np.ndarray  # int16 [T, P]: the action of each seat that was in effect in each tick; -1: none
    hashes: list[bytes]  # of the states after 0, every, 2 * every, … ticks, and after the last one

    def marks(self, every: int) -> list[int]:
        """The ticks after which the hashes are."""
        return marks(len(self.actions), every)


class Replay(msgspec.Struct):
    """A replay in memory."""

    header: Header
    tracks: list[Track]

    @property
    def ticks(self) -> int:
        """Ticks of the longer board."""
        return max(self.header.ticks)


def marks(ticks: int, every: int) -> list[int]:
    """The ticks after which a game of so many has hashes.

    >>> marks(150, 60), marks(120, 60)
    ([0, 60, 120, 150], [0, 60, 120])
    """
    found = list(range(0, ticks + 1, every))
    return found if found[-1] == ticks else [*found, ticks]


def pack(replay: Replay) -> bytes:
    """A replay as the bytes of a file."""
    head = msgspec.json.encode(replay.header)
    body = b"".join(_runs(column) for track in replay.tracks for column in track.actions.T)
    hashes = b"".join(mark for track in replay.tracks for mark in track.hashes)
    rest = len(head).to_bytes(4, "little") + head + zlib.compress(body + hashes, 9)
    return MAGIC + hashlib.sha256(rest).digest() + rest


def _runs(column: np.ndarray) -> bytes:
    """A seat's actions as runs: how many, their actions, their lengths."""
    starts = np.flatnonzero(np.diff(column, prepend=column[:1] - 1)) if len(column) else np.zeros(0, np.int64)
    lengths = np.diff(starts, append=len(column))
    return len(starts).to_bytes(4, "little") + column[starts].astype("<i2").tobytes() + lengths.astype("<u4").tobytes()


def unpack_header(data: bytes, path: Path) -> Header:
    """The header of a file's bytes; `UserError` in words for one that is damaged, or no replay. path: for messages."""
    return _header_and_rest(data, path)[0]


def _header_and_rest(data: bytes, path: Path) -> tuple[Header, bytes]:
    start = len(MAGIC) + 32
    if data[: len(MAGIC) - 1] != MAGIC[:-1]:
        raise UserError(f"{path} is no replay of Sparring's.")
    if data[: len(MAGIC)] != MAGIC:
        raise UserError(f"{path} was written by a newer version of Sparring.\nUpdate Sparring to play it.")
    if hashlib.sha256(data[start:]).digest() != data[len(MAGIC) : start]:
        raise UserError(f"{path} is damaged: its checksum does not match.")
    end = start + 4 + int.from_bytes(data[start : start + 4], "little")
    try:
        return msgspec.json.decode(data[start + 4 : end], type=Header), data[end:]
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: its header does not fit ({str(error)[:100]}).") from error


def unpack(data: bytes, game: Game, path: Path) -> Replay:
    """The replay in a file's bytes; `UserError` for one that is damaged, of another game, or holds what no game does."""
    header, rest = _header_and_rest(data, path)
    if header.game != game.name:
        raise UserError(f"{path} is a replay of '{header.game[:40]}', not of {game.name}.")
    boards = 2 if game.players == 1 and len(header.seats) == 2 else 1
    if len(header.ticks) != boards or (boards == 1 and len(header.seats) != game.players):
        raise UserError(f"{path} is damaged: {game.heading} has other seats than it names.")
    if max(header.ticks) > game.max_ticks:
        raise UserError(f"{path} has {max(header.ticks):,} ticks; {game.heading} ends after {game.max_ticks:,} of them.")
    try:
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(rest, LONGEST)
        if not unpacker.eof:
            raise ValueError
        tracks = _tracks(_Reader(body), game, header)
    except (ValueError, zlib.error) as error:
        raise UserError(f"{path} is damaged: its actions cannot be read.") from error
    for track in tracks:
        low, high = track.actions.min(initial=0), track.actions.max(initial=0)
        if low < (-1 if game.has_asks else 0) or high >= game.num_actions + len(game.hands):
            raise UserError(f"{path} is damaged: {game.heading} has no action {low if low < 0 else high}.")
    return Replay(header, tracks)


class _Reader:
    """Takes bytes from the front; `ValueError` where there are too few."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise ValueError
        self.at += count
        return self.data[self.at - count : self.at]

    def array(self, kind: Any, count: int) -> np.ndarray:
        return np.frombuffer(self.take(count * np.dtype(kind).itemsize), kind)


def _tracks(reader: _Reader, game: Game, header: Header) -> list[Track]:
    actions = []
    for ticks in header.ticks:
        columns = np.zeros((ticks, game.players), np.int16)
        for seat in range(game.players):
            count = int.from_bytes(reader.take(4), "little")
            values, lengths = reader.array("<i2", count), reader.array("<u4", count).astype(np.int64)
            if lengths.sum() != ticks:
                raise ValueError
            columns[:, seat] = np.repeat(values, lengths)
        actions.append(columns)
    tracks = [Track(each, [reader.take(HASH) for _ in marks(len(each), header.every)]) for each in actions]
    if reader.at != len(reader.data):
        raise ValueError
    return tracks
