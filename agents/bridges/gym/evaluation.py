"""Evaluations of agents in Gymnasium environments: episodes, observations for exported graphs, and pictures."""

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from agents.bridges.gym.arena import EVALUATION_SEEDS, GymObservations
from agents.bridges.gym.environment import GymEnvironment
from agents.play.policy import Policy
from agents.play.result import MatchResult
from agents.play.seats import Participant
from games.engine.batch import RANDOM
from games.errors import UserError

CONCURRENT = 32  # environments of an evaluation
MAX_STEPS = 27_000  # decisions of an evaluated episode; one without a time limit of its own might never end
VIDEO_SECONDS, VIDEO_FPS, VIDEO_SIZE = 6.0, 15, 168  # length, pictures per second, larger side in pixels


def evaluate(game: GymEnvironment, participant: Participant, games: int, seed: int) -> MatchResult:
    """Play `games` episodes, each from a seed of its own that training never uses, so independent of the others."""
    if participant.agent is None and participant.bot != RANDOM:
        raise UserError(f"{game.name} has no player of its own.\nSeats: random, or an agent: python train.py {game.name}")
    start = time.perf_counter()
    count = min(games, CONCURRENT)
    copies = game.kept_copies(count)
    player = GymPlayer(game, participant, count, seed)
    number = np.arange(count)  # of the episode that each copy plays
    returns, lengths, cut, decisions = np.zeros(games), np.zeros(games, np.int64), 0, 0
    next_number = count
    begun = copies.reset(number, [_evaluation_seed(seed, row) for row in number])
    player.observe(number, begun.observations, number >= 0)
    while len(rows := np.flatnonzero(number < games)):
        results = copies.step([game.actions.to_env(action) for action in player.act(rows)], rows)
        episodes = number[rows]
        returns[episodes] += results.rewards
        lengths[episodes] += 1
        decisions += len(rows)
        ended = results.terminated | results.truncated | (lengths[episodes] >= MAX_STEPS)
        cut += int((ended & ~results.terminated).sum())
        new = np.arange(next_number, next_number + ended.sum())
        number[rows[ended]], next_number = new, next_number + len(new)
        observations = list(results.observations)
        again = np.flatnonzero(ended & (number[rows] < games))
        if len(again):
            begun = copies.reset(rows[again], [_evaluation_seed(seed, episode) for episode in number[rows[again]]])
            for k, observation in zip(again, begun.observations, strict=True):
                observations[k] = observation
        player.observe(rows, observations, ended)
    return MatchResult(game.name, [participant.name], returns[:, None], cut, decisions / (time.perf_counter() - start))


class GymPlayer:
    """A participant in several Gymnasium environments, with its own observations and recurrent states of each."""

    def __init__(self, game: GymEnvironment, participant: Participant, rows: int, seed: int):
        self.game, self.agent = game, participant.agent
        self.rng = np.random.default_rng([seed, EVALUATION_SEEDS])
        if self.agent is not None:
            self.view = GymObservations(game.adapter, rows, self.agent.info.settings)
            self.memory = self.agent.initial_state(rows)

    def observe(self, rows: np.ndarray, raw: Sequence[Any] | np.ndarray, begins: np.ndarray) -> None:
        """Take new observations of rows [B]; begins: bool [B], where they begin an episode."""
        if self.agent is None:
            return
        self.view.update_rows(rows, raw, begins)
        if self.memory is not None:
            self.memory[torch.from_numpy(rows[begins])] = 0.0

    def act(self, rows: np.ndarray) -> np.ndarray:
        """Actions of rows [B], numbered from 0."""
        if self.agent is None:
            actions = self.rng.integers(self.game.num_actions, size=len(rows))
        else:
            state = None if self.memory is None else self.memory[torch.from_numpy(rows)]
            actions, after = self.agent.decide(self.view.newest()[rows], None, state)
            if self.memory is not None and after is not None:
                self.memory[torch.from_numpy(rows)] = after
        return actions


def _evaluation_seed(seed: int, number: Any) -> int:
    """The seed of an episode of an evaluation."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) | EVALUATION_SEEDS


def observations(game: GymEnvironment, agent: Policy, games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
    """The observations of an agent at each decision in environments that it plays, and where episodes begin."""
    copies = game.kept_copies(games)
    player = GymPlayer(game, Participant("agent", agent=agent), games, seed=5)
    rows, begins = np.arange(games), np.ones(games, bool)
    raw = list(copies.reset(rows, [_evaluation_seed(5, row) for row in rows]).observations)
    for _ in range(decisions):
        player.observe(rows, raw, begins)
        yield {"observation": player.view.newest().copy(), "start": begins}
        results = copies.step([game.actions.to_env(action) for action in player.act(rows)], rows)
        raw, begins = list(results.observations), results.terminated | results.truncated
        ended = np.flatnonzero(begins)
        if len(ended):
            for row, observation in zip(ended, copies.reset(ended).observations, strict=True):
                raw[row] = observation


def pictures(game: GymEnvironment, participant: Participant, seed: int, count: int, every: int) -> list[np.ndarray]:
    """Pictures that an environment draws of a participant's first episode: at most `count`, one in `every` decisions."""
    from PIL import Image

    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # training opens no window, and drawing needs no display

    def picture() -> np.ndarray:
        drawn: Any = np.asarray(copies.render(0))
        if drawn.dtype != np.uint8:
            drawn = np.rint(drawn * 255).astype(np.uint8)
        scale = VIDEO_SIZE / max(drawn.shape[:2])
        resampling = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        size = round(drawn.shape[1] * scale), round(drawn.shape[0] * scale)
        return np.asarray(Image.fromarray(drawn).resize(size, resampling))

    copies = game.kept_copies(1, render_mode="rgb_array")
    row, player = np.array([0]), GymPlayer(game, participant, 1, seed)
    player.observe(row, copies.reset(row, [_evaluation_seed(seed, 0)]).observations, np.array([True]))
    images = [picture()]
    for step in range(1, count * every):
        results = copies.step([game.actions.to_env(player.act(row)[0])], row)
        if results.terminated[0] or results.truncated[0]:
            break
        player.observe(row, results.observations, np.array([False]))
        if step % every == 0:
            images.append(picture())
    return images
