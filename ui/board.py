"""A board of a match: one environment, its players, and the people who play there. No drawing and no reading of keys."""

from collections.abc import Sequence

import numpy as np

from games.engine.batch import EXTERNAL, OUT_OF_TIME, RANDOM, RUNNING, Batch
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.engine.players import People, SeatPlayer
from games.engine.snapshot import copied, put_back
from games.engine.view import check_shapes
from games.replay.playback import advance
from games.replay.recorder import Recorder
from ui.history import BoardMoment
from ui.seats import PlayerInput, Seat, key_map
from ui.stand_in import Relieved, bot_player
from ui.threaded_player import ThreadedPlayer

TURN_PACE = 24  # ticks before a machine's move in games of turns, so that people can follow


class Board:
    """One environment of a match, its players, and the seat whose view is shown."""

    def __init__(self, game: Game, seats: Sequence[Seat], seed: int, levels: Levels = ANY, patient: bool = True):
        """seats: one for each seat of the game.    patient: wait for every decision of a machine, however long it takes."""
        self.game, self.seats, self.patient = game, list(seats), patient
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
        self._players = [ThreadedPlayer(self.batch, k, seat.make, seat.thread) for k, seat in enumerate(seats) if seat.make]
        self._actions = np.zeros((1, game.players), np.int64)
        self._rest = TURN_PACE
        self.waited = 0  # ticks that a game of turns has waited for a machine
        self._answered: set[int] = set()  # seats of machines that have decided, while it waits for another
        self.done = False
        self.recorder = Recorder(self.batch)
        self._begin(0)
        self._relieved: dict[int, Relieved] = {}  # machines, by the seats that people have taken over
        self._states: tuple | None = None  # of the players, since they last decided

    def change_keys(self, game: Game) -> None:
        """Give the people the keys of the same game with other KEYS."""
        for k, person in self.inputs.items():
            person.change_keys(key_map(game, k, len(self.inputs) == 1))

    def restart(self, episode: int) -> None:
        """Begin the episode of this number."""
        for number, player in enumerate(self._players):
            player.drop()
            player.late = 0
            seat = self.seats[player.seat]
            if seat.adaptive and seat.make:
                self._players[number] = ThreadedPlayer(self.batch, player.seat, seat.make, seat.thread)
        self._begin(episode)
        self._rest, self._states = TURN_PACE, None
        self._end_wait()
        self.done = False
        for person in self.inputs.values():
            person.clear()

    def _begin(self, episode: int) -> None:
        """Begin an episode, and go on to where a seat that is not the batch's to decide for is asked: a bot may move first."""
        self.batch.reset(episode, max_ticks=0)
        self.recorder.begin()
        waits = bool((self.batch.bots == EXTERNAL).any())
        while waits and not self.batch.asked.any() and self.batch.end[0] == RUNNING:
            self.batch.step(self._actions, max_ticks=0)
            self.recorder.add()

    def tick(self) -> None:
        """Advance by one tick, unless the episode is over or a game of turns waits."""
        if self.done:
            return
        if not self.waited and (not self._people_decide() or self._resting()):
            return
        if not self._machines_decide():
            return
        before = self.batch.slots["decisions"][0].copy()
        self.batch.step(self._actions, max_ticks=0)
        for player in self._players:
            player.sit()
        self.done = self.batch.end[0] != RUNNING
        self.recorder.add()
        machines = [k for k in range(self.game.players) if k not in self.inputs]
        decided = self.batch.slots["decisions"][0] != before
        self._rest = TURN_PACE if any(decided[k] or self.batch.asked[0, k] for k in machines) else 0

    def _machines_decide(self) -> bool:
        """Write the machines' actions; False if a game of turns waits for one. Else the last action of the late goes on."""
        batch, asked = self.batch, self.batch.asked[0].astype(bool)
        for player in self._players:
            seat = player.seat
            if seat in self._answered or not (asked[seat] or player.is_busy):
                continue
            action = player.decide(bool(asked[seat]), self.patient)
            if action is None and self.game.turns:
                self.waited += 1
                for person in self.inputs.values():
                    person.presses.clear()  # pressed out of turn
                return False
            batch.asked[0, seat] = action is not None and (asked[seat] or not self.game.has_asks)
            if action is not None:
                self._actions[0, seat], batch.delay[0, seat], self._states = action, player.left, None
                self._answered.add(seat)
        for relieved in self._relieved.values():
            if asked[relieved.player.seat]:
                relieved.watch(self.patient)
                self._states = None
        self._end_wait()
        return True

    def _end_wait(self) -> None:
        self.waited = 0
        self._answered.clear()

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
            self._states = tuple(player.state() for player in self._machines)
        batch, actions = copied(self.batch.arrays()), self._actions.tobytes()
        return BoardMoment(batch, actions, self._states, self._rest, self.done, self.recorder.ticks)

    def put_back(self, moment: BoardMoment) -> None:
        """Go on as from a moment of this game, with those who sat here then. Keys that people hold stay held."""
        put_back(self.batch.arrays(), moment.batch)
        self._actions[0] = np.frombuffer(moment.actions, self._actions.dtype)
        for player, state in zip(self._machines, moment.players, strict=True):
            player.restore(state)
        self._states, self._rest, self.done = moment.players, moment.rest, moment.done
        self._end_wait()
        self.recorder.cut(moment.ticks)
        for person in self.inputs.values():
            person.presses.clear()

    def follow(self, episode: int, level: int, actions: np.ndarray) -> None:
        """Begin an episode and go through the first ticks of its recording, int [T, P].

        Machines see them, and decide to no effect. level: its number, which is another than here where it was one of a bank.
        """
        self.restart(episode)
        self.batch.reset(episode, max_ticks=0)
        self.batch.states["level"] = level
        self.recorder.begin()
        for row in actions:
            if self.done:
                return
            for player in self._players:
                if self.batch.asked[0, player.seat]:
                    player.decide(asked=True, patient=True)
            advance(self.batch, row)
            self.done = self.batch.end[0] != RUNNING
            self.recorder.add()
        self._states = None

    # --- who sits where ---

    def seat_person(self, seat: int, back: PlayerInput | None = None) -> None:
        """Let a person play a machine's seat, who goes on watching.

        back: the input of the person whose seat it was from the start; the machine has played for them, and leaves.
        """
        player = self._machine(seat) or bot_player(self.batch, seat, float(self.batch.bots[0, seat]))
        if back is None:
            self._relieved[seat] = Relieved(player)
        self._players = [each for each in self._players if each is not player]
        alone = not self.inputs
        self.inputs[seat] = back or PlayerInput(key_map(self.game, seat, alone), waits=self.game.has_asks)
        self.batch.bots[0, seat], self.batch.frame_skip[0, seat], self.batch.delay[0, seat] = EXTERNAL, 1, 0
        self._states = None
        self._end_wait()

    def seat_machine(self, seat: int, player: ThreadedPlayer | None = None) -> PlayerInput:
        """Let a machine play a person's seat: by default the one that was relieved there. Returns the person's input."""
        player = player or self._relieved.pop(seat).player
        player.drop()
        player.sit()
        self._players.append(player)
        self._states = None
        self._end_wait()
        return self.inputs.pop(seat)

    @property
    def waits_for_person(self) -> bool:
        """Whether it is a person's turn, in a game of turns."""
        return self.game.turns and not self.done and any(self.batch.asked[0, k] for k in self.inputs)

    @property
    def _machines(self) -> list[ThreadedPlayer]:
        """The players who sit here, then those whom people have relieved."""
        return [*self._players, *(relieved.player for relieved in self._relieved.values())]

    def _machine(self, seat: int) -> ThreadedPlayer | None:
        return next((player for player in self._players if player.seat == seat), None)

    def player(self, seat: int) -> SeatPlayer | None:
        """The player of a seat that is an agent's; None for people and bots."""
        machine = self._machine(seat)
        return machine.player if machine else None

    def is_awaited(self, seat: int) -> bool:
        """Whether a game of turns waits for a seat's machine, which decides at this moment."""
        machine = self._machine(seat)
        return bool(self.waited and machine and machine.is_busy)

    def late(self, seat: int) -> int:
        """Decisions of a seat's player in this episode that were not there in time, so that the last action went on."""
        machine = self._machine(seat)
        return machine.late if machine else 0

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
