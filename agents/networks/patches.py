"""Images in patch order, by one compiled loop over bytes: neither torch nor NumPy does that well."""

import functools

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def _reorder(rows, order, out):
    for i in range(len(rows)):
        row, new = rows[i], out[i]
        for k in range(len(order)):
            new[k] = row[order[k]]


@functools.lru_cache
def _patch_order(channels: int, height: int, width: int, patch: int, word: int) -> np.ndarray:
    """int64: which of an image's words comes at each place of its patches."""
    words = patch // word
    places = np.arange(channels * height * width // word)
    grid = places.reshape(channels, height // patch, patch, width // patch, words)
    return np.ascontiguousarray(grid.transpose(1, 3, 0, 2, 4).reshape(-1))


def to_patches(images: np.ndarray, patch: int, out: np.ndarray) -> np.ndarray:
    """uint8 [B, C, H, W] to [B, patches, C * patch²]: patches in rows from the top left, channels outermost in each."""
    count, *shape = images.shape
    word = widest(patch)
    rows = np.ascontiguousarray(images).reshape(count, -1).view(word)
    _reorder(rows, _patch_order(*shape, patch, word.itemsize), out.reshape(count, -1).view(word))
    return out


def widest(count: int) -> np.dtype:
    """The largest unsigned number of which so many bytes are a whole number: loops go over several bytes at a time."""
    return np.dtype(f"u{next(size for size in (8, 4, 2, 1) if count % size == 0)}")
