"""`Keepsakes`: pictures and clips of a match, in the user's folders. Threads, and a process, make them: no frame is late."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pygame

from agents.core.game_names import file_name
from games.core import TICKS_PER_SECOND
from games.engine.loader import Game
from games.errors import UserError
from games.replay.format import Replay, pack
from ui import encoders
from ui.match import Match
from ui.replay_match import MOVE_TICKS
from ui.replays import replay_of

CLIP_SECONDS = 30
ROOT = Path(__file__).parents[1]
PATIENCE = 120.0  # seconds that a closed window's process waits for a clip, at most


def pictures_folder() -> Path:
    """The folder of pictures."""
    return Path(platformdirs.user_pictures_dir()) / "Sparring"


def videos_folder() -> Path:
    """The folder of clips and videos."""
    return Path(platformdirs.user_videos_dir()) / "Sparring"


def free_path(folder: Path, game: str, suffix: str) -> Path:
    """A path that is not taken: the game and the time. Makes the folder; `OSError` where that cannot be."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{file_name(game)}-{time.strftime('%Y-%m-%d-%H%M%S')}"
    return next(path for k in range(1000) if not (path := folder / f"{name}{f'-{k + 1}' * (k > 0)}{suffix}").exists())


def short(path: Path) -> str:
    """A path as a notice shows it."""
    with contextlib.suppress(ValueError):
        return f"~/{path.relative_to(Path.home())}"
    return str(path)


class VideoJob:
    """A video that another process makes from a replay; a thread waits for it."""

    def __init__(
        self,
        game: Game,
        replay: Replay,
        path: Path,
        first: int = 0,
        last: int | None = None,
        effects: bool = True,
        done: Callable[["VideoJob"], None] = lambda job: None,
    ):
        """first, last: the ticks that are shown.    done: called in the thread when it has ended, however it went."""
        self._done = done
        self.game, self.replay, self.path = game, replay, path
        self.first, self.last, self.effects = first, last, effects
        self.part = 0.0  # that is done
        self.problem = ""  # why there is none, in words
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False
        self._thread = threading.Thread(target=self._run, name="video", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """End it; no video is left."""
        self._cancelled, self.problem = True, f"{self.path.name} was given up."
        if self._process:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it is done, but not for ever."""
        self._thread.join(PATIENCE)
        if self.is_running:
            self.cancel()
            self._thread.join()

    def _run(self) -> None:
        try:
            self._make()
        except OSError as error:
            self.problem = f"The video cannot be made: {error.strerror}"
        self._done(self)

    def _make(self) -> None:
        with tempfile.TemporaryDirectory(prefix="sparring-") as folder:
            source = Path(folder) / "it.replay"
            source.write_bytes(pack(self.replay))
            command = [sys.executable, "-m", "ui.export", str(source), str(self.path), "--from", str(self.first)]
            command += ["--to", str(self.last)] if self.last is not None else []
            command += [] if self.game.shipped else ["--game", str(self.game.path.resolve())]
            command += [] if self.effects else ["--plain"]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
            ) as process:
                self._process = process
                if self._cancelled:
                    process.terminate()
                assert process.stdout and process.stderr
                for line in process.stdout:
                    self.part = float(line)
                told = process.stderr.read().strip().splitlines()
            if process.returncode and not self._cancelled:
                self.problem = told[-1 if "Traceback" in told[0] else 0] if told else "The video's process has ended."


class Keepsakes:
    """Makes them, and tells when one is there, or why not."""

    def __init__(self, tell: Callable[[str], None]):
        """tell: called with a line, in any thread."""
        self._tell = tell
        self._threads: list[threading.Thread] = []
        self._job: VideoJob | None = None

    def picture(self, surface: pygame.Surface, game: str) -> None:
        """Keep a picture of the window."""
        thread = threading.Thread(
            target=self._write_picture, args=(surface.get_size(), pygame.image.tobytes(surface, "RGB"), game)
        )
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _write_picture(self, size: tuple[int, int], pixels: bytes, game: str) -> None:
        from PIL import Image  # which leaves other threads their time; Pygame's PNG does not

        try:
            path = free_path(pictures_folder(), game, ".png")
            Image.frombytes("RGB", size, pixels).save(path)
            self._tell(f"Picture: {short(path)}")
        except OSError as error:
            self._tell(f"The picture cannot be written: {error.strerror}")

    def clip(self, match: Match, effects: bool = True) -> None:
        """Make a video of the last seconds of a match's game; one at a time."""
        if self._job and self._job.is_running:
            self._tell("The clip before is still being made")
            return
        suffix = ".mp4" if encoders.ffmpeg() else ".gif"
        pace = MOVE_TICKS if match.game.turns else 1
        first = max(match.ticks - CLIP_SECONDS * TICKS_PER_SECOND // pace, 0)
        try:
            path = free_path(videos_folder(), match.game.name, suffix)
            self._job = VideoJob(match.game, replay_of(match), path, first, match.ticks, effects, self._made)
            self._tell(f"The last {CLIP_SECONDS} seconds are made into a clip …")
        except (OSError, UserError) as error:
            self._tell(f"The clip cannot be written: {error}")

    def _made(self, job: VideoJob) -> None:
        self._tell(job.problem or f"Clip: {short(job.path)}")

    def close(self) -> None:
        """Wait until all is written."""
        for thread in self._threads:
            thread.join()
        if self._job:
            self._job.wait()
