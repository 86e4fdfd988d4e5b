"""Networks: an encoder for what an agent sees, then a policy and a value.

An encoder stores observations its own way (`arrange`, once, when they are seen) and reads them in any precision
(`forward`). Bytes become numbers between 0 and 1 by scaling the first layer's weights, not the images.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agents.compiled import to_patches
from games.errors import UserError, nearest

import os
BYTE = float(os.environ.get('BS','1')) / 255.0
DEEP=int(os.environ.get('DEEP','0'));COORD=float(os.environ.get('COORD','0'))


def orthogonal(layer: nn.Module, gain: float) -> nn.Module:
    """Orthogonal weights (Saxe et al. 2014), no bias: the start that PPO's reference implementations use."""
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


@dataclass
class AgentSettings:
    """What an agent is, whatever taught it: written into its file, so that it sees and acts as it did in training."""

    observation: str = "pixels"  # pixels, planes or objects
    size: int = 36  # of pixels and planes; the fewest that still show a ball move smoothly
    stack: int = 2  # newest frames seen at once; two show where things are going
    network: str = "patch"  # encoder: patch, small, nature, mlp
    hidden: int = 128  # units of the last hidden layer (patch, mlp); small and nature have their own
    channels: int = 16  # of the patch encoder's first layer
    patch: int = 6  # pixels, the patch encoder's kernel and stride
    temperature: float = 0.0  # of play; 0: the likeliest action
    delay: int = 0  # ticks until a decision takes effect, in training and in play; a person's is about 12


class Encoder(nn.Module):
    """Observations [B, stack, *frame] to features [B, self.features]."""

    takes = ("pixels", "planes")
    features: int

    def arrange(self, observation: np.ndarray) -> np.ndarray:
        """How observations are stored: uint8 or float32 [B, *self.stored]."""
        return observation.reshape(len(observation), *self.stored)

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.image = (int(np.prod(shape[:-2])), *shape[-2:]) if len(shape) > 2 else shape  # channels, height, width
        self.stored: tuple[int, ...] = self.image


def waves(patch: int, stack: int, channels: int) -> Tensor:
    """The lowest cosine waves of a patch (as JPEG's), each once for the sum of the frames and once for their difference."""
    grid = (torch.arange(patch) + 0.5) * torch.pi / patch
    order = sorted((i + j, i, j) for i in range(patch) for j in range(patch))
    weight = torch.zeros(channels, stack, patch, patch)
    signs = [torch.ones(stack), torch.linspace(-1, 1, stack)] if stack > 1 else [torch.ones(1)]
    for number in range(channels):
        _, i, j = order[(number // len(signs)) % len(order)]
        wave = torch.cos(grid * i)[:, None] * torch.cos(grid * j)
        sign = signs[number % len(signs)]
        weight[number] = (sign / sign.norm())[:, None, None] * wave / wave.norm()
    return weight.reshape(channels, -1)


class Patch(Encoder):
    """Non-overlapping patches, as a vision transformer's first layer, then two hidden layers.

    The kernel is the stride, so with observations stored in patch order the first layer is one plain matrix product.
    """

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__(shape)
        channels, height, width = self.image
        self.patch = settings.patch
        if height % self.patch or width % self.patch:
            raise UserError(
                f"The patch network cuts images into patches of {self.patch} pixels; a size of {height} is no multiple of it.\n"
                f"Choose --set size={max(1, round(height / self.patch)) * self.patch}, or --set patch=…"
            )
        patches = (height // self.patch) * (width // self.patch)
        self.stored = (patches, channels * self.patch**2)
        self.project = orthogonal(nn.Linear(self.stored[1], settings.channels), 2**0.5)
        if os.environ.get("DCT"):
            with torch.no_grad(): self.project.weight.copy_(waves(self.patch, channels, settings.channels)*2**.5)
        self.hidden = orthogonal(nn.Linear(patches * settings.channels, settings.hidden), float(os.environ.get("G","1.4")))
        self.features = settings.hidden
        self.last = orthogonal(nn.Linear(settings.hidden, settings.hidden), 2**0.5)

    def arrange(self, observation: np.ndarray) -> np.ndarray:
        flat = observation.reshape(len(observation), *self.image)
        return to_patches(flat, self.patch, np.empty((len(flat), *self.stored), np.uint8))

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, patches, channels * patch²]
        x = F.linear(x.to(dtype), (self.project.weight * BYTE).to(dtype), self.project.bias.to(dtype))
        if os.environ.get("RELU1"): x=F.relu(x)
        x = x.flatten(1)  # [B, patches * channels]
        act = torch.tanh if os.environ.get("TANH") else F.relu
        x = act(F.linear(x, self.hidden.weight.to(dtype), self.hidden.bias.to(dtype)))
        return act(F.linear(x, self.last.weight.to(dtype), self.last.bias.to(dtype)))


class Convolutions(Encoder):
    """Convolutions and one hidden layer: `layers` is (channels, kernel, stride) for each."""

    layers: tuple[tuple[int, int, int], ...]
    units: int

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__(shape)
        channels, height, width = self.image
        self.convolutions = nn.ModuleList()
        for out, kernel, stride in self.layers:
            if min(height, width) < kernel:
                raise UserError(
                    f"Images of {height} pixels are too small for {type(self).__name__.lower()}; choose a larger --set size=…"
                )
            self.convolutions.append(orthogonal(nn.Conv2d(channels, out, kernel, stride), 2**0.5))
            channels, height, width = out, (height - kernel) // stride + 1, (width - kernel) // stride + 1
        self.hidden = orthogonal(nn.Linear(channels * height * width, self.units), 2**0.5)
        self.features = self.units

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, channels, height, width]
        x = x.to(dtype, memory_format=torch.channels_last)
        for number, layer in enumerate(self.convolutions):
            weight = layer.weight * BYTE if number == 0 else layer.weight
            x = F.relu(F.conv2d(x, weight.to(dtype), layer.bias.to(dtype), layer.stride))
        return F.relu(F.linear(x.flatten(1), self.hidden.weight.to(dtype), self.hidden.bias.to(dtype)))


class Small(Convolutions):
    """Three convolutions for images of about 42 × 42."""

    layers = ((16, 4, 2), (32, 4, 2), (32, 3, 1))
    units = 256


class Nature(Convolutions):
    """The network of Mnih et al. 2015 (doi:10.1038/nature14236), for 84 × 84 × 4."""

    layers = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
    units = 512


class Mlp(Encoder):
    """Two hidden layers over the objects of all stacked frames."""

    takes = ("objects",)

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings):
        super().__init__(shape)
        self.stored = (int(np.prod(shape)),)
        self.first = orthogonal(nn.Linear(self.stored[0], settings.hidden), 2**0.5)
        self.second = orthogonal(nn.Linear(settings.hidden, settings.hidden), 2**0.5)
        self.features = settings.hidden

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, stack * numbers]
        x = torch.tanh(F.linear(x.to(dtype), self.first.weight.to(dtype), self.first.bias.to(dtype)))
        return torch.tanh(F.linear(x, self.second.weight.to(dtype), self.second.bias.to(dtype)))


