"""The game's bot against random play, against itself and against a bot of higher skill."""

from typing import Any

import numpy as np

from games.check.definition import PLAYED, Failed, check
from games.check.play import every_row
from games.engine.batch import OVER, RANDOM, RUNNING, Batch
from games.engine.loader import Game

MIRROR_GAMES = 2000  # games of the bot against itself
BOT_GAMES = 300  # games of the bot against random play
CHOICE_ENVS, CHOICE_TICKS = 24, 400  # of play in which each choice of the bot is looked at
SIGMAS = 3.0  # a difference must exceed so many standard errors


def episodes(game: Game, bots: Any, count: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Play one episode in each of `count` environments with scripted seats: their returns [count, P] and ends [count]."""
    batch = Batch(game, count, seed, bots=bots, threads=2)
    returns = np.zeros((count, game.players))
    end = np.zeros(count, np.uint8)
    numbers = np.arange(count)
    while len(numbers):
        batch.step(np.zeros((len(batch.states), game.players), np.int64))
        done = batch.end != RUNNING
        if not done.any():
            continue
        first = done & (batch.episode == 1) & (end[numbers] == RUNNING)
        returns[numbers[first]], end[numbers[first]] = batch.returns[first], batch.end[first]
        left = end[numbers] == RUNNING
        if left.sum() <= len(numbers) // 2:
            batch.close()
            batch, numbers = shrink(batch, left), numbers[left]
    return returns, end


def shrink(batch: Batch, keep: np.ndarray) -> Batch:
    """A smaller batch with the environments of `batch` that `keep` marks."""
    if not keep.any():
        return batch
    smaller = Batch(batch.game, int(keep.sum()), batch.seed, env_ids=batch.env_ids[keep], threads=2)
    smaller.states[:], smaller.slots[:] = batch.states[keep], batch.slots[keep]
    return smaller


def duel(game: Game, skill: float, rival: float, seat: int, count: int) -> tuple[int, int, int]:
    """Games that a bot of this skill, in this seat, wins, loses and draws against a rival's skill."""
    bots = np.full(2, rival)
    bots[seat] = skill
    returns, _ = episodes(game, bots, count)
    ahead = returns[:, seat] - returns[:, 1 - seat]
    return int((ahead > 0).sum()), int((ahead < 0).sum()), int((ahead == 0).sum())


def check_choices(game: Game) -> None:
    """The bot of any skill chooses legal actions, in whole episodes against itself and random play."""
    bots = np.full((CHOICE_ENVS, game.players), RANDOM)
    for k, skill in enumerate((0.0, 0.5, 1.0)):
        bots[k::6, 0] = skill
        bots[k::4, -1] = skill
    batch = Batch(game, CHOICE_ENVS, 8, bots=bots)
    decided = batch.slots["decisions"] > 0
    for _ in range(CHOICE_TICKS):
        slots = batch.slots.copy()
        slots["asked"] = 1  # else it has no mask
        envs, seats = every_row(CHOICE_ENVS, range(game.players))
        masks = np.zeros((len(envs), game.num_actions), np.uint8)
        batch.kernel.mask_slice(0, len(envs), batch.states, slots, envs, seats, masks)
        for row in np.flatnonzero((decided & (bots >= 0.0)).reshape(-1)):
            action = int(slots["held"].reshape(-1)[row])
            if not 0 <= action < game.num_actions or not masks[row, action]:
                skill, seat = bots.reshape(-1)[row], seats[row]
                what = f"the bot of skill {skill} plays {action} for seat {seat}, which is not legal"
                raise Failed(f"{what} (tick {batch.states['tick'][envs[row]]})")
        batch.step(np.zeros(bots.shape, np.int64), 1)
        before, now = slots["decisions"], batch.slots["decisions"]
        decided = (now != before) & (now > 0)


def lead(won: int, lost: int) -> float:
    """The number of wins minus losses, in standard errors."""
    return (won - lost) / max(won + lost, 1) ** 0.5


@check("the bot beats chance in every seat, and is no worse for more skill", about="bot", calls=PLAYED)
def bot(game: Game) -> str:
    check_choices(game)
    if not game.competitive:
        return " and ".join(better_returns(game, seat) for seat in range(game.players))
    notes = []
    for seat, name in enumerate(game.seats):
        won, lost, drawn = duel(game, 0.5, RANDOM, seat, BOT_GAMES)
        if lead(won, lost) <= SIGMAS:
            raise Failed(f"as {name}, the bot wins {won} and loses {lost} of {BOT_GAMES} against chance ({drawn} draws)")
        notes.append(f"{won} : {lost}{f', {drawn} draws' if drawn else ''}")
        won, lost, _ = duel(game, 1.0, 0.0, seat, BOT_GAMES)
        if "SEATS" not in vars(game.module) and lead(won, lost) < -SIGMAS:
            raise Failed(f"as {name}, skill 1 wins {won} and loses {lost} of {BOT_GAMES} against skill 0")
    return " and ".join(notes) + " against chance"


def better_returns(game: Game, seat: int) -> str:
    """The check `bot` where nobody wins: mean returns of a seat, the other one the bot's, differ by three standard errors."""
    mean, error = {}, {}
    for skill in (RANDOM, 0.0, 0.5, 1.0):
        bots = np.full(game.players, 0.5)
        bots[seat] = skill
        returns = episodes(game, bots, BOT_GAMES)[0][:, seat]
        mean[skill], error[skill] = returns.mean(), returns.std() / np.sqrt(BOT_GAMES)
    name = f"as {game.seats[seat]}, " if game.players == 2 else ""
    if mean[0.5] - mean[RANDOM] <= SIGMAS * np.hypot(error[0.5], error[RANDOM]):
        raise Failed(f"{name}the bot's mean return is {mean[0.5]:.2f}, that of chance {mean[RANDOM]:.2f}")
    if mean[0.0] - mean[1.0] > SIGMAS * np.hypot(error[0.0], error[1.0]):
        raise Failed(f"{name}skill 1 returns {mean[1.0]:.2f}, skill 0 {mean[0.0]:.2f}")
    return f"{name}mean return {mean[0.5]:.2f}, chance {mean[RANDOM]:.2f}"


@check("the bot does equally well in both seats", about="bot", calls=PLAYED)
def fair(game: Game) -> str:
    if game.players == 1:
        return "one seat"
    if game.rewards == "shared":
        return "both seats earn the same"
    if not game.competitive:
        return equal_returns(game)
    won, lost, drawn = duel(game, 0.5, 0.5, 0, MIRROR_GAMES)
    if abs(lead(won, lost)) <= SIGMAS:
        return f"{won} : {lost}, {drawn} draws"
    score = f"wins {won} as {game.seats[0]} and {lost} as {game.seats[1]} ({drawn} draws)"
    if "SEATS" not in vars(game.module):
        raise Failed(f"the bot against itself {score}")
    won, lost, drawn = duel(game, RANDOM, RANDOM, 0, MIRROR_GAMES)
    random = f"random play wins {won} : {lost} ({drawn} draws)"
    if game.mirror is not None and won + lost >= MIRROR_GAMES // 10 and abs(lead(won, lost)) <= SIGMAS:
        raise Failed(f"the bot against itself {score}, though the seats are alike: they share a MIRROR, and {random}")
    return f"SEATS are taken for unlike: the bot {score}, {random}"


def equal_returns(game: Game) -> str:
    """The check `fair` where each seat earns its own: mean returns of the same games differ by less than three errors."""
    returns, _ = episodes(game, 0.5, MIRROR_GAMES)
    ahead, (first, second) = returns[:, 0] - returns[:, 1], returns.mean(0)
    score = f"mean return is {first:.2f} as {game.seats[0]} and {second:.2f} as {game.seats[1]}"
    if abs(ahead.mean()) <= SIGMAS * ahead.std() / np.sqrt(MIRROR_GAMES):
        return f"mean return {first:.2f} : {second:.2f}"
    if "SEATS" not in vars(game.module):
        raise Failed(f"beside itself the bot's {score}")
    return f"SEATS are taken for unlike: the bot's {score}"


@check("episodes end by the rules", about="step", calls=PLAYED)
def ends(game: Game) -> str:
    """Where one of two seats wins, at least half of the bot's games against itself; else some of the bot's or of chance's."""
    _, end = episodes(game, 0.5, BOT_GAMES)
    over = float((end == OVER).mean())
    why = f"step must set s.over, and MAX_TICKS, which is {game.max_ticks:,}, leave time for it"
    if game.competitive and over < 0.5:
        raise Failed(f"{1 - over:.0%} of the bot's games against itself run out of time: {why}")
    if over == 0.0 and not (episodes(game, RANDOM, BOT_GAMES)[1] == OVER).any():
        raise Failed(f"no episode ends by the rules, of the bot's or of chance's: {why}")
    return f"{over:.0%} of the bot's"
