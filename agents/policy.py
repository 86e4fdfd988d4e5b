"""`Agent`: a trained network and all that a seat needs to act as it did in training. One file; opening it runs no code."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

import games
from agents import checkpoint, own
from agents.info import AgentInfo, check_game, info_of
from agents.networks import NETWORKS, Network, forget, masked
from agents.settings import AgentSettings
from games.batch import Batch
from games.errors import UserError
from games.game import Game
from games.view import View, frame_shape


class Agent:
    """A network that plays a game."""

    def __init__(self, game: Game, info: AgentInfo, network: Network, device: str = "cpu"):
        self.game, self.info = game, info
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.dtype = torch.float32
        self.generator = torch.Generator(self.device).manual_seed(0)
        self._state: Tensor | None = None  # of the memory, between calls of `act`

    # --- files ---

    @classmethod
    def load(
        cls, path: str | Path, game: Game | None = None, device: str = "cpu", network: str | Path | None = None
    ) -> "Agent":
        """Open an agent's file. `UserError` where it is damaged or plays another game or version than the one here.

        game: the game it is to play; needed for an agent of a game of your own, since no path in a file is followed.
        network: the file of its network, where that is one of your own; once named, it is known to all further agents.
        """
        path = Path(path)
        tensors, meta = checkpoint.load(path, "agent")
        info = info_of(path, meta)
        game = game or _shipped(path, info)
        check_game(path, info, game)
        if network is not None:
            own.load(network)
        own.need(info.settings, str(path), f"{path} was trained", "Name its file: --network FILE (in Python: network=…)")
        with torch.device("meta"):  # without memory, before its size is known to be the tensors'
            _check_shapes(path, build(game, info.settings, info.algorithm), tensors)
        made = build(game, info.settings, info.algorithm)
        made.load_state_dict(tensors)
        return cls(game, info, made, device)

    def save(self, path: str | Path) -> None:
        """Write the agent, atomically."""
        weights = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}  # one may have two names
        checkpoint.save(Path(path), weights, asdict(self.info), "agent")

    # --- acting ---

    def act(self, observation: np.ndarray, mask: np.ndarray | None = None, start: Any = False) -> Any:
        """The action for an observation as the game's Gymnasium environment gives it, alone or [B, …].

        observation: uint8 [size, size, stack] pixels, [size, size, stack * roles] planes, or float32 objects.
        mask: what is allowed (`info["action_mask"]`), [A] or [B, A].
        start: whether an episode begins with it, a bool or [B]: there an agent with a memory forgets what was before.
        """
        seen = self.info.settings
        if hasattr(self.game, "stacked"):  # an environment that is not ours has its own kind of observations
            observation = self.game.stacked(observation, seen)
        frame = shape_of(self.game, seen)
        flat = 1 if seen.observation == "objects" else 3
        single = observation.ndim == flat
        batch = observation[None] if single else observation
        if flat == 3:
            batch = batch.transpose(0, 3, 1, 2)
        batch = np.ascontiguousarray(batch).reshape(len(batch), seen.stack, *frame)
        masks = None if mask is None else np.asarray(mask)[None] if single else np.asarray(mask)
        begins = torch.from_numpy(np.broadcast_to(start, len(batch)).copy()).to(self.device)
        if self._state is None or len(self._state) != len(batch):
            self._state = self.empty_state(len(batch))
        actions, self._state = self.decide(batch, masks, forget(self._state, begins))
        actions = actions + getattr(self.game, "first_action", 0)
        return int(actions[0]) if single else actions

    def empty_state(self, rows: int) -> Tensor | None:
        """What an agent with a memory remembers in so many rows before an episode begins; None without one."""
        return None if self.network.memory is None else self.network.memory.empty(rows, self.device)

    def decide(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """int64 [B] for a view's observations [B, stack, *frame] and masks [B, A]; and the memory's state after it.

        state: of the memory before it, as this or `empty_state` gave it.
        """
        with torch.inference_mode():
            logits, _, state = self._step(observation, state)
            chosen = self.network.choose(logits, self._tensor(masks), self.info.settings, self.generator)
        return chosen.cpu().numpy(), state

    def scores(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """float32 [B, A], by which `decide` chooses: logits or action values, minus infinity for what is not allowed."""
        with torch.inference_mode():
            scores, _, state = self._step(observation, state)
            return masked(scores, self._tensor(masks)).cpu().numpy(), state

    def evaluate(
        self, observation: np.ndarray, masks: np.ndarray | None = None, state: Tensor | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities [B, A] of the actions at temperature 1, and the values [B], in the rewards that it learned from."""
        with torch.inference_mode():
            logits, values, _ = self._step(observation, state)
            logits = masked(logits, self._tensor(masks))
            return logits.softmax(1).cpu().numpy(), self.network.worth(logits, values).cpu().numpy()

    def _step(self, observation: np.ndarray, state: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        stored = torch.from_numpy(self.network.encoder.arrange(observation))
        if state is None:
            state = self.empty_state(len(observation))
        return self.network.step(stored.to(self.device), state, self.dtype)

    def _tensor(self, masks: np.ndarray | None) -> Tensor | None:
        return None if masks is None else torch.from_numpy(masks).to(self.device)

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray) -> "Player":
        """Let the agent take rows (environment, seat) of a batch."""
        return Player(self, batch, rows)


