"""Secrets, which a seat cannot know: no picture tells them, and neither the bot nor `legal` goes by one.

Two things are secret in every game. A choice that waits for the other seat's is the chooser's own until both have chosen.
And a random number that has left no trace in any picture of a seat, since the episode began, is unknown to that seat.
What else is hidden, a game's file does not say: how far a seat sees in a fog, for one, is for its author to look at.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from games import core
from games.check.definition import DRAWN, Failed, check, located
from games.check.play import Play, display_lists, every_row, pick, world_masks
from games.check.process import elsewhere, task
from games.engine.batch import RUNNING, Batch
from games.engine.loader import Game

CHOICE_SECONDS, DRAW_SECONDS = 0.5, 1.0  # of computing, at most, for each of the two secrets
WAIT = 300  # ticks; a seat that is not asked again within them, while the other does nothing, waits for the other
TICKS = 40  # of an episode in which a random number is another one
SOON = 8  # ticks: what a picture tells so soon is no secret; a ball's direction, before it has moved
SKILLS = (0.5, 1.0)
ENVS = 6  # environments


@check("no seat is shown what it cannot know, and neither bot nor legal goes by it", about="draw", calls=DRAWN)
def secrets(game: Game) -> str | None:
    check_equal_sight(game)
    found = elsewhere(game, look_for_secrets)
    if game.players == 1:
        return f"{found['numbers']} random numbers"
    return f"{found['numbers']} random numbers, {found['choices']} choices that wait for the other's"


def check_equal_sight(game: Game) -> None:
    """Of two seats that are alike, none sees at all times what a spectator sees while the other does not.

    Where a camera follows somebody, every picture shows what is near, a spectator's too.
    """
    if game.players == 1 or "SEATS" in vars(game.module):
        return
    player = Play(game, ids=np.arange(ENVS) * Play.KINDS, pictures=0)
    envs, seats = every_row(ENVS, range(-1, 2))
    counts = []
    for _ in range(100):
        frames = display_lists(player.batch, envs, seats)
        if frames["cameras"].any():
            return
        shapes = [np.count_nonzero(frame["kind"][: frame["count"]]) + np.count_nonzero(frame["grid"]) for frame in frames]
        counts.append(np.array(shapes).reshape(ENVS, 3))
        player.step()
    less = np.concatenate(counts)[:, 1:] < np.concatenate(counts)[:, :1]  # than a spectator: [samples, seats]
    for seat in (0, 1):
        if not less[:, seat].any() and less[:, 1 - seat].mean() > 0.25:
            raise Failed(
                f"seat {seat} is always shown all that a spectator sees, seat {1 - seat} is not: who shall see all is -1"
            )


@task(plain=True)
def look_for_secrets(game: Game, given: bytes) -> dict[str, np.ndarray]:
    return {"choices": np.array(look_for_choices(game)), "numbers": np.array(look_for_numbers(game))}


def pictures(batch: Batch, seat: int, people: bool = False) -> list[bytes]:
    """The picture of a seat in each environment, as bytes."""
    frames = display_lists(batch, np.arange(batch.num_envs), np.full(batch.num_envs, seat), people)
    return [
        b"".join(frame[name][: frame["count"]].tobytes() for name in ("kind", "code", "xy")) + frame["grid"].tobytes()
        for frame in frames
    ]


def decisions(batch: Batch, seat: int) -> list[tuple[float, ...]]:
    """The bot's actions in each environment, one for each skill."""
    bot = batch.game.functions["bot"]
    return [tuple(float(bot(core.at(batch.states, env), seat, skill)) for skill in SKILLS) for env in range(batch.num_envs)]


# --- a choice that waits for the other's ------------------------------------------------------------------------------


def look_for_choices(game: Game) -> int:
    """The number of choices that were tried; `Failed` where the other seat is told of one before it has chosen."""
    if game.players == 1 or not game.has_asks:
        return 0
    batch, dice = Batch(game, 1, 12), np.random.default_rng(12)
    tried, until = 0, time.process_time() + CHOICE_SECONDS
    while time.process_time() < until:
        masks = world_masks(batch)
        for chooser in (0, 1) if batch.asked[0].all() else ():
            tried += try_choices(batch, chooser, np.flatnonzero(masks[0, chooser]))
        batch.step(pick(masks, dice.random(masks.shape[:2])))
    return tried


