"""Pygame's display: opened, named and given an icon."""

import os
import sys

import pygame

from games.errors import UserError
from games.render.surfaces import BLUE, ORANGE


def icon(side: int = 64) -> pygame.Surface:
    """The window's icon: a ball between two paddles. side: pixels."""
    big = pygame.Surface((256, 256), pygame.SRCALPHA, 32)
    pygame.draw.rect(big, (17, 23, 42), big.get_rect(), border_radius=56)
    pygame.draw.rect(big, BLUE, (40, 92, 30, 110), border_radius=15)
    pygame.draw.rect(big, ORANGE, (186, 52, 30, 110), border_radius=15)
    pygame.draw.circle(big, (255, 252, 240), (124, 118), 24)
    return pygame.transform.smoothscale(big, (side, side))


def name_windows() -> None:
    """Set the class of windows, by which desktops group them and find an icon; one that the user has set stays.

    Pygame has set it to the script's name by now: findings/pygame_names_the_window.sh.
    """
    for variable in ("SDL_VIDEO_X11_WMCLASS", "SDL_VIDEO_WAYLAND_WMCLASS"):
        if os.environ.get(variable) in (None, os.path.basename(sys.argv[0])):
            os.environ[variable] = "Sparring"


def open_display() -> None:
    """Initialise Pygame's display, and no other part of it; `UserError` if there is no display."""
    name_windows()
    wanted = os.environ.get("SDL_VIDEODRIVER") or os.environ.get("SDL_VIDEO_DRIVER")
    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
    except pygame.error as error:
        raise UserError(f"No display: the window cannot open ({error}).\nPlay without one: --headless") from error
    if driver in ("dummy", "offscreen") and not wanted:
        pygame.display.quit()
        raise UserError("No display: the window cannot open.\nPlay without one: --headless")
