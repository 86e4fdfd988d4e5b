"""The recurrent memory of a network, and how the decisions of a batch follow each other."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from agents.core.settings import AgentSettings
from games.errors import UserError, nearest

# On a GPU, cuDNN copies an LSTM's weights together for each call and says so: ours are cast for each call anyway.
warnings.filterwarnings("ignore", "RNN module weights are not part", UserWarning)

MEMORIES = ("none", "lstm")


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


def make_memory(features: int, settings: AgentSettings) -> Memory | None:
    """The memory that settings name, over features [B, features]; None without one."""
    if settings.memory not in MEMORIES:
        raise UserError(f"There is no memory '{settings.memory}'.\n{nearest(settings.memory, MEMORIES)}")
    return Memory(features, settings) if settings.memory == "lstm" else None


def reset_state(state: Tensor | None, begins: Tensor) -> Tensor | None:
    """The state of a memory [B, …], zeros where an episode begins (bool [B])."""
    return None if state is None else torch.where(begins[:, None, None], 0.0, state)
