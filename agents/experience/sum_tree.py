"""A sum tree: draws leaves in proportion to their priorities in logarithmic time, by compiled loops."""

import numba
import numpy as np


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
