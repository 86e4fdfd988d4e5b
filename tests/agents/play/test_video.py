"""Videos of evaluations: who plays and the score stand above the game."""

import numpy as np
import pytest

import games
from agents.participants import participant
from agents.play.video import SIZE, record_episode

pytest.importorskip("pygame")


def strips(names):
    """The pictures above the game, uint8 [T, height, width, 3], of a game between these players."""
    from games.render.caption import HEIGHT

    game = games.load("pong")
    pictures, _ = record_episode(game, [participant(name, game) for name in names], seed=5)
    assert pictures[0].shape == (HEIGHT + SIZE, SIZE, 3)
    return np.stack(pictures)[:, :HEIGHT]


def test_names_and_score_stand_above_the_game():
    same, other = strips(["bot:1", "bot:0"]), strips(["bot:1", "random"])
    left, right = slice(0, SIZE // 2), slice(SIZE // 2, SIZE)
    assert (same[0, :, left] == other[0, :, left]).all() and (same[0, :, right] != other[0, :, right]).any()
    assert any((picture != same[0]).any() for picture in same), "a point is shown"
