"""Which of our settings is which of Stable-Baselines3's, and in words what it has no counterpart for."""

from typing import Any

import stable_baselines3

from agents.algorithms.ppo import PPOSettings
from agents.algorithms.settings import LearnerSettings
from agents.play.trainable import AnyGame
from games.core import AGENT_ROLES
from games.engine.loader import Game
from games.engine.players import bot_skill
from games.errors import UserError

# Of each algorithm: setting of ours → argument of its own.
ARGUMENTS: dict[str, dict[str, str]] = {
    "ppo": {
        "n_steps": "n_steps", "batch_size": "batch_size", "n_epochs": "n_epochs", "gamma": "gamma", "gae_lambda": "gae_lambda",
        "clip_range": "clip_range", "clip_range_vf": "clip_range_vf", "normalize_advantage": "normalize_advantage",
        "ent_coef": "ent_coef", "vf_coef": "vf_coef", "max_grad_norm": "max_grad_norm", "target_kl": "target_kl",
    },
    "dqn": {
        "buffer_size": "buffer_size", "learning_starts": "learning_starts", "batch_size": "batch_size", "tau": "tau",
        "gamma": "gamma", "train_freq": "train_freq", "gradient_steps": "gradient_steps", "n_step": "n_steps",
        "target_update_interval": "target_update_interval", "exploration_fraction": "exploration_fraction",
        "exploration_initial_eps": "exploration_initial_eps", "exploration_final_eps": "exploration_final_eps",
        "max_grad_norm": "max_grad_norm",
    },
}  # fmt: skip
OFF_AT_ZERO = ("clip_range_vf", "target_kl")  # where it says None

# What goes elsewhere: into the environments, `policy_kwargs`, the learning rate's schedule; the run's own.
ELSEWHERE = {
    "observation", "size", "stack", "delay", "n_envs", "reward_scale",
    "network", "hidden", "channels", "patch", "memory", "memory_size", "memory_layers",
    "optimizer", "optimizer_eps", "momentum", "weight_decay", "learning_rate", "schedule", "warmup",
    "steps", "eval_every", "eval_games", "final_games", "threads", "gif", "levels",
}  # fmt: skip

# What it does in one way only.
ONE_WAY: dict[str, Any] = {
    "double": False, "dueling": False, "prioritized": False, "exploration": "schedule", "precision": "fp32",
    "normalize_observation": False, "normalize_value": False, "temperature": 0.0, "epsilon": 0.0, "copied_rate": 1.0,
    "augment": "none",
}  # fmt: skip

RECURRENT_PRESET = {"n_steps": 128, "batch_size": 128, "memory_size": 256}  # its defaults where they differ from PPO's
NETWORKS = ("patch", "small", "nature", "mlp")  # that `agents.training.sb3.networks` builds


def arguments(algorithm: str, settings: LearnerSettings) -> dict[str, Any]:
    """Our settings as arguments of a Stable-Baselines3 learner, by its names."""
    values = {theirs: getattr(settings, ours) for ours, theirs in ARGUMENTS[algorithm].items()}
    return {name: None if name in OFF_AT_ZERO and value == 0 else value for name, value in values.items()}


def fit(game: AnyGame, algorithm: str, settings: LearnerSettings, chosen: dict[str, Any], preset: str | None = None) -> None:
    """Change settings to what Stable-Baselines3 does. chosen: by the user; `UserError` where it cannot be done."""
    if algorithm not in ARGUMENTS:
        raise UserError(f"Stable-Baselines3 has no {algorithm}: use --algo ppo or dqn.\n{WITHOUT}")
    if preset and settings.memory == "lstm":
        for name in RECURRENT_PRESET.keys() - chosen.keys():
            setattr(settings, name, RECURRENT_PRESET[name])
    for name in chosen:
        if name not in ARGUMENTS[algorithm] and name not in ELSEWHERE and name not in ONE_WAY:
            raise UserError(f"Stable-Baselines3's {algorithm.upper()} has no setting '{name}'.\n{WITHOUT}")
        if name in ONE_WAY and getattr(settings, name) != ONE_WAY[name]:
            only = str(ONE_WAY[name]).lower()
            raise UserError(
                f"Stable-Baselines3 has no counterpart for {name}={chosen[name]}: there it is always {only}.\n{WITHOUT}"
            )
    for name, value in ONE_WAY.items():
        if hasattr(settings, name):
            setattr(settings, name, value)
    _check(game, algorithm, settings)


