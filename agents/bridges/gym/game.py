"""Environments that are not ours: `gym:CartPole-v1`, or any Gymnasium id with vectors or images to see and actions to choose.

To learners, `GymGame` is what a game is, and `GymArena` what their arena is (`agents.experience.vec_game.VecGame`). Nothing is
imported that the user has not named on the command line; Gymnasium's own words for an id do: `gym:my_module:MyEnv-v0`.
"""

import difflib
import hashlib
import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from agents.bridges.gym import arena as gym_arena
from agents.bridges.gym.arena import FILM_RATE, FILM_SECONDS, GymArena
from agents.bridges.gym.observation_adapter import ObservationAdapter
from agents.core.game_names import GYM, bare_id
from agents.play.policy import Policy
from agents.play.result import MatchResult
from agents.play.seats import Participant
from games.engine.batch import Workers
from games.errors import UserError

# Packages that bring environments and do not tell Gymnasium: what to import, a function to call there, what to install.
PACKAGES = {
    "ALE": ("ale_py", None, "gymnasium[atari]"),
    "MinAtar": ("minatar.gym", "register_envs", "minatar"),
}
EXTRAS = ("box2d", "classic_control", "mujoco", "toy_text")  # of Gymnasium, each named as its folder of environments

# --- recipes --------------------------------------------------------------------------------------------------------

RUN = {"eval_games": 20, "final_games": 100}
VECTOR = {"observation": "objects", "network": "mlp", "hidden": 64, "stack": 1, "precision": "fp32", **RUN}
GRID = {"observation": "planes", "network": "tiny", "stack": 1, **RUN}
IMAGE = {"observation": "pixels", "network": "nature", "size": 84, "stack": 4, **RUN}
QUICK = {"n_envs": 32, "n_steps": 32, "batch_size": 256, "n_epochs": 4, "learning_rate": 2e-3, "ent_coef": 0.0}
QUICK |= {"gamma": 0.98, "gae_lambda": 0.8, "normalize_value": True}  # returns of any size: in Acrobot -50 and more
PPO = {"n_envs": 64, "n_steps": 32, "batch_size": 512, "n_epochs": 4, "learning_rate": 1e-3, "ent_coef": 0.01}
DQN: dict[str, Any] = {"n_envs": 16, "train_freq": 4, "gradient_steps": 8, "batch_size": 128, "learning_starts": 2000}
DQN |= {"learning_rate": 1e-3, "n_step": 3}
RECIPES: dict[str, dict[str, dict[str, Any]]] = {  # by what there is to see, and algorithm
    "vector": {
        "ppo": {**VECTOR, **QUICK, "steps": 200_000},
        "dqn": {**VECTOR, **DQN, "target_update_interval": 2000, "steps": 200_000},
    },
    "grid": {  # small images, as MinAtar's 10 × 10
        "ppo": {**GRID, **PPO, "steps": 5_000_000},
        "dqn": {**GRID, **DQN, "steps": 2_000_000},
    },
    "image": {
        "ppo": {**IMAGE, **PPO, "n_envs": 16, "n_steps": 128, "learning_rate": 5e-4, "steps": 10_000_000},
        "dqn": {**IMAGE, **DQN, "buffer_size": 100_000, "learning_rate": 2.5e-4, "steps": 5_000_000},
    },
}
SMALL, MEDIUM = 18, 36  # pixels: what is smaller is no picture but a grid; too small for the nature network

# --- the game -------------------------------------------------------------------------------------------------------


