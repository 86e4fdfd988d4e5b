"""Deep residual encoders: convolutions with skip connections (He et al. 2016, arXiv:1512.03385).

Neither uses batch normalisation, since an image must give the same features alone and in a batch. Both are initialised as in
their sources, with truncated normal weights whose deviation follows from a unit's fan-in.
"""

from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agents.core.settings import AgentSettings
from agents.networks.encoder import BYTE_SCALE, Encoder, dense, kernel_over_depth, orthogonal, space_to_depth
from games.errors import UserError

HIDDEN_UNITS = 256  # of the last layer of either
BOUND = 2.0  # standard deviations at which a normal distribution is truncated
TRUNCATED_STD = 0.8796  # standard deviation of a standard normal distribution truncated there


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, scale: float = 1.0) -> nn.Conv2d:
    """A convolution, padded by half of an odd kernel; its weights have the standard deviation √(scale / fan-in)."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 if kernel % 2 else 0, groups=groups)
    std = (scale / (inputs // groups * kernel**2)) ** 0.5 / TRUNCATED_STD
    nn.init.trunc_normal_(layer.weight, 0.0, std, -BOUND * std, BOUND * std)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def convolve(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """Apply a convolution in the precision of its input."""
    assert layer.bias is not None
    weight, bias = layer.weight.to(x.dtype), layer.bias.to(x.dtype)
    return F.conv2d(x, weight, bias, layer.stride, layer.padding, groups=layer.groups)


def refuse_small(name: str, side: int, smallest: int) -> None:
    """Raise `UserError` for images that would shrink below 2 × 2 positions, which would lose where things are."""
    if side < smallest:
        raise UserError(
            f"Images of {side} pixels are too small for {name}, which halves them three times.\n"
            f"Choose --set size={smallest} or more, or another --network."
        )


class ResidualBlock(nn.Module):
    """x + two convolutions, each after a ReLU, as in figure 3 of Espeholt et al. 2018."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = convolution(channels, channels, 3)
        self.second = convolution(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W]
        inner = F.relu(convolve(F.relu(x), self.first), inplace=True)
        return convolve(inner, self.second).add_(x)


class ResidualStage(nn.Module):
    """A convolution, 3 × 3 max pooling with stride 2, two residual blocks."""

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.widen = convolution(inputs, channels, 3)
        self.blocks = nn.ModuleList(ResidualBlock(channels) for _ in range(2))

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """weight: of the first convolution; the first stage scales it, since it reads bytes."""
        assert self.widen.bias is not None
        x = F.max_pool2d(F.conv2d(x, weight.to(x.dtype), self.widen.bias.to(x.dtype), padding=1), 3, 2, 1)
        for block in self.blocks:
            x = block(x)
        return x


class Impala(Encoder):
    """The deep network of Espeholt et al. 2018 (arXiv:1802.01561): three stages of residual blocks, one hidden layer."""

    channels: ClassVar[tuple[int, ...]] = (16, 32, 32)

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__(shape, settings)
        inputs, height, width = self.image
        refuse_small("impala", min(height, width), 9)
        self.stored = (height, width, inputs)
        self.stages = nn.ModuleList()
        for channels in self.channels:
            self.stages.append(ResidualStage(inputs, channels))
            inputs = channels
            height, width = -(-height // 2), -(-width // 2)
        self.hidden = orthogonal(nn.Linear(inputs * height * width, HIDDEN_UNITS), 2**0.5)
        self.features = HIDDEN_UNITS

    square = 1

    def to_storage(self, observation: np.ndarray) -> np.ndarray:
        return space_to_depth(observation.reshape(len(observation), *self.image), self.stored, self.square)

    def micro_batch_size(self, dtype: torch.dtype) -> int:
        return 32 if dtype == torch.float32 else 64

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, height, width, channels]
        x = x.to(dtype).permute(0, 3, 1, 2)  # torch's order of axes; in memory the channels stay last
        for number, stage in enumerate(self.stages):
            assert isinstance(stage, ResidualStage)
            x = stage(x, stage.widen.weight if number else stage.widen.weight * BYTE_SCALE)
        return F.relu(dense(F.relu(x).flatten(1), self.hidden))


class InvertedResidual(nn.Module):
    """An inverted residual block: expand, depthwise convolution, project; a skip connection where the shape stays.

    The projection has no ReLU (a "linear bottleneck"), so that it loses no information.
    """

    expansion = 4

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        wide = self.expansion * inputs
        self.widen = convolution(inputs, wide, 1, scale=2.0)
        self.look = convolution(wide, wide, 3, stride, wide, scale=2.0)
        self.narrow = convolution(wide, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W]
        inner = F.relu6(convolve(x, self.widen), inplace=True)
        slow = x.device.type == "cpu" and self.look.stride[0] > 1  # its bfloat16 gradients take ten times as long
        inner = F.relu6(convolve(inner.float() if slow else inner, self.look), inplace=True)
        inner = convolve(inner.to(x.dtype), self.narrow)
        return inner.add_(x) if self.shortcut else inner


class Mobile(Encoder):
    """A small MobileNetV2: depthwise-separable residual convolutions (Sandler et al. 2018, arXiv:1801.04381).

    For images of 42 × 42 to 84 × 84. All positions go into the hidden layer, since a game depends on where things are; the
    paper averages over them.
    """

    stem = 16  # channels
    blocks: ClassVar[tuple[tuple[int, int], ...]] = ((24, 2), (24, 1), (32, 2), (32, 1))  # channels, stride

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__(shape, settings)
        channels, height, width = self.image
        refuse_small("mobile", min(height, width), 12)
        self.square = 2 if height % 2 == width % 2 == 0 else 1
        self.stored = (height // self.square, width // self.square, channels * self.square**2)
        self.first = convolution(channels, self.stem, 4, 2, scale=2.0)
        height, width, inputs = height // 2 - 1, width // 2 - 1, self.stem
        self.inner = nn.ModuleList()
        for outputs, stride in self.blocks:
            self.inner.append(InvertedResidual(inputs, outputs, stride))
            inputs, height, width = outputs, -(-height // stride), -(-width // stride)
        self.hidden = orthogonal(nn.Linear(inputs * height * width, HIDDEN_UNITS), 2**0.5)
        self.features = HIDDEN_UNITS

    def to_storage(self, observation: np.ndarray) -> np.ndarray:
        return space_to_depth(observation.reshape(len(observation), *self.image), self.stored, self.square)

    def micro_batch_size(self, dtype: torch.dtype) -> int:
        return 64 if dtype == torch.float32 else 128

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, height / square, width / square, channels * square²]
        x = x.to(dtype).permute(0, 3, 1, 2)  # torch's order of axes; in memory the channels stay last
        assert self.first.bias is not None
        weight = kernel_over_depth(self.first.weight * BYTE_SCALE, self.square).to(dtype)
        x = F.relu6(F.conv2d(x, weight, self.first.bias.to(dtype), 2 // self.square), inplace=True)
        for block in self.inner:
            x = block(x)
        return F.relu(dense(x.flatten(1), self.hidden))
