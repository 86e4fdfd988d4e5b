"""`ReplayMatch`: a replay as a match that the window can draw, at any of its ticks."""

from games.core import TICKS_PER_SECOND
from games.engine.loader import Game
from games.replay.format import Replay
from games.replay.playback import Difference, Playback
from ui.match import Match, MatchOutcome
from ui.seats import Seat
from ui.verdict import NOT_RATED

MOVE_TICKS = 40  # for which a move is shown, in games of turns
ENDING = 2 * TICKS_PER_SECOND  # for which the result is shown
BETWEEN_POINTS = 60  # ticks: points that follow each other sooner are one


def seats_of(replay: Replay) -> list[Seat]:
    """The participants, for drawing: people's seats are theirs, so that the pictures are as they saw them."""
    return [
        Seat("human" if each.kind == "human" else "scripted", each.name or "?", skill=0.5, source=each.source)
        for each in replay.header.seats
    ]


class ReplayMatch(Match):
    """A match at one tick of a replay: `seek` goes to another. Nobody plays in it."""

    def __init__(self, game: Game, replay: Replay):
        super().__init__(game, seats_of(replay), replay.header.seed)
        self.replay, self.playback = replay, Playback(game, replay)
        for board, batch in zip(self.boards, self.playback.batches, strict=True):
            board.batch = batch
        self.pace = MOVE_TICKS if game.turns else 1  # ticks of the window for which a tick of the game is shown
        self.difference: Difference | None = None  # from the game as it was, after `prepare`
        self.points_at: list[int] = []  # ticks at which somebody earns, after `prepare`
        self.seek(0)

    @property
    def at(self) -> int:
        """The tick that is shown."""
        return self.playback.tick

    @property
    def last(self) -> int:
        """The last tick."""
        return self.replay.ticks

    def prepare(self) -> None:
        """Play it once from beginning to end: whether it is still the same, and when somebody earns."""
        self.difference = self.playback.verify()
        before = None
        for tick in range(self.last + 1):
            self.playback.seek(tick)
            now = [
                (batch.returns if self.playback.done(k) else batch.slots["returns"]).tolist()
                for k, batch in enumerate(self.playback.batches)
            ]
            if tick and now != before:
                self.points_at.append(tick)
            before = now
        self.seek(0)

    def seek(self, tick: int) -> None:
        """Show another tick."""
        self.playback.seek(tick)
        header = self.replay.header
        for k, board in enumerate(self.boards):
            board.done = self.playback.done(k)
        for k, seat in enumerate(self.seats):
            names = [change.name for change in header.changes if change.participant == k and change.tick <= self.at]
            seat.name = names[-1] if names else header.seats[k].name or "?"
        ended = header.finished and self.at == self.last
        self.points = all(board.points for board in self.boards)
        late = any(board.out_of_time for board in self.boards)
        self.result = MatchOutcome(header.winner, list(header.returns), late) if ended else None
        self.rewound = header.rewound

    def next_point(self, way: int) -> int:
        """The tick of the next point in a direction, 1 or -1; those that follow each other soon are one. Else an end."""
        if way > 0:
            later = (tick for tick in self.points_at if tick > self.at)
            return next(later, self.last)
        earlier = [tick for tick in self.points_at if tick < self.at - (0 if self.game.turns else BETWEEN_POINTS // 2)]
        return earlier[-1] if earlier else 0

    @property
    def note(self) -> str:
        """A word about the game: that it was rewound; empty if there is nothing to say."""
        return f"Rewound: {NOT_RATED.partition(':')[0]}" if self.rewound else ""
