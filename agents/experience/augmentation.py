"""Images changed at random before something is learned from them, so that a network cannot learn them by heart.

In learning only: who acts, is evaluated or plays sees what there is.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.networks.encoder import Encoder
from games.errors import UserError

CHOICES = ("none", "shift", "intensity", "both")
SHARE = 4 / 84  # of an image's side that it is shifted by where the settings say no number: the paper's
FARTHEST = 2.0  # standard deviations of a factor that are drawn


class Change(NamedTuple):
    """What is done to each of N observations, all frames of its stack alike."""

    offset: Tensor | None  # int64 [N, 2]: pixels down and to the right, of what is looked at
    factor: Tensor | None  # float32 [N]: of all grey levels

    def of(self, which: Tensor | slice) -> "Change":
        """Of some of them, in any order."""
        return Change(*(None if part is None else part[which] for part in self))


def check(settings: Any) -> None:
    """`UserError` where there are no images to change."""
    if settings.augment != "none" and settings.observation == "objects":
        raise UserError(
            f"augment={settings.augment} changes images; objects are numbers, which mean something else when they are moved.\n"
            "Choose --observation pixels or planes, or leave it out."
        )


def draw(settings: Any, encoder: Encoder, count: int, generator: torch.Generator) -> Change | None:
    """Changes for so many observations; None where the settings want none, and then nothing is drawn."""
    kind, device = settings.augment, generator.device
    if kind == "none":
        return None
    offset = factor = None
    if kind in ("shift", "both"):
        far = settings.augment_shift or max(1, round(SHARE * min(encoder.image[1:])))
        offset = torch.randint(-far, far + 1, (count, 2), generator=generator, device=device)
    if kind in ("intensity", "both"):
        normal = torch.randn(count, generator=generator, device=device)
        factor = 1.0 + settings.augment_intensity * normal.clamp(-FARTHEST, FARTHEST)
    return Change(offset, factor)


def changed(x: Tensor, change: Change | None, encoder: Encoder) -> Tensor:
    """Stored observations [N, *encoder.stored], each changed its own way."""
    if change is None:
        return x
    if change.offset is not None:
        x = encoder.to_storage_torch(shifted(encoder.from_storage(x), change.offset))
    if change.factor is not None:  # not cut off at white: networks read any number
        x = x.float() * change.factor.reshape(-1, *[1] * (x.ndim - 1))
    return x


def shifted(images: Tensor, offset: Tensor) -> Tensor:
    """Random shifts (Kostrikov et al. 2020, arXiv:2004.13649). images [N, C, H, W], offset int64 [N, 2].

    The paper pads by repeating the edge and crops: pixel (y, x) of the crop is (y + down, x + right), or the nearest there is.

    >>> shifted(torch.arange(9).reshape(1, 1, 3, 3), torch.tensor([[0, 1]]))[0, 0].tolist()
    [[1, 2, 2], [4, 5, 5], [7, 8, 8]]
    """
    height, width = images.shape[2:]
    row = (torch.arange(height, device=images.device) + offset[:, :1]).clamp(0, height - 1)
    column = (torch.arange(width, device=images.device) + offset[:, 1:]).clamp(0, width - 1)
    place = (row[:, :, None] * width + column[:, None]).flatten(1)  # [N, H * W]
    return images.flatten(2).gather(2, place[:, None].expand(-1, images.shape[1], -1)).reshape(images.shape)
