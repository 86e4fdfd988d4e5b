"""Gymnasium's API for every game: `SparringEnv` and `SparringVectorEnv`, thin layers over `Batch` and `View`.

    import games
    import gymnasium as gym

    env = gym.make("Sparring/Pong-v1", seat=0, opponent="bot", observation="pixels", size=84, stack=4)
    envs = gym.make_vec("Sparring/Pong-v1", num_envs=256, opponent="bot:0.8", observation="objects")

One step is one decision of the caller's seat; `info["action_mask"]` (int8 [A]) marks its legal actions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import gymnasium as gym
import numpy as np
from gymnasium import spaces

import games
from games.engine.batch import OUT_OF_TIME, OVER, RUNNING
from games.engine.keys import keys_of
from games.engine.loader import Game
from games.envs.gymnasium_version import require_gymnasium
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
    space_of,
)
from games.envs.state import CloneState, EnvState
from games.errors import UserError

try:
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ImportError:
    require_gymnasium()
    raise

__all__ = [
    "PICTURE",
    "EnvState",
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
    "space_of",
]  # fmt: skip


class SparringEnv(CloneState, gym.Env[np.ndarray, np.int64]):
    """One game as a Gymnasium `Env`: `step` plays one seat, `opponent` the other (a partner, where both earn the same).

    Observations are uint8 [size, size, stack] (`pixels`; newest frame last), uint8 [size, size, stack × roles]
    (`planes`) or float32 [numbers] in −1…1 (`objects`); actions are `Discrete`, in the order of the game's ACTIONS as the
    seat sees the world. `terminated`: the rules ended the game; `truncated`: time ran out.

    `reset(seed=…)` begins episode 0 of that seed, `reset()` the next episode. The episodes are the same however long the
    earlier ones were and whether they were played to the end.

    `copy.deepcopy` and pickles give an environment that goes on by itself from the same state, without a window.
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
        self._episode = -1  # the running episode; -1: none yet
        self._ended = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """The first observation and info of an episode; see the class."""
        super().reset(seed=seed)
        if seed is None and self._episode < 0:
            seed = self.np_random_seed  # a random one
        self.seat.reset(seed, 0 if seed is not None else self._episode + 1)
        self._episode = int(self.batch.episode[0])
        self._ended = False
        self.audience.watch()
        return channels_last(self.view, self.view.observe())[0], {"action_mask": self.seat.masks()[0]}

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One decision. At an end it returns the last observation of the episode; call `reset` next."""
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

    def _changing(self) -> list[tuple[Any, tuple[str, ...]]]:
        return [(self, ("_episode", "_ended")), (self.seat, self.seat.CHANGING)]

    def _player(self) -> SeatPlayer | None:
        return self.seat.player

    def action_masks(self) -> np.ndarray:
        """bool [A]: the legal actions now. sb3-contrib's MaskablePPO calls a method of this name."""
        return self.seat.masks()[0].astype(bool)

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Pygame's codes of a key, or of a chord's keys → action, for `gymnasium.utils.play.play`.

        A key moves what it moves in the picture. A key of the other seat does the same, as in the game's window. `UserError`
        if the game is played with the mouse.
        """
        import pygame  # needed only to play

        codes = {pygame.key.name(code): code for name, code in vars(pygame).items() if name.startswith("K_")}
        seat = int(self.seat.seats[0])
        keys = {key: action for other in (*range(self.game.players), seat) for key, action in self.game.keys[other].items()}
        numbers = {name: number for number, name in enumerate(self.game.actions)}
        seen_as = self.view.to_world(np.arange(self.game.num_actions)).tolist()  # an exchange, the same in both directions
        found: dict[tuple[int, ...], int] = {
            tuple(sorted(codes[part] for part in keys_of(key))): seen_as[numbers[action]]
            for key, action in keys.items()
            if action in numbers
        }
        if not found:
            raise UserError(f"{self.game.heading} is played with the mouse, or with moves that only its window has: play.py.")
        return found

    def render(self) -> np.ndarray | None:
        """`rgb_array`: the spectator's picture, uint8 [420, 420, 3], painted without a display. `human`: None."""
        return self.audience.render()

    def close(self) -> None:
        """Close the window and the batch's threads; may be called again."""
        self.audience.close()
        self.seat.close()


