"""Settings that an agent's file keeps: its observations, its network, how it acts; and how settings are read and checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from games.errors import UserError

OBJECTS_TOO = "+objects"  # ends the name of an observation of an image and objects


@dataclass
class AgentSettings:
    """An agent's settings, the same fields for all learners. An agent's file keeps them, so it sees and acts as in training."""

    observation: str = "pixels"  # pixels, planes or objects; pixels+objects or planes+objects where there are both
    size: int = 30  # side of pixels and planes; the smallest at which a small ball still moves smoothly
    stack: int = 2  # newest frames in one observation; two show velocities
    network: str = "patch"  # encoder: patch, tiny, small, nature, impala, mobile, mlp, or the name of a user's own file
    network_digest: str = ""  # SHA-256 of such a file, see `agents.networks.custom`
    hidden: int = 128  # units of the last hidden layer (patch, mlp); the others have their own
    channels: int = 16  # of the patch encoder's first layer
    patch: int = 6  # pixels, the patch encoder's kernel and stride
    codes: int = 0  # above 0, bytes of planes are so many codes, each a plane of its own; 0: they are brightness
    normalize_observation: bool = False  # by the running mean and deviation of each number, of images of each channel
    normalize_value: bool = False  # of ppo and pqn: values are learned from normalised returns (PopArt)
    memory: str = "none"  # none, or lstm: over the features of the episode's earlier decisions; stack is then 1
    memory_size: int = 128  # units of the lstm
    memory_layers: int = 1
    dueling: bool = True  # of dqn: a value and advantages instead of action values (Wang et al. 2016)
    temperature: float = 0.0  # of play; 0: the most likely action
    epsilon: float = 0.0  # of play, for dqn and pqn: probability of a random allowed action
    delay: int = 0  # ticks until an action takes effect, in training and in play; a person's is about 12

    @property
    def is_image(self) -> bool:
        """True if a frame is an image, uint8 [(channels,) height, width]; others are [n]: objects, or bytes of both."""
        return self.observation != "objects" and not self.observation.endswith(OBJECTS_TOO)


ALGORITHMS = ("ppo", "dqn", "pqn")  # that an agent's file may name
TRAINERS = ("sparring", "sb3")  # of runs: our learners, or Stable-Baselines3's

# Range of each number in an agent's file, which is not trusted.
RANGES: dict[str, tuple[float, float]] = {
    "size": (8, 256), "stack": (1, 16), "codes": (0, 256), "hidden": (1, 65536), "channels": (1, 4096), "patch": (1, 256),
    "memory_size": (1, 4096), "memory_layers": (1, 8),
    "temperature": (0, 1000), "epsilon": (0, 1), "delay": (0, 60),
}  # fmt: skip

# What each word in an agent's file may be; networks, of which users have their own, are looked up when they are built.
CHOICES: dict[str, tuple[str, ...]] = {
    "observation": ("pixels", "planes", "objects", f"pixels{OBJECTS_TOO}", f"planes{OBJECTS_TOO}"),
    "memory": ("none", "lstm"),
}


def typed(name: str, value: Any, kind: type) -> Any:
    """A setting's value, from Python or from the command line's text; `UserError` if it is not of the kind."""
    try:
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
        if kind is int:
            if float(value) != int(float(value)):
                raise ValueError
            return int(float(value))
        number = kind(value)
        if kind is float and not math.isfinite(number):
            raise ValueError
        return number
    except (KeyError, ValueError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise UserError(f"The setting {name} is {expected}, not '{value}'.") from None


def check_range(name: str, value: float, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise `UserError` for a number outside the range of its setting; settings not in `ranges` are at least 0."""
    low, high = ranges.get(name, (0, math.inf))
    if not low <= value <= high:
        reach = f"from {low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
        raise UserError(f"The setting {name} is {value:g}; it must be {reach}.")
