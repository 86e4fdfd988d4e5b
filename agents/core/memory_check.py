"""Free memory of this machine, and whether a replay buffer fits into it."""

import os
import sys
from pathlib import Path

from games.errors import UserError


def free_memory(root: Path = Path("/")) -> float:
    """Bytes that this machine, or the container that this runs in, can still allocate; infinite where neither reports it."""
    limits = [float("inf")]
    for read_limit in (_machine_memory, _container_memory):
        try:
            limits.append(read_limit(root))
        except (OSError, StopIteration, ValueError, AttributeError):  # Windows has no sysconf
            continue
    return min(limits)


def _machine_memory(root: Path) -> float:
    if sys.platform != "linux":
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))  # total memory: nothing reports what is free
    lines = (root / "proc/meminfo").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


def _container_memory(root: Path) -> float:
    group = root / "sys/fs/cgroup"  # the container's own group
    limit = float((group / "memory.max").read_text())  # ValueError for "max": no limit
    spare = next(
        int(line.split()[1]) for line in (group / "memory.stat").read_text().splitlines() if line.startswith("inactive_file")
    )
    return limit - float((group / "memory.current").read_text()) + spare


def check_replay_memory(decisions: int, needed: int, processes: int = 1) -> str:
    """A line about a replay of `decisions` entries and `needed` bytes; `UserError` if memory lacks room for one per process."""
    available = free_memory() / processes
    size = f"replay of {decisions:,} decisions: {format_bytes(needed)}"
    if needed > 0.8 * available:
        raise UserError(
            f"There is no room for a {size}; {format_bytes(available)} are free.\n"
            f"Choose --set buffer_size={int(decisions * 0.5 * available / needed)}, or smaller observations: --set size=…"
        )
    return f"{size[0].upper()}{size[1:]}"


def format_bytes(count: float) -> str:
    """A number of bytes in MiB or GiB, for people.

    >>> format_bytes(172 * 2**20)
    '172 MiB'
    """
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
