"""The few loops over bytes that neither torch nor NumPy does well."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def _to_patches(images, out):
    count, rows, columns, channels, height, words = out.shape
    for i in range(count):
        for row in range(rows):
            for channel in range(channels):
                for y in range(height):
                    line = images[i, channel, row * height + y]
                    if words == 1:  # apart from the next loop: three times as fast
                        for column in range(columns):
                            out[i, row, column, channel, y, 0] = line[column]
                    else:
                        for column in range(columns):
                            for x in range(words):
                                out[i, row, column, channel, y, x] = line[column * words + x]


def to_patches(images: np.ndarray, patch: int, out: np.ndarray) -> np.ndarray:
    """uint8 [B, C, H, W] to [B, patches, C * patch²]: patches in rows from the top left, channels outermost in each."""
    count, channels, height, width = images.shape
    size = next(size for size in (8, 4, 2, 1) if patch % size == 0)
    word = np.dtype(f"u{size}")  # several bytes at a time
    shape = (count, height // patch, width // patch, channels, patch, patch // size)
    _to_patches(np.ascontiguousarray(images).view(word), out.view(word).reshape(shape))
    return out
