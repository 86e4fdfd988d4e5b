"""Films of environments that are not ours: in the right colours, or left out with the reason; never the end of a training."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agents.bridges.gym.evaluation import evaluate
from agents.bridges.gym.game import GymGame
from agents.bridges.gym.video import SIZE, Undrawable, Video
from agents.play.seats import Participant
from agents.play.video import NotDrawable
from games.engine.batch import RANDOM

RGB = np.zeros((40, 60, 3), np.uint8)
RGB[:20], RGB[20:] = (200, 100, 50), (0, 255, 10)
SOLID = np.full((40, 60, 1), 255, np.uint8)


def corners(*drawn):
    """The colours of the upper left and lower right corner of each picture of a film."""
    film = Video()
    for picture in drawn:
        film.add(picture)
    return [(picture[2, 2].tolist(), picture[-3, -3].tolist()) for picture in film.pictures()]


@pytest.mark.parametrize(
    "drawn",
    [
        RGB, RGB / 255, (RGB / 255).astype(np.float32), RGB.astype(np.float64), RGB.astype(np.int64), RGB.astype(np.uint16),
        RGB.astype(np.uint16) * 257, RGB.transpose(2, 0, 1), RGB[None], [RGB], np.dstack([RGB, SOLID]),
        np.dstack([RGB, SOLID]) / 255, np.dstack([RGB, 0 * SOLID]),
    ],
    ids=[
        "bytes", "float to 1", "float32 to 1", "float to 255", "int64", "uint16 of bytes", "uint16", "channels first",
        "a batch of one", "a list of one", "alpha", "alpha to 1", "alpha unused",
    ],
)  # fmt: skip
def test_pictures_of_any_numbers_are_shown_in_their_colours(drawn):
    assert corners(drawn) == [([200, 100, 50], [0, 255, 10])]


def test_grey_and_bits_are_shown_in_grey():
    assert corners(RGB[..., 0]) == corners(RGB[..., :1]) == [([200] * 3, [0] * 3)]
    assert corners(RGB[..., 0] > 100) == [([255] * 3, [0] * 3)]


def test_what_is_half_transparent_shows_the_black_behind_it():
    assert corners(np.dstack([RGB, np.full((40, 60), 128, np.uint8)])) == [([100, 50, 25], [0, 128, 5])]


def test_a_dark_picture_of_a_bright_film_stays_dark():
    assert corners(RGB / 255.0 * 0 + 1.0, RGB * 1.0)[0][0] == [1, 1, 1]


def test_pictures_of_changing_size_have_the_size_of_the_first():
    film = Video()
    for picture in (RGB, RGB[:, :20], RGB[:10], np.repeat(RGB, 3, 0)):
        film.add(picture)
    pictures = film.pictures()
    assert {picture.shape for picture in pictures} == {(SIZE * 40 // 60, SIZE, 3)}
    assert pictures[1][2, SIZE // 2].tolist() == [200, 100, 50] and not pictures[1][:, 0].any(), "in the middle, on black"


@pytest.mark.parametrize(
    "drawn, said",
    [
        (None, "gives nothing"), ("###", "gives text"), (object(), "no array of numbers"), (RGB[..., :2], "shape (40, 60, 2)"),
        (np.zeros((0, 3, 3)), "no picture"), (RGB * np.nan, "not finite"), (RGB * -1.0, "no colours"),
        (RGB * 1e4, "no colours"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_told(drawn, said):
    with pytest.raises(Undrawable) as error:
        corners(drawn)
    assert said in str(error.value)


# --- environments ----------------------------------------------------------------------------------------------------


class Drawn(gymnasium.Env):
    """Pays 1 for each of twenty decisions; draws what `draw` gives for the step."""

    observation_space, action_space = spaces.Box(0, 1, (3,), np.float32), spaces.Discrete(3)
    opened = closed = 0

    def __init__(self, metadata=None, draw=lambda step: RGB, render_mode=None):
        self.metadata, self.draw, self.render_mode = metadata, draw, render_mode
        Drawn.opened += 1

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return np.zeros(3, np.float32), {}

    def step(self, action):
        self.count += 1
        return np.zeros(3, np.float32), 1.0, self.count == 20, False, {}

    def render(self):
        return self.draw(self.count)

    def close(self):
        Drawn.closed += 1


@pytest.fixture
def drawn():
    """`drawn(metadata, draw)`: a Drawn as a game."""

    def call(metadata, draw=lambda step: RGB):
        gymnasium.register("Drawn-v0", entry_point=lambda **named: Drawn(metadata, draw, **named))
        return GymGame("Drawn-v0")

    yield call
    gymnasium.registry.pop("Drawn-v0", None)


def film_of(game):
    return game.record_episode([Participant("random", RANDOM)], 1, 10.0)


@pytest.mark.parametrize("metadata", [None, {}, {"render_modes": None}, {"render_modes": ["rgb_array"], "render_fps": "quick"}])
def test_an_environment_with_odd_metadata_is_filmed(drawn, metadata):
    pictures, fps = film_of(drawn(metadata))
    assert len(pictures) == 10 and fps == 15, "each second one of 30 a second"


def fail(step):
    raise RuntimeError("no display\nand more")


@pytest.mark.parametrize(
    "metadata, draw, said",
    [
        ({"render_modes": ["human", "ansi"]}, None, "no render mode rgb_array, only human, ansi"),
        ({"render_modes": ["rgb_array"]}, fail, "RuntimeError: no display"),
        ({"render_modes": ["rgb_array"]}, lambda step: sys.exit(3), "SystemExit"),
        ({"render_modes": ["rgb_array"]}, lambda step: None, "gives nothing"),
    ],
)
def test_an_environment_that_cannot_be_filmed_says_why_in_one_line(drawn, metadata, draw, said):
    with pytest.raises(NotDrawable) as error:
        film_of(drawn(metadata, draw))
    assert said in str(error.value) and len(str(error.value).splitlines()) == 1


def test_a_training_says_once_why_there_is_no_film_and_goes_on(drawn, main):
    drawn({"render_modes": ["rgb_array"]}, fail)
    tiny = ("--set", "n_envs=2", "--set", "n_steps=8", "--set", "batch_size=8", "--set", "threads=1")
    games = ("--set", "eval_games=1", "--set", "final_games=1", "--set", "eval_every=32")
    code, out, error = main("gym:Drawn-v0", "--steps", 96, *tiny, *games)
    assert code == 0, error
    assert [line for line in out.splitlines() if "video" in line] == [
        "No videos of gym:Drawn-v0: drawing fails: RuntimeError: no display"
    ]


def test_environments_of_evaluations_and_films_stay_open_until_the_run_ends(drawn):
    game = drawn({"render_modes": ["rgb_array"]})
    opened, closed = Drawn.opened, Drawn.closed
    for _ in range(3):
        evaluate(game, Participant("random", RANDOM), 4, 1)
        film_of(game)
    assert (Drawn.opened - opened, Drawn.closed - closed) == (5, 0)
    game.close()
    assert Drawn.closed - closed == 5


def test_an_environment_that_draws_with_pygame_is_filmed():
    pictures, _ = film_of(GymGame("CartPole-v1"))
    assert len(pictures) > 2 and len(np.unique(pictures[0])) > 2


def test_films_need_no_window_of_their_own():
    """In a process in which nothing has been said about the display."""
    text = """
import os
[os.environ.pop(name, None) for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY")]
from tests.agents.bridges.test_gym_videos import GymGame, film_of
print(len(film_of(GymGame("CartPole-v1"))[0]) > 2)
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr
