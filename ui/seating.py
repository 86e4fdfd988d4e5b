"""Turns the name of a participant, as the command line has it, into a seat of the window. Needs no torch until one loads."""

import functools
from dataclasses import replace
from pathlib import Path

from agents import participants
from agents.play import ladder
from agents.play.agent_files import PICKLED, agent_file
from agents.play.agent_info import AgentInfo, check_game, in_words, peek
from games.engine.batch import RANDOM
from games.engine.loader import Game
from games.engine.players import bot_skill
from games.errors import UserError
from games.people.person import PREFIX, person
from ui.seats import Seat

FIT = "fit"
ROOT = Path(__file__).parents[1]


def seat_of(
    name: str,
    game: Game,
    trusted: dict[str, str] | None = None,
    instead: Path | None = None,
    runs: Path = participants.RUNS,
) -> Seat:
    """A participant for the window. Of an agent only the file's header is read here; torch loads once the window is open.

    trusted: as in `agents.participants.participant`.    runs: where a ladder of the user's own is found.
    instead: where the next best agent is found if this one cannot be loaded; None: then there is an error.
    Raises `UserError` for a name that means nobody, and for a file that is damaged or of another game.
    """
    return replace(_seat_of(name, game, trusted, instead, runs), source=name)


def _seat_of(name: str, game: Game, trusted: dict[str, str] | None, instead: Path | None, runs: Path) -> Seat:
    if name == "human":
        return Seat("human", "You")
    if name == FIT or ladder.is_level(name):
        return _ladder_seat(name, game, runs)
    skill = bot_skill(name)
    if skill == RANDOM:
        return Seat("scripted", "Random")
    if skill is not None:
        return Seat("scripted", f"Bot {skill:g}", skill=skill)
    if name.startswith(PREFIX):
        model = person(name, game)
        return Seat("agent", model.row.name, make=model.player, observation="objects", about=f"{name}, a simulated person")
    path = agent_file(name, trusted is not None)
    info = None if path.suffix == PICKLED else peek(path)  # a pickle is not opened before the window is open

    @functools.cache
    def agent():
        seated = participants.loaded(name, game, trusted, instead)
        if seated.agent is None:  # none at hand loads
            raise UserError(f"{name} cannot be loaded.\nName another seat: python play.py {game.name} human bot")
        return seated.agent

    return Seat(
        "agent",
        "Agent",
        make=lambda batch, rows: agent().player(batch, rows),
        load=agent,
        observation=info.settings.observation if info else "",
        about=about_agent(path, game, info),
    )


def _ladder_seat(name: str, game: Game, runs: Path) -> Seat:
    """A level of the game's ladder as a participant for the window, or an opponent that moves along it."""
    found = participants.ladder_of(game, runs)
    for each in {rung.file for rung in found.file.rungs}:
        check_game(found.folder / each, peek(found.folder / each), game)
    if name == FIT:
        from agents.play.fitting import FittingOpponent

        opponent = FittingOpponent(game, found)
        seen = peek(found.folder / opponent.rung.file).settings.observation
        told = f"{opponent.name}, which follows your play; {opponent.about_person}"
        return Seat(
            "agent", opponent.name, make=opponent.player, load=opponent.load, observation=seen, about=told, adaptive=opponent
        )
    rung = found.named(name)
    number = found.file.levels.index(rung) + 1 if isinstance(rung, ladder.Rung) else 0
    agent = functools.cache(lambda: found.agent(rung, game))
    return Seat(
        "agent",
        rung.name if isinstance(rung, ladder.Rung) else "Agent",
        make=lambda batch, rows: agent().player(batch, rows),
        load=agent,
        observation=peek(found.folder / rung.file).settings.observation,
        about=ladder.described(rung, game, number),
        caption=rung.name if isinstance(rung, ladder.Rung) else f"the agent of {rung.seconds:.0f} seconds",
    )


def about_agent(path: Path, game: Game, info: AgentInfo | None) -> str:
    """An agent's path and the result of its last evaluation; `UserError` if it is of another game.

    info: the header of its file (`peek`); None if that is not known.
    """
    place = path.parent if path.stem == "agent" else path  # the run's folder, except for agents that ship
    shown = str(place.relative_to(ROOT) if place.is_relative_to(ROOT) else place)
    if info is None:
        return shown
    check_game(path, info, game)
    score = in_words(info.score)
    return f"{shown} ({score})" if score else shown


def described(seat: Seat) -> str:
    """A participant as the first line of the output names them."""
    return seat.about or ("you" if seat.kind == "human" else seat.name.lower())
