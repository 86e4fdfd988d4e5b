"""Two trees of the project, today's and an older commit's: `commit_of`, `side_by_side`; `Tree` runs commands in one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.core.signals import ending_signals
from games.errors import UserError

ROOT = Path(__file__).parents[1]

# Between us and the command stands a process that is small: on Linux the peak of a new process's memory is at least that of the
# one it was forked from (findings/child_peak_memory.sh). It tells what a command took: seconds, when it began, bytes.
LAUNCHER = """
import json, os, subprocess, sys, time
place, command = sys.argv[1], sys.argv[2:]
began, clock = time.time(), time.perf_counter()
process = subprocess.Popen(command)
if hasattr(os, "wait4"):
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - clock
    code, memory = os.waitstatus_to_exitcode(status), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
else:
    code, memory = process.wait(), None
    wall = time.perf_counter() - clock
with open(place, "w") as file:
    json.dump({"wall": wall, "began": began, "memory": memory, "code": code}, file)
"""

# What decides how a process of ours begins, and is not to differ from tree to tree, or belongs to another command.
NOT_HANDED_ON = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "WORLD_SIZE", "RANK", "LOCAL_RANK")


@dataclass
class Done:
    """A command that has ended well."""

    wall: float  # seconds from its start to its end
    began: float  # seconds since 1970
    memory: float | None  # bytes at most, of the largest of its processes; None where the system does not tell
    out: str  # what it printed


class Failed(UserError):
    """A command failed in a tree."""

    def __init__(self, message: str, tree: "Tree"):
        super().__init__(message)
        self.tree = tree


@dataclass
class Tree:
    """A working tree of the project, with compile caches and a folder for runs of its own."""

    name: str
    root: Path
    place: Path  # what its commands write

    @property
    def caches(self) -> dict[str, str]:
        """The environment variables that say where its commands keep compiled code, and the folders."""
        return {"SPARRING_CACHE": str(self.place / "games"), "NUMBA_CACHE_DIR": str(self.place / "loops")}

    def forget_compiled(self) -> None:
        """Have its next command compile everything anew."""
        for folder in self.caches.values():
            shutil.rmtree(folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """Of its commands: they import its own packages and compile into its own caches."""
        kept = {name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON}
        return {**kept, **self.caches, "PYTHONPATH": str(self.root)}

    def run(self, command: Sequence[str]) -> Done:
        """Run a program of this tree, as `["train.py", "--help"]`; `Failed` where it does, with what it said.

        Whatever interrupts this ends the command and all that it has begun.
        """
        self.place.mkdir(exist_ok=True)
        told, out, errors = (self.place / name for name in ("told.json", "out.txt", "errors.txt"))
        program, *arguments = command
        command = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(told), sys.executable, str(self.root / program), *arguments]
        with open(out, "wb") as stdout, open(errors, "wb") as stderr:
            # Out of the terminal's reach: its Ctrl-C is for us, and what we have begun is then ended as a whole.
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            try:
                process.wait()
            finally:
                end(process)
        took = json.loads(told.read_text()) if process.returncode == 0 else {"code": process.returncode}
        if took.pop("code"):
            said = last_error(errors.read_text(errors="replace"))
            raise Failed(f"{' '.join(command[:2])} failed in the tree of {self.name}:\n{said}", self)
        return Done(**took, out=out.read_text(errors="replace"))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that began a session, and all of that session."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def last_error(said: str) -> str:
    """The reason a command gave for its failure: our message, or the last line.

    >>> last_error("warned\\nerror: No such game.\\nKnown: pong.\\n"), last_error("Traceback …\\nKeyError: 1\\n")
    ('No such game.\\nKnown: pong.', 'KeyError: 1')
    """
    _, found, message = f"\n{said}".rpartition("\nerror: ")
    return message.strip() if found else (said.strip().splitlines() or ["It said nothing."])[-1]


# --- git ------------------------------------------------------------------------------------------------------------


def git(*arguments: str, check: bool = True) -> str:
    """The output of a git command in the project's repository; `UserError` where there is no git or it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # of a hook we run in
    command: list[Any] = ["git", "-C", ROOT, "-c", f"core.hooksPath={os.devnull}", *arguments]
    try:
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UserError("since compares with an older commit, and there is no git here.\nInstall git.") from error
    if check and found.returncode:
        raise UserError(f"git {' '.join(arguments[:2])} failed:\n{last_error(found.stderr)}")
    return found.stdout.strip()


def commit_of(revision: str) -> str:
    """The commit's whole name, of anything that `git rev-parse` takes; `UserError` where it is none."""
    if git("rev-parse", "--is-inside-work-tree", check=False) != "true":
        raise UserError(
            f"{ROOT} is in no git repository, so there is no older commit to compare with.\nClone the project by git."
        )
    found = git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", check=False)
    if not found or revision.startswith("-"):
        raise UserError(
            f"There is no commit '{revision}'.\nName one as git does: HEAD~3, a branch, a tag, or its first letters."
        )
    return found


@contextmanager
def side_by_side(commit: str) -> Iterator[tuple[Tree, Tree]]:
    """Today's tree, and one of that commit, which is removed at the end whatever happens; with it all that both wrote."""
    handlers = {number: signal.signal(number, stop) for number in ending_signals() if number != signal.SIGINT}
    place = Path(tempfile.mkdtemp(prefix="sparring-since-")).resolve()
    try:
        git("worktree", "add", "--quiet", "--detach", str(place / "tree"), commit)
        inside = git("rev-parse", "--show-prefix")  # where the project is a folder of a larger repository
        then = Tree(git("rev-parse", "--short", commit), place / "tree" / inside, place / "then")
        yield Tree("today", ROOT, place / "today"), then
    finally:
        remove(place)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def remove(place: Path) -> None:
    """Remove the worktree and its folder. A second Ctrl-C does not stop that, it takes a moment."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        git("worktree", "remove", "--force", "--force", str(place / "tree"), check=False)  # twice: locked while it is made
        shutil.rmtree(place, ignore_errors=True)
        git("worktree", "prune", check=False)
    finally:
        signal.signal(signal.SIGINT, handler)


def stop(number: int, frame: Any) -> None:
    """`kill`, or the terminal's end: leave, cleaning up on the way."""
    print(f"\nStopped by {signal.Signals(number).name}.", file=sys.stderr)
    raise SystemExit(128 + number)
