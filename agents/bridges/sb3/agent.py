"""Agents trained by Stable-Baselines3, in a seat: `play.py pong human runs/pong/NAME --trust-pickle`.

Their files contain pickles, and opening a pickle runs any code in it (DLR-RM/stable-baselines3 #2281). So a file is opened
only if the user has said that they trust it, which `agents.participants.participant` checks. The statistics of a VecNormalize
beside it are read without running code (`agents.bridges.sb3.vec_normalize`).
"""

import io
import json
import zipfile
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.save_util import load_from_zip_file
from torch import Tensor

from agents.bridges.sb3.vec_normalize import ObservationStatistics, statistics_of
from agents.core import tensor_file
from agents.core.settings import RANGES, AgentSettings, check_range, typed
from agents.play.agent import describe_agent
from agents.play.agent_info import AgentInfo, RunInfo, check_game, read_run
from agents.play.policy import SeatedAgent
from agents.play.trainable import AnyGame
from games.core import AGENT_ROLES
from games.engine.batch import Batch
from games.engine.loader import Game
from games.engine.view import frame_shape
from games.errors import UserError, nearest

# Settings that the user may give of a file without a config.json beside it.
TOLD = ("observation", "size", "stack", "delay", "normalize_observation")

UNSEEN = ("delay", "normalize_observation")  # those of which the shape of observations says nothing


class Sb3Agent:
    """A policy of Stable-Baselines3 with the settings that it needs to act as in training; it acts deterministically."""

    def __init__(
        self,
        game: Game,
        info: AgentInfo,
        policy: Any,
        model: Any = None,
        statistics: ObservationStatistics | None = None,
    ):
        """model: the learner of the policy; without one it cannot be saved. statistics: they normalise its observations."""
        self.game, self.info, self.policy, self.model = game, info, policy, model
        self.statistics = statistics
        self.lstm = getattr(policy, "lstm_actor", None)
        self.masked = "action_masks" in signature(policy.predict).parameters
        self.generator = torch.Generator().manual_seed(0)  # unused; `SeatedAgent` saves its state

    def initial_state(self, rows: int) -> Tensor | None:
        """The LSTM's state before an episode begins: float32 [rows, 2 * layers, size]; None without an LSTM."""
        return None if self.lstm is None else torch.zeros(rows, 2 * self.lstm.num_layers, self.lstm.hidden_size)

    def decide(
        self, observation: np.ndarray, masks: np.ndarray | None, state: Tensor | None = None
    ) -> tuple[np.ndarray, Tensor | None]:
        """Actions int64 [B] for a view's observations [B, stack, *frame] and masks [B, A]; and the state after them."""
        seen = observation.reshape(len(observation), *self.policy.observation_space.shape)
        if self.statistics is not None:
            seen = self.statistics.normalize(seen)
        if self.lstm is not None:
            before = self.initial_state(len(seen)) if state is None else state
            assert before is not None
            hidden_cell = tuple(part.numpy() for part in before.transpose(0, 1).chunk(2))  # each [layers, B, size]
            begins = np.zeros(len(seen), bool)  # the state is zeros already where an episode begins
            actions, after = self.policy.predict(seen, hidden_cell, begins, deterministic=True)
            return actions.astype(np.int64), torch.from_numpy(np.concatenate(after)).transpose(0, 1)
        allowed = {"action_masks": masks.astype(bool)} if self.masked and masks is not None else {}
        actions, _ = self.policy.predict(seen, deterministic=True, **allowed)
        return actions.astype(np.int64), None

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]] | np.ndarray) -> SeatedAgent:
        """Seat the agent in rows (environment, seat) of a batch."""
        return SeatedAgent(self, batch, rows)

    def save(self, path: Path) -> None:
        """Write Stable-Baselines3's own file, atomically."""
        self.model.num_timesteps = self.info.steps
        data = io.BytesIO()
        self.model.save(data)
        tensor_file.write_bytes(path, data.getvalue())


# --- files ----------------------------------------------------------------------------------------------------------


def load(path: Path, game: AnyGame, told: dict[str, str], device: str = "cpu") -> Sb3Agent:
    """Open a file that the user trusts: CODE IN IT RUNS. `UserError` if it is damaged or does not fit the game.

    told: settings of `TOLD` that the user gives, only for a file without a config.json of ours beside it.
    """
    if not isinstance(game, Game):
        raise UserError(f"An agent of Stable-Baselines3's can sit in our own games, and {game.name} is none.")
    run = run_of(path)
    if run is not None:
        if told:
            raise UserError(f"What {path} sees stands in the config.json beside it: leave out --set {next(iter(told))}=…")
        info = run.agent
        check_game(path, info, game)
    data, weights = _opened(path, device)
    space, actions = data["observation_space"], data["action_space"]
    if not isinstance(actions, spaces.Discrete) or (actions.n, actions.start) != (game.num_actions, 0):
        raise UserError(f"{path} does not play {game.heading}: that has {game.num_actions} actions, and its own are {actions}.")
    statistics = None
    if run is None:
        algorithm = "dqn" if any(name.startswith("q_net.") for name in weights) else "ppo"
        info = describe_agent(game, seen_by(path, unnormalized(space), game, told), algorithm)
        statistics = statistics_of(path, data, space, told)
    elif _shape(game, info.settings) != space.shape:
        raise UserError(f"{path} does not fit the config.json of its run: it sees {space.shape}.")
    info.steps = int(data.get("num_timesteps", 0))
    try:
        policy = data["policy_class"](space, actions, lambda _: 0.0, **data["policy_kwargs"]).to(device)
        policy.load_state_dict(weights)
    except Exception as error:  # the policy may be of any class
        raise UserError(f"{path} does not make a policy of Stable-Baselines3's: {str(error)[:200]}") from error
    return Sb3Agent(game, info, policy, statistics=statistics)


