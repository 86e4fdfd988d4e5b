"""Matches of simulated people and bots, many games in one batch."""

from collections.abc import Sequence

import numpy as np

from games.engine.batch import EXTERNAL, RANDOM, RUNNING, Batch
from games.engine.loader import Game
from games.engine.seating import KeptPlayer
from games.people.person import Person

TOGETHER = 250  # games that run at once
OPENING = (2, 4)  # random plies that open a game of turns


def play(
    game: Game, seated: Sequence[Person | float], games: int, seed: int = 0, ticks: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The returns of games between people and bots (by their skill), float64 [games, participants]; and how many decisions each
    person has made that were not the first action, int64 [participants]. Two games that begin alike have the seats exchanged.

    ticks: games that are longer are cut, and count with their returns so far.
    """
    limit = game.max_ticks if ticks is None else ticks
    parts = [_play(game, seated, min(TOGETHER, games - first), seed, first, limit) for first in range(0, games, TOGETHER)]
    return np.concatenate([returns for returns, _ in parts]), np.sum([moved for _, moved in parts], axis=0)


def _play(
    game: Game, seated: Sequence[Person | float], count: int, seed: int, first: int, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    every, size = np.arange(count), game.players
    order = (every[:, None] + np.arange(size)) % size  # the seat of each participant
    batch = Batch(game, count, seed, opening=OPENING if game.turns else (0, 0), env_ids=(first + every) // size)
    players: list[KeptPlayer] = []
    for k, each in enumerate(seated):
        batch.bots[every, order[:, k]] = EXTERNAL if isinstance(each, Person) else each
        if isinstance(each, Person):
            players.append(each.player(batch, np.stack([every, order[:, k]], 1)))
    batch.reset()
    returns, done = np.zeros((count, size)), np.zeros(count, bool)
    actions, moved = np.zeros((count, size), np.int64), np.zeros(size, np.int64)
    while not done.all():
        for player in players:
            player.act(actions)
        moved += ((actions != 0) & (batch.asked == 1))[every[:, None], order].sum(0)
        batch.step(actions)
        ended = np.flatnonzero((batch.end != RUNNING) & ~done)
        returns[ended] = batch.returns[ended[:, None], order[ended]]
        done[ended] = True
        batch.bots[ended], batch.asked[ended] = RANDOM, 0  # nobody needs to decide there any more
        late = np.flatnonzero(~done & (batch.states["tick"] >= limit))
        returns[late] = batch.slots["returns"][late[:, None], order[late]]
        done[late] = True
    batch.close()
    return returns, moved
