"""Odd players: a seat that plays the game's bot, but is idle, late, stuck or at random now and then. Any game has them.

All that an odd player does follows from the batch's seed, the environment, the episode and the number of the decision: it
keeps nothing that a snapshot of the batch would lack.
"""

from collections.abc import Sequence

import numpy as np

from games.engine.batch import EXTERNAL, RANDOM, Batch
from games.errors import UserError, nearest
from games.people.chance import chances

# Of games in which decisions take time. The last two are habits: one of them for a whole game.
KINDS = ("idle", "sticky", "late", "random", "wanderer", "low", "high")
KINDS_OF_TURNS = ("random", "low", "high")  # where a seat must move, and nothing is held or late
LATE = (6, 30)  # ticks of delay, least and most
SPELL = (5, 40)  # decisions of a spell, in which it plays the bot or does not


def kinds_of(game) -> tuple[str, ...]:
    """The kinds of odd players that a game can have."""
    return KINDS_OF_TURNS if game.has_asks else KINDS


class OddPlayer:
    """Odd players in some rows (environment, seat) of a batch. Where an episode begins, each draws anew how it is odd."""

    def __init__(
        self,
        batch: Batch,
        rows: Sequence[tuple[int, int]] | np.ndarray,
        seed: int = 0,
        kinds: Sequence[str] = (),
        kind: np.ndarray | None = None,
    ):
        """kinds: of which it draws; all that the game has by default.

        kind: int64 [R], the caller's, who writes each row's kind (a place in `kinds`) where an episode begins, and -1 where
        another player sits. Without, the rows draw themselves and are taken (`EXTERNAL`).
        """
        pairs = np.asarray(rows, np.int64).reshape(-1, 2)
        self.batch, self.seed = batch, seed
        self.envs, self.seats = pairs[:, 0], pairs[:, 1]
        self.names = tuple(kinds) or kinds_of(batch.game)
        for name in self.names:
            if name not in kinds_of(batch.game):
                raise UserError(f"{batch.game.heading} has no odd player '{name}'.\n{nearest(name, kinds_of(batch.game))}")
        self.draws = kind is None
        self.kind = np.full(len(pairs), -1, np.int64) if kind is None else kind
        self.episode = np.full(len(pairs), -1, np.int64)  # of which the following are
        self.skill = np.zeros(len(pairs))  # of the bot that it is in between
        self.chance = np.zeros(len(pairs))  # of a decision, or a spell, that is odd
        self.spell = np.ones(len(pairs), np.int64)  # decisions
        if self.draws:
            batch.bots[self.envs, self.seats] = EXTERNAL
            self.begin(np.arange(len(pairs)))

    def begin(self, rows: np.ndarray) -> None:
        """Draw for the running episodes of some rows."""
        batch, envs, seats = self.batch, self.envs[rows], self.seats[rows]
        self.episode[rows] = batch.episode[envs]
        keys = (self.seed, batch.env_ids[envs], self.episode[rows], seats)
        if self.draws:
            self.kind[rows] = (chances(*keys, 0) * len(self.names)).astype(np.int64)
        self.skill[rows] = chances(*keys, 1)
        half = self.is_kind(rows, "idle") & (chances(*keys, 2) < 0.5)  # half of the idle ones never move
        self.chance[rows] = np.where(half, 1.0, 0.5 + 0.45 * chances(*keys, 3))
        self.spell[rows] = SPELL[0] + (chances(*keys, 4) * (SPELL[1] - SPELL[0])).astype(np.int64)
        ticks = LATE[0] + (chances(*keys, 5) * (LATE[1] - LATE[0] + 1)).astype(np.int64)
        if not batch.game.has_asks:
            batch.delay[envs, seats] = np.where(self.is_kind(rows, "late"), ticks, 0)

    def is_kind(self, rows: np.ndarray, name: str) -> np.ndarray:
        """bool [R]: whose oddity is of this name."""
        return self.kind[rows] == (self.names.index(name) if name in self.names else -2)

    def act(self, actions: np.ndarray) -> None:
        """Write a world action into `actions`, int64 [N, P], for each of its rows that is asked. Call it before every step."""
        batch = self.batch
        rows = np.flatnonzero((self.kind >= 0) | self.draws)
        rows = rows[batch.asked[self.envs[rows], self.seats[rows]] == 1]
        if not len(rows):
            return
        fresh = rows[batch.episode[self.envs[rows]] != self.episode[rows]]
        if len(fresh):
            self.begin(fresh)
        actions[self.envs[rows], self.seats[rows]] = self._choose(rows)

    def _choose(self, rows: np.ndarray) -> np.ndarray:
        """World actions [R] of rows that are asked."""
        batch, envs, seats = self.batch, self.envs[rows], self.seats[rows]
        keys = (self.seed, batch.env_ids[envs], self.episode[rows], seats)
        decision = batch.slots["decisions"][envs, seats].astype(np.int64)
        spell = decision // self.spell[rows]
        by_spell = self.is_kind(rows, "idle") | self.is_kind(rows, "random") | self.is_kind(rows, "wanderer")
        odd = chances(*keys, 6, np.where(by_spell, spell, decision)) < self.chance[rows]
        at_random = odd & self.is_kind(rows, "random")
        action = batch.scripted(envs, seats, np.where(at_random, RANDOM, self.skill[rows]))
        count = batch.game.num_actions
        masks = batch.legal(envs, seats)
        first = 0 if batch.game.has_asks else min(1, count - 1)  # elsewhere action 0 does nothing
        legal = masks.astype(bool) & (np.arange(count) >= first)
        wanted = [
            ("idle", np.zeros(len(rows), np.int64)),
            ("sticky", batch.slots["held"][envs, seats].astype(np.int64)),
            ("wanderer", (chances(*keys, 7, spell) * count).astype(np.int64)),
            ("low", legal.argmax(1)),
            ("high", count - 1 - legal[:, ::-1].argmax(1)),
        ]
        for name, other in wanted:
            there = odd & self.is_kind(rows, name)
            there &= masks[np.arange(len(rows)), np.clip(other, 0, count - 1)] == 1
            action = np.where(there, other, action)
        return action
