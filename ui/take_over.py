"""`TakeOver`: a person plays another's seat for a while, or lets a machine play theirs, in the middle of a game."""

from games.replay.format import Change
from ui.board import Board
from ui.match import Match
from ui.seats import PlayerInput
from ui.stand_in import bot_player
from ui.threaded_player import ThreadedPlayer


class TakeOver:
    """Exchanges who plays the seats of a match. The game goes on; the header shows the new name, and the recording has it."""

    def __init__(self, match: Match):
        self.match = match
        self._handed: dict[int, PlayerInput] = {}  # by participant: people for whom a machine plays

    def next_participant(self) -> int:
        """The participant whose seat changes hands: one that did before, else the first person, else the first of all."""
        people = [k for k in range(len(self.match.seats)) if self.is_person(k)]
        return next(iter(self.match.guests), people[0] if people else 0)

    def is_person(self, participant: int) -> bool:
        """Whether a person plays a participant's seat now."""
        board, place = self._place(participant)
        return place in board.inputs

    def exchange(self, participant: int) -> None:
        """Let the person play a participant's seat, or give it back; a person's seat goes to a machine, and back.

        In place of a person plays the agent that sits opposite, if there is one, else the game's bot.
        """
        match, seat = self.match, self.match.seats[participant]
        if participant in match.guests:
            self._give_back(participant)
        else:
            match.guests[participant] = seat.name
            board, place = self._place(participant)
            seat.name = self._hand_on(board, place, participant) if place in board.inputs else self._seat_person(board, place)
        match.changes.append(Change(tick=match.ticks, participant=participant, name=seat.name))
        match.history.clear()  # in it the seats are others'
        match.history.add(match.moment())

    def give_all_back(self) -> None:
        """Let everybody have their own seat again: another game begins."""
        for participant in list(self.match.guests):
            self._give_back(participant)

    def _give_back(self, participant: int) -> None:
        board, place = self._place(participant)
        if participant in self._handed:
            board.seat_person(place, self._handed.pop(participant))
        else:
            board.seat_machine(place)
        self.match.seats[participant].name = self.match.guests.pop(participant)

    def _seat_person(self, board: Board, place: int) -> str:
        board.seat_person(place)
        return "You"

    def _hand_on(self, board: Board, place: int, participant: int) -> str:
        seats = self.match.seats
        rival = seats[1 - participant] if len(seats) == 2 else None
        if rival and rival.make:
            player, name = ThreadedPlayer(board.batch, place, rival.make, rival.thread), rival.name
        else:
            player, name = bot_player(board.batch, place, 0.5), "Bot"
        self._handed[participant] = board.seat_machine(place, player)
        return f"{name} for {seats[participant].name}"

    def _place(self, participant: int) -> tuple[Board, int]:
        match = self.match
        return (match.boards[participant], 0) if match.race else (match.boards[0], participant)
