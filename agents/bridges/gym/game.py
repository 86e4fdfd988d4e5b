"""Gymnasium environments as games: `gym:CartPole-v1`, or any id with vectors or images to see and discrete actions.

To learners, `GymGame` is a game (`agents.play.trainable.ExternalGame`), and `GymArena` many copies of it
(`agents.experience.vec_game.VecGame`).
"""

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from agents.bridges.gym import evaluation
from agents.bridges.gym.arena import GymArena
from agents.bridges.gym.environment import GymEnvironment
from agents.bridges.gym.image_codes import count_codes
from agents.bridges.gym.image_layout import MEDIUM
from agents.core.game_names import bare_id
from agents.core.settings import OBJECTS_TOO, AgentSettings
from agents.play.limits import MatchLimits
from agents.play.policy import Policy
from agents.play.pool import Opponents
from agents.play.result import MatchResult
from agents.play.seats import Participant
from games.engine.batch import Workers
from games.engine.levels import ANY, Levels
from games.errors import UserError

# --- recipes --------------------------------------------------------------------------------------------------------

RUN = {"eval_games": 20, "final_games": 100}
VECTOR = {"observation": "objects", "network": "mlp", "hidden": 64, "stack": 1, "precision": "fp32", **RUN}
GRID = {"observation": "planes", "network": "tiny", "stack": 1, **RUN}
IMAGE = {"observation": "pixels", "network": "nature", "size": 84, "stack": 4, **RUN}
QUICK = {"n_envs": 32, "n_steps": 32, "batch_size": 256, "n_epochs": 4, "learning_rate": 2e-3, "ent_coef": 0.0}
QUICK |= {"gamma": 0.98, "gae_lambda": 0.8, "normalize_value": True}  # returns are of any size: -50 and less in Acrobot
TABLE = {**QUICK, "n_envs": 64, "batch_size": 512, "learning_rate": 4e-3, "ent_coef": 0.01}
TABLE |= {"gamma": 0.995, "gae_lambda": 0.95}  # the reward is often one, at the end
PPO = {"n_envs": 64, "n_steps": 32, "batch_size": 512, "n_epochs": 4, "learning_rate": 1e-3, "ent_coef": 0.01}
DQN: dict[str, Any] = {"n_envs": 16, "train_freq": 4, "gradient_steps": 8, "batch_size": 128, "learning_starts": 2000}
DQN |= {"learning_rate": 1e-3, "n_step": 3}
PQN: dict[str, Any] = {"n_envs": 64, "n_steps": 32, "batch_size": 512, "learning_rate": 1e-3}
PQN_STATES = {**PQN, "n_epochs": 4, "normalize_value": True}  # of states as vectors or numbers, where returns are of any size
PQN_STATES |= {"exploration_fraction": 0.5}  # random play rarely comes to Acrobot's goal, or to Taxi's
RECIPES: dict[str, dict[str, dict[str, Any]]] = {  # by kind of observation, and algorithm
    "vector": {
        "ppo": {**VECTOR, **QUICK, "steps": 200_000},
        "dqn": {**VECTOR, **DQN, "target_update_interval": 2000, "steps": 200_000},
        "pqn": {**VECTOR, **PQN_STATES, "steps": 200_000},
    },
    "table": {  # numbers of states, one-hot, as Taxi's 500
        "ppo": {**VECTOR, **TABLE, "steps": 300_000},  # of Taxi, 200,000 left one of three seeds at a loss in some states
        "dqn": {**VECTOR, **DQN, "target_update_interval": 2000, "steps": 200_000},
        "pqn": {**VECTOR, **PQN_STATES, "steps": 300_000},
    },
    "grid": {  # small images, as MinAtar's 10 × 10
        "ppo": {**GRID, **PPO, "steps": 5_000_000},
        "dqn": {**GRID, **DQN, "steps": 2_000_000},
        "pqn": {**GRID, **PQN, "steps": 5_000_000},
    },
    "codes": {  # small images of codes, as MiniGrid's 7 × 7
        "ppo": {**GRID, **PPO, "steps": 300_000},
        "dqn": {**GRID, **DQN, "steps": 1_000_000},
        "pqn": {**GRID, **PQN, "steps": 1_000_000},
    },
    "image": {
        "ppo": {**IMAGE, **PPO, "n_envs": 16, "n_steps": 128, "learning_rate": 5e-4, "steps": 10_000_000},
        "dqn": {**IMAGE, **DQN, "buffer_size": 100_000, "learning_rate": 2.5e-4, "steps": 5_000_000},
        "pqn": {**IMAGE, **PQN, "n_envs": 16, "n_steps": 128, "learning_rate": 2.5e-4, "steps": 10_000_000},
    },
}
NATIVE = 96  # pixels: up to here, stacks in colours are seen as they are
SMALL = 18  # pixels: smaller images are grids; those below MEDIUM are too small for the nature network


