"""A match: games between participants, one after another, advanced tick by tick. Nothing here draws or reads a key."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from games.engine.batch import EXTERNAL, OUT_OF_TIME, RANDOM, RUNNING, Batch
from games.engine.loader import Game
from games.engine.view import check_shapes
from games.errors import UserError
from ui.seats import Hands, Seat, SeatedPlayer, key_map

TURN_PACE = 24  # ticks between a move and the next one of a machine, in games of turns: a person wants to see it


@dataclass
class MatchOutcome:
    """How a game ended. `winner`: a participant's number, None for a draw or where there is nobody to beat."""

    winner: int | None
    returns: list[float]  # of each participant
    out_of_time: bool


class Board:
    """One environment of a match: who plays in it and whose view is shown."""

    def __init__(self, game: Game, seats: Sequence[Seat], seed: int):
        """seats: one for each seat of the game."""
        self.game, self.seats = game, list(seats)
        self.batch = Batch(
            game,
            1,
            seed,
            bots=[[_decider(seat) for seat in seats]],
            frame_skip=[[1 if seat.kind == "human" else game.frame_skip for seat in seats]],
        )
        people = [k for k, seat in enumerate(seats) if seat.kind == "human"]
        check_shapes(self.batch)
        self.view = people[0] if len(people) == 1 else -1  # one person: their own view; else the spectator's
        self.flipped = self.view == 1 and game.mirror is not None
        self.hands = {k: Hands(key_map(game, k, len(people) == 1)) for k in people}
        swap = [*game.swap.tolist(), *range(game.num_actions, game.num_actions + len(game.hands))]
        self._world = swap if self.flipped else list(range(len(swap)))  # from a person's words to the world's
        self._players: list[tuple[int, SeatedPlayer]] = [
            (k, seat.make(self.batch, [(0, k)])) for k, seat in enumerate(seats) if seat.kind == "agent" and seat.make
        ]
        self._actions = np.zeros((1, game.players), np.int64)
        self._rest = TURN_PACE
        self.done = False

    def restart(self, episode: int) -> None:
        """Begin that episode."""
        self.batch.reset(episode)
        self._rest = TURN_PACE
        self.done = False
        for hands in self.hands.values():
            hands.let_go()

    def tick(self) -> None:
        """One tick, unless the episode is over or, in a game of turns, time stands still."""
        if self.done or not self._people_decide() or self._resting():
            return
        for seat, player in self._players:
            if self.batch.asked[0, seat]:
                player.act(self._actions)
        before = self.batch.slots["decisions"][0].copy()
        self.batch.step(self._actions, max_ticks=1)
        self.done = self.batch.end[0] != RUNNING
        machines = [k for k in range(self.game.players) if k not in self.hands]
        decided = self.batch.slots["decisions"][0] != before
        self._rest = TURN_PACE if any(decided[k] or self.batch.asked[0, k] for k in machines) else 0

    def _resting(self) -> bool:
        if not self.game.turns or self._rest == 0 or self.waits_for_person:
            return False
        self._rest -= 1
        return True

    def _people_decide(self) -> bool:
        """Write the people's actions; False where the game waits for one who has not answered."""
        asked = [(seat, hands) for seat, hands in self.hands.items() if self.batch.asked[0, seat]]
        if self.game.turns:
            for seat, hands in self.hands.items():
                if not self.batch.asked[0, seat]:
                    hands.presses.clear()  # pressed out of turn
        for seat, hands in asked:
            if self.game.turns:
                action = self._legal_press(seat, hands)
                if action is None:
                    return False
            elif self.game.has_asks:
                action = hands.pressed()
            else:
                action = hands.now()
            nothing = -1 if self.game.has_asks else 0
            self._actions[0, seat] = nothing if action is None else self._world[action]
        return True

    def _legal_press(self, seat: int, hands: Hands) -> int | None:
        while (action := hands.pressed()) is not None:
            if self.may(seat, action):
                return action
        return None

    def may(self, seat: int, action: int) -> bool:
        """May this seat try this action (in its person's words) now?"""
        if action >= self.game.num_actions:
            return bool(self.batch.asked[0, seat])
        masks = np.zeros((1, self.game.num_actions), np.uint8)
        self.batch.kernel.mask_slice(0, 1, self.batch.states, self.batch.slots, np.array([0]), np.array([seat]), masks)
        return bool(masks[0, self._world[action]])

    @property
    def waits_for_person(self) -> bool:
        """In a game of turns: is it a person's turn?"""
        return self.game.turns and not self.done and any(self.batch.asked[0, k] for k in self.hands)

    @property
    def returns(self) -> list[float]:
        """What each seat has earned in this episode."""
        return (self.batch.returns[0] if self.done else self.batch.slots["returns"][0]).tolist()

    @property
    def points(self) -> bool:
        """Is what a lone seat earned its score as people read it? Not where the game's own texts show something else."""
        own = self.game.hud(self.batch.record(0, final=self.done))
        return not any(own) or own[0] == f"{self.returns[0]:g}"

    @property
    def out_of_time(self) -> bool:
        return self.done and self.batch.end[0] == OUT_OF_TIME

    def texts(self) -> tuple[str, str, str]:
        """The game's `hud` as it stands beside the picture: left, middle, right."""
        left, middle, right = self.game.hud(self.batch.record(0, final=self.done))
        if not (left or middle or right) and self.game.players == 1:
            left = f"{self.returns[0]:g}"
        return (right, middle, left) if self.flipped else (left, middle, right)


