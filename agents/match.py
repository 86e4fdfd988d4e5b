"""Who sits where, and games between them in one batch: evaluation, and `play.py --headless`."""

import math
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.info import AgentInfo, peek
from agents.words import command
from games.batch import EXTERNAL, OVER, RANDOM, RUNNING, Batch
from games.errors import UserError, nearest
from games.game import Game

if TYPE_CHECKING:  # torch loads with the first agent, not before a window stands
    from agents.policy import Decider

PICKLED = ".zip"  # what Stable-Baselines3 saves: opening one runs whatever code is in it
SCRIPTED = re.compile(r"random$|bot$|bot:")  # seats that need no agent
SEATS = ("human", "bot", "bot:SKILL", "random", "PATH of an agent or a run")
ZOO = Path(__file__).parent / "zoo"
OPENING = (2, 4)  # random plies before a game of turns begins: fewest and most
TOGETHER = 250  # games that run at once


@dataclass
class Participant:
    """One who plays: a person, a scripted player or an agent."""

    name: str  # as named on the command line
    bot: float = EXTERNAL  # RANDOM, or the skill of the game's bot
    agent: "Decider | None" = None

    @property
    def human(self) -> bool:
        return self.bot == EXTERNAL and self.agent is None


def participant(text: str, game: Game, device: str = "cpu", trusted: dict[str, str] | None = None) -> Participant:
    """Read `human`, `bot`, `bot:0.8`, `random`, or the path of an agent's file or a run's folder.

    trusted: the user trusts files of Stable-Baselines3's, in which code may be hidden, and this is what they say that a
    bare one sees (`agents.sb3.agent.TOLD`). None: they are refused unopened.
    """
    if text == "human":
        return Participant("human")
    if text == "random":
        return Participant("random", RANDOM)
    if SCRIPTED.match(text):
        return Participant(text, _skill(text))
    path = agent_file(text, trusted is not None)
    if path.suffix != PICKLED:
        from agents.policy import Agent  # torch loads here

        return Participant(text, agent=Agent.load(path, game, device))
    from agents.sb3 import agent  # Stable-Baselines3 loads here

    return Participant(text, agent=agent.load(path, game, trusted or {}, device))


def agent_file(text: str, trusted: bool = False) -> Path:
    """The file of the agent that a path names; `UserError` where there is none, or it is one that only trust may open."""
    path = file_of(text)
    if Path(text).is_dir() and not path.exists():
        again = command(["python", "train.py", "--resume", text])
        raise UserError(f"The run {text} holds no agent yet.\nGo on with it: {again}")
    if not path.exists():
        known = [seat for seat in SEATS if seat.islower()]
        raise UserError(f"There is no seat and no file '{text}'.\n{nearest(text, known)}\nOr the path of an agent or a run.")
    if path.suffix == PICKLED and not trusted:
        raise UserError(
            f"{path} is an agent of Stable-Baselines3's, and opening it runs whatever code is in it (its issue #2281).\n"
            f"It was not opened. If you trust where it comes from: python play.py … {text} --trust-pickle"
        )
    return path


def file_of(text: str) -> Path:
    """The agent's file that a path names: itself, or the agent of a run's folder."""
    path = Path(text)
    if not path.is_dir():
        return path
    ours, theirs = path / "agent.safetensors", path / f"agent{PICKLED}"
    return theirs if theirs.exists() and not ours.exists() else ours


def _skill(text: str) -> float:
    try:
        skill = 0.5 if text == "bot" else float(text[4:])
    except ValueError:
        skill = math.nan
    if not 0.0 <= skill <= 1.0:
        raise UserError(f"'{text}' names no bot: its skill is a number from 0 to 1, as in bot:0.8.")
    return skill


def folder_of(runs: Path, game: Game) -> Path:
    """Where the runs of a game are kept: `runs/pong`, `runs/gym-MinAtar-Breakout-v1`."""
    return runs / re.sub(r"[^\w.-]", "-", game.name)


def best_at_hand(game: Game, runs: Path) -> str:
    """The best agent for a game among those that ship and those in `runs`: its path, else `bot`."""
    ranked = []
    for path in [*sorted((ZOO / game.name).glob("*.safetensors")), *sorted(folder_of(runs, game).glob("*/agent.safetensors"))]:
        try:
            info = peek(path)
        except UserError:
            continue
        digest = None if game.shipped else game.digest
        if (info.game, info.game_version, info.game_digest) == (game.name, game.version, digest) and _known(info):
            ranked.append((info.rating is not None, _lowest(info) if info.rating is None else info.rating, str(path)))
    return max(ranked)[2] if ranked else "bot"


def _known(info: AgentInfo) -> bool:
    """Can its network be made here?"""
    if not info.settings.network_digest:
        return True
    from agents import own  # torch loads here

    return own.known(info.settings)


def _lowest(info: AgentInfo) -> float:
    """What its latest evaluation says that an agent reaches at least."""
    interval = info.score.get("interval") or info.score.get("return_interval")
    low = interval[0] if isinstance(interval, list) and interval else None
    return float(low) if isinstance(low, (int, float)) and math.isfinite(low) else -math.inf


# --- intervals ------------------------------------------------------------------------------------------------------


