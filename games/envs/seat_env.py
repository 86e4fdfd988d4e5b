"""The common part of the standard APIs: `SeatEnv` (one seat played by the caller), the spaces, and rendering.

`games.envs.gymnasium`, `games.envs.pettingzoo` and `agents.bridges.sb3.environment` (Stable-Baselines3) are built on it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from gymnasium import spaces

import games
from games.core import TICKS_PER_SECOND, mix
from games.engine.batch import EXTERNAL, RANDOM, RUNNING, Batch
from games.engine.level_names import LevelChoice
from games.engine.loader import Game
from games.engine.players import SeatPlayer, bot_skill
from games.engine.view import View
from games.errors import UserError

LARGEST_SEED = 0xFFFFFFFFFFFFFFFF  # a batch's seed has 64 bits; the lowest 64 bits of a longer one count
PICTURE = 420  # width and height of `rgb_array`, pixels
WINDOW = 672  # width and height of the window before it is resized, pixels
FRAMES_A_PLY = 30  # frames for which the window shows each position of a game of turns


MakePlayer = Callable[[str, Batch, np.ndarray], SeatPlayer]  # (opponent's name, batch, rows [N, 2]) → player


class Settings(TypedDict, total=False):
    """The keyword arguments that every standard API accepts; all are optional."""

    seat: int | str  # the seat to play, 0 or 1; "any": environment i plays seat i % 2
    opponent: str  # "bot", "bot:0.8" (skill 0 to 1), "random"; others need make_player
    observation: str  # "pixels", "planes", "objects"
    size: int  # of pixels and planes, 8 to 256
    stack: int  # newest frames, oldest first, 1 to 16
    levels: LevelChoice  # "train:1000", "test", a bank or its file (`games.engine.level_names`); a number, a list; None: any
    delay: int  # ticks until the seat's actions take effect
    frame_skip: int | None  # ticks between its decisions; None: the game's
    threads: int  # threads that advance a batch
    make_player: MakePlayer | None  # makes an opponent that is no bot; called again whenever a seed is given


class SeatEnv:
    """One seat of every environment of a batch, played by the caller; the opponent plays the other.

    `rewards` float64 [N]: the reward of the last step. `end` uint8 [N], as `batch.end`: the episodes that it ended.
    """

    CHANGING = ("rewards", "end", "_initial_reward", "_world")  # attributes that change as it runs

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
        levels: LevelChoice = None,
        delay: int = 0,
        frame_skip: int | None = None,
        threads: int = 1,
        make_player: MakePlayer | None = None,
    ):
        self.game = game if isinstance(game, Game) else games.load(game)
        self.envs = np.arange(num_envs)
        self.seats = self._seats(seat)
        callers = np.zeros((num_envs, self.game.players), bool)  # the caller's seats
        callers[self.envs, self.seats] = True
        skill = bot_skill(opponent) if self.game.players == 2 else RANDOM
        if skill is None and make_player is None:
            raise UserError(
                f"'{opponent}' cannot be an opponent here.\nKnown: bot, bot:0.8 (skill 0 to 1), random.\n"
                "Others take a seat through make_player."
            )
        if skill is None and num_envs > 1 and self.game.has_asks:
            raise UserError(f"{self.game.heading} against '{opponent}' needs single environments: vectorization_mode='sync'.")
        self.batch = Batch(
            self.game, num_envs,
            bots=np.where(callers, EXTERNAL, EXTERNAL if skill is None else skill),
            frame_skip=np.where(callers, frame_skip or self.game.frame_skip, self.game.frame_skip),
            delay=np.where(callers, delay, 0), levels=levels, threads=threads,
        )  # fmt: skip
        self.view = View(self.batch, np.stack([self.envs, self.seats], 1), observation, size, stack)
        self._make: Callable[[], SeatPlayer] | None = None
        if skill is None and make_player is not None:
            self._make = partial(make_player, opponent, self.batch, np.stack([self.envs, 1 - self.seats], 1))
        self.player = self._make() if self._make else None
        self.rewards = np.zeros(num_envs)
        self.end = np.zeros(num_envs, np.uint8)
        self._initial_reward = np.zeros(num_envs)  # reward before the seat's first decision, added to its first step's
        self._world = np.zeros((num_envs, self.game.players), np.int64)

    def _seats(self, seat: int | str) -> np.ndarray:
        if seat == "any":
            return self.envs % self.game.players
        if seat not in range(self.game.players):
            valid = "0" if self.game.players == 1 else "0, 1 or 'any'"
            raise UserError(f"There is no seat {seat!r} in {self.game.heading}: {valid}.")
        return np.full(len(self.envs), seat)

    def asked(self) -> np.ndarray:
        """bool [N]: whether the seat decides now."""
        return self.batch.asked[self.envs, self.seats] == 1

    def reset(self, seed: int | Sequence[int] | None, episode: np.ndarray | int = 0, rows: np.ndarray | None = None) -> None:
        """Start the given episode (one for all environments, or one each), with a new seed if one is given.

        seed: one for all (environment i plays the i-th sequence of episodes of that seed), or a list of one each (every
        environment plays what a single environment with that seed plays). rows: bool [N], the environments to reset; the
        others do not change.
        """
        rows = np.ones(len(self.envs), bool) if rows is None else rows
        if seed is not None:
            self._take_seed(seed, rows)
        with self.frozen(~rows):
            self.batch.reset(np.where(rows, episode, self.batch.episode))  # type: ignore[arg-type]
            self._initial_reward[rows] = self.batch.rewards[self.envs, self.seats][rows]
        self.view.clear_stacks(rows)
        if seed is not None and self._make is not None:
            self.player = self._make()  # a new player, without memory of earlier games
        self.begin()

    def _take_seed(self, seed: int | Sequence[int], rows: np.ndarray) -> None:
        batch = self.batch
        if isinstance(seed, int | np.integer) and rows.all():
            batch.seed, batch.env_ids[:] = seed & LARGEST_SEED, self.envs
            return
        if self._make is not None and not rows.all():
            raise UserError(
                "Against a player of one's own a seed is for all environments.\nLeave out the seed or the reset_mask."
            )
        # The kernel derives episodes from mix(seed) ^ env_id, so a changed env_id has the effect of another seed.
        for row in np.flatnonzero(rows).tolist():
            row_seed, number = (seed, row) if isinstance(seed, int | np.integer) else (seed[row], 0)
            source = mix(batch.seed & LARGEST_SEED) ^ mix(int(row_seed) & LARGEST_SEED) ^ int(number)
            batch.env_ids[row] = np.uint64(source).astype(np.int64)

    def begin(self) -> None:
        """Let the opponent move until the seat is asked: in a game of turns the opponent may have the first move."""
        while self.player is not None and self.game.has_asks and not self.asked().all():
            self.player.act(self._world)
            self.batch.step(self._world)
            self._initial_reward += self.batch.rewards[self.envs, self.seats]

    @contextmanager
    def frozen(self, rows: np.ndarray) -> Iterator[None]:
        """Protect these rows (bool [N]) from the block's code: no seat is asked there, and at its end they are restored."""
        if not rows.any():
            yield
            return
        batch = self.batch
        arrays: tuple[np.ndarray, ...] = (
            batch.states, batch.slots, batch.rewards, batch.end, batch.final, batch.returns, batch.ticks,
        )  # fmt: skip
        saved = [array[rows] for array in arrays]
        batch.asked[rows] = 0
        try:
            yield
        finally:
            for array, old in zip(arrays, saved, strict=True):
                array[rows] = old

    def step(self, actions: np.ndarray, watch: Callable[[], None] | None = None, frozen: np.ndarray | None = None) -> None:
        """Play the seat's view actions, int64 [N], and advance until the seat is asked again.

        watch: called after each tick. frozen: bool [N], rows that do not advance: no action, no reward, no end.
        """
        frozen = np.zeros(len(self.envs), bool) if frozen is None else frozen
        actions = np.where(frozen, 0, actions)
        if not ((actions >= 0) & (actions < self.game.num_actions)).all():
            raise UserError(f"An action of {self.game.heading} is from 0 to {self.game.num_actions - 1}, not {actions}.")
        self.view.act(actions, self._world)
        self.rewards = np.where(frozen, 0.0, self._initial_reward)
        self._initial_reward[~frozen] = 0.0
        self.end = np.zeros(len(self.envs), np.uint8)
        while not frozen.all():
            with self.frozen(frozen):
                if self.player is not None:
                    self.player.act(self._world)
                self.batch.step(self._world, max_ticks=None if watch is None else 1)
                self.rewards += np.where(frozen, 0.0, self.batch.rewards[self.envs, self.seats])
                self.end = np.where(frozen, RUNNING, self.batch.end).astype(np.uint8)
            if watch is not None:
                watch()
            if self.end.any() or self.asked().all():
                return

    def masks(self) -> np.ndarray:
        """int8 [N, A]: the seat's legal actions now, as view actions."""
        return self.view.masks().view(np.int8)

    def close(self) -> None:
        """End the batch's threads."""
        self.batch.close()


