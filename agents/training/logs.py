"""Where a run's numbers go: TensorBoard, the same as plain JSON lines, and the terminal."""

import io
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from games.errors import UserError

LAYOUT = {  # of TensorBoard's CUSTOM SCALARS: tab → chart → kind and tags; of a margin chart the mean and its interval's ends
    "evaluation": {
        "won, with its 95 % interval": ["Margin", ["eval/win_rate", "eval/win_rate_low", "eval/win_rate_high"]],
        "return, with its 95 % interval": ["Margin", ["eval/mean_reward", "eval/mean_reward_low", "eval/mean_reward_high"]],
    }
}


class Log:
    """TensorBoard's event file and `progress.jsonl` of a run's folder."""

    def __init__(self, folder: Path, position: int = 0, step: int = 0):
        """position, step: where a resumed run goes on; what was written behind them is cut off, or purged when read."""
        from agents.training.event_file import EventFile

        self.path = folder / "progress.jsonl"
        try:
            self.lines = open(self.path, "ab")  # noqa: SIM115 - open as long as the run is
            self.lines.truncate(min(position, self.lines.tell()))  # not longer, should somebody have shortened it
            self.lines.seek(0, os.SEEK_END)
            # A run killed before its first checkpoint begins anew: then all that it wrote is purged.
            self.board = EventFile(folder, purge_step=step + 1 if step or position else 0)
        except OSError as error:
            raise UserError(f"{folder} cannot be written to: {error.strerror}.") from error

    def position(self) -> int:
        """Bytes of progress.jsonl so far."""
        return self.lines.tell()

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """One line of numbers, and each as a TensorBoard scalar."""
        text = json.dumps({"step": step, "time": round(time.time(), 3), **{k: _rounded(v) for k, v in values.items()}})
        with self._writing():
            self.lines.write(text.encode() + b"\n")
            self.board.scalars(values, step)

    def gif(self, step: int, tag: str, pictures: Sequence[np.ndarray], fps: int) -> bytes:
        """Write uint8 [H, W, 3] pictures as an animated GIF into TensorBoard; its bytes."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        data = encode_gif(pictures, fps)
        height, width, _ = pictures[0].shape
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=data)
        with self._writing():
            self.board.add(Summary(value=[Summary.Value(tag=tag, image=image)]), step)
        return data

    def image(self, step: int, tag: str, picture: np.ndarray) -> None:
        """Write a uint8 [H, W, 3] picture into TensorBoard."""
        from PIL import Image
        from tensorboard.compat.proto.summary_pb2 import Summary

        out = io.BytesIO()
        Image.fromarray(picture).save(out, "PNG")
        height, width, _ = picture.shape
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=out.getvalue())
        with self._writing():
            self.board.add(Summary(value=[Summary.Value(tag=tag, image=image)]), step)

    def settings(self, values: dict[str, Any], unusual: dict[str, Any]) -> None:
        """The settings, as TensorBoard shows them: all of them as a text, `unusual` ones on its HPARAMS page.

        Also the layout of its CUSTOM SCALARS page, on which a mean and its interval are one chart. It is the same in all
        runs, since the page shows that of one of them.
        """
        from torch.utils.tensorboard import summary

        plain = {name: value if isinstance(value, (bool, int, float, str)) else str(value) for name, value in unusual.items()}
        rows = [f"| {'**' + name + '**' if name in unusual else name} | {value} |" for name, value in values.items()]
        table = "\n".join(["| setting (bold: not the default) | value |", "|---|---|", *rows])
        with self._writing():
            for each in summary.hparams(plain, {"eval/score": 0.0}):
                self.board.add(each, 0)
            self.board.add(summary.text("settings", table), 0)
            self.board.add(summary.custom_scalars(LAYOUT), 0)

    def flush(self) -> None:
        """Put on the disk all that was written so far."""
        with self._writing():
            self.lines.flush()
            os.fsync(self.lines.fileno())
            self.board.flush()

    def close(self) -> None:
        with self._writing():
            self.lines.close()
            self.board.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(f"{self.path.parent} cannot be written to: {error.strerror}.") from error


class Silent(Log):
    """Of a rank that writes nothing: rank 0 does."""

    def __init__(self) -> None:
        pass

    def position(self) -> int:
        return 0

    def scalars(self, step: int, values: dict[str, float]) -> None:
        pass

    def settings(self, values: dict[str, Any], unusual: dict[str, Any]) -> None:
        pass

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _rounded(value: float) -> float | None:
    """Seven figures, counts whole; JSON knows no nan."""
    if isinstance(value, int):
        return value
    return float(f"{value:.7g}") if math.isfinite(value) else None


def encode_gif(pictures: Sequence[np.ndarray], fps: int) -> bytes:
    """uint8 [H, W, 3] pictures as an animated GIF that repeats. All share one palette of colours that they hold."""
    from PIL import Image

    every: Counter[int] = Counter()  # picture by picture: all at once would take as much memory as the training
    for picture in pictures:
        every.update(dict(zip(*(found.tolist() for found in np.unique(_codes(picture), return_counts=True)), strict=True)))
    used = np.array(sorted(every), np.uint32)
    colours = np.stack([used >> 16, used >> 8 & 255, used & 255], 1).astype(np.float32)
    chosen, nearest = palette(colours, np.array([every[code] for code in used.tolist()]))
    frames = []
    for picture in pictures:
        frame = Image.fromarray(nearest[np.searchsorted(used, _codes(picture))].astype(np.uint8))
        frame.putpalette(colours[chosen].astype(np.uint8).tobytes())
        frames.append(frame)
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=max(20, round(1000 / fps)), loop=0)
    return out.getvalue()


def _codes(picture: np.ndarray) -> np.ndarray:
    """A number for the colour of each pixel, uint32 [H, W]."""
    return np.dot(picture.astype(np.uint32), np.array([65536, 256, 1], np.uint32))


def palette(colours: np.ndarray, counts: np.ndarray, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Which of the colours [K, 3] serve for all, and for each colour the place of its nearest among them [K].

    Each next one is the colour that is missed most: far from all chosen so far, and often there. So a small ball keeps
    its colour beside the many shades of a background.
    """
    often, chosen = np.sqrt(counts), [int(np.argmax(counts))]
    nearest = np.zeros(len(colours), np.uint8)
    error = ((colours - colours[chosen[0]]) ** 2).sum(1)
    while len(chosen) < size and error.any():
        chosen.append(int(np.argmax(error * often)))
        fresh = ((colours - colours[chosen[-1]]) ** 2).sum(1)
        nearest[fresh < error] = len(chosen) - 1
        error = np.minimum(error, fresh)
    return np.array(chosen), nearest


