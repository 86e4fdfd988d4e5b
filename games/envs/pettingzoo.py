"""PettingZoo's parallel API for every game of two seats: `SparringParallelEnv`, in which the caller plays both.

    from games.envs.pettingzoo import SparringParallelEnv

    env = SparringParallelEnv("pong", observation="objects")
    observations, infos = env.reset(seed=1)
    while env.agents:
        actions = {agent: env.action_space(agent).sample(infos[agent]["action_mask"]) for agent in env.agents}
        observations, rewards, terminations, truncations, infos = env.step(actions)

PettingZoo is an extra: `pip install -c constraints.txt -e ".[pettingzoo]"`.
"""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding

import games
from games.engine.batch import OUT_OF_TIME, OVER, RUNNING, Batch
from games.engine.level_names import LevelChoice
from games.engine.loader import Game
from games.engine.view import View
from games.envs.seat_env import (
    LARGEST_SEED,
    Audience,
    channels_last,
    check_render_mode,
    final_masks,
    frames_a_second,
    image_shape,
    space_of,
)
from games.envs.state import CloneState
from games.errors import UserError, nearest

try:
    from pettingzoo import ParallelEnv
except ImportError as error:
    raise UserError('PettingZoo is not installed.\nInstall it: pip install -c constraints.txt -e ".[pettingzoo]"') from error

SETTINGS = ("observation", "size", "stack", "levels", "delay", "frame_skip")
OF_ONE_SEAT = ("seat", "opponent", "make_player")  # settings that only `games.envs.gymnasium` has


