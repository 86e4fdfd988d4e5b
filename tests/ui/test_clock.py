"""The clock keeps 60 ticks a second whatever sleeping and drawing cost. Time here is a number that tests move."""

import pytest

from games.core import TICKS_PER_SECOND
from ui.clock import MOST_DUE, Clock


class Time:
    """A time that passes when somebody sleeps, a little more than asked for, as it does."""

    def __init__(self, oversleep: float = 0.0):
        self.t, self.oversleep = 100.0, oversleep

    def now(self) -> float:
        return self.t

    def sleep(self, seconds: float) -> None:
        assert seconds > 0.0
        self.t += seconds + self.oversleep


def clock_and_time(oversleep: float = 0.0) -> tuple[Clock, Time]:
    time = Time(oversleep)
    return Clock(60, time.now, time.sleep), time


@pytest.mark.parametrize("oversleep", [0.0, 0.0004, 0.002])
def test_sixty_ticks_a_second_over_a_minute(oversleep):
    clock, time = clock_and_time(oversleep)
    ticks, work = 0, 0
    while time.t < 160.0:
        ticks += clock.wait()
        time.t += 0.001 * (work % 7)  # drawing takes 0 to 6 ms
        work += 1
    assert abs(ticks / (time.t - 100.0) - 60.0) < 0.05
    assert clock.dropped == 0


def test_slow_drawing_drops_frames_not_ticks():
    clock, time = clock_and_time()
    ticks = frames = 0
    while time.t < 110.0:
        ticks += clock.wait()
        frames += 1
        time.t += 0.040  # drawing takes longer than two ticks
    assert abs(ticks - 600) <= 3
    assert frames < 260


def test_a_long_stop_is_not_caught_up():
    clock, time = clock_and_time()
    clock.wait()
    time.t += 10.0  # the machine slept
    assert clock.wait() == MOST_DUE
    assert clock.dropped == 600 - MOST_DUE
    assert [clock.wait() for _ in range(5)] == [1] * 5


def test_the_window_has_the_games_rate():
    assert Clock().rate == TICKS_PER_SECOND