class GymGame:
    """A Gymnasium id as a game: what learners, runs and evaluations ask of one."""

    players, shipped, turns, has_legal = 1, False, False, False
    any_thread = False  # some may only be stepped by the thread that made them
    frame_skip = 1  # a tick is a decision

    def __init__(self, env_id: str):
        """`UserError` where there is no such environment, or none that can be learned here."""
        self.env_id, self.name, self.heading, self.path = env_id, GYM + env_id, env_id, Path(env_id)
        self.spec = _spec(env_id)
        with self._telling("does not start"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            env = gymnasium.make(self.env_id)
            env.reset(seed=0)  # Gymnasium's checker looks at it
        self.lens = ObservationAdapter(self.name, env.observation_space)
        if not isinstance(env.action_space, spaces.Discrete):
            raise UserError(
                f"{self.name} has actions of the space {type(env.action_space).__name__}.\n"
                "Sparring learns to choose one of several: Discrete."
            )
        self.actions = env.action_space
        self.first_action, self.num_actions = int(env.action_space.start), int(env.action_space.n)
        self.metadata = dict(env.metadata)
        env.close()
        self.version = self.spec.version or 0
        self.max_ticks = self.spec.max_episode_steps or gym_arena.LONGEST
        self.mark = ("return", self.spec.reward_threshold)
        self.doc = env_id

    @property
    def digest(self) -> str:
        """Of what an agent of it depends on: a user's own environment may change."""
        text = f"{self.lens.forms} {self.lens.shape(self.lens.forms[0], 0)} {self.first_action} {self.num_actions}"
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def recipe(self) -> dict[str, dict[str, Any]]:
        if self.lens.kind == "objects":
            return RECIPES["vector"]
        if min(self.lens.sides) < SMALL:
            return RECIPES["grid"]
        own: dict[str, Any] = {} if "pixels" in self.lens.forms else {"observation": "planes", "stack": 1}
        if own and min(self.lens.sides) < MEDIUM:
            own["network"] = "small"
        return {algorithm: {**values, **own} for algorithm, values in RECIPES["image"].items()}

    def frame_shape(self, observation: str, size: int) -> tuple[int, ...]:
        return self.lens.shape(observation, size)

    def to_frames(self, observation: np.ndarray, settings: Any) -> np.ndarray:
        """An observation of the environment, or several, as `Agent.act` takes those of our games."""
        if settings.stack > 1:
            raise UserError(f"This agent sees {settings.stack} observations at once, and act is given one: let play.py play.")
        raw = np.asarray(observation)
        single = raw.ndim == len(self.lens.space.shape or ())
        frames = self.lens.frames(raw[None] if single else raw, settings.observation, settings.size)
        if settings.observation != "objects":
            frames = np.moveaxis(frames, 1, -1) if frames.ndim == 4 else frames[..., None]
        return frames[0] if single else frames

    def make(self, **options: Any) -> gymnasium.Env:
        """One of the environment."""
        with self._telling("does not start"):
            return gymnasium.make(self.env_id, disable_env_checker=True, **options)

    def vector(self, num_envs: int) -> Any:
        """Many of it at once, by its own vector form where that shows the same and says how episodes follow each other.

        (ALE's shows other images than its single environments do.)
        """
        with self._telling("does not start"):
            if self.spec.vector_entry_point is not None and not self.spec.additional_wrappers:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of the metadata that are looked at here
                    envs = gymnasium.make_vec(self.env_id, num_envs)
                same = envs.single_observation_space == self.lens.space and envs.single_action_space == self.actions
                if same and isinstance(envs.metadata.get("autoreset_mode"), AutoresetMode):
                    return envs
                envs.close()
            return gymnasium.make_vec(
                self.env_id, num_envs, vectorization_mode="sync", disable_env_checker=True,
                vector_kwargs={"autoreset_mode": AutoresetMode.DISABLED},  # others keep a final observation by reference only
            )  # fmt: skip

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # an environment of somebody else may fail in any way
            extra = next((extra for extra in EXTRAS if f".{extra}." in str(self.spec.entry_point)), None)
            if isinstance(error, (ImportError, gymnasium.error.DependencyNotInstalled)) and extra:
                raise UserError(f'{self.name} needs more packages: pip install "gymnasium[{extra}]"') from error
            raise UserError(f"{self.name} {what}: {type(error).__name__}: {str(error)[:300]}") from error

    # --- what is otherwise done with a batch ---

    def make_arena(
        self, num_envs: int, seed: int, opponents: list[Participant | None], settings: Any, workers: Workers
    ) -> GymArena:
        return GymArena(self, num_envs, seed, settings)

    def play_games(self, participants: list[Participant], games: int, seed: int, levels: Any, threads: int) -> MatchResult:
        return gym_arena.evaluate(self, participants[0], games, seed)

    def observations(self, agent: Policy, games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
        return gym_arena.observations(self, agent, games, decisions)

    def record_episode(self, participants: list[Participant], seed: int) -> tuple[list[np.ndarray], int]:
        """Pictures of an episode's beginning and their rate; none where the environment has none to give."""
        if "rgb_array" not in self.metadata.get("render_modes", ()):
            return [], 1
        pace = max(1, int(self.metadata.get("render_fps") or 30))
        every = max(1, round(pace / FILM_RATE))  # decisions from one picture to the next
        fps = max(1, round(pace / every))
        try:
            pictures = gym_arena.pictures(self, participants[0], seed, int(FILM_SECONDS * fps), every)
        except Exception:  # drawing may need a display or packages that are not there: training does not
            pictures = []
        return pictures, fps


def load(name: str) -> GymGame:
    """The game of a name that begins with `gym:`."""
    return GymGame(bare_id(name))


def _spec(env_id: str) -> Any:
    """What Gymnasium knows of an id, the module that it names imported; `UserError` where it knows nothing."""
    module, _, bare = env_id.rpartition(":")
    if module:
        _import(module, env_id)
    namespace = bare.partition("/")[0] if "/" in bare else ""
    if not module and namespace in PACKAGES and bare not in gymnasium.registry:
        package, call, install = PACKAGES[namespace]
        try:
            found = importlib.import_module(package)
        except ImportError as error:
            raise UserError(f'{GYM}{env_id} is of a package that is not installed: pip install "{install}"') from error
        if call:
            getattr(found, call)()
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
        what = "it must be installed, or lie in the folder you are in" if module.startswith(missing) else f"needed by {module}"
        raise UserError(f"There is no module '{missing}' for {GYM}{env_id}: {what}.") from error
    except Exception as error:  # code of the user's own
        raise UserError(f"The module {module} does not load: {type(error).__name__}: {error}") from error
