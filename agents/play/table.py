"""A match in one of our games: many games between the same participants, in one batch."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from typing import Any

import numpy as np

from agents.play.limits import NO_LIMITS, MatchLimits
from agents.play.result import MatchResult
from agents.play.seats import OPENING, Participant
from games.engine.batch import OVER, RANDOM, RUNNING, Batch
from games.engine.loader import Game
from games.engine.seating import KeptPlayer

TOGETHER = 250  # games that run at once
THREADS = min(4, os.cpu_count() or 1)  # that play games of bots


def play_games(
    game: Game,
    participants: list[Participant],
    games: int,
    seed: int,
    levels: Any,
    limits: MatchLimits = NO_LIMITS,
) -> MatchResult:
    """Play `games` games in pairs: both games of a pair begin alike, with the seats exchanged.

    limits: of them only the seconds of the whole match, counted from the first decision's end. Games that are cut count
    with their returns so far.
    """
    # Where nobody is asked, a step is a whole game; else it is over before a second thread has woken.
    threads = 1 if any(participant.sitter for participant in participants) else THREADS
    start, decisions, returns, cut, note = time.perf_counter(), 0, [], 0, ""
    played: set[tuple[bool, bytes]] = set()  # games that differ
    first = 0  # number of the first environment
    deadline: float | None = None
    while first < games and not note:
        count = min(games - first, TOGETHER)
        quota = max(1, min(4, (games - first) // count))
        table = Table(game, participants, count, quota, seed, first, levels, threads)
        deadline = table.play(limits, deadline)
        returns.append(table.returns)
        decisions, cut = decisions + table.decisions, cut + table.cut
        played |= set(table.endings)
        first += count * quota
        if table.unfinished:
            note = f"{table.unfinished} of {sum(map(len, returns))} games were cut: the time is up"
    elapsed = time.perf_counter() - start
    names = [participant.name for participant in participants]
    return MatchResult(game.name, names, np.concatenate(returns), cut, decisions / elapsed, note, game.rewards, len(played))


class Table:
    """`count` environments in which the participants play `quota` games each."""

    def __init__(
        self,
        game: Game,
        participants: list[Participant],
        count: int,
        quota: int | np.ndarray,
        seed: int,
        first: int,
        levels: Any,
        threads: int,
        seated: np.ndarray | None = None,
    ):
        """quota: of all environments, or int [count] of each. first: number of the first environment; with the seed it
        determines its episodes.

        seated: int [count, seats], the participants that meet in each environment; None: the same ones in all.
        """
        self.count, self.quota = count, quota
        self.seated = np.tile(np.arange(game.players), (count, 1)) if seated is None else seated
        # Environments 2k and 2k + 1 play the same episodes with the seats exchanged.
        self.order = np.array([[(k + i) % game.players for k in range(game.players)] for i in range(count)])  # seats
        ids = first + np.arange(count) // game.players
        opening = OPENING if game.turns else (0, 0)
        self.batch = Batch(game, count, seed, opening=opening, levels=levels, env_ids=ids, threads=threads)
        self.players = [player for group in by_network(participants) if (player := self._seat(group))]
        self.batch.reset()
        self.returns = np.zeros((0, game.players))  # of the participants as `seated` names them, by environment
        self.endings: list[tuple[bool, bytes]] = []  # in the same order: whether the seats were exchanged, and how it ended
        self.decisions, self.cut, self.unfinished = 0, 0, 0

    def _seat(self, group: list[tuple[int, Participant]]) -> KeptPlayer | None:
        """Seat participants who decide together, in their numbers' places; None for bots and for those who sit nowhere."""
        rows = []
        for number, participant in group:
            envs, places = np.nonzero(self.seated == number)
            seats = self.order[envs, places]
            self.batch.bots[envs, seats] = participant.bot
            rows.append(np.stack([envs, seats], 1))
        sitter, seated = group[0][1].sitter, np.concatenate(rows)
        if sitter is None or not len(seated):
            return None
        player = sitter.player(self.batch, seated)
        if len(group) > 1 and not self.batch.game.turns:
            for (_, participant), (envs, seats) in zip(group, (each.T for each in rows), strict=True):
                assert participant.agent is not None  # as everybody's in a group
                self.batch.delay[envs, seats] = participant.agent.info.settings.delay
        return player

    def play(
        self, limits: MatchLimits = NO_LIMITS, deadline: float | None = None, tell: Callable[[int], None] | None = None
    ) -> float | None:
        """Play until every environment has played its games, or the seconds of `limits` are over; until when they last.

        deadline: as an earlier table of the same match gave it; None: the seconds begin after the first decision.
        tell: called with a number of games whenever so many have ended; what it raises ends the match.
        """
        batch, done, quota = self.batch, np.zeros(self.count, np.int64), np.broadcast_to(self.quota, self.count)
        actions = np.zeros(batch.rewards.shape, np.int64)
        collected: list[list[np.ndarray]] = [[] for _ in range(self.count)]
        endings: list[list[tuple[bool, bytes]]] = [[] for _ in range(self.count)]
        while True:
            for player in self.players:
                player.act(actions)
            self.decisions += int(batch.asked[done < quota].sum()) if self.players else self.count
            batch.step(actions)
            ended = np.flatnonzero((batch.end != RUNNING) & (done < quota))
            if tell is not None and len(ended):
                tell(len(ended))
            for env in ended:
                collected[env].append(batch.returns[env][self.order[env]])
                endings[env].append((env % batch.game.players == 1, ending(batch, int(env))))
                self.cut += int(batch.end[env] != OVER)
                done[env] += 1
                if done[env] == quota[env]:  # agents need not decide there any more
                    batch.bots[env], batch.asked[env] = RANDOM, 0
            if (done >= quota).all():
                break
            deadline = deadline or time.perf_counter() + limits.seconds  # the first decision may have compiled something
            if time.perf_counter() > deadline:
                running = np.flatnonzero(done < quota)
                for env in running:
                    collected[env].append(batch.returns[env][self.order[env]])
                self.unfinished = len(running)
                self.cut += len(running)
                break
        self.returns = np.array([returns for games in collected for returns in games])
        self.endings = [end for games in endings for end in games]
        batch.close()
        return deadline


def by_network(participants: Sequence[Participant]) -> list[list[tuple[int, Participant]]]:
    """The participants and their numbers; agents of one network who choose alike, whatever their delays, are a group.

    One forward pass decides for all of a group.
    """
    groups: dict[Any, list[tuple[int, Participant]]] = {}
    for number, participant in enumerate(participants):
        network = getattr(participant.agent, "network", None)
        alike: Any = number
        if participant.agent is not None and network is not None:
            alike = (id(network), astuple(replace(participant.agent.info.settings, delay=0)))
        groups.setdefault(alike, []).append((number, participant))
    return list(groups.values())


def ending(batch: Batch, env: int) -> bytes:
    """The state in which an environment's game ended, as bytes: two games that differ nowhere end alike.

    Without the random stream and, where levels are all the same, their number: they differ in games that are played alike.
    """
    state = batch.final[env : env + 1].copy()
    state["rng"] = 0
    if not batch.game.has_build:
        state["level"] = 0
    return state.tobytes()
