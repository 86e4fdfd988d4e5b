"""What Stable-Baselines3 has trained, in a seat: `play.py pong human runs/pong/NAME --trust-pickle`.

Its files hold pickles, and opening a pickle runs whatever code is in it (DLR-RM/stable-baselines3 #2281). So nothing here
opens one unless the user has said that they trust it; `agents.participants.participant` asks.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, fields
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.save_util import load_from_zip_file
from torch import Tensor

from agents.core import tensor_file
from agents.core.settings import RANGES, AgentSettings
from agents.play.agent import describe_agent
from agents.play.agent_info import AgentInfo, check_game
from agents.play.policy import SeatedAgent
from agents.training.config import Config, read_config, typed
from games.core import AGENT_ROLES
from games.engine.batch import Batch
from games.engine.loader import Game
from games.engine.view import frame_shape
from games.errors import UserError, nearest

TOLD = ("observation", "size", "stack", "delay")  # what may be said of a file that no config.json lies beside


class Sb3Agent:
    """A policy of Stable-Baselines3's and what a seat needs to act as it did in training: its likeliest action."""

    def __init__(self, game: Game, info: AgentInfo, policy: Any, model: Any = None):
        """model: the learner whose policy it is; without one it cannot be saved."""
        self.game, self.info, self.policy, self.model = game, info, policy, model
        self.lstm = getattr(policy, "lstm_actor", None)
        self.masked = "action_masks" in signature(policy.predict).parameters
        self.generator = torch.Generator().manual_seed(0)  # draws nothing; a player's state has one

    def initial_state(self, rows: int) -> Tensor | None:
        """What its LSTM remembers before an episode begins: float32 [rows, 2 * layers, size], None without one."""
        return None if self.lstm is None else torch.zeros(rows, 2 * self.lstm.num_layers, self.lstm.hidden_size)

    def decide(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """int64 [B] for a view's observations [B, stack, *frame] and masks [B, A]; and the memory's state after it."""
        seen = observation.reshape(len(observation), *self.policy.observation_space.shape)
        if self.lstm is not None:
            before = self.initial_state(len(seen)) if state is None else state
            assert before is not None
            known = tuple(part.numpy() for part in before.transpose(0, 1).chunk(2))  # hidden and cell, [layers, B, size]
            begins = np.zeros(len(seen), bool)  # where an episode does, the state is empty already
            actions, after = self.policy.predict(seen, known, begins, deterministic=True)
            return actions.astype(np.int64), torch.from_numpy(np.concatenate(after)).transpose(0, 1)
        allowed = {"action_masks": masks.astype(bool)} if self.masked and masks is not None else {}
        actions, _ = self.policy.predict(seen, deterministic=True, **allowed)
        return actions.astype(np.int64), None

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray) -> SeatedAgent:
        """Let the agent take rows (environment, seat) of a batch."""
        return SeatedAgent(self, batch, rows)

    def save(self, path: Path) -> None:
        """Write Stable-Baselines3's own file, atomically."""
        self.model.num_timesteps = self.info.steps
        data = io.BytesIO()
        self.model.save(data)
        tensor_file.write_bytes(path, data.getvalue())


# --- files ----------------------------------------------------------------------------------------------------------


def load(path: Path, game: Game, told: dict[str, str], device: str = "cpu") -> Sb3Agent:
    """Open a file that the user trusts: CODE IN IT RUNS. `UserError` where it is damaged or does not fit the game.

    told: of `TOLD`, what the user says that it sees; only of a file without a config.json of ours beside it.
    """
    if not isinstance(game, Game):
        raise UserError(f"An agent of Stable-Baselines3's can sit in our own games, and {game.name} is none.")
    config = config_beside(path)
    if config is not None:
        if told:
            raise UserError(f"What {path} sees stands in the config.json beside it: leave out --set {next(iter(told))}=…")
        info = _info(config)
        check_game(path, info, game)
    data, weights = _opened(path, device)
    space, actions = data["observation_space"], data["action_space"]
    if not isinstance(actions, spaces.Discrete) or (actions.n, actions.start) != (game.num_actions, 0):
        raise UserError(f"{path} does not play {game.heading}: that has {game.num_actions} actions, and its own are {actions}.")
    if config is None:
        info = describe_agent(
            game, seen_by(path, space, game, told), "dqn" if any(name.startswith("q_net.") for name in weights) else "ppo"
        )
    elif _shape(game, info.settings) != space.shape:
        raise UserError(f"{path} does not fit the config.json of its run: it sees {space.shape}.")
    info.steps = int(data.get("num_timesteps", 0))
    try:
        policy = data["policy_class"](space, actions, lambda _: 0.0, **data["policy_kwargs"]).to(device)
        policy.load_state_dict(weights)
    except Exception as error:  # the policy's class may be of somebody else
        raise UserError(f"{path} does not make a policy of Stable-Baselines3's: {str(error)[:200]}") from error
    return Sb3Agent(game, info, policy)


