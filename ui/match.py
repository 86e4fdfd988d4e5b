"""A match: games between participants, one after another, advanced tick by tick. No drawing and no reading of keys."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from games.engine.constants import REWARDS
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.errors import UserError
from games.replay.format import Change
from ui.board import TURN_PACE, Board
from ui.history import BoardMoment, History
from ui.seats import PlayerInput, Seat


@dataclass
class MatchOutcome:
    """How a game ended. `winner`: a participant's number; None for a draw, or where nobody can win (`Match.contest`)."""

    winner: int | None
    returns: list[float]  # of each participant
    out_of_time: bool


class Match:
    """Games between one or two participants. In a game of one seat, two of them race: each plays the same episode."""

    def __init__(self, game: Game, seats: Sequence[Seat], seed: int, levels: Levels = ANY, patient: bool = True):
        """patient: wait for every decision of a machine; else one that is late leaves its last action in effect."""
        check_seats(game, seats)
        self.game, self.seats = game, list(seats)
        self.race = game.players == 1 and len(seats) == 2
        self.contest = self.race or game.competitive  # one of two can win
        boards = [[seat] for seat in seats] if self.race else [seats]
        self.boards = [Board(game, each, seed, levels, patient) for each in boards]
        self.wins = [0] * len(seats)
        self.draws = 0
        self.played = 0
        self.best: list[float] = []  # where nobody can win: the best return so far of each seat; empty before the first
        self.points = True  # whether the last game's returns are its scores (`Board.points`)
        self.result: MatchOutcome | None = None
        self.episode = 0
        self.begun = time.time()
        self.history = History()
        self.rewound = False  # in this game
        self.changes: list[Change] = []  # of those who play, in this game
        self.when_left: Callable[[Match], None] | None = None  # called where a game is over, or left
        self.guests: dict[int, str] = {}  # by participant whose seat somebody else has taken (`ui.take_over`): their name
        self.names = [seat.name for seat in self.seats]  # at the beginning of this game
        self.history.add(self.moment())

    @property
    def inputs(self) -> list[PlayerInput]:
        """The inputs of all people."""
        return [person for board in self.boards for person in board.inputs.values()]

    @property
    def person_is_out(self) -> bool:
        """Whether, in a race, a person's board is done and the other is not."""
        return self.race and not self.result and any(board.done and board.inputs for board in self.boards)

    @property
    def all_have_decided(self) -> bool:
        """Whether each agent has decided at least once in this game."""
        return all(board.decided(seat) for board in self.boards for seat, who in enumerate(board.seats) if who.kind == "agent")

    def late(self, participant: int) -> int:
        """Decisions of a participant in this game that were not there in time."""
        return self.boards[participant].late(0) if self.race else self.boards[0].late(participant)

    def step(self) -> None:
        """Advance to the next tick of the game: past the pause before a machine's move, in games of turns."""
        before = self._game_ticks()
        for _ in range(TURN_PACE + 1):
            self.tick()
            if self.result or self._game_ticks() != before:
                return

    def _game_ticks(self) -> list[int]:
        return [int(board.batch.states["tick"][0]) for board in self.boards]

    def tick(self) -> None:
        """Advance every board by a tick; count the game when all are done."""
        if self.result:
            return
        before = self.ticks
        for board in self.boards:
            board.tick()
        if self.ticks != before:
            self.history.add(self.moment())
        if all(board.done for board in self.boards):
            self._count()

    @property
    def ticks(self) -> int:
        """Ticks that this game has lasted: of games of turns, moves."""
        return max(board.recorder.ticks for board in self.boards)

    # --- rewinding ---

    def moment(self) -> list[BoardMoment]:
        """All boards as they are."""
        return [board.moment() for board in self.boards]

    def rewind(self, ticks: int) -> bool:
        """Go back by so many ticks, or as far as the history goes; False where it ends. Then the game counts for no rating."""
        if self.result or not len(self.history):
            return False
        moment = self.history.back(ticks)
        assert moment
        for board, each in zip(self.boards, moment, strict=True):
            board.put_back(each)
        self.rewound = True
        return True

    @property
    def is_rated(self) -> bool:
        """Whether this game tells how strong the person is: nobody has rewound it, or played another's seat."""
        return not self.rewound and not self.changes and not self.guests

    @property
    def person_has_lost(self) -> bool:
        """Whether, in a race, a person is out and the other, who plays on, is ahead."""
        if not self.person_is_out:
            return False
        mine = next(k for k, board in enumerate(self.boards) if board.inputs)
        return self.boards[1 - mine].returns[0] > self.boards[mine].returns[0]

    def restart(self) -> None:
        """Begin a new game. An unfinished one does not count, except for a race that a person has lost (`person_has_lost`)."""
        if self.person_has_lost:
            self._count()
        self.leave()
        self.episode += 1
        self.result, self.rewound, self.changes, self.begun = None, False, [], time.time()
        for k, seat in enumerate(self.seats):
            if seat.adaptive and k not in self.guests:
                seat.name = seat.adaptive.name
        self.names = [seat.name for seat in self.seats]
        for board in self.boards:
            board.restart(self.episode)
        self.history.clear()
        self.history.add(self.moment())

    def leave(self) -> None:
        """An unfinished game is left: whoever keeps games is told."""
        if self.when_left and not self.result:
            self.when_left(self)

    def _count(self) -> None:
        """Add the finished game to the counts."""
        returns = [board.returns[0] for board in self.boards] if self.race else self.boards[0].returns
        winner = None
        if self.contest and returns[0] != returns[1]:
            winner = 0 if returns[0] > returns[1] else 1
        self.played += 1
        self.points = all(board.points for board in self.boards)
        if self.contest:  # a game for practice counts for nobody
            if winner is not None and self.is_rated:
                self.wins[winner] += 1
            self.draws += winner is None and self.is_rated
        else:
            self.best = [max(pair) for pair in zip(self.best or returns, returns, strict=True)]
        self.result = MatchOutcome(winner, returns, any(board.out_of_time for board in self.boards))
        if self.when_left:
            self.when_left(self)
        for k, seat in enumerate(self.seats):
            if seat.adaptive and self.is_rated:
                seat.adaptive.learn_of(returns[1 - k])


RACE = "Against another it is a race: both play the same game, side by side, and the higher score wins."


def between(game: Game) -> str:
    """The word between the names of two participants; those who race in a game of one seat are rivals too."""
    return REWARDS[game.rewards]


def check_seats(game: Game, seats: Sequence[Seat]) -> None:
    """`UserError` if these participants cannot play this game together."""
    if game.players == 2 and len(seats) != 2:
        raise UserError(f"{game.heading} needs two participants, not {len(seats)}.")
    if not 1 <= len(seats) <= 2:
        raise UserError(f"{game.heading} takes one participant, or two who race; not {len(seats)}.")
    if game.players == 1 and sum(seat.kind == "human" for seat in seats) == 2:
        raise UserError(f"{game.heading} has one seat: two people cannot share its keys.\nRace an agent or the bot instead.")
