"""A Gymnasium environment by its id: its spaces and how it is made, alone and vectorised.

Nothing is imported that the user has not named on the command line; Gymnasium's own syntax names a module:
`gym:my_module:MyEnv-v0`.
"""

import difflib
import importlib
import warnings
import weakref
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode

from agents.bridges.gym.action_adapter import ActionAdapter
from agents.bridges.gym.checked_env import CheckedEnv
from agents.bridges.gym.copies import Copies, LocalCopies, SteppableCopies, VectorCopies
from agents.bridges.gym.failures import close_quietly
from agents.bridges.gym.maker import EnvMaker, starting
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.core.game_names import GYM
from games.errors import UserError

# Packages whose environments Gymnasium does not know by itself: module, function to call there, what to install.
PACKAGES = {
    "ALE": ("ale_py", None, "gymnasium[atari]"),
    "MinAtar": ("minatar.gym", "register_envs", "minatar"),
}


class GymEnvironment:
    """A Gymnasium id: its observations, actions and metadata, and new environments of it."""

    def __init__(self, env_id: str):
        """`UserError` if there is no such environment, or none that can be learned here."""
        self.env_id, self.name = env_id, GYM + env_id
        self.spec = _spec(env_id)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with starting(self.name, self.spec):
                env = gymnasium.make(self.spec)
            try:
                CheckedEnv(env, self.name, 0).reset(seed=0)  # Gymnasium's checker looks at it
                self.actions = ActionAdapter(self.name, env.action_space)
                self.num_actions = self.actions.num_actions
                self.adapter = ObservationAdapter(self.name, env.observation_space, self.num_actions)
                self.action_space = env.action_space
                self.metadata = dict(env.metadata)
            finally:
                close_quietly(self.name, env)  # before there are others: of some, a process can hold only one
        self.maker = EnvMaker(self.spec, self.name, self.num_actions)
        self._kept: dict[str, SteppableCopies] = {}  # by the options that they were made with
        weakref.finalize(self, _close_all, self._kept)

    def make(self, **options: Any) -> gymnasium.Env:
        """One environment."""
        return self.maker.with_options(**options)().env

    # --- copies ---

    def copies(self, num_copies: int) -> Copies:
        """Copies to learn in: the environment's own vector implementation, if it has one that shows the same."""
        return self._own_vector(num_copies) or LocalCopies(self.maker, num_copies)

    def kept_copies(self, num_copies: int, **options: Any) -> SteppableCopies:
        """At least so many copies, made with these options, for evaluations and films; they are kept until `close`."""
        key = repr(sorted(options.items()))
        if key not in self._kept:
            self._kept[key] = LocalCopies(self.maker.with_options(**options))
        self._kept[key].grow(num_copies)
        return self._kept[key]

    def close(self) -> None:
        """Close the copies that are kept for evaluations and films."""
        _close_all(self._kept)

    def _own_vector(self, num_copies: int) -> VectorCopies | None:
        """The environment's own vector implementation, if it has the same spaces and names its autoreset mode.

        (ALE's own one gives other images than its single environments.)
        """
        if self.spec.vector_entry_point is None or self.spec.additional_wrappers:
            return None
        with starting(self.name, self.spec), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the metadata that are checked here
            envs = gymnasium.make_vec(self.env_id, num_copies)
        equal = envs.single_observation_space == self.adapter.space and envs.single_action_space == self.action_space
        if equal and isinstance(envs.metadata.get("autoreset_mode"), AutoresetMode):
            return VectorCopies(envs, self.name, self.num_actions)
        close_quietly(self.name, envs)
        return None


def _close_all(kept: dict[str, SteppableCopies]) -> None:
    while kept:
        kept.popitem()[1].close()


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
            raise UserError(f'{GYM}{env_id} is of a package that is not installed: pip install "{install}"') from error
        if call:
            getattr(imported, call)()
    try:
        return gymnasium.spec(bare)
    except gymnasium.error.Error as error:
        close = difflib.get_close_matches(bare, list(gymnasium.registry), n=1, cutoff=0.5)
        hint = f"Did you mean '{GYM}{f'{module}:' if module else ''}{close[0]}'?\n" if close else ""
        raise UserError(
            f"There is no Gymnasium environment '{bare}'.\n{hint}"
            f"One that a module of its own registers: {GYM}my_module:{bare if not close else 'MyEnv-v0'}"
        ) from error


def _import(module: str, env_id: str) -> None:
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
