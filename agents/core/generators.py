"""torch's random generators in checkpoints, of a CPU or a GPU."""

import hashlib

import torch
from torch import Tensor


def restore_generator(generator: torch.Generator, state: Tensor) -> bool:
    """Go on with a generator's state, `generator.get_state()` of before.

    False where that was on another kind of device, whose generator is another algorithm: then it is seeded by the state.
    """
    if state.shape == generator.get_state().shape:
        generator.set_state(state)
        return True
    digest = hashlib.sha256(state.numpy().tobytes()).digest()
    generator.manual_seed(int.from_bytes(digest[:7], "little"))
    return False
