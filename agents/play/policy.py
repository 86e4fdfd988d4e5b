"""The protocol of a policy that can take a seat, and a policy seated in a batch of games."""

from collections.abc import Sequence
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


class SeatedAgent:
    """An agent in some seats of a batch, with its own view of each seat and its own recurrent states."""

    def __init__(self, agent: Policy, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray):
        self.agent, self.batch = agent, batch
        settings = agent.info.settings
        self.view = View(batch, rows, settings.observation, settings.size, settings.stack)
        self.memory = agent.initial_state(self.view.rows)
        self.episode = np.full(self.view.rows, -1, np.int64)  # to which the memory belongs
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
        chosen[rows], state = self.agent.decide(observation[rows], masks, self._recurrent_state(rows))
        if self.memory is not None and state is not None:
            self.memory[torch.from_numpy(rows)] = state
        self.view.act(chosen, actions)

    def _recurrent_state(self, rows: np.ndarray) -> Tensor | None:
        """The recurrent state of rows that are asked, zeros at their first decision of an episode."""
        if self.memory is None:
            return None
        running = self.batch.episode[self.view.envs[rows]]
        begins, self.episode[rows] = running != self.episode[rows], running
        return reset_state(self.memory[torch.from_numpy(rows)], torch.from_numpy(begins).to(self.memory.device))

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs to go on identically; copies."""
        parts = {name: torch.from_numpy(array) for name, array in self.view.state().items()}
        parts["generator"] = self.agent.generator.get_state()
        if self.memory is not None:
            parts |= {"memory": self.memory.clone(), "remembered": torch.from_numpy(self.episode.copy())}
        return parts

    def restore(self, parts: dict[str, Tensor]) -> None:
        self.view.restore({name: parts[name].numpy() for name in ("last", "episode")})
        restore_generator(self.agent.generator, parts["generator"])
        if self.memory is not None:
            self.memory = checked("memory", parts["memory"], self.memory).to(self.memory.device)
            self.episode = checked("remembered", parts["remembered"], self.episode).numpy().copy()
