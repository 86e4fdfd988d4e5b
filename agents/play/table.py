"""A match in one of our games: many games between the same participants, in one batch."""

import time
from typing import Any

import numpy as np

from agents.play.limits import NO_LIMITS, MatchLimits
from agents.play.result import MatchResult
from agents.play.seats import OPENING, Participant
from games.engine.batch import OVER, RANDOM, RUNNING, Batch
from games.engine.loader import Game

TOGETHER = 250  # games that run at once


def play_games(
    game: Game,
    participants: list[Participant],
    games: int,
    seed: int,
    levels: Any,
    threads: int,
    limits: MatchLimits = NO_LIMITS,
) -> MatchResult:
    """Play `games` games in pairs: both games of a pair begin alike, with the seats exchanged.

    limits: of them only the seconds of the whole match, counted from the first decision's end. Games that are cut count
    with their returns so far.
    """
    start, decisions, returns, cut, note = time.perf_counter(), 0, [], 0, ""
    first = 0  # number of the first environment
    while first < games and not note:
        count = min(games - first, TOGETHER)
        quota = max(1, min(4, (games - first) // count))
        table = Table(game, participants, count, quota, seed, first, levels, threads)
        table.play(limits)
        returns.append(table.returns)
        decisions, cut = decisions + table.decisions, cut + table.cut
        first += count * quota
        if table.unfinished:
            note = f"{table.unfinished} of {sum(map(len, returns))} games were cut: the time is up"
    elapsed = time.perf_counter() - start
    names = [participant.name for participant in participants]
    return MatchResult(game.name, names, np.concatenate(returns), cut, decisions / elapsed, note, game.rewards)


class Table:
    """`count` environments in which the participants play `quota` games each."""

    def __init__(
        self,
        game: Game,
        participants: list[Participant],
        count: int,
        quota: int,
        seed: int,
        first: int,
        levels: Any,
        threads: int,
    ):
        """first: number of the first environment; with the seed it determines its episodes."""
        self.count, self.quota = count, quota
        # Environments 2k and 2k + 1 play the same episodes with the seats exchanged.
        self.order = np.array([[(k + i) % game.players for k in range(game.players)] for i in range(count)])  # seats
        ids = first + np.arange(count) // game.players
        opening = OPENING if game.turns else (0, 0)
        self.batch = Batch(game, count, seed, opening=opening, levels=levels, env_ids=ids, threads=threads)
        self.players = []
        for k, participant in enumerate(participants):
            self.batch.bots[np.arange(count), self.order[:, k]] = participant.bot
            if participant.sitter is not None:
                rows = np.stack([np.arange(count), self.order[:, k]], 1)
                self.players.append(participant.sitter.player(self.batch, rows))
        self.batch.reset()
        self.returns = np.zeros((0, game.players))
        self.decisions, self.cut, self.unfinished = 0, 0, 0

    def play(self, limits: MatchLimits = NO_LIMITS) -> None:
        """Play until every environment has played its games, or the seconds of `limits` are over."""
        batch, done = self.batch, np.zeros(self.count, np.int64)
        actions = np.zeros(batch.rewards.shape, np.int64)
        collected: list[list[np.ndarray]] = [[] for _ in range(self.count)]
        deadline = None
        while True:
            for player in self.players:
                player.act(actions)
            self.decisions += int(batch.asked[done < self.quota].sum()) if self.players else self.count
            batch.step(actions)
            for env in np.flatnonzero((batch.end != RUNNING) & (done < self.quota)):
                collected[env].append(batch.returns[env][self.order[env]])
                self.cut += int(batch.end[env] != OVER)
                done[env] += 1
                if done[env] == self.quota:  # agents need not decide there any more
                    batch.bots[env], batch.asked[env] = RANDOM, 0
            if (done >= self.quota).all():
                break
            deadline = deadline or time.perf_counter() + limits.seconds  # the first decision may have compiled something
            if time.perf_counter() > deadline:
                running = np.flatnonzero(done < self.quota)
                for env in running:
                    collected[env].append(batch.returns[env][self.order[env]])
                self.unfinished = len(running)
                self.cut += len(running)
                break
        self.returns = np.array([returns for games in collected for returns in games])
        batch.close()
