"""Tournaments: games between many participants, those that teach most about their ratings, many at once in a batch.

The order in which participants are listed changes nothing, nor does the number of threads: games are dealt into batches by the
participants' names, and each batch has random streams of its own.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from agents.play.ratings import games_of, oriented, points_of, rate
from agents.play.schedule import first_round, next_round, round_sizes
from agents.play.seats import Participant
from agents.play.table import Table
from agents.play.trainable import AnyGame
from games.engine.loader import Game
from games.errors import UserError
from games.intervals import wilson

ANCHOR = 0.5  # skill of the bot that is fixed at 1000
COUPLES = 125  # pairs of environments that run in one batch
QUOTA = 10  # games of an environment at most: many, so that few wait for the longest ones


class Stopped(Exception):
    """Another batch has failed, or Ctrl-C came."""


@dataclass
class Tournament:
    """The results of all games; i and j are places in `names`, which are sorted."""

    game: str
    names: list[str]
    anchor: str | None  # who is fixed at 1000; None: the mean of all is
    seed: int
    couples: np.ndarray = field(init=False)  # int64 [n, n, 5], i < j: how often i got k / 2 points of the two games of a couple
    wins: np.ndarray = field(init=False)  # int64 [n, n]: games that i won against j
    draws: np.ndarray = field(init=False)  # int64 [n, n]
    endings: dict[tuple[int, int], set[int]] = field(default_factory=dict)  # i < j: hashes of the games that differ
    cut: int = 0  # games truncated by the time limit

    def __post_init__(self) -> None:
        n = len(self.names)
        self.couples = np.zeros((n, n, 5), np.int64)
        self.wins, self.draws = np.zeros((n, n), np.int64), np.zeros((n, n), np.int64)

    @property
    def points(self) -> np.ndarray:
        """float64 [n, n]: wins of i against j and half of the draws."""
        return points_of(oriented(self.couples))

    @property
    def games(self) -> np.ndarray:
        """float64 [n, n]: games of i and j."""
        return games_of(oriented(self.couples))

    def add(self, table: Table) -> None:
        """Count the games of a table that has been played."""
        rows = np.repeat(np.arange(table.count), table.quota)  # the environment of each game
        seated, second = table.seated[rows], rows % 2 == 1
        margin = np.sign(table.returns[:, 0] - table.returns[:, 1]).astype(np.int64)
        i, j = seated.T
        np.add.at(self.wins, (i[margin > 0], j[margin > 0]), 1)
        np.add.at(self.wins, (j[margin < 0], i[margin < 0]), 1)
        np.add.at(self.draws, (i[margin == 0], j[margin == 0]), 1)
        np.add.at(self.draws, (j[margin == 0], i[margin == 0]), 1)
        np.add.at(self.couples, (i[~second], j[~second], 2 + margin[~second] + margin[second]), 1)
        for k, end in enumerate(table.endings):
            self.endings.setdefault((int(i[k]), int(j[k])), set()).add(hash(end))
        self.cut += table.cut

    def summary(self) -> dict[str, Any]:
        """The JSON object that `python -m agents.ratings --json` prints: the best first, `win_matrix` in the same order."""
        found, points, games = rate(self.names, self.couples, self.anchor, self.seed), self.points, self.games
        order = sorted(range(len(self.names)), key=lambda k: (-found.rating[k], self.names[k]))
        players = [
            {
                "name": self.names[k],
                "rating": float(found.rating[k]),
                "interval": [float(limit) for limit in found.interval[k]],
                "games": int(games[k].sum()),
                "wins": int(self.wins[k].sum()),
                "draws": int(self.draws[k].sum()),
                "score": float(points[k].sum() / games[k].sum()),
            }
            for k in order
        ]
        matrix = [[float(points[i, j] / games[i, j]) if games[i, j] else None for j in order] for i in order]
        return {
            "game": self.game,
            "games": int(games.sum() / 2),
            "seed": self.seed,
            "anchor": self.anchor,
            "players": players,
            "win_matrix": matrix,
            "pairs": [self._pair(i, j) for place, i in enumerate(order) for j in order[place + 1 :]],
            "circles": [[self.names[k] for k in circle] for circle in found.circles],
            "cut": self.cut,
        }

    def _pair(self, i: int, j: int) -> dict[str, Any]:
        points, games = float(self.points[i, j]), int(self.games[i, j])
        return {
            "players": [self.names[i], self.names[j]],
            "games": games,
            "wins": [int(self.wins[i, j]), int(self.wins[j, i])],
            "draws": int(self.draws[i, j]),
            "win_rate": points / games,
            "interval": list(wilson(points, games)),
            "different_games": len(self.endings[min(i, j), max(i, j)]),
        }


def play_tournament(
    game: AnyGame,
    participants: Sequence[Participant],
    games: int | np.ndarray,
    seed: int = 0,
    threads: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> Tournament:
    """Play so many games, each of them again with the seats exchanged.

    games: their number, rounded up to an even one, of which each pair plays those that teach most; or the even numbers of each
        pair, int64 [n, n], i < j in the order of the names.
    threads: batches that are played at once.
    tell: called with the games played so far and their number.
    `UserError` for a game without winners, a person, fewer than two participants, or fewer than two games for each pair.
    """
    check_game(game)
    assert isinstance(game, Game)  # all others have one seat
    plan = games if isinstance(games, np.ndarray) else None
    total = int(np.sum(games))
    check_participants(participants, None if plan is not None else total)
    players = sorted(participants, key=lambda participant: participant.name)
    anchor = next((k for k, player in enumerate(players) if player.bot == ANCHOR), None)
    result = Tournament(game.name, [p.name for p in players], None if anchor is None else players[anchor].name, seed)
    total += total % 2
    first, stopped, progress = 0, threading.Event(), _counter(total, tell)
    failures: list[BaseException] = []  # the first is the reason of the others

    def ended(count: int) -> None:
        if stopped.is_set():
            raise Stopped
        progress(count)

    def play(seated: np.ndarray, quota: np.ndarray, number: int) -> Table:
        try:
            ended(0)
            table = Table(game, _with_own_streams(players, seed, number), len(seated), quota, seed, number, None, 1, seated)
            table.play(tell=ended)
        except BaseException as error:
            stopped.set()
            failures.append(error)
            raise
        return table

    # Inside a thread torch computes on a single one: sums do not depend on the number of threads.
    with ThreadPoolExecutor(threads, "games", lambda: torch.set_num_threads(1)) as pool:
        try:
            planned = first_round(len(players), total) if plan is None else plan
            for size in [0, *round_sizes(total - int(planned.sum()))]:
                planned = next_round(result.points, size, anchor) if size else planned
                running = []
                for seated, quota in batches(planned):
                    running.append(pool.submit(play, seated, quota, first))
                    first += len(seated) // 2
                for future in running:
                    result.add(future.result())
        except Stopped:
            raise failures[0] from None
        finally:
            stopped.set()  # Ctrl-C: batches that run end at their next game
            pool.shutdown(cancel_futures=True)
    return result


def batches(planned: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Games of each pair, even numbers [n, n], dealt into batches: who is seated, int [count, 2], and quotas, int [count].

    From 500 games on there are two equal batches at least, for two threads. Environments 2k and 2k + 1 are of the same two
    participants, as `Table` has them exchange their seats.

    >>> [(seated.tolist(), quota.tolist()) for seated, quota in batches(np.array([[0, 2, 4], [0, 0, 0], [0, 0, 0]]))]
    [([[0, 1], [0, 1], [0, 2], [0, 2], [0, 2], [0, 2]], [1, 1, 1, 1, 1, 1])]
    """
    most = int(np.clip(planned.sum() // (4 * COUPLES), 1, QUOTA))
    rows = []
    for i, j in zip(*np.nonzero(planned), strict=True):
        couples = int(planned[i, j]) // 2
        envs = -(-couples // most)
        rows += [(i, j, couples * (k + 1) // envs - couples * k // envs) for k in range(envs)]
    for start in range(0, len(rows), COUPLES):
        part = np.repeat(np.array(rows[start : start + COUPLES]), 2, axis=0)
        yield part[:, :2], part[:, 2]


def check_game(game: AnyGame) -> None:
    """`UserError` for a game in which nobody beats anybody."""
    if game.players != 2 or not isinstance(game, Game):
        raise UserError(
            f"{game.heading} has one seat: nobody beats another there, so there are no ratings.\n"
            f"Compare mean returns: python play.py {game.name} AGENT --headless"
        )
    if not game.competitive:
        raise UserError(
            f'In {game.heading} nobody wins (REWARDS = "{game.rewards}"), so there are no ratings.\n'
            "Compare mean returns: python play.py … --headless"
        )


def check_participants(participants: Sequence[Participant], games: int | None) -> None:
    """`UserError` if participants cannot be rated in so many games; None: in a number that is known to do."""
    if any(participant.human for participant in participants):
        raise UserError("A person cannot play in a tournament, which has no window.\nName bot, bot:0.8, random, or an agent.")
    if len(participants) < 2:
        raise UserError("A rating needs two participants at least.\nAdd another one, for example bot.")
    pairs = len(participants) * (len(participants) - 1) // 2
    if games is not None and games < 2 * pairs:
        met = f"each of {pairs} pairs plays" if pairs > 1 else "a pair plays"
        raise UserError(f"{games} games are too few: {met} two at least, with the seats exchanged.\nSay --games {2 * pairs}")


def _with_own_streams(players: Sequence[Participant], seed: int, number: int) -> list[Participant]:
    """The players with random streams that only the seed and the batch's number determine; networks are shared."""
    made = []
    for k, player in enumerate(players):
        agent = copy.copy(player.agent)
        if agent is not None:
            stream = int(np.random.SeedSequence([seed, number, k]).generate_state(1, np.uint64)[0] >> np.uint64(1))
            agent.generator = torch.Generator(agent.generator.device).manual_seed(stream)
        made.append(replace(player, agent=agent))
    return made


def _counter(total: int, tell: Callable[[int, int], None] | None) -> Callable[[int], None]:
    """A function that adds up the games that threads have played, and tells the sum."""
    played, lock = 0, threading.Lock()

    def add(count: int) -> None:
        nonlocal played
        with lock:
            played += count
            if tell is not None:
                tell(played, total)

    return add