WITHOUT = "Leave it out, or leave out --trainer sb3."


def _check(game: AnyGame, algorithm: str, settings: LearnerSettings) -> None:
    """`UserError` for what it cannot train, in words."""
    if not isinstance(game, Game):
        raise UserError(f"{game.name} is an environment of Gymnasium's: Stable-Baselines3 trains there without us.")
    if settings.network not in NETWORKS:
        raise UserError(
            f"The {settings.network} network is not built for Stable-Baselines3.\nChoose --network {' or '.join(NETWORKS)}."
        )
    masks, lstm = game.has_legal, settings.memory == "lstm"
    if algorithm == "dqn" and lstm:
        raise UserError(f"Stable-Baselines3 has no DQN with a memory: --memory lstm goes with --algo ppo there.\n{WITHOUT}")
    if algorithm == "dqn" and masks:
        raise UserError(f"{game.heading} bars actions, and Stable-Baselines3's DQN knows no masks: use --algo ppo.\n{WITHOUT}")
    if masks and lstm:
        raise UserError(
            f"{game.heading} bars actions, and Stable-Baselines3 has no PPO with both masks and a memory.\n"
            "Leave out --memory lstm, or leave out --trainer sb3."
        )
    if settings.observation == "planes" and settings.stack * AGENT_ROLES > settings.size:
        raise UserError(
            f"Stable-Baselines3 takes the smallest axis of an image for its channels, and here {settings.stack * AGENT_ROLES} "
            f"channels are more than {settings.size} pixels.\nChoose a smaller --set stack=… or a larger --set size=…"
        )
    if isinstance(settings, PPOSettings) and settings.n_envs * settings.n_steps < 2:
        raise UserError("Stable-Baselines3's PPO learns from two decisions at least: more --envs or --set n_steps=…")
    learner_class(class_name(game, algorithm, settings))


def class_name(game: Game, algorithm: str, settings: LearnerSettings) -> str:
    """Which of its learners these settings are for."""
    if algorithm == "dqn":
        return "DQN"
    if settings.memory == "lstm":
        return "RecurrentPPO"
    return "MaskablePPO" if game.has_legal else "PPO"


def learner_class(name: str) -> Any:
    """A learner of Stable-Baselines3's or of sb3-contrib's; `UserError` where that is not installed."""
    if hasattr(stable_baselines3, name):
        return getattr(stable_baselines3, name)
    try:
        import sb3_contrib
    except ImportError as error:
        raise UserError(f"{name} is of a package that is not installed: pip install sb3-contrib") from error
    return getattr(sb3_contrib, name)


def opponents(game: AnyGame, named: list[str], recipe: list[str], n_envs: int) -> list[str]:
    """With whom it trains: what the user named, else the recipe's, without `self`. `UserError` where it cannot."""
    found = named or [name for name in recipe if name != "self"] or ["bot"][: game.players - 1]
    if "league" in found:
        raise UserError("Stable-Baselines3's learners know no league.\nChoose bot, bot:0.8, random, or an agent.")
    if "self" in found:
        raise UserError(
            "Stable-Baselines3 has no self-play: only one seat learns.\nChoose bot, bot:0.8, random, person:NAME, or an agent."
        )
    agents = [name for name in found if name != "human" and bot_skill(name) is None]
    if agents and len(found) > 1:
        raise UserError("Against an agent, Stable-Baselines3 trains with that opponent alone: name one --opponent.")
    assert isinstance(game, Game)  # `fit` refuses others
    if agents and game.has_asks and n_envs > 1:
        raise UserError(
            f"In {game.heading} an agent's seat and the learner's decide at times of their own, and environments of "
            "Stable-Baselines3's cannot wait for each other.\nUse --envs 1, or a bot as opponent."
        )
    return found
