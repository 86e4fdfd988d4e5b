"""`Challenge`: a person's match against an opponent. It counts the results and knows whom to meet next."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from games.engine.loader import Game
from ui.match import Match
from ui.opponents import Opponent, Opponents, opponents_of
from ui.progress import Progress, in_words
from ui.seating import seat_of
from ui.seats import Seat
from ui.verdict import PRACTICE


def seat_for(opponent: Opponent, game: Game, runs: Path) -> Seat:
    """A participant's seat, named as the menu names it; `UserError` if its file is damaged or gone."""
    seat = seat_of(opponent.seat, game, runs=runs)
    is_named = seat.kind == "human" or seat.adaptive  # by their seats, or by itself
    return seat if is_named else replace(seat, name=opponent.title)


class Challenge:
    """An opponent, among all those of a game."""

    def __init__(self, game: Game, opponent: Opponent, opponents: Opponents, progress: Progress, runs: Path):
        self.game, self.opponent, self.opponents, self.progress, self.runs = game, opponent, opponents, progress, runs

    def seats(self) -> list[Seat]:
        """The person and the opponent; `UserError` if its file is damaged or gone."""
        you = Seat("human")
        return [you, seat_for(self.opponent, self.game, self.runs)] if self.opponent.seat else [you]

    def count(self, match: Match) -> None:
        """Keep the result of a game that is over, or of a race that the person has lost already, if one of two could win and
        the person has played it alone.
        """
        people = [k for k, seat in enumerate(match.seats) if seat.kind == "human"]
        if not (match.contest and match.is_rated and len(people) == 1):
            return
        if match.result:
            winner = match.result.winner
            self.progress.count(self.opponent.seat, 0.0 if winner is None else 1.0 if winner == people[0] else -1.0)
        elif match.person_has_lost:
            self.progress.count(self.opponent.seat, -1.0)

    def told_after(self, match: Match) -> str:
        """The results against the opponent so far, in words, or that a game does not count; empty if there are none."""
        if not match.is_rated:
            return "" if any(seat.adaptive for seat in match.seats) else PRACTICE  # they say it themselves
        results = in_words(self.progress.against(self.opponent.seat))
        return f"You against {self.opponent.title}: {results}" if results else ""

    @property
    def following(self) -> "Challenge | None":
        """The next opponent of the row; None after the last, and for those who do not stand in it."""
        steps = self.opponents.steps
        if self.opponent not in steps[:-1]:
            return None
        above = steps[steps.index(self.opponent) + 1]
        return Challenge(self.game, above, self.opponents, self.progress, self.runs)


def challenge_of(game: Game, seats: Sequence[Seat], runs: Path) -> Challenge | None:
    """The challenge of a match that was not chosen in the menu; None unless one person meets somebody with a name there.

    seats: their sources are the participants' names on the command line.    runs: as in `opponents_of`.
    """
    machines = [seat for seat in seats if seat.kind != "human"]
    if len(seats) != 2 or len(machines) != 1 or not machines[0].source:
        return None
    opponents = opponents_of(game, runs)
    opponent = opponents.meant(machines[0].source) or Opponent(machines[0].source, machines[0].name)
    return Challenge(game, opponent, opponents, Progress(game), runs)
