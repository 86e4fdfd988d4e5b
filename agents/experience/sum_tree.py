"""A sum tree: samples leaves in proportion to their priorities in logarithmic time, by compiled loops."""

import numpy as np

from games.engine.cache import compiled


@compiled
def _tree_set(tree, leaves, priority):
    half = len(tree) // 2
    for k in range(len(leaves)):
        node = half + leaves[k]
        tree[node] = priority[k]
        while node > 1:
            node //= 2
            tree[node] = tree[2 * node] + tree[2 * node + 1]


@compiled
def _tree_find(tree, fraction, leaves):
    half = len(tree) // 2
    for k in range(len(fraction)):
        node, left = 1, fraction[k] * tree[1]
        while node < half:
            node *= 2
            if left >= tree[node] and tree[node + 1] > 0.0:
                left -= tree[node]
                node += 1
        leaves[k] = node - half


class SumTree:
    """Priorities of leaves, for prioritised sampling (Schaul et al. 2016, arXiv:1511.05952)."""

    def __init__(self, leaves: int, tree: np.ndarray | None = None):
        """tree: float64 [nodes(leaves)], all zeros, to be used; None: a new array."""
        self.count = leaves
        self.tree = np.zeros(self.nodes(leaves)) if tree is None else tree

    @staticmethod
    def nodes(leaves: int) -> int:
        """The length of the array for so many leaves: node 1 is the root, the children of k are 2 k and 2 k + 1."""
        return 2 << max(leaves - 1, 1).bit_length()

    def set(self, leaves: np.ndarray, priority: np.ndarray) -> None:
        _tree_set(self.tree, np.ascontiguousarray(leaves), np.ascontiguousarray(priority, np.float64))

    def find(self, fraction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The leaves at fractions [B] in [0, 1) of the cumulative priority, and their priorities."""
        leaves = np.empty(len(fraction), np.int64)
        _tree_find(self.tree, fraction, leaves)
        return leaves, self.tree[len(self.tree) // 2 + leaves]

    def total(self) -> float:
        return float(self.tree[1])

    def leaves(self) -> np.ndarray:
        """The priorities of all leaves, float64 [leaves]; a view."""
        half = len(self.tree) // 2
        return self.tree[half : half + self.count]

    def fill(self, priorities: np.ndarray) -> None:
        """Set the priorities of all leaves."""
        _tree_set(self.tree, np.arange(self.count), priorities)
