"""The protocol of a game that can be trained on and evaluated, and its implementation for our own games.

`agents.bridges.gym.game.GymGame` implements it for Gymnasium environments.
"""

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np

from agents.core.settings import AgentSettings
from agents.experience.vec_game import VecGame
from agents.play.arena import GameArena
from agents.play.game_info import GameInfo
from agents.play.league_arena import LeagueArena
from agents.play.limits import MatchLimits
from agents.play.policy import Policy
from agents.play.pool import Opponents, Pool
from agents.play.result import MatchResult
from agents.play.seats import Participant
from agents.play.table import play_games
from agents.play.video import record_episode
from games.engine.batch import EXTERNAL, Batch, Workers
from games.engine.level_names import LevelChoice
from games.engine.levels import ANY, Levels
from games.engine.loader import Game
from games.engine.view import View, frame_shape


class TrainableGame(Protocol):
    """The operations of a game that training, evaluation and export need. `trainable` gives them for any game."""

    any_thread: bool  # its environments may be stepped from any thread

    def frame_shape(self, observation: str, size: int) -> tuple[int, ...]:
        """The shape of one frame. observation: pixels, planes or objects; size: of an image, in pixels."""

    def image_shape(self, observation: str, size: int) -> tuple[int, ...] | None:
        """The shape of the image in a frame that holds an image and objects (`agents.networks.inputs`); None for others."""

    def describe_observation(self, settings: AgentSettings) -> list[tuple[str, str, str]]:
        """Of an observation of several parts: each part's name, its space, and what becomes of it; else nothing."""

    def to_frames(self, observation: Any, settings: AgentSettings) -> np.ndarray:
        """One or more observations of the game's environment in the form, channels last, that `Agent.act` takes."""

    def to_masks(self, observation: Any, mask: Any) -> np.ndarray | None:
        """The masks [B, A] that `Agent.act` uses, from what it is given; None where every action is allowed."""

    def env_actions(self, actions: np.ndarray) -> Any:
        """Actions [B], numbered from 0, as the game's own environment takes them: [B], or of several numbers each [B, …]."""

    def make_arena(
        self,
        num_envs: int,
        seed: int,
        opponents: Opponents,
        settings: AgentSettings,
        workers: Workers,
        levels: Levels = ANY,
    ) -> VecGame:
        """Many copies of the game to learn in."""

    def play_games(
        self, participants: list[Participant], games: int, seed: int, levels: LevelChoice, limits: MatchLimits
    ) -> MatchResult:
        """Play games between participants, which have been checked; see `agents.play.match.play_match`."""

    def observations(self, agent: Policy, games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
        """The inputs of an exported graph but its memory, at each decision of an agent that plays all seats of its games."""

    def record_episode(
        self, participants: list[Participant], seed: int, seconds: float, levels: Levels = ANY
    ) -> tuple[list[np.ndarray], int]:
        """Pictures uint8 [H, W, 3] of the beginning of an episode, and their number per second. seconds: that it may take.

        `agents.play.video.NotDrawable` if there are none.
        """

    def close(self) -> None:
        """Close what evaluations have kept open."""


class ExternalGame(GameInfo, TrainableGame, Protocol):
    """A game that is not one of our game files and implements the operations itself, as `GymGame` does."""


AnyGame: TypeAlias = Game | ExternalGame


class NativeGame:
    """The operations of one of our own game files."""

    any_thread = True

    def __init__(self, game: Game):
        self.game = game

    def frame_shape(self, observation: str, size: int) -> tuple[int, ...]:
        return frame_shape(self.game, observation, size)

    def image_shape(self, observation: str, size: int) -> None:
        return None

    def describe_observation(self, settings: AgentSettings) -> list[tuple[str, str, str]]:
        return []

    def to_frames(self, observation: np.ndarray, settings: AgentSettings) -> np.ndarray:
        return observation

    def to_masks(self, observation: np.ndarray, mask: Any) -> np.ndarray | None:
        return None if mask is None else np.atleast_2d(mask)

    def env_actions(self, actions: np.ndarray) -> np.ndarray:
        return actions

    def make_arena(
        self,
        num_envs: int,
        seed: int,
        opponents: Opponents,
        settings: AgentSettings,
        workers: Workers,
        levels: Levels = ANY,
    ) -> VecGame:
        if isinstance(opponents, Pool):
            return LeagueArena(self.game, num_envs, seed, opponents, settings, workers, levels)
        return GameArena(self.game, num_envs, seed, opponents, settings, workers, levels)

    def play_games(
        self, participants: list[Participant], games: int, seed: int, levels: LevelChoice, limits: MatchLimits
    ) -> MatchResult:
        return play_games(self.game, participants, games, seed, levels, limits)

    def record_episode(
        self, participants: list[Participant], seed: int, seconds: float, levels: Levels = ANY
    ) -> tuple[list[np.ndarray], int]:
        return record_episode(self.game, participants, seed, levels)

    def close(self) -> None:
        pass

    def observations(self, agent: Policy, games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
        game, settings = self.game, agent.info.settings
        batch = Batch(game, games, seed=5, bots=EXTERNAL, opening=(0, 4) if game.turns else (0, 0))
        rows = [(env, env % game.players) for env in range(games)]
        players = [agent.player(batch, [(env, seat) for env in range(games)]) for seat in range(game.players)]
        view = View(batch, rows, settings.observation, settings.size, settings.stack)
        actions, episode = np.zeros((games, game.players), np.int64), np.full(games, -1)
        for _ in range(decisions):
            for player in players:
                player.act(actions)
            inputs = {"observation": view.observe(), "start": batch.episode != episode}
            if game.has_legal:
                inputs["mask"] = view.masks()
            episode = batch.episode.copy()
            yield {name: np.ascontiguousarray(array) for name, array in inputs.items()}
            batch.step(actions)


def trainable(game: AnyGame) -> TrainableGame:
    """The game as a `TrainableGame`: one of our own is wrapped in `NativeGame`, an external one is returned as it is."""
    return NativeGame(game) if isinstance(game, Game) else game
