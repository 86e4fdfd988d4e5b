"""Gymnasium's API over every game: `SparringEnv` and `SparringVectorEnv`, thin views of `Batch` and `View`.

    import games
    import gymnasium as gym

    env = gym.make("Sparring/Pong-v1", seat=0, opponent="bot", observation="pixels", size=84, stack=4)
    envs = gym.make_vec("Sparring/Pong-v1", num_envs=256, opponent="bot:0.8", observation="objects")

One step is one decision of the seat that is played; `info["action_mask"]` (int8 [A]) says what it may try.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypedDict, Unpack

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

import games
from games.batch import EXTERNAL, OUT_OF_TIME, OVER, RANDOM, RUNNING, Batch
from games.core import TICKS_PER_SECOND
from games.errors import UserError
from games.game import Game
from games.view import View

LARGEST_SEED = 0xFFFFFFFFFFFFFFFF  # a batch's seed has 64 bits; of a longer one the lowest count
PICTURE = 420  # width and height of `rgb_array`
WINDOW = 672  # of the window, before somebody resizes it
FRAMES_A_PLY = 30  # that the window shows each position of a game of turns


class Player(Protocol):
    """Somebody who plays rows (environment, seat) of a batch beside its caller: a saved agent, say."""

    def act(self, actions: np.ndarray) -> None:
        """Write a world action for each of its rows that is asked into int64 [N, P]. Called once before every step."""


MakePlayer = Callable[[str, Batch, np.ndarray], Player]  # of an opponent's name, for rows [N, 2] of a batch


class Settings(TypedDict, total=False):
    """What every standard view of a game takes; all may be left out."""

    seat: int | str  # the seat to play, 0 or 1; "any": environment i plays seat i % 2
    opponent: str  # "bot", "bot:0.8" (skill 0 to 1), "random"; others need make_player
    observation: str  # "pixels", "planes", "objects"
    size: int  # of pixels and planes, 8 to 256
    stack: int  # newest frames, oldest first, 1 to 16
    levels: Any  # the number of training levels, or a list of levels; None: any
    delay: int  # ticks until the seat's actions take effect
    frame_skip: int | None  # ticks between its decisions; None: the game's
    threads: int  # that share a batch
    make_player: MakePlayer | None  # who the engine does not know; called anew whenever a seed is given


def skill(opponent: str) -> float | None:
    """What an opponent's name is in a batch's `bots`; None for one that the engine does not know.

    >>> skill("bot"), skill("bot:0.8"), skill("random"), skill("best.safetensors")
    (0.5, 0.8, -1.0, None)
    """
    if opponent == "random":
        return RANDOM
    word, _, number = opponent.partition(":")
    if word != "bot":
        return None
    try:
        value = float(number) if number else 0.5
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise UserError(f"'{opponent}' is no opponent: a bot's skill is from 0 to 1, as in bot:0.8.")
    return value


class Seat:
    """One seat of every environment of a batch, everybody else played: what the standard views have in common.

    `rewards` float64 [N] is what the last step earned; `batch.end` says which episodes it ended.
    """

    def __init__(
        self,
        game: Game | str | Path,
        num_envs: int,
        *,
        seat: int | str = 0,
        opponent: str = "bot",
        observation: str = "pixels",
        size: int = 84,
        stack: int = 4,
        levels: Any = None,
        delay: int = 0,
        frame_skip: int | None = None,
        threads: int = 1,
        make_player: MakePlayer | None = None,
    ):
        self.game = game if isinstance(game, Game) else games.load(game)
        self.envs = np.arange(num_envs)
        self.seats = self._seats(seat)
        mine = np.zeros((num_envs, self.game.players), bool)
        mine[self.envs, self.seats] = True
        other = skill(opponent) if self.game.players == 2 else RANDOM
        if other is None and make_player is None:
            raise UserError(
                f"'{opponent}' cannot be an opponent here.\nKnown: bot, bot:0.8 (skill 0 to 1), random.\n"
                "Others take a seat through make_player."
            )
        if other is None and num_envs > 1 and self.game.has_asks:
            raise UserError(f"{self.game.heading} against '{opponent}' needs single environments: vectorization_mode='sync'.")
        self.batch = Batch(
            self.game, num_envs,
            bots=np.where(mine, EXTERNAL, EXTERNAL if other is None else other),
            frame_skip=np.where(mine, frame_skip or self.game.frame_skip, self.game.frame_skip),
            delay=np.where(mine, delay, 0), levels=levels, threads=threads,
        )  # fmt: skip
        self.view = View(self.batch, np.stack([self.envs, self.seats], 1), observation, size, stack)
        self._make: Callable[[], Player] | None = None
        if other is None and make_player is not None:
            self._make = partial(make_player, opponent, self.batch, np.stack([self.envs, 1 - self.seats], 1))
        self.player = self._make() if self._make else None
        self.rewards = np.zeros(num_envs)
        self._owed = np.zeros(num_envs)  # earned before the seat's first decision
        self._world = np.zeros((num_envs, self.game.players), np.int64)

    def _seats(self, seat: int | str) -> np.ndarray:
        if seat == "any":
            return self.envs % self.game.players
        if seat not in range(self.game.players):
            known = "0" if self.game.players == 1 else "0, 1 or 'any'"
            raise UserError(f"There is no seat {seat!r} in {self.game.heading}: {known}.")
        return np.full(len(self.envs), seat)

    def asked(self) -> np.ndarray:
        """bool [N]: the seat decides now."""
        return self.batch.asked[self.envs, self.seats] == 1

    def reset(self, seed: int | None, episode: np.ndarray | int = 0) -> None:
        """Begin anew at the given episode (of each environment), from another seed where one is given."""
        if seed is not None:
            self.batch.seed = seed & LARGEST_SEED
        self.batch.reset(episode)  # type: ignore[arg-type]
        self.view.forget()
        self._owed[:] = self.batch.rewards[self.envs, self.seats]
        if self.player is None:
            return
        if seed is not None and self._make is not None:
            self.player = self._make()  # with nothing left of the games before
        while not self.asked().all():  # the opponent begins
            self.player.act(self._world)
            self.batch.step(self._world)
            self._owed += self.batch.rewards[self.envs, self.seats]

    def step(self, actions: np.ndarray, watch: Callable[[], None] | None = None) -> None:
        """The seat's actions, int64 [N] in its view's words, and all that follows until it is asked again.

        watch: called after each tick.
        """
        if not ((actions >= 0) & (actions < self.game.num_actions)).all():
            raise UserError(f"An action of {self.game.heading} is from 0 to {self.game.num_actions - 1}, not {actions}.")
        self.view.act(actions, self._world)
        self.rewards = self._owed.copy()
        self._owed[:] = 0.0
        while True:
            if self.player is not None:
                self.player.act(self._world)
            self.batch.step(self._world, max_ticks=None if watch is None else 1)
            self.rewards += self.batch.rewards[self.envs, self.seats]
            if watch is not None:
                watch()
            if self.batch.end.any() or self.asked().all():
                return

    def masks(self) -> np.ndarray:
        """int8 [N, A]: what the seat may try now, in its view's words."""
        return self.view.masks().view(np.int8)

    def final_masks(self, rows: np.ndarray) -> np.ndarray:
        """int8 [len(rows), A]: what could be tried in a state that time ran out in; all 0 where the game was over."""
        count = len(rows)
        masks = np.zeros((count, self.game.num_actions), np.uint8)
        slots: Any = np.zeros(count, self.batch.slots.dtype)
        slots["asked"] = 1
        self.batch.kernel.mask_slice(0, count, self.batch.final[rows], slots, np.arange(count), self.seats[rows], masks)
        masks[self.batch.end[rows] == OVER] = 0
        if self.game.mirror:
            masks = np.where(self.seats[rows, None] == 1, masks[:, self.game.swap], masks)
        return masks.view(np.int8)

    def close(self) -> None:
        self.batch.close()


