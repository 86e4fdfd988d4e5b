"""All games that are played while a ladder is made: who met whom, ratings by them, and steps between neighbours."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from agents.play.agent import Agent
from agents.play.ratings import SCALE, games_of, oriented, points_of, rate, ratings, with_prior
from agents.play.seats import Participant
from agents.play.tournament import play_tournament
from games.engine.loader import Game
from games.intervals import wilson

BOT = "bot"


@dataclass(frozen=True)
class Candidate:
    """An agent of the run's past, and how it would play on a rung."""

    path: Path
    steps: int
    delay: int
    temperature: float

    @property
    def name(self) -> str:
        """Its name in tournaments."""
        return f"{self.steps:011d} delay {self.delay:02d} temperature {self.temperature:.2f}"

    def agent(self, game: Game) -> Agent:
        """A new agent that plays so."""
        agent = Agent.load(self.path, game)
        settings = replace(agent.info.settings, delay=self.delay, temperature=self.temperature)
        agent.info = replace(agent.info, settings=settings)
        return agent


@dataclass
class Record:
    """All games played so far between candidates and the bot, by name."""

    game: Game
    seed: int
    threads: int
    names: list[str] = field(default_factory=list)
    couples: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 5), np.int64))
    rounds: int = 0

    def play(self, candidates: Sequence[Candidate], games: int, bot: bool = False) -> None:
        """Let some candidates meet in so many games, and add them."""
        players = [Participant(each.name, agent=each.agent(self.game)) for each in candidates]
        players += [Participant(BOT, 0.5)] if bot else []
        self.rounds += 1
        found = play_tournament(self.game, players, games, self.seed * 1_000_003 + self.rounds, self.threads)
        self._add(found.names, found.couples)

    def _add(self, names: list[str], couples: np.ndarray) -> None:
        wider = [*self.names, *(name for name in names if name not in self.names)]
        table = np.zeros((len(wider), len(wider), 5), np.int64)
        table[: len(self.names), : len(self.names)] = self.couples
        for i, first in enumerate(names):
            for j in range(i + 1, len(names)):
                a, b = wider.index(first), wider.index(names[j])
                counts = couples[i, j]
                table[min(a, b), max(a, b)] += counts if a < b else counts[::-1]
        self.names, self.couples = wider, table

    def ratings(self) -> dict[str, tuple[float, tuple[float, float]]]:
        """The rating of each, the bot's at 1000, and its 95 % interval."""
        found = rate(self.names, self.couples, BOT, self.seed)
        return {
            name: (float(found.rating[k]), (float(found.interval[k, 0]), float(found.interval[k, 1])))
            for k, name in enumerate(self.names)
        }

    def rated(self) -> dict[str, float]:
        """The rating of each candidate, without intervals, which take long."""
        found = ratings(with_prior(points_of(oriented(self.couples))), self.names.index(BOT))
        return {name: float(rating) for name, rating in zip(self.names, found, strict=True) if name != BOT}

    def between(self, upper: str, lower: str) -> tuple[float, float]:
        """The points that one won against another, and their games."""
        i, j = self.names.index(upper), self.names.index(lower)
        whole = oriented(self.couples)
        return float(points_of(whole)[i, j]), float(games_of(whole)[i, j])


@dataclass(frozen=True)
class Step:
    """The distance of a level from the one below, by the games between them."""

    score: float  # of the upper one
    points: float  # of rating
    half: float  # of its 95 % interval
    games: int


def step_of(points: float, games: float) -> Step:
    """A step by the points that the upper level won in so many games; Wilson's interval.

    >>> found = step_of(1500, 2000)
    >>> round(found.points), round(found.half)
    (191, 18)
    """
    low, high = wilson(points, int(games))
    score = min(max(points / games, 0.5 / games), 1.0 - 0.5 / games)
    ends = [SCALE * math.log(p / (1.0 - p)) for p in (max(low, 1e-6), min(high, 1.0 - 1e-6))]
    return Step(points / games, SCALE * math.log(score / (1.0 - score)), (ends[1] - ends[0]) / 2.0, int(games))


def unevenness(steps: Sequence[Step]) -> float:
    """The greatest distance of a step from the mean step, and half of its interval, together; points.

    >>> unevenness([Step(0.7, 150.0, 20.0, 2000), Step(0.7, 170.0, 15.0, 2000)])
    30.0
    """
    mean = sum(step.points for step in steps) / len(steps)
    return max(abs(step.points - mean) + step.half for step in steps)


def play_neighbours(record: Record, levels: Sequence[Candidate], games: int) -> list[Step]:
    """Play each level against the one below until they have met in so many games; the steps, the lowest first."""
    steps = []
    for lower, upper in pairwise(levels):
        _, met = record.between(upper.name, lower.name)
        if met < games:
            record.play([lower, upper], int(games - met))
        steps.append(step_of(*record.between(upper.name, lower.name)))
    return steps
