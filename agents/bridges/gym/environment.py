"""A Gymnasium environment by its id: its spaces and how it is made, alone and vectorised.

Nothing is imported that the user has not named on the command line; Gymnasium's own syntax names a module:
`gym:my_module:MyEnv-v0`.
"""

import difflib
import importlib
import os
import re
import sys
import warnings
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode

from agents.bridges.gym.action_adapter import ActionAdapter
from agents.bridges.gym.action_masks import ActionMasks
from agents.bridges.gym.checked_env import METHOD, CheckedEnv
from agents.bridges.gym.copies import Copies, LocalCopies, SteppableCopies, VectorCopies
from agents.bridges.gym.failures import close_quietly, told_in_words
from agents.bridges.gym.maker import EnvMaker, is_missing, starting
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.bridges.gym.process_copies import ProcessCopies
from agents.core.game_names import GYM
from games.errors import EnvironmentFailed, UserError

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
                self._look_at(env)
            finally:
                close_quietly(self.name, env)  # before there are others: of some, a process can hold only one
        self.maker = EnvMaker(self.spec, self.name, self.masks.source.startswith(METHOD))
        self.env_processes = 0  # worker processes that step copies; 0: this process steps them
        self._alone = False  # a process can hold only one environment
        self._kept: dict[str | None, SteppableCopies] = {}  # by render mode
        weakref.finalize(self, _close_all, self._kept)

    def _look_at(self, env: gymnasium.Env) -> None:
        """Learn what an environment shows and takes, from its spaces and its first observation."""
        with told_in_words(self.name, "reset", env):
            observation, info = CheckedEnv(env, self.name).reset_with_info(seed=0)  # Gymnasium's checker looks at it
        self.actions = ActionAdapter(self.name, env.action_space)
        self.num_actions = self.actions.num_actions
        self.adapter = ObservationAdapter(self.name, env.observation_space, self.num_actions)
        self.masks = ActionMasks(self.name, self.actions, self.adapter)
        with told_in_words(self.name, METHOD, env):
            self.masks.find(env, observation, info)
        self.has_legal = bool(self.masks.source)  # not every action is always allowed
        self.action_space = env.action_space
        self.metadata = env.metadata if isinstance(env.metadata, dict) else {}

    def make(self, **options: Any) -> gymnasium.Env:
        """One environment."""
        return self.maker.with_options(**options)().env

    # --- copies ---

    def copies(self, num_copies: int, env_processes: int = 0) -> Copies:
        """Copies to learn in: the environment's own vector implementation, if it has one that shows the same, else copies
        in so many worker processes, 0 for this process. Evaluations and videos then have workers of their own too."""
        self.env_processes = env_processes
        return self._own_vector(num_copies) or self._steppable(self.maker, num_copies)

    def kept_copies(self, num_copies: int, render_mode: str | None = None) -> SteppableCopies:
        """So many copies for evaluations and videos: the same each time. They stay open until `close`, since the `close` of
        one may end what all of them use, as `pygame.quit` does.

        There are more if more were asked for before, and fewer if a process can hold only one: then one in each worker
        process, of which there is at least one.
        """
        maker = self.maker if render_mode is None else self.maker.with_options(render_mode=render_mode)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata, which videos look at themselves
            if not self._alone:
                try:
                    if render_mode not in self._kept:
                        self._kept[render_mode] = self._steppable(maker, 0)
                    self._kept[render_mode].grow(num_copies)
                    return self._kept[render_mode]
                except EnvironmentFailed:
                    self._kept.pop(render_mode)
            separate = self._kept.get(render_mode) or ProcessCopies(maker, max(1, self.env_processes), module=self._module)
            separate.grow(min(num_copies, max(1, self.env_processes)))
        self._alone = True
        self._kept[render_mode] = separate
        return separate

    def _steppable(self, maker: EnvMaker, num_copies: int) -> SteppableCopies:
        if self.env_processes:
            return ProcessCopies(maker, self.env_processes, num_copies, self._module)
        return LocalCopies(maker, num_copies)

    @property
    def _module(self) -> str:
        """The module that the id names; empty if it names none."""
        return self.env_id.rpartition(":")[0]

    def close(self) -> None:
        """Close the copies that were kept open."""
        _close_all(self._kept)

    def _own_vector(self, num_copies: int) -> VectorCopies | None:
        """The environment's own vector implementation, if it has the same spaces and names its autoreset mode.

        (ALE's own one gives other images than its single environments. None can give masks by a method.)
        """
        if self.spec.vector_entry_point is None or self.spec.additional_wrappers or self.maker.mask_by_method:
            return None
        with starting(self.name, self.spec), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the metadata that are checked here
            envs = gymnasium.make_vec(self.env_id, num_copies)
        equal = envs.single_observation_space == self.adapter.space and envs.single_action_space == self.action_space
        if equal and isinstance(envs.metadata.get("autoreset_mode"), AutoresetMode):
            return VectorCopies(envs, self.name)
        close_quietly(self.name, envs)
        return None


def _close_all(kept: dict[str | None, SteppableCopies]) -> None:
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
            if is_missing(error):
                raise UserError(f'{GYM}{env_id} is of a package that is not installed: pip install "{install}"') from error
            raise UserError(f"{GYM}{env_id} is of the package {package}, which does not load: {error}") from error
        if call:
            getattr(imported, call)()
    try:
        return gymnasium.spec(bare)
    except gymnasium.error.Error as error:
        close = difflib.get_close_matches(bare, list(gymnasium.registry), n=1, cutoff=0.5)
        hint = f"Did you mean '{GYM}{f'{module}:' if module else ''}{close[0]}'?\n" if close else ""
        if submodule := _naming(module, bare):
            raise UserError(
                f"There is no Gymnasium environment '{bare}' after importing {module}.\n"
                f"{submodule} names it: {GYM}{submodule}:{bare}"
            ) from error
        if module:  # it has been imported
            raise UserError(
                f"There is no Gymnasium environment '{bare}' after importing {module}.\n{hint}"
                f'It must call gymnasium.register("{bare}", …) while it is imported.'
            ) from error
        raise UserError(
            f"There is no Gymnasium environment '{bare}'.\n{hint}"
            f"One that a module of its own registers: {GYM}my_module:{bare if not close else 'MyEnv-v0'}"
        ) from error


def _naming(package: str, bare: str) -> str:
    """The first module of an imported package whose file holds an id in quotes, read but not imported; empty if none does."""
    quoted = re.compile(rf"""["']{re.escape(bare)}["']""")
    for folder in map(Path, getattr(sys.modules.get(package), "__path__", [])):
        for file in sorted(folder.rglob("*.py"), key=lambda file: (len(file.parts), file)):
            with suppress(OSError, ValueError):  # not to be read, or no text
                if quoted.search(file.read_text("utf-8")):
                    return ".".join([package, *file.relative_to(folder).with_suffix("").parts]).removesuffix(".__init__")
    return ""


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
