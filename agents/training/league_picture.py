"""A league's table as a picture: against whom the learner has won how often, over the run."""

from collections.abc import Sequence

import numpy as np

CELL = 18  # pixels
LABEL = 150  # pixels for the opponents' names
HEAD = 20  # pixels above the table
# Of a share won: from vermillion over white to blue (Okabe & Ito), which people who see few colours tell apart too.
COLOURS = np.array([(213, 94, 0), (250, 250, 250), (0, 114, 178)], np.float64)
UNKNOWN = (225, 225, 225)  # it was not in the pool then, or had not been met


def colour_of(score: float) -> tuple[int, int, int]:
    """The colour of a share won, 0 to 1.

    >>> colour_of(0.0), colour_of(0.5), colour_of(1.0)
    ((213, 94, 0), (250, 250, 250), (0, 114, 178))
    """
    red, green, blue = (round(float(np.interp(score, (0.0, 0.5, 1.0), COLOURS[:, channel]))) for channel in range(3))
    return red, green, blue


def picture_of(history: Sequence[tuple[int, dict[str, float]]]) -> np.ndarray:
    """The scores of a league over time, uint8 [H, W, 3]: a row for each opponent, a column for each entry of the history.

    history: steps, and the learner's share of games won by the opponent's name. In the last column stands the share itself.
    """
    from PIL import Image, ImageDraw

    names = list(dict.fromkeys(name for _, scores in history for name in scores))
    width, height = LABEL + CELL * (len(history) + 2), HEAD + CELL * len(names) + 4
    image = Image.new("RGB", (width, height), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.text((4, 4), f"games won until step {history[-1][0]:,}", fill=(60, 60, 60))
    for row, name in enumerate(names):
        top = HEAD + CELL * row
        shown = name if len(name) <= 22 else f"…{name[-21:]}"
        draw.text((4, top + 3), shown.encode("latin-1", "replace").decode("latin-1"), fill=(60, 60, 60))
        for column, (_, scores) in enumerate(history):
            left = LABEL + CELL * column
            fill = colour_of(scores[name]) if name in scores else UNKNOWN
            draw.rectangle((left, top, left + CELL - 2, top + CELL - 2), fill=fill)
        if name in history[-1][1]:
            draw.text((LABEL + CELL * len(history) + 2, top + 3), f"{history[-1][1][name]:.0%}", fill=(60, 60, 60))
    return np.asarray(image).copy()
