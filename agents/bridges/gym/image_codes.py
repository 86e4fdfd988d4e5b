"""Tells images of codes from images of brightness: MiniGrid's bytes are kinds of objects, 0 to 10, in a space up to 255."""

from typing import TYPE_CHECKING

import numpy as np

from agents.bridges.gym.copies import LocalCopies
from agents.bridges.gym.image_layout import MEDIUM, MOST_CODES

if TYPE_CHECKING:
    from agents.bridges.gym.environment import GymEnvironment

OBSERVATIONS = 300  # of random play to look at


def count_codes(game: "GymEnvironment") -> int:
    """The number of codes in a game's images, for the setting `codes`; 0 if they are brightness.

    Where the space has few values, their number. Else small images are looked at in random play: if all bytes stay below 32,
    they are codes. Their number is then rounded up to a power of two, for codes that random play does not meet.
    """
    adapter = game.adapter
    if adapter.declared_codes or not adapter.images:
        return adapter.declared_codes
    wide = any(layout.scale == 1 and layout.values != 2 for layout in adapter.images.values())
    if not wide or min(adapter.sides) >= MEDIUM:
        return 0
    greatest = _greatest_byte(game)
    return 1 << int(greatest).bit_length() if 0 < greatest < MOST_CODES else 0


def _greatest_byte(game: "GymEnvironment") -> int:
    """The greatest byte in the images of random play, at least 32 as soon as one is; 0 if the environment fails."""
    rng, greatest = np.random.default_rng(0), 0
    row = np.array([0])
    try:
        copies = LocalCopies(game.maker, 1)
        try:
            seen = copies.begin(0)
            for _ in range(OBSERVATIONS):
                greatest = max(greatest, int(game.adapter.frames(seen.observations, "planes", 0).max()))
                if greatest >= MOST_CODES:
                    break
                masks = game.masks.shown(seen)
                action = rng.integers(game.num_actions) if masks is None else rng.choice(np.flatnonzero(masks[0]))
                seen = copies.step([game.actions.to_env(action)])
                if seen.terminated[0] or seen.truncated[0]:
                    seen = copies.reset(row)
        finally:
            copies.close()
    except Exception:  # training meets the failure too, and tells of it
        return 0
    return greatest
