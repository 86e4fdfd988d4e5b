"""A single gradient step of a DQN learner, without the decisions that go on beside it."""


def gradient_step(learner):
    """From what is drawn; the temporal differences."""
    (error,), _ = learner._update([learner.builder.build([learner._sample()])])
    return error
