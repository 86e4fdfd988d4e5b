"""Free memory of this machine, and whether a replay buffer, a rollout or a network fits into it."""

import os
import sys
from collections.abc import Sequence
from math import prod
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode

from agents.core.distributed import ProcessGroup
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


def _of_workers(count: int, needed: int, group: ProcessGroup | None) -> tuple[int, int, float]:
    """Both numbers, which are of one process, of all workers together; and the bytes that are free for them.

    torchrun's processes are told of their own, and of their part of the machine's memory.
    """
    workers, processes = (1, 1) if group is None else (group.workers, group.local_size)
    return count * workers, needed * workers, free_memory() * workers / processes


def check_replay_memory(decisions: int, needed: int, group: ProcessGroup | None = None) -> str:
    """A line about a replay of `decisions` entries and `needed` bytes in this process; `UserError` if memory lacks room for it.

    group: of the processes that have one each.
    """
    decisions, needed, available = _of_workers(decisions, needed, group)
    size = f"replay of {decisions:,} decisions: {format_bytes(needed)}"
    if needed > 0.8 * available:
        raise UserError(
            f"There is no room for a {size}; {format_bytes(available)} are free.\n"
            f"Choose --set buffer_size={int(decisions * 0.5 * available / needed)}, or smaller observations: --set size=…"
        )
    return f"{size[0].upper()}{size[1:]}"


def check_rollout_memory(environments: int, needed: int, group: ProcessGroup | None = None) -> str:
    """A line about a rollout of `needed` bytes in this process; `UserError` if memory lacks room for it. group: as above."""
    environments, needed, available = _of_workers(environments, needed, group)
    if needed > 0.8 * available:
        raise UserError(
            f"There is no room for a rollout of {format_bytes(needed)}; {format_bytes(available)} are free.\n"
            f"Choose --envs {max(1, int(environments * 0.5 * available / needed))}, fewer --set n_steps=…, "
            "or smaller observations: --set size=…"
        )
    return f"Rollout: {format_bytes(needed)}"


MOST_PARAMETERS = 250_000_000  # of a network; a Nature CNN has 1.7 million


class SizeGuard(TorchFunctionMode):
    """A context in which making a network of an absurd size raises `UserError`; a network made in it is thrown away.

    It counts what `torch.empty` is asked for, with which torch's layers make their parameters, and spares what takes long:
    making them orthogonal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parameters = 0  # numbers so far
        self.most = int(min(MOST_PARAMETERS, 0.8 * free_memory() / 16))  # float32 weights, gradients, Adam's two moments

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.empty:
            shape = args[0] if args and isinstance(args[0], Sequence) else args
            self.parameters += prod(shape)
            if self.parameters > self.most:
                raise UserError(
                    f"The network would have {self.parameters:,} parameters or more; {self.most:,} are the most here.\n"
                    "Choose smaller layers (hidden, channels, memory_size) or smaller observations (size, stack)."
                )
        if func is torch.linalg.qr:
            return args[0], args[0]
        return func(*args, **(kwargs or {}))


def format_bytes(count: float) -> str:
    """A number of bytes in MiB or GiB, for people.

    >>> format_bytes(172 * 2**20)
    '172 MiB'
    """
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