class SparringParallelEnv(CloneState, ParallelEnv[str, np.ndarray, int]):
    """One game as a PettingZoo `ParallelEnv`: its agents are the seats, named as the game names them.

    Observations and actions are as in `games.envs.gymnasium.SparringEnv`, each agent's as its seat sees the world;
    `infos[agent]` holds its `action_mask` (int8 [A]). One step lasts until one of the agents is asked again. In a game of
    turns, an agent that is not asked keeps its last observation (zeros before the first) and has a mask of zeros; its action
    is ignored and may be missing. Rewards are those of this step for both agents, asked or not: they add up to 0, unless the
    game's `REWARDS` says that both earn the same, or each its own.

    `reset(seed=…)` begins episode 0 of that seed, `reset()` the next episode. The episodes are the same however long the
    earlier ones were and whether they were played to the end. At an end `agents` is empty; the observations are those of the
    last state, and the masks mark the actions that were legal in it if time ran out.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["human", "rgb_array"],
        "render_fps": 15,
        "name": "sparring",
        "is_parallelizable": True,
    }

    def __init__(
        self,
        game: Game | str | Path,
        render_mode: str | None = None,
        *,
        observation: str = "pixels",
        size: int = 84,
        stack: int = 4,
        levels: LevelChoice = None,
        delay: int = 0,
        frame_skip: int | None = None,
        **unknown: Any,
    ):
        """delay, frame_skip: for both seats; the other settings as in `games.envs.gymnasium`."""
        check_arguments(unknown)
        check_render_mode(render_mode, self.metadata["render_modes"])
        self.game = game if isinstance(game, Game) else games.load(game)
        if self.game.players != 2:
            raise UserError(
                f"{self.game.heading} is a game for one: here both seats of a game for two are played.\n"
                "Use games.envs.gymnasium."
            )
        self.batch = Batch(self.game, 1, frame_skip=frame_skip, delay=delay, levels=levels)
        self.view = View(self.batch, [(0, 0), (0, 1)], observation, size, stack)
        self.possible_agents = list(self.game.seats)
        self.agents: list[str] = []
        shape = image_shape(self.view)
        self.observation_spaces = {agent: space_of(self.view, shape) for agent in self.possible_agents}
        self.action_spaces = {agent: spaces.Discrete(self.game.num_actions) for agent in self.possible_agents}
        self.render_mode = render_mode
        self.audience = Audience(self.batch, render_mode)
        name = f"{self.game.name}_v{self.game.version}"
        self.metadata = {**self.metadata, "name": name, "render_fps": frames_a_second(self.game, frame_skip)}
        self._episode = -1  # the running episode; -1: none yet
        self._returns = np.zeros(2)  # rewards of the episode that `step` has returned so far

    def observation_space(self, agent: str) -> spaces.Space:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space:
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """The first observations and infos of an episode; see the class."""
        new = seed is not None or self._episode < 0
        if new:
            self.batch.seed = seeding.np_random(seed)[1] & LARGEST_SEED  # a random one if none is given
        self.batch.reset(0 if new else self._episode + 1)
        self.view.clear_stacks()
        self._episode = int(self.batch.episode[0])
        self._returns = np.zeros(2)
        self.agents = self.possible_agents[:]
        self.audience.watch()
        return self._each(channels_last(self.view, self.view.observe())), self._infos(self.view.masks().view(np.int8))

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Play the actions of the agents that are asked, and advance until an agent is asked again."""
        if not self.agents:
            raise gym.error.ResetNeeded("The episode has ended (or none has begun): call reset().")
        world = np.zeros((1, 2), np.int64)
        self.view.act(self._asked_for(actions), world)
        while True:
            self.batch.step(world, max_ticks=1 if self.audience.human else None)
            self.audience.watch()
            end = self.batch.end[0]
            if end != RUNNING or self.batch.asked.any():
                break
        if end == RUNNING:
            returns, seen, masks = self.batch.slots["returns"][0].copy(), self.view.observe(), self.view.masks().view(np.int8)
        else:
            rows = np.arange(2)
            returns, seen, masks = self.batch.returns[0].copy(), self.view.final(rows), final_masks(self.view, rows)
            self.agents = []
        rewards, self._returns = (returns - self._returns).tolist(), returns
        over, out_of_time = bool(end == OVER), bool(end == OUT_OF_TIME)
        return (
            self._each(channels_last(self.view, seen)),
            self._each(rewards),
            self._each([over, over]),
            self._each([out_of_time, out_of_time]),
            self._infos(masks),
        )

    def _asked_for(self, actions: dict[str, int]) -> np.ndarray:
        """int64 [2]: the actions of the agents that are asked, 0 for the others."""
        for agent in actions:
            if agent not in self.possible_agents:
                raise UserError(
                    f"There is no agent {agent!r} in {self.game.heading}.\nKnown: {', '.join(self.possible_agents)}."
                )
        by_seat = np.zeros(2, np.int64)
        for seat, agent in enumerate(self.possible_agents):
            if not self.batch.asked[0, seat]:
                continue
            if agent not in actions:
                raise UserError(f"The agent {agent!r} is asked (its action_mask is not all 0), but there is no action of it.")
            if actions[agent] not in range(self.game.num_actions):
                last = self.game.num_actions - 1
                raise UserError(f"An action of {self.game.heading} is from 0 to {last}, not {actions[agent]} ({agent}).")
            by_seat[seat] = actions[agent]
        return by_seat

    def _each(self, values: Any) -> dict[str, Any]:
        """A dict by agent of values listed by seat."""
        return dict(zip(self.possible_agents, values, strict=True))

    def _infos(self, masks: np.ndarray) -> dict[str, dict[str, Any]]:
        return self._each([{"action_mask": mask} for mask in masks])

    def _changing(self) -> list[tuple[Any, tuple[str, ...]]]:
        return [(self, ("agents", "_episode", "_returns"))]

    def render(self) -> np.ndarray | None:
        """`rgb_array`: the spectator's picture, uint8 [420, 420, 3], painted without a display. `human`: None."""
        return self.audience.render()

    def close(self) -> None:
        """Close the window and the batch's threads; may be called again."""
        self.audience.close()
        self.batch.close()


def check_arguments(unknown: dict[str, Any]) -> None:
    """`UserError` for a keyword argument that does not exist."""
    for name in unknown:
        if name in OF_ONE_SEAT:
            raise UserError(
                f"There is no argument '{name}' here: both seats are the caller's.\nOne seat is played in games.envs.gymnasium."
            )
        raise UserError(f"There is no argument '{name}'.\n{nearest(name, SETTINGS)}")
