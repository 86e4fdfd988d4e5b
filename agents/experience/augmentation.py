"""Random image augmentation, so that a network cannot memorise images. Only for learning, never for acting or evaluation."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from agents.core.settings import OBJECTS_TOO
from agents.networks.encoder import Encoder
from games.errors import UserError

CHOICES = ("none", "shift", "intensity", "both")
DEFAULT_SHIFT = 4 / 84  # of an image's side, as in the paper, if the settings give no number of pixels
CLIP = 2.0  # standard deviations of an intensity factor


class AugmentationSettings(Protocol):
    """The settings of a learner that augmentation reads."""

    observation: str
    codes: int
    augment: str  # one of CHOICES
    augment_shift: int  # pixels; 0: DEFAULT_SHIFT
    augment_intensity: float  # standard deviation of the factor


class Augmentation(NamedTuple):
    """Random changes of N observations, the same for all frames of a stack."""

    offset: Tensor | None  # int64 [N, 2]: of the crop, pixels down and to the right
    factor: Tensor | None  # float32 [N]: of all grey levels

    def select(self, indices: Tensor | slice) -> "Augmentation":
        """The changes of some of the observations, in any order."""
        return Augmentation(*(None if part is None else part[indices] for part in self))


def check(settings: AugmentationSettings) -> None:
    """Raise `UserError` if augmentation is chosen and there are no images."""
    if settings.augment != "none" and settings.observation == "objects":
        raise UserError(
            f"augment={settings.augment} changes images; objects are numbers, which mean something else when they are moved.\n"
            "Choose --observation pixels or planes, or leave it out."
        )
    if settings.augment in ("intensity", "both") and (settings.codes or settings.observation.endswith(OBJECTS_TOO)):
        reason = "codes, which mean something else" if settings.codes else "bytes with objects beside them, which are not kept"
        raise UserError(
            f"augment={settings.augment} makes images brighter and darker; here they are {reason} when they are scaled.\n"
            "Choose --set augment=shift, or leave it out."
        )


def draw(settings: AugmentationSettings, encoder: Encoder, count: int, generator: torch.Generator) -> Augmentation | None:
    """Draw random changes for `count` observations; None, and nothing is drawn, if the settings choose none."""
    kind, device = settings.augment, generator.device
    if kind == "none":
        return None
    offset = factor = None
    if kind in ("shift", "both"):
        limit = settings.augment_shift or max(1, round(DEFAULT_SHIFT * min(encoder.image[1:])))
        offset = torch.randint(-limit, limit + 1, (count, 2), generator=generator, device=device)
    if kind in ("intensity", "both"):
        noise = torch.randn(count, generator=generator, device=device)
        factor = 1.0 + settings.augment_intensity * noise.clamp(-CLIP, CLIP)
    return Augmentation(offset, factor)


def augmented(x: Tensor, augmentation: Augmentation | None, encoder: Encoder) -> Tensor:
    """Stored observations [N, *encoder.stored] with their changes applied."""
    if augmentation is None:
        return x
    image = encoder.image_of(x)
    if augmentation.offset is not None:
        image = encoder.to_storage_torch(shifted(encoder.from_storage(image), augmentation.offset))
    if augmentation.factor is not None:  # not clipped at white: networks read any number
        image = image.float() * augmentation.factor.reshape(-1, *[1] * (image.ndim - 1))
    return encoder.with_image(x, image)


def shifted(images: Tensor, offset: Tensor) -> Tensor:
    """Random shifts (Kostrikov et al. 2020, arXiv:2004.13649). images [N, C, H, W], offset int64 [N, 2].

    As in the paper, pads by repeating the edge and crops: pixel (y, x) is (y + down, x + right) of the image, or the nearest.

    >>> shifted(torch.arange(9).reshape(1, 1, 3, 3), torch.tensor([[0, 1]]))[0, 0].tolist()
    [[1, 2, 2], [4, 5, 5], [7, 8, 8]]
    """
    height, width = images.shape[2:]
    row = (torch.arange(height, device=images.device) + offset[:, :1]).clamp(0, height - 1)
    column = (torch.arange(width, device=images.device) + offset[:, 1:]).clamp(0, width - 1)
    place = (row[:, :, None] * width + column[:, None]).flatten(1)  # [N, H * W]
    return images.flatten(2).gather(2, place[:, None].expand(-1, images.shape[1], -1)).reshape(images.shape)
