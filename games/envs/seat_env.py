"""What the standard APIs share: a seat that is played among others, its spaces, and who looks on.

`games.envs.gymnasium` is Gymnasium's view of it, `games.envs.pettingzoo` PettingZoo's, `agents.bridges.sb3.environment` Stable-Baselines3's.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
from gymnasium import spaces

import games
from games.core import TICKS_PER_SECOND, mix
from games.engine.batch import EXTERNAL, RANDOM, RUNNING, Batch
from games.engine.loader import Game
from games.engine.view import View
from games.errors import UserError

LARGEST_SEED = 0xFFFFFFFFFFFFFFFF  # a batch's seed has 64 bits; of a longer one the lowest count
PICTURE = 420  # width and height of `rgb_array`
WINDOW = 672  # of the window, before somebody resizes it
FRAMES_A_PLY = 30  # that the window shows each position of a game of turns


class SeatPlayer(Protocol):
    """Somebody who plays rows (environment, seat) of a batch beside its caller: a saved agent, say."""

    def act(self, actions: np.ndarray) -> None:
        """Write a world action for each of its rows that is asked into int64 [N, P]. Called once before every step."""


MakePlayer = Callable[[str, Batch, np.ndarray], SeatPlayer]  # of an opponent's name, for rows [N, 2] of a batch


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


class SeatEnv:
    """One seat of every environment of a batch, everybody else played: what the standard views have in common.

    `rewards` float64 [N] is what the last step earned; `end` uint8 [N] (as `batch.end`) says which episodes it ended.
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
        self._make: Callable[[], SeatPlayer] | None = None
        if other is None and make_player is not None:
            self._make = partial(make_player, opponent, self.batch, np.stack([self.envs, 1 - self.seats], 1))
        self.player = self._make() if self._make else None
        self.rewards = np.zeros(num_envs)
        self.end = np.zeros(num_envs, np.uint8)
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

    def reset(self, seed: int | Sequence[int] | None, episode: np.ndarray | int = 0, rows: np.ndarray | None = None) -> None:
        """Begin anew at the given episode (of each environment), from another seed where one is given.

        seed: one for all: environment i plays its i-th sequence of episodes; or one each: every environment plays what a
        single one of that seed does. rows: bool [N], begin these only; the others stand as they did.
        """
        rows = np.ones(len(self.envs), bool) if rows is None else rows
        if seed is not None:
            self._take_seed(seed, rows)
        with self.held(~rows):
            self.batch.reset(np.where(rows, episode, self.batch.episode))  # type: ignore[arg-type]
            self._owed[rows] = self.batch.rewards[self.envs, self.seats][rows]
        self.view.forget(rows)
        if seed is not None and self._make is not None:
            self.player = self._make()  # with nothing left of the games before
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
        # Episodes come from mix(seed) ^ number: another number does for another seed.
        for row in np.flatnonzero(rows).tolist():
            one, number = (seed, row) if isinstance(seed, int | np.integer) else (seed[row], 0)
            source = mix(batch.seed & LARGEST_SEED) ^ mix(int(one) & LARGEST_SEED) ^ int(number)
            batch.env_ids[row] = np.uint64(source).astype(np.int64)

    def begin(self) -> None:
        """Let the opponent move until the seat is asked: in a game of turns it may begin an episode."""
        while self.player is not None and self.game.has_asks and not self.asked().all():
            self.player.act(self._world)
            self.batch.step(self._world)
            self._owed += self.batch.rewards[self.envs, self.seats]

    @contextmanager
    def held(self, rows: np.ndarray) -> Iterator[None]:
        """What is done in this block passes by these rows (bool [N]): nobody is asked there, and all stays as it was."""
        if not rows.any():
            yield
            return
        batch = self.batch
        arrays: tuple[np.ndarray, ...] = (
            batch.states, batch.slots, batch.rewards, batch.end, batch.final, batch.returns, batch.ticks,
        )  # fmt: skip
        kept = [array[rows] for array in arrays]
        batch.asked[rows] = 0
        try:
            yield
        finally:
            for array, old in zip(arrays, kept, strict=True):
                array[rows] = old

    def step(self, actions: np.ndarray, watch: Callable[[], None] | None = None, hold: np.ndarray | None = None) -> None:
        """The seat's actions, int64 [N] in its view's words, and all that follows until it is asked again.

        watch: called after each tick. hold: bool [N], rows that time passes by: no action, no reward, no end.
        """
        hold = np.zeros(len(self.envs), bool) if hold is None else hold
        actions = np.where(hold, 0, actions)
        if not ((actions >= 0) & (actions < self.game.num_actions)).all():
            raise UserError(f"An action of {self.game.heading} is from 0 to {self.game.num_actions - 1}, not {actions}.")
        self.view.act(actions, self._world)
        self.rewards = np.where(hold, 0.0, self._owed)
        self._owed[~hold] = 0.0
        self.end = np.zeros(len(self.envs), np.uint8)
        while not hold.all():
            with self.held(hold):
                if self.player is not None:
                    self.player.act(self._world)
                self.batch.step(self._world, max_ticks=None if watch is None else 1)
                self.rewards += np.where(hold, 0.0, self.batch.rewards[self.envs, self.seats])
                self.end = np.where(hold, RUNNING, self.batch.end).astype(np.uint8)
            if watch is not None:
                watch()
            if self.end.any() or self.asked().all():
                return

    def masks(self) -> np.ndarray:
        """int8 [N, A]: what the seat may try now, in its view's words."""
        return self.view.masks().view(np.int8)

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