def _changed(recipe: dict[str, dict[str, Any]], changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A recipe with other settings for each algorithm; itself if there are none."""
    return {algorithm: {**values, **changes} for algorithm, values in recipe.items()} if changes else recipe


# --- the game -------------------------------------------------------------------------------------------------------


class GymGame(GymEnvironment):
    """A Gymnasium id as a game: its properties for learners, runs and evaluations, and their operations."""

    players, competitive, shipped, turns = 1, False, False, False
    any_thread = False  # some environments may only be stepped by the thread that made them
    frame_skip = 1  # a tick is a decision

    def __init__(self, env_id: str):
        """`UserError` if there is no such environment, or none that can be learned here."""
        super().__init__(env_id)
        self.heading, self.path = env_id, Path(env_id)
        self.version = self.spec.version or 0
        self.max_ticks = self.spec.max_episode_steps or evaluation.MAX_STEPS
        self.mark = ("return", self.spec.reward_threshold)
        self.doc = env_id

    @property
    def digest(self) -> str:
        """SHA-256 of the spaces and of whether there are masks, on which an agent depends: an environment may change."""
        adapter = self.adapter
        text = f"{adapter.forms} {adapter.shape(adapter.forms[0], 0)} {self.actions.first} {self.num_actions}"
        text += "".join(f"\n{line}" for line in adapter.describe(adapter.forms[0]))
        text += "\nmasks" if self.has_legal else ""
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def recipe(self) -> dict[str, dict[str, Any]]:
        """Training settings that differ from the defaults, by algorithm."""
        adapter = self.adapter
        changes: dict[str, Any] = {}
        if any(part.uneven and (part.path or part.scale != 1 or len(part.space.shape or ()) > 2) for part in adapter.objects):
            changes["normalize_observation"] = True  # vectors alone are as the user says: most are near 1
        if adapter.kind == "objects":
            table = all(part.one_hot for part in adapter.objects)
            return _changed(RECIPES["table" if table else "vector"], changes)
        beside = OBJECTS_TOO if adapter.objects else ""
        if codes := self._codes:
            small = "tiny" if min(adapter.sides) < MEDIUM else "small"
            return _changed(RECIPES["codes"], {**changes, "observation": f"planes{beside}", "codes": codes, "network": small})
        if min(adapter.sides) < SMALL:
            return _changed(RECIPES["grid"], {**changes, **({"observation": f"planes{beside}"} if beside else {})})
        grey, stacked = f"pixels{beside}" in adapter.forms, any(layout.frames > 1 for layout in adapter.images.values())
        if not grey or (stacked and max(adapter.sides) <= NATIVE):
            changes |= {"observation": f"planes{beside}", "stack": 1}
            if min(adapter.sides) < MEDIUM:
                changes["network"] = "small"
        elif beside:
            changes["observation"] = f"pixels{beside}"
        if stacked:
            changes["stack"] = 1
        return _changed(RECIPES["image"], changes)

    @functools.cached_property
    def _codes(self) -> int:
        """The setting `codes` of recipes; it may take some random play to see."""
        return count_codes(self)

    def frame_shape(self, observation: str, size: int) -> tuple[int, ...]:
        return self.adapter.shape(observation, size)

    def image_shape(self, observation: str, size: int) -> tuple[int, ...] | None:
        return self.adapter.image_shape(observation, size)

    def describe_observation(self, settings: AgentSettings) -> list[tuple[str, str, str]]:
        return self.adapter.describe(settings.observation, settings.codes, settings.normalize_observation)

    def to_frames(self, observation: Any, settings: AgentSettings) -> np.ndarray:
        """One or more observations of the environment in the form, channels last, that `Agent.act` takes."""
        if settings.stack > 1:
            raise UserError(f"This agent sees {settings.stack} observations at once, and act is given one: let play.py play.")
        single = not self.adapter.is_batch(observation)
        frames = self.adapter.frames([observation] if single else observation, settings.observation, settings.size)
        if settings.is_image:
            frames = np.moveaxis(frames, 1, -1) if frames.ndim == 4 else frames[..., None]
        return frames[0] if single else frames

    def to_masks(self, observation: Any, mask: Any) -> np.ndarray | None:
        batch = self.adapter.is_batch(observation)
        if mask is not None:
            return self.masks.converted(mask if batch else [mask])
        return None if self.adapter.mask_key is None else self.masks.rows(observation if batch else [observation], [])

    def env_actions(self, actions: np.ndarray) -> Any:
        return self.actions.batch_to_env(actions)

    def make_arena(
        self,
        num_envs: int,
        seed: int,
        opponents: Opponents,
        settings: AgentSettings,
        workers: Workers,
        levels: Levels = ANY,
    ) -> GymArena:
        return GymArena(self, num_envs, seed, settings)

    def play_games(
        self, participants: list[Participant], games: int, seed: int, levels: Any, limits: MatchLimits
    ) -> MatchResult:
        return evaluation.evaluate(self, participants[0], games, seed, limits)

    def observations(self, agent: Policy, games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
        return evaluation.observations(self, agent, games, decisions)

    def record_episode(
        self, participants: list[Participant], seed: int, seconds: float, levels: Levels = ANY
    ) -> tuple[list[np.ndarray], int]:
        return evaluation.record_video(self, participants[0], seed, seconds)


def load(name: str) -> GymGame:
    """The game of a name such as `gym:CartPole-v1`."""
    return GymGame(bare_id(name))
