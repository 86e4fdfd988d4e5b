"""The spot of a game below the mouse pointer, or that which arrows lead to."""

from dataclasses import dataclass

from games.core import WORLD
from ui.layout import layout
from ui.match import Match
from ui.seats import WAYS, spot_at, spot_rect, spots_of


@dataclass
class Pointer:
    """The spot that is lit: the board's number, and the action that the spot stands for."""

    board: int
    action: int


def pointer_at(match: Match, stage: tuple[int, int], position: tuple[int, int]) -> Pointer | None:
    """The spot at a position in the window, on a person's board. stage: the size of the game's part of the window."""
    for k, box in enumerate(layout(stage, len(match.boards))):
        board = match.boards[k]
        if box.collidepoint(position) and board.inputs:
            scale = WORLD / box.w
            action = spot_at(match.game, (position[0] - box.x) * scale, (position[1] - box.y) * scale, board.flipped)
            if action is not None:
                return Pointer(k, action)
    return None


def pointer_of(match: Match, key: str) -> Pointer | None:
    """The spot of the action that a person's key stands for; None if it has none."""
    for k, board in enumerate(match.boards):
        for person in board.inputs.values():
            action = person.actions.get(frozenset([key]))
            if action in spots_of(match.game):
                return Pointer(k, action)
    return None


def may_choose(match: Match, spot: Pointer) -> bool:
    """Whether a person may choose a spot now."""
    board = match.boards[spot.board]
    return any(board.may(seat, spot.action) for seat in board.inputs)


def next_spot(match: Match, stage: tuple[int, int], lit: Pointer | None, direction: str, shape: float = 3.0) -> Pointer | None:
    """The next spot in a direction that a person may choose now; None if there is none.

    lit: from where; None: the first one is next. shape: how much more a way aside counts.
    """
    centres, places = {}, []
    for k, (box, board) in enumerate(zip(layout(stage, len(match.boards)), match.boards, strict=True)):
        for action in spots_of(match.game):
            spot = Pointer(k, action)
            x, y, w, h = (value * box.w / WORLD for value in spot_rect(match.game, action, board.flipped))
            centres[k, action] = round(box.x + x + 0.5 * w), round(box.y + y + 0.5 * h)
            if may_choose(match, spot):
                places.append((centres[k, action], spot))
    if lit is None:
        return min(places, key=lambda place: place[0], default=(None, None))[1]
    (right, down), best, (from_x, from_y) = WAYS[direction], None, centres[lit.board, lit.action]
    for (x, y), spot in places:
        along = (x - from_x) * right + (y - from_y) * down
        aside = abs((x - from_x) * down) + abs((y - from_y) * right)
        if along > 2 and aside <= shape * along and (best is None or along + shape * aside < best[0]):
            best = along + shape * aside, spot
    return best[1] if best else None