def final_masks(view: View, rows: np.ndarray) -> np.ndarray:
    """int8 [len(rows), A]: `View.final_masks`, of the type that Gymnasium wants."""
    return view.final_masks(rows).view(np.int8)


def check_render_mode(render_mode: str | None, known: list[str]) -> None:
    if render_mode is not None and render_mode not in known:
        raise UserError(f"There is no render_mode {render_mode!r}.\nKnown: {', '.join(known)}, None.")


def frames_a_second(game: Game, frame_skip: int | None = None) -> int:
    """At which a film of one picture a step plays at the game's own pace."""
    if game.turns:
        return TICKS_PER_SECOND // FRAMES_A_PLY
    return max(1, round(TICKS_PER_SECOND / (frame_skip or game.frame_skip)))


class Audience:
    """Who looks at a batch: nobody (None), a caller (`rgb_array`) or, at its first environment, a person (`human`)."""

    def __init__(self, batch: Batch, render_mode: str | None):
        self.batch, self.render_mode = batch, render_mode
        self.human = render_mode == "human"
        self._screen: HumanWindow | None = None

    @cached_property
    def painter(self) -> Any:
        from games.render.renderer import Painter  # Pygame: only who looks needs it

        return Painter(self.batch.game)

    def picture(self, env: int = 0, final: bool = False) -> np.ndarray:
        """The spectator's picture, uint8 [420, 420, 3], painted without a display. final: of the latest end, not of now."""
        return self.painter.picture(self.batch, env, size=PICTURE, final=final)

    def render(self) -> np.ndarray | None:
        """`rgb_array`: a picture of the first environment, its end where the last step ended it; else None."""
        return self.picture(final=self.batch.end[0] != RUNNING) if self.render_mode == "rgb_array" else None

    def watch(self) -> None:
        """`human`: show what there is now; else nothing."""
        if not self.human:
            return
        if self._screen is None:
            self._screen = HumanWindow(self.painter, self.batch.game.heading)
        self._screen.show(self.batch, FRAMES_A_PLY if self.batch.game.turns else 1)

    def close(self) -> None:
        """Close the window; may be called again."""
        if self._screen is not None:
            self._screen.close()


class HumanWindow:
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