def wilson(score: float, games: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927); `score` is wins plus half of the draws.

    >>> [round(x, 3) for x in wilson(8, 10)]
    [0.49, 0.943]
    """
    rate, square = score / games, z * z / games
    middle = rate + square / 2
    spread = z * math.sqrt(rate * (1 - rate) / games + square / games / 4)
    return (middle - spread) / (1 + square), (middle + spread) / (1 + square)


@dataclass
class Result:
    """What a match came to, of the first participant's view."""

    game: str
    seats: list[str]  # participants, in the order named
    returns: np.ndarray  # [games, participants]
    cut: int  # games that ran out of time
    steps_per_second: float  # decisions of all participants

    @property
    def games(self) -> int:
        return len(self.returns)

    @property
    def score(self) -> float:
        """What training maximises and the best is chosen by: the win rate, or with one seat the mean return."""
        return self.summary()["win_rate" if len(self.seats) == 2 else "mean_return"]

    def summary(self) -> dict[str, Any]:
        """The JSON object that `play.py --headless --json` prints."""
        common = {"game": self.game, "seats": self.seats, "games": self.games}
        if len(self.seats) == 1:
            mean, std = float(self.returns.mean()), float(self.returns.std(ddof=1)) if self.games > 1 else 0.0
            half = 1.96 * std / math.sqrt(self.games)
            result = {"mean_return": mean, "std_return": std, "return_interval": [mean - half, mean + half]}
        else:
            wins = [int((self.returns[:, k] > self.returns[:, 1 - k]).sum()) for k in range(2)]
            draws = self.games - sum(wins)
            rate = (wins[0] + draws / 2) / self.games
            result = {
                "wins": wins,
                "draws": draws,
                "win_rate": rate,
                "interval": list(wilson(wins[0] + draws / 2, self.games)),
                "mean_return": [float(mean) for mean in self.returns.mean(0)],
            }
        return {**common, **result, "steps_per_second": round(self.steps_per_second)}


# --- matches --------------------------------------------------------------------------------------------------------


def play(game: Game, participants: list[Participant], games: int, seed: int, levels: Any = None, threads: int = 1) -> Result:
    """Play `games` games, the seats exchanged in every second one, and each of a pair from the same beginning."""
    if any(one.human for one in participants):
        raise UserError("A person cannot sit in a match without a window.\nSeats for one: bot, bot:0.8, random, or an agent.")
    if len(participants) != game.players:
        raise UserError(f"{game.heading} has {game.players} seat{'s'[: game.players - 1]}, not {len(participants)}.")
    if games < 1:
        raise UserError(f"A match needs one game at least, not {games}.")
    if hasattr(game, "play"):  # an environment that is not ours
        return game.play(participants, games, seed)
    began, decisions, returns, cut = time.perf_counter(), 0, [], 0
    first = 0  # of the environments' numbers
    while first < games:
        count = min(games - first, TOGETHER)
        quota = max(1, min(4, (games - first) // count))
        part = Table(game, participants, count, quota, seed, first, levels, threads)
        part.play()
        returns.append(part.returns)
        decisions, cut = decisions + part.decisions, cut + part.cut
        first += count * quota
    elapsed = time.perf_counter() - began
    return Result(game.name, [one.name for one in participants], np.concatenate(returns), cut, decisions / elapsed)


class Table:
    """`count` environments in which the participants play `quota` games each."""

    def __init__(self, game, participants, count, quota, seed, first, levels, threads):
        self.count, self.quota = count, quota
        # Environments 2k and 2k + 1 play the same episodes with the seats exchanged.
        self.order = np.array([[(k + i) % game.players for k in range(game.players)] for i in range(count)])  # seat of each
        ids = first + np.arange(count) // game.players
        opening = OPENING if game.turns else (0, 0)
        self.batch = Batch(game, count, seed, opening=opening, levels=levels, env_ids=ids, threads=threads)
        self.players = []
        for k, one in enumerate(participants):
            self.batch.bots[np.arange(count), self.order[:, k]] = one.bot
            if one.agent is not None:
                rows = np.stack([np.arange(count), self.order[:, k]], 1)
                self.players.append(one.agent.player(self.batch, rows))
        self.batch.reset()
        self.returns = np.zeros((0, game.players))
        self.decisions, self.cut = 0, 0

    def play(self) -> None:
        """Play on until every environment has played its games."""
        batch, done = self.batch, np.zeros(self.count, np.int64)
        actions = np.zeros(batch.rewards.shape, np.int64)
        collected: list[list[np.ndarray]] = [[] for _ in range(self.count)]
        while True:
            for player in self.players:
                player.act(actions)
            self.decisions += int(batch.asked[done < self.quota].sum()) if self.players else self.count
            batch.step(actions)
            for env in np.flatnonzero((batch.end != RUNNING) & (done < self.quota)):
                collected[env].append(batch.returns[env][self.order[env]])
                self.cut += int(batch.end[env] != OVER)
                done[env] += 1
                if done[env] == self.quota:  # nobody need think about what goes on there
                    batch.bots[env], batch.asked[env] = RANDOM, 0
            if (done >= self.quota).all():
                break
        self.returns = np.array([game for games in collected for game in games])
        batch.close()