class Terminal:
    """Live progress on a terminal; plain lines elsewhere; nothing when quiet."""

    def __init__(self, quiet: bool, title: str):
        from rich.console import Console

        self.console = Console(highlight=False, markup=False, emoji=False)  # a path may hold brackets
        self.quiet, self.title = quiet, title
        self.live: Any = None
        self.evaluation = ""
        self._next_line = 0.0
        if not quiet and self.console.is_terminal:
            from rich.live import Live

            self.live = Live(console=self.console, refresh_per_second=8, transient=True)
            self.live.start()
            self.live.update(self._panel(0.0, ["beginning: how it plays untrained"]), refresh=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self.quiet:
            self.console.print(text, soft_wrap=True)

    def progress(self, done: float, numbers: dict[str, float], eta: float) -> None:
        """Show how far the run is: in the live panel, or, without one, in a line every ten seconds.

        done: fraction of the run, 0 to 1. numbers: of the latest iteration. eta: seconds left; infinite if not known yet.
        """
        if self.quiet:
            return
        parts = [f"{int(numbers['steps']):,} steps", f"{numbers['time/fps']:,.0f}/s"]
        if "rollout/ep_rew_mean" in numbers:  # not before an episode has ended
            parts.append(f"return {numbers['rollout/ep_rew_mean']:.2f}")
        if "rollout/win_rate" in numbers:
            parts.append(f"won {numbers['rollout/win_rate']:.0%}")
        if "league/win_rate_worst" in numbers:
            parts.append(f"worst {numbers['league/win_rate_worst']:.0%}")
        if "train/loss" in numbers:  # not before a learner with a replay has filled it
            parts.append(f"loss {numbers['train/loss']:.3g}")
        if math.isfinite(eta):
            parts.append(f"{_clock(eta)} left")
        if self.live is not None:
            self.live.update(self._panel(done, parts))
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + 10.0
            print("  ".join([f"[{done:4.0%}]", *parts, *[self.evaluation] * bool(self.evaluation)]), flush=True)

    def _panel(self, done: float, parts: list[str]) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 2))
        row.add_row(Text(self.title, style="bold"), ProgressBar(100.0, 100 * done, width=32), f"{done:4.0%}")
        lines: list[Any] = [row, Text("  " + "   ".join(parts))]
        if self.evaluation:
            lines.append(Text("  " + self.evaluation, style="dim"))
        return Group(*lines)

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None
        sys.stdout.flush()

    def leave(self) -> None:
        """Show the cursor again; all that there is time for where the program ends at once."""
        if self.live is not None:
            with suppress(OSError, ValueError):  # the terminal may be gone
                os.write(sys.stdout.fileno(), b"\x1b[?25h")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}"
