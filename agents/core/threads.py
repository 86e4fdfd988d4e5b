"""Threads that share out rows of a batch, and glibc's memory as training wants it."""

import ctypes
import sys

import torch

from games.engine.batch import Workers

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them


def torch_workers(threads: int) -> Workers:
    """So many threads, in each of which torch works on one."""
    return Workers(threads, initializer=lambda: torch.set_num_threads(1))


def keep_freed_memory() -> None:
    """Have glibc keep what is freed, for the next minibatch, which needs as much: to give it back and to get it again, page
    by page, takes a tenth of a convolutional network's time. Elsewhere nothing is changed."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # bytes; more is not allowed
            mallopt(M_TRIM_THRESHOLD, 2**30)
