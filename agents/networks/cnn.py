"""Encoders of one to three convolutional layers or of patches, and the multi-layer perceptron for objects."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agents.core.settings import AgentSettings
from agents.networks.encoder import BYTE_SCALE, Encoder, dense, kernel_over_depth, orthogonal, space_to_depth
from agents.networks.normalization import RunningNorm
from agents.networks.patches import to_patches
from games.errors import UserError


class Patch(Encoder):
    """Non-overlapping patches, as in a vision transformer's first layer (Dosovitskiy et al. 2021), then two hidden layers.

    Kernel size and stride are equal, so with observations stored in patch order the first layer is one matrix product.
    """

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__(shape, settings)
        channels, height, width = self.image
        self.patch = self.square = settings.patch
        if height % self.patch or width % self.patch:
            raise UserError(
                f"The patch network cuts images into patches of {self.patch} pixels; {height} is no multiple of that.\n"
                f"Choose --set size={max(1, round(height / self.patch)) * self.patch}, or --set patch=…"
            )
        patches = (height // self.patch) * (width // self.patch)
        self.stored = (patches, channels * self.patch**2)
        self.project = orthogonal(nn.Linear(self.stored[1], settings.channels), 2**0.5)
        if len(shape) == 3:  # pixels: one channel per frame
            with torch.no_grad():
                self.project.weight.copy_(2**0.5 * cosine_waves(self.patch, channels, settings.channels))
        self.hidden = orthogonal(nn.Linear(patches * settings.channels, settings.hidden), 2**0.5)
        self.last = orthogonal(nn.Linear(settings.hidden, settings.hidden), 2**0.5)
        self.features = settings.hidden

    def to_storage(self, observation: np.ndarray) -> np.ndarray:
        flat = observation.reshape(len(observation), *self.image)
        return to_patches(flat, self.patch, np.empty((len(flat), *self.stored), np.uint8))

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, patches, channels * patch²]
        weight = (self.project.weight * BYTE_SCALE).to(dtype)
        x = F.relu(F.linear(x.to(dtype), weight, self.project.bias.to(dtype)))  # [B, patches, channels]
        return F.relu(dense(F.relu(dense(x.flatten(1), self.hidden)), self.last))


def cosine_waves(patch: int, frames: int, channels: int) -> Tensor:
    """Initial weights [channels, frames * patch²]: the longest cosine waves over a patch, as in JPEG.

    Each wave comes twice: for the sum of the frames, and for the newest minus the oldest, which shows motion. Computed on
    the CPU even where a network is made on the meta device: there these operations import torch's compiler, for seconds
    (findings/torch_meta_device_imports_the_compiler.sh).
    """
    with torch.device("cpu"):
        return _cosine_waves(patch, frames, channels)


def _cosine_waves(patch: int, frames: int, channels: int) -> Tensor:
    grid = (torch.arange(patch) + 0.5) * torch.pi / patch
    longest = sorted((i + j, i, j) for i in range(patch) for j in range(patch))
    times = [torch.ones(frames), torch.linspace(-1, 1, frames)][: min(frames, 2)]
    weight = torch.zeros(channels, frames, patch, patch)
    for number in range(channels):
        _, i, j = longest[number // len(times) % len(longest)]
        wave = torch.cos(grid * i)[:, None] * torch.cos(grid * j)
        time = times[number % len(times)]
        weight[number] = (time / time.norm())[:, None, None] * (wave / wave.norm())
    return weight.flatten(1)


class Convolutions(Encoder):
    """Convolutions and one hidden layer: `layers` gives (channels, kernel, stride) of each convolution.

    Observations are stored in squares as wide as the first layer's stride (`space_to_depth`).
    """

    layers: tuple[tuple[int, int, int], ...]
    hidden_units: int

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__(shape, settings)
        channels, height, width = self.image
        _, kernel, stride = self.layers[0]
        self.square = stride if kernel % stride == height % stride == width % stride == 0 else 1
        self.stored = (height // self.square, width // self.square, channels * self.square**2)
        self.convolutions = nn.ModuleList()
        for out, kernel, stride in self.layers:
            if min(height, width) < kernel:
                least = min(self.image[1:])
                raise UserError(
                    f"Images of {least} pixels are too small for the {type(self).__name__.lower()} network.\n"
                    "Choose another --network, or a larger --set size=… where it is the size of what is seen."
                )
            self.convolutions.append(orthogonal(nn.Conv2d(channels, out, kernel, stride), 2**0.5))
            channels, height, width = out, (height - kernel) // stride + 1, (width - kernel) // stride + 1
        self.hidden = orthogonal(nn.Linear(channels * height * width, self.hidden_units), 2**0.5)
        self.features = self.hidden_units

    def to_storage(self, observation: np.ndarray) -> np.ndarray:
        return space_to_depth(observation.reshape(len(observation), *self.image), self.stored, self.square)

    def micro_batch_size(self, dtype: torch.dtype) -> int:
        return 128 if dtype == torch.float32 else 512

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, height / square, width / square, channels * square²]
        x = x.to(dtype).permute(0, 3, 1, 2)  # torch's order of axes; in memory the channels stay last
        for number, layer in enumerate(self.convolutions):
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            weight, stride = layer.weight, layer.stride[0]
            if number == 0:
                weight, stride = kernel_over_depth(weight * BYTE_SCALE, self.square), stride // self.square
            x = F.relu(F.conv2d(x, weight.to(dtype), layer.bias.to(dtype), stride), inplace=True)
        return F.relu(dense(x.flatten(1), self.hidden))


class Small(Convolutions):
    """Three convolutions for images of about 42 × 42: the layers of `Nature`, scaled down with the image."""

    layers = ((16, 4, 2), (32, 4, 2), (32, 3, 1))
    hidden_units = 256


class Nature(Convolutions):
    """The network of Mnih et al. 2015 (doi:10.1038/nature14236), for 84 × 84 × 4."""

    layers = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
    hidden_units = 512


class Tiny(Convolutions):
    """One convolution and a hidden layer, for the 10 × 10 × channels of MinAtar (Young & Tian 2019, arXiv:1903.03176)."""

    layers = ((16, 3, 1),)
    hidden_units = 128

    def micro_batch_size(self, dtype: torch.dtype) -> int:
        return 512  # its activations are small, so larger batches still fit the cache


class Mlp(Encoder):
    """Two hidden tanh layers over the objects of all stacked frames, as in Schulman et al. 2017 (arXiv:1707.06347)."""

    takes = ("objects",)

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__(shape, settings)
        self.stored = (int(np.prod(shape)),)
        self.normal = RunningNorm(self.stored[0]) if settings.normalize_observation else None
        self.first = orthogonal(nn.Linear(self.stored[0], settings.hidden), 2**0.5)
        self.second = orthogonal(nn.Linear(settings.hidden, settings.hidden), 2**0.5)
        self.features = settings.hidden

    @property
    def running_norms(self) -> list[RunningNorm]:
        return [] if self.normal is None else [self.normal]

    def norm_inputs(self, x: Tensor) -> list[Tensor]:
        return [] if self.normal is None else [x.flatten(1)]

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, stack * numbers]
        x = x if self.normal is None else self.normal(x)
        return torch.tanh(dense(torch.tanh(dense(x.to(dtype), self.first)), self.second))
