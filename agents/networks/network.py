"""Networks: an encoder, an optional recurrent memory, and heads."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from agents.core.settings import AgentSettings
from agents.networks import custom
from agents.networks.action_choice import choose, epsilon_greedy
from agents.networks.encoder import Encoder, orthogonal
from agents.networks.inputs import wrapped_encoder
from agents.networks.memory import Segments, make_memory
from agents.networks.normalization import ValueNorm
from agents.networks.registry import shipped_encoder
from games.errors import UserError


def make_encoder(shape: tuple[int, ...], settings: AgentSettings, image: tuple[int, ...] | None = None) -> Encoder:
    """The encoder that settings name, for observations [stack, *frame]; `UserError` if it does not take them.

    image: the shape of the image in a frame of an image and objects.
    """
    make = custom.make_encoder if settings.network_digest else shipped_encoder
    if settings.network_digest and settings.normalize_observation and settings.observation == "objects":
        raise UserError("normalize_observation is for the mlp network; yours may normalise what it sees itself.")
    return wrapped_encoder(shape, image, settings, make)


class Network(nn.Module):
    """An encoder and, if the settings name one, a memory; subclasses have heads."""

    ranks_actions = False  # whether its scores are what actions are worth, not logits

    def __init__(self, shape: tuple[int, ...], num_actions: int, settings: AgentSettings, image: tuple[int, ...] | None = None):
        super().__init__()
        self.encoder = make_encoder(shape, settings, image)
        self.memory = make_memory(self.encoder.features, settings)
        self.features = self.memory.features if self.memory else self.encoder.features

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """From features float32 [B, F] to a score of each action [B, A] and the value [B]."""
        raise TypeError(f"{type(self).__name__} has no heads")

    def state_value(self, scores: Tensor, value: Tensor) -> Tensor:
        """The values of states [B], from scores [B, A], minus infinity for actions not allowed, and the values of the heads."""
        return value

    def choose(self, scores: Tensor, mask: Tensor | None, settings: AgentSettings, generator: torch.Generator) -> Tensor:
        """Choose actions, int64 [B], from scores [B, A] and masks uint8 [B, A] (None: all allowed).

        PPO's network samples at `settings.temperature` (0: the most likely); DQN's is greedy but for `settings.epsilon`.
        """
        raise TypeError(f"{type(self).__name__} does not choose")

    def forward(self, x: Tensor, dtype: torch.dtype = torch.float32, segments: Segments | None = None) -> tuple[Tensor, Tensor]:
        """Scores [N, A] and values [N] of stored observations [N, *encoder.stored]; segments: needed by a memory."""
        features = self.encoder(x, dtype)
        if self.memory is not None:
            assert segments is not None, "a network with memory needs to know how decisions follow each other"
            features = self.memory(features, segments)
        return self.heads(features.float())

    def step(self, x: Tensor, state: Tensor | None, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor | None]:
        """One decision of each row: scores, values, and the memory's state after it (None without a memory)."""
        features = self.encoder(x, dtype)
        if self.memory is not None:
            assert state is not None
            features, state = self.memory.step(features, state)
        return *self.heads(features.float()), state

    def state_after(self, x: Tensor, starts: np.ndarray, state: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The memory's state after T decisions of B rows: x [T * B, *encoder.stored] in the order of time, starts bool [T, B].

        Only the decisions since a row's last start count; rows whose last start is at the same time are computed together.
        """
        assert self.memory is not None
        features, result = self.encoder(x, dtype).unflatten(0, starts.shape), torch.empty_like(state)
        place = (starts * np.arange(1, len(starts) + 1)[:, None]).max(0)  # of the last start, from 1; 0: none
        for last in np.unique(place):
            rows = torch.from_numpy(np.flatnonzero(place == last)).to(x.device)
            initial = state[rows] if last == 0 else torch.zeros_like(state[rows])
            _, result[rows] = self.memory.run(features[max(last - 1, 0) :, rows], initial)
        return result


class ActorCritic(Network):
    """A policy and a value: logits [B, A] and values [B]."""

    def __init__(self, shape: tuple[int, ...], num_actions: int, settings: AgentSettings, image: tuple[int, ...] | None = None):
        super().__init__(shape, num_actions, settings, image)
        self.policy = orthogonal(nn.Linear(self.features, num_actions), 0.01)
        self.value = orthogonal(nn.Linear(self.features, 1), 1.0)
        self.scale = ValueNorm() if settings.normalize_value else None

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        value = self.value(features).squeeze(1)
        return self.policy(features), value if self.scale is None else self.scale(value)

    def choose(self, scores: Tensor, mask: Tensor | None, settings: AgentSettings, generator: torch.Generator) -> Tensor:
        return choose(scores, mask, settings.temperature, generator)


class ActionValues(Network):
    """Action values Q [B, A] and their maximum [B].

    Duelling (Wang et al. 2016, arXiv:1511.06581): Q = V + A − mean A.
    """

    ranks_actions = True

    def __init__(self, shape: tuple[int, ...], num_actions: int, settings: AgentSettings, image: tuple[int, ...] | None = None):
        super().__init__(shape, num_actions, settings, image)
        self.advantage = orthogonal(nn.Linear(self.features, num_actions), 0.01)
        self.value = orthogonal(nn.Linear(self.features, 1), 1.0) if settings.dueling else None

    @property
    def action_head(self) -> nn.Linear:
        """The layer that gives a number for each action: Q, or with `dueling` its advantage, of which it has its name."""
        return self.advantage

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        q = self.advantage(features)
        if self.value is not None:
            q = self.value(features) + q - q.mean(1, keepdim=True)
        return q, q.max(1).values

    def state_value(self, scores: Tensor, value: Tensor) -> Tensor:
        return scores.max(1).values

    def choose(self, scores: Tensor, mask: Tensor | None, settings: AgentSettings, generator: torch.Generator) -> Tensor:
        epsilon = torch.full((len(scores),), settings.epsilon, device=scores.device)
        return epsilon_greedy(scores, mask, epsilon, generator)


class NormalizedActionValues(ActionValues):
    """Action values from normalised features (Ba et al. 2016, arXiv:1607.06450), which bounds them: what PQN asks for.

    Gallici et al. 2025 (arXiv:2407.04811) normalise each hidden layer; here it is the last one, whatever the encoder.
    """

    def __init__(self, shape: tuple[int, ...], num_actions: int, settings: AgentSettings, image: tuple[int, ...] | None = None):
        super().__init__(shape, num_actions, replace(settings, dueling=False), image)
        self.norm = nn.LayerNorm(self.features)
        self.scale = ValueNorm() if settings.normalize_value else None

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        q, value = super().heads(self.norm(features))
        return (q, value) if self.scale is None else (self.scale(q), self.scale(value))


NETWORKS: dict[str, type[Network]] = {"ppo": ActorCritic, "dqn": ActionValues, "pqn": NormalizedActionValues}  # by algorithm
