"""The few loops over bytes that neither torch nor NumPy does well."""

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


@numba.njit(nogil=True, cache=True)
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
    """Of rings of frames [R, L, *frame] the newest `stack` up to some entries, [B, stack, *frame].

    age: int32 [R, L], how many entries an episode had before each; frames from before it are zeros.
    """
    rows, length, *frame = frames.shape
    flat = frames.reshape(rows, length, -1)
    flat = flat.view(widest(flat.shape[2] * frames.itemsize))
    out = np.empty((len(row), stack, flat.shape[2]), flat.dtype)
    _gather_stacks(flat, age, row, entry, out)
    return out.view(frames.dtype).reshape(len(row), stack, *frame)


@numba.njit(nogil=True, cache=True)
def look_ahead(row, entry, reward, end, steps, gamma):
    """n-step returns of entries [B] of rings [R, L]: the entry valued after them, what was earned, the value's discount.

    An episode that is over (end 1) pays nothing more; where it was cut (end 2) the next entry holds the state it was cut in.
    """
    length = reward.shape[1]
    after = np.empty(len(row), np.int64)
    earned, discount = np.zeros(len(row), np.float32), np.empty(len(row), np.float32)
    for b in range(len(row)):
        factor, total, at = 1.0, 0.0, entry[b]
        while True:
            place = at % length
            total += factor * reward[row[b], place]
            factor *= gamma
            if end[row[b], place] == 1:
                factor = 0.0
                break
            at += 1
            if end[row[b], place] == 2 or at - entry[b] == steps:
                break
        after[b], earned[b], discount[b] = at, total, factor
    return after, earned, discount


@numba.njit(nogil=True, cache=True)
def _tree_set(tree, leaves, priority):
    half = len(tree) // 2
    for k in range(len(leaves)):
        node = half + leaves[k]
        tree[node] = priority[k]
        while node > 1:
            node //= 2
            tree[node] = tree[2 * node] + tree[2 * node + 1]


@numba.njit(nogil=True, cache=True)
def _tree_find(tree, share, leaves):
    half = len(tree) // 2
    for k in range(len(share)):
        node, left = 1, share[k] * tree[1]
        while node < half:
            node *= 2
            if left >= tree[node] and tree[node + 1] > 0.0:
                left -= tree[node]
                node += 1
        leaves[k] = node - half


class SumTree:
    """Priorities of leaves, drawn in proportion to them (Schaul et al. 2016, arXiv:1511.05952)."""

    def __init__(self, leaves: int, tree: np.ndarray | None = None):
        """tree: float64 [nodes(leaves)], zeros, where there is one already."""
        self.count = leaves
        self.tree = np.zeros(self.nodes(leaves)) if tree is None else tree

    @staticmethod
    def nodes(leaves: int) -> int:
        """Numbers kept for so many leaves: node 1 is the root, children of k are 2 k and 2 k + 1."""
        return 2 << max(leaves - 1, 1).bit_length()

    def set(self, leaves: np.ndarray, priority: np.ndarray) -> None:
        _tree_set(self.tree, np.ascontiguousarray(leaves), np.ascontiguousarray(priority, np.float64))

    def find(self, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The leaves in which shares [B] in [0, 1) of the total fall, and their priorities."""
        leaves = np.empty(len(share), np.int64)
        _tree_find(self.tree, share, leaves)
        return leaves, self.tree[len(self.tree) // 2 + leaves]

    def total(self) -> float:
        return float(self.tree[1])

    def leaves(self) -> np.ndarray:
        """float64 [leaves]: a view."""
        half = len(self.tree) // 2
        return self.tree[half : half + self.count]

    def fill(self, leaves: np.ndarray) -> None:
        """Set all of them."""
        _tree_set(self.tree, np.arange(self.count), leaves)
