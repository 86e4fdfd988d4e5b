"""Chooses the levels of a ladder among candidates: one after another, from the best down, each a step below the one above.

How far two are apart is told by games between these two alone: where their delays differ, ratings by a tournament of all say
other steps. So the next level is looked for among the candidates that should be a step below by their ratings: each plays the
level above, and those that are nearest to a step play on, until a few are left. These are checked by games of their own, one
after another until one is good, since the best of many measured ones is better measured than it is. The best candidate, where
all begins, is found by games between those that seem to be the best, and of each of them against the game's strongest bot:
who beats its like need not be the one that beats others.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from agents.play.ladder import LEVELS
from agents.training.ladder_record import Candidate, Record, Step, unevenness

LEAST, MOST = 110.0, 330.0  # points of rating of a mean step: 65 to 87 % against the level below
EVEN = 30.0  # points: the distance of a step from the mean step, and half of its 95 % interval, together
FINALS = ((24, 20), (6, 80), (3, 400))  # candidates for the best level that are left, and further games of each pair of them
BOT_GAMES = 400  # of each candidate for the best level against the strongest bot
HEATS = ((32, 30), (10, 80), (4, 240), (3, 500))  # candidates that are left, and further games of each against the level above
LATE = 15.0, 4.0  # points of rating that a tick of delay beside the due one is worth: by rough ratings, and by games
TRIES = 3  # times that candidates for a level are looked for
GOOD = 0.8  # of EVEN: as near to the step that is wanted is near enough; the mean of all steps is not quite that one
SMALLER = 0.93  # of a step, is the next one that is tried if the run ends before the ladder does
SPAN = 0.9  # of what the ratings span, that the first ladder tried spans


def reach(ratings: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest rating between which there is no gap, and not more than levels can span.

    >>> reach([500.0, 920.0, 1060.0, 1140.0])  # who plays at random is far below whatever has learned
    (920.0, 1140.0)
    """
    falling = sorted(ratings, reverse=True)
    low = falling[0]
    for rating in falling[1:]:
        if low - rating > MOST / 2 or falling[0] - rating > 0.9 * MOST * (len(LEVELS) - 1):
            break
        low = rating
    return low, falling[0]


def number_of_levels(span: float) -> int:
    """Seven, unless steps would be too small or too large by that.

    >>> [number_of_levels(span) for span in (400.0, 1200.0, 3000.0)]
    [4, 7, 11]
    """
    count = len(LEVELS)
    if span / (count - 1) > MOST:
        return math.ceil(span / MOST) + 1
    return max(2, min(count, int(span / LEAST) + 1))


@dataclass
class Choice:
    """Levels, the weakest first, and the step of each but the lowest from the one below, by the games that checked it."""

    levels: list[Candidate]
    steps: list[Step]

    @property
    def uneven(self) -> float:
        """How far the steps are from even, `EVEN` at most in a good ladder."""
        return unevenness(self.steps)


