"""`Header`: names and numbers above a picture."""

import pygame

from ui.board import Board
from ui.cast import Cast, dot
from ui.layout import FAINT, SOFT, WHITE
from ui.match import Match
from ui.text import KeyCapRenderer
from ui.verdict import best_so_far, drawn

YOUR_TURN, TO_MOVE = "Your turn", "to move"
THINKS = 30  # ticks of waiting after which it is said for whom


class Header:
    """Draws the names, the games won so far and the game's own texts."""

    def __init__(self, cast: Cast, text: KeyCapRenderer):
        self.cast, self.text = cast, text

    def draw(self, surface: pygame.Surface, box: pygame.Rect, match: Match, board: Board, k: int, rally: str = "") -> None:
        """Draw the names, the games won so far between them, and the game's own texts below, or the rally in their centre."""
        side = box.w
        row1, row2 = box.y - 0.103 * side, box.y - 0.046 * side
        left, centre, right = board.texts()
        if self.cast.pictures == 2:
            self._name(surface, match, k, (box.x, row1), side, "midleft", 0.6 * side)
            self._tally(surface, str(match.wins[k]), f"won{drawn(match)}", (box.right, row1), side, "midright")
        elif len(self.cast.seats) == 1:
            self._name(surface, match, 0, (box.x, row1), side, "midleft", 0.6 * side)
            if match.best:
                self._tally(surface, *best_so_far(match), (box.right, row1), side, "midright")
        else:
            first, second = (1, 0) if board.flipped else (0, 1)
            self._name(surface, match, first, (box.x, row1), side, "midleft", 0.38 * side)
            self._name(surface, match, second, (box.right, row1), side, "midright", 0.38 * side)
            if match.played:
                score = f"{match.wins[first]} – {match.wins[second]}", f"games{drawn(match)}"
                told = score if match.contest else best_so_far(match, board.flipped)
                self._tally(surface, *told, (box.centerx, row1), side, "center")
        if not centre and board.waits_for_person:
            centre = self.whose_turn(board, told=bool(left or right))
            if centre == YOUR_TURN:  # said once
                left, right = (text if text != TO_MOVE else "" for text in (left, right))
        centre = rally or centre or self.who_thinks(board)
        for text, anchor, x in ((left, "midleft", box.x), (centre, "center", box.centerx), (right, "midright", box.right)):
            short = len(text) <= 3
            size = self.text.fit(text, (0.088 if short else 0.05) * side, 0.4 * side)
            bright = (
                anchor != "center" or bool(rally) or (self.cast.game.rewards == "shared" and text == f"{board.returns[0]:g}")
            )
            self.text.put(surface, text, size, WHITE if bright else SOFT, (x, row2), anchor)

    def whose_turn(self, board: Board, told: bool) -> str:
        """The text that names the person to move. told: the game's own texts say it already."""
        if len(self.cast.people) == 1:
            return YOUR_TURN
        movers = [self.cast.seats[k].name for k in self.cast.people if board.batch.asked[0, k]]
        return "" if told or not movers else f"{' and '.join(movers)} {TO_MOVE}"

    def who_thinks(self, board: Board) -> str:
        """The text that names the machine for which a game of turns has waited for a while; empty if there is none."""
        if board.waited < THINKS:
            return ""
        return " and ".join(f"{self.cast.seats[k].name} thinks" for k in range(len(board.seats)) if board.is_awaited(k))

    def _name(
        self, surface, match: Match, participant: int, at: tuple[float, float], side: int, anchor: str, width: float
    ) -> None:
        """Draw a participant's name, and how many of their decisions were late, if any were."""
        size = 0.042 * side
        colour = self.cast.colour(participant)
        late = match.late(participant)
        told = f"{late} decision{'s'[: late - 1]} late" if late else ""
        beside = 0.75 * size
        text = self.text.shorten(
            self.cast.seats[participant].name, size, width - 1.2 * size - (self.text.width(told, beside) + size if told else 0)
        )
        radius = 0.21 * size
        step = 0.72 * size
        x, y = at
        if anchor == "midleft":
            dot(surface, colour, (x + radius + 1, y - 1), radius)
            end = self.text.put(surface, text, size, SOFT, (x + step, y), anchor).right + 0.5 * size
        else:
            dot(surface, colour, (x - radius - 1, y - 1), radius)
            end = self.text.put(surface, text, size, SOFT, (x - step, y), anchor).x - 0.5 * size
        if told:
            self.text.put(surface, told, beside, FAINT, (end, y), anchor)

    def _tally(self, surface, number: str, label: str, at: tuple[float, float], side: int, anchor: str) -> None:
        size = 0.036 * side
        number_picture, label_picture = self.text.render(number, size, SOFT), self.text.render(label, size, FAINT)
        wide = number_picture.get_width() + 0.4 * size + label_picture.get_width()
        x = at[0] - (wide if anchor == "midright" else 0.5 * wide)
        surface.blit(label_picture, label_picture.get_rect(midleft=(round(x), round(at[1]))))
        surface.blit(number_picture, number_picture.get_rect(midright=(round(x + wide), round(at[1]))))
