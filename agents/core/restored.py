"""Arrays of a checkpoint are checked before they are used: loops that are compiled trust their shapes and indices."""

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Array = TypeVar("Array", np.ndarray, Tensor)


def checked(
    what: str, tensor: Tensor, current: Array, low: float | None = None, high: float | None = None, finite: bool = True
) -> Tensor:
    """Return a tensor that was read from a checkpoint if it may replace `current`; else raise `ValueError`.

    It may if its shape and dtype are those of `current` and its numbers are finite and from `low` to `high`. what: its name,
    for the message. low, high: None for no limit. finite: False if NaN and infinity are allowed, in places that are never read.
    """
    like = torch.from_numpy(current) if isinstance(current, np.ndarray) else current
    if tensor.shape != like.shape or tensor.dtype != like.dtype:
        found, needed = (f"{each.dtype} {list(each.shape)}".removeprefix("torch.") for each in (tensor, like))
        raise ValueError(f"{what} is {found}, not {needed}")
    if finite and tensor.is_floating_point() and not tensor.isfinite().all():
        raise ValueError(f"{what} is not finite")
    if tensor.numel() and low is not None and tensor.min() < low:
        raise ValueError(f"{what} is {tensor.min().item()}; it is {low} at least")
    if tensor.numel() and high is not None and tensor.max() > high:
        raise ValueError(f"{what} is {tensor.max().item()}; it is {high} at most")
    return tensor
