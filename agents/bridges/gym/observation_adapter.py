"""Converts observations of Gymnasium spaces into frames that networks take."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium import spaces

from agents.bridges.gym.image_layout import COLOURS, MOST_CODES, UNBOUNDED, ImageLayout, image_layout
from agents.bridges.gym.observation_parts import Part, is_text, mask_key, parts_of
from agents.core.settings import OBJECTS_TOO
from agents.networks.inputs import frame_bytes, join
from games.errors import UserError, nearest

SMALL_IMAGE = 1024  # numbers of an image of another size than the largest that become objects; larger ones are resized
MOST_NUMBERS = 1 << 16  # objects of an observation


class ObservationAdapter:
    """Converts observations of a space into frames, in the forms that networks take.

    Numbers are `objects`, float32 [n]: vectors as they are, values of a Discrete one-hot. An image is `planes`, uint8
    [channels, height, width]; in grey or in colours also `pixels`, grey [size, size], of several images [images, size, size].

    A Dict or Tuple may hold both. Images of the largest size are stacked as channels; all else is objects, and stands beside
    the image in one frame: `planes+objects`, `pixels+objects`, uint8 [bytes] (`agents.networks.inputs`). Texts are left out.
    """

    def __init__(self, name: str, space: spaces.Space, num_actions: int | None = None):
        """`UserError` for a space that cannot be learned from. num_actions: by which a mask in a Dict is known."""
        self.space = space
        self.mask_key = mask_key(space, num_actions)  # entry of a Dict that holds the mask, which is no part of the frame
        self.parts = list(parts_of(name, space))
        seen = [part for part in self.parts if not is_text(part.space) and part.path != (self.mask_key,)]
        layouts = {part: layout for part in seen if (layout := image_layout(part.space)) is not None}
        self.sides = max((layout.sides for layout in layouts.values()), key=lambda sides: sides[0] * sides[1], default=(0, 0))
        self.images = {
            part: layout for part, layout in layouts.items() if layout.sides == self.sides or part.count > SMALL_IMAGE
        }
        self.objects = [part for part in seen if part not in self.images]
        self.channels = sum(layout.channels for layout in self.images.values())
        self.num_objects = sum(part.count for part in self.objects)
        self._refuse(name)

    def _refuse(self, name: str) -> None:
        if not self.images and not self.objects:
            raise UserError(
                f"{name} has observations of words alone, which networks here cannot read.\n"
                "Look for a setting or wrapper of the environment that gives numbers or an image."
            )
        if not self.images and not self.num_objects:
            raise UserError(
                f"{name} has observations of no numbers ({self.space}): there is nothing to learn from.\n"
                "Correct its observation_space."
            )
        if self.num_objects > MOST_NUMBERS:
            largest = max(self.objects, key=lambda part: part.count)
            where = f", most in {largest.name!r}" if largest.path else ""
            raise UserError(
                f"{name} has observations of {self.num_objects:,} numbers{where}; {_short(largest.space)} is no image.\n"
                "An image is height × width × channels, with bounds: bytes, or numbers from 0 to 1."
            )

    # --- forms ---

    @property
    def kind(self) -> str:
        """`planes` where there is an image, else `objects`."""
        return "planes" if self.images else "objects"

    @property
    def forms(self) -> tuple[str, ...]:
        """The values of the setting `observation` that this space allows; the first is the default."""
        if not self.images:
            return ("objects",)
        grey = all(layout.grey_images for layout in self.images.values())
        images = ("planes", "pixels") if grey else ("planes",)
        return (*(form + OBJECTS_TOO for form in images), *images) if self.objects else images

    def shape(self, observation: str, size: int) -> tuple[int, ...]:
        """The shape of one frame. `UserError` if this environment has no such observation."""
        if observation not in self.forms:
            raise UserError(f"Here is no observation '{observation}' to see.\n{nearest(observation, self.forms)}")
        if observation == "objects":
            return (self.num_objects,)
        if observation.endswith(OBJECTS_TOO):
            return (frame_bytes(self._image_shape(observation, size), self.num_objects),)
        return self._image_shape(observation, size)

    def image_shape(self, observation: str, size: int) -> tuple[int, ...] | None:
        """The shape of the image in a frame of an image and objects; None for another frame."""
        return self._image_shape(observation, size) if observation.endswith(OBJECTS_TOO) else None

    def _image_shape(self, observation: str, size: int) -> tuple[int, ...]:
        if not observation.startswith("pixels"):
            return (self.channels, *self.sides)
        count = sum(layout.grey_images for layout in self.images.values())
        return (size, size) if count == 1 else (count, size, size)

    def is_batch(self, observation: Any) -> bool:
        """True for several observations, false for a single one."""
        if isinstance(self.space, (spaces.Dict, spaces.Tuple)):
            if not isinstance(observation, dict if isinstance(self.space, spaces.Dict) else tuple):
                return True
            part = next(part for part in self.parts if not is_text(part.space))
            return np.ndim(part.values([observation])[0]) > len(part.space.shape or ())
        return np.ndim(observation) > len(self.space.shape or ())

    # --- conversion ---

    def masks(self, observations: Any) -> np.ndarray:
        """The allowed actions uint8 [B, A] in B observations of a Dict with `mask_key`."""
        assert self.mask_key is not None
        return Part((self.mask_key,), self.space).values(observations).astype(np.uint8)

    def frames(self, observations: Sequence[Any] | np.ndarray, observation: str, size: int) -> np.ndarray:
        """B observations, as the environment gives them in a list or as an array [B, …], as frames [B, *shape], a copy."""
        if observation == "objects":
            return self._objects(observations)
        if not observation.endswith(OBJECTS_TOO):
            return self._images(observations, observation, size)
        image = self._images(observations, observation.removesuffix(OBJECTS_TOO), size)
        return join(image, self._objects(observations))

    def _objects(self, observations: Sequence[Any] | np.ndarray) -> np.ndarray:
        """float32 [B, num_objects]."""
        numbers = [part.numbers(part.values(observations)) for part in self.objects]
        return numbers[0] if len(numbers) == 1 else np.concatenate(numbers, 1)

    def _images(self, observations: Sequence[Any] | np.ndarray, observation: str, size: int) -> np.ndarray:
        found = []
        for part, layout in self.images.items():
            raw = part.bounds.check(part.values(observations))
            raw = raw.reshape(len(raw), *layout.shape)
            found.append(_grey(raw, layout, size) if observation == "pixels" else self._resized(layout.planes(raw)))
        images = found[0] if len(found) == 1 else np.concatenate(found, 1)
        return images[:, 0] if observation == "pixels" and images.shape[1] == 1 else images

    def _resized(self, planes: np.ndarray) -> np.ndarray:
        """Planes of another size at the size of the largest, by the nearest pixel: a code stays a code."""
        if planes.shape[2:] == self.sides:
            return planes
        rows, columns = (np.arange(new) * old // new for new, old in zip(self.sides, planes.shape[2:], strict=True))
        return planes[:, :, rows[:, None], columns]

    # --- what becomes of it ---

    @property
    def declared_codes(self) -> int:
        """How many values a pixel may have by the space, if all images hold integers and that is 3 to 32; else 0.

        Of several images, the largest number.
        """
        values = [layout.values for layout in self.images.values()]
        return max(values) if values and min(values) > 0 and 2 < max(values) <= MOST_CODES else 0

    def describe(self, observation: str, codes: int = 0, normalised: bool = False) -> list[tuple[str, str, str]]:
        """Of an observation of several parts: each part's name, its space, and what becomes of it; else nothing."""
        if len(self.parts) == 1:
            return []
        return [(part.name, _short(part.space), self._in_words(part, observation, codes, normalised)) for part in self.parts]

    def _in_words(self, part: Part, observation: str, codes: int, normalised: bool) -> str:
        if part.path == (self.mask_key,):
            return "the mask of allowed actions"
        if is_text(part.space):
            return "text, left out"
        if part not in self.images:
            used = observation == "objects" or observation.endswith(OBJECTS_TOO)
            return part.in_words(normalised) if used else "left out"
        layout = self.images[part]
        if observation.startswith("pixels"):
            return f"image, in grey{f', {layout.frames} frames' if layout.frames > 1 else ''}"
        resized = "" if layout.sides == self.sides else f", resized to {self.sides[0]} × {self.sides[1]}"
        return f"image, {layout.channels} channel{'s'[: layout.channels != 1]}{f' of {codes} codes' if codes else ''}{resized}"


def _short(space: spaces.Space) -> str:
    """A space in a few words."""
    if isinstance(space, spaces.Box):
        sides = " × ".join(map(str, space.shape)) or "one number"
        low, high = float(space.low.min()), float(space.high.max())
        limits = f"{low:.4g} to {high:.4g}" if max(-low, high) <= UNBOUNDED else "any"
        return f"{sides}, {space.dtype}, {limits}"
    return "text" if is_text(space) else str(space).replace("\n", " ")


def _grey(raw: np.ndarray, layout: ImageLayout, size: int) -> np.ndarray:
    """Images [B, …] in grey, weighted as the eye sees colours, averaged over areas: uint8 [B, images, size, size]."""
    images = torch.from_numpy(layout.colours_last(raw).astype(np.float32, order="C"))
    if layout.low or layout.scale != 1:
        images = (images - layout.low) * layout.scale
    grey = images @ torch.tensor([0.299, 0.587, 0.114]) if layout.colours == COLOURS[1] else images[..., 0]
    return F.adaptive_avg_pool2d(grey, size).round().to(torch.uint8).numpy()
