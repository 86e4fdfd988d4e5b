"""Images of Gymnasium spaces: which axis holds the channels, and what makes their numbers bytes."""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

LEAST = 3  # pixels: the kernel of the smallest network
UNBOUNDED = 1e6  # bounds beyond are none: some spaces say ±3.4e38
MEDIUM = 36  # sides from which a matrix of any numbers is an image
COLOURS = (1, 3)  # channels of grey and of red, green and blue
MOST_CODES = 32  # values of an image of which each can be a plane of its own


@dataclass(frozen=True)
class ImageLayout:
    """The layout of a Box that holds an image, or a stack of images.

    Bytes are (number − low) · scale: integers that fit a byte stay as they are, other ranges are spread over it.
    """

    shape: tuple[int, ...]  # of the space
    axis: int  # of the channels in (frames, height, width, channels) or (frames, channels, height, width)
    frames: int  # images in a stack; 1: no stack
    colours: int  # channels of one image
    sides: tuple[int, int]  # height, width
    low: float
    scale: float
    values: int  # different values of integers; 0: of floating-point numbers

    @property
    def channels(self) -> int:
        return self.frames * self.colours

    @property
    def grey_images(self) -> int:
        """How many images are seen in grey, each as a whole; 0: this one has channels of another kind."""
        return self.frames if self.colours in COLOURS else 0

    def planes(self, raw: np.ndarray) -> np.ndarray:
        """Images [B, *shape] as uint8 [B, channels, height, width], a copy."""
        images = self.channels_first(raw)
        if self.low:
            images = images.astype(np.float32) - self.low
        elif images.dtype == bool:
            return images.astype(np.uint8) * np.uint8(self.scale)
        if self.scale != 1 or np.issubdtype(images.dtype, np.floating):
            return np.rint(images * self.scale).astype(np.uint8)
        return np.array(images, np.uint8, order="C")

    def channels_first(self, raw: np.ndarray) -> np.ndarray:
        """Images [B, *shape] as [B, channels, height, width], their numbers unchanged."""
        height, width = self.sides
        if self.axis == 1:
            return raw.reshape(len(raw), self.channels, height, width)
        images = raw.reshape(len(raw), self.frames, height, width, self.colours).transpose(0, 1, 4, 2, 3)
        return images.reshape(len(raw), self.channels, height, width)

    def colours_last(self, raw: np.ndarray) -> np.ndarray:
        """Images [B, *shape] as [B, frames, height, width, colours], their numbers unchanged."""
        if self.axis == 1:
            return raw.reshape(len(raw), self.frames, self.colours, *self.sides).transpose(0, 1, 3, 4, 2)
        return raw.reshape(len(raw), self.frames, *self.sides, self.colours)


def image_layout(space: spaces.Space) -> ImageLayout | None:
    """The layout of a space that holds an image; None for another."""
    if not isinstance(space, spaces.Box) or not 2 <= len(space.shape) <= 4 or min(space.shape) < 1:
        return None
    low, high = float(space.low.min()), float(space.high.max())
    if max(-low, high) > UNBOUNDED or high <= low:  # without bounds there is no white
        return None
    integer = space.dtype == bool or np.issubdtype(space.dtype, np.integer)
    if len(space.shape) == 2 and space.dtype != np.uint8 and min(space.shape) < MEDIUM:
        return None  # a matrix of numbers, or a small board of them
    *stack, first, second, third = space.shape if len(space.shape) > 2 else (*space.shape, 1)
    if stack and third not in COLOURS and first not in COLOURS:
        return None
    axis = 1 if _channels_first(first, second, third, bool(stack)) else 3
    colours, sides = (first, (second, third)) if axis == 1 else (third, (first, second))
    if min(sides) < LEAST:
        return None
    frames = stack[0] if stack else 1
    if axis == 1 and not stack and colours == 3:
        frames, colours = 3, 1  # three grey frames look the same as red, green and blue: each is seen by itself
    values = int(high - low) + 1 if integer else 0
    return ImageLayout(space.shape, axis, frames, colours, sides, *_bytes_of(low, high, integer), values)


def _channels_first(first: int, second: int, third: int, stack: bool) -> bool:
    """Do channels come before height and width? Images have two equal sides, or few channels, or large sides."""
    if stack and (third in COLOURS) != (first in COLOURS):
        return first in COLOURS
    if first == second:
        return False
    if second == third:
        return True
    sides = min(second, third)
    return first < sides and (first <= 4 or sides >= MEDIUM)  # frames of a stack; else rows of a board with many planes


def _bytes_of(low: float, high: float, integer: bool) -> tuple[float, float]:
    """The number to subtract from numbers from low to high, and the factor that then makes them bytes."""
    if low >= 0 and high <= 1:
        return 0.0, 255.0
    if low >= 0 and high <= 255:
        return 0.0, 1.0
    if integer and high - low <= 255:
        return low, 1.0
    return low, 255.0 / (high - low)
