"""The statistics of Stable-Baselines3's VecNormalize, which lie in a pickle beside a model. Reading them here runs no code."""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from agents.core.settings import typed
from games.errors import UserError

NAMES = ("vecnormalize.pkl", "vec_normalize.pkl")  # as RL Zoo and the examples of Stable-Baselines3 call it
ARRAYS = {  # what makes NumPy's arrays and numbers: nothing else of a pickle is called
    *(("numpy", name) for name in ("dtype", "ndarray")),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


@dataclass
class ObservationStatistics:
    """The mean and variance by which observations were normalised, each of the shape of one observation."""

    mean: np.ndarray
    var: np.ndarray
    epsilon: float
    clip_obs: float

    def normalize(self, observations: np.ndarray) -> np.ndarray:
        """Observations [B, …] as the policy saw them, float32: clip((o − mean) / √(var + ε))."""
        normalized = (observations - self.mean) / np.sqrt(self.var + self.epsilon)
        return np.clip(normalized, -self.clip_obs, self.clip_obs).astype(np.float32)


def statistics_of(
    path: Path, data: Mapping[str, Any], space: spaces.Box, told: Mapping[str, str]
) -> ObservationStatistics | None:
    """The statistics that a model's observations need; None if it saw them as they are. `UserError` if they are missing.

    path, data, space: the model's file, what is in it, and its observation space. told: the user's settings; with
    `normalize_observation=false` only rewards were normalised.
    """
    low, high, dtype = (0, 255, np.uint8) if len(space.shape) == 3 else (-1, 1, np.float32)
    as_they_are = bool(space.dtype == dtype and (space.low == low).all() and (space.high == high).all())
    # Stable-Baselines3 keeps the original observations of a learner whose environment is in a VecNormalize.
    if as_they_are and (space.dtype == np.uint8 or data.get("_last_original_obs") is None):
        return None
    only_rewards = not typed("normalize_observation", told.get("normalize_observation", "true"), bool)
    if as_they_are and only_rewards:
        return None
    beside = [path.with_name(name) for name in names_beside(path.name) if path.with_name(name).is_file()]
    if beside:
        statistics = read(beside[0], space)
        if statistics is not None or as_they_are:
            return statistics
    remedy = f'Save its statistics beside it: VecNormalize\'s save("{path.with_name(NAMES[0])}").'
    if as_they_are:
        raise UserError(
            f"{path} learned inside a VecNormalize, and without its statistics it would see numbers of another scale.\n"
            f"{remedy}\nOr, if only rewards were normalised: --set normalize_observation=false"
        )
    raise UserError(f"{path} saw normalised observations, {space}, and nothing beside it says how.\n{remedy}")


def names_beside(name: str) -> list[str]:
    """The names that the statistics of a model's file may have, the closest first.

    >>> names_beside("pong_5000_steps.zip")[:2]
    ['pong_vecnormalize_5000_steps.pkl', 'pong_5000_steps_vecnormalize.pkl']
    """
    stem = name.removesuffix(".zip")
    checkpoint = re.fullmatch(r"(.*_)(\d+_steps)", stem)  # as CheckpointCallback names them
    of_checkpoint = [f"{checkpoint[1]}vecnormalize_{checkpoint[2]}.pkl"] if checkpoint else []
    return [*of_checkpoint, f"{stem}_vecnormalize.pkl", f"{stem}.pkl", *NAMES]


def read(path: Path, space: spaces.Box) -> ObservationStatistics | None:
    """The observation statistics that VecNormalize saved in a file; None if it normalised only rewards.

    space: of the model's observations. `UserError` if the file is damaged or its shapes are not the space's.
    """
    try:
        with open(path, "rb") as file:
            state = vars(StatisticsReader(file).load())
        if not state["norm_obs"]:
            return None
        mean, var = (np.asarray(vars(state["obs_rms"])[name], np.float64) for name in ("mean", "var"))
        statistics = ObservationStatistics(mean, var, float(state["epsilon"]), float(state["clip_obs"]))
        if not (np.isfinite(mean).all() and np.isfinite(var).all() and (var >= 0).all() and statistics.epsilon > 0):
            raise ValueError("its numbers are not valid")
    except Exception as error:  # a damaged pickle may fail in any way
        raise UserError(
            f"{path} is damaged, or was not saved by VecNormalize: {type(error).__name__}: {str(error)[:200]}"
        ) from error
    if not mean.shape == var.shape == space.shape:
        raise UserError(f"{path} is of observations {mean.shape}, and the model beside it sees {space.shape}.")
    return statistics


class Inert:
    """An object of a pickle that is not needed: it keeps its attributes, and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def __call__(self, *args: Any) -> "Inert":
        return self

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            vars(self).update(state)

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass


class StatisticsReader(pickle.Unpickler):
    """Reads a pickle without running code: all of it that is no array becomes `Inert`."""

    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name) if (module, name) in ARRAYS else Inert
