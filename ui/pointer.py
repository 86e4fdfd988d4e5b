"""The spot of a game below the mouse pointer, or that which arrows lead to."""

from dataclasses import dataclass

from games.core import WORLD
from ui.layout import layout
from ui.match import Match
from ui.seats import spot_at, spot_rect


@dataclass
class Pointer:
    """A spot below the mouse pointer: the board's number, and the action that the spot stands for."""

    board: int
    action: int


def pointer_at(match: Match, stage: tuple[int, int], position: tuple[int, int]) -> Pointer | None:
    """The spot at a position in the window, if a person may choose it now. stage: the size of the game's part of the window."""
    for k, box in enumerate(layout(stage, len(match.boards))):
        board = match.boards[k]
        if box.collidepoint(position) and board.inputs:
            scale = WORLD / box.w
            action = spot_at(match.game, (position[0] - box.x) * scale, (position[1] - box.y) * scale, board.flipped)
            if action is not None and any(board.may(seat, action) for seat in board.inputs):
                return Pointer(k, action)
    return None


WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


def next_spot(
    match: Match, stage: tuple[int, int], position: tuple[int, int], direction: str, shape: float = 3.0
) -> tuple[int, int] | None:
    """The centre of the next spot in a direction that a person may choose now, in the window; None if there is none.

    position: in the window; where it is over no such spot, the first one is next. shape: how much more a way aside counts.
    """
    places = []
    for box, board in zip(layout(stage, len(match.boards)), match.boards, strict=True):
        for action in range(len(match.game.spots or ())):
            if any(board.may(seat, action) for seat in board.inputs):
                x, y, w, h = (value * box.w / WORLD for value in spot_rect(match.game, action, board.flipped))
                places.append((round(box.x + x + 0.5 * w), round(box.y + y + 0.5 * h)))
    if pointer_at(match, stage, position) is None:
        return min(places, default=None)
    (right, down), best = WAYS[direction], None
    for x, y in places:
        along = (x - position[0]) * right + (y - position[1]) * down
        aside = abs((x - position[0]) * down) + abs((y - position[1]) * right)
        if along > 2 and aside <= shape * along and (best is None or along + shape * aside < best[0]):
            best = along + shape * aside, (x, y)
    return best[1] if best else None
