"""A Gymnasium environment by its id: its spaces and how it is made, alone and vectorised.

Nothing is imported that the user has not named on the command line; Gymnasium's own syntax names a module:
`gym:my_module:MyEnv-v0`.
"""

import difflib
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from agents.bridges.gym.action_adapter import ActionAdapter
from agents.bridges.gym.action_masks import METHOD, ActionMasks
from agents.bridges.gym.env_list import EnvList
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.core.game_names import GYM
from games.errors import UserError

# Packages whose environments Gymnasium does not know by itself: module, function to call there, what to install.
PACKAGES = {
    "ALE": ("ale_py", None, "gymnasium[atari]"),
    "MinAtar": ("minatar.gym", "register_envs", "minatar"),
}
EXTRAS = ("box2d", "classic_control", "mujoco", "toy_text")  # Gymnasium's extras, each named as its folder of environments


class GymEnvironment:
    """A Gymnasium id: its observations, actions and metadata, and new environments of it."""

    def __init__(self, env_id: str):
        """`UserError` if there is no such environment, or none that can be learned here."""
        self.env_id, self.name = env_id, GYM + env_id
        self.spec = _spec(env_id)
        with self._user_errors("does not start"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            env = gymnasium.make(self.env_id)
            observation, info = env.reset(seed=0)  # Gymnasium's checker looks at it
        self.actions = ActionAdapter(self.name, env.action_space)
        self.num_actions = self.actions.num_actions
        self.adapter = ObservationAdapter(self.name, env.observation_space, self.num_actions)
        self.masks = ActionMasks(self.name, self.actions, self.adapter)
        with self._user_errors("does not start"):
            self.masks.find(env, observation, info)
        self.has_legal = bool(self.masks.source)  # not every action is always allowed
        self.action_space = env.action_space
        self.metadata = env.metadata if isinstance(env.metadata, dict) else {}
        env.close()
        self._kept: dict[str | None, list[gymnasium.Env]] = {}  # by render mode

    def make(self, **options: Any) -> gymnasium.Env:
        """One environment."""
        with self._user_errors("does not start"):
            return gymnasium.make(self.env_id, disable_env_checker=True, **options)

    def kept_open(self, count: int, render_mode: str | None = None) -> list[gymnasium.Env]:
        """Environments of evaluations and videos: the same each time. They stay open until `close`, since the `close` of one
        may end what all of them use, as `pygame.quit` does."""
        envs = self._kept.setdefault(render_mode, [])
        options = {} if render_mode is None else {"render_mode": render_mode}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata, which videos look at themselves
            envs += [self.make(**options) for _ in range(count - len(envs))]
        return envs[:count]

    def close(self) -> None:
        """Close the environments that were kept open."""
        for env in [env for envs in self._kept.values() for env in envs]:
            with suppress(Exception):  # their results are known
                env.close()
        self._kept.clear()

    def vector(self, num_envs: int) -> Any:
        """A vector environment: its own one, if that has the same spaces and names its autoreset mode, else a `SyncVectorEnv`.

        (ALE's own one gives other images than its single environments.)
        """
        with self._user_errors("does not start"):
            by_method = self.masks.source.startswith(METHOD)  # which a vector environment has not
            if self.spec.vector_entry_point is not None and not self.spec.additional_wrappers and not by_method:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about the metadata that are checked here
                    envs = gymnasium.make_vec(self.env_id, num_envs)
                equal = envs.single_observation_space == self.adapter.space and envs.single_action_space == self.action_space
                if equal and isinstance(envs.metadata.get("autoreset_mode"), AutoresetMode):
                    return envs
                envs.close()
            if isinstance(self.adapter.space, (spaces.Dict, spaces.Tuple)) or self.actions.table is None or self.has_legal:
                return EnvList([self.make() for _ in range(num_envs)], self.masks)
            return gymnasium.make_vec(
                self.env_id, num_envs, vectorization_mode="sync", disable_env_checker=True,
                vector_kwargs={"autoreset_mode": AutoresetMode.DISABLED},  # others keep a final observation by reference only
            )  # fmt: skip

    @contextmanager
    def _user_errors(self, failure: str) -> Iterator[None]:
        """Turn errors of the environment, which may fail in any way, into `UserError`."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            extra = next((extra for extra in EXTRAS if f".{extra}." in str(self.spec.entry_point)), None)
            if extra and _is_missing(error):
                raise UserError(f'{self.name} needs more packages: pip install "gymnasium[{extra}]"') from error
            raise UserError(f"{self.name} {failure}: {type(error).__name__}: {str(error)[:300]}") from error


def _spec(env_id: str) -> Any:
    """Gymnasium's spec of an id, after the module that it names is imported; `UserError` if there is none."""
    module, _, bare = env_id.rpartition(":")
    if module:
        _import(module, env_id)
    namespace = bare.partition("/")[0] if "/" in bare else ""
    if not module and namespace in PACKAGES and bare not in gymnasium.registry:
        package, call, install = PACKAGES[namespace]
        try:
            imported = importlib.import_module(package)
        except ImportError as error:
            if _is_missing(error):
                raise UserError(f'{GYM}{env_id} is of a package that is not installed: pip install "{install}"') from error
            raise UserError(f"{GYM}{env_id} is of the package {package}, which does not load: {error}") from error
        if call:
            getattr(imported, call)()
    try:
        return gymnasium.spec(bare)
    except gymnasium.error.Error as error:
        close = difflib.get_close_matches(bare, list(gymnasium.registry), n=1, cutoff=0.5)
        hint = f"Did you mean '{GYM}{f'{module}:' if module else ''}{close[0]}'?\n" if close else ""
        if module:  # it has been imported
            raise UserError(
                f"There is no Gymnasium environment '{bare}' after importing {module}.\n{hint}"
                f'It must call gymnasium.register("{bare}", …) while it is imported.'
            ) from error
        raise UserError(
            f"There is no Gymnasium environment '{bare}'.\n{hint}"
            f"One that a module of its own registers: {GYM}my_module:{bare if not close else 'MyEnv-v0'}"
        ) from error


def _is_missing(error: BaseException) -> bool:
    """Is the error of a module that is not installed, rather than of one that is and does not load?"""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError):
            return True
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, gymnasium.error.DependencyNotInstalled) and error.__cause__ is None


def _import(module: str, env_id: str) -> None:
    """Import a module that the user names, installed or in the folder one is in, wherever the program lies."""
    with suppress(OSError):  # the folder may be gone
        if (here := os.getcwd()) not in sys.path:
            sys.path.append(here)  # and left there: the module may import its neighbours later
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        reason = (
            "it must be installed, or lie in the folder you are in" if module.startswith(missing) else f"needed by {module}"
        )
        raise UserError(f"There is no module '{missing}' for {GYM}{env_id}: {reason}.") from error
    except Exception as error:  # a user's module may fail in any way
        raise UserError(f"The module {module} does not load: {type(error).__name__}: {error}") from error
