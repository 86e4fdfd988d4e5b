"""A network of torch as a program for `agents.web.forward`: its operations, and its weights as one array."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from agents.networks.cnn import Convolutions, Mlp, Patch
from agents.networks.encoder import Encoder
from agents.networks.inputs import NormalizedImage
from agents.networks.network import ActionValues, ActorCritic, Network, NormalizedActionValues
from agents.networks.normalization import RunningNorm, ValueNorm
from agents.networks.resnet import Impala, Mobile
from agents.web import forward as op
from games.errors import UserError


@dataclass(frozen=True)
class Program:
    """A network that a page can run. Places are those of float32 numbers in one array, of which a page sets the inputs."""

    rows: np.ndarray  # int64 [operations, WIDTH]; the last is END
    weights: np.ndarray  # float32 [M]
    numbers: int  # the array's length
    inputs: tuple[int, int]  # place and count: the observation [stack, *frame], bytes as they are
    scores: tuple[int, int]  # of each action: logits, or action values
    value: int  # place of the value; -1: it is the greatest score
    memory: tuple[int, int]  # of the recurrent state, zeros where an episode begins; count 0 without one

    @property
    def is_half(self) -> bool:
        """Whether all weights are 16-bit floats, as in a ladder's files: then they are sent so."""
        with np.errstate(over="ignore"):
            return bool((self.weights.astype(np.float16).astype(np.float32) == self.weights).all())


@dataclass(frozen=True)
class Image:
    """Some numbers as [channels, height, width]."""

    at: int
    channels: int
    height: int
    width: int

    @property
    def count(self) -> int:
        return self.channels * self.height * self.width


class Writer:
    """Writes a program, operation by operation."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.weights: list[np.ndarray] = []
        self.kept, self.numbers = 0, 0  # lengths so far

    def take(self, count: int) -> int:
        """The place of so many more numbers."""
        self.numbers += count
        return self.numbers - count

    def keep(self, weight: Tensor) -> int:
        """Add weights; returns their place."""
        flat = weight.detach().float().cpu().numpy().ravel()
        self.weights.append(flat)
        self.kept += len(flat)
        return self.kept - len(flat)

    def add(self, *row: int) -> None:
        """Add an operation."""
        self.rows.append([*row, *[0] * (op.WIDTH - len(row))])

    def dense(self, at: int, weight: Tensor, bias: Tensor, rows: int = 1, into: int | None = None) -> int:
        """A linear layer for each of some rows; returns the place of the outputs [rows, outputs]. into: what it is added to."""
        outputs, inputs = weight.shape
        out = self.take(rows * outputs) if into is None else into
        self.add(op.DENSE, at, out, rows, inputs, outputs, self.keep(weight.T), self.keep(bias), int(into is not None))
        return out

    def linear(self, at: int, layer: nn.Linear, rows: int = 1) -> int:
        return self.dense(at, layer.weight, layer.bias, rows)

    def clip(self, at: int, count: int, limit: int = op.NO_LIMIT) -> None:
        """A ReLU; limit: its upper one."""
        self.add(op.CLIP, at, count, limit)

    def convolve(self, image: Image, layer: nn.Conv2d) -> Image:
        """A convolution."""
        assert layer.bias is not None and not isinstance(layer.padding, str)
        outputs, kernel, stride, padding = layer.out_channels, layer.kernel_size[0], layer.stride[0], layer.padding[0]
        high, wide = ((side + 2 * padding - kernel) // stride + 1 for side in (image.height, image.width))
        out = Image(self.take(outputs * high * wide), outputs, high, wide)
        shape = (image.at, out.at, image.channels, image.height, image.width)
        how = kernel, stride, padding
        if layer.groups == 1:
            weights = self.keep(layer.weight.permute(1, 2, 3, 0)), self.keep(layer.bias)
            self.add(op.CONVOLVE, *shape, outputs, *how, *weights, self.take(outputs))
        else:
            assert layer.groups == image.channels == outputs, "each channel by itself"
            self.add(op.DEPTHWISE, *shape, *how, self.keep(layer.weight), self.keep(layer.bias))
        return out

    def normalize(self, at: int, count: int, norm: RunningNorm, run: int) -> None:
        """Running normalisation: `run` numbers after each other have the same mean and deviation."""
        self.add(op.NORMALIZE, at, count, self.keep(norm.mean), self.keep(norm.deviation), run, len(norm.mean))


def program_of(network: Network, shape: tuple[int, ...], whose: str) -> Program:
    """The program of a network for observations [stack, *frame]. whose: for messages.

    `UserError` for a network that is a user's own.
    """
    writer = Writer()
    count = int(np.prod(shape))
    inputs = writer.take(count)
    features = _encoder(writer, network.encoder, inputs, count, whose)
    state = (0, 0)
    if network.memory is not None:
        lstm = network.memory.lstm
        state = writer.take(2 * lstm.num_layers * lstm.hidden_size), 2 * lstm.num_layers * lstm.hidden_size
        features = _memory(writer, lstm, features, state[0])
    scores, value = _heads(writer, network, features)
    writer.add(op.END)
    weights = np.concatenate(writer.weights).astype(np.float32)
    return Program(np.array(writer.rows, np.int64), weights, writer.numbers, (inputs, count), scores, value, state)


def _encoder(writer: Writer, encoder: Encoder, at: int, count: int, whose: str) -> int:
    """An encoder's operations; returns the place of the features."""
    if isinstance(encoder, NormalizedImage):
        _, height, width = encoder.image
        writer.normalize(at, count, encoder.normal, height * width)
        encoder = encoder.inner
    elif not isinstance(encoder, Mlp):
        writer.add(op.BYTES, at, count)
    if type(encoder) is Mlp:
        return _mlp(writer, encoder, at, count)
    image = Image(at, *encoder.image)
    if type(encoder) is Patch:
        return _patch(writer, encoder, image)
    if isinstance(encoder, Convolutions):
        return _convolutions(writer, encoder, image)
    if type(encoder) not in (Impala, Mobile):
        raise UserError(
            f"{whose} has a network that cannot go into a page: {type(encoder).__name__} is none of those that ship.\n"
            "Train an agent with one of these: --network patch, tiny, small, nature, impala, mobile or mlp."
        )
    return (_impala if type(encoder) is Impala else _mobile)(writer, encoder, image)


