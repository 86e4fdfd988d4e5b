"""`Miniature`: a game that its bots, or levels of its ladder, play by themselves, as a small picture."""

from collections.abc import Sequence

import pygame

from games.engine.loader import Game
from games.render.motion import Glide, Trail
from games.render.renderer import Painter
from ui.match import Match
from ui.seats import Seat

SKILL = 0.7  # of the bots
REST = 90  # ticks that the end of a game is shown


class Miniature:
    """A match between bots that begins again by itself, with `successors` if there are any by then."""

    def __init__(self, game: Game, seed: int):
        self.seed = seed
        self.successors: Sequence[Seat] = ()  # those who play from the next game on
        self.match = Match(game, [Seat("scripted", skill=SKILL)] * game.players, seed)
        self._painter, self._trail, self._glide = Painter(game), Trail(), Glide()
        self._rest = REST
        self._painted = pygame.Surface((0, 0))  # as it was painted last
        self._age = seed  # frames since then
        self._frame()  # compiles drawing now, not at the first picture

    def tick(self) -> None:
        """Advance by a tick."""
        if self.match.result:
            self._rest -= 1
            if self._rest == 0:
                self._begin_again()
        else:
            self.match.tick()

    def _begin_again(self) -> None:
        if self.successors:
            self.seed += 1
            self.match = Match(self.match.game, self.successors, self.seed, patient=False)
            self.successors = ()
        else:
            self.match.restart()
        self._trail.clear()
        self._rest = REST

    def _frame(self):
        board = self.match.boards[0]
        return self._painter.frame(board.batch, final=board.done)

    def draw(self, surface: pygame.Surface, every: int = 1) -> None:
        """Draw the game onto all of a square surface. every: frames between two paintings; in those between, the last one."""
        self._age += 1
        if self._painted.get_size() != surface.get_size() or self._age >= every:
            self._painted, self._age = pygame.Surface(surface.get_size(), 0, 32), 0
            self._paint(self._painted)
        surface.blit(self._painted, (0, 0))

    def _paint(self, surface: pygame.Surface) -> None:
        frame, board = self._frame(), self.match.boards[0]
        if self.match.game.turns:
            frame = self._glide.between(frame, int(board.batch.episode[0]) - int(board.done))
        self._trail.add(frame)
        self._painter.paint(surface, frame, trail=self._trail)
