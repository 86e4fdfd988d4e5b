"""`Highlights`: what was remarkable in the games of a match, for the header while they are played and for their result."""

from ui.cast import Cast
from ui.match import Match
from ui.moments import BREAK, HIT, LEFT, POINT, Moment

TOLD_RALLY = 3  # hits to and fro from which on a rally is counted on the screen
TOLD_SPEED = 1.3  # times the slowest speed from which on a ball's top speed is told
TOLD_STREAK = 2  # wins one after another


class Highlights:
    """Counts, from the moments of each tick."""

    def __init__(self, cast: Cast):
        self.cast = cast
        self.rally = 0  # hits to and fro since the last point
        self.longest_rally = 0  # of this game
        self.top_speed = 0.0  # of this game's balls, in units of their slowest speed
        self.broken_in_a_row = [0] * cast.pictures  # tiles since the ball was hit, in each picture
        self.streak: tuple[int | None, int] = (None, 0)  # the last games' winner, and how many they won one after another
        self._last_hitter = 0  # colour code

    def begin(self) -> None:
        """Another game begins."""
        self.rally = self.longest_rally = 0
        self.top_speed = 0.0
        self.broken_in_a_row = [0] * self.cast.pictures

    def follow(self, picture: int, moments: list[Moment]) -> None:
        """Count what happened in a tick of one picture."""
        for moment in moments:
            if moment.kind == HIT:
                self.broken_in_a_row[picture] = 0
                self.top_speed = max(self.top_speed, moment.speed)
                if self.cast.game.players == 2:
                    self.rally = self.rally + 1 if moment.code != self._last_hitter else 1
                    self._last_hitter = moment.code
                    self.longest_rally = max(self.longest_rally, self.rally)
            elif moment.kind == BREAK:
                self.broken_in_a_row[picture] += 1
            elif moment.kind in (POINT, LEFT):
                self.rally, self._last_hitter, self.broken_in_a_row[picture] = 0, 0, 0

    def game_over(self, match: Match) -> None:
        """Count a game's winner."""
        winner = match.result.winner if match.result else None
        if not match.is_rated:
            return  # for practice: it neither ends a streak nor goes on with it
        if winner is None:
            self.streak = (None, 0)
        else:
            self.streak = (winner, self.streak[1] + 1 if self.streak[0] == winner else 1)

    @property
    def rally_text(self) -> str:
        """The rally that is played now, in words; empty while it is short."""
        return f"rally {self.rally}" if self.rally >= TOLD_RALLY else ""

    def lines(self, match: Match) -> list[str]:
        """The lines that a result has besides the score: at most two lines, the first about the opponent."""
        winner, wins = self.streak
        told = []
        if self.longest_rally >= TOLD_RALLY:
            told.append(f"longest rally {self.longest_rally}")
        if self.top_speed >= TOLD_SPEED:
            told.append(f"top speed {self.top_speed:.1f} × the slowest")
        if wins >= TOLD_STREAK and winner is not None:
            name = self.cast.seats[winner].name
            told.append(f"{wins} wins in a row" if name == "You" else f"{name}: {wins} wins in a row")
        return [line for line in (self._beaten(match), "   ".join(told)) if line]

    def _beaten(self, match: Match) -> str:
        """Whom the only person has beaten, where their opponent is a level, or an agent as it was early in its training."""
        people = [k for k, seat in enumerate(match.seats) if seat.kind == "human"]
        if match.result is None or not match.is_rated or [match.result.winner] != people:
            return ""
        caption = next((seat.caption for seat in self.cast.seats if seat.caption), "")
        return f"You beat {caption}" if caption else ""
