"""The spot of a game below the mouse pointer."""

from dataclasses import dataclass

from games.core import WORLD
from ui.layout import layout
from ui.match import Match
from ui.seats import spot_at


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
