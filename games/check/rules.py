"""The rules: legal actions, impossible actions, and rewards."""

import time

import numpy as np

from games import core
from games.check.compare import changed, fields
from games.check.definition import PLAYED, Failed, check, located
from games.check.play import DECISIONS, PLAIN_SECONDS, Play, pick, world_masks
from games.check.process import elsewhere, task
from games.engine.batch import RANDOM, RUNNING, Batch
from games.engine.loader import Game


@check("every seat asked may do something, and is asked in every episode", about="legal", calls=PLAYED)
def masks(game: Game) -> None:
    player = Play(game, ids=np.arange(8) * Play.KINDS, pictures=0)  # in these, every seat is the caller's
    batch = player.batch
    times = np.zeros(batch.asked.shape, np.int64)
    for decision in range(DECISIONS):
        masks = world_masks(batch)
        asked = batch.asked == 1
        if (masks > 1).any():
            raise Failed(f"legal writes {masks.max()}; a mask holds 0 and 1 (decision {decision})")
        stuck = np.argwhere(asked & (masks.sum(-1) == 0))
        if len(stuck):
            raise Failed(f"seat {stuck[0, 1]} is asked and may do nothing (decision {decision}, environment {stuck[0, 0]})")
        times += asked
        player.step()
        for env in np.flatnonzero(batch.end):
            if not times[env].all():
                what = f"seat {times[env].argmin()} is never asked in an episode (environment {env})"
                raise Failed(located(game, "asks", what))
            times[env] = 0


