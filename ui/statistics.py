"""A person's games in numbers: results by opponent, and their rating after each game against an opponent that fits them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agents.play.fit import Fit, Played
from agents.play.ladder import LadderFile
from ui.progress import Results

PLACES = 60  # of a curve of ratings


@dataclass(frozen=True)
class Row:
    """The games against one opponent."""

    title: str
    results: Results

    @property
    def games(self) -> int:
        """The number of games."""
        return self.results.won + self.results.drawn + self.results.lost


@dataclass(frozen=True)
class Rated:
    """A rating after so many games, and half the width of its 95 % interval."""

    games: int
    rating: float
    half: float


def rows_of(results: Mapping[str, Results], title_of: Callable[[str], str]) -> list[Row]:
    """A row for each opponent, those who were met most first. results: by the opponent's seat."""
    rows = [Row(title_of(seat), each) for seat, each in results.items()]
    return sorted((row for row in rows if row.games), key=lambda row: (-row.games, row.title))


def ratings_over(ladder: LadderFile, games: Sequence[Played]) -> list[Rated]:
    """The rating after each of a person's games, or after some of them where they are many; the oldest game first."""
    counts = range(1, len(games) + 1)
    every = max(-(-len(games) // PLACES), 1)
    found = []
    for count in counts:
        if count % every == 0 or count == len(games):
            rating, deviation = Fit(ladder, list(games[:count])).rating()
            found.append(Rated(count, rating, 1.96 * deviation))
    return found