def image_shape(view: View) -> tuple[int, ...]:
    """The shape of an observation in Gymnasium: [size, size, frames × roles], or all numbers of `objects` flat."""
    if view.observation == "objects":
        return (view.stack * view.frame[0],)
    return (view.size, view.size, int(np.prod(view.shape)) // view.size**2)


def space_of(view: View, shape: tuple[int, ...]) -> spaces.Box:
    """The space of a view's observations, with the given shape."""
    if view.observation == "objects":
        return spaces.Box(-1.0, 1.0, shape, np.float32)
    return spaces.Box(0, 255, shape, np.uint8)


def channels_last(view: View, seen: np.ndarray) -> np.ndarray:
    """Observations [R, stack, *frame] as a new array [R, *image_shape]; in memory channels stay first, as torch needs it."""
    seen = seen.copy()  # the view builds its next stack from the original
    if view.observation == "objects":
        return seen.reshape(len(seen), -1)
    return np.moveaxis(seen.reshape(len(seen), -1, view.size, view.size), 1, -1)


def final_masks(view: View, rows: np.ndarray) -> np.ndarray:
    """int8 [len(rows), A]: `View.final_masks` with Gymnasium's dtype for masks."""
    return view.final_masks(rows).view(np.int8)


def check_render_mode(render_mode: str | None, valid: list[str]) -> None:
    """`UserError` for a render mode that is not among the valid ones."""
    if render_mode is not None and render_mode not in valid:
        raise UserError(f"There is no render_mode {render_mode!r}.\nKnown: {', '.join(valid)}, None.")


def frames_a_second(game: Game, frame_skip: int | None = None) -> int:
    """The rate at which a video of one picture a step plays at the game's own pace."""
    if game.turns:
        return TICKS_PER_SECOND // FRAMES_A_PLY
    return max(1, round(TICKS_PER_SECOND / (frame_skip or game.frame_skip)))


class Audience:
    """Renders a batch: not at all (None), for the caller (`rgb_array`), or its first environment in a window (`human`)."""

    def __init__(self, batch: Batch, render_mode: str | None):
        self.batch, self.render_mode = batch, render_mode
        self.human = render_mode == "human"
        self._window: HumanWindow | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A copy has no window, so that looking ahead in it is not shown, and a painter of its own."""
        return {"batch": self.batch, "render_mode": self.render_mode, "human": False, "_window": None}

    @cached_property
    def painter(self) -> Any:
        from games.render.renderer import Painter  # imports Pygame, which is needed only for rendering

        return Painter(self.batch.game)

    def picture(self, env: int = 0, final: bool = False) -> np.ndarray:
        """The spectator's picture, uint8 [420, 420, 3], painted without a display. final: of the state `batch.final`."""
        return self.painter.picture(self.batch, env, size=PICTURE, final=final)

    def render(self) -> np.ndarray | None:
        """`rgb_array`: a picture of the first environment (of the final state if the last step ended it); else None."""
        return self.picture(final=self.batch.end[0] != RUNNING) if self.render_mode == "rgb_array" else None

    def watch(self) -> None:
        """`human`: show the current state in the window; else do nothing."""
        if not self.human:
            return
        if self._window is None:
            self._window = HumanWindow(self.painter, self.batch.game.heading)
        self._window.show(self.batch, FRAMES_A_PLY if self.batch.game.turns else 1)

    def close(self) -> None:
        """Close the window; may be called again."""
        if self._window is not None:
            self._window.close()


class HumanWindow:
    """A window that shows an environment at 60 frames a second. After the user closes it, the environment runs on unseen."""

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
        """Show a batch's first environment (the final state if its episode ended) for so many frames of 1/60 s."""
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
            # A delay of up to one frame is caught up, so that the mean rate is 60; a longer one is not.
            self._due = max(self._due + 1.0 / TICKS_PER_SECOND, now - 1.0 / TICKS_PER_SECOND)
            if self._due > now:
                time.sleep(self._due - now)

    def close(self) -> None:
        """Close the window; may be called again."""
        if self.open:
            self.open = False
            self.pygame.display.quit()
