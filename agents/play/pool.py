"""The pool of a league's opponents: who is in it, how often each is met, and how the learner fares against them.

Prioritised fictitious self-play (Vinyals et al. 2019, doi:10.1038/s41586-019-1724-z): the better an opponent still does, the
more often it is met.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from agents.play.policy import NetworkPolicy
from agents.play.seats import Participant
from games.engine.batch import EXTERNAL
from games.people.chance import chances

CHOICES = ("hard", "even", "uniform", "latest")  # how one is chosen of a group
GROUPS = ("past", "bots", "random", "odd", "named")  # of opponents, each with a share; beside them the current self
LEAST = 1e-3  # weight of an opponent who is always beaten: nobody is forgotten
WON, DRAWN, LOST = range(3)  # of the learner's games: columns of records
DRAW_STREAM = 0x5EA7  # sets the draws of opponents apart from those of odd players


@dataclass
class Member:
    """An opponent in the pool."""

    key: int  # its own for ever; rising in the order of the pool
    name: str  # "bot:1", "random", "odd:late", "step 500,000", the path of an agent
    group: str  # one of GROUPS
    bot: float = EXTERNAL  # RANDOM, or the skill of the game's bot
    agent: NetworkPolicy | None = None
    odd: int = -1  # the number of its kind among the game's odd players
    steps: int = -1  # of a snapshot
    rating: float | None = None  # of the bot, and of a snapshot when it entered; it stays; None: not known
    active: bool = True  # False: it only plays its games to the end
    record: np.ndarray = field(default_factory=lambda: np.zeros(3))  # the learner's games against it, the older the lighter

    @property
    def games(self) -> float:
        """The weight of the games on record."""
        return float(self.record.sum())

    @property
    def score(self) -> float:
        """The learner's share of these games, a draw half; 1/2 is what is expected before the first."""
        won, drawn, _ = self.record
        return float((won + 0.5 * drawn + 1.0) / (self.games + 2.0))


def priorities(scores: np.ndarray, choice: str) -> np.ndarray:
    """The weights of a group's opponents, from the learner's scores against them, [M] in the order of their coming.

    `hard`: (1 - p)², `even`: p (1 - p), with LEAST for each; `uniform`: all alike; `latest`: the last alone.

    >>> priorities(np.array([0.5, 0.9]), "hard").round(3).tolist(), priorities(np.array([0.5, 0.9]), "even").round(3).tolist()
    ([0.251, 0.011], [0.251, 0.091])
    >>> priorities(np.array([0.5, 0.9]), "latest").tolist()
    [0.0, 1.0]
    """
    if choice == "latest":
        return np.eye(len(scores))[-1]
    weights = {"hard": (1 - scores) ** 2, "even": scores * (1 - scores), "uniform": np.ones(len(scores))}[choice]
    return weights + LEAST


class Pool:
    """Opponents of several groups. The shares of groups that have nobody are divided among the others."""

    def __init__(self, members: Iterable[Member], shares: dict[str, float], choice: str, self_share: float = 0.0):
        """shares: of GROUPS, 0 or more each. self_share: of environments, in which both seats learn."""
        self.members = list(members)
        self.shares, self.choice, self.self_share = shares, choice, self_share
        self.next_key = max((member.key for member in self.members), default=-1) + 1
        self.update()

    def update(self) -> None:
        """Compute the chances from the records. Call it after any change of members or records."""
        self.keys = np.array([member.key for member in self.members], np.int64)
        self.chances = np.zeros(len(self.members))
        for group in GROUPS:
            there = [number for number, member in enumerate(self.members) if member.group == group and member.active]
            if there and self.shares.get(group, 0.0) > 0.0:
                choice = "uniform" if self.choice == "latest" and group != "past" else self.choice
                weights = priorities(np.array([self.members[number].score for number in there]), choice)
                self.chances[there] = self.shares[group] * weights / weights.sum()
        total = self.chances.sum()
        self.chances = self.chances / total if total > 0 else self.chances
        self._edges = np.cumsum(self.chances)

    def draw(self, seed: int, env_ids: np.ndarray, episodes: np.ndarray) -> np.ndarray:
        """The places in `members` of the opponents of some episodes, int64 [R]: by these and the pool's state alone."""
        chance = chances(seed, env_ids, episodes, DRAW_STREAM) * self._edges[-1]
        places = np.searchsorted(self._edges, chance, side="right")
        return np.minimum(places, int(np.flatnonzero(self.chances)[-1]))

    def places(self, keys: np.ndarray) -> np.ndarray:
        """The places in `members` of members' keys, int64 [R]; -1 for -1."""
        return np.where(keys < 0, -1, np.searchsorted(self.keys, keys))

    def add(self, **about: object) -> Member:
        """Add a member, with a key of its own."""
        member = Member(key=self.next_key, **about)  # type: ignore[arg-type]
        self.members.append(member)
        self.next_key += 1
        self.update()
        return member

    def active(self, group: str | None = None) -> list[Member]:
        """The members who can be drawn, of a group or of all."""
        return [member for member in self.members if member.active and group in (None, member.group)]


Opponents: TypeAlias = list[Participant | None] | Pool  # fixed ones, None where both seats learn; or a league's


def learning_rows(opponents: Opponents, num_envs: int, players: int) -> int:
    """The number of seats that learn, at most."""
    if isinstance(opponents, Pool):
        return num_envs + int(self_play(num_envs, opponents.self_share).sum())
    return num_envs * (players if None in opponents else 1)


def self_play(num_envs: int, fraction: float) -> np.ndarray:
    """The environments in which both seats learn, bool [N]: a fraction of them, evenly distributed.

    >>> self_play(8, 0.25).astype(int).tolist()
    [0, 0, 0, 1, 0, 0, 0, 1]
    """
    steps = np.floor(np.arange(num_envs + 1) * fraction + 1e-9)
    return np.diff(steps) > 0
