"""The base class of encoders, which turn observations into features.

An encoder has its own layout for stored observations (`to_storage`, called once for each) and reads them in any precision
(`forward`). Bytes become numbers between 0 and 1 by scaling the first layer's weights, not the images.
"""

from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agents.core.settings import AgentSettings
from agents.networks.normalization import RunningNorm
from agents.networks.patches import to_patches

BYTE_SCALE = 1.0 / 255.0
Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def orthogonal(layer: Layer, gain: float) -> Layer:
    """Initialise a layer with orthogonal weights (Saxe et al. 2014) and zero bias, as PPO's reference implementations do."""
    nn.init.orthogonal_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Encoder(nn.Module):
    """Maps observations [B, stack, *frame] to features [B, self.features]."""

    takes: tuple[str, ...] = ("pixels", "planes")  # kinds of observations
    features: int
    stored: tuple[int, ...]  # shape of a stored observation; unchanged unless a subclass sets it
    square = 0  # side of the pixel squares it is stored in, each with all channels; 0: stored unchanged

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__()
        self.image = (int(np.prod(shape[:-2])), *shape[-2:])  # channels, height, width
        self.stored = self.image if len(shape) > 2 else shape

    @property
    def running_norms(self) -> list[RunningNorm]:
        """The running statistics that normalise observations; none if they are not normalised."""
        return []

    def norm_inputs(self, x: Tensor) -> list[Tensor]:
        """The numbers that each of `running_norms` watches in observations [B, stack, *frame]: [rows, numbers]."""
        return []

    def to_storage(self, observation: np.ndarray) -> np.ndarray:
        """Observations [B, stack, *frame] in the layout that is stored: uint8 or float32 [B, *self.stored]."""
        return observation.reshape(len(observation), *self.stored)

    def to_storage_torch(self, x: Tensor) -> Tensor:
        """`to_storage` in torch operations, [B, stack, *frame] to [B, *self.stored], for graphs that are exported."""
        if not self.square:
            return x.reshape(-1, *self.stored)
        channels, height, width = self.image
        side = self.square
        squares = x.reshape(-1, channels, height // side, side, width // side, side).permute(0, 2, 4, 1, 3, 5)
        return squares.reshape(-1, *self.stored)

    def from_storage(self, x: Tensor) -> Tensor:
        """The inverse of `to_storage_torch`: stored images [B, *self.stored] as [B, channels, height, width]."""
        if not self.square:
            return x.reshape(-1, *self.image)
        channels, height, width = self.image
        side = self.square
        squares = x.reshape(-1, height // side, width // side, channels, side, side).permute(0, 3, 1, 4, 2, 5)
        return squares.reshape(-1, *self.image)

    def image_of(self, x: Tensor) -> Tensor:
        """The images in stored observations, in the layout of `from_storage`; augmentation changes them alone."""
        return x

    def with_image(self, x: Tensor, image: Tensor) -> Tensor:
        """Stored observations with other images."""
        return image

    def micro_batch_size(self, dtype: torch.dtype) -> int:
        """Rows of one backward pass on a CPU: their activations should fit its cache."""
        return 4096

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Stored observations [B, *self.stored] to features [B, self.features], computed in `dtype`."""
        raise TypeError(f"{type(self).__name__} has no forward")


def dense(x: Tensor, layer: nn.Linear) -> Tensor:
    """Apply a linear layer in the precision of its input."""
    return F.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


def space_to_depth(images: np.ndarray, stored: tuple[int, ...], square: int) -> np.ndarray:
    """uint8 [B, C, H, W] to [B, H / square, W / square, C * square²], where a convolution of stride `square` has stride 1.

    `kernel_over_depth` gives the weights for the same sums; processors multiply many channels faster than four.
    """
    height, width, channels = stored
    squares = to_patches(images, square, np.empty((len(images), height * width, channels), np.uint8))
    return squares.reshape(len(images), *stored)


def kernel_over_depth(weight: Tensor, square: int) -> Tensor:
    """Weights [out, C, kernel, kernel] for images in squares: [out, C * square², kernel / square, kernel / square]."""
    out, channels, kernel, _ = weight.shape
    across = kernel // square
    weight = weight.reshape(out, channels, across, square, across, square).permute(0, 1, 3, 5, 2, 4)
    return weight.reshape(out, -1, across, across)
