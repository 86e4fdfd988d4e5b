"""The standard APIs: the checkers of Gymnasium and Stable-Baselines3, and one property that these do not check."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from games.check.definition import DRAWN, Failed, check
from games.engine.loader import Game

OBSERVATIONS = ("pixels", "objects")  # observations to check


def make_env(game: Game, observation: str) -> Any:
    """The game as `gymnasium.make` makes it."""
    import gymnasium

    from games.envs.gymnasium import register

    if not game.shipped:
        register(game.path)
    return gymnasium.make(game.env_id, observation=observation, render_mode="rgb_array", disable_env_checker=True).unwrapped


def run_checker(checker: Callable[[Any], None], env: Any, observation: str) -> None:
    """Run another library's checker on an environment; `Failed` if it raises or warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            checker(env)
        except (Exception, Warning) as error:
            raise Failed(f"on {observation}: {str(error).strip().splitlines()[0]}") from error
        finally:
            env.close()


@check("Gymnasium's checker is content, and a reset does not depend on the episode before it", about="reset", calls=DRAWN)
def gymnasium_env(game: Game) -> None:
    from gymnasium.utils.env_checker import check_env

    for observation in OBSERVATIONS:
        run_checker(check_env, make_env(game, observation), observation)
    seen = []
    for steps in (3, 40):  # other libraries' checkers do not look at the second episode
        env = make_env(game, "objects")
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


@check("Stable-Baselines3's checker is content", about="step", calls=DRAWN)
def sb3_env(game: Game) -> str | None:
    try:
        from stable_baselines3.common.env_checker import check_env
    except ImportError:
        return "not looked at: Stable-Baselines3 is not installed"
    for observation in OBSERVATIONS:
        run_checker(check_env, make_env(game, observation), observation)
    return None
