"""What a process uses: memory, open files, threads."""

import gc
import os
import resource
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from games.render.text import KEPT_FONTS


@dataclass
class Usage:
    """Resources of this process at one moment."""

    mebibytes: float  # resident
    files: int
    threads: int

    @classmethod
    def now(cls) -> "Usage":
        gc.collect()
        return cls(_resident(), len(os.listdir("/dev/fd")), threading.active_count())

    def exceeds(self, before: "Usage", mebibytes: float) -> bool:
        """Whether it is more than at another moment: by so much memory, by files that are no fonts, or by any thread."""
        grown = self.mebibytes - before.mebibytes
        return grown > mebibytes or self.files > before.files + KEPT_FONTS or self.threads > before.threads

    def growth(self, before: "Usage") -> str:
        """The growth since another moment, in words."""
        files, threads = self.files - before.files, self.threads - before.threads
        return f"{self.mebibytes - before.mebibytes:+.1f} MiB, {files:+d} files, {threads:+d} threads"


def _resident() -> float:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / (1 << 20)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: the most so far, in bytes
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)
