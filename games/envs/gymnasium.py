"""Gymnasium's API over every game: `SparringEnv` and `SparringVectorEnv`, thin views of `Batch` and `View`.

    import games
    import gymnasium as gym

    env = gym.make("Sparring/Pong-v1", seat=0, opponent="bot", observation="pixels", size=84, stack=4)
    envs = gym.make_vec("Sparring/Pong-v1", num_envs=256, opponent="bot:0.8", observation="objects")

One step is one decision of the seat that is played; `info["action_mask"]` (int8 [A]) says what it may try.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

import games
from games.engine.batch import OUT_OF_TIME, OVER, RUNNING
from games.engine.loader import Game
from games.envs.seat_env import (
    PICTURE,
    Audience,
    MakePlayer,
    SeatEnv,
    SeatPlayer,
    Settings,
    channels_last,
    check_render_mode,
    final_masks,
    frames_a_second,
    image_shape,
    skill,
    space_of,
)
from games.errors import UserError

__all__ = [
    "PICTURE",
    "MakePlayer",
    "SeatEnv",
    "SeatPlayer",
    "Settings",
    "SparringEnv",
    "SparringVectorEnv",
    "channels_last",
    "check_render_mode",
    "image_shape",
    "register",
    "skill",
    "space_of",
]  # fmt: skip


class SparringEnv(gym.Env[np.ndarray, np.int64]):
    """One game as Gymnasium's `Env`, one seat played by `step`, the other by `opponent`.

    Observations are uint8 [size, size, stack] (`pixels`; newest frame last), uint8 [size, size, stack × roles]
    (`planes`) or float32 [numbers] in −1…1 (`objects`); actions are `Discrete`, in the order of the game's ACTIONS as the
    seat sees the world. `terminated`: the rules ended the game; `truncated`: time did.

    `reset(seed=…)` begins episode 0 of that seed, `reset()` the next episode: which one does not depend on how long the
    last was or whether it was played to its end.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 15}

    def __init__(self, game: Game | str | Path, render_mode: str | None = None, **settings: Unpack[Settings]):
        check_render_mode(render_mode, self.metadata["render_modes"])
        if settings.get("seat") == "any":
            raise UserError("seat='any' is for vector environments: one environment has seat 0 or 1.")
        self.seat = SeatEnv(game, 1, **settings)
        self.game, self.batch, self.view = self.seat.game, self.seat.batch, self.seat.view
        self.observation_space = space_of(self.view, image_shape(self.view))
        self.action_space = spaces.Discrete(self.game.num_actions)
        self.render_mode = render_mode
        self.audience = Audience(self.batch, render_mode)
        self.metadata = {**self.metadata, "render_fps": frames_a_second(self.game, settings.get("frame_skip"))}
        self._episode = -1  # the one running; -1: none yet
        self._ended = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """The first observation and info of an episode; see the class."""
        super().reset(seed=seed)
        if seed is None and self._episode < 0:
            seed = self.np_random_seed  # of its own making
        self.seat.reset(seed, 0 if seed is not None else self._episode + 1)
        self._episode = int(self.batch.episode[0])
        self._ended = False
        self.audience.watch()
        return channels_last(self.view, self.view.observe())[0], {"action_mask": self.seat.masks()[0]}

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One decision. At an end: the last observation of the episode, and `reset` comes next."""
        if self._ended:
            raise gym.error.ResetNeeded("The episode has ended (or none has begun): call reset().")
        self.seat.step(np.array([action], np.int64), self.audience.watch if self.audience.human else None)
        end = self.batch.end[0]
        self._ended = bool(end != RUNNING)
        if self._ended:
            row = np.zeros(1, np.int64)
            seen, mask = self.view.final(row), final_masks(self.view, row)[0]
        else:
            seen, mask = self.view.observe(), self.seat.masks()[0]
        reward = float(self.seat.rewards[0])
        return channels_last(self.view, seen)[0], reward, bool(end == OVER), bool(end == OUT_OF_TIME), {"action_mask": mask}

    def action_masks(self) -> np.ndarray:
        """bool [A]: what may be tried now, under the name that sb3-contrib's MaskablePPO looks for."""
        return self.seat.masks()[0].astype(bool)

    def render(self) -> np.ndarray | None:
        """`rgb_array`: the spectator's picture, uint8 [420, 420, 3], painted without a display. `human` shows itself."""
        return self.audience.render()

    def close(self) -> None:
        """Close the window and the batch's threads; may be called again."""
        self.audience.close()
        self.seat.close()


class SparringVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """N copies of a game as Gymnasium's `VectorEnv`: one batch, compiled, with no Python for each environment.

    What follows an episode that ends is `autoreset_mode`, in Gymnasium's sense (a member of `AutoresetMode` or its value):

    * `SAME_STEP`: the next episode, in the same step. The observation is already the new episode's first, and
      `infos["final_obs"]` (object [N]) and `infos["final_info"]` hold the old one's last, where `infos["_final_obs"]` is true.
    * `NEXT_STEP`: the old episode's last observation; the next step ignores the action and gives the new one's first,
      with reward 0.
    * `DISABLED`: the old episode's last observation; `reset(options={"reset_mask": ended})` must come before the next step.

    `infos["action_mask"]` is int8 [N, A]. `reset(seed=…)` begins episode 0 of every environment, `reset()` the next one of
    each; with a `reset_mask` (bool [N]) only there. One seed gives N different sequences of episodes, and another seed
    others; from a list of N seeds environment i plays what a single one plays from seed i of them.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15, "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        game: Game | str | Path,
        num_envs: int = 1,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        **settings: Unpack[Settings],
    ):
        check_render_mode(render_mode, self.metadata["render_modes"])
        self.autoreset_mode = autoreset_mode_of(autoreset_mode)
        self.seat = SeatEnv(game, num_envs, **settings)
        self.game, self.batch, self.view = self.seat.game, self.seat.batch, self.seat.view
        self.num_envs = num_envs
        self.single_observation_space = space_of(self.view, image_shape(self.view))
        self.single_action_space = spaces.Discrete(self.game.num_actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = render_mode
        self.audience = Audience(self.batch, render_mode)
        fps = frames_a_second(self.game, settings.get("frame_skip"))
        self.metadata = {**self.metadata, "render_fps": fps, "autoreset_mode": self.autoreset_mode}
        self._begun = False
        # Where an end is shown and the next episode, which the batch has begun already, is not: never in SAME_STEP.
        self._ended = np.zeros(num_envs, bool)
        self._last: dict[int, np.ndarray] = {}  # what those rows saw last

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """First observations [N, …] and infos; see the class. With a `reset_mask`, the others' are those they had."""
        rows = self._rows(options)
        if isinstance(seed, Sequence | np.ndarray):
            check_seeds(seed, self.num_envs)
        else:
            super().reset(seed=seed)
            seed = self.np_random_seed if seed is None and not self._begun else seed  # of its own making
        # Where an episode has ended the batch stands at the beginning of the next.
        fresh = rows if seed is not None else rows & ~self._ended
        self.seat.reset(seed, 0 if seed is not None else self.batch.episode + 1, fresh)
        self._begun = True
        self._ended[rows] = False
        with self.seat.held(~fresh):
            observations = channels_last(self.view, self.view.observe())
        for row in np.flatnonzero(self._ended).tolist():
            observations[row] = self._last[row]
        with self.seat.held(~rows):
            return observations, {"action_mask": self.seat.masks(), "_action_mask": rows.copy()}

    def _rows(self, options: dict[str, Any] | None) -> np.ndarray:
        """bool [N]: the environments that `reset` is to begin anew."""
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, bool)
        if not (isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == (self.num_envs,) and mask.any()):
            raise UserError(f"A reset_mask is a NumPy array of {self.num_envs} booleans, one of them true at least.")
        if not self._begun:
            raise gym.error.ResetNeeded("No episode has begun: call reset() without a reset_mask first.")
        return mask

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision in every environment: observations, rewards float64 [N], terminated, truncated, infos."""
        if not self._begun:
            raise gym.error.ResetNeeded("No episode has begun: call reset().")
        begins = self._ended
        if self.autoreset_mode == AutoresetMode.DISABLED and begins.any():
            ended = ", ".join(map(str, np.flatnonzero(begins)))
            raise gym.error.ResetNeeded(f'Ended: {ended}. Call reset(options={{"reset_mask": …}}) before the next step.')
        self.seat.step(np.asarray(actions, np.int64), hold=begins)
        end = self.seat.end
        self._ended = np.zeros(self.num_envs, bool)
        rows = np.flatnonzero(end)
        if len(rows):
            seen, masks = channels_last(self.view, self.view.final(rows)), final_masks(self.view, rows)
            self.seat.begin()
        with self.seat.held(begins):  # the view has seen already how these begin
            observations = channels_last(self.view, self.view.observe())
        infos = {"action_mask": self.seat.masks(), "_action_mask": np.ones(self.num_envs, bool)}
        if len(rows) and self.autoreset_mode == AutoresetMode.SAME_STEP:
            infos.update(self._final_infos(rows, seen, masks))
        elif len(rows):
            self._ended, self._last = end != RUNNING, dict(zip(rows.tolist(), seen, strict=True))
            observations[rows], infos["action_mask"][rows] = seen, masks
        return observations, self.seat.rewards, end == OVER, end == OUT_OF_TIME, infos

    def _final_infos(self, rows: np.ndarray, observations: np.ndarray, masks: np.ndarray) -> dict[str, Any]:
        """What Gymnasium's infos say of the episodes that ended, in rows [E], of their last observations and masks."""
        ended = np.zeros(self.num_envs, bool)
        ended[rows] = True
        final_obs = np.full(self.num_envs, None, object)
        for row, seen in zip(rows, observations, strict=True):
            final_obs[row] = seen
        action_masks = np.zeros((self.num_envs, self.game.num_actions), np.int8)
        action_masks[rows] = masks
        return {
            "final_obs": final_obs,
            "_final_obs": ended,
            "final_info": {"action_mask": action_masks, "_action_mask": ended.copy()},
            "_final_info": ended.copy(),
        }

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture of each environment as it is shown, uint8 [420, 420, 3]."""
        if self.render_mode != "rgb_array":
            return None
        return tuple(self.audience.picture(env, final=bool(self._ended[env])) for env in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        self.seat.close()


def autoreset_mode_of(word: AutoresetMode | str) -> AutoresetMode:
    """Gymnasium's mode of that name or value.

    >>> autoreset_mode_of("NextStep")
    <AutoresetMode.NEXT_STEP: 'NextStep'>
    """
    try:
        return AutoresetMode(word)
    except ValueError:
        known = ", ".join(mode.value for mode in AutoresetMode)
        raise UserError(
            f"There is no autoreset_mode {word!r}.\nKnown: {known}, as in gymnasium.vector.AutoresetMode."
        ) from None


def check_seeds(seeds: Sequence[int], num_envs: int) -> None:
    if len(seeds) != num_envs or not all(isinstance(one, int | np.integer) and one >= 0 for one in seeds):
        raise UserError(f"A list of seeds holds a whole number, 0 or more, for each of the {num_envs} environments.")


def register(path: str | Path) -> str:
    """Make a game file of your own known to Gymnasium; its id for `gym.make`, as in "Sparring/MyGame-v1"."""
    game = games.load(Path(path))
    if game.env_id not in gym.registry:
        games.register_with_gymnasium(game.env_id, str(game.path))
    elif gym.spec(game.env_id).kwargs["game"] != str(game.path):
        raise UserError(f"{game.env_id} is another game already.\nGive {path} a name of its own.")
    return game.env_id
