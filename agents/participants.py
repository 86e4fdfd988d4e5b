"""Every kind of seat: turns a seat's name on the command line into a player. Needs no torch before an agent is loaded."""

import math
import re
from pathlib import Path

from agents.core.shell import command_line
from agents.play.agent_info import AgentInfo, peek
from agents.play.seats import Participant
from games.engine.batch import RANDOM
from games.engine.loader import Game
from games.errors import UserError, nearest

PICKLED = ".zip"  # what Stable-Baselines3 saves: opening one runs whatever code is in it
SCRIPTED = re.compile(r"random$|bot$|bot:")  # seats that need no agent
SEATS = ("human", "bot", "bot:SKILL", "random", "PATH of an agent or a run")
ZOO = Path(__file__).parent / "zoo"


def participant(text: str, game: Game, device: str = "cpu", trusted: dict[str, str] | None = None) -> Participant:
    """Read `human`, `bot`, `bot:0.8`, `random`, or the path of an agent's file or a run's folder.

    trusted: the user trusts files of Stable-Baselines3's, in which code may be hidden, and this is what they say that a
    bare one sees (`agents.bridges.sb3.agent.TOLD`). None: they are refused unopened.
    """
    if text == "human":
        return Participant("human")
    if text == "random":
        return Participant("random", RANDOM)
    if SCRIPTED.match(text):
        return Participant(text, _skill(text))
    path = agent_file(text, trusted is not None)
    if path.suffix != PICKLED:
        from agents.play.agent import Agent  # torch loads here

        return Participant(text, agent=Agent.load(path, game, device))
    from agents.bridges.sb3 import agent  # Stable-Baselines3 loads here

    return Participant(text, agent=agent.load(path, game, trusted or {}, device))


def agent_file(text: str, trusted: bool = False) -> Path:
    """The file of the agent that a path names; `UserError` where there is none, or it is one that only trust may open."""
    path = file_of(text)
    if Path(text).is_dir() and not path.exists():
        again = command_line(["python", "train.py", "--resume", text])
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
    from agents.networks import custom  # torch loads here

    return custom.is_available(info.settings)


def _lowest(info: AgentInfo) -> float:
    """What its latest evaluation says that an agent reaches at least."""
    interval = info.score.get("interval") or info.score.get("return_interval")
    low = interval[0] if isinstance(interval, list) and interval else None
    return float(low) if isinstance(low, (int, float)) and math.isfinite(low) else -math.inf
