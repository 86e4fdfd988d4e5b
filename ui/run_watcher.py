"""`RunWatcher`: the newest agent of a training run takes a seat, and between games its successor does.

A run keeps agents of its past in `checkpoints/`, one at each evaluation, and in `checkpoints/snapshots/`; its numbers are in
`progress.jsonl`. It may still train: a file that is half written, or removed while it is read, is passed over.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agents.core.shell import command_line
from agents.play.agent_info import AgentInfo, check_game, peek, read_run
from games.engine.batch import Batch
from games.engine.loader import Game
from games.engine.players import SeatPlayer
from games.errors import UserError

if TYPE_CHECKING:  # torch loads with the first agent, so that a window opens without it
    from agents.play.agent import Agent

PATTERNS = ("checkpoints/step-*.safetensors", "checkpoints/snapshots/step-*.safetensors")
LAST = "agent.safetensors"  # the best of a run that has been evaluated
EVERY = 2.0  # seconds between two looks into the folder


@dataclass(frozen=True)
class Progress:
    """The curve of a run: evaluations, and games in training, as (steps, value) points."""

    rate: bool  # values are shares of games won, else returns
    evaluations: list[tuple[float, float]] = field(default_factory=list)
    training: list[tuple[float, float]] = field(default_factory=list)


class RunWatcher:
    """Sits in a seat as an adaptive opponent does (`ui.seats.Adaptive`). Looks into the run's folder in a thread."""

    def __init__(self, game: Game, folder: Path):
        """Raises `UserError` if the folder holds no run of this game, or no agent yet."""
        self.game, self.folder = game, folder
        run = read_run(folder)
        check_game(folder, run.agent, game)
        self.info = next((info for info in map(self._peek, self._candidates()) if info), None)
        if self.info is None:
            again = command_line(["python", "train.py", "--resume", str(folder)])
            raise UserError(f"The run {folder} holds no agent to watch yet.\nWait for its first evaluation, or go on: {again}")
        self.progress = Progress(rate=game.competitive)
        self._agent: Agent | None = None
        self._path: Path | None = None  # of the newest agent that has loaded
        self._refused: set[tuple[Path, float]] = set()  # files that do not load, with their times
        self._read_until = -1  # bytes of progress.jsonl
        self._thread: threading.Thread | None = None
        self._next_look = 0.0

    # --- the folder ---

    def _candidates(self) -> list[Path]:
        """The files of agents, the newest first; the run's best only if there is no other."""
        found = [file for pattern in PATTERNS for file in self.folder.glob(pattern)]
        return [*sorted(found, key=lambda file: file.name, reverse=True), self.folder / LAST]

    def _peek(self, path: Path) -> AgentInfo | None:
        try:
            info = peek(path)
            check_game(path, info, self.game)
        except (UserError, OSError):
            return None
        return info

    def load(self) -> None:
        """Load the newest agent that can be loaded, and the curve. `UserError` if none can."""
        self._look()
        if self._agent is None:
            raise UserError(f"No agent of the run {self.folder} can be loaded.")

    def poll(self) -> None:
        """Look into the folder again, in a thread, if the last look is some seconds old. Called often."""
        now = time.monotonic()
        if now >= self._next_look and (self._thread is None or not self._thread.is_alive()):
            self._next_look = now + EVERY
            self._thread = threading.Thread(target=self._look, name="watching")
            self._thread.start()

    def close(self) -> None:
        """Wait for the thread."""
        if self._thread:
            self._thread.join()

    def _look(self) -> None:
        self._read_progress()
        from agents.play.agent import Agent

        for path in self._candidates():
            if path == self._path:
                return
            try:
                stamp = (path, path.stat().st_mtime)
                if stamp not in self._refused:
                    self._agent = Agent.load(path, self.game)
                    self._path = path
                    return
            except UserError:
                self._refused.add(stamp)
            except OSError:
                continue  # removed meanwhile

    def _read_progress(self) -> None:
        from agents.training.learning_curves import progress_lines

        path = self.folder / "progress.jsonl"
        rate, points = self.game.competitive, {}
        tags = ("eval/win_rate", "rollout/win_rate") if rate else ("eval/mean_reward", "rollout/ep_rew_mean")
        try:
            if (size := path.stat().st_size) == self._read_until:
                return
            lines = progress_lines(path)
        except (UserError, OSError):
            return
        for tag in tags:
            found = {line["step"]: line[tag] for line in lines if line.get(tag) is not None}
            points[tag] = sorted((float(step or 0), float(value or 0.0)) for step, value in found.items())
        self.progress, self._read_until = Progress(rate, points[tags[0]], points[tags[1]]), size

    # --- the seat ---

    def player(self, batch: Batch, rows: Sequence[tuple[int, int]]) -> SeatPlayer:
        """Seat the newest agent in rows (environment, seat) of a batch."""
        if self._agent is None:
            self.load()
        assert self._agent
        self.info = self._agent.info
        return self._agent.player(batch, rows)

    def learn_of(self, result: float) -> None:
        """A game is over: a newer agent may play the next one."""
        self.poll()

    @property
    def name(self) -> str:
        """The agent's name in the next game."""
        return f"After {count_in_words(self._agent.info.steps if self._agent else self.info.steps if self.info else 0)} steps"

    @property
    def about_person(self) -> str:
        """The latest evaluation, in words."""
        if not self.progress.evaluations:
            return ""
        _, value = self.progress.evaluations[-1]
        return f"evaluation: {100 * value:.0f} % won" if self.progress.rate else f"evaluation: return {value:.1f}"


def count_in_words(count: float) -> str:
    """A large number in short.

    >>> [count_in_words(n) for n in (0, 950, 8_192, 606_208, 2_800_000, 12_000_000)]
    ['0', '950', '8.2 k', '606 k', '2.8 M', '12 M']
    """
    for size, sign in ((1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.1f}{sign}" if count < 10 * size and count % size else f"{count / size:.0f}{sign}"
    return f"{count:g}"
