"""A person tries the keys: which action moves ME where, as their seat sees it."""

import numpy as np

from games.core import ME
from games.engine.batch import EXTERNAL, Batch
from games.engine.loader import Game
from games.engine.raster import OBJECT
from games.engine.view import View

PLACES = 8  # random beginnings in which each action is tried, since ME may stand at a wall
OPENING = 40  # ticks of random play before, at most
HELD = 6  # ticks for which an action is held


def shapes_of(game: Game, objects: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The shapes of observations [R, N]: roles [R, SHAPES] (0: absent), centres and sizes [R, SHAPES, 2] in world units."""
    shapes = objects[:, : game.shapes * OBJECT].reshape(len(objects), game.shapes, OBJECT)
    roles = np.rint(shapes[..., 1] * 32.0).astype(np.int64) // 4 * 4
    return roles, (shapes[..., 2:4].astype(np.float64) + 1.0) * 42.0, shapes[..., 4:6].astype(np.float64) * 84.0


def me_in(game: Game, objects: np.ndarray) -> np.ndarray:
    """The centre of ME in observations [R, N]: float64 [R, 2], NaN where it is absent."""
    roles, centres, _ = shapes_of(game, objects)
    found = roles == ME
    place = centres[np.arange(len(objects)), found.argmax(1)]
    place[~found.any(1)] = np.nan
    return place


def displacements(game: Game, seat: int) -> np.ndarray:
    """How each action, as the seat's view numbers it, moves ME: world units per tick, float64 [A, 2] (x, y)."""
    said = game.people.get("moves") if game.people else None
    if said:
        return np.array([said.get(action, (0.0, 0.0)) for action in game.actions], np.float64)
    count = game.num_actions * PLACES
    batch = Batch(
        game, count, seed=1, bots=EXTERNAL, frame_skip=1, opening=(0, OPENING), env_ids=np.arange(count) % PLACES
    )  # fmt: skip
    rows = np.stack([np.arange(count), np.full(count, seat)], 1)
    view = View(batch, rows, "objects", stack=1)
    actions = np.zeros((count, game.players), np.int64)
    for _ in range(OPENING + 1):
        batch.step(actions, 1)
    view.act(np.arange(count) // PLACES, actions)
    before, episode = me_in(game, view.paint(batch.states, view.envs, view.seats)), batch.episode.copy()
    for _ in range(HELD):
        batch.step(actions, 1)
    moved = (me_in(game, view.paint(batch.states, view.envs, view.seats)) - before) / HELD
    moved[(batch.episode != episode) | np.isnan(moved).any(1)] = 0.0
    batch.close()
    moved = moved.reshape(game.num_actions, PLACES, 2)
    furthest = np.hypot(moved[..., 0], moved[..., 1]).argmax(1)
    return moved[np.arange(game.num_actions), furthest]
