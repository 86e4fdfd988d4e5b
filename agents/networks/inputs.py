"""Encoders around an image's encoder: for images of codes, images to normalise, and images with objects beside them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agents.core.settings import OBJECTS_TOO, AgentSettings
from agents.networks.encoder import Encoder, dense, orthogonal
from agents.networks.normalization import RunningNorm
from games.errors import UserError

ALIGNMENT = 4  # bytes of a float32: objects begin at a multiple of it
MERGED = 64  # units of the layer over the objects
MakeEncoder = Callable[[tuple[int, ...], AgentSettings], Encoder]


def wrapped_encoder(
    shape: tuple[int, ...], image: tuple[int, ...] | None, settings: AgentSettings, make: MakeEncoder
) -> Encoder:
    """The encoder that `make` makes, and around it what the settings ask for.

    shape: [stack, *frame]; image: the shape of the image in a frame that holds one with objects beside it, else None.
    """
    if image is not None:
        inner = replace(settings, observation=settings.observation.removesuffix(OBJECTS_TOO))
        return ImageAndObjects(shape, image, settings, wrapped_encoder((shape[0], *image), None, inner, make))
    if settings.observation == "objects":
        return make(shape, settings)
    if settings.codes:
        return OneHotImage(shape, settings, make)
    if settings.normalize_observation:
        return NormalizedImage(shape, settings, make(shape, replace(settings, normalize_observation=False)))
    return make(shape, settings)


class OneHotImage(Encoder):
    """An image whose bytes are codes (a wall is 2, a door is 4), not brightness: each code of a channel is a plane of its own.

    Greater bytes count as the greatest code.
    """

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings, make: MakeEncoder):
        super().__init__(shape, settings)
        if settings.observation != "planes":
            raise UserError(
                f"codes={settings.codes} reads the bytes of planes; {settings.observation} are averages of them.\n"
                "Choose --observation planes, or --set codes=0."
            )
        self.codes = settings.codes
        channels, *sides = shape[1:]
        inner = replace(settings, codes=0, normalize_observation=False)
        self.inner = make((shape[0], channels * self.codes, *sides), inner)
        self.features = self.inner.features

    def micro_batch_size(self, dtype: torch.dtype) -> int:
        return self.inner.micro_batch_size(dtype)

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:  # [B, channels, height, width]
        code = torch.arange(self.codes, dtype=x.dtype, device=x.device)[:, None, None]
        planes = x.clamp(max=self.codes - 1).unsqueeze(2) == code  # [B, channels, codes, height, width]
        return self.inner(self.inner.to_storage_torch(planes.flatten(1, 2).to(dtype) * 255), dtype)


class NormalizedImage(Encoder):
    """An image normalised by the running mean and deviation of each channel."""

    def __init__(self, shape: tuple[int, ...], settings: AgentSettings, inner: Encoder):
        super().__init__(shape, settings)
        self.inner, self.normal = inner, RunningNorm(self.image[0])
        self.stored, self.square, self.features = inner.stored, inner.square, inner.features

    @property
    def running_norms(self) -> list[RunningNorm]:
        return [self.normal]

    def norm_inputs(self, x: Tensor) -> list[Tensor]:
        return [x.reshape(len(x), self.image[0], -1).transpose(1, 2).flatten(0, 1).float()]

    def to_storage(self, observation: np.ndarray) -> np.ndarray:
        return self.inner.to_storage(observation)

    def to_storage_torch(self, x: Tensor) -> Tensor:
        return self.inner.to_storage_torch(x)

    def from_storage(self, x: Tensor) -> Tensor:
        return self.inner.from_storage(x)

    def micro_batch_size(self, dtype: torch.dtype) -> int:
        return self.inner.micro_batch_size(dtype)

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        pixels = self.inner.from_storage(x).permute(0, 2, 3, 1)  # [B, height, width, channels]
        normalised = self.normal(pixels).permute(0, 3, 1, 2)
        return self.inner(self.inner.to_storage_torch(normalised * 255), dtype)  # it takes 255 for 1


class ImageAndObjects(Encoder):
    """An image's encoder, and beside it the objects of the same observation: numbers that are no image.

    A frame is uint8 [n]: the image's bytes, zeros up to a multiple of four, the objects' float32 bytes. So they are kept and
    sent as one array. The objects pass a small layer; the last layer takes both.
    """

    def __init__(self, shape: tuple[int, ...], image: tuple[int, ...], settings: AgentSettings, inner: Encoder):
        super().__init__(shape, settings)
        self.stack, self.inner, self.frame_image = shape[0], inner, image
        self.image = inner.image
        self.numbers = self.stack * objects_in(shape[1], image)
        self.image_bytes = int(np.prod(inner.stored))
        self.stored = (padded(self.image_bytes) + ALIGNMENT * self.numbers,)
        self.normal = RunningNorm(self.numbers) if settings.normalize_observation else None
        self.objects = orthogonal(nn.Linear(self.numbers, MERGED), 2**0.5)
        self.merge = orthogonal(nn.Linear(inner.features + MERGED, inner.features), 2**0.5)
        self.features = inner.features

    @property
    def running_norms(self) -> list[RunningNorm]:
        return [*self.inner.running_norms, *([] if self.normal is None else [self.normal])]

    def norm_inputs(self, x: Tensor) -> list[Tensor]:
        image, objects = split_frames(x.numpy(), self.frame_image)
        numbers = [] if self.normal is None else [torch.from_numpy(objects).flatten(1)]
        return [*(self.inner.norm_inputs(torch.from_numpy(image)) if self.inner.running_norms else []), *numbers]

    def to_storage(self, observation: np.ndarray) -> np.ndarray:
        image, objects = split_frames(observation, self.frame_image)
        return join(self.inner.to_storage(image).reshape(len(image), -1), objects.reshape(len(objects), -1))

    def micro_batch_size(self, dtype: torch.dtype) -> int:
        return self.inner.micro_batch_size(dtype)

    def image_of(self, x: Tensor) -> Tensor:
        return x[:, : self.image_bytes].reshape(-1, *self.inner.stored)

    def with_image(self, x: Tensor, image: Tensor) -> Tensor:
        return torch.cat([image.flatten(1), x[:, self.image_bytes :]], 1)

    def to_storage_torch(self, x: Tensor) -> Tensor:
        return self.inner.to_storage_torch(x)  # of images alone

    def from_storage(self, x: Tensor) -> Tensor:
        return self.inner.from_storage(x)

    def forward(self, x: Tensor | tuple[Tensor, Tensor], dtype: torch.dtype) -> Tensor:
        """x: stored observations, or as graphs are exported stored images [B, *inner.stored] and objects [B, numbers]."""
        if isinstance(x, tuple):
            return self.encode(*x, dtype)
        objects = x[:, padded(self.image_bytes) :].contiguous().view(torch.float32)
        return self.encode(self.image_of(x), objects, dtype)

    def encode(self, image: Tensor, objects: Tensor, dtype: torch.dtype) -> Tensor:
        """Features of stored images [B, *inner.stored] and objects float32 [B, numbers]."""
        objects = objects if self.normal is None else self.normal(objects)
        beside = torch.tanh(dense(objects.to(dtype), self.objects))
        return F.relu(dense(torch.cat([self.inner(image, dtype).to(dtype), beside], 1), self.merge))


# --- frames of an image and objects -----------------------------------------------------------------------------------


def padded(count: int) -> int:
    """The number of bytes up to where objects may begin.

    >>> padded(4), padded(5)
    (4, 8)
    """
    return -(-count // ALIGNMENT) * ALIGNMENT


def frame_bytes(image: tuple[int, ...], objects: int) -> int:
    """The length of a frame that holds an image and so many objects."""
    return padded(int(np.prod(image))) + ALIGNMENT * objects


def objects_in(length: int, image: tuple[int, ...]) -> int:
    """The number of objects in a frame of this length; the inverse of `frame_bytes`."""
    return (length - padded(int(np.prod(image)))) // ALIGNMENT


def join(image: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Images uint8 [B, …] and objects float32 [B, n] as frames uint8 [B, m]."""
    flat = image.reshape(len(image), -1)
    frames = np.zeros((len(flat), frame_bytes(flat.shape[1:], objects.shape[1])), np.uint8)
    frames[:, : flat.shape[1]] = flat
    frames[:, padded(flat.shape[1]) :] = np.ascontiguousarray(objects, np.float32).view(np.uint8)
    return frames


def split_frames(frames: np.ndarray, image: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 [B, stack, m] as images uint8 [B, stack, *image] and objects float32 [B, stack, n].

    >>> frames = join(np.full((1, 3), 7, np.uint8), np.array([[0.5, 2.0]], np.float32))
    >>> [part.tolist() for part in split_frames(frames[:, None], (3,))]
    [[[[7, 7, 7]]], [[[0.5, 2.0]]]]
    """
    count = int(np.prod(image))
    objects = np.ascontiguousarray(frames[..., padded(count) :]).view(np.float32)
    return frames[..., :count].reshape(*frames.shape[:-1], *image), objects
