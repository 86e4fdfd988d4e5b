"""The settings that every learner has: their defaults, their choices, and remarks on unwise ones."""

from dataclasses import asdict, dataclass
from typing import Any

from agents.core.settings import AgentSettings
from agents.experience import augmentation


@dataclass
class LearnerSettings(AgentSettings):
    """Settings of every learner. Names as in Stable-Baselines3 where it has one."""

    n_envs: int = 256  # environments; each algorithm has a default of its own
    env_processes: int = 0  # that step them, if they are not ours; 0: the process that learns. Results are the same
    learning_rate: float = 3e-3  # likewise
    optimizer: str = "adam"  # adam, adamw, rmsprop, sgd, adagrad: torch's own
    optimizer_eps: float = 1e-5  # of adam, adamw and rmsprop: steps of gradients as small as this are damped
    momentum: float = 0.0  # of sgd and rmsprop
    weight_decay: float = 0.0
    schedule: str = "linear"  # of the learning rate over the run: constant, linear or cosine (both to 0)
    warmup: float = 0.0  # share of the run in which the learning rate rises from 0
    copied_rate: float = 1.0  # learning rate of what `--init-from` copied, as a share of the others'
    gamma: float = 0.99
    max_grad_norm: float = 0.5
    reward_scale: float = 1.0  # rewards are multiplied by it while learning, so that values are of the order of 1
    augment: str = "none"  # of images, while learning: none, shift, intensity or both (Kostrikov et al. 2020)
    augment_shift: int = 0  # pixels, at most; 0: as 4 are of 84, the paper's
    augment_intensity: float = 0.05  # deviation of the factor of all grey levels; the paper's
    precision: str = "auto"  # of the networks' matrix products: bf16 where the processor has it, else fp32


CHOICES = {
    "optimizer": ("adam", "adamw", "rmsprop", "sgd", "adagrad"),
    "schedule": ("constant", "linear", "cosine"),
    "ent_schedule": ("constant", "linear", "cosine"),
    "precision": ("auto", "fp32", "bf16"),
    "augment": augmentation.CHOICES,
    "exploration": ("schedule", "apex"),
}  # fmt: skip

# Settings that count only where another has one of these values.
DEPENDS_ON: dict[str, tuple[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("memory_size", "memory_layers", "burn_in", "sequence"), ("memory", ("lstm",))),
    **dict.fromkeys(("alpha", "beta"), ("prioritized", (True,))),
    **dict.fromkeys(
        ("exploration_initial_eps", "exploration_final_eps", "exploration_fraction"), ("exploration", ("schedule",))
    ),
    **dict.fromkeys(("patch", "channels"), ("network", ("patch",))),
    "hidden": ("network", ("patch", "mlp")),
    "optimizer_eps": ("optimizer", ("adam", "adamw", "rmsprop")),
    "momentum": ("optimizer", ("sgd", "rmsprop")),
    "augment_shift": ("augment", ("shift", "both")),
    "augment_intensity": ("augment", ("intensity", "both")),
}

# Settings that not every algorithm uses, though agents' files keep them for all.
OWNERS: dict[str, tuple[str, ...]] = {
    "normalize_value": ("ppo", "pqn"), "temperature": ("ppo",), "dueling": ("dqn",), "epsilon": ("dqn", "pqn"),
}  # fmt: skip


def has_effect(settings: LearnerSettings, name: str) -> bool:
    """Whether another setting's value leaves this one anything to do."""
    other, values = DEPENDS_ON.get(name, ("", ()))
    if not hasattr(settings, other) or (other == "network" and settings.network_digest):  # a user's network may use it
        return True
    return getattr(settings, other) in values


def applicable(settings: LearnerSettings, algorithm: str) -> dict[str, Any]:
    """The settings that do something: none of another algorithm, none that another setting leaves nothing to do."""
    values = asdict(settings).items()
    return {name: value for name, value in values if algorithm in OWNERS.get(name, (algorithm,)) and has_effect(settings, name)}


def unusual(settings: LearnerSettings, algorithm: str) -> dict[str, Any]:
    """The settings that do something and differ from their defaults."""
    defaults = asdict(type(settings)())
    return {name: value for name, value in applicable(settings, algorithm).items() if value != defaults[name]}


def setting_remarks(settings: LearnerSettings, recipe: dict[str, Any] | None = None, turns: bool = False) -> list[str]:
    """A line for each setting that is seldom wise or does nothing.

    recipe: of the game, whose values nobody has chosen here. turns: of a game in which a decision takes effect at once.
    """
    remarks, defaults = [], {**asdict(type(settings)()), **(recipe or {})}
    if turns and settings.delay:
        remarks.append(f"delay={settings.delay} does nothing here: in a game of turns decisions take effect at once")
    if settings.memory == "lstm" and settings.stack > 1:
        remarks.append(f"A memory over stacks of {settings.stack} frames is seldom worth its time: --set stack=1")
    tau, interval = getattr(settings, "tau", 1.0), getattr(settings, "target_update_interval", 0)
    if tau < 1 and interval >= 1000:
        often = f"{interval:,} decisions"
        remarks.append(f"The target network takes {tau:g} of the other only every {often}: --set target_update_interval=1")
    for name, (other, _) in DEPENDS_ON.items():
        value = getattr(settings, name, None)
        if value is not None and value != defaults[name] and not has_effect(settings, name):
            remarks.append(f"{name}={value:g} does nothing here: {other} is {str(getattr(settings, other)).lower()}")
    return remarks
