"""Turns the name of a participant on the command line into a player. Needs no torch until an agent is loaded."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agents.core.game_names import file_name
from agents.play import ladder
from agents.play.agent_files import PICKLED, agent_file
from agents.play.agent_info import AgentInfo, peek
from agents.play.game_info import GameInfo
from agents.play.result import first_score
from agents.play.seats import Participant
from games.engine.players import bot_skill
from games.errors import UserError
from games.people.person import PREFIX, person

if TYPE_CHECKING:  # it imports torch
    from agents.play.trainable import AnyGame

ZOO = Path(__file__).parent / "zoo"
RUNS = Path("runs")


def participant(
    text: str, game: "AnyGame", device: str = "cpu", trusted: dict[str, str] | None = None, runs: Path = RUNS
) -> Participant:
    """Read `human`, `bot`, `bot:0.8`, `random`, `person:NAME`, `level:3`, or the path of an agent's file or a run's folder.

    runs: where a ladder of the user's own is found.

    trusted: the observation settings of a file of Stable-Baselines3's without a config.json (`agents.bridges.sb3.agent.TOLD`),
    given by a user who trusts such files, which may hide code. None: they are refused unopened.
    """
    if text == "human":
        return Participant("human")
    skill = bot_skill(text)
    if skill is not None:
        return Participant(text, skill)
    if text.startswith(PREFIX):
        return Participant(text, simulated=person(text, game))
    if ladder.is_level(text):
        found = ladder_of(game, runs)
        return Participant(text, agent=found.agent(found.named(text), game, device))
    path = agent_file(text, trusted is not None)
    if path.suffix != PICKLED:
        from agents.play.agent import Agent  # torch loads here

        return Participant(text, agent=Agent.load(path, game, device))
    from agents.bridges.sb3 import agent  # Stable-Baselines3 loads here

    return Participant(text, agent=agent.load(path, game, trusted or {}, device))


def folder_of(runs: Path, game: GameInfo) -> Path:
    """The folder of a game's runs: `runs/pong`, `runs/gym-MinAtar-Breakout-v1`."""
    return runs / file_name(game.name)


def ladder_of(game: GameInfo, runs: Path = RUNS) -> ladder.Ladder:
    """The ladder of a game: one of the user's own, else the one that ships; `UserError` if there is none."""
    return ladder.find(game, [folder_of(runs, game) / "ladder", *([ZOO / game.name / "ladder"] if game.shipped else [])])


def best_at_hand(game: GameInfo, runs: Path) -> str:
    """The best agent for a game among those that ship and those in `runs`: its path, else `bot`."""
    return ranked_at_hand(game, runs)[0]


def ranked_at_hand(game: GameInfo, runs: Path) -> list[str]:
    """The paths of all agents for a game, of those that ship and those in `runs`, the best first; `bot` is the last.

    Ranked by what their files say of them. Those that are damaged are left out, with a line for each on standard error.
    """
    ranked = []
    for path in [*sorted((ZOO / game.name).glob("*.safetensors")), *sorted(folder_of(runs, game).glob("*/agent.safetensors"))]:
        try:
            info = peek(path)
        except UserError as error:
            tell_left_out(error)
            continue
        digest = None if game.shipped else game.digest
        if (info.game, info.game_version, info.game_digest) == (game.name, game.version, digest) and _is_available(info):
            ranked.append((info.rating is not None, _lower_bound(info) if info.rating is None else info.rating, str(path)))
    return [*(path for _, _, path in sorted(ranked, reverse=True) if path.isprintable()), "bot"]


def loaded(
    name: str,
    game: "AnyGame",
    trusted: dict[str, str] | None = None,
    runs: Path | None = None,
    ladders: Path = RUNS,
) -> Participant:
    """`participant`; but where `runs` is given and the agent does not load, the best at hand after it, the bot in the end.

    ladders: the runs among which a ladder of the user's own is found.
    """
    try:
        return participant(name, game, trusted=trusted, runs=ladders)
    except UserError as error:
        ranked = [] if runs is None else ranked_at_hand(game, runs)
        if name not in ranked[:-1]:
            raise
        tell_left_out(error)
        return loaded(ranked[ranked.index(name) + 1], game, trusted, runs, ladders)


def tell_left_out(reason: UserError) -> None:
    """Say in a line that a file which nobody has named is not used."""
    print(f"Left out: {str(reason).splitlines()[0]}", file=sys.stderr)


def _is_available(info: AgentInfo) -> bool:
    """True if the agent's network can be made here."""
    if not info.settings.network_digest:
        return True
    from agents.networks import custom  # torch loads here

    return custom.is_available(info.settings)


def _lower_bound(info: AgentInfo) -> float:
    """The lower bound of the confidence interval of an agent's latest evaluation."""
    try:
        return float(first_score(info.score).interval[0])
    except LookupError:  # it has not been evaluated
        return -math.inf
