"""`Playback`: plays a replay again, from any tick on, and tells where a game no longer goes as it did."""

from dataclasses import dataclass

import numpy as np

from games.engine.batch import RUNNING, Batch
from games.engine.level_names import LevelChoice
from games.engine.loader import Game
from games.engine.snapshot import Copied, copied, put_back
from games.errors import UserError
from games.replay.format import Header, Replay
from games.replay.recorder import state_hash

KEPT_EVERY = 60  # ticks between two states that are kept for going back


@dataclass(frozen=True)
class Difference:
    """The first hash of a replay with which its game does not agree."""

    tick: int  # after which it was taken
    board: int
    version: int  # of the game, now
    header: Header
    changed: bool  # the file of a user's own game is another than then

    def __str__(self) -> str:
        """It in words.

        The tick is that of the hash: the games part at it, or since the hash before.
        """
        if self.header.version != self.version:
            why = f"the game's VERSION is {self.version} now, and was {self.header.version}"
        elif self.changed:
            why = "the game's file has changed since"
        else:
            why = f"the game's VERSION is {self.version}, as it was: its rules have changed without a new one"
        return f"differs at tick {self.tick}: {why}"


def level_of(game: Game, header: Header) -> LevelChoice:
    """The level of a replay, as a batch is told it."""
    if header.bank:
        if game.level is None or len(header.bank) != game.level.itemsize:
            raise UserError(f"The replay's level is none of {game.heading}'s.\nIts LEVEL has changed since.")
        return np.frombuffer(header.bank, game.level).copy()
    return [header.level] if game.has_build else None


def advance(batch: Batch, actions: np.ndarray) -> None:
    """Advance a board by a tick in which these actions of its seats are in effect, int [P], whoever sits there."""
    batch.slots["asked"] = 0
    batch.slots["waiting"] = 0
    batch.slots["held"][0] = actions
    batch.step(np.zeros((1, batch.game.players), np.int64), max_ticks=0)


class Playback:
    """A replay's boards, `batches`, at the tick `tick`."""

    def __init__(self, game: Game, replay: Replay):
        self.game, self.replay = game, replay
        header = replay.header
        levels = level_of(game, header)
        self.batches = [Batch(game, 1, header.seed, levels=levels) for _ in replay.tracks]
        for batch in self.batches:
            batch.reset(header.episode, max_ticks=0)
            if header.bank:
                batch.states["level"] = header.level  # its number in the bank of then
        self.tick = 0
        self._kept: list[list[Copied]] = [[copied(batch.arrays()) for batch in self.batches]]

    def done(self, board: int) -> bool:
        """Whether a board's episode is over at this tick."""
        return bool(self.batches[board].end[0] != RUNNING)

    def step(self) -> None:
        """Go on by a tick; a board whose recording has ended stays as it is."""
        for batch, track in zip(self.batches, self.replay.tracks, strict=True):
            if self.tick < len(track.actions) and batch.end[0] == RUNNING:
                advance(batch, track.actions[self.tick])
        self.tick += 1
        if self.tick == len(self._kept) * KEPT_EVERY:
            self._kept.append([copied(batch.arrays()) for batch in self.batches])

    def seek(self, tick: int) -> None:
        """Go to a tick, from 0 to the replay's last."""
        tick = min(max(tick, 0), self.replay.ticks)
        nearest = min(tick // KEPT_EVERY, len(self._kept) - 1)
        if tick < self.tick or nearest * KEPT_EVERY > self.tick:
            for batch, arrays in zip(self.batches, self._kept[nearest], strict=True):
                put_back(batch.arrays(), arrays)
            self.tick = nearest * KEPT_EVERY
        while self.tick < tick:
            self.step()

    def verify(self) -> Difference | None:
        """Play it from the beginning to its end; the first hash that differs, None if all are the same."""
        self.seek(0)
        header = self.replay.header
        expected = [dict(zip(track.marks(header.every), track.hashes, strict=True)) for track in self.replay.tracks]
        while True:
            for k, batch in enumerate(self.batches):
                ticks = len(self.replay.tracks[k].actions)
                ends_early = self.tick < ticks and batch.end[0] != RUNNING
                mark = expected[k].get(self.tick)
                if ends_early or (mark is not None and state_hash(batch) != mark):
                    changed = header.digest not in ("", self.game.digest)
                    return Difference(self.tick, k, self.game.version, header, changed)
            if self.tick == self.replay.ticks:
                return None
            self.step()