class Chooser:
    """Chooses levels among candidates, all of whom have ratings in `record`."""

    def __init__(
        self, record: Record, checks: Record, candidates: Sequence[Candidate], games: int, tell: Callable[[str], None]
    ):
        """checks: a record for the games that check a step, `games` of each. tell: is called with lines for the user."""
        self.record, self.checks, self.candidates, self.games, self.tell = record, checks, candidates, games, tell
        self.delays = sorted({each.delay for each in candidates})
        self.top = self.best()
        self.rated = record.rated()

    def choose(self, step: float | None = None) -> Choice:
        """Levels whose steps are as even as the candidates allow; fewer than seven where these end too soon.

        step: points from a level to the next; None: as the candidates' ratings span, and less where they end before.
        """
        low, top = reach(list(self.rated.values()))
        count = min(number_of_levels(top - low), len(self.candidates))
        wanted = step or min(max(SPAN * (top - low) / max(count - 1, 1), LEAST), MOST)
        found = [self.descend(wanted, count)]
        while not step and wanted * SMALLER >= LEAST and (len(found[-1].levels) < count or found[-1].uneven > EVEN):
            wanted *= SMALLER
            found.append(self.descend(wanted, count))
        return min(found, key=lambda each: (-len(each.levels), each.uneven))

    def descend(self, step: float, count: int) -> Choice:
        """So many levels, from the best candidate down, each about `step` points below the one above.

        Where nobody is, the nearest one is taken, and further steps are to be as large as the mean of those so far: steps are
        even if they are alike.
        """
        self.tell(f"{count} levels, {step:.0f} points apart, below {self.top.name}:")
        levels, steps = [self.top], list[Step]()
        while len(levels) < count:
            level = self.below(levels, step)
            if level is None or (abs(level[1].points - step) > 2.0 * EVEN and len(levels) > 1):
                self.tell(f"  nobody is {step:.0f} points below {levels[-1].name}")
                break
            found, below = level
            self.tell(f"  {found.name}: {below.points:.0f} ± {below.half:.0f} below")
            levels.append(found)
            steps.append(below)
            if abs(below.points - step) + below.half > EVEN:
                step = float(np.clip(np.mean([each.points for each in steps]), LEAST, MOST))
        return Choice(levels[::-1], steps[::-1])

    def best(self) -> Candidate:
        """The strongest candidate of those that react soonest: against the other strong ones and the game's best bot alike."""
        rated, finalists = self.record.rated(), [each for each in self.candidates if each.delay == self.delays[0]]
        merit, bots = {each: rated[each.name] for each in finalists}, dict[Candidate, float]()
        for left, games in FINALS:
            finalists = sorted(finalists, key=lambda each: -merit[each])[:left]
            for k, each in enumerate(finalists[:-1]):
                self.record.meet(each, finalists[k + 1 :], games)
            bots |= {each: self.record.bot_score(each, BOT_GAMES) for each in finalists if each not in bots}
            merit = {each: self.record.score(each, finalists) + bots[each] for each in finalists}
        return max(finalists, key=lambda each: merit[each])

    def below(self, levels: Sequence[Candidate], step: float) -> tuple[Candidate, Step] | None:
        """The next level, and its checked step; None where nobody is left who reacts late enough.

        Where nobody fits, others are tried, by as much weaker or stronger as the games with the level above have shown that
        ratings are wrong about it.
        """
        above, shift = levels[-1], 0.0
        tried: dict[Candidate, Step] = {}
        for _ in range(TRIES):
            met = self.due(levels, step - shift, tried)
            if not met:
                break
            tried |= self.heats(levels, met, step)
            if any(abs(found.points - step) + found.half <= EVEN for found in tried.values()):
                break
            shift = float(np.median([self.record.step(above, each).points - self.rated_gap(above, each) for each in met]))
        return min(tried.items(), key=lambda each: abs(each[1].points - step) + each[1].half) if tried else None

    def heats(self, levels: Sequence[Candidate], heat: Sequence[Candidate], step: float) -> dict[Candidate, Step]:
        """Let candidates for the next level play the last one, and check the nearest until one is good; their steps."""
        above, delay = levels[-1], self.due_delay(levels)

        def away(each: Candidate) -> float:
            met = self.record.between(above, each)[1]
            points = self.record.step(above, each).points if met else self.rated_gap(above, each)
            return abs(points - step) + LATE[bool(met)] * abs(each.delay - delay)

        for left, games in HEATS:
            heat = sorted(heat, key=away)[:left]
            self.record.meet(above, heat, games)
        tried: dict[Candidate, Step] = {}
        for each in sorted(heat, key=away):
            tried[each] = self.checked(above, each, step)
            if abs(tried[each].points - step) + tried[each].half <= GOOD * EVEN:
                break
        return tried

    def rated_gap(self, above: Candidate, each: Candidate) -> float:
        """How far one is below another by the rough ratings, points."""
        return self.rated[above.name] - self.rated[each.name]

    def checked(self, above: Candidate, each: Candidate, step: float) -> Step:
        """How far one is below another, by `games` games of their own, or a quarter of them where these show another step."""
        for games in (self.games // 4, self.games):
            met = int(self.checks.between(above, each)[1])
            if met < games:
                self.checks.meet(above, [each], games - met)
            found = self.checks.step(above, each)
            if abs(found.points - step) > EVEN + found.half:
                break
        return found

    def due(self, levels: Sequence[Candidate], step: float, tried: Collection[Candidate]) -> list[Candidate]:
        """The candidates that should be a step below the last level and are about as late as the next one is due to be.

        No level reacts sooner than the one above. tried: those that do not fit.
        """
        above, delay = levels[-1], self.due_delay(levels)
        allowed = [each for each in self.candidates if each not in levels and each not in tried and each.delay >= above.delay]
        nearest = sorted(allowed, key=lambda each: abs(self.rated_gap(above, each) - step) + LATE[0] * abs(each.delay - delay))
        return nearest[: HEATS[0][0]]

    def due_delay(self, levels: Sequence[Candidate]) -> float:
        """The delay in ticks that the next level should have: they rise evenly from the best level to the lowest."""
        return self.delays[0] + (self.delays[-1] - self.delays[0]) * len(levels) / (len(LEVELS) - 1)
