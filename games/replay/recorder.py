"""`Recorder`: keeps a running game's actions tick by tick, and hashes of its states, so that it can be played again."""

import hashlib
from array import array

import numpy as np

from games.engine.batch import RUNNING, Batch
from games.replay.format import HASH, SECOND, Track, marks


def state_hash(batch: Batch) -> bytes:
    """A hash of a board's state and returns; at an end, of those with which the episode ended."""
    done = batch.end[0] != RUNNING
    state, returns = (batch.final, batch.returns[0]) if done else (batch.states, batch.slots["returns"][0])
    return hashlib.blake2b(state[0].tobytes() + returns.tobytes(), digest_size=HASH).digest()


class Recorder:
    """Records one board, a batch of one environment, from an episode's first tick on."""

    def __init__(self, batch: Batch):
        """batch: at the beginning of an episode."""
        self.batch = batch
        self.every = 1 if batch.game.turns else SECOND
        self._seats = batch.game.players
        self._actions = array("h")
        self._hashes: list[bytes] = []
        self.begin()

    def begin(self) -> None:
        """Forget the game: another episode has begun."""
        self.level = int(self.batch.states["level"][0])
        self._actions = array("h")
        self._hashes = [state_hash(self.batch)]

    @property
    def ticks(self) -> int:
        """Ticks that are recorded."""
        return len(self._actions) // self._seats

    def add(self) -> None:
        """The board has advanced by a tick."""
        self._actions.extend(self.batch.slots["acting"][0].tolist())
        if self.ticks % self.every == 0:
            self._hashes.append(state_hash(self.batch))

    def cut(self, ticks: int) -> None:
        """Forget all but the first ticks: the game has been rewound."""
        del self._actions[ticks * self._seats :]
        del self._hashes[ticks // self.every + 1 :]

    def track(self) -> Track:
        """The recording so far."""
        actions = np.array(self._actions, np.int16).reshape(-1, self._seats)
        whole = len(marks(len(actions), self.every)) == len(self._hashes)
        return Track(actions, [*self._hashes] if whole else [*self._hashes, state_hash(self.batch)])
