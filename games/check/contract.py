"""What the game's file says, and whether anything can be played at all."""

import warnings

import numpy as np

from games import core
from games.check.play import DECISIONS, Play
from games.check.process import elsewhere, task
from games.check.promise import Failed, promise
from games.errors import nearest
from games.game import Game


@promise("names, keys and places are in order")
def contract(game: Game) -> str | None:
    """What can be said of a game without playing it."""
    if len(game.doc.splitlines()) < 3:
        raise Failed("the docstring needs three lines: rule, reward, end")
    every = [*game.actions, *game.hands]
    if len(set(every)) < len(every):
        raise Failed("ACTIONS and HANDS name an action twice")
    if len(game.seats) != game.players:
        raise Failed(f"SEATS holds {len(game.seats)} names; it needs {game.players}")
    mirrored = [action for pair in game.mirror or () for action in pair]
    if len(set(mirrored)) < len(mirrored):
        raise Failed("MIRROR names an action twice")
    if game.mirror is not None and game.players == 1:
        raise Failed("MIRROR is for games of two seats")
    if game.turns and not game.has_asks:
        raise Failed("TURNS needs the function asks")
    if not (1 <= game.frame_skip <= 60 and game.max_ticks >= game.frame_skip):
        raise Failed(f"FRAME_SKIP {game.frame_skip} is from 1 to 60, and MAX_TICKS no less")
    if game.hands and not game.has_asks:
        raise Failed("HANDS are for games with asks: elsewhere people and agents act alike")
    check_spots(game)
    return check_keys(game)


def check_spots(game: Game) -> None:
    """SPOTS: for each action a rectangle (left, top, width, height) of the world, or None."""
    if game.spots is None:
        return
    spots = dict(game.spots) if isinstance(game.spots, dict) else dict(zip(game.actions, game.spots, strict=False))
    if not isinstance(game.spots, dict) and len(game.spots) != game.num_actions:
        raise Failed(f"SPOTS holds {len(game.spots)} rectangles; ACTIONS has {game.num_actions}")
    for action, spot in spots.items():
        if action not in [*game.actions, *game.hands]:
            raise Failed(f"SPOTS names the action {action!r}, which ACTIONS does not have")
        if spot is None:
            continue
        x, y, w, h = spot
        if min(x, y) < 0 or min(w, h) <= 0 or max(x + w, y + h) > core.WORLD:
            raise Failed(f"the SPOT of {action!r}, {tuple(spot)}, does not lie in the world")


def check_keys(game: Game) -> str | None:
    """KEYS: names that Pygame knows; in turns two people may share them, at the same time they cannot."""
    used = [key for keys in game.keys for key in keys]
    for key in used:
        if used.count(key) > 1 and not game.turns:
            raise Failed(f"KEYS gives {key!r} to both seats")
    try:
        import pygame
    except ImportError:
        return "keys' names not looked at: Pygame is not installed"
    with warnings.catch_warnings():  # names are known before pygame.init, which it remarks on
        warnings.simplefilter("ignore")
        known = {pygame.key.name(getattr(pygame, name), use_compat=True) for name in dir(pygame) if name.startswith("K_")}
    for key in used:
        if key not in known:
            hint = nearest(key, {k for k in known if k.isalpha()}).split("Known")[0].strip()
            raise Failed(f"KEYS names the key {key!r}, which Pygame does not know. {hint}")
    return None


@task
def begin(game: Game, given: bytes) -> dict[str, np.ndarray]:
    return Play(game, pictures=0).go(DECISIONS // 4)


@promise("it compiles, begins and asks somebody", vital=True)
def begins(game: Game) -> None:
    """In a process of its own: a loop without an end, or an index out of range, would take this one with it."""
    elsewhere(game, begin)
