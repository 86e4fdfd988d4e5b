"""`Agent`: a trained network and all that a seat needs to act as it did in training. One file; opening it runs no code."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import games
from agents.core import tensor_file
from agents.core.game_names import is_gym
from agents.core.settings import AgentSettings
from agents.networks import custom
from agents.networks.network import NETWORKS, Network, masked, reset_state
from agents.play.agent_info import AgentInfo, check_game, info_of
from agents.play.policy import SeatedAgent
from agents.play.trainable import trainable
from games.engine.batch import Batch
from games.engine.loader import Game
from games.errors import UserError


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
        tensors, meta = tensor_file.load(path, "agent")
        info = info_of(path, meta)
        game = game or _shipped(path, info)
        check_game(path, info, game)
        if network is not None:
            custom.load(network)
        custom.require(info.settings, str(path), f"{path} was trained", "Name its file: --network FILE (in Python: network=…)")
        with torch.device("meta"):  # without memory, before its size is known to be the tensors'
            _check_shapes(path, build_network(game, info.settings, info.algorithm), tensors)
        made = build_network(game, info.settings, info.algorithm)
        made.load_state_dict(tensors)
        return cls(game, info, made, device)

    def save(self, path: str | Path) -> None:
        """Write the agent, atomically."""
        weights = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}  # one may have two names
        tensor_file.save(Path(path), weights, asdict(self.info), "agent")

    # --- acting ---

    def act(self, observation: np.ndarray, mask: np.ndarray | None = None, start: Any = False) -> Any:
        """The action for an observation as the game's Gymnasium environment gives it, alone or [B, …].

        observation: uint8 [size, size, stack] pixels, [size, size, stack * roles] planes, or float32 objects.
        mask: what is allowed (`info["action_mask"]`), [A] or [B, A].
        start: whether an episode begins with it, a bool or [B]: there an agent with a memory forgets what was before.
        """
        seen = self.info.settings
        observation = trainable(self.game).to_frames(observation, seen)
        frame = frame_shape_of(self.game, seen)
        flat = 1 if seen.observation == "objects" else 3
        single = observation.ndim == flat
        batch = observation[None] if single else observation
        if flat == 3:
            batch = batch.transpose(0, 3, 1, 2)
        batch = np.ascontiguousarray(batch).reshape(len(batch), seen.stack, *frame)
        masks = None if mask is None else np.asarray(mask)[None] if single else np.asarray(mask)
        begins = torch.from_numpy(np.broadcast_to(start, len(batch)).copy()).to(self.device)
        if self._state is None or len(self._state) != len(batch):
            self._state = self.initial_state(len(batch))
        actions, self._state = self.decide(batch, masks, reset_state(self._state, begins))
        actions = actions + trainable(self.game).first_action
        return int(actions[0]) if single else actions

    def initial_state(self, rows: int) -> Tensor | None:
        """What an agent with a memory remembers in so many rows before an episode begins; None without one."""
        return None if self.network.memory is None else self.network.memory.initial_state(rows, self.device)

    def decide(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """int64 [B] for a view's observations [B, stack, *frame] and masks [B, A]; and the memory's state after it.

        state: of the memory before it, as this or `initial_state` gave it.
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
            return logits.softmax(1).cpu().numpy(), self.network.state_value(logits, values).cpu().numpy()

    def _step(self, observation: np.ndarray, state: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        stored = torch.from_numpy(self.network.encoder.to_storage(observation))
        if state is None:
            state = self.initial_state(len(observation))
        return self.network.step(stored.to(self.device), state, self.dtype)

    def _tensor(self, masks: np.ndarray | None) -> Tensor | None:
        return None if masks is None else torch.from_numpy(masks).to(self.device)

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray) -> "SeatedAgent":
        """Let the agent take rows (environment, seat) of a batch."""
        return SeatedAgent(self, batch, rows)


def frame_shape_of(game: Game, settings: AgentSettings) -> tuple[int, ...]:
    """Of one frame as these settings see the game."""
    return trainable(game).frame_shape(settings.observation, settings.size)


def build_network(game: Game, settings: AgentSettings, algorithm: str = "ppo") -> Network:
    """A new network for a game, with the heads that an algorithm needs."""
    shape = (settings.stack, *frame_shape_of(game, settings))
    return NETWORKS[algorithm](shape, game.num_actions, settings)


def describe_agent(game: Game, settings: AgentSettings, algorithm: str) -> AgentInfo:
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
    if is_gym(info.game):
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


def matching_weights(path: Path, network: Network) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of an agent's file, or of a run's, of any game, that a network has by name and shape; and its names that go
    without.

    `UserError` where nothing fits.
    """
    path = path / "agent.safetensors" if path.is_dir() else path
    tensors, _ = tensor_file.load(path, "agent")
    own = network.state_dict()
    fit = {name: tensors[name] for name, tensor in own.items() if name in tensors and tensors[name].shape == tensor.shape}
    if not any(name.startswith("encoder.") for name in fit):
        raise UserError(
            f"{path} has another network: nothing of its encoder fits.\n"
            "Give the --observation, --network and --set size=… that it was trained with."
        )
    return fit, [name for name in own if name not in fit]
