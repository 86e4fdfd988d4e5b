"""Agents: networks, learners, files and matches."""

from typing import Any


def game_named(name: str) -> Any:
    """The game of a name, of a file (`./my_game.py`), or of an environment that is not ours (`gym:CartPole-v1`)."""
    if name.startswith("gym:"):
        from agents import foreign  # Gymnasium and torch load here

        return foreign.load(name)
    import games

    return games.load(name)