def _patch(writer: Writer, encoder: Patch, image: Image) -> int:
    patches, inputs = encoder.stored
    cut = writer.take(patches * inputs)
    writer.add(op.PATCHES, image.at, cut, image.channels, image.height, image.width, encoder.patch)
    at = writer.linear(cut, encoder.project, patches)
    writer.clip(at, patches * encoder.project.out_features)
    for layer in (encoder.hidden, encoder.last):
        at = writer.linear(at, layer)
        writer.clip(at, layer.out_features)
    return at


def _convolutions(writer: Writer, encoder: Convolutions, image: Image) -> int:
    for layer in encoder.convolutions:
        assert isinstance(layer, nn.Conv2d)
        image = writer.convolve(image, layer)
        writer.clip(image.at, image.count)
    return _hidden(writer, image.at, encoder.hidden)


def _hidden(writer: Writer, at: int, layer: nn.Linear) -> int:
    at = writer.linear(at, layer)
    writer.clip(at, layer.out_features)
    return at


def _mlp(writer: Writer, encoder: Mlp, at: int, count: int) -> int:
    if encoder.normal is not None:
        writer.normalize(at, count, encoder.normal, 1)
    for layer in (encoder.first, encoder.second):
        at = writer.linear(at, layer)
        writer.add(op.TANH, at, layer.out_features)
    return at


def _clipped_copy(writer: Writer, image: Image) -> Image:
    """A ReLU of an image that is needed as it is too."""
    copy = Image(writer.take(image.count), image.channels, image.height, image.width)
    writer.add(op.COPY, copy.at, image.count, image.at)
    writer.clip(copy.at, image.count)
    return copy


def _standardized_copy(writer: Writer, at: int, norm: nn.LayerNorm) -> int:
    """A layer norm of numbers that are needed as they are too: they may be a memory's state."""
    count = norm.normalized_shape[0]
    copy = writer.take(count)
    writer.add(op.COPY, copy, count, at)
    writer.add(op.STANDARDIZE, copy, count, writer.keep(norm.weight), writer.keep(norm.bias))
    return copy