def image_shape(view: View) -> tuple[int, ...]:
    """Of an observation as Gymnasium has it: [size, size, channels], channel = frame × role; or all numbers flat."""
    if view.observation == "objects":
        return (view.stack * view.frame[0],)
    return (view.size, view.size, int(np.prod(view.shape)) // view.size**2)


def space_of(view: View, shape: tuple[int, ...]) -> spaces.Box:
    """The space of a view's observations, in the given order of axes."""
    if view.observation == "objects":
        return spaces.Box(-1.0, 1.0, shape, np.float32)
    return spaces.Box(0, 255, shape, np.uint8)


def channels_last(view: View, seen: np.ndarray) -> np.ndarray:
    """[R, stack, *frame] as a new array [R, *image_shape]; its strides keep the order in memory, as torch likes it."""
    seen = seen.copy()  # the view needs its own for the next stack
    if view.observation == "objects":
        return seen.reshape(len(seen), -1)
    return np.moveaxis(seen.reshape(len(seen), -1, view.size, view.size), 1, -1)


def check_render_mode(render_mode: str | None, known: list[str]) -> None:
    if render_mode is not None and render_mode not in known:
        raise UserError(f"There is no render_mode {render_mode!r}.\nKnown: {', '.join(known)}, None.")


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
        self.seat = Seat(game, 1, **settings)
        self.game, self.batch, self.view = self.seat.game, self.seat.batch, self.seat.view
        self.observation_space = space_of(self.view, image_shape(self.view))
        self.action_space = spaces.Discrete(self.game.num_actions)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": frames_a_second(self.seat)}
        self._episode = -1  # the one running; -1: none yet
        self._ended = True
        self._painter: Any = None
        self._screen: Screen | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """The first observation and info of an episode; see the class."""
        super().reset(seed=seed)
        if seed is None and self._episode < 0:
            seed = self.np_random_seed  # of its own making
        self.seat.reset(seed, 0 if seed is not None else self._episode + 1)
        self._episode = int(self.batch.episode[0])
        self._ended = False
        if self.render_mode == "human":
            self._show()
        return channels_last(self.view, self.view.observe())[0], {"action_mask": self.seat.masks()[0]}

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One decision. At an end: the last observation of the episode, and `reset` comes next."""
        if self._ended:
            raise gym.error.ResetNeeded("The episode has ended (or none has begun): call reset().")
        self.seat.step(np.array([action], np.int64), self._show if self.render_mode == "human" else None)
        end = self.batch.end[0]
        self._ended = bool(end != RUNNING)
        if self._ended:
            row = np.zeros(1, np.int64)
            seen, mask = self.view.final(row), self.seat.final_masks(row)[0]
        else:
            seen, mask = self.view.observe(), self.seat.masks()[0]
        reward = float(self.seat.rewards[0])
        return channels_last(self.view, seen)[0], reward, bool(end == OVER), bool(end == OUT_OF_TIME), {"action_mask": mask}

    def action_masks(self) -> np.ndarray:
        """bool [A]: what may be tried now, under the name that sb3-contrib's MaskablePPO looks for."""
        return self.seat.masks()[0].astype(bool)

    def render(self) -> np.ndarray | None:
        """`rgb_array`: the spectator's picture, uint8 [420, 420, 3], painted without a display. `human` shows itself."""
        if self.render_mode != "rgb_array":
            return None
        return self._paint().picture(self.batch, size=PICTURE, final=self.batch.end[0] != RUNNING)

    def _paint(self):
        if self._painter is None:
            from games.window import Painter  # Pygame: only who looks needs it

            self._painter = Painter(self.game)
        return self._painter

    def _show(self) -> None:
        if self._screen is None:
            self._screen = Screen(self._paint(), self.game.heading)
        self._screen.show(self.batch, FRAMES_A_PLY if self.game.turns else 1)

    def close(self) -> None:
        """Close the window and the batch's threads; may be called again."""
        if self._screen is not None:
            self._screen.close()
        self.seat.close()


class SparringVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """N copies of a game as Gymnasium's `VectorEnv`: one batch, compiled, with no Python for each environment.

    An episode that ends is followed by the next one in the same step (`AutoresetMode.SAME_STEP`): the observation is
    already the new episode's first, and `infos["final_obs"]` (object [N]) and `infos["final_info"]` hold the old one's
    last, where `infos["_final_obs"]` is true. `infos["action_mask"]` is int8 [N, A].

    `reset(seed=…)` begins episode 0 of every environment, `reset()` the next one of each.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15, "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self, game: Game | str | Path, num_envs: int = 1, render_mode: str | None = None, **settings: Unpack[Settings]
    ):
        check_render_mode(render_mode, self.metadata["render_modes"])
        self.seat = Seat(game, num_envs, **settings)
        self.game, self.batch, self.view = self.seat.game, self.seat.batch, self.seat.view
        self.num_envs = num_envs
        self.single_observation_space = space_of(self.view, image_shape(self.view))
        self.single_action_space = spaces.Discrete(self.game.num_actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": frames_a_second(self.seat)}
        self._begun = False
        self._painter: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """First observations [N, …] and infos; see the class."""
        super().reset(seed=seed)
        if options and "reset_mask" in options:
            raise UserError("Environments restart by themselves, so there is no reset_mask.\nreset() begins them all anew.")
        if seed is None and not self._begun:
            seed = self.np_random_seed  # of its own making
        self.seat.reset(seed, 0 if seed is not None else self.batch.episode + 1)
        self._begun = True
        return channels_last(self.view, self.view.observe()), self._infos()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision in every environment: observations, rewards float64 [N], terminated, truncated, infos."""
        if not self._begun:
            raise gym.error.ResetNeeded("No episode has begun: call reset().")
        self.seat.step(np.asarray(actions, np.int64))
        end = self.batch.end
        final = self._final(np.flatnonzero(end)) if end.any() else {}
        observations = channels_last(self.view, self.view.observe())
        return observations, self.seat.rewards, end == OVER, end == OUT_OF_TIME, {**self._infos(), **final}

    def _infos(self) -> dict[str, Any]:
        return {"action_mask": self.seat.masks(), "_action_mask": np.ones(self.num_envs, bool)}

    def _final(self, rows: np.ndarray) -> dict[str, Any]:
        """What Gymnasium's infos say of the episodes that ended, in rows [E]."""
        ended = np.zeros(self.num_envs, bool)
        ended[rows] = True
        observations = np.full(self.num_envs, None, object)
        for row, seen in zip(rows, channels_last(self.view, self.view.final(rows)), strict=True):
            observations[row] = seen
        masks = np.zeros((self.num_envs, self.game.num_actions), np.int8)
        masks[rows] = self.seat.final_masks(rows)
        return {
            "final_obs": observations,
            "_final_obs": ended,
            "final_info": {"action_mask": masks, "_action_mask": ended.copy()},
            "_final_info": ended.copy(),
        }

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture of each environment as it stands, uint8 [420, 420, 3]."""
        if self.render_mode != "rgb_array":
            return None
        if self._painter is None:
            from games.window import Painter  # Pygame: only who looks needs it

            self._painter = Painter(self.game)
        return tuple(self._painter.picture(self.batch, env, size=PICTURE) for env in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        self.seat.close()


def frames_a_second(seat: Seat) -> int:
    """At which a film of one picture a step plays at the game's own pace."""
    if seat.game.turns:
        return TICKS_PER_SECOND // FRAMES_A_PLY
    return max(1, round(TICKS_PER_SECOND / int(seat.batch.frame_skip[0, seat.seats[0]])))


class Screen:
    """A window in which an environment is watched, 60 frames a second. Closing it lets the environment play on unseen."""

    def __init__(self, painter: Any, title: str):
        import pygame

        self.pygame, self.painter, self.open = pygame, painter, True
        try:
            pygame.display.init()
            pygame.display.set_mode((WINDOW, WINDOW), pygame.RESIZABLE)
        except pygame.error as error:
            raise UserError(f"No window can be opened: {error}.\nWithout a display use render_mode='rgb_array'.") from error
        pygame.display.set_caption(title)
        self._due = time.perf_counter()

    def show(self, batch: Batch, frames: int) -> None:
        """Show a batch's first environment (the end of an episode, where one ended) for so many sixtieths of a second."""
        pygame = self.pygame
        for _ in range(frames):
            if self.open and any(event.type == pygame.QUIT for event in pygame.event.get()):
                self.close()
            if not self.open:
                return
            window = pygame.display.get_surface()
            side = min(window.get_size())
            place = ((window.get_width() - side) // 2, (window.get_height() - side) // 2)
            window.fill((0, 0, 0))
            self.painter.paint(
                window.subsurface((*place, side, side)), self.painter.frame(batch, final=batch.end[0] != RUNNING)
            )
            pygame.display.flip()
            now = time.perf_counter()
            # A frame late is made up for, so that the mean is 60; what is later than that is lost.
            self._due = max(self._due + 1.0 / TICKS_PER_SECOND, now - 1.0 / TICKS_PER_SECOND)
            if self._due > now:
                time.sleep(self._due - now)

    def close(self) -> None:
        """Close the window; may be called again."""
        if self.open:
            self.open = False
            self.pygame.display.quit()


def register(path: str | Path) -> str:
    """Make a game file of your own known to Gymnasium; its id for `gym.make`, as in "Sparring/MyGame-v1"."""
    game = games.load(Path(path))
    if game.env_id not in gym.registry:
        games.register_with_gymnasium(game.env_id, str(game.path))
    elif gym.spec(game.env_id).kwargs["game"] != str(game.path):
        raise UserError(f"{game.env_id} is another game already.\nGive {path} a name of its own.")
    return game.env_id