class Decider(Protocol):
    """What can take a seat: an `Agent`, or one of Stable-Baselines3's (`agents.sb3.agent`)."""

    info: AgentInfo
    generator: torch.Generator

    def empty_state(self, rows: int) -> Tensor | None:
        """What it remembers in so many rows before an episode begins; None without a memory."""

    def decide(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """int64 [B] for observations [B, stack, *frame] and masks [B, A]; and the memory's state after it."""

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray) -> "Player":
        """Let it take rows (environment, seat) of a batch."""


class Player:
    """An agent in some seats of a batch, with its own view of them and its own memory of each."""

    def __init__(self, agent: Decider, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray):
        self.agent, self.batch = agent, batch
        seen = agent.info.settings
        self.view = View(batch, rows, seen.observation, seen.size, seen.stack)
        self.memory = agent.empty_state(self.view.rows)
        self.episode = np.full(self.view.rows, -1, np.int64)  # that the memory is of
        batch.frame_skip[self.view.envs, self.view.seats] = batch.game.frame_skip
        batch.delay[self.view.envs, self.view.seats] = 0 if batch.game.turns else seen.delay

    def act(self, actions: np.ndarray) -> None:
        """Decide for the rows that are asked; writes world actions into [N, P]. Call it once before every `step`."""
        asked = self.batch.asked[self.view.envs, self.view.seats] == 1
        observation = self.view.observe()
        if not asked.any():
            return
        rows = np.flatnonzero(asked)
        chosen = np.zeros(self.view.rows, np.int64)
        masks = self.view.masks()[rows] if self.batch.game.has_legal else None
        chosen[rows], state = self.agent.decide(observation[rows], masks, self._remembered(rows))
        if self.memory is not None and state is not None:
            self.memory[torch.from_numpy(rows)] = state
        self.view.act(chosen, actions)

    def _remembered(self, rows: np.ndarray) -> Tensor | None:
        """The memory of rows that are asked, empty where this is their first decision of an episode."""
        if self.memory is None:
            return None
        running = self.batch.episode[self.view.envs[rows]]
        begins, self.episode[rows] = running != self.episode[rows], running
        return forget(self.memory[torch.from_numpy(rows)], torch.from_numpy(begins).to(self.memory.device))

    def state(self) -> dict[str, Tensor]:
        """What it needs to go on identically; copies."""
        parts = {name: torch.from_numpy(array) for name, array in self.view.state().items()}
        parts["generator"] = self.agent.generator.get_state()
        if self.memory is not None:
            parts |= {"memory": self.memory.clone(), "remembered": torch.from_numpy(self.episode.copy())}
        return parts

    def restore(self, parts: dict[str, Tensor]) -> None:
        self.view.restore({name: parts[name].numpy() for name in ("last", "episode")})
        self.agent.generator.set_state(parts["generator"])
        if self.memory is not None:
            self.memory, self.episode = parts["memory"].to(self.memory.device), parts["remembered"].numpy().copy()


def shape_of(game: Game, settings: AgentSettings) -> tuple[int, ...]:
    """Of one frame as these settings see the game."""
    own = getattr(game, "frame_shape", None)  # of an environment that is not ours
    return own(settings.observation, settings.size) if own else frame_shape(game, settings.observation, settings.size)


def build(game: Game, settings: AgentSettings, algorithm: str = "ppo") -> Network:
    """A new network for a game, with the heads that an algorithm needs."""
    shape = (settings.stack, *shape_of(game, settings))
    return NETWORKS[algorithm](shape, game.num_actions, settings)


def describe(game: Game, settings: AgentSettings, algorithm: str) -> AgentInfo:
    """The file's text for an agent of this game; takes the agent's part of a learner's settings."""
    return AgentInfo(
        game=game.name,
        game_version=game.version,
        game_digest=None if game.shipped else game.digest,
        algorithm=algorithm,
        settings=AgentSettings(**{f.name: getattr(settings, f.name) for f in fields(AgentSettings)}),
        seats=list(range(game.players)),
    )


def _shipped(path: Path, info: AgentInfo) -> Game:
    if info.game.startswith("gym:"):
        raise UserError(
            f"{path} plays '{info.game}', which is not ours.\nName it: python play.py {info.game} {path} --headless"
        )
    if info.game_digest is not None or info.game not in games.names():
        raise UserError(f"{path} plays '{info.game}', a game of somebody's own.\nName the game's file: ./{info.game}.py")
    return games.load(info.game)


def _check_shapes(path: Path, network: Network, tensors: dict[str, Tensor]) -> None:
    expected = {name: (tensor.dtype, tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise UserError(f"{path} does not fit its own description: {', '.join(wrong[:3])} differ.")


def fitting(path: Path, network: Network) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of an agent's file, or of a run's, of any game, that a network has by name and shape; and its names that go
    without.

    `UserError` where nothing fits.
    """
    path = path / "agent.safetensors" if path.is_dir() else path
    tensors, _ = checkpoint.load(path, "agent")
    own = network.state_dict()
    fit = {name: tensors[name] for name, tensor in own.items() if name in tensors and tensors[name].shape == tensor.shape}
    if not any(name.startswith("encoder.") for name in fit):
        raise UserError(
            f"{path} has another network: nothing of its encoder fits.\n"
            "Give the --observation, --network and --set size=… that it was trained with."
        )
    return fit, [name for name in own if name not in fit]