def _impala(writer: Writer, encoder: Any, image: Image) -> int:
    for stage in encoder.stages:
        wide = writer.convolve(image, stage.widen)
        high, across = -(-wide.height // 2), -(-wide.width // 2)
        image = Image(writer.take(wide.channels * high * across), wide.channels, high, across)
        writer.add(op.POOL, wide.at, image.at, wide.channels, wide.height, wide.width)
        for block in stage.blocks:
            inner = writer.convolve(_clipped_copy(writer, image), block.first)
            writer.clip(inner.at, inner.count)
            inner = writer.convolve(inner, block.second)
            writer.add(op.ADD, inner.at, inner.count, image.at)
            image = inner
    writer.clip(image.at, image.count)
    return _hidden(writer, image.at, encoder.hidden)


def _mobile(writer: Writer, encoder: Any, image: Image) -> int:
    image = writer.convolve(image, encoder.first)
    writer.clip(image.at, image.count, 6)
    for block in encoder.inner:
        inner = image
        for layer in (block.widen, block.look):
            inner = writer.convolve(inner, layer)
            writer.clip(inner.at, inner.count, 6)
        inner = writer.convolve(inner, block.narrow)
        if block.shortcut:
            writer.add(op.ADD, inner.at, inner.count, image.at)
        image = inner
    return _hidden(writer, image.at, encoder.hidden)


def _memory(writer: Writer, lstm: nn.LSTM, at: int, state: int) -> int:
    """An LSTM's operations; its state is hidden and cell state of each layer. Returns the place of the outputs."""
    size = lstm.hidden_size
    for layer in range(lstm.num_layers):
        weights = [getattr(lstm, f"{name}_l{layer}") for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]
        hidden, cell = state + 2 * layer * size, state + (2 * layer + 1) * size
        gates = writer.dense(at, weights[0], weights[1])
        writer.dense(hidden, weights[2], weights[3], into=gates)
        writer.add(op.LSTM, gates, hidden, cell, size)
        at = hidden
    return at


def _heads(writer: Writer, network: Network, at: int) -> tuple[tuple[int, int], int]:
    """The heads' operations; returns place and count of the scores, and the place of the value."""
    if isinstance(network, ActorCritic):
        scores, value = writer.linear(at, network.policy), writer.linear(at, network.value)
        _scale(writer, network.scale, value, 1)
        return (scores, network.policy.out_features), value
    assert isinstance(network, ActionValues)
    if isinstance(network, NormalizedActionValues):
        at = _standardized_copy(writer, at, network.norm)
    scores = writer.linear(at, network.advantage)
    if network.value is not None:
        writer.add(op.DUEL, scores, writer.linear(at, network.value), network.advantage.out_features)
    if isinstance(network, NormalizedActionValues):
        _scale(writer, network.scale, scores, network.advantage.out_features)
    return (scores, network.advantage.out_features), -1


def _scale(writer: Writer, scale: ValueNorm | None, at: int, count: int) -> None:
    """The operation that scales the numbers of a head, if there is one."""
    if scale is not None:
        deviation, mean = (writer.keep(part.expand(count)) for part in (scale.deviation, scale.mean))
        writer.add(op.AFFINE, at, count, deviation, mean)


def run(program: Program, observation: np.ndarray, state: np.ndarray | None = None) -> tuple[np.ndarray, float, np.ndarray]:
    """Compute here as a page does: scores [A], the value and the recurrent state, for one observation [stack, *frame]."""
    numbers = np.zeros(program.numbers, np.float32)
    at, count = program.inputs
    numbers[at : at + count] = observation.ravel()
    memory = slice(program.memory[0], sum(program.memory))
    if state is not None:
        numbers[memory] = state
    op.forward(program.rows, program.weights, numbers)
    scores = numbers[program.scores[0] : sum(program.scores)]
    return scores, float(scores.max() if program.value < 0 else numbers[program.value]), numbers[memory].copy()
