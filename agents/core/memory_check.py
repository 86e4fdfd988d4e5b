"""Memory of this machine, and whether a replay has room in it."""

import os
import sys
from pathlib import Path

from games.errors import UserError


def free_memory(root: Path = Path("/")) -> float:
    """Bytes that this machine, or the container that all this runs in, can still give; infinite where neither says."""
    found = [float("inf")]
    for ask in (_of_machine, _of_container):
        try:
            found.append(ask(root))
        except (OSError, StopIteration, ValueError, AttributeError):  # Windows has no sysconf
            continue
    return min(found)


def _of_machine(root: Path) -> float:
    if sys.platform != "linux":
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))  # all of it: nothing says what is free
    lines = (root / "proc/meminfo").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


def _of_container(root: Path) -> float:
    group = root / "sys/fs/cgroup"  # of its own, in a container
    limit = float((group / "memory.max").read_text())  # "max", where there is none, is no number
    spare = next(
        int(line.split()[1]) for line in (group / "memory.stat").read_text().splitlines() if line.startswith("inactive_file")
    )
    return limit - float((group / "memory.current").read_text()) + spare


def check_replay_memory(decisions: int, needed: int, processes: int = 1) -> str:
    """A remark on a replay of so many decisions and bytes; `UserError` where there is no room for one in each process."""
    free = free_memory() / processes
    what = f"replay of {decisions:,} decisions: {format_bytes(needed)}"
    if needed > 0.8 * free:
        raise UserError(
            f"There is no room for a {what}; {format_bytes(free)} are free.\n"
            f"Choose --set buffer_size={int(decisions * 0.5 * free / needed)}, or smaller observations: --set size=…"
        )
    return f"{what[0].upper()}{what[1:]}"


def format_bytes(count: float) -> str:
    """Bytes for people.

    >>> size_of(172 * 2**20)
    '172 MiB'
    """
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
