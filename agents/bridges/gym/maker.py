"""Makes environments of one id, in this process or, sent there, in another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium

from agents.bridges.gym.checked_env import CheckedEnv
from agents.bridges.gym.failures import told_in_words
from games.errors import EnvironmentFailed, UserError

EXTRAS = ("box2d", "classic_control", "mujoco", "toy_text")  # Gymnasium's extras, each named as its folder of environments


@dataclass
class EnvMaker:
    """Makes environments of a Gymnasium spec. name: of the environment, for messages."""

    spec: Any
    name: str
    mask_by_method: bool = False
    options: dict[str, Any] = field(default_factory=dict)  # of `gymnasium.make`

    def with_options(self, **options: Any) -> "EnvMaker":
        return replace(self, options={**self.options, **options})

    def __call__(self) -> CheckedEnv:
        """A new environment; `UserError` if it lacks packages, `EnvironmentFailed` if it fails otherwise."""
        with starting(self.name, self.spec):
            env = gymnasium.make(self.spec, disable_env_checker=True, **self.options)
        return CheckedEnv(env, self.name, self.mask_by_method)


@contextmanager
def starting(name: str, spec: Any) -> Iterator[None]:
    """Turn errors of an environment that is made, which may fail in any way, into `EnvironmentFailed`.

    `UserError` where packages are missing that Gymnasium names.
    """
    try:
        with told_in_words(name, "__init__", None):
            yield
    except EnvironmentFailed as failed:
        error = failed.__cause__
        extra = next((extra for extra in EXTRAS if f".{extra}." in str(spec.entry_point)), None)
        if error is not None and extra and is_missing(error):
            raise UserError(f'{name} needs more packages: pip install "gymnasium[{extra}]"') from error
        raise


def is_missing(error: BaseException) -> bool:
    """Is the error of a module that is not installed, rather than of one that is and does not load?"""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError):
            return True
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, gymnasium.error.DependencyNotInstalled) and error.__cause__ is None
