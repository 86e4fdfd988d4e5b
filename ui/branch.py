"""A replay goes on as a live match, from any of its ticks, with a person in one of its seats."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from games.engine.level_names import levels_of
from games.engine.loader import Game
from games.errors import UserError
from games.replay.format import Change, Header, Replay
from games.replay.playback import level_of
from ui.match import Match
from ui.replays import fingerprint
from ui.seats import Seat

SeatFinder = Callable[[str, Game], Seat]  # the seat that a name on the command line means; `UserError` where it means none


@dataclass
class Branch:
    """A match that is to go on where a replay is."""

    replay: Replay
    tick: int
    person: int  # the participant whose seat the person takes: from then on the game is another than the one recorded

    def settings(self, game: Game) -> dict:
        """The settings of the page of the match (`KeptMatchPage`)."""
        header = self.replay.header
        return {"seed": header.seed, "levels": levels_of(game, level_of(game, header)), "begin": self.begin}

    def begin(self, match: Match) -> None:
        """Bring a new match to the tick. Its agents see all that they would have seen."""
        header = self.replay.header
        match.episode = header.episode
        for board, track in zip(match.boards, self.replay.tracks, strict=True):
            board.follow(header.episode, header.level, track.actions[: self.tick])
        match.changes.append(Change(tick=self.tick, participant=self.person, name=match.seats[self.person].name))
        match.history.clear()
        match.history.add(match.moment())


def seats_for(game: Game, header: Header, person: int, find: SeatFinder) -> tuple[list[Seat], list[str]]:
    """The seats of a branch, and a line about each participant who is not who they were. person: the seat of the person."""
    seats, told = [], []
    for k, each in enumerate(header.seats):
        if k == person:
            seats.append(Seat("human", "You"))
        elif each.kind == "scripted":
            seats.append(Seat("scripted", each.name, skill=each.skill, source=each.source))
        elif each.kind == "human" or not each.source:
            seats.append(Seat("scripted", "Bot", skill=0.5, source="bot"))
            told.append(f"The bot plays for {each.name}")
        else:
            seat = _found(game, each.source, find)
            if seat is None:
                told.append(f"{each.name} is gone: the bot plays")
            elif each.sha256 and fingerprint(each.source, game) != each.sha256:
                told.append(f"{each.name} has been trained anew since")
            seats.append(seat or Seat("scripted", "Bot", skill=0.5, source="bot"))
    return seats, told


def _found(game: Game, source: str, find: SeatFinder) -> Seat | None:
    try:
        seat = find(source, game)
    except UserError:
        return None
    return replace(seat, source=source)
