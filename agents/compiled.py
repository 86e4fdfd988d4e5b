"""The few loops over bytes that neither torch nor NumPy does well."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def _to_patches(images, rows, columns, out):
    count, channels, height, width = images.shape
    for i in range(count):
        place = 0
        flat = out[i].reshape(-1)
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                for channel in range(channels):
                    for y in range(top, top + rows):
                        for x in range(columns):
                            flat[place + x] = images[i, channel, y, left + x]
                        place += columns


def to_patches(images: np.ndarray, patch: int, out: np.ndarray) -> np.ndarray:
    """uint8 [B, C, H, W] to [B, patches, C * patch²]: patches in rows from the top left, channels outermost in each."""
    if patch % 2 == 0 and images.shape[-1] % 2 == 0:  # two bytes at a time
        _to_patches(np.ascontiguousarray(images).view(np.uint16), patch, patch // 2, out.view(np.uint16))
    else:
        _to_patches(np.ascontiguousarray(images), patch, patch, out)
    return out
