"""Repeatable random play: the same environments and random numbers give the same games."""

import time
from typing import Any

import numpy as np

from games.engine.batch import EXTERNAL, RANDOM, Batch
from games.engine.loader import Game
from games.engine.view import View

DECISIONS = 400  # length of play
PLAIN_SECONDS = 4.0  # time limit for play in plain Python
PAINTED = {"pixels": 42, "planes": 14, "objects": 14}  # the observations that play records, and their sizes


def every_row(envs: int, seats: range) -> tuple[np.ndarray, np.ndarray]:
    """One row for each seat of each environment: the rows' environments and seats, both int64 [R]."""
    return np.repeat(np.arange(envs), len(seats)), np.tile(np.array(seats), envs)


def world_masks(batch: Batch) -> np.ndarray:
    """uint8 [N, P, A]: each seat's legal world actions."""
    envs, seats = every_row(batch.num_envs, range(batch.game.players))
    masks = np.zeros((len(envs), batch.game.num_actions), np.uint8)
    batch.kernel.mask_slice(0, len(envs), batch.states, batch.slots, envs, seats, masks)
    return masks.reshape(batch.num_envs, batch.game.players, -1)


def display_lists(batch: Batch, envs: np.ndarray, seats: np.ndarray, people: bool = False) -> np.ndarray:
    """The display lists of these seats, for agents or for people: records [R]."""
    frames = np.zeros(len(envs), batch.game.frame_dtype())
    batch.kernel.frame_slice(0, len(envs), batch.states, envs, seats, frames, int(people))
    return frames


def pick(masks: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """The legal action that a random number in [0, 1) selects; 0 if there is none. [..., A], [...] → int64 [...]."""
    nth = (chance * masks.sum(-1)).astype(np.int64)
    return (masks.cumsum(-1) > nth[..., None]).argmax(-1)


class Play:
    """Environments whose seats act at random, some of them against a bot or a random player; `run` records them.

    The play of an environment depends on its number alone, not on the other environments.
    """

    KINDS = 4  # of environments: all seats are the caller's; one is a bot's; one plays at random; one is a better bot's

    def __init__(self, game: Game, ids: Any = 8, seed: int = 1, threads: int = 1, pictures: int = 10):
        """ids: the environments' numbers, or how many there are. pictures: record frames every so many decisions; 0: never."""
        self.game, self.pictures = game, pictures
        self.ids = np.arange(ids) if isinstance(ids, int) else np.asarray(ids)
        bots = np.full((len(self.ids), game.players), EXTERNAL)
        kind = self.ids % self.KINDS
        bots[kind == 1, 0] = 0.5
        bots[kind == 2, -1] = RANDOM
        bots[kind == 3, -1] = 0.9
        self.batch = Batch(game, len(self.ids), seed, bots=bots, env_ids=self.ids, threads=threads)
        self.dice = np.stack([np.random.default_rng((77, int(i))).random((1024, game.players)) for i in self.ids])
        rows = np.stack(every_row(len(self.ids), range(game.players)), 1)
        self.views = [View(self.batch, rows, kind, size, 1) for kind, size in PAINTED.items() if pictures]
        self.count = 0
        self.recorded: dict[str, list[np.ndarray]] = {}

    def step(self) -> None:
        """One decision of every seat that is asked; in games with HANDS, some ticks in which seats that are not asked act."""
        batch = self.batch
        masks = world_masks(batch)
        actions = pick(masks, self.roll())
        limit = None
        if self.game.hands:  # seats that are not asked play the actions that only people have
            limit = 7
            idle = (batch.asked == 0) & (batch.bots == EXTERNAL)
            by_hand = (self.roll(512) * len(self.game.hands)).astype(np.int64)
            actions = np.where(idle, self.game.num_actions + by_hand, actions)
            batch.asked[idle] = 1
        batch.step(actions, limit)
        self.count += 1
        self.record(masks)

    def roll(self, offset: int = 0) -> np.ndarray:
        """A random number in [0, 1) for each seat, [N, P]; each `offset` gives others."""
        return self.dice[:, (self.count + offset) % 1024]

    def record(self, masks: np.ndarray) -> None:
        """Append the current arrays of the batch to the record."""
        batch = self.batch
        arrays = {"states": batch.states, "reward": batch.rewards, "end": batch.end, "mask": masks}
        arrays["action"] = batch.slots["acting"]
        if self.pictures and self.count % self.pictures == 0:
            for view in self.views:
                arrays[view.observation] = view.paint(batch.states, view.envs, view.seats)
        for name, array in arrays.items():
            self.recorded.setdefault(name, []).append(array.copy())

    def run(self, decisions: int, seconds: float = 1e9) -> dict[str, np.ndarray]:
        """Play so many decisions, or until so many seconds are over; returns the record of them, arrays [decisions, N, …]."""
        self.recorded = {}
        deadline = time.process_time() + seconds
        for _ in range(decisions):
            self.step()
            if time.process_time() > deadline:
                break
        return {name: np.stack(arrays) for name, arrays in self.recorded.items()}
