"""Evaluations of agents in Gymnasium environments: episodes, observations for exported graphs, and pictures."""

import os
import time
from collections.abc import Iterator
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
    envs = [game.make() for _ in range(min(games, CONCURRENT))]
    player = GymPlayer(game, participant, len(envs), seed)
    number = np.arange(len(envs))  # of the episode that each environment plays
    returns, lengths, cut, decisions = np.zeros(games), np.zeros(games, np.int64), 0, 0
    next_number = len(envs)
    begun = [env.reset(seed=_evaluation_seed(seed, row)) for row, env in enumerate(envs)]
    player.observe(number, [raw for raw, _ in begun], number >= 0, game.masks.of(envs, begun))
    while len(rows := np.flatnonzero(number < games)):
        seen, begins = [], []
        for row, action in zip(rows, player.act(rows), strict=True):
            raw, reward, terminated, truncated, info = envs[row].step(game.actions.to_env(action))
            episode = number[row]
            returns[episode] += float(reward)
            lengths[episode] += 1
            decisions += 1
            begins.append(bool(terminated or truncated or lengths[episode] >= MAX_STEPS))
            if begins[-1]:
                cut += not terminated
                number[row], next_number = next_number, next_number + 1
                if number[row] < games:
                    raw, info = envs[row].reset(seed=_evaluation_seed(seed, number[row]))
            seen.append((raw, info))
        masks = game.masks.of([envs[row] for row in rows], seen)
        player.observe(rows, [raw for raw, _ in seen], np.array(begins), masks)
    for env in envs:
        env.close()
    return MatchResult(game.name, [participant.name], returns[:, None], cut, decisions / (time.perf_counter() - start))


class GymPlayer:
    """A participant in several Gymnasium environments, with its own observations and recurrent states of each."""

    def __init__(self, game: GymEnvironment, participant: Participant, rows: int, seed: int):
        self.game, self.agent = game, participant.agent
        self.rng = np.random.default_rng([seed, EVALUATION_SEEDS])
        self.masks = np.ones((rows, game.num_actions), np.uint8) if game.has_legal else None  # of the newest observations
        if self.agent is not None:
            self.view = GymObservations(game.adapter, rows, self.agent.info.settings)
            self.memory = self.agent.initial_state(rows)

    def observe(self, rows: np.ndarray, raw: list[Any], begins: np.ndarray, masks: np.ndarray | None) -> None:
        """Take new observations of rows [B]; begins: bool [B], where they begin an episode; masks [B, A]."""
        if self.masks is not None and masks is not None:
            self.masks[rows] = masks
        if self.agent is None:
            return
        self.view.update_rows(rows, raw, begins)
        if self.memory is not None:
            self.memory[torch.from_numpy(rows[begins])] = 0.0

    def act(self, rows: np.ndarray) -> np.ndarray:
        """Actions of rows [B], numbered from 0."""
        masks = None if self.masks is None else self.masks[rows]
        if self.agent is None:
            actions = self._random(len(rows), masks)
        else:
            state = None if self.memory is None else self.memory[torch.from_numpy(rows)]
            actions, after = self.agent.decide(self.view.newest()[rows], masks, state)
            if self.memory is not None and after is not None:
                self.memory[torch.from_numpy(rows)] = after
        return actions

    def _random(self, count: int, masks: np.ndarray | None) -> np.ndarray:
        if masks is None:
            return self.rng.integers(self.game.num_actions, size=count)
        return np.array([self.rng.choice(np.flatnonzero(mask)) for mask in masks])


def _evaluation_seed(seed: int, number: int) -> int:
    """The seed of an episode of an evaluation."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) | EVALUATION_SEEDS


def observations(game: GymEnvironment, agent: Policy, games: int, decisions: int) -> Iterator[dict[str, np.ndarray]]:
    """The observations and masks of an agent at each decision in environments that it plays, and where episodes begin."""
    envs = [game.make() for _ in range(games)]
    try:
        player = GymPlayer(game, Participant("agent", agent=agent), games, seed=5)
        rows, begins = np.arange(games), np.ones(games, bool)
        seen = [env.reset(seed=_evaluation_seed(5, row)) for row, env in enumerate(envs)]
        for _ in range(decisions):
            player.observe(rows, [raw for raw, _ in seen], begins, game.masks.of(envs, seen))
            masks = {} if player.masks is None else {"mask": player.masks.copy()}
            yield {"observation": player.view.newest().copy(), "start": begins, **masks}
            begins = np.zeros(games, bool)
            for row, action in enumerate(player.act(rows)):
                raw, _, terminated, truncated, info = envs[row].step(game.actions.to_env(action))
                begins[row] = terminated or truncated
                seen[row] = envs[row].reset() if begins[row] else (raw, info)
    finally:
        for env in envs:
            env.close()


def pictures(game: GymEnvironment, participant: Participant, seed: int, count: int, every: int) -> list[np.ndarray]:
    """Pictures that an environment draws of a participant's first episode: at most `count`, one in `every` decisions."""
    from PIL import Image

    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # training opens no window, and drawing needs no display

    def picture() -> np.ndarray:
        drawn: Any = np.asarray(env.render())
        if drawn.dtype != np.uint8:
            drawn = np.rint(drawn * 255).astype(np.uint8)
        scale = VIDEO_SIZE / max(drawn.shape[:2])
        resampling = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        size = round(drawn.shape[1] * scale), round(drawn.shape[0] * scale)
        return np.asarray(Image.fromarray(drawn).resize(size, resampling))

    env = game.make(render_mode="rgb_array")
    try:
        row, player = np.array([0]), GymPlayer(game, participant, 1, seed)
        raw, info = env.reset(seed=_evaluation_seed(seed, 0))
        player.observe(row, [raw], np.array([True]), game.masks.of([env], [(raw, info)]))
        images = [picture()]
        for step in range(1, count * every):
            raw, _, terminated, truncated, info = env.step(game.actions.to_env(player.act(row)[0]))
            if terminated or truncated:
                break
            player.observe(row, [raw], np.array([False]), game.masks.of([env], [(raw, info)]))
            if step % every == 0:
                images.append(picture())
        return images
    finally:
        env.close()