def _opened(path: Path, device: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a file says of its agent, and the weights of its policy."""
    try:
        data, weights, _ = load_from_zip_file(path, device=device)
        if data is None:
            raise KeyError("data")
        needed = {name: data[name] for name in ("policy_class", "policy_kwargs", "observation_space", "action_space")}
        return {**data, **needed}, dict(weights["policy"])
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise UserError(f"{path} needs a package that is not installed: pip install {package.replace('_', '-')}") from error
    except Exception as error:  # the code of somebody else may fail in any way
        raise UserError(
            f"{path} is damaged, or was not saved by Stable-Baselines3: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def weights_of(path: Path, device: str) -> tuple[dict[str, Tensor], int]:
    """The policy's weights in a file and how many steps it has learned from; its pickles stay closed."""
    _, weights, _ = load_from_zip_file(path, load_data=False, device=device)
    with zipfile.ZipFile(path) as archive:
        steps = json.loads(archive.read("data"))["num_timesteps"]
    return dict(weights["policy"]), int(steps)


def config_beside(path: Path) -> Config | None:
    """The config of the run of Stable-Baselines3's that a file lies in, as its agent or among its checkpoints."""
    folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    if not (folder / "config.json").exists():
        return None
    config = read_config(folder)
    return config if config.trainer == "sb3" else None


def _info(config: Config) -> AgentInfo:
    learner = asdict(config.learner)
    settings = AgentSettings(**{one.name: learner[one.name] for one in fields(AgentSettings)})
    return AgentInfo(config.game, config.game_version, config.game_digest, config.algorithm, settings)


# --- what a bare file sees ------------------------------------------------------------------------------------------


def _shape(game: Game, settings: AgentSettings) -> tuple[int, ...]:
    """Of its observations, as `SparringVecEnv` gives them."""
    frame = frame_shape(game, settings.observation, settings.size)
    if settings.observation == "objects":
        return (settings.stack * frame[0],)
    return (settings.stack * int(np.prod(frame[:-2])), settings.size, settings.size)


def seen_by(path: Path, space: spaces.Space, game: Game, told: dict[str, str]) -> AgentSettings:
    """The settings that give observations of this space, where only one choice does. `UserError` says what to tell."""
    known: dict[str, Any] = {"observation": str, "size": int, "stack": int, "delay": int}
    for name in told:
        if name not in TOLD:
            raise UserError(f"There is nothing '{name}' to say of a file of Stable-Baselines3's.\n{nearest(name, TOLD)}")
    values = {name: typed(name, value, known[name]) for name, value in told.items()}
    low, high = RANGES["delay"]
    if not low <= values.get("delay", 0) <= high:
        raise UserError(f"The setting delay is {values['delay']}; it must be from {low:g} to {high:g}.")
    possible = [
        settings
        for settings in _candidates(space, game)
        if all(getattr(settings, name) == values[name] for name in values if name != "delay")
    ]
    if not possible:
        said = f" as {', '.join(f'{name}={value}' for name, value in told.items())}" if told else ""
        raise UserError(f"{path} cannot see {game.heading}{said}: its observations are {space}.")
    if len(possible) > 1:
        ways = " or ".join(f"--set observation={one.observation}" for one in possible)
        raise UserError(
            f"{path} has no config.json beside it, and its observations {space.shape} may be of two kinds.\n"
            f"Say which it was trained with: {ways}"
        )
    possible[0].delay = values.get("delay", 0)
    return possible[0]


def _candidates(space: spaces.Space, game: Game) -> list[AgentSettings]:
    shape = space.shape or ()
    most = int(RANGES["stack"][1])
    if space.dtype == np.float32 and len(shape) == 1:
        stacks = [stack for stack in range(1, most + 1) if stack * frame_shape(game, "objects", 0)[0] == shape[0]]
        return [AgentSettings(observation="objects", network="mlp", stack=stack) for stack in stacks]
    low, high = RANGES["size"]
    if space.dtype != np.uint8 or len(shape) != 3 or shape[1] != shape[2] or not low <= shape[1] <= high:
        return []
    ways = [("pixels", shape[0], 0), ("planes", *divmod(shape[0], AGENT_ROLES))]
    return [
        AgentSettings(observation=observation, size=shape[1], stack=stack)
        for observation, stack, rest in ways
        if rest == 0 and 1 <= stack <= most
    ]