def _opened(path: Path, device: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The pickled data of a file and the weights of its policy."""
    try:
        data, weights, _ = load_from_zip_file(path, device=device)
        if data is None:
            raise KeyError("data")
        needed = {name: data[name] for name in ("policy_class", "policy_kwargs", "observation_space", "action_space")}
        return {**data, **needed}, dict(weights["policy"])
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise UserError(f"{path} needs a package that is not installed: pip install {package.replace('_', '-')}") from error
    except Exception as error:  # unpickled code may fail in any way
        raise UserError(
            f"{path} is damaged, or was not saved by Stable-Baselines3: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def weights_of(path: Path, device: str) -> tuple[dict[str, Tensor], int]:
    """The weights of a file's policy and the steps that it has learned from; pickles are not opened."""
    _, weights, _ = load_from_zip_file(path, load_data=False, device=device)
    with zipfile.ZipFile(path) as archive:
        steps = json.loads(archive.read("data"))["num_timesteps"]
    return dict(weights["policy"]), int(steps)


def run_of(path: Path) -> RunInfo | None:
    """The run of Stable-Baselines3 to which a file belongs, as its agent or a checkpoint; None if there is none."""
    folder = path.parent.parent if path.parent.name == "checkpoints" else path.parent
    if not (folder / "config.json").exists():
        return None
    run = read_run(folder)
    return run if run.trainer == "sb3" else None


# --- observations of a file without a config.json --------------------------------------------------------------------


def _shape(game: Game, settings: AgentSettings) -> tuple[int, ...]:
    """The shape of observations of `SparringVecEnv` with these settings."""
    frame = frame_shape(game, settings.observation, settings.size)
    if settings.observation == "objects":
        return (settings.stack * frame[0],)
    return (settings.stack * int(np.prod(frame[:-2])), settings.size, settings.size)


def unnormalized(space: spaces.Space) -> spaces.Space:
    """The space of observations before they were normalised: images of floats were bytes."""
    is_float_image = space.dtype == np.float32 and len(space.shape or ()) == 3
    return spaces.Box(0, 255, space.shape, np.uint8) if is_float_image else space


def seen_by(path: Path, space: spaces.Space, game: Game, told: dict[str, str]) -> AgentSettings:
    """The only settings whose observations have this space; else `UserError` says which settings the user must give."""
    kinds: dict[str, Any] = {"observation": str, "size": int, "stack": int, "delay": int, "normalize_observation": bool}
    for name in told:
        if name not in TOLD:
            raise UserError(f"There is nothing '{name}' to say of a file of Stable-Baselines3's.\n{nearest(name, TOLD)}")
    values = {name: typed(name, value, kinds[name]) for name, value in told.items()}
    check_range("delay", values.get("delay", 0), RANGES)
    possible = [
        settings
        for settings in _candidates(space, game)
        if all(getattr(settings, name) == values[name] for name in values if name not in UNSEEN)
    ]
    if not possible:
        said = f" as {', '.join(f'{name}={value}' for name, value in told.items())}" if told else ""
        raise UserError(f"{path} cannot see {game.heading}{said}: its observations are {space}.")
    if len(possible) > 1:
        ways = " or ".join(f"--set observation={settings.observation}" for settings in possible)
        raise UserError(
            f"{path} has no config.json beside it, and its observations {space.shape} may be of two kinds.\n"
            f"Say which it was trained with: {ways}"
        )
    possible[0].delay = values.get("delay", 0)
    return possible[0]


def _candidates(space: spaces.Space, game: Game) -> list[AgentSettings]:
    """All settings whose observations of the game have this space."""
    shape = space.shape or ()
    max_stack = int(RANGES["stack"][1])
    if space.dtype == np.float32 and len(shape) == 1:
        stacks = [stack for stack in range(1, max_stack + 1) if stack * frame_shape(game, "objects", 0)[0] == shape[0]]
        return [AgentSettings(observation="objects", network="mlp", stack=stack) for stack in stacks]
    low, high = RANGES["size"]
    if space.dtype != np.uint8 or len(shape) != 3 or shape[1] != shape[2] or not low <= shape[1] <= high:
        return []
    splits = [("pixels", shape[0], 0), ("planes", *divmod(shape[0], AGENT_ROLES))]
    return [
        AgentSettings(observation=observation, size=shape[1], stack=stack)
        for observation, stack, rest in splits
        if rest == 0 and 1 <= stack <= max_stack
    ]
