"""Many agents in one batch: each row is played by the agent who sits there in this episode.

Agents with the same settings, as all snapshots of a run are, make a family: they share a view and the states of their
memories, and their actions are drawn together. Their networks are run one after another, each on its own rows, prepared where
that is possible: stacked weights, whose rows must be padded to the most that one agent has, are slower
(`agents.networks.inference` has the figures).
"""

from collections.abc import Callable
from dataclasses import astuple
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.core.generators import restore_generator
from agents.core.tensor_file import select_prefix
from agents.networks.inference import prepared_scores
from agents.play.agent_info import AgentInfo
from agents.play.policy import EpisodeMemory, NetworkPolicy
from games.engine.batch import Batch
from games.engine.view import View


def family_of(info: AgentInfo) -> tuple[Any, ...]:
    """Equal for agents that can share a view, a random stream and the form of a memory's state."""
    return info.algorithm, *astuple(info.settings)


class Family:
    """Agents with equal settings, in any rows (environment, seat) of a batch."""

    def __init__(self, agent: NetworkPolicy, batch: Batch, rows: np.ndarray, seed: int):
        """agent: one of them."""
        settings = agent.info.settings
        self.settings, self.batch, self.device, self.dtype = settings, batch, agent.device, agent.dtype
        self.view = View(batch, rows, settings.observation, settings.size, settings.stack)
        self.memory = EpisodeMemory(agent.initial_state(self.view.rows), batch, self.view.envs)
        self.prepared: dict[int, Callable[[Tensor], Tensor] | None] = {}  # by the agent's key
        self.generator = torch.Generator(self.device).manual_seed(seed)

    def admit(self, agents: dict[int, NetworkPolicy]) -> None:
        """Prepare the networks of new agents, and drop those of agents who are gone."""
        kept = {key: scores for key, scores in self.prepared.items() if key in agents}
        new = {key: prepared_scores(agent.network) for key, agent in agents.items() if key not in kept}
        self.prepared = kept | new

    def act(self, who: np.ndarray, agents: dict[int, NetworkPolicy], actions: np.ndarray) -> None:
        """Decide for the rows that are asked and write world actions into `actions`, int64 [N, P].

        who: int64 [R], the key of the agent in each row, in `agents`; any other number where none of them sits.
        """
        mine = np.isin(who, list(agents))
        if not mine.any():
            return
        view = self.view
        observation = view.observe(among=mine)
        rows = np.flatnonzero(mine & (self.batch.asked[view.envs, view.seats] == 1))
        if not len(rows):
            return
        rows = rows[np.argsort(who[rows], kind="stable")]
        masks = torch.from_numpy(view.masks()[rows]).to(self.device) if self.batch.game.has_legal else None
        with torch.inference_mode():
            scores, state = self._scores(observation, rows, who, agents)
            network = agents[int(who[rows[0]])].network
            chosen = network.choose(scores, masks, self.settings, self.generator).cpu().numpy()
        self.memory.store(rows, state)
        every = np.zeros(view.rows, np.int64)
        every[rows] = chosen
        actions[view.envs[rows], view.seats[rows]] = view.to_world(every)[rows]

    def _scores(
        self, observation: np.ndarray, rows: np.ndarray, who: np.ndarray, agents: dict[int, NetworkPolicy]
    ) -> tuple[Tensor, Tensor | None]:
        """Scores [B, A] of rows that are ordered by agent, and the memory's states after."""
        encoder = agents[int(who[rows[0]])].network.encoder
        stored = torch.from_numpy(encoder.to_storage(observation[rows])).to(self.device)
        before = self.memory.before(rows)
        edges = [0, *(np.flatnonzero(np.diff(who[rows])) + 1).tolist(), len(rows)]
        scores, states = [], []
        for low, high in pairwise(edges):
            key = int(who[rows[low]])
            fast, state = self.prepared[key], None if before is None else before[low:high]
            if fast is not None:
                scores.append(fast(stored[low:high]))
                continue
            found, _, after = agents[key].network.step(stored[low:high], state, self.dtype)
            scores.append(found)
            states += [] if after is None else [after]
        return torch.cat(scores), None if before is None else torch.cat(states)

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """The tensors that `restore` needs to go on identically; copies."""
        parts = {name: torch.from_numpy(array) for name, array in self.view.state().items()}
        parts["generator"] = self.generator.get_state()
        return parts | self.memory.state()

    def restore(self, parts: dict[str, Tensor]) -> None:
        self.view.restore({name: parts[name].numpy() for name in ("last", "episode")})
        restore_generator(self.generator, parts["generator"])
        self.memory.restore(parts)


class Crowd:
    """The families of a batch's agents, made and dropped as agents come and go."""

    def __init__(self, batch: Batch, rows: np.ndarray, seed: int):
        self.batch, self.rows, self.seed = batch, rows, seed
        self.families: dict[tuple[Any, ...], Family] = {}
        self.agents: dict[tuple[Any, ...], dict[int, NetworkPolicy]] = {}

    def admit(self, agents: dict[int, NetworkPolicy]) -> None:
        """From now on these agents, by their keys, are all that may sit."""
        self.agents = {}
        for key, agent in sorted(agents.items()):
            family = family_of(agent.info)
            self.agents.setdefault(family, {})[key] = agent
            if family not in self.families:
                self.families[family] = Family(agent, self.batch, self.rows, self.seed + key)
        self.families = {family: self.families[family] for family in self.agents}
        for family, members in self.agents.items():
            self.families[family].admit(members)

    def act(self, who: np.ndarray, actions: np.ndarray) -> None:
        """Let all agents decide; `who` as in `Family.act`."""
        for family, agents in self.agents.items():
            self.families[family].act(who, agents, actions)

    def state(self) -> dict[str, Tensor]:
        parts = [family.state() for family in self.families.values()]
        return {f"{number}.{name}": tensor for number, part in enumerate(parts) for name, tensor in part.items()}

    def restore(self, parts: dict[str, Tensor]) -> None:
        """Take what `state` gave, after `admit` of the same agents."""
        for number, family in enumerate(self.families.values()):
            family.restore(select_prefix(parts, f"{number}."))
