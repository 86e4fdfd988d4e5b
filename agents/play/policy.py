"""The protocol of a policy that can take a seat, and a policy seated in a batch of games."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from agents.core.generators import restore_generator
from agents.core.restored import checked
from agents.networks.memory import reset_state
from agents.networks.network import Network
from agents.play.agent_info import AgentInfo
from games.engine.batch import Batch
from games.engine.view import View


class Policy(Protocol):
    """The protocol of a trained policy: an `Agent`, or one of Stable-Baselines3 (`agents.bridges.sb3.agent`)."""

    info: AgentInfo
    generator: torch.Generator

    def initial_state(self, rows: int) -> Tensor | None:
        """The recurrent state of `rows` rows before an episode begins; None without a memory."""

    def decide(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """Actions int64 [B] for observations [B, stack, *frame] and masks [B, A]; and the recurrent state after them."""

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray) -> "SeatedAgent":
        """Seat it in rows (environment, seat) of a batch."""


class NetworkPolicy(Policy, Protocol):
    """The protocol of a policy by one of our networks: an `Agent`."""

    network: Network
    device: torch.device
    dtype: torch.dtype


class EpisodeMemory:
    """The recurrent states of R rows of a batch, float32 [R, 2 * layers, size], each of the episode that its row is in.

    Without a memory there are none: then nothing happens here.
    """

    def __init__(self, initial: Tensor | None, batch: Batch, envs: np.ndarray):
        """initial: the states before an episode begins, or None. envs: int64 [R], the environment of each row."""
        self.states, self.batch, self.envs = initial, batch, envs
        self.episode = np.full(len(envs), -1, np.int64)  # to which each state belongs

    def before(self, rows: np.ndarray) -> Tensor | None:
        """The states of rows that decide now [B, …], zeros at their first decision of an episode."""
        if self.states is None:
            return None
        running = self.batch.episode[self.envs[rows]]
        begins, self.episode[rows] = running != self.episode[rows], running
        return reset_state(self.states[torch.from_numpy(rows)], torch.from_numpy(begins).to(self.states.device))

    def store(self, rows: np.ndarray, after: Tensor | None) -> None:
        """Keep the states of rows that have decided [B, …]."""
        if self.states is not None and after is not None:
            self.states[torch.from_numpy(rows)] = after

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs; copies."""
        if self.states is None:
            return {}
        return {"memory": self.states.clone(), "remembered": torch.from_numpy(self.episode.copy())}

    def restore(self, parts: dict[str, Tensor]) -> None:
        """Take what `state` gave; `ValueError` for what does not fit."""
        if self.states is not None:
            self.states = checked("memory", parts["memory"], self.states).to(self.states.device)
            self.episode = checked("remembered", parts["remembered"], self.episode).numpy().copy()


@dataclass(frozen=True)
class Decision:
    """A decision of B rows, as a policy was asked for it, and the actions chosen."""

    observation: np.ndarray  # [B, stack, *frame]
    masks: np.ndarray | None  # uint8 [B, A], view actions; None where all are always legal
    state: Tensor | None  # the recurrent state before it [B, 2 * layers, size]; None without a memory
    actions: np.ndarray  # int64 [B], view actions


class SeatedAgent:
    """An agent in some seats of a batch, with its own view of each seat and its own recurrent states."""

    def __init__(self, agent: Policy, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray):
        self.agent, self.batch = agent, batch
        settings = agent.info.settings
        self.view = View(batch, rows, settings.observation, settings.size, settings.stack)
        self.memory = EpisodeMemory(agent.initial_state(self.view.rows), batch, self.view.envs)
        self.watch: Callable[[Decision], None] | None = None  # told of each decision, right after it
        batch.frame_skip[self.view.envs, self.view.seats] = batch.game.frame_skip
        batch.delay[self.view.envs, self.view.seats] = 0 if batch.game.turns else settings.delay

    def act(self, actions: np.ndarray) -> None:
        """Decide for the rows that are asked and write actions of the world into `actions` [N, P]. Call it once per `step`."""
        asked = self.batch.asked[self.view.envs, self.view.seats] == 1
        observation = self.view.observe()
        if not asked.any():
            return
        rows = np.flatnonzero(asked)
        chosen = np.zeros(self.view.rows, np.int64)
        masks = self.view.masks()[rows] if self.batch.game.has_legal else None
        seen, before = observation[rows], self.memory.before(rows)
        chosen[rows], state = self.agent.decide(seen, masks, before)
        self.memory.store(rows, state)
        if self.watch is not None:
            self.watch(Decision(seen, masks, before, chosen[rows]))
        self.view.act(chosen, actions)

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs to go on identically; copies."""
        parts = {name: torch.from_numpy(array) for name, array in self.view.state().items()}
        parts["generator"] = self.agent.generator.get_state()
        return parts | self.memory.state()

    def restore(self, parts: dict[str, Tensor]) -> None:
        self.view.restore({name: parts[name].numpy() for name in ("last", "episode")})
        restore_generator(self.agent.generator, parts["generator"])
        self.memory.restore(parts)
