"""The protocol of a game that can be trained on and evaluated, whosever it is, and our own games as such.

`agents.bridges.gym.game.GymGame` keeps it for Gymnasium's environments.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from agents.core.settings import AgentSettings
from agents.experience.vec_game import VecGame
from agents.play.arena import GameArena
from agents.play.result import MatchResult
from agents.play.seats import Participant
from agents.play.table import play_games
from agents.play.video import record_episode
from games.engine.batch import EXTERNAL, Batch, Workers
from games.engine.loader import Game
from games.engine.view import View, frame_shape

if TYPE_CHECKING:
    from agents.play.policy import Policy


class GameInfo(Protocol):
    """The properties of a game that learners, runs and evaluations read. `games.engine.loader.Game` has them."""

    name: str
    path: Path
    shipped: bool  # one of the kit's own
    players: int
    frame_skip: int  # ticks of a decision
    max_ticks: int
    turns: bool
    version: int
    mark: Any  # (opponent, score to reach)
    has_legal: bool  # not every action is always allowed

    @property
    def heading(self) -> str:
        """The name for people."""

    @property
    def doc(self) -> str:
        """Rule, reward, end."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that an agent of it depends on."""

    @property
    def num_actions(self) -> int:
        """Actions of a seat."""

    @property
    def recipe(self) -> dict[str, dict[str, Any]]:
        """Training settings that differ from the defaults, by algorithm."""


class TrainableGame(Protocol):
    """The operations that training, evaluation and export need of a game. `trainable` gives them for any game."""

    first_action: int  # number of the first action, as the game's own environment counts
    any_thread: bool  # may its environments be stepped from a thread of their own?

    def frame_shape(self, observation: str, size: int) -> tuple[int, ...]:
        """The shape of one frame of an observation."""

    def to_frames(self, observation: np.ndarray, settings: AgentSettings) -> np.ndarray:
        """An observation of the game's environment, or several, channels last, as `Agent.act` takes them."""

    def make_arena(
        self, num_envs: int, seed: int, opponents: list[Participant | None], settings: Any, workers: Workers
    ) -> VecGame:
        """Many copies of it to learn in."""

    def play_games(self, participants: list[Participant], games: int, seed: int, levels: Any, threads: int) -> MatchResult:
        """Games between participants that have been checked; see `agents.play.match.play_match`."""

    def observations(self, agent: "Policy", games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
        """Observations of an agent that plays all seats of so many games, decision after decision: what an exported graph is
        given, but for its memory."""

    def record_episode(self, participants: list[Participant], seed: int) -> tuple[list[np.ndarray], int]:
        """Pictures uint8 [H, W, 3] of an episode's beginning, and how many of them make a second; none where there are none."""


class NativeGame:
    """The operations of one of our own game files."""

    first_action, any_thread = 0, True

    def __init__(self, game: Game):
        self.game = game

    def frame_shape(self, observation: str, size: int) -> tuple[int, ...]:
        return frame_shape(self.game, observation, size)

    def to_frames(self, observation: np.ndarray, settings: AgentSettings) -> np.ndarray:
        return observation

    def make_arena(
        self, num_envs: int, seed: int, opponents: list[Participant | None], settings: Any, workers: Workers
    ) -> VecGame:
        return GameArena(self.game, num_envs, seed, opponents, settings, workers)

    def play_games(self, participants: list[Participant], games: int, seed: int, levels: Any, threads: int) -> MatchResult:
        return play_games(self.game, participants, games, seed, levels, threads)

    def record_episode(self, participants: list[Participant], seed: int) -> tuple[list[np.ndarray], int]:
        return record_episode(self.game, participants, seed)

    def observations(self, agent: "Policy", games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
        game, settings = self.game, agent.info.settings
        batch = Batch(game, games, seed=5, bots=EXTERNAL, opening=(0, 4) if game.turns else (0, 0))
        rows = [(env, env % game.players) for env in range(games)]
        players = [agent.player(batch, [(env, seat) for env in range(games)]) for seat in range(game.players)]
        view = View(batch, rows, settings.observation, settings.size, settings.stack)
        actions, episode = np.zeros((games, game.players), np.int64), np.full(games, -1)
        for _ in range(decisions):
            for player in players:
                player.act(actions)
            found = {"observation": view.observe(), "start": batch.episode != episode}
            if game.has_legal:
                found["mask"] = view.masks()
            episode = batch.episode.copy()
            yield {name: np.ascontiguousarray(array) for name, array in found.items()}
            batch.step(actions)


def trainable(game: Any) -> TrainableGame:
    """The operations of a game: of one of our own (`games.load`), or of one that brings them itself."""
    return NativeGame(game) if isinstance(game, Game) else game