ENCODERS: dict[str, type[Encoder]] = {"patch": Patch, "small": Small, "nature": Nature, "mlp": Mlp}


def encoder(shape: tuple[int, ...], settings: AgentSettings) -> Encoder:
    """The encoder of some settings, for observations [stack, *frame]; `UserError` where the two do not go together."""
    if settings.network not in ENCODERS:
        raise UserError(f"There is no network '{settings.network}'.\n{nearest(settings.network, ENCODERS)}")
    kind = ENCODERS[settings.network]
    if settings.observation not in kind.takes:
        fitting = [name for name, other in ENCODERS.items() if settings.observation in other.takes]
        raise UserError(
            f"The {settings.network} network does not take {settings.observation}.\n"
            f"For {settings.observation}: {', '.join(fitting)}."
        )
    return kind(shape, settings)


class ActorCritic(nn.Module):
    """A policy and a value over one encoder: logits [B, A] and values [B], both float32."""

    def __init__(self, shape: tuple[int, ...], num_actions: int, settings: AgentSettings):
        super().__init__()
        self.encoder = encoder(shape, settings)
        self.policy = orthogonal(nn.Linear(self.encoder.features, num_actions), 0.01)
        self.value = orthogonal(nn.Linear(self.encoder.features, 1), 1.0)

    def forward(self, x: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """x: stored observations [B, *encoder.stored]."""
        features = self.encoder(x, dtype).float()
        return self.policy(features), self.value(features).squeeze(1)


def masked(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Logits [B, A] with what is not allowed (mask 0) at minus infinity; a row whose mask is all 0 stays as it is."""
    if mask is None:
        return logits
    barred = (mask == 0) & (mask != 0).any(1, keepdim=True)
    return logits.masked_fill(barred, float("-inf"))


def sample(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Actions [B] drawn from softmax(logits), by Gumbel's trick: argmax of logits + Gumbel noise."""
    noise = torch.rand(logits.shape, generator=generator, device=logits.device).clamp_(min=1e-20)
    return (logits - (-noise.log()).log()).argmax(1)


def choose(logits: Tensor, mask: Tensor | None, temperature: float, generator: torch.Generator) -> Tensor:
    """Actions [B] at a temperature; 0 is the likeliest allowed action."""
    logits = masked(logits, mask)
    return logits.argmax(1) if temperature == 0 else sample(logits / temperature, generator)


def best_dtype(device: torch.device, precision: str) -> torch.dtype:
    """The precision to compute in: `auto` is bfloat16 where the processor multiplies matrices in it, else float32."""
    if precision not in ("auto", "fp32", "bf16"):
        raise UserError(f"There is no precision '{precision}'.\n{nearest(precision, ('auto', 'fp32', 'bf16'))}")
    if precision != "auto":
        return torch.float32 if precision == "fp32" else torch.bfloat16
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)():
        return torch.bfloat16
    return torch.float32
