"""The folders of runs. Making a folder is the test whether its name is free, and only who holds its lock removes it.

A new run makes its folder, locks it and fills it. One that was killed, or found the disk full, before it had learned anything
leaves a folder that stands in nobody's way: who asks for its name takes it over.
"""

import contextlib
import filecmp
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from filelock import FileLock

from agents.core.settings import TRAINERS
from agents.core.shell import command_line
from agents.participants import folder_of
from agents.play.agent_info import read_run
from agents.play.levels import BANK
from agents.play.trainable import AnyGame
from agents.training.run_checkpoint import CHECKPOINT, LOCK, lock_run
from games.errors import UserError

PARTS = ("checkpoints", "videos")  # folders in a run's folder
# Files of a run that has not begun: nothing that was learned.
BEFORE_BEGINNING = ("config.json", "command.txt", "system.json", "progress.jsonl", BANK, LOCK, CHECKPOINT)
EVENTS = "events.out.tfevents."  # begins the names of TensorBoard's files
STEP_0 = "step-0000000000"  # the agent before it has learned, and its video


class TakenError(UserError):
    """The name of a run is not free."""


@dataclass
class RunFolder:
    """The folder of a run that is about to begin or to go on."""

    path: Path
    lock: FileLock | None = None  # of a new run, held from its making on

    def release(self) -> None:
        """Unlock the folder, for another process or since a `Trainer` holds the lock too."""
        if self.lock is not None:
            self.lock.release()
            self.lock = None

    def abandon(self) -> None:
        """Remove a new run's folder, in which nothing has been learned; nothing where the lock is not held."""
        if self.lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            self.release()


def automatic_label(algorithm: str, network: str) -> str:
    """The name of a run whose user gives none, without its seed."""
    return f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{algorithm}-{network}"


def claim(runs: Path, game: AnyGame, name: str | None, automatic: str, seeds: Sequence[int]) -> dict[int, RunFolder]:
    """Make and lock the folders of new runs, one for each seed, all or none.

    name: chosen by the user; `TakenError` where it is not free. None: the label `automatic`, with a number behind it where
    another run has the same.
    """
    for number in count(1):
        label = name or (automatic if number == 1 else f"{automatic}-{number}")
        claimed: dict[int, RunFolder] = {}
        try:
            for seed in seeds:
                claimed[seed] = _claim_one(runs, game, f"{label}-s{seed}", take_over=name is not None)
            return claimed
        except BaseException as error:
            for folder in claimed.values():
                folder.abandon()
            if name is not None or not isinstance(error, TakenError):
                raise
    raise AssertionError("unreachable")


def claim_named(runs: Path, game: AnyGame, name: str) -> RunFolder:
    """Make and lock the folder of a new run of exactly this name; `TakenError` where it is not free."""
    return _claim_one(runs, game, name, take_over=True)


def _claim_one(runs: Path, game: AnyGame, name: str, take_over: bool) -> RunFolder:
    """take_over: a folder in which no run has begun. Without, a process that is just making it is left alone."""
    if "/" in name or name.startswith("."):
        raise UserError(f"'{name}' cannot be a run's name: it becomes a folder's.")
    path = folder_of(runs, game) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.mkdir()
        except FileExistsError:
            if not path.is_dir():
                raise
            if not (take_over and has_not_begun(path)):
                raise _taken(path) from None
            folder = RunFolder(path, lock_run(path))
        else:
            folder = _lock_new(path)
        _fill(folder)
        return folder
    except OSError as error:
        raise UserError(f"{path} cannot be made: {error.strerror}.\nChoose another place: --runs FOLDER") from error


def _lock_new(path: Path) -> RunFolder:
    """Lock a folder that this process has just made."""
    try:
        return RunFolder(path, lock_run(path))
    except UserError:
        with contextlib.suppress(OSError):
            path.rmdir()  # unless another process has taken it over and filled it
        raise


def _fill(folder: RunFolder) -> None:
    """Empty a locked folder of what another process has left, and make its parts."""
    if not has_not_begun(folder.path):  # between the look at it and the lock a run has begun and ended
        folder.release()
        raise _taken(folder.path)
    try:
        for entry in folder.path.iterdir():
            if entry.name in PARTS:
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
        for part in PARTS:
            (folder.path / part).mkdir()
    except BaseException:
        folder.abandon()
        raise


def make_parts(folder: Path) -> None:
    """Make the folders that a run's folder lacks: a removal that was interrupted leaves it so, or a copy without empty ones."""
    try:
        for part in PARTS:
            (folder / part).mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written to: {error.strerror}.") from error


def has_not_begun(folder: Path) -> bool:
    """True for a folder, empty or with the first files of a run, in which nothing has been learned."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    progress = folder / "progress.jsonl"
    if progress.exists() and not _tells_of_step_0_alone(progress):
        return False
    return all(_is_of_a_beginning(entry, entry.relative_to(folder).as_posix()) for entry in folder.rglob("*"))


def _tells_of_step_0_alone(progress: Path) -> bool:
    """Does it hold no more than the line of the evaluation before anything is learned, or the beginning of that?"""
    with open(progress, "rb") as file:
        lines = file.read(1 << 16).splitlines()
    first = b'{"step": 0, '
    return len(lines) <= 1 and all(line.startswith(first[: len(line)]) for line in lines)


def _is_of_a_beginning(entry: Path, name: str) -> bool:
    if entry.is_symlink():
        return False
    if entry.is_dir():
        return name in PARTS or name == "checkpoints/replay"
    temporary = entry.name.startswith(".") and entry.name.endswith(".tmp")
    if name.startswith("agent."):  # that of step 0, until an evaluation finds a better one
        untrained = entry.parent / f"checkpoints/{STEP_0}{entry.suffix}"
        return untrained.is_file() and filecmp.cmp(entry, untrained, shallow=False)
    part, _, file = name.partition("/")
    of_step_0 = part in PARTS and Path(file).stem == STEP_0
    return name in BEFORE_BEGINNING or name.startswith(EVENTS) or temporary or of_step_0


def check_resumable(folder: Path) -> None:
    """`UserError` for a folder that was made for a run which was stopped before it had a config.json."""
    if not (folder / "config.json").exists() and has_not_begun(folder) and any(folder.iterdir()):
        raise UserError(
            f"The run {folder} was stopped before it began; nothing is lost.\n"
            f"Begin it with the command of before: the name {folder.name} is free."
        )


def _may_go_on(folder: Path) -> bool:
    """Is there a run that `--resume` takes?"""
    try:
        return read_run(folder).trainer == TRAINERS[0]
    except UserError:
        return False


def _taken(folder: Path) -> TakenError:
    again = f"Go on with it by {command_line(['--resume', folder])}, or choose" if _may_go_on(folder) else "Choose"
    return TakenError(f"{folder} holds a run already.\n{again} another --name.")
