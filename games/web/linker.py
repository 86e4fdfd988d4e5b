"""The WebAssembly linker, the one tool that is needed beside Python: LLVM's `wasm-ld`, or that in the wheel of Zig."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from games.errors import UserError

VERSIONS = range(30, 10, -1)  # of LLVM, by which distributions name their linkers: wasm-ld-19
STACK = 1 << 18  # bytes for calls, below all data: a search that goes too deep traps and overwrites nothing


def find_linker() -> list[str]:
    """The words that call the linker; `UserError` if there is none.

    `wasm-ld` on the path comes first, then the wheel `ziglang` (`python -m ziglang wasm-ld`).
    """
    for name in ("wasm-ld", *(f"wasm-ld-{version}" for version in VERSIONS)):
        if found := shutil.which(name):
            return [found]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "wasm-ld"]
    raise UserError(
        "There is no linker for WebAssembly here, so no page can be made.\n"
        "Install one: pip install ziglang, or your system's lld (Debian and Ubuntu: apt-get install lld)."
    )


def link(linker: Sequence[str], compiled: Path, out: Path, exports: Sequence[str]) -> None:
    """Link an object file into a WebAssembly module that exports its memory and `exports`; `UserError` if that fails.

    Functions that the object file lacks become imports of the module.
    """
    options = ["--no-entry", "--allow-undefined", "--strip-all", "--stack-first", "-z", f"stack-size={STACK}"]
    call = [*linker, *options, *(f"--export={name}" for name in exports), "-o", str(out), str(compiled)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[:1]
        raise UserError(f"The linker {linker[0]} failed: {reason[0] if reason else f'exit code {done.returncode}'}")
