"""A match: games between participants, one after another, advanced tick by tick. No drawing and no reading of keys."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from games.engine.batch import EXTERNAL, OUT_OF_TIME, RANDOM, RUNNING, Batch
from games.engine.constants import REWARDS
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.engine.players import People, SeatPlayer
from games.engine.snapshot import copied, put_back
from games.engine.view import check_shapes
from games.errors import UserError
from games.replay.format import Change
from games.replay.recorder import Recorder
from ui.history import BoardMoment, History
from ui.seats import PlayerInput, Seat, key_map
from ui.stand_in import BotPlayer, Relieved

TURN_PACE = 24  # ticks before a machine's move in games of turns, so that people can follow


@dataclass
class MatchOutcome:
    """How a game ended. `winner`: a participant's number; None for a draw, or where nobody can win (`Match.contest`)."""

    winner: int | None
    returns: list[float]  # of each participant
    out_of_time: bool


class Board:
    """One environment of a match, its players, and the seat whose view is shown."""

    def __init__(self, game: Game, seats: Sequence[Seat], seed: int, levels: Levels = ANY):
        """seats: one for each seat of the game."""
        self.game, self.seats = game, list(seats)
        self.batch = Batch(
            game,
            1,
            seed,
            bots=[[_bot(seat) for seat in seats]],
            levels=levels,
            frame_skip=[[1 if seat.kind == "human" else game.frame_skip for seat in seats]],
        )
        people = [k for k, seat in enumerate(seats) if seat.kind == "human"]
        check_shapes(self.batch)
        self.viewpoint = people[0] if len(people) == 1 else -1  # the seat of a single person, else -1: a spectator
        self.flipped = self.viewpoint == 1 and game.mirror is not None
        self.inputs = {k: PlayerInput(key_map(game, k, len(people) == 1), waits=game.has_asks) for k in people}
        swap = [*game.swap.tolist(), *range(game.num_actions, game.num_actions + len(game.hands))]
        self._to_world = swap if self.flipped else list(range(len(swap)))  # from the actions a person sees to world actions
        self._players: list[tuple[int, SeatPlayer]] = [
            (k, seat.make(self.batch, [(0, k)])) for k, seat in enumerate(seats) if seat.kind == "agent" and seat.make
        ]
        self._actions = np.zeros((1, game.players), np.int64)
        self._rest = TURN_PACE
        self.done = False
        self.recorder = Recorder(self.batch)
        self._relieved: dict[int, Relieved] = {}  # machines, by the seats that people have taken over
        self._states: tuple | None = None  # of the players, since they last decided

    def change_keys(self, game: Game) -> None:
        """Give the people the keys of the same game with other KEYS."""
        for k, person in self.inputs.items():
            person.change_keys(key_map(game, k, len(self.inputs) == 1))

    def restart(self, episode: int) -> None:
        """Begin the episode of this number."""
        for number, (k, _) in enumerate(self._players):
            seat = self.seats[k]
            if seat.adaptive and seat.make:
                self._players[number] = (k, seat.make(self.batch, [(0, k)]))
        self.batch.reset(episode)
        self.recorder.begin()
        self._rest, self._states = TURN_PACE, None
        self.done = False
        for person in self.inputs.values():
            person.clear()

    def tick(self) -> None:
        """Advance by one tick, unless the episode is over or a game of turns waits."""
        if self.done or not self._people_decide() or self._resting():
            return
        for seat, player in self._players:
            if self.batch.asked[0, seat]:
                player.act(self._actions)
                self._states = None
        for seat, relieved in self._relieved.items():
            if self.batch.asked[0, seat]:
                relieved.watch(self._actions)
                self._states = None
        before = self.batch.slots["decisions"][0].copy()
        self.batch.step(self._actions, max_ticks=0)
        self.done = self.batch.end[0] != RUNNING
        self.recorder.add()
        machines = [k for k in range(self.game.players) if k not in self.inputs]
        decided = self.batch.slots["decisions"][0] != before
        self._rest = TURN_PACE if any(decided[k] or self.batch.asked[0, k] for k in machines) else 0

    def _resting(self) -> bool:
        """Count down the pause before a machine's move; True while it lasts."""
        if not self.game.turns or self._rest == 0 or self.waits_for_person:
            return False
        self._rest -= 1
        return True

    def _people_decide(self) -> bool:
        """Write the people's actions; False if the game waits for one of them."""
        asked = [(seat, person) for seat, person in self.inputs.items() if self.batch.asked[0, seat]]
        if self.game.turns:
            for seat, person in self.inputs.items():
                if not self.batch.asked[0, seat]:
                    person.presses.clear()  # pressed out of turn
        for seat, person in asked:
            if self.game.turns:
                action = self._legal_press(seat, person)
                if action is None:
                    return False
            elif self.game.has_asks:
                action = person.next_press()
            else:
                action = person.current()
            nothing = -1 if self.game.has_asks else 0
            self._actions[0, seat] = nothing if action is None else self._to_world[action]
        return True

    def _legal_press(self, seat: int, person: PlayerInput) -> int | None:
        """The next press with a legal action; illegal ones are dropped."""
        while (action := person.next_press()) is not None:
            if self.may(seat, action):
                return action
        return None

    def may(self, seat: int, action: int) -> bool:
        """Whether an action, numbered as the seat's person sees it, is legal now."""
        if action >= self.game.num_actions:
            return bool(self.batch.asked[0, seat])
        masks = np.zeros((1, self.game.num_actions), np.uint8)
        self.batch.kernel.mask_slice(0, 1, self.batch.states, self.batch.slots, np.array([0]), np.array([seat]), masks)
        return bool(masks[0, self._to_world[action]])

    # --- moments ---

    def moment(self) -> BoardMoment:
        """The board as it is, for `put_back`."""
        if self._states is None:
            players = [player for _, player in self._players] + [each.player for each in self._relieved.values()]
            self._states = tuple(player.state() if hasattr(player, "state") else None for player in players)
        batch, actions = copied(self.batch.arrays()), self._actions.tobytes()
        return BoardMoment(batch, actions, self._states, self._rest, self.done, self.recorder.ticks)

    def put_back(self, moment: BoardMoment) -> None:
        """Go on as from a moment of this game, with those who sat here then. Keys that people hold stay held."""
        put_back(self.batch.arrays(), moment.batch)
        self._actions[0] = np.frombuffer(moment.actions, self._actions.dtype)
        players = [player for _, player in self._players] + [each.player for each in self._relieved.values()]
        for player, state in zip(players, moment.players, strict=True):
            if state is not None:
                player.restore(state)  # type: ignore[attr-defined]
        self._states, self._rest, self.done = moment.players, moment.rest, moment.done
        self.recorder.cut(moment.ticks)
        for person in self.inputs.values():
            person.presses.clear()

    # --- who sits where ---

    def seat_person(self, seat: int, back: PlayerInput | None = None) -> None:
        """Let a person play a machine's seat, who goes on watching.

        back: the input of the person whose seat it was from the start; the machine has played for them, and leaves.
        """
        player = self.player(seat) or BotPlayer(self.batch, seat, float(self.batch.bots[0, seat]))
        if back is None:
            delay = int(self.batch.delay[0, seat])
            self._relieved[seat] = Relieved(player, int(self.batch.frame_skip[0, seat]), delay)
        self._players = [(k, each) for k, each in self._players if k != seat]
        alone = not self.inputs
        self.inputs[seat] = back or PlayerInput(key_map(self.game, seat, alone), waits=self.game.has_asks)
        self.batch.bots[0, seat], self.batch.frame_skip[0, seat], self.batch.delay[0, seat] = EXTERNAL, 1, 0
        self._states = None

    def seat_machine(self, seat: int, player: SeatPlayer | None = None) -> PlayerInput:
        """Let a machine play a person's seat: by default the one that was relieved there. Returns the person's input."""
        if player is None:
            relieved = self._relieved.pop(seat)
            player = relieved.player
            self.batch.frame_skip[0, seat], self.batch.delay[0, seat] = relieved.frame_skip, relieved.delay
        self._players.append((seat, player))
        self._states = None
        return self.inputs.pop(seat)

    @property
    def waits_for_person(self) -> bool:
        """Whether it is a person's turn, in a game of turns."""
        return self.game.turns and not self.done and any(self.batch.asked[0, k] for k in self.inputs)

    def player(self, seat: int) -> SeatPlayer | None:
        """The player of a seat that is an agent's; None for people and bots."""
        return next((player for k, player in self._players if k == seat), None)

    def decided(self, seat: int) -> bool:
        """Whether a seat has decided in this episode."""
        return bool(self.batch.slots["decisions"][0, seat])

    @property
    def returns(self) -> list[float]:
        """The sum of each seat's rewards in this episode."""
        return (self.batch.returns[0] if self.done else self.batch.slots["returns"][0]).tolist()

    def _people(self) -> People:
        persons = tuple(seat in self.inputs for seat in range(self.game.players))
        asked = tuple(bool(asked) and not self.done for asked in self.batch.asked[0])
        return People(persons, asked)

    @property
    def points(self) -> bool:
        """Whether the returns are the scores for people: False if the game's `hud` shows other numbers."""
        texts = self.game.hud(self.batch.record(0, final=self.done), self._people())
        scores = [f"{each:g}" for each in self.returns]
        if self.game.rewards == "shared" and any(texts):
            return scores[0] in texts
        return not any(texts) or (texts[0], texts[2])[: len(scores)] == (*scores,)

    @property
    def out_of_time(self) -> bool:
        """Whether the episode ended because time ran out."""
        return self.done and self.batch.end[0] == OUT_OF_TIME

    def texts(self) -> tuple[str, str, str]:
        """The texts above the picture, from the game's `hud` or the returns (`Game.texts`): left, centre, right."""
        left, centre, right = self.game.texts(self.batch.record(0, final=self.done), self.returns, self._people())
        return (right, centre, left) if self.flipped else (left, centre, right)


def _bot(seat: Seat) -> float:
    """The value of a seat in `Batch.bots`."""
    if seat.kind != "scripted":
        return EXTERNAL
    return RANDOM if seat.skill is None else seat.skill


class Match:
    """Games between one or two participants. In a game of one seat, two of them race: each plays the same episode."""

    def __init__(self, game: Game, seats: Sequence[Seat], seed: int, levels: Levels = ANY):
        check_seats(game, seats)
        self.game, self.seats = game, list(seats)
        self.race = game.players == 1 and len(seats) == 2
        self.contest = self.race or game.competitive  # one of two can win
        self.boards = [Board(game, [seat], seed, levels) for seat in seats] if self.race else [Board(game, seats, seed, levels)]
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
        if winner is not None:
            self.wins[winner] += 1
        elif self.contest:
            self.draws += 1
        else:
            self.best = [max(pair) for pair in zip(self.best or returns, returns, strict=True)]
        self.result = MatchOutcome(winner, returns, any(board.out_of_time for board in self.boards))
        if self.when_left:
            self.when_left(self)
        for k, seat in enumerate(self.seats):
            if seat.adaptive and self.is_rated:
                seat.adaptive.learn_of(returns[1 - k])


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
