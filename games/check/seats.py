"""Two seats: what each does counts, each sees itself as ME, and a mirrored picture has mirrored actions."""

import numpy as np

from games import core
from games.check.definition import DRAWN, Failed, check, located
from games.check.play import DECISIONS, Play, display_lists, pick, world_masks
from games.engine.batch import Batch
from games.engine.loader import Game

SAMPLES = 48  # states in which actions are compared
OFTEN = 12  # of these; an action that does something in so many for one seat does so in one for the other
CLEAR = 0.05  # world units that a shape of ME must move for its direction to be plain
FACING = 4.0  # world units by which two seats that face each other may differ from exact mirror images

Samples = list[tuple[np.void, np.void]]  # a state, and the engine's record of it


@check("what each of two seats does counts, and each sees itself as ME", calls=DRAWN)
def seats(game: Game) -> str | None:
    if game.players == 1:
        return "one seat"
    samples = gather(game)
    check_counts(game, samples)
    check_sees_itself(game, samples)
    check_directions(game, samples)
    return note_on_mirror(game)


def gather(game: Game) -> Samples:
    """States of random play in which all seats are the caller's."""
    player = Play(game, ids=np.arange(8) * Play.KINDS, pictures=0)
    found: Samples = []
    for _ in range(DECISIONS):
        found += [(player.batch.states[env].copy(), player.batch.slots[env].copy()) for env in range(8)]
        player.step()
    return found[:: max(1, len(found) // SAMPLES)]


def after(game: Game, sample: tuple[np.void, np.void], actions: np.ndarray) -> Batch:
    """One copy of a state for each row of world actions [C, P], one decision later."""
    batch = Batch(game, len(actions), 9, env_ids=np.zeros(len(actions), int))
    batch.states[:], batch.slots[:] = sample
    batch.step(actions, game.frame_skip)
    return batch


def check_counts(game: Game, samples: Samples) -> None:
    """For each seat there is a state in which two of its legal actions lead to different states.

    In a game of turns there is one in every state in which the seat is asked. An action that often does something for one
    seat does something for the other too, if the seats are alike.
    """
    dice = np.random.default_rng(9)
    tried, counts = (np.zeros((game.players, game.num_actions), np.int64) for _ in range(2))
    matters = np.zeros(game.players, bool)
    for sample in samples:
        start = Batch(game, 1, 9)
        start.states[:], start.slots[:] = sample
        masks = world_masks(start)[0]
        chosen = pick(masks, dice.random(game.players))
        for seat in np.flatnonzero(sample[1]["asked"]).tolist():
            legal = np.flatnonzero(masks[seat])
            nothing, *states = states_after(game, sample, chosen, seat, legal)
            differs = np.array([state != nothing for state in states])
            matters[seat] |= len(set(states)) > 1
            tried[seat, legal] += 1
            counts[seat, legal] += differs
            if game.turns and not differs.any():
                what = f"seat {seat} is asked, but nothing that it may do changes anything (tick {sample[0]['tick']})"
                raise Failed(located(game, "asks", what))
    for seat in np.flatnonzero(~matters)[:1]:
        raise Failed(located(game, "step", f"what seat {seat} does changes nothing: does it read actions[{seat}]?"))
    if "SEATS" not in vars(game.module):
        often = game.swap if game.mirror else np.arange(game.num_actions)
        for seat, action in np.argwhere((counts == 0) & (tried >= OFTEN) & (counts[::-1, often] >= OFTEN))[:1].tolist():
            name = game.actions[action]
            what = f"{name!r} of seat {seat} changes nothing, that of seat {1 - seat} does: does it read actions[{seat}]?"
            raise Failed(located(game, "step", what))


def states_after(game: Game, sample: tuple[np.void, np.void], chosen: np.ndarray, seat: int, legal: np.ndarray) -> list[bytes]:
    """The states to which nothing (in games that do not wait, the first action) and each legal action of a seat lead."""
    actions = np.tile(chosen, (len(legal) + 1, 1))
    actions[:, seat] = [-1 if game.has_asks else 0, *legal]
    batch = after(game, sample, actions)
    return [state.tobytes() for state in np.where(batch.end > 0, batch.final, batch.states)]


def shown_as_me(game: Game, frame: np.void) -> list[tuple[float, ...]]:
    """The shapes and tiles that a frame shows as ME, sorted, in the world's coordinates: kind and numbers."""
    found = []
    for k in range(min(int(frame["count"]), len(frame["kind"]))):
        kind, code = int(frame["kind"][k]), int(frame["code"][k])
        if kind == core.GONE or code // 4 * 4 != core.ME:
            continue
        xy = frame["xy"][k].copy()
        if frame["flip"]:
            across = {core.RECT: (), core.DISC: (0,), core.LINE: (0, 2), core.TRIANGLE: (0, 2, 4), core.NUMBER: (0,)}[kind]
            xy[list(across)] = core.WORLD - xy[list(across)]
            if kind == core.RECT:
                xy[0] = core.WORLD - xy[0] - xy[2]
        found.append((kind, *np.round(xy, 6).tolist()))
    if game.grid:
        tiles = frame["grid"][:, ::-1] if frame["flip"] else frame["grid"]
        found += [(-1.0, *where) for where in np.argwhere(tiles // 4 * 4 == core.ME).tolist()]
    return sorted(found)


def pictures(game: Game, states: np.ndarray, seat: int) -> np.ndarray:
    """The display lists of a seat in these states, for agents."""
    batch = Batch(game, len(states), 9)
    batch.states[:] = states
    return display_lists(batch, np.arange(len(states)), np.full(len(states), seat))


def check_sees_itself(game: Game, samples: Samples) -> None:
    """Both seats do not see the same things as ME, wherever both see any."""
    states = np.array([state for state, _ in samples])
    shown = [[shown_as_me(game, frame) for frame in pictures(game, states, seat)] for seat in (0, 1)]
    both = [(first, second) for first, second in zip(*shown, strict=True) if first and second]
    if both and all(first == second for first, second in both):
        raise Failed(
            located(
                game,
                "draw",
                "both seats see the same as ME, so that one of them takes itself for the other: give ME to what belongs to "
                "`seat`, OTHER to what does not",
            )
        )


def centre(frame: np.void) -> float:
    """The x of what a frame shows as ME, in the picture, world units: the mean of its shapes' first corner or centre, or NaN.

    A rectangle's is its centre.
    """
    rows = [k for k in range(min(int(frame["count"]), len(frame["kind"]))) if frame["code"][k] // 4 * 4 == core.ME]
    widths = [frame["xy"][k][2] if frame["kind"][k] == core.RECT else 0.0 for k in rows]
    return float(np.mean(frame["xy"][rows, 0] + 0.5 * np.array(widths))) if rows else float("nan")


def check_directions(game: Game, samples: Samples) -> None:
    """An action that moves ME to the right in the picture of one seat does not move it to the left in that of the other."""
    if game.mirror is None:
        return
    if game.has_asks:
        return check_places(game, samples)
    moved = np.full((2, game.num_actions, len(samples)), np.nan)  # by seat, action of the picture, sample
    for k, sample in enumerate(samples):
        for seat in (0, 1):
            actions = np.zeros((game.num_actions, 2), np.int64)
            actions[:, seat] = game.swap if seat == 1 else np.arange(game.num_actions)
            batch = after(game, sample, actions)
            going_on = batch.end == 0
            places = np.array([centre(frame) for frame in pictures(game, batch.states, seat)])
            moved[seat, going_on, k] = (places - places[0])[going_on]
    for action, name in enumerate(game.actions):
        present = ~np.isnan(moved[:, action]).all(1)
        if not present.all():
            continue
        first, second = np.nanmean(moved[0, action]), np.nanmean(moved[1, action])
        if first * second < 0 and min(abs(first), abs(second)) > CLEAR:
            way = ("right", "left") if first > 0 else ("left", "right")
            raise Failed(
                f"MIRROR: {name!r} moves ME to the {way[0]} in seat 0's picture and to the {way[1]} in seat 1's, which is "
                f"flipped: MIRROR must pair it with its opposite"
            )


def check_places(game: Game, samples: Samples) -> None:
    """An action that puts ME at one place in the picture of one seat does not put it at the mirrored one in the other's."""
    places: dict[tuple[int, int], list[float]] = {}  # by seat and action of the picture: x of what is newly shown as ME
    for sample in samples:
        for seat in np.flatnonzero(sample[1]["asked"]).tolist():
            actions = np.full((game.num_actions, 2), -1)
            actions[:, seat] = game.swap if seat == 1 else np.arange(game.num_actions)
            batch = after(game, sample, actions)
            (start,) = pictures(game, np.array([sample[0]]), seat)
            before = rows_of_me(start)
            for action, frame in enumerate(pictures(game, batch.states, seat)):
                new = rows_of_me(frame) - before
                if new and batch.end[action] == 0:
                    places.setdefault((seat, action), []).append(float(np.mean([row[1] for row in new])))
    for action, name in enumerate(game.actions):
        first, second = places.get((0, action), []), places.get((1, action), [])
        if not (first and second) or np.ptp(first) > FACING or np.ptp(second) > FACING:
            continue
        x, y = np.mean(first), np.mean(second)
        if abs(x + y - core.WORLD) < FACING / 2 < abs(x - y):
            raise Failed(
                f"MIRROR: {name!r} puts ME at x = {x:.0f} in seat 0's picture and at x = {y:.0f} in seat 1's, which is "
                f"flipped: MIRROR must pair it with its opposite"
            )


def rows_of_me(frame: np.void) -> set[tuple[float, ...]]:
    """The shapes that a frame shows as ME: kind, x of the first corner or centre, y."""
    return {
        (float(frame["kind"][k]), *np.round(frame["xy"][k, :2], 6).tolist())
        for k in range(min(int(frame["count"]), len(frame["kind"])))
        if frame["kind"][k] != core.GONE and frame["code"][k] // 4 * 4 == core.ME
    }


def note_on_mirror(game: Game) -> str | None:
    """A remark on seats that face each other and see the world unflipped: one network then has both sides to learn."""
    if game.mirror is not None or "SEATS" in vars(game.module):
        return None
    batch = Batch(game, 16, 9)
    first, second = (np.array([centre(frame) for frame in pictures(game, batch.states, seat)]) for seat in (0, 1))
    if np.isnan([first, second]).any() or abs(first - second).min() < 10.0 or abs(first + second - core.WORLD).max() > FACING:
        return None
    return "the seats face each other, and both see the world as it is: with MIRROR one network learns one side only"
