"""The participants whom the menu offers for a game, with names and descriptions for people who play."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents import participants
from agents.play import ladder
from agents.play.agent_files import file_of
from agents.play.agent_info import in_words, peek
from agents.play.ratings import FIXED
from games.engine.batch import RANDOM
from games.engine.loader import Game
from games.engine.players import BOTS, bot_skill
from games.errors import UserError
from games.people.person import people_of
from games.people.table import in_short
from ui.seating import FIT, ROOT


@dataclass(frozen=True)
class Opponent:
    """A participant. `seat` is its name on the command line; "" for nobody, in a game that is played alone."""

    seat: str
    title: str
    about: str = ""


@dataclass(frozen=True)
class Opponents:
    """All participants for a game, by kind."""

    steps: list[Opponent]  # to climb, the weakest first: levels, or bots where there is no ladder
    kinds: dict[str, list[Opponent]]  # everybody else, by a title for each kind
    notice: str = ""  # a trouble with the ladder

    def named(self, seat: str) -> Opponent | None:
        """The participant with a name of the command line."""
        return next((each for each in self._all if each.seat == seat), None)

    @property
    def _all(self) -> list[Opponent]:
        return [*self.steps, *(each for kind in self.kinds.values() for each in kind)]

    def meant(self, text: str) -> Opponent | None:
        """The participant whom a name of the command line means, however it is written: `bot`, `master`, a run's folder."""
        skill = bot_skill(text)
        if skill is not None and skill != RANDOM:
            return self.named(f"bot:{skill:g}")
        level = text.lower().removeprefix("level:")
        path = file_of(text).resolve()
        for each in self._all:
            is_level = each in self.steps and each.title.lower() == level
            if each.seat == text or is_level or (path.exists() and Path(each.seat).resolve() == path):
                return each
        return None

    @property
    def machines(self) -> list[Opponent]:
        """Everybody but people and those who need one to fit."""
        return list(dict.fromkeys(each for each in self._all if each.seat not in ("", "human", FIT)))


def opponents_of(game: Game, runs: Path) -> Opponents:
    """All participants for a game. runs: where agents and a ladder of the user's own are found."""
    found, notice = None, ""
    try:
        found = participants.ladder_of(game, runs)
    except UserError as error:
        is_there = (participants.ZOO / game.name / "ladder" / ladder.LADDER).exists()
        notice = str(error).splitlines()[0] if is_there else ""
    bots = [Opponent(f"bot:{skill:g}", title, f"the game's own bot, skill {100 * skill:.0f} %") for skill, title in BOTS]
    levels = [_level(rung, number, game) for number, rung in enumerate(found.file.levels, 1)] if found else []
    kinds: dict[str, list[Opponent]] = {}
    if game.players == 1:
        kinds["Alone"] = [Opponent("", "Alone", "nobody races you")]
    else:
        kinds["A second person"] = [Opponent("human", "A second person", "two people at one keyboard")]
    if found and game.competitive:
        kinds["Fits you"] = [Opponent(FIT, "Fits you", "becomes as strong as you are, game by game")]
    if found and found.file.moments:
        kinds["As it learned"] = _moments(found.file.moments)
    if agents := _agents(game, runs):
        kinds["Trained agents"] = agents
    kinds["Bots"] = [*bots, Opponent("random", "Random", "any move, without a thought")]
    with contextlib.suppress(UserError):  # a game that simulated people cannot play
        people = [
            Opponent(person.name, f"Simulated {person.row.name.replace('-', ' ')}", in_short(person.row))
            for person in people_of(game)
        ]
        kinds["Simulated people"] = people
    return Opponents(levels or bots, kinds, notice)


def _level(rung: ladder.Rung, number: int, game: Game) -> Opponent:
    reacts = "" if game.turns or not rung.delay else f", reacts after {rung.delay / ladder.TICKS:.2f} s"
    told = f"rated {rung.rating:.0f} (the game's fair bot: {FIXED:.0f})"
    if game.players == 1:
        told = f"a mean return of {rung.rating:.0f}"
    return Opponent(f"level:{number}", rung.name, f"{told}{reacts}")


def _moments(moments: Sequence[ladder.Moment]) -> list[Opponent]:
    """The agent at moments of its training: times in the same unit."""
    in_minutes = max(moment.seconds for moment in moments) >= 600
    found = []
    for number, moment in enumerate(moments, 1):
        after = f"{moment.seconds / 60:.{int(moment.seconds < 600)}f} min" if in_minutes else f"{moment.seconds:.0f} s"
        told = f"the agent when it had trained for {after}, {moment.steps:,} steps"
        found.append(Opponent(f"moment:{number}", f"After {after}", told))
    return found


def _agents(game: Game, runs: Path) -> list[Opponent]:
    """The agents that ship and those in `runs`, the best first."""
    offered = []
    for name in participants.ranked_at_hand(game, runs)[:-1]:
        path = Path(name)
        ships = path.is_relative_to(ROOT / "agents")
        title = "The agent that ships" if ships else path.parent.name
        offered.append(Opponent(name, title, in_words(peek(path).score) or "not evaluated yet"))
    return offered
