"""The agents of a page: those that are named, else the levels of the game's ladder, else the best agent at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents import participants
from agents.play import ladder
from agents.play.agent import Agent, frame_shape_of
from agents.play.agent_files import agent_file
from agents.play.agent_info import in_words, peek
from agents.web.names import names_of
from agents.web.program import Program, program_of
from games.engine.loader import Game
from games.engine.players import bot_skill
from games.errors import UserError
from games.people.person import PREFIX
from games.web.module import Sight, sight_name, sight_of


@dataclass(frozen=True)
class CastAgent:
    """An agent of a page, as people see it, and its network."""

    title: str
    about: str
    source: str  # its name on the command line, for replays
    agent: Agent
    program: Program

    @property
    def sight(self) -> Sight:
        settings = self.agent.info.settings
        return sight_of(settings.observation, settings.size)

    def described(self, network: int) -> dict[str, Any]:
        """All that a page knows of the agent beside its network, of which it gets the number."""
        info, settings = self.agent.info, self.agent.info.settings
        return {
            "title": self.title,
            "about": self.about,
            "source": self.source,
            "rating": info.rating,
            "network": network,
            "ranksActions": self.agent.network.ranks_actions,
            "observation": settings.observation,
            "size": settings.size,
            "stack": settings.stack,
            "sight": sight_name(self.sight),
            "temperature": settings.temperature,
            "epsilon": settings.epsilon,
            "delay": settings.delay,
        }


def cast_of(game: Game, names: Sequence[str], runs: Path) -> list[CastAgent]:
    """The agents of a page. names: levels and paths, as `play.py` takes them; runs: where agents of the user's own are.

    `UserError` for one that is no agent, plays another game, or has a network that cannot go into a page.
    """
    return [_agent(game, name, runs) for name in names_of(game, names, runs)]


def _agent(game: Game, name: str, runs: Path) -> CastAgent:
    if name in ("human", "fit") or name.startswith(PREFIX) or bot_skill(name) is not None:
        raise UserError(
            f"'{name}' is no agent: people and the game's bots are on every page.\n"
            "Name levels (level:3), agents' files or runs, or nothing for the whole ladder."
        )
    if ladder.is_level(name):
        found = participants.ladder_of(game, runs)
        rung = found.named(name)
        agent = found.agent(rung, game)
        title = getattr(rung, "name", "") or name.replace(":", " ").capitalize()
        about = ladder.described(rung, game)
        about = about.partition(", ")[2] if about.startswith(f"{title}, ") else about
    else:
        path = Path(name)
        file = agent_file(name)
        settings = peek(file).settings
        if settings.network_digest:
            raise UserError(
                f"{name} has a network that cannot go into a page: {settings.network}, a file of somebody's own.\n"
                "Train an agent with one that ships: --network patch, tiny, small, nature, impala, mobile or mlp."
            )
        agent = Agent.load(file, game)
        title = "Agent" if path.resolve().is_relative_to(participants.ZOO) else path.name if path.is_dir() else path.stem
        about = in_words(agent.info.score) or "not evaluated yet"
    shape = (agent.info.settings.stack, *frame_shape_of(game, agent.info.settings))
    return CastAgent(title, about, name, agent, program_of(agent.network, shape, name))
