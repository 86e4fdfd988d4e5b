"""Games by their names, whosever they are."""

from typing import Any

import games
from agents.core.game_names import is_gym


def load_game(name: str) -> Any:
    """The game of a name, of a file (`./my_game.py`), or of a Gymnasium environment (`gym:CartPole-v1`)."""
    if is_gym(name):
        from agents.bridges.gym import game as gym_game  # Gymnasium and torch load here

        return gym_game.load(name)
    return games.load(name)
