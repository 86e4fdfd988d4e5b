"""Images in patch order, by one compiled loop over rows of pixels, which is faster than a transpose in torch or NumPy."""

import functools

import numpy as np

from games.engine.cache import compiled


@compiled
def _reorder(rows, order, out):
    for i in range(len(rows)):
        row, new = rows[i], out[i]
        for k in range(len(order)):
            new[k] = row[order[k]]


@functools.lru_cache
def _patch_order(channels: int, height: int, width: int, patch: int, word: int) -> np.ndarray:
    """int64: for each place in patch order, the index in the image. Counted in words of `word` bytes."""
    row_words = patch // word
    indices = np.arange(channels * height * width // word)
    grid = indices.reshape(channels, height // patch, patch, width // patch, row_words)
    return np.ascontiguousarray(grid.transpose(1, 3, 0, 2, 4).reshape(-1))


@functools.lru_cache
def _row_order(channels: int, height: int, width: int, patch: int) -> np.ndarray:
    """int64: for each row of pixels of a patch, in patch order, the byte of the image where it begins."""
    return np.ascontiguousarray(_patch_order(channels, height, width, patch, 1)[::patch])


def to_patches(images: np.ndarray, patch: int, out: np.ndarray) -> np.ndarray:
    """uint8 [B, C, H, W] to [B, patches, C * patch²]: patches row by row from the top left, channels outermost in each."""
    count, *shape = images.shape
    old, new = np.ascontiguousarray(images).reshape(count, -1), out.reshape(count, -1)
    if patch & (patch - 1) == 0:
        word = widest_word(patch)
        _reorder(old.view(word), _patch_order(*shape, patch, word.itemsize), new.view(word))
    else:  # no number is as wide as a row of a patch: whole rows are moved, from any byte on
        row = np.dtype([("bytes", np.uint8, (patch,))])
        anywhere = np.ndarray((count, old.shape[1] - patch + 1), row, old.data, strides=(old.shape[1], 1))
        _reorder(anywhere, _row_order(*shape, patch), new.view(row))
    return out


def widest_word(count: int) -> np.dtype:
    """The widest unsigned integer whose size divides `count` bytes, so that loops move several bytes at a time."""
    return np.dtype(f"u{next(size for size in (8, 4, 2, 1) if count % size == 0)}")