@task(plain=True)
def try_the_impossible(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """In plain Python, where an index that is too large raises: copies of one environment, each with other actions."""
    too_large = game.num_actions + len(game.hands)
    copies = 5  # copy 0 plays legal actions, 1 none, the others impossible ones
    batch = Batch(game, copies, 4, env_ids=np.zeros(copies, int), frame_skip=1)
    dice = np.random.default_rng(4)
    deadline = time.process_time() + PLAIN_SECONDS / 2
    count = 0
    while time.process_time() < deadline and count < 4 * DECISIONS:
        masks = world_masks(batch)
        actions = pick(masks, dice.random(masks.shape[:2]))
        actions[1], actions[2], actions[3] = -1, too_large, 99 + too_large
        actions[4] = forbidden(masks[4], dice, -1 if game.has_asks else 0)
        before = batch.states[1].copy()
        batch.step(actions, 1)
        for copy in range(2, copies):
            check_same_as_none(batch, copy, actions[copy])
        if game.turns and batch.end[1] == RUNNING:
            check_time_stands_still(before, batch.states[1])
        batch.states[:], batch.slots[:] = batch.states[0], batch.slots[0]
        count += 1
    check_finite(only_impossible(game))
    return {"count": np.array(count)}


def forbidden(masks: np.ndarray, dice: np.random.Generator, none: int) -> np.ndarray:
    """For each seat a random action that its mask forbids; `none` if the mask allows all."""
    choice = pick(1 - masks, dice.random(len(masks)))
    return np.where(masks.all(-1), none, choice)


def check_same_as_none(batch: Batch, copy: int, action: np.ndarray) -> None:
    """An impossible action does nothing: the state after it is the same as after action -1, which stands for no action."""
    ends = batch.end[copy], batch.end[1]
    states = batch.states if ends == (RUNNING, RUNNING) else batch.final
    differ = changed(states[copy], states[1])
    if ends[0] != ends[1] or differ or (batch.slots[copy]["reward"] != batch.slots[1]["reward"]).any():
        what = f"changes {', '.join(differ)}" if differ else "is rewarded or ends the game"
        kind = "masked or idle" if copy == 4 else "impossible"
        raise Failed(f"the {kind} actions {action.tolist()} are not treated as none: that {what} (tick {states[1]['tick']})")


def check_time_stands_still(before: np.void, after: np.void) -> None:
    """In a game of turns nothing but the tick changes while no seat acts."""
    for field in changed(before, after):
        if field != "tick":
            raise Failed(f"TURNS: the field {field} changes while a seat that is asked has not answered")


def only_impossible(game: Game) -> np.ndarray:
    """The states after play with impossible actions only, and with random actions of HANDS in the second environment."""
    batch = Batch(game, 2, 5)
    dice = np.random.default_rng(5)
    too_large = game.num_actions + len(game.hands)
    for _ in range(DECISIONS):
        actions = np.full(batch.asked.shape, too_large)
        if game.hands:
            batch.asked[1] = 1
            actions[1] = dice.integers(game.num_actions, too_large, game.players)
        batch.step(actions, 4)
    return batch.states


def check_finite(states: np.ndarray) -> None:
    """All floating-point fields are finite."""
    for field in fields(states):
        if states[field].dtype.kind == "f" and not np.isfinite(states[field]).all():
            raise Failed(f"the field {field} is not finite after impossible actions")


@check("an impossible action is treated as none", about="step", calls=("step", "legal"))
def impossible(game: Game) -> str:
    return f"{elsewhere(game, try_the_impossible)['count']} ticks"


SAMPLES = 40  # ticks of each kind, with a reward and without, that `add_rewards` repeats
BEFORE = 8.0  # value in `rewards` before such a step


@check(
    "rewards are finite, added to what is there, and those of two seats add up to 0 (or as REWARDS says) at every tick",
    about="step",
    calls=PLAYED,
)
def rewards(game: Game) -> str | None:
    bots = np.full((32, game.players), RANDOM)
    bots[8:16] = 0.5
    bots[16:24, -1] = 0.2
    batch = Batch(game, 32, 6, bots=bots)
    rewarded, unrewarded = [], []  # (state, actions) of ticks with and without a reward
    has_earned = np.zeros(game.players, bool)
    for tick in range(min(game.max_ticks, 6000)):
        before = batch.states.copy()
        batch.step(np.zeros(bots.shape, np.int64), 1)
        so_far = np.where(batch.end[:, None] == RUNNING, batch.slots["returns"], batch.returns)  # of the episode
        check_relation(game, so_far, tick)
        has_earned |= (batch.slots["reward"] != 0.0).any(0)
        for env, has_reward in enumerate((batch.slots["reward"] != 0.0).any(-1).tolist()):
            samples = rewarded if has_reward else unrewarded
            if len(samples) < SAMPLES:
                samples.append((before[env], batch.slots["acting"][env].copy()))
    if not has_earned.all():
        who = f"seat {has_earned.argmin()} never earns" if has_earned.any() else "nobody ever earns"
        raise Failed(f"{who} anything")
    states, actions = zip(*rewarded, *unrewarded, strict=True)
    elsewhere(game, add_rewards, np.stack(states).tobytes() + np.stack(actions).tobytes())
    notes = {"zero-sum": None, "shared": "both earn the same", "own": "each earns its own"}
    return notes[game.rewards] if game.players == 2 else "one seat"


def check_relation(game: Game, returns: np.ndarray, tick: int) -> None:
    """Returns [N, P] of the episodes so far are finite, and those of two seats are related as REWARDS says. tick: the last."""
    if not np.isfinite(returns).all():
        raise Failed(f"a reward is not finite at tick {tick}")
    if game.players == 1 or game.rewards == "own":
        return
    off = np.flatnonzero(abs(returns.sum(-1) if game.competitive else returns[:, 0] - returns[:, 1]) > 1e-9)
    if len(off):
        wanted = "not 0 in all" if game.competitive else 'not the same for both, as REWARDS = "shared" says'
        raise Failed(f"the returns are {returns[off[0]].tolist()} after tick {tick} (environment {off[0]}): {wanted}")


@task(plain=True)
def add_rewards(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """In plain Python: the same tick adds the same reward whether `rewards` holds 0 or something else before it."""
    count = len(given) // (game.state.itemsize + 8 * game.players)
    states = np.frombuffer(given, game.state, count)
    actions = np.frombuffer(given, np.int64, offset=count * game.state.itemsize).reshape(count, game.players)
    for k in range(count):
        added = []
        for before in (0.0, BEFORE):
            rewards, given_actions = np.full(game.players, before), actions[k].copy()
            arrays = given_actions.view(core.PlainArray), rewards.view(core.PlainArray)
            game.functions["step"](core.at(states[k : k + 1].copy(), 0), *arrays)
            added.append(rewards - before)
        for seat in np.flatnonzero(abs(added[0] - added[1]) > 1e-9)[:1]:
            raise Failed(
                f"step must add to rewards: with {BEFORE:g} in rewards[{seat}] it earns {added[1][seat]:g}, with 0 there "
                f"{added[0][seat]:g} (tick {states[k]['tick']}): write rewards[{seat}] += …"
            )
    return {"count": np.array(count)}
