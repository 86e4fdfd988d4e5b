"""Writers of videos: GIF by Pillow, MP4 by the program ffmpeg, which the package imageio-ffmpeg has for all systems."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from games.errors import UserError

if TYPE_CHECKING:  # it loads with the first video, not before a window opens
    from PIL import Image

SUFFIXES = (".mp4", ".gif")
GIF_RATE, MP4_RATE = 20, 30  # frames a second: divisors of 60, and a GIF's frame lasts whole hundredths of a second
COLOURS = 128  # of a GIF's frame
HOW = 'Install it: pip install -c constraints.txt -e ".[video]"\nWithout it: name a file that ends in .gif'


class Writer(Protocol):
    """A video that is being written, under a temporary name."""

    rate: int  # frames a second

    def add(self, frame: bytes) -> None:
        """Add a frame, RGB row by row."""

    def close(self) -> None:
        """Write the rest; then the file is whole."""

    def cancel(self) -> None:
        """Remove what has been written."""


def ffmpeg() -> str | None:
    """The program that encodes MP4: that of imageio-ffmpeg, else one that is installed; None if there is neither."""
    try:
        import imageio_ffmpeg
    except ImportError:
        return shutil.which("ffmpeg")
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        return shutil.which("ffmpeg")


def writer(path: Path, size: tuple[int, int]) -> Writer:
    """A writer by a file's suffix; `UserError` for another one, and where MP4 cannot be encoded. size: even numbers, pixels."""
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise UserError(f"A video is a file {' or '.join(SUFFIXES)}, not {path.name}.")
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent} for the video.")
    return GifWriter(path, size) if kind == ".gif" else Mp4Writer(path, size)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")


class GifWriter:
    """Quantizes each frame as it comes, so that a long video fits into memory. Equal frames become one that lasts longer."""

    rate = GIF_RATE

    def __init__(self, path: Path, size: tuple[int, int]):
        self.path, self.size = path, size
        self._frames: list[Image.Image] = []
        self._lasts: list[int] = []  # milliseconds
        self._last = b""

    def add(self, frame: bytes) -> None:
        """Add a frame."""
        if frame == self._last:
            self._lasts[-1] += 1000 // self.rate
            return
        from PIL import Image

        self._last = frame
        picture = Image.frombytes("RGB", self.size, frame)
        self._frames.append(picture.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
        self._lasts.append(1000 // self.rate)

    def close(self) -> None:
        """Write the file."""
        temporary = _temporary(self.path)
        try:
            first, *rest = self._frames
            first.save(temporary, append_images=rest, save_all=True, duration=self._lasts, loop=0, optimize=False)
            os.replace(temporary, self.path)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}.") from error
        finally:
            temporary.unlink(missing_ok=True)

    def cancel(self) -> None:
        """Forget the frames."""
        self._frames = []


class Mp4Writer:
    """Sends frames to ffmpeg."""

    rate = MP4_RATE

    def __init__(self, path: Path, size: tuple[int, int]):
        program = ffmpeg()
        if program is None:
            raise UserError(f"MP4 needs ffmpeg, and there is none here.\n{HOW}")
        self.path, self._temporary = path, _temporary(path)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` and `cancel` close it
        command = [
            program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}",
            "-r", str(self.rate), "-i", "-", "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20",
            "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(self._temporary),
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors)

    def add(self, frame: bytes) -> None:
        """Add a frame."""
        assert self._process.stdin
        try:
            self._process.stdin.write(frame)
        except OSError:
            self._fail()

    def close(self) -> None:
        """Wait for the file."""
        assert self._process.stdin
        try:
            self._process.stdin.close()
        except OSError:
            self._fail()
        if self._process.wait() != 0 or not self._temporary.exists():
            self._fail()
        os.replace(self._temporary, self.path)
        self._errors.close()

    def cancel(self) -> None:
        """End ffmpeg, and remove what it has written."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._temporary.unlink(missing_ok=True)
        self._errors.close()

    def _fail(self) -> None:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        raise UserError(f"{self.path} cannot be written: ffmpeg says {lines[-1][:200] if lines else 'nothing'}.")
