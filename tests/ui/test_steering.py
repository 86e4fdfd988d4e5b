"""A paddle that a pointer steers, in numbers: the window's part of it is in test_controls_in_play.py."""

import numpy as np
import pytest

import games
from games.core import ME, OTHER, RECT, frame_dtype
from ui.steering import Axis, Steering, axis_of, paddle_place

UP, DOWN = 1, 2


def frame(*shapes: tuple[int, float, float]) -> np.void:
    """A frame with shapes of 2 × 4: code, left, top."""
    made = np.zeros(1, frame_dtype(4, None))[0]
    made["count"] = len(shapes)
    for row, (code, left, top) in enumerate(shapes):
        made["kind"][row], made["code"][row] = RECT, code
        made["xy"][row][:4] = left, top, 2.0, 4.0
    return made


def test_games_with_one_paddle_can_be_steered(toy):
    assert axis_of(games.load("pong")) == Axis(1, UP, DOWN)
    assert axis_of(games.load("breakout")) == Axis(0, 1, 2)
    assert axis_of(games.load("connect_four")) is None  # its spots are clicked
    assert axis_of(toy("fog")) is None  # four directions: no paddle
    assert axis_of(toy("morra")) is None


def test_the_paddle_is_the_only_shape_of_my_colour():
    assert paddle_place(frame((OTHER, 70, 5), (ME + 1, 3, 20)), 1) == 22.0
    assert paddle_place(frame((OTHER, 70, 5), (ME + 1, 3, 20)), 0) == 4.0
    assert paddle_place(frame((ME, 70, 5), (ME, 3, 20)), 1) is None
    assert paddle_place(frame((OTHER, 70, 5)), 1) is None


def steer(steering: Steering, place: float, speed: float, ticks: int, lowest: float = 0.0) -> list[float]:
    """The paddle's places, from tick to tick."""
    places = [place]
    for _ in range(ticks):
        action = steering.action(frame((ME, 3.0, places[-1] - 2.0)))
        places.append(max(places[-1] + {None: 0.0, UP: -speed, DOWN: speed}[action], lowest))
    return places


@pytest.mark.parametrize("speed", [0.3, 1.05, 2.0, 5.0])
@pytest.mark.parametrize("target", [10.0, 41.9, 42.6, 70.3])
def test_it_reaches_a_place_by_its_speed_and_rests_there(speed, target):
    steering = Steering(Axis(1, UP, DOWN))
    steering.target = target
    needed = int(abs(target - 42.0) / speed) + 3
    places = steer(steering, 42.0, speed, needed + 60)
    assert len(set(places[needed:])) == 1
    assert abs(places[-1] - target) <= max(0.5 * speed, 0.05) + 1e-9 or abs(42.0 - target) < speed
    assert max(np.abs(np.diff(places))) <= speed + 1e-9


def test_it_does_not_tremble_when_the_hand_does():
    steering = Steering(Axis(1, UP, DOWN))
    place, turns, last = 42.0, 0, 0.0
    for tick in range(200):
        steering.target = 60.0 + 0.3 * (-1) ** tick
        step = {None: 0.0, UP: -1.05, DOWN: 1.05}[steering.action(frame((ME, 3.0, place - 2.0)))]
        turns += step * last < 0.0
        place, last = place + step, step or last
    assert turns == 0
    assert abs(place - 60.0) < 1.0


def test_a_short_step_at_an_edge_and_a_new_place_do_not_confuse_it():
    steering = Steering(Axis(1, UP, DOWN))
    steering.target = -5.0
    assert steer(steering, 3.7, 1.05, 20)[-1] == 0.0
    steering.target = 30.0
    assert abs(steer(steering, 0.0, 1.05, 60)[-1] - 30.0) <= 1.05
    places = steer(steering, 70.0, 1.05, 80)  # set somewhere else
    assert abs(places[-1] - 30.0) <= 1.05
    assert len(set(places[-20:])) == 1


def test_keys_have_it_until_the_pointer_moves_again():
    steering = Steering(Axis(1, UP, DOWN))
    assert steering.action(frame((ME, 3.0, 40.0))) is None
    steering.target = 10.0
    assert steering.action(frame((ME, 3.0, 40.0))) == UP
    steering.release()
    assert steering.action(frame((ME, 3.0, 40.0))) is None