class SparringVectorEnv(CloneState, VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """N copies of a game as a Gymnasium `VectorEnv`: one compiled batch, without a Python loop over environments.

    `autoreset_mode`, as in Gymnasium (a member of `AutoresetMode` or its value), says what `step` does at an episode's end:

    * `SAME_STEP`: it begins the next episode. The observation is the first of the new episode; `infos["final_obs"]`
      (object [N]) and `infos["final_info"]` hold the last of the old one, where `infos["_final_obs"]` is true.
    * `NEXT_STEP`: it returns the last observation; the next step ignores the action and returns the first one of the new
      episode, with reward 0.
    * `DISABLED`: it returns the last observation; call `reset(options={"reset_mask": ended})` before the next step.

    `infos["action_mask"]` is int8 [N, A]. `reset(seed=…)` begins episode 0 of every environment, `reset()` the next one of
    each; with a `reset_mask` (bool [N]) only in these environments. One seed gives N different sequences of episodes; with
    a list of N seeds, environment i plays what a single environment plays with seed i.
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
        # Rows whose last observation was returned and whose next episode, already begun in the batch, was not (not SAME_STEP).
        self._ended = np.zeros(num_envs, bool)
        self._last: dict[int, np.ndarray] = {}  # the last observations of these rows

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """First observations [N, …] and infos; see the class. With a `reset_mask`, other rows keep their observations."""
        rows = self._rows(options)
        if isinstance(seed, Sequence | np.ndarray):
            check_seeds(seed, self.num_envs)
        else:
            super().reset(seed=seed)
            seed = self.np_random_seed if seed is None and not self._begun else seed  # a random one at the first reset
        # In rows whose episode has ended the batch is at the start of the next one already.
        fresh = rows if seed is not None else rows & ~self._ended
        self.seat.reset(seed, 0 if seed is not None else self.batch.episode + 1, fresh)
        self._begun = True
        self._ended[rows] = False
        with self.seat.frozen(~fresh):
            observations = channels_last(self.view, self.view.observe())
        for row in np.flatnonzero(self._ended).tolist():
            observations[row] = self._last[row]
        with self.seat.frozen(~rows):
            return observations, {"action_mask": self.seat.masks(), "_action_mask": rows.copy()}

    def _rows(self, options: dict[str, Any] | None) -> np.ndarray:
        """bool [N]: the environments to reset, from `reset`'s options."""
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
        starting = self._ended  # this step only returns the first observation of these rows
        if self.autoreset_mode == AutoresetMode.DISABLED and starting.any():
            ended = ", ".join(map(str, np.flatnonzero(starting)))
            raise gym.error.ResetNeeded(f'Ended: {ended}. Call reset(options={{"reset_mask": …}}) before the next step.')
        self.seat.step(np.asarray(actions, np.int64), frozen=starting)
        end = self.seat.end
        self._ended = np.zeros(self.num_envs, bool)
        rows = np.flatnonzero(end)
        if len(rows):
            seen, masks = channels_last(self.view, self.view.final(rows)), final_masks(self.view, rows)
            self.seat.begin()
        with self.seat.frozen(starting):  # the view has the first observation of these rows already
            observations = channels_last(self.view, self.view.observe())
        infos = {"action_mask": self.seat.masks(), "_action_mask": np.ones(self.num_envs, bool)}
        if len(rows) and self.autoreset_mode == AutoresetMode.SAME_STEP:
            infos.update(self._final_infos(rows, seen, masks))
        elif len(rows):
            self._ended, self._last = end != RUNNING, dict(zip(rows.tolist(), seen, strict=True))
            observations[rows], infos["action_mask"][rows] = seen, masks
        return observations, self.seat.rewards, end == OVER, end == OUT_OF_TIME, infos

    def _final_infos(self, rows: np.ndarray, observations: np.ndarray, masks: np.ndarray) -> dict[str, Any]:
        """Gymnasium's `final_obs` and `final_info` for the episodes that ended in rows [E]."""
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

    def _changing(self) -> list[tuple[Any, tuple[str, ...]]]:
        return [(self, ("_begun", "_ended", "_last")), (self.seat, self.seat.CHANGING)]

    def _player(self) -> SeatPlayer | None:
        return self.seat.player

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture of each environment, uint8 [420, 420, 3], that fits the observation returned last."""
        if self.render_mode != "rgb_array":
            return None
        return tuple(self.audience.picture(env, final=bool(self._ended[env])) for env in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """End the batch's threads; Gymnasium's `close` calls it."""
        self.seat.close()


def autoreset_mode_of(value: AutoresetMode | str) -> AutoresetMode:
    """The mode of a value; `UserError` if there is none.

    >>> autoreset_mode_of("NextStep")
    <AutoresetMode.NEXT_STEP: 'NextStep'>
    """
    try:
        return AutoresetMode(value)
    except ValueError:
        valid = ", ".join(mode.value for mode in AutoresetMode)
        raise UserError(
            f"There is no autoreset_mode {value!r}.\nKnown: {valid}, as in gymnasium.vector.AutoresetMode."
        ) from None


def check_seeds(seeds: Sequence[int], num_envs: int) -> None:
    """`UserError` unless there is a whole number, 0 or more, for each environment."""
    if len(seeds) != num_envs or not all(isinstance(seed, int | np.integer) and seed >= 0 for seed in seeds):
        raise UserError(f"A list of seeds holds a whole number, 0 or more, for each of the {num_envs} environments.")


def register(path: str | Path) -> str:
    """Register a game file of your own with Gymnasium; returns its id for `gym.make`, as "Sparring/MyGame-v1"."""
    game = games.load(Path(path))
    if game.env_id not in gym.registry:
        games.register_with_gymnasium(game.env_id, str(game.path))
    elif gym.spec(game.env_id).kwargs["game"] != str(game.path):
        raise UserError(f"{game.env_id} is another game already.\nGive {path} a name of its own.")
    return game.env_id
