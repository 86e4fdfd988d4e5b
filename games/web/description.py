"""A game in numbers and words for a page: its contract, the places of its fields in memory, and the looks of its roles.

A page draws with the renderer's own tables and moves with its own numbers: nothing of them is written a second time.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from games import core
from games.engine import constants
from games.engine.keys import direction_of, keys_of
from games.engine.loader import Game
from games.engine.players import BOTS
from games.render import motion, palette, renderer
from games.render.rules import rules
from games.web.hud import translate
from games.web.keys import codes_of

Fields = dict[str, tuple[int, str, int]]  # by name: offset in bytes, type, and how many of it


def describe(game: Game) -> dict[str, Any]:
    """All that a page knows of a game beside its module, as JSON has it."""
    return {
        "name": game.name,
        "heading": game.heading,
        "version": game.version,
        "digest": "" if game.shipped else game.digest,
        "rules": rules(game),
        "players": game.players,
        "seats": list(game.seats),
        "rewards": game.rewards,
        "turns": game.turns,
        "hasAsks": game.has_asks,
        "hasLegal": game.has_legal,
        "frameSkip": game.frame_skip,
        "maxTicks": game.max_ticks,
        "actions": game.actions,
        "hands": game.hands,
        "directions": [direction_of(action) for action in [*game.actions, *game.hands]],
        "keys": [_chords(game, seat) for seat in range(game.players)],
        "codes": codes_of(game),
        "spots": game.spots,
        "mirrored": game.mirror is not None,
        "swap": game.swap.tolist(),
        "shapes": game.shapes,
        "grid": game.grid,
        "world": game.world,
        "bots": BOTS,
        "hud": translate(game),
        "fields": {"state": fields_of(game.state), "slot": fields_of(game.kernel.SLOT), "frame": fields_of(game.frame_dtype())},
    }


def _chords(game: Game, seat: int) -> list[tuple[tuple[str, ...], int]]:
    """The keys of a seat: those that are held together, and the number of their action."""
    numbers = {name: number for number, name in enumerate([*game.actions, *game.hands])}
    return [(keys_of(name), numbers[action]) for name, action in game.keys[seat].items()]


def fields_of(dtype: np.dtype) -> Fields:
    """The places of a record's fields.

    >>> fields_of(np.dtype([("rng", "u8"), ("paddle", "f8", (2,))]))
    {'rng': (0, 'u8', 1), 'paddle': (8, 'f8', 2)}
    """
    found: Fields = {}
    for name, (kind, offset, *_) in (dtype.fields or {}).items():
        found[name] = (offset, kind.base.str[1:], int(np.prod(kind.shape, dtype=int)))
    return found


def look() -> dict[str, Any]:
    """The looks of pictures: the theme, and the numbers by which shapes are painted and moved (`games.render`)."""
    theme = renderer.DARK
    return {
        "colours": theme.colours,
        "top": theme.top,
        "bottom": theme.bottom,
        "looks": [asdict(each) for each in theme.looks],
        "palette": {name.lower(): value for name, value in vars(palette).items() if name.isupper()},
        "world": core.WORLD,
        "ticksPerSecond": core.TICKS_PER_SECOND,
        "roles": core.ROLES,
        "groove": renderer.GROOVE,
        "largestCoin": renderer.LARGEST_COIN,
        "letter": renderer.LETTER,
        "plainNumbers": renderer.PLAIN_NUMBERS,
        "steps": renderer.STEPS,
        "trail": motion.TRAIL,
        "jump": motion.JUMP,
        "glide": motion.GLIDE,
        "external": constants.EXTERNAL,
        "random": constants.RANDOM,
    }