def _decider(seat: Seat) -> float:
    """Who decides for a seat, in `Batch`'s terms."""
    if seat.kind != "scripted":
        return EXTERNAL
    return RANDOM if seat.skill is None else seat.skill


class Match:
    """Games between one or two participants. In a game of one seat two of them race: a board each, the same episode."""

    def __init__(self, game: Game, seats: Sequence[Seat], seed: int):
        check_seats(game, seats)
        self.game, self.seats = game, list(seats)
        self.race = game.players == 1 and len(seats) == 2
        self.boards = [Board(game, [seat], seed) for seat in seats] if self.race else [Board(game, seats, seed)]
        self.wins = [0] * len(seats)
        self.draws = 0
        self.played = 0
        self.best: float | None = None  # the best return so far, where there is nobody to beat
        self.points = True  # were the last game's returns its scores?
        self.result: MatchOutcome | None = None
        self._episode = 0

    @property
    def hands(self) -> list[Hands]:
        """Of all people."""
        return [hands for board in self.boards for hands in board.hands.values()]

    @property
    def person_is_out(self) -> bool:
        """In a race: is a person's board done, and the other not?"""
        return self.race and not self.result and any(board.done and board.hands for board in self.boards)

    def tick(self) -> None:
        """Advance every board by a tick; when the last one is done, the game is counted."""
        if self.result:
            return
        for board in self.boards:
            board.tick()
        if all(board.done for board in self.boards):
            self._count()

    def restart(self) -> None:
        """Begin a new game; one that was not finished does not count."""
        self._episode += 1
        self.result = None
        for board in self.boards:
            board.restart(self._episode)

    def _count(self) -> None:
        returns = [board.returns[0] for board in self.boards] if self.race else self.boards[0].returns
        winner = None
        if len(returns) == 2 and returns[0] != returns[1]:
            winner = 0 if returns[0] > returns[1] else 1
        self.played += 1
        self.points = all(board.points for board in self.boards)
        if winner is not None:
            self.wins[winner] += 1
        elif len(returns) == 2:
            self.draws += 1
        else:
            self.best = returns[0] if self.best is None else max(self.best, returns[0])
        self.result = MatchOutcome(winner, returns, any(board.out_of_time for board in self.boards))


def check_seats(game: Game, seats: Sequence[Seat]) -> None:
    """`UserError` where these participants cannot play this game together."""
    if game.players == 2 and len(seats) != 2:
        raise UserError(f"{game.heading} needs two participants, not {len(seats)}.")
    if not 1 <= len(seats) <= 2:
        raise UserError(f"{game.heading} takes one participant, or two who race; not {len(seats)}.")
    if game.players == 1 and sum(seat.kind == "human" for seat in seats) == 2:
        raise UserError(f"{game.heading} has one seat: two people cannot share its keys.\nRace an agent or the bot instead.")
