"""The standard APIs: what the checkers of Gymnasium and Stable-Baselines3 say, and what they do not look at."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from games.check.definition import Failed, check
from games.engine.loader import Game

SEEN = ("pixels", "objects")  # observations


def made(game: Game, observation: str) -> Any:
    """The game as Gymnasium makes it."""
    import gymnasium

    from games.envs import gymnasium as standard

    if not game.shipped:
        standard.register(game.path)
    return gymnasium.make(game.env_id, observation=observation, render_mode="rgb_array", disable_env_checker=True).unwrapped


def approve(checker: Callable[[Any], None], env: Any, observation: str) -> None:
    """Run somebody's checker; a warning is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            checker(env)
        except (Exception, Warning) as error:
            raise Failed(f"on {observation}: {str(error).strip().splitlines()[0]}") from error
        finally:
            env.close()


@check("Gymnasium's checker is content, and a reset does not depend on the episode before it")
def gymnasium_env(game: Game) -> None:
    from gymnasium.utils.env_checker import check_env

    for observation in SEEN:
        approve(check_env, made(game, observation), observation)
    seen = []
    for steps in (3, 40):  # the checkers of others do not look at the second episode
        env = made(game, "objects")
        env.reset(seed=5)
        for _ in range(steps):
            mask = env.action_masks()
            _, _, terminated, truncated, _ = env.step(int(np.flatnonzero(mask)[0]))
            if terminated or truncated:
                break
        seen.append(env.reset()[0])
        env.close()
    if seen[0].tobytes() != seen[1].tobytes():
        raise Failed("after reset(seed=5), the second episode depends on how long the first one was")


@check("Stable-Baselines3's checker is content")
def sb3_env(game: Game) -> str | None:
    try:
        from stable_baselines3.common.env_checker import check_env
    except ImportError:
        return "not looked at: Stable-Baselines3 is not installed"
    for observation in SEEN:
        approve(check_env, made(game, observation), observation)
    return None
