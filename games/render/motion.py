"""Pictures that follow each other: the trails of balls, and the small movements of a board."""

from collections import deque

import numpy as np

from games.core import BALL, DISC, GONE, NUMBER

TRAIL = 10  # length of a ball's trail, frames
JUMP = 8.0  # world units: a ball that moves further in one frame was placed anew, and its trail is cleared
GLIDE = 12  # frames in which a shape of a board moves to its new place


class Trail:
    """The places of the balls in the last frames, which a painter draws as fading streaks. One for each picture.

    They are places in the world, so that a ball that lies still leaves no streak where the camera moves.
    """

    def __init__(self) -> None:
        self.paths: dict[int, deque[tuple[float, float]]] = {}

    def add(self, frame: np.ndarray) -> None:
        """Store the places of the balls in a frame. Call it once for each frame shown."""
        f = frame[0]
        here = {}
        for row in range(min(int(f["count"]), len(f["kind"]))):
            if f["kind"][row] == DISC and f["code"][row] // 4 == BALL // 4:
                x, y = float(f["xy"][row, 0] + f["tiles_left"]), float(f["xy"][row, 1] + f["tiles_top"])
                path = self.paths.get(row, deque(maxlen=TRAIL))
                if path and np.hypot(x - path[-1][0], y - path[-1][1]) > JUMP:
                    path.clear()
                path.append((x, y))
                here[row] = path
        self.paths = here

    def clear(self) -> None:
        """Remove all trails."""
        self.paths = {}


class Glide:
    """The movements of a board: in a game of turns a shape that is elsewhere after a move is shown on its way. One a picture.

    A shape moves if its row holds the same kind and role before and after; others are shown where they are at once.
    """

    def __init__(self) -> None:
        self._episode = -1
        self._start: np.ndarray | None = None  # the frame that was shown when the movement began
        self._end: np.ndarray | None = None  # where it leads
        self._frames = GLIDE  # since then

    def between(self, frame: np.ndarray, episode: int) -> np.ndarray:
        """The frame to show, structured [1]. Call it once for each frame shown. episode: nothing moves from one to the next."""
        if self._end is None or episode != self._episode:
            self._episode, self._start, self._end, self._frames = episode, frame, frame, GLIDE
        elif frame.tobytes() != self._end.tobytes():
            self._start, self._end, self._frames = self._shown(), frame, 0
        self._frames += 1
        return self._shown()

    def _shown(self) -> np.ndarray:
        assert self._start is not None and self._end is not None
        if self._frames >= GLIDE:
            return self._end
        done = self._frames / GLIDE
        done = done * done * (3.0 - 2.0 * done)  # slow at both ends
        shown = self._end.copy()
        before, after = self._start[0], shown[0]
        count = min(int(before["count"]), int(after["count"]), len(after["kind"]))
        same = (before["kind"] == after["kind"]) & (before["code"] == after["code"]) & (after["kind"] != GONE)
        rows = np.flatnonzero(same[:count])
        values = after["xy"][:, 3].copy()
        after["xy"][rows] = before["xy"][rows] + done * (after["xy"][rows] - before["xy"][rows])
        numbers = after["kind"] == NUMBER
        after["xy"][numbers, 3] = values[numbers]  # a number is never one between two others
        return shown
