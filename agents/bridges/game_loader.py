"""Loads games by name: ours, users' own, and Gymnasium environments."""

import games
from agents.core.game_names import is_gym
from agents.play.trainable import AnyGame
from games.envs.gymnasium_version import require_gymnasium


def load_game(name: str) -> AnyGame:
    """The game of a name (`pong`), of a file (`./my_game.py`), or of a Gymnasium environment (`gym:CartPole-v1`)."""
    if is_gym(name):
        require_gymnasium()
        from agents.bridges.gym import game as gym_game  # Gymnasium and torch load here

        return gym_game.load(name)
    return games.load(name)
