"""Agents of a page by name, and what they see; without torch."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from agents import participants
from agents.play import ladder
from agents.play.agent_files import agent_file
from agents.play.agent_info import peek
from games.engine.loader import Game
from games.errors import UserError
from games.web.module import Sight, sight_of


def names_of(game: Game, named: Sequence[str], runs: Path) -> list[str]:
    """Those that are named, else the levels of the game's ladder, else the best agent at hand."""
    if named:
        return list(named)
    try:
        levels = participants.ladder_of(game, runs).file.levels
    except UserError:
        return [name for name in [participants.best_at_hand(game, runs)] if name != "bot"]
    return [f"level:{number}" for number in range(1, len(levels) + 1)]


def sights_of(game: Game, names: Sequence[str], runs: Path) -> set[Sight]:
    """Sights of agents, as far as their files can be read; what is wrong with one is told when it is loaded."""
    found = set()
    for name in names:
        with contextlib.suppress(UserError, OSError):
            if ladder.is_level(name):
                steps = participants.ladder_of(game, runs)
                file = steps.folder / steps.named(name).file
            else:
                file = agent_file(name)
            settings = peek(file).settings
            found.add(sight_of(settings.observation, settings.size))
    return found
