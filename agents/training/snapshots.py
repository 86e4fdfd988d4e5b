"""The snapshots of a run: a few agents of its own past, in `checkpoints/snapshots/`.

A snapshot is written at once, and removed only after a checkpoint that does not need it any more: a killed run finds all that
its checkpoint names.
"""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from agents.core import tensor_file
from agents.play.agent import Agent

FOLDER = "checkpoints/snapshots"
MOST_BYTES = 64 << 20  # of the snapshots that are kept for their own sake; at least two are
OFTEN = 200_000  # steps between snapshots of a run whose steps are not limited


def snapshot_name(steps: int) -> str:
    """The name of the file of a snapshot after so many steps.

    >>> snapshot_name(250_000)
    'step-0000250000.safetensors'
    """
    return f"step-{steps:010d}.safetensors"


def thinned(steps: Sequence[int], most: int) -> list[int]:
    """At most so many of some rising steps, spread over them: the first and the last stay, and the closest ones go.

    >>> thinned([10, 20, 30, 40, 41], 3)
    [10, 30, 41]
    """
    kept = list(steps)
    while len(kept) > max(most, 0):
        gaps = [kept[i + 1] - kept[i - 1] for i in range(1, len(kept) - 1)]
        kept.pop(1 + gaps.index(min(gaps)) if gaps and most > 1 else 0)
    return kept


class Snapshots:
    """The snapshots that a run keeps for their own sake. Only rank 0 writes."""

    def __init__(self, folder: Path, most: int, total: int):
        """most: as many are kept; 0: none. total: steps of the run; 0: not limited."""
        self.folder, self.most = folder / FOLDER, most
        self.every = max(1, total // max(most, 1)) if total else OFTEN
        self.steps: list[int] = []  # of those kept

    def is_due(self, before: int, steps: int) -> bool:
        """Whether an iteration that began at step `before` has come to the step of a snapshot."""
        return self.most > 0 and steps // self.every > before // self.every

    def keep(self, agent: Agent) -> None:
        """Write a snapshot, and keep it among the others."""
        size = self.write(agent)
        self.steps = thinned([*self.steps, agent.info.steps], min(self.most, max(2, MOST_BYTES // size)))

    def write(self, agent: Agent) -> int:
        """Write a snapshot, and nothing more; its bytes."""
        path = self.folder / snapshot_name(agent.info.steps)
        tensor_file.make_folder(path.parent)
        agent.save(path)
        return path.stat().st_size

    def sweep(self, needed: Iterable[str] = ()) -> None:
        """Remove those that are not kept, but for the files `needed`."""
        names = {*map(snapshot_name, self.steps), *needed}
        for file in self.folder.glob("step-*.safetensors"):
            if file.name not in names:
                with contextlib.suppress(OSError):
                    file.unlink()