def try_choices(start: Batch, chooser: int, actions: np.ndarray) -> int:
    """Let a seat choose each of these actions while the other does nothing; returns how many then wait for the other."""
    game, other = start.game, 1 - chooser
    batch = Batch(game, len(actions), 12, env_ids=np.zeros(len(actions), int))
    batch.states[:], batch.slots[:] = start.states[0], start.slots[0]
    chosen = np.full((len(actions), 2), -1)
    chosen[:, chooser] = actions
    batch.step(chosen, 1)
    waits = (batch.end == RUNNING) & (batch.asked[:, chooser] == 0) & (batch.asked[:, other] == 1)
    if waits.sum() < 2:
        return 0
    told = [pictures(batch, other), pictures(batch, other, True)]
    masks, bots = [mask[other].tobytes() for mask in world_masks(batch)], decisions(batch, other)
    for _ in range(0 if game.turns else WAIT):
        batch.step(np.full((len(actions), 2), -1), 1)
        waits &= (batch.end == RUNNING) & (batch.asked[:, chooser] == 0)
    first, *later = np.flatnonzero(waits).tolist() or [0]
    for env in later:
        names = f"{game.actions[actions[first]]!r} or {game.actions[actions[env]]!r}"
        what = f"has chosen {names}, before seat {other} has chosen too: a choice that waits for the other's is secret"
        if any(shown[env] != shown[first] for shown in told):
            raise Failed(located(game, "draw", f"the picture of seat {other} tells whether seat {chooser} {what}"))
        if masks[env] != masks[first]:
            raise Failed(located(game, "legal", f"what seat {other} may do tells whether seat {chooser} {what}"))
        if bots[env] != bots[first]:
            raise Failed(located(game, "bot", f"as seat {other} it knows whether seat {chooser} {what}"))
    return len(later) + 1 if later else 0


# --- a random number that no picture has told -------------------------------------------------------------------------


@dataclass
class Moment:
    """One tick of an episode: what both seats know, and the rest."""

    states: np.ndarray  # [1]
    asked: np.ndarray  # uint8 [P]
    rewards: bytes
    pictures: list[bytes]  # of each seat
    masks: list[bytes]
    actions: np.ndarray  # that are played then, [1, P]

    def same(self, other: "Moment", seat: int) -> bool:
        """Whether a seat sees no difference; and the random stream is the same, on which the bot's `noise` depends."""
        seen = (self.asked.tobytes(), self.rewards, self.pictures[seat], int(self.states["rng"][0]))
        return seen == (other.asked.tobytes(), other.rewards, other.pictures[seat], int(other.states["rng"][0]))

    def bot(self, game: Game, seat: int, skill: float) -> float:
        return float(game.functions["bot"](core.at(self.states, 0), seat, skill))


def look_for_numbers(game: Game) -> int:
    """How many random numbers were made others; `Failed` where the bot or `legal` goes by one that no picture has told."""
    tried, until = 0, time.process_time() + DRAW_SECONDS
    for env in range(ENVS):
        drawn: list[float] = []
        original = list(moments(game, env, drawn))
        for changed in range(len(drawn)):
            if time.process_time() > until:
                return tried
            other = []
            for moment in moments(game, env, [], (changed, np.random.default_rng([changed, env]).random()), original):
                other.append(moment)
                if not any(moment.same(original[len(other) - 1], seat) for seat in range(game.players)):
                    break
            compare(game, original, other)
            tried += 1
    return tried


def moments(
    game: Game, env: int, drawn: list[float], other: tuple[int, float] = (-1, 0.0), replay: list[Moment] | None = None
) -> Iterator[Moment]:
    """The moments of an episode's beginning.

    drawn: to which its random numbers are added. other: the place of the one that is another, and its value. replay: the
    episode whose actions are played; by default, actions are random.
    """
    module = vars(game.module)
    names = [name for name, value in module.items() if value is core.uniform]

    def uniform(s: Any) -> float:
        number = core.uniform(s)
        drawn.append(other[1] if len(drawn) == other[0] else number)
        return drawn[-1]

    module.update(dict.fromkeys(names, uniform))
    try:
        batch, dice = Batch(game, 1, 13, env_ids=[env], frame_skip=1), np.random.default_rng(13)
        for tick in range(TICKS if replay is None else len(replay)):
            masks = world_masks(batch)
            actions = pick(masks, dice.random(masks.shape[:2])) if replay is None else replay[tick].actions
            seats = range(game.players)
            yield Moment(
                states=batch.states.copy(),
                asked=batch.asked[0].copy(),
                rewards=batch.slots["reward"].tobytes(),
                pictures=[pictures(batch, seat)[0] for seat in seats],
                masks=[masks[0, seat].tobytes() for seat in seats],
                actions=actions,
            )
            batch.step(actions, 1)
            if batch.end[0] != RUNNING:
                return
    finally:
        module.update(dict.fromkeys(names, core.uniform))


def compare(game: Game, original: list[Moment], other: list[Moment]) -> None:
    """`Failed` if the bot or `legal` tells two episodes apart whose pictures are the same to a seat, until a while later."""
    later = 0 if game.turns else SOON
    pairs = list(zip(original, other, strict=False))
    for seat in range(game.players):
        same = next((tick for tick, (a, b) in enumerate(pairs) if not a.same(b, seat)), len(pairs))
        for tick, (a, b) in enumerate(pairs[: max(0, same - later)]):
            what = f"a random number that no picture has told seat {seat} (tick {tick})"
            if a.masks[seat] != b.masks[seat]:
                raise Failed(located(game, "legal", f"what seat {seat} may do depends on {what}"))
            differs = a.states.tobytes() != b.states.tobytes()
            if differs and a.asked[seat] and any(a.bot(game, seat, skill) != b.bot(game, seat, skill) for skill in SKILLS):
                raise Failed(located(game, "bot", f"it goes by {what}: it must know no more than its seat"))
