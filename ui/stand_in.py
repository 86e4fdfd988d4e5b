"""Machines in seats that change hands: the one that plays for a person, and the one whose seat a person has taken over."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from games.engine.batch import Batch
from ui.threaded_player import ThreadedPlayer


class BotPlayer:
    """The game's bot in a seat that is not the batch's to decide for."""

    def __init__(self, batch: Batch, seat: int, skill: float):
        """skill: as in `Batch.bots`."""
        self.batch, self.seat, self.skill = batch, seat, skill
        batch.frame_skip[0, seat] = batch.game.frame_skip
        batch.delay[0, seat] = 0

    def act(self, actions: np.ndarray) -> None:
        """Write its action, int64 [1, P]."""
        actions[0, self.seat] = self.batch.scripted(np.array([0]), np.array([self.seat]), np.array([self.skill]))[0]


def bot_player(batch: Batch, seat: int, skill: float) -> ThreadedPlayer:
    """The game's bot for a seat of a board. skill: as in `Batch.bots`."""
    return ThreadedPlayer(batch, seat, lambda seen, _: BotPlayer(seen, seat, skill), ThreadPoolExecutor(1, "decisions"))


@dataclass
class Relieved:
    """A machine whose seat a person has taken over. It goes on watching, so that it finds its way back in at once."""

    player: ThreadedPlayer
    ticks: int = 0  # since it has been relieved

    def watch(self, patient: bool) -> None:
        """See a tick in which its seat is asked, and decide as often as it would, to no effect. patient: as in `Board`."""
        if self.ticks % self.player.frame_skip == 0:
            self.player.decide(True, patient)
        self.ticks += 1
