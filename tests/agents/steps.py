"""A single gradient step of a DQN learner, without the decisions that go on beside it."""

from functools import partial


def gradient_step(learner):
    """From what is drawn; the temporal differences."""
    drawn = learner._draw()
    (error,), _ = learner._update([drawn], [partial(learner._valued, drawn)])
    return error
