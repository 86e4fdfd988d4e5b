"""`Agent`: a trained network with all settings that it needs to act as in training. One file; opening it runs no code."""

import copy
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import games
from agents.core import tensor_file
from agents.core.game_names import is_gym
from agents.core.memory_check import SizeGuard
from agents.core.settings import AgentSettings
from agents.networks import custom
from agents.networks.action_choice import masked
from agents.networks.memory import reset_state
from agents.networks.network import NETWORKS, Network
from agents.play.agent_info import AgentInfo, check_game, info_of
from agents.play.policy import SeatedAgent
from agents.play.trainable import AnyGame, trainable
from games.engine.batch import Batch
from games.engine.loader import Game
from games.errors import UserError

# The newest loaded networks of our own games, by the checksum of their file and the game's sizes; agents get copies of them.
LOADED: OrderedDict[tuple[Any, ...], Network] = OrderedDict()
KEPT = 8
LOCK = threading.Lock()


class Agent:
    """A network that plays a game."""

    def __init__(self, game: AnyGame, info: AgentInfo, network: Network, device: str = "cpu"):
        self.game, self.info = game, info
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.dtype = torch.float32
        self.generator = torch.Generator(self.device).manual_seed(0)
        self.outputs: tuple[Tensor, Tensor] | None = None  # scores [B, A] and values [B] of the last `decide`
        self._state: Tensor | None = None  # recurrent state between calls of `act`

    # --- files ---

    @classmethod
    def load(
        cls, path: str | Path, game: AnyGame | None = None, device: str = "cpu", network: str | Path | None = None
    ) -> "Agent":
        """Open an agent's file. `UserError` if it is damaged or plays another game or version.

        game: needed for an agent of a user's own game, since no path in a file is followed.
        network: the file of its network, if that is a user's own; once loaded, it serves all further agents too.
        """
        path = Path(path)
        tensors, meta = _read(path)
        info = info_of(path, meta)
        game = game or _shipped(path, info)
        check_game(path, info, game)
        if network is not None:
            custom.load(network)
        custom.require(info.settings, str(path), f"{path} was trained", "Name its file: --network FILE (in Python: network=…)")
        return cls(game, info, _loaded_network(path, game, info, tensors, meta["sha256"]), device)

    def save(self, path: str | Path, half: bool = False) -> None:
        """Write the agent, atomically. half: its weights as 16-bit floats, in half as many bytes; they are rounded by that."""
        # Copies: a tensor may have two names, and safetensors refuses tensors that share memory.
        weights = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        if half:
            weights |= {name: tensor.detach().half() for name, tensor in self.network.named_parameters()}
        tensor_file.save(Path(path), weights, asdict(self.info), "agent")

    # --- acting ---

    def act(self, observation: Any, mask: np.ndarray | None = None, start: Any = False) -> Any:
        """The action for one observation, or actions for [B, …], as the game's Gymnasium environment gives them.

        observation: uint8 [size, size, stack] pixels, [size, size, stack * roles] planes, or float32 objects; of a Gymnasium
            environment whatever it gives: a dict, or a list of such for [B, …].
        mask: allowed actions (`info["action_mask"]`), [A] or [B, A]; a Gymnasium environment may show them in its observation.
        start: true, a bool or [B], where the observation is the first of an episode: there a memory is reset.
        """
        settings = self.info.settings
        masks = trainable(self.game).to_masks(observation, mask)
        observation = trainable(self.game).to_frames(observation, settings)
        frame = frame_shape_of(self.game, settings)
        ndim = 3 if settings.is_image else 1  # of a single observation
        single = observation.ndim == ndim
        batch = observation[None] if single else observation
        if ndim == 3:
            batch = batch.transpose(0, 3, 1, 2)
        batch = np.ascontiguousarray(batch).reshape(len(batch), settings.stack, *frame)
        begins = torch.from_numpy(np.broadcast_to(start, len(batch)).copy()).to(self.device)
        if self._state is None or len(self._state) != len(batch):
            self._state = self.initial_state(len(batch))
        actions, self._state = self.decide(batch, masks, reset_state(self._state, begins))
        found = trainable(self.game).env_actions(actions)
        if not single:
            return found
        return int(found[0]) if isinstance(found, np.ndarray) and found.ndim == 1 else found[0]

    def initial_state(self, rows: int) -> Tensor | None:
        """The recurrent state of `rows` rows before an episode begins; None without a memory."""
        return None if self.network.memory is None else self.network.memory.initial_state(rows, self.device)

    def decide(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """Actions int64 [B] for a view's observations [B, stack, *frame] and masks [B, A]; and the recurrent state after them.

        state: the recurrent state before them, as this or `initial_state` returned it.
        """
        with torch.inference_mode():
            logits, values, state = self._step(observation, state)
            self.outputs = logits, values
            actions = self.network.choose(logits, self._tensor(masks), self.info.settings, self.generator)
        return actions.cpu().numpy(), state

    def scores(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """Logits or action values float32 [B, A], minus infinity for actions not allowed, by which `decide` chooses."""
        with torch.inference_mode():
            scores, _, state = self._step(observation, state)
            return masked(scores, self._tensor(masks)).cpu().numpy(), state

    def evaluate(
        self, observation: np.ndarray, masks: np.ndarray | None = None, state: Tensor | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities [B, A] of the actions at temperature 1, and values [B], in units of the scaled rewards of training."""
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
        """Seat the agent in rows (environment, seat) of a batch."""
        return SeatedAgent(self, batch, rows)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of an agent's file, 16-bit floats widened to 32, and what it says of itself."""
    tensors, meta = tensor_file.load(path, "agent")
    return {name: tensor.float() if tensor.dtype == torch.float16 else tensor for name, tensor in tensors.items()}, meta


def _loaded_network(path: Path, game: AnyGame, info: AgentInfo, tensors: dict[str, Tensor], checksum: str) -> Network:
    """The network of a file: built the first time, then copied, which takes a hundredth of the time."""
    if info.settings.network_digest or not isinstance(game, Game):  # a user's own network may not be made to be copied
        return _built_network(path, game, info, tensors)
    key = (checksum, frame_shape_of(game, info.settings), game.num_actions)
    with LOCK:
        if key not in LOADED:
            LOADED[key] = _built_network(path, game, info, tensors)
        LOADED.move_to_end(key)
        while len(LOADED) > KEPT:
            LOADED.popitem(last=False)
        return copy.deepcopy(LOADED[key])


def _built_network(path: Path, game: AnyGame, info: AgentInfo, tensors: dict[str, Tensor]) -> Network:
    # The numbers that a new network draws are replaced: torch's random stream does not move by them.
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):  # allocates nothing until the shapes are known to be right
            _check_shapes(path, build_network(game, info.settings, info.algorithm), tensors)
        network = build_network(game, info.settings, info.algorithm)
    network.load_state_dict(tensors)
    return network


def frame_shape_of(game: AnyGame, settings: AgentSettings) -> tuple[int, ...]:
    """The shape of one frame of the game, as these settings observe it."""
    return trainable(game).frame_shape(settings.observation, settings.size)


def build_network(game: AnyGame, settings: AgentSettings, algorithm: str = "ppo") -> Network:
    """A new network for a game, with the heads of an algorithm. `UserError` if it is of an absurd size."""
    shape = (settings.stack, *frame_shape_of(game, settings))
    image = trainable(game).image_shape(settings.observation, settings.size)
    make = partial(NETWORKS[algorithm], shape, game.num_actions, settings, image)
    with torch.random.fork_rng(devices=[]), SizeGuard():
        make()
    return make()


def describe_agent(game: AnyGame, settings: AgentSettings, algorithm: str) -> AgentInfo:
    """The metadata of an agent of this game. settings: may be a learner's, of which it takes the agent's part."""
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
        raise UserError(
            f"{path} does not fit its own description: {', '.join(wrong[:3])} differ.\n"
            "It is not as it was written: take another copy of it, or train it anew."
        )


def matching_weights(path: Path, network: Network) -> tuple[dict[str, Tensor], list[str]]:
    """The weights of an agent of any game that match a network by name and shape, and the names without a match.

    path: the agent's file, or a run's folder. `UserError` if nothing of the encoder matches.
    """
    path = path / "agent.safetensors" if path.is_dir() else path
    tensors, _ = _read(path)
    state = network.state_dict()
    matching = {
        name: tensors[name] for name, tensor in state.items() if name in tensors and tensors[name].shape == tensor.shape
    }
    if not any(name.startswith("encoder.") for name in matching):
        raise UserError(
            f"{path} has another network: nothing of its encoder fits.\n"
            "Give the --observation, --network and --set size=… that it was trained with."
        )
    return matching, [name for name in state if name not in matching]
