"""All games that are played while a ladder is made: who met whom, ratings by them, and steps between neighbours."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from agents.play.agent import Agent
from agents.play.match import play_match
from agents.play.ratings import SCALE, games_of, oriented, points_of, rate, ratings, with_prior
from agents.play.seats import Participant
from agents.play.tournament import play_tournament
from games.engine.loader import Game
from games.intervals import wilson

BOT = "bot"
DISTANCES = (1, 4, 11, 30)  # places in the order of names, of those who meet to be rated roughly: each meets two of each


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

    def agent(self, game: Game, loaded: dict[Path, Agent] | None = None) -> Agent:
        """A new agent that plays so, with weights rounded as the ladder's files keep them.

        loaded: agents by their files, which grows; those of one file share a network.
        """
        loaded = {} if loaded is None else loaded
        if self.path not in loaded:
            loaded[self.path] = Agent.load(self.path, game)
            for weights in loaded[self.path].network.parameters():
                weights.data = weights.data.half().float()
        agent = copy.copy(loaded[self.path])
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
    endings: dict[tuple[str, str], set[int]] = field(default_factory=dict)  # of each pair's games that differ, by names
    loaded: dict[Path, Agent] = field(default_factory=dict)

    def mingle(self, candidates: Sequence[Candidate], games: int) -> None:
        """Let each candidate and the bot play about so many games, against eight others near and far; all are connected so."""
        names = sorted([BOT, *(each.name for each in candidates)])
        plan, each = np.zeros((len(names), len(names)), np.int64), 2 * max(1, games // (4 * len(DISTANCES)))
        for k in range(len(names)):
            for distance in {distance % len(names) for distance in DISTANCES} - {0}:
                i, j = sorted((k, (k + distance) % len(names)))
                plan[i, j] = each
        self._add(*self._played(candidates, plan, True))

    def meet(self, candidate: Candidate | None, opponents: Sequence[Candidate], games: int) -> None:
        """Let a candidate, or the bot, play so many games against each of its opponents, and add them."""
        name = candidate.name if candidate else BOT
        names = sorted([name, *(each.name for each in opponents)])
        place = names.index(name)
        plan = np.zeros((len(names), len(names)), np.int64)
        plan[place, place + 1 :] = plan[:place, place] = games + games % 2
        self._add(*self._played([*opponents, *([candidate] if candidate else [])], plan, candidate is None))

    def _played(self, candidates: Sequence[Candidate], plan: np.ndarray, bot: bool) -> tuple[list[str], np.ndarray]:
        """The names and couples of a tournament in which each pair plays as many games as is planned."""
        players = [Participant(each.name, agent=each.agent(self.game, self.loaded)) for each in candidates]
        players += [Participant(BOT, 0.5)] if bot else []
        self.rounds += 1
        found = play_tournament(self.game, players, plan, self.seed * 1_000_003 + self.rounds, self.threads)
        for (i, j), games in found.endings.items():
            pair = sorted((found.names[i], found.names[j]))
            self.endings.setdefault((pair[0], pair[1]), set()).update(games)
        return found.names, found.couples

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

    def between(self, upper: Candidate, lower: Candidate) -> tuple[float, float]:
        """The points that one won against another, and their games."""
        if upper.name not in self.names or lower.name not in self.names:
            return 0.0, 0.0
        i, j = self.names.index(upper.name), self.names.index(lower.name)
        whole = oriented(self.couples)
        return float(points_of(whole)[i, j]), float(games_of(whole)[i, j])

    def score(self, candidate: Candidate, opponents: Sequence[Candidate]) -> float:
        """The share of points that a candidate won against others, by the games so far; 0.5 if there are none."""
        met = [self.between(candidate, each) for each in opponents]
        games = sum(count for _, count in met)
        return sum(points for points, _ in met) / games if games else 0.5

    def bot_score(self, candidate: Candidate, games: int) -> float:
        """The share of points that a candidate wins in so many games against the strongest bot; they are not kept."""
        players = [Participant(candidate.name, agent=candidate.agent(self.game, self.loaded)), Participant("bot:1", 1.0)]
        return play_match(self.game, players, games, self.seed).score

    def different(self, upper: Candidate, lower: Candidate) -> int:
        """The games of two that differ from each other."""
        first, second = sorted((upper.name, lower.name))
        return len(self.endings.get((first, second), ()))

    def step(self, upper: Candidate, lower: Candidate) -> "Step":
        """The distance of one from another below it, by the games between them."""
        return step_of(*self.between(upper, lower))


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
