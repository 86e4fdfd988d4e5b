"""`Cast`: who plays a match, and the colours in which the pictures show them."""

import dataclasses

import pygame

from games.core import ME, OTHER
from games.engine.loader import Game
from games.render.renderer import DARK, Theme
from games.render.text import Colour
from ui.seats import Seat


def other_side(theme: Theme) -> Theme:
    """The theme with the colours and looks of `me` and `other` exchanged, for the rival's picture in a race."""
    colours, looks = list(theme.colours), list(theme.looks)
    colours[ME : ME + 4], colours[OTHER : OTHER + 4] = colours[OTHER : OTHER + 4], colours[ME : ME + 4]
    looks[ME // 4], looks[OTHER // 4] = looks[OTHER // 4], looks[ME // 4]
    return dataclasses.replace(theme, colours=tuple(colours), looks=tuple(looks))


def dot(surface: pygame.Surface, colour: Colour, centre: tuple[float, float], radius: float) -> None:
    """Draw a participant's dot beside their name: full for `me`, a ring for `other`, so that no colour need be seen."""
    width = max(round(0.45 * radius), 1) if colour == DARK.colour(OTHER) else 0
    pygame.draw.aacircle(surface, colour, centre, radius, width)


class Cast:
    """The participants of a match, by their numbers."""

    def __init__(self, game: Game, seats: list[Seat]):
        self.game, self.seats = game, seats
        self.people = [k for k, seat in enumerate(seats) if seat.kind == "human"]
        self.me = self.people[0] if len(self.people) == 1 else 0  # whose colour is `me`, also when seats change hands
        self.pictures = 2 if game.players == 1 and len(seats) == 2 else 1

    def colour(self, participant: int) -> Colour:
        """The colour of a participant in the pictures."""
        return DARK.colour(ME if participant == self.me else OTHER)
