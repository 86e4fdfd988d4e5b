"""Converts observations of Gymnasium spaces into frames that networks take."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium import spaces

from games.errors import UserError, nearest


class ObservationAdapter:
    """Converts observations of a space into frames, in the forms that networks take.

    A vector, or a number of a Discrete space one-hot encoded, is `objects`, float32 [n]. An image is `planes`, uint8
    [channels, height, width]; with one or three channels also `pixels`, grey [size, size].
    """

    def __init__(self, name: str, space: spaces.Space, num_actions: int | None = None):
        """num_actions: of the environment, by which a mask in a Dict is known."""
        self.space = space
        self.mask_key: str | None = None  # entry of a Dict that holds the mask of allowed actions, no part of the frame
        self.kind = _kind(name, space)
        self.channels, self.scale = 0, 1.0  # channels of an image; factor that makes bytes of vectors 0 to 1
        if self.kind == "objects":
            if isinstance(space, spaces.Box) and space.dtype == np.uint8 and space.high.max() > 1:
                self.scale = 1 / 255
            return
        assert isinstance(space, spaces.Box)
        shape = space.shape if len(space.shape) == 3 else (*space.shape, 1)
        square = shape[0] == shape[1] or shape[1] == shape[2]  # then the other axis is the channels, else the smallest
        self.channels_first = shape[0] != shape[1] if square else shape[0] < min(shape[1:])  # as FrameStackObservation
        self.channels, *sides = shape if self.channels_first else (shape[2], *shape[:2])
        self.sides = tuple(sides)
        self.scale = 255.0 if space.high.max() <= 1 else 1.0  # and makes images bytes

    @property
    def forms(self) -> tuple[str, ...]:
        """The available forms; the first is the default."""
        if self.kind == "objects":
            return ("objects",)
        return ("planes", "pixels") if self.channels in (1, 3) else ("planes",)

    def shape(self, observation: str, size: int) -> tuple[int, ...]:
        """The shape of one frame. `UserError` if this environment has no such observation."""
        if observation not in self.forms:
            raise UserError(f"Here is no observation '{observation}' to see.\n{nearest(observation, self.forms)}")
        if observation == "objects":
            return (int(spaces.flatdim(self.space)),)
        return (size, size) if observation == "pixels" else (self.channels, *self.sides)

    def masks(self, observations: Any) -> np.ndarray:
        """The allowed actions uint8 [B, A] in B observations of a Dict with `mask_key`."""
        if isinstance(observations, dict):
            return np.array(observations[self.mask_key], np.uint8)
        return np.array([observation[self.mask_key] for observation in observations], np.uint8)

    def frames(self, raw: Sequence[Any] | np.ndarray, observation: str, size: int) -> np.ndarray:
        """B observations, as the environment gives them in a list or as an array [B, …], as frames [B, *shape], a copy."""
        if isinstance(self.space, spaces.Discrete):
            return np.eye(int(self.space.n), dtype=np.float32)[np.asarray(raw, np.int64) - int(self.space.start)]
        if observation == "objects":
            return np.array(raw, np.float32).reshape(len(raw), -1) * np.float32(self.scale)
        images = np.asarray(raw).reshape(len(raw), *self.space.shape)  # type: ignore[misc]
        if images.ndim == 3:
            images = images[..., None]
        images = images if self.channels_first else np.moveaxis(images, -1, 1)
        if observation == "pixels":
            return self._grey(images, size)
        return np.ascontiguousarray(np.rint(images * self.scale).astype(np.uint8) if self.scale != 1 else images, np.uint8)

    def _grey(self, images: np.ndarray, size: int) -> np.ndarray:
        """Images [B, C, H, W] in grey, weighted as the eye sees colours, averaged over areas: [B, size, size]."""
        weight = torch.tensor([0.299, 0.587, 0.114] if self.channels == 3 else [1.0])[:, None, None]
        grey = (torch.from_numpy(images.astype(np.float32) * self.scale) * weight).sum(1, keepdim=True)
        return F.adaptive_avg_pool2d(grey, size).round().to(torch.uint8).squeeze(1).numpy()


def _kind(name: str, space: spaces.Space) -> str:
    """`objects` or `planes`; `UserError` for a space that networks here cannot take."""
    if isinstance(space, spaces.Discrete):
        return "objects"
    if not isinstance(space, spaces.Box):
        raise UserError(
            f"{name} has observations of the space {type(space).__name__}.\n"
            "Sparring takes vectors and images (Box), and Discrete.\nGymnasium's FlattenObservation makes vectors of others."
        )
    integer = space.dtype == bool or np.issubdtype(space.dtype, np.integer)
    narrow = bool((space.low >= 0).all() and (space.high <= (255 if integer else 1)).all())
    if narrow and (len(space.shape) == 3 or (len(space.shape) == 2 and space.dtype == np.uint8)):
        return "planes"
    if len(space.shape) <= 2:
        return "objects"
    raise UserError(
        f"{name} has observations of shape {space.shape}, {space.dtype}, which are neither vectors nor images.\n"
        "An image is height × width × channels, of bytes or of numbers from 0 to 1."
    )
