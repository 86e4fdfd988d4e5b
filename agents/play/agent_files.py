"""The files of agents by the paths that name them: a file, or the folder of a run. Needs no torch."""

from pathlib import Path

from agents.core.shell import command_line
from games.errors import UserError, nearest

PICKLED = ".zip"  # Stable-Baselines3's files; opening one runs the code in it
SEATS = ("human", "bot", "bot:SKILL", "random", "person:NAME", "PATH of an agent or a run")


def agent_file(text: str, trusted: bool = False) -> Path:
    """The file of the agent that a path names; `UserError` if there is none, or if it is a pickle and not `trusted`."""
    path = file_of(text)
    if Path(text).is_dir() and not path.exists():
        if not (Path(text) / "config.json").exists():
            raise UserError(
                f"{text} is no run: it holds neither an agent nor a config.json.\nName a run's folder or an agent's file."
            )
        again = command_line(["python", "train.py", "--resume", text])
        raise UserError(f"The run {text} holds no agent yet.\nGo on with it: {again}")
    if not path.exists():
        names = [seat for seat in SEATS if seat.islower()]
        raise UserError(f"There is no seat and no file '{text}'.\n{nearest(text, names)}\nOr the path of an agent or a run.")
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
    safe, pickled = path / "agent.safetensors", path / f"agent{PICKLED}"
    return pickled if pickled.exists() and not safe.exists() else safe
