"""Colours and signs: texts are readable (WCAG 2.1, AA), and nothing is told by colour alone."""

import itertools

import numpy as np
import pygame
import pytest

import games
from games.core import BALL, DANGER, GOAL, ITEM, ME, OTHER, WALL
from games.engine.batch import Batch
from games.render.caption import PLAIN
from games.render.renderer import DARK, PLAIN_NUMBERS, Painter
from ui import eye_page, layout, text
from ui.cast import dot, other_side
from ui.scene import HOT, warmed

GROUNDS = {
    "window": layout.GROUND_TOP, "below": layout.GROUND_BOTTOM, "card": layout.CARD, "result": layout.DARKEST,
    "picture": DARK.top, "picture's end": DARK.bottom, "well": eye_page.WELL,
}  # fmt: skip
TEXTS = {
    "white": layout.WHITE, "soft": layout.SOFT, "faint": layout.FAINT, "meaning of a key": text.CAP_MEANING,
    "me": DARK.colour(ME), "other": DARK.colour(OTHER), "caption": PLAIN, "numbers": PLAIN_NUMBERS,
}  # fmt: skip


def luminance(colour) -> float:
    """Relative luminance, as WCAG 2.1 defines it.

    >>> luminance((255, 255, 255)), luminance((0, 0, 0))
    (1.0, 0.0)
    """
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b) -> float:
    """From 1 to 21."""
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_is_that_of_the_standard():
    assert contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21.0)
    assert contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)  # a well-known pair


@pytest.mark.parametrize(("words", "ground"), list(itertools.product(TEXTS, GROUNDS)))
def test_texts_have_the_contrast_of_aa(words, ground):
    assert contrast(TEXTS[words], GROUNDS[ground]) >= 4.5


def test_key_caps_have_the_contrast_of_aa():
    assert contrast(text.CAP_TEXT, text.CAP) >= 4.5


@pytest.mark.parametrize("role", [ME, OTHER, BALL, WALL, ITEM, DANGER, GOAL])
def test_what_matters_in_a_picture_has_the_contrast_of_graphical_objects(role):
    assert min(contrast(DARK.colour(role), ground) for ground in (DARK.top, DARK.bottom)) >= 2.9


def test_the_two_seats_differ_in_lightness():
    assert contrast(DARK.colour(ME), DARK.colour(OTHER)) >= 2.0
    theme = other_side(DARK)
    assert theme.colour(ME) == DARK.colour(OTHER) and theme.looks[1].groove == DARK.looks[2].groove


def test_the_fastest_ball_is_no_seats_colour():
    assert contrast(HOT, DARK.colour(OTHER)) >= 2.0
    assert np.abs(np.subtract(HOT, DARK.colour(ME))).max() > 100
    assert warmed(DARK).looks[9] == DARK.looks[BALL // 4]


@pytest.fixture(scope="module")
def board() -> dict[int, np.ndarray]:
    """Grey pictures of a disc of each seat in Connect Four, int [y, x], by role."""
    game = games.load("connect_four")
    batch = Batch(game, 1, 1)
    for action in (2, 4):
        batch.step(np.full((1, 2), action), max_ticks=1)
    painter = Painter(game)
    frame, size = painter.frame(batch), 84 * 8
    surface = pygame.Surface((size, size), 0, 32)
    painter.paint(surface, frame)
    grey = pygame.surfarray.array3d(surface).transpose(1, 0, 2) @ (0.2126, 0.7152, 0.0722)
    found = {}
    for kind, code, xy in zip(frame["kind"][0], frame["code"][0], frame["xy"][0], strict=True):
        if kind == 2 and code in (ME, OTHER):
            x, y, r = (round(8 * v) for v in xy[:3])
            found[int(code)] = grey[y - r : y + r, x - r : x + r]
    return found


def test_discs_on_a_board_in_grey_are_told_by_their_lightness(board):
    middle = slice(6, 24)  # of the rim on the left, halfway up
    mine, other = (board[role][35:45, middle].mean() for role in (ME, OTHER))
    assert mine > 1.4 * other


def test_discs_on_a_board_in_grey_are_told_by_their_shape(board):
    """From the centre outwards `other` has a groove and `me` has none."""
    for role, grooved in ((ME, False), (OTHER, True)):
        line = board[role][38:42, 40:66].mean(0)
        assert (line[15:26].min() < 0.75 * line[11:14].mean()) == grooved  # outside of the mark on the latest disc


def test_the_dots_beside_names_are_told_by_their_shape():
    for role, full in ((ME, True), (OTHER, False)):
        surface = pygame.Surface((40, 40), 0, 32)
        dot(surface, DARK.colour(role), (20, 20), 10)
        assert (surface.get_at((20, 20))[:3] == DARK.colour(role)) == full
        assert surface.get_at((12, 20))[2 if full else 0] > 100
