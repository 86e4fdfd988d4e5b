"""Stable-Baselines3 on every game: a `VecEnv` over one compiled batch.

    from stable_baselines3 import PPO
    from agents.bridges.sb3 import SparringVecEnv

    PPO("CnnPolicy", SparringVecEnv("pong", 64)).learn(1_000_000)

sb3-contrib's MaskablePPO uses the masks of a board game automatically.

`train.py --trainer sb3` is in `agents.training.sb3`; `agents.bridges.sb3.agent` seats an agent that it has saved.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from agents.play.agent import Agent
from agents.play.agent_files import agent_file
from agents.play.video import make_painter
from games.engine.batch import OUT_OF_TIME, Batch
from games.engine.loader import Game
from games.envs.gymnasium import PICTURE, SeatEnv, SeatPlayer, Settings, check_render_mode, space_of
from games.errors import UserError
from games.people.person import PREFIX, person

RUNNING_INFO: dict[str, Any] = {}  # info of all environments whose episode goes on; never written to


def saved_agent(name: str, batch: Batch, rows: np.ndarray) -> SeatPlayer:
    """A `make_player` (see `games.envs.gymnasium.Settings`) for `person:NAME`, an agent's file or a run's folder."""
    if name == "human":
        raise UserError(
            f"'{name}' cannot be an opponent here.\nKnown: bot, bot:0.8 (skill 0 to 1), random, person:NAME, an agent's file."
        )
    if name.startswith(PREFIX):
        return person(name, batch.game).player(batch, rows)
    return Agent.load(agent_file(name), batch.game).player(batch, rows)


class SparringVecEnv(VecEnv):
    """N copies of a game, with one seat of each to play. Its options are `games.envs.gymnasium.Settings`; `opponent` may also
    be an agent's file.

    Observations have channels first, as in torch, so that no transposing wrapper copies them: uint8
    [N, stack, size, size] (`pixels`), uint8 [N, stack × roles, size, size] (`planes`; Stable-Baselines3 takes the smallest
    axis as the channels, so keep stack × 7 below size), float32 [N, numbers] (`objects`).

    At the end of an episode its info has `terminal_observation`, `TimeLimit.truncated` and `episode` (return, length, seconds),
    so no Monitor is needed, and `evaluate_policy` asks for none. Seeded as usual, by the algorithm or `seed`; a `reset` without
    a new seed begins each environment's next episode, not its first one again.
    """

    def __init__(
        self,
        game: Game | str | Path,
        num_envs: int,
        render_mode: str | None = None,
        reward_scale: float = 1.0,
        **settings: Unpack[Settings],
    ):
        """reward_scale: factor of rewards, but not of the returns in `episode`."""
        check_render_mode(render_mode, ["rgb_array"])
        self.render_mode, self.reward_scale = render_mode, reward_scale
        settings.setdefault("make_player", saved_agent)
        self.seat = SeatEnv(game, num_envs, **settings)
        self.game, self.batch, self.view = self.seat.game, self.seat.batch, self.seat.view
        channels = self.view.stack * int(np.prod(self.view.frame[:-2]))
        objects = self.view.observation == "objects"
        self.shape = (int(np.prod(self.view.shape)),) if objects else (channels, self.view.size, self.view.size)
        self._seeded = False
        self._start_time = time.time()
        self._lengths = np.zeros(num_envs, np.int64)  # decisions of the running episodes
        self._actions = np.zeros(num_envs, np.int64)
        self._painter: Any = None
        super().__init__(num_envs, space_of(self.view, self.shape), spaces.Discrete(self.game.num_actions))

    def reset(self) -> np.ndarray:
        """Observations of the first episodes of a new seed, or of every environment's next episode."""
        seed = self._seeds[0]
        if seed is None and not self._seeded:
            seed = int(np.random.default_rng().integers(2**31))
        self.seat.reset(seed, 0 if seed is not None else self.batch.episode + 1)
        self._seeded = True
        self._lengths[:] = 0
        self._reset_seeds()
        self._reset_options()
        return self._observe()

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = np.asarray(actions, np.int64)

    def step_wait(self) -> VecEnvStepReturn:
        """Observations, rewards float32 [N], dones bool [N], infos."""
        self.seat.step(self._actions)
        self._lengths += 1
        done = self.batch.end != 0
        infos = [RUNNING_INFO] * self.num_envs
        if done.any():
            self._finish(np.flatnonzero(done), infos)
            self.seat.begin()
        return self._observe(), (self.reward_scale * self.seat.rewards).astype(np.float32), done, infos

    def _observe(self) -> np.ndarray:
        # A new array each time: the learner keeps the last one, and the view needs it for the next stack.
        observation = self.view.observe(np.empty((self.num_envs, *self.view.shape), self.view.dtype))
        return observation.reshape(self.num_envs, *self.shape)

    def _finish(self, rows: np.ndarray, infos: list[dict[str, Any]]) -> None:
        """Fill the infos of rows [E], whose episodes ended, as Stable-Baselines3 expects."""
        final = self.view.final(rows).reshape(len(rows), *self.shape)
        seconds = round(time.time() - self._start_time, 6)
        for k, row in enumerate(rows):
            infos[row] = {
                "terminal_observation": final[k],
                "TimeLimit.truncated": bool(self.batch.end[row] == OUT_OF_TIME),
                "episode": {
                    "r": float(self.batch.returns[row, self.seat.seats[row]]),
                    "l": int(self._lengths[row]),
                    "t": seconds,
                },
            }
        self._lengths[rows] = 0

    def action_masks(self) -> np.ndarray:
        """Allowed actions, bool [N, A]."""
        return self.seat.masks().view(bool)

    def get_images(self) -> Sequence[np.ndarray | None]:
        """A picture of each environment, uint8 [420, 420, 3]."""
        if self._painter is None:
            self._painter = make_painter(self.game)
        return [self._painter.picture(self.batch, env, size=PICTURE) for env in range(self.num_envs)]

    # --- the base class's access to single environments: they are one batch and share its attributes ---

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        value = getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        if list(self._get_indices(indices)) != list(range(self.num_envs)):
            raise NotImplementedError("The environments are one batch: an attribute is set for all of them.")
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *method_args, indices: VecEnvIndices = None, **method_kwargs) -> list[Any]:
        if method_name != "action_masks":
            raise NotImplementedError(f"The environments are one batch: {method_name} is not known of a single one.")
        masks = self.action_masks()
        return [masks[k] for k in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        # The infos hold all that a Monitor adds: `evaluate_policy` takes the unscaled returns from them.
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]

    def __getstate__(self) -> dict[str, Any]:
        """A copy, by `copy.deepcopy` or from a pickle, goes on by itself, with a painter of its own."""
        return {**vars(self), "_painter": None}

    def close(self) -> None:
        self.seat.close()
