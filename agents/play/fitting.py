"""`FittingOpponent`: sits in a seat of the window, and plays after each game as the person's rating then asks for."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.play import person_file
from agents.play.fit import Fit
from agents.play.ladder import Ladder, Rung
from games.engine.batch import Batch
from games.engine.loader import Game
from games.engine.players import SeatPlayer
from games.errors import UserError

if TYPE_CHECKING:  # torch loads with the first agent, so that a window opens without it
    from agents.play.agent import Agent


class FittingOpponent:
    """An opponent of one person, who is known from earlier games: their file is read here and written after each game."""

    def __init__(self, game: Game, ladder: Ladder):
        self.game, self.ladder = game, ladder
        self.fit = Fit(ladder.file, person_file.read(game))
        self.rung = self.fit.rung()
        self._agents: dict[Rung, Agent] = {}

    def load(self) -> None:
        """Load the agent that plays next. Torch loads here the first time."""
        if self.rung not in self._agents:
            self._agents[self.rung] = self.ladder.agent(self.rung, self.game)

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]]) -> SeatPlayer:
        """Seat the agent that plays next in rows (environment, seat) of a batch."""
        self.load()
        return self._agents[self.rung].player(batch, rows)

    def learn_of(self, result: float) -> None:
        """A game is over. result: the person's return."""
        self.fit.play(self.rung, result)
        self.rung = self.fit.rung()
        try:
            person_file.write(self.game, self.fit.games)
        except UserError as error:  # the games go on
            print(str(error).splitlines()[0], file=sys.stderr)

    @property
    def name(self) -> str:
        """The opponent's name in the window: the level's, or those between which it plays."""
        rungs, levels = self.ladder.file.rungs, self.ladder.file.levels
        if self.rung.name:
            return self.rung.name
        below = [level.name for level in levels if rungs.index(level) < rungs.index(self.rung)]
        return f"{below[-1]} +" if below else f"below {levels[0].name}"

    @property
    def about_person(self) -> str:
        """The person's rating and what it is uncertain by, in words."""
        if not self.fit.games:
            return "you are not rated yet"
        rating, deviation = self.fit.rating()
        return f"you are rated {rating:.0f} ± {1.96 * deviation:.0f}"
