"""Threads that share the rows of a batch, and glibc's allocator tuned for training."""

import ctypes
import sys

import torch

from games.engine.batch import Workers

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them


def torch_workers(threads: int) -> Workers:
    """A pool of `threads` threads; inside each, torch computes on a single thread."""
    return Workers(threads, initializer=lambda: torch.set_num_threads(1))


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next minibatch, which needs as much; other C libraries are left as they are.

    Returning it to the system and getting it again, page by page, takes a tenth of a convolutional network's time.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # bytes; more is not allowed
            mallopt(M_TRIM_THRESHOLD, 2**30)
