"""Networks: an encoder, an optional recurrent memory, and heads; and how actions are chosen from their outputs.

`Segments` tell a network with memory how the decisions of a batch follow each other. A network without memory ignores them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from agents.core.settings import AgentSettings
from agents.networks import custom
from agents.networks.encoder import Encoder, orthogonal
from agents.networks.normalization import ValueNorm
from agents.networks.registry import shipped_encoder
from games.errors import UserError, nearest


@dataclass
class Segments:
    """How N decisions follow each other: in segments, each with an initial state, within which the memory is carried on."""

    segment: Tensor  # int64 [N]: the segment of each decision
    place: Tensor  # int64 [N]: the place of each decision in its segment
    state: Tensor  # float32 [segments, 2 * layers, size]: before the first decision of each
    longest: int  # decisions of the longest segment


def segments(asked: Tensor, start: Tensor, state: Tensor) -> Segments:
    """Segments of the decisions where `asked` [T, R] is true, row by row; `start` [T, R] is true at an episode's first.

    state: [R, 2 * layers, size], before the first decision of each row.

    >>> asked, start = torch.ones(3, 1, dtype=torch.bool), torch.tensor([[False], [False], [True]])
    >>> found = segments(asked, start, torch.ones(1, 2, 4))
    >>> found.segment.tolist(), found.place.tolist(), found.state[:, 0, 0].tolist()
    ([0, 0, 1], [0, 1, 0], [1.0, 0.0])
    """
    row, time = asked.T.nonzero(as_tuple=True)
    begins = start[time, row]
    first = torch.ones_like(begins)  # decision of its row
    first[1:] = row[1:] != row[:-1]
    cut = first | begins
    heads = cut.nonzero().squeeze(1)
    segment = cut.cumsum(0) - 1
    place = torch.arange(len(row), device=row.device) - heads[segment]
    initial = torch.where(begins[heads, None, None], 0.0, state[row[heads]])
    return Segments(segment, place, initial, int(place.max()) + 1 if len(place) else 0)


class Memory(nn.Module):
    """An LSTM (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735) over the decisions of a seat.

    A state is float32 [B, 2 * layers, size]: hidden and cell state of each layer; zeros where an episode begins.
    """

    def __init__(self, features: int, settings: AgentSettings):
        super().__init__()
        self.features, self.layers = settings.memory_size, settings.memory_layers
        self.lstm = nn.LSTM(features, settings.memory_size, settings.memory_layers)
        for name, parameter in self.lstm.named_parameters():
            (nn.init.orthogonal_ if "weight" in name else nn.init.zeros_)(parameter)

    def initial_state(self, rows: int, device: torch.device | str = "cpu") -> Tensor:
        """The state at the beginning of an episode, [rows, 2 * layers, size]."""
        return torch.zeros(rows, 2 * self.layers, self.features, device=device)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One decision: from features [B, F] and the state before it to outputs [B, size] and the state after it."""
        after: list[Tensor] = []
        for layer in range(self.layers):
            weights = (
                getattr(self.lstm, f"{name}_l{layer}").to(x.dtype) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            hidden, cell = (part.to(x.dtype) for part in state[:, 2 * layer : 2 * layer + 2].unbind(1))
            x, cell = torch.lstm_cell(x, (hidden, cell), *weights)
            after += [x.float(), cell.float()]
        return x, torch.stack(after, 1)

    def run(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """T decisions of each row: features [T, B, F] and the state before them to outputs [T, B, size] and the state after."""
        before = state.to(x.dtype).unflatten(1, (self.layers, 2)).permute(2, 1, 0, 3).contiguous()
        weights = [parameter.to(x.dtype) for parameter in self.lstm.parameters()]
        learning = torch.is_grad_enabled()
        out, hidden, cell = torch.lstm(x, (before[0], before[1]), weights, True, self.layers, 0.0, learning, False, False)
        return out, torch.stack([hidden, cell], 1).permute(2, 0, 1, 3).flatten(1, 2).float()

    def forward(self, x: Tensor, segments: Segments) -> Tensor:
        """From features [N, F] of the decisions of some segments to outputs [N, size].

        Every segment is a column, padded to the longest, so that no Python loop goes over time.
        """
        longest, columns = segments.longest, len(segments.state)
        slot = segments.place * columns + segments.segment  # of each decision in the flat padded array
        padded = x.new_zeros(longest * columns, x.shape[1]).index_copy(0, slot, x).unflatten(0, (longest, columns))
        out, _ = self.run(padded, segments.state)
        return out.flatten(0, 1).index_select(0, slot)


def reset_state(state: Tensor | None, begins: Tensor) -> Tensor | None:
    """The state of a memory [B, …], zeros where an episode begins (bool [B])."""
    return None if state is None else torch.where(begins[:, None, None], 0.0, state)


def make_encoder(shape: tuple[int, ...], settings: AgentSettings) -> Encoder:
    """The encoder that settings name, for observations [stack, *frame]; `UserError` if it does not take them."""
    if not settings.network_digest:
        return shipped_encoder(shape, settings)
    if settings.normalize_observation:
        raise UserError("normalize_observation is for the mlp network; yours may normalise what it sees itself.")
    return custom.make_encoder(shape, settings)


class Network(nn.Module):
    """An encoder and, if the settings name one, a memory; subclasses have heads."""

    def __init__(self, shape: tuple[int, ...], num_actions: int, settings: AgentSettings):
        super().__init__()
        self.encoder = make_encoder(shape, settings)
        self.memory = make_memory(self.encoder.features, settings)
        self.features = self.memory.features if self.memory else self.encoder.features

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """From features float32 [B, F] to a score of each action [B, A] and the value [B]."""
        raise TypeError(f"{type(self).__name__} has no heads")

    def state_value(self, scores: Tensor, value: Tensor) -> Tensor:
        """The values of states [B], from scores [B, A], minus infinity for actions not allowed, and the values of the heads."""
        return value

    def choose(self, scores: Tensor, mask: Tensor | None, settings: AgentSettings, generator: torch.Generator) -> Tensor:
        """Actions int64 [B], chosen as the settings say: by temperature or epsilon."""
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

    def __init__(self, shape: tuple[int, ...], num_actions: int, settings: AgentSettings):
        super().__init__(shape, num_actions, settings)
        self.policy = orthogonal(nn.Linear(self.features, num_actions), 0.01)
        self.value = orthogonal(nn.Linear(self.features, 1), 1.0)
        self.scale = ValueNorm() if settings.normalize_value else None

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        value = self.value(features).squeeze(1)
        return self.policy(features), value if self.scale is None else value * self.scale.deviation + self.scale.mean

    def choose(self, scores: Tensor, mask: Tensor | None, settings: AgentSettings, generator: torch.Generator) -> Tensor:
        return choose(scores, mask, settings.temperature, generator)


class ActionValues(Network):
    """Action values Q [B, A] and their maximum [B].

    Duelling (Wang et al. 2016, arXiv:1511.06581): Q = V + A − mean A.
    """

    def __init__(self, shape: tuple[int, ...], num_actions: int, settings: AgentSettings):
        super().__init__(shape, num_actions, settings)
        self.advantage = orthogonal(nn.Linear(self.features, num_actions), 0.01)
        self.value = orthogonal(nn.Linear(self.features, 1), 1.0) if settings.dueling else None

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


NETWORKS: dict[str, type[Network]] = {"ppo": ActorCritic, "dqn": ActionValues}  # by algorithm
MEMORIES = ("none", "lstm")


def make_memory(features: int, settings: AgentSettings) -> Memory | None:
    """The memory that settings name, over features [B, features]; None without one."""
    if settings.memory not in MEMORIES:
        raise UserError(f"There is no memory '{settings.memory}'.\n{nearest(settings.memory, MEMORIES)}")
    return Memory(features, settings) if settings.memory == "lstm" else None


def masked(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Logits [B, A] with actions not allowed (mask 0) at minus infinity; a row whose mask is all 0 stays unchanged."""
    if mask is None:
        return logits
    barred = (mask == 0) & (mask != 0).any(1, keepdim=True)
    return logits.masked_fill(barred, float("-inf"))


def sample(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Actions [B] drawn from softmax(logits), by Gumbel's trick: argmax of logits + Gumbel noise."""
    noise = torch.rand(logits.shape, generator=generator, device=logits.device).clamp_(min=1e-20)
    return (logits - (-noise.log()).log()).argmax(1)


def choose(logits: Tensor, mask: Tensor | None, temperature: float, generator: torch.Generator) -> Tensor:
    """Actions [B] sampled at a temperature; 0: the most likely allowed action."""
    logits = masked(logits, mask)
    return logits.argmax(1) if temperature == 0 else sample(logits / temperature, generator)


def best_dtype(device: torch.device, precision: str) -> torch.dtype:
    """The precision to compute in; `auto` is bfloat16 if the processor multiplies matrices in it, else float32."""
    if precision not in ("auto", "fp32", "bf16"):
        raise UserError(f"There is no precision '{precision}'.\n{nearest(precision, ('auto', 'fp32', 'bf16'))}")
    if precision != "auto":
        return torch.float32 if precision == "fp32" else torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)():
        return torch.bfloat16
    return torch.float32


def epsilon_greedy(scores: Tensor, mask: Tensor | None, epsilon: Tensor, generator: torch.Generator) -> Tensor:
    """Actions [B]: the allowed action of the greatest score, or with probability epsilon [B] a random allowed one."""
    best = masked(scores, mask).argmax(1)
    if not (epsilon > 0).any():
        return best
    chance = torch.rand(len(scores), generator=generator, device=scores.device)
    return torch.where(chance < epsilon, sample(masked(torch.zeros_like(scores), mask), generator), best)
