"""Videos: pictures that environments draw of themselves, in whatever form, as pictures of one size and three colours."""

from typing import Any

import numpy as np
from PIL import Image

SIZE = 168  # of a video's larger side, in pixels
ROUNDING = 1e-3  # by which numbers may miss their range


class Undrawable(Exception):
    """An environment gives no pictures, or none whose colours are known; the message says why."""


class Video:
    """Pictures of an episode, made small as they come. Their colours are those of the whole video: what is dark in one
    picture of numbers up to 255 is not taken for a bright one of numbers up to 1.

    >>> video = Video()
    >>> for grey in (0.5, 255.0):
    ...     video.add(np.full((1, 1), grey))
    >>> [picture[0, 0].tolist() for picture in video.pictures()]
    [[0, 0, 0], [255, 255, 255]]
    """

    def __init__(self) -> None:
        self._pictures: list[np.ndarray] = []  # [h, w, channels], in the numbers they came in, bytes or float32
        self._types: list[np.dtype] = []  # in which they came
        self._largest: dict[np.dtype, float] = {}  # number of each type

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, drawn: Any) -> None:
        """Take what `render` gave; `Undrawable` for anything but a picture."""
        picture = _channels_last(_array(drawn))
        if picture.dtype != np.uint8:
            lowest, largest = float(picture.min()), float(picture.max())
            if not (np.isfinite(lowest) and np.isfinite(largest)):
                raise Undrawable("its pictures hold numbers that are not finite")
            if lowest < -ROUNDING:
                raise Undrawable(f"its pictures hold numbers from {lowest:.4g} to {largest:.4g}, which are no colours")
            self._largest[picture.dtype] = max(largest, self._largest.get(picture.dtype, 0.0))
        self._types.append(picture.dtype)
        self._pictures.append(_fit(picture))

    def pictures(self) -> list[np.ndarray]:
        """The pictures, uint8 [H, W, 3], all of the first one's size."""
        full = {kind: _full_scale(kind, largest) for kind, largest in self._largest.items()}
        found = []
        for picture, kind in zip(self._pictures, self._types, strict=True):
            in_bytes = picture if kind == np.uint8 else np.rint(picture.clip(0, full[kind]) * (255 / full[kind]))
            found.append(_frame(_colours(in_bytes), found[0].shape if found else None))
        return found


def _array(drawn: Any) -> np.ndarray:
    """The array that `render` gave; of a list of pictures, the latest one."""
    if drawn is None:
        raise Undrawable("its render gives nothing")
    if isinstance(drawn, str):
        raise Undrawable("its render gives text")
    if isinstance(drawn, Image.Image):
        return np.asarray(drawn.convert("RGBA"))
    if isinstance(drawn, (list, tuple)) and len(drawn) and np.ndim(drawn[-1]) in (2, 3):
        drawn = drawn[-1]
    array = np.asarray(drawn)
    if array.dtype.kind not in "buif":
        raise Undrawable(f"its render gives {type(drawn).__name__}, which is no array of numbers")
    return array


def _channels_last(array: np.ndarray) -> np.ndarray:
    """A picture [H, W], [H, W, C] or [C, H, W], of one, three or four channels, as [H, W, C]."""
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3 and array.size:
        if array.shape[2] in (1, 3, 4):
            return array
        if array.shape[0] in (1, 3, 4):
            return np.moveaxis(array, 0, 2)
    raise Undrawable(f"its render gives an array of the shape {array.shape}, which is no picture")


def _fit(picture: np.ndarray) -> np.ndarray:
    """A picture [H, W, C] with a larger side of `SIZE`; bytes stay bytes, the rest becomes float32."""
    height, width, _ = picture.shape
    scale = SIZE / max(height, width)
    resampling = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if picture.dtype == np.uint8:
        image = Image.fromarray(np.ascontiguousarray(picture if picture.shape[2] > 1 else picture[..., 0]))
        small = np.asarray(image.resize(size, resampling))
        return small if small.ndim == 3 else small[..., None]
    channels = np.ascontiguousarray(np.moveaxis(picture, 2, 0), np.float32)
    return np.stack([np.asarray(Image.fromarray(channel).resize(size, resampling)) for channel in channels], 2)


def _full_scale(kind: np.dtype, largest: float) -> float:
    """The number that stands for white in pictures of numbers of a type, of which the largest is known.

    >>> _full_scale(np.dtype(np.float64), 0.9), _full_scale(np.dtype(np.int64), 200), _full_scale(np.dtype(np.uint16), 4000)
    (1.0, 255.0, 65535.0)
    """
    if kind.kind == "b" or (kind.kind == "f" and largest <= 1 + ROUNDING):
        return 1.0
    if largest < 255.5:
        return 255.0
    if kind.kind in "ui" and largest <= 65535:
        return 65535.0
    raise Undrawable(f"its pictures hold numbers up to {largest:.4g}, which are no colours")


def _colours(picture: np.ndarray) -> np.ndarray:
    """Bytes [h, w, C] as colours uint8 [h, w, 3]: grey three times; what is transparent shows black.

    A picture that is transparent everywhere has its fourth channel unused.
    """
    colours = np.repeat(picture[..., :1], 3, 2) if picture.shape[2] == 1 else picture[..., :3]
    if picture.shape[2] == 4 and picture[..., 3].any():
        colours = np.rint(colours * (picture[..., 3:] / np.float32(255)))
    return np.ascontiguousarray(colours, np.uint8)


def _frame(picture: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    """A picture in the middle of a black one of a shape, made smaller where it must; None: as it is."""
    if shape is None or picture.shape == shape:
        return picture
    height, width, _ = shape
    image = Image.fromarray(picture)
    scale = min(height / image.height, width / image.width)
    if scale < 1:
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BOX)
    frame = Image.new("RGB", (width, height))
    frame.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return np.asarray(frame)
