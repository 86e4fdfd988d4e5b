"""Compiled loops over a replay's ring buffers: frame stacks and n-step returns."""

import numpy as np

from agents.networks.patches import widest_word
from games.engine.cache import compiled


@compiled
def _gather_stacks(frames, age, row, entry, out):
    length, stack = frames.shape[1], out.shape[1]
    for b in range(len(row)):
        r, newest = row[b], entry[b]
        reach = age[r, newest % length]
        for back in range(stack):
            if back <= reach:
                out[b, stack - 1 - back] = frames[r, (newest - back) % length]
            else:
                out[b, stack - 1 - back] = 0


def gather_stacks(frames: np.ndarray, age: np.ndarray, row: np.ndarray, entry: np.ndarray, stack: int) -> np.ndarray:
    """The stacks of frames that end at some entries of ring buffers [R, L, *frame]: [B, stack, *frame].

    age: int32 [R, L], entries of its episode before each entry; frames from before the episode are zeros.
    """
    rows, length, *frame = frames.shape
    flat = frames.reshape(rows, length, -1)
    flat = flat.view(widest_word(flat.shape[2] * frames.itemsize))
    out = np.empty((len(row), stack, flat.shape[2]), flat.dtype)
    _gather_stacks(flat, age, row, entry, out)
    return out.view(frames.dtype).reshape(len(row), stack, *frame)


@compiled
def n_step_return(row, entry, reward, end, steps, gamma):
    """n-step returns of entries [B] of ring buffers [R, L]: the entry to bootstrap from, the summed reward, its discount.

    After termination (end 1) the discount is 0; after truncation (end 2) the next entry holds the final state.
    """
    length = reward.shape[1]
    after = np.empty(len(row), np.int64)
    total_reward, discount = np.zeros(len(row), np.float32), np.empty(len(row), np.float32)
    for b in range(len(row)):
        factor, total, current = 1.0, 0.0, entry[b]
        while True:
            place = current % length
            total += factor * reward[row[b], place]
            factor *= gamma
            if end[row[b], place] == 1:
                factor = 0.0
                break
            current += 1
            if end[row[b], place] == 2 or current - entry[b] == steps:
                break
        after[b], total_reward[b], discount[b] = current, total, factor
    return after, total_reward, discount
