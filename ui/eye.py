"""The agent's eye: a panel beside the game, or below it, that looks into an agent while it plays."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pygame

from games.engine.loader import Game
from ui.cast import Cast
from ui.curve_page import CurvePage
from ui.eye_page import EyePage
from ui.ground import ground
from ui.layout import CARD, FOOTER, GAP, HEADER, LINE, MARGIN, layout
from ui.match import Match
from ui.seats import Seat

if TYPE_CHECKING:  # it imports torch, which loads with the first agent
    from agents.play.insight import Insight

NARROWEST, WIDEST = 0.30, 0.42  # the panel beside the game, in units of the window's width
LOWEST, HIGHEST = 0.40, 0.55  # below it, in units of the window's height
# Seconds of a frame for measuring where it looks: as many as its other work leaves of a whole, at most and at least.
FRAME, LOOKING, LEAST = 0.009, 0.004, 0.001
EVERY = 4  # frames between two paintings of the panel; in those between it looks


@dataclass
class EyeAgent:
    """A participant into whom the panel looks: the board and the seat on it."""

    participant: int
    board: int
    seat: int
    has_curve: bool = False  # the page is the learning curve of its run


class Eye:
    """The panel. `page` is None while it is hidden, else the number of the participant's page."""

    def __init__(self, game: Game, seats: list[Seat], shown: bool = False):
        self.cast = Cast(game, seats)
        race = game.players == 1 and len(seats) == 2
        agents = [k for k, seat in enumerate(seats) if seat.kind == "agent"]
        self.agents = [EyeAgent(k, k if race else 0, 0 if race else k) for k in agents]
        self.pages = [*(replace(agent, has_curve=True) for agent in self.agents if seats[agent.participant].run), *self.agents]
        self.page: int | None = 0 if shown else None
        self.insights: dict[int, Insight] = {}  # by participant
        self._writer, self._curve = EyePage(game), CurvePage()
        self._painted: pygame.Surface | None = None  # the panel as it was painted last
        self._shown: tuple | None = None  # its page, size and agent
        self._age = 0  # frames since then
        self._grounds: dict[tuple[int, int], pygame.Surface] = {}

    def cycle(self) -> None:
        """Hidden, the first agent, the second, hidden."""
        following = 0 if self.page is None else self.page + 1
        self.page = following if following < max(len(self.pages), 1) else None

    @property
    def next_page(self) -> str:
        """The words for what the key does next."""
        if self.page is None:
            return "learning curve" if self.pages and self.pages[0].has_curve else "agent's eye"
        if self.page + 1 < len(self.pages):
            return "agent's eye" if self.pages[self.page].has_curve else "the other agent"
        return "close the eye"

    @property
    def offer(self) -> str:
        """The words for what the key does next, where there is a network to look into or the panel is open; else empty."""
        has_something = bool(self.insights) or any(page.has_curve for page in self.pages)
        return self.next_page if has_something or self.page is not None else ""

    def follow(self, match: Match) -> None:
        """Follow the agents who sit in the match now, at its tick; an opponent that adapts is another after a game."""
        for page in self.agents:
            board = match.boards[page.board]
            player, followed = board.player(page.seat), self.insights.get(page.participant)
            if followed and followed.player is player:
                followed.cut(board.recorder.ticks)  # it may have been rewound
            else:
                self.insights.pop(page.participant, None)
                if hasattr(player, "watch"):  # not a simulated person, for whom torch has not loaded
                    from agents.play.insight import Insight, can_follow

                    if can_follow(player):
                        self.insights[page.participant] = Insight(player)

    @property
    def insight(self) -> "Insight | None":
        """Into the agent whose page is shown; None if no network can be looked into."""
        if not self.pages or self.page is None or self.pages[self.page].has_curve:
            return None
        return self.insights.get(self.pages[self.page].participant)

    @property
    def is_busy(self) -> bool:
        """Whether the panel is not up to date yet, although nothing happens in the match."""
        return self.page is not None and (self._age > 0 or (self.insight is not None and not self.insight.has_looked))

    # --- the window's parts ---

    def places(self, window: tuple[int, int]) -> tuple[pygame.Rect, pygame.Rect | None]:
        """The parts of a window: the game's, and the panel's (None while it is hidden), where it leaves the game larger."""
        width, height = window
        if self.page is None:
            return pygame.Rect(0, 0, width, height), None
        across, down = (
            self.cast.pictures + GAP * (self.cast.pictures - 1) + 2 * MARGIN,
            1.0 + HEADER + FOOTER,
        )  # of a picture's side
        wide = round(min(max(width - across * height / down, NARROWEST * width), WIDEST * width))
        high = round(min(max(height - down * width / across, LOWEST * height), HIGHEST * height))
        beside = pygame.Rect(0, 0, width - wide, height)
        above = pygame.Rect(0, 0, width, height - high)
        if layout(above.size, self.cast.pictures)[0].w > layout(beside.size, self.cast.pictures)[0].w:
            return above, pygame.Rect(0, above.h, width, high)
        return beside, pygame.Rect(beside.w, 0, wide, height)

    def widened(self, size: tuple[int, int], desktop: tuple[int, int]) -> tuple[int, int]:
        """A window's size with space for the panel beside the game, as far as the desktop has it."""
        return size if self.page is None else (max(size[0], round(min(size[0] / (1.0 - WIDEST), 0.9 * desktop[0]))), size[1])

    def stage(self, surface: pygame.Surface) -> pygame.Surface:
        """The part of the window's surface that is the game's."""
        return surface.subsurface(self.places(surface.get_size())[0])

    def draw(self, surface: pygame.Surface, match: Match, spent: float = 0.0) -> None:
        """Draw the panel on its part of the window's surface, unless it is hidden. A frame either paints it anew or looks.

        spent: seconds of the frame that other work has taken.
        """
        self.follow(match)
        for seat in match.seats:
            if seat.run:
                seat.run.poll()
        _, place = self.places(surface.get_size())
        if place is None or place.w < 1 or place.h < 1:
            return
        shown, insight = (self.page, place.size, id(self.insight)), self.insight
        self._age += 1
        if self._painted is None or shown != self._shown or self._age >= EVERY:
            self._painted, self._shown, self._age = self._paint(place, surface.get_size()), shown, 0
        elif insight:
            insight.look(min(LOOKING, max(FRAME - spent, LEAST)))
        surface.blit(self._painted, place)

    def _paint(self, place: pygame.Rect, window: tuple[int, int]) -> pygame.Surface:
        panel = pygame.Surface(place.size, 0, 32)
        panel.blit(self._ground(window), (-place.x, -place.y))
        margin = max(round(0.03 * min(place.size)), 2)
        card = panel.get_rect().inflate(-2 * margin, -2 * margin)
        pygame.draw.rect(panel, CARD, card, border_radius=margin)
        pygame.draw.rect(panel, LINE, card, width=1, border_radius=margin)
        panel.set_clip(card)
        if not self.pages or self.page is None:
            self._writer.paint_empty(panel, card)
        else:
            participant = self.pages[self.page].participant
            run = self.cast.seats[participant].run
            if run and self.pages[self.page].has_curve:
                self._curve.paint(panel, card, run, self.cast.colour(participant))
                return panel
            self._writer.paint(panel, card, self.cast.seats[participant].name, self.cast.colour(participant), self.insight)
        panel.set_clip(None)
        return panel

    def _ground(self, size: tuple[int, int]) -> pygame.Surface:
        if size not in self._grounds:
            self._grounds = {size: ground(size)}
        return self._grounds[size]
