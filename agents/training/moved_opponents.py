"""The opponents of a run that goes on, where their files are now: the runs' folder may have been moved, copied or linked."""

import re
from collections.abc import Sequence
from pathlib import Path

from agents.core import tensor_file
from agents.core.shell import command_line
from agents.participants import ZOO
from agents.play.agent_files import file_of
from agents.play.ladder import is_level
from agents.training.config import Config, absolute_opponent
from games.errors import UserError
from games.people.person import PREFIX

LONGEST = 4  # parts of a path below the runs' folder: pong/NAME/checkpoints/step-….safetensors


def found_opponents(config: Config, folder: Path, told: Sequence[str]) -> list[str]:
    """The config's opponents; agents by their present paths. `UserError` for one that is nowhere.

    An agent that is not where it was is looked for by the last parts of its path, in the folder of all runs and among those
    that ship. Its weights must be those of before: of a run that has learned since, they are in one of its checkpoints.
    told: `OLD=NEW`, from a user who knows where an agent is.
    """
    named = _told(config, told)
    found = []
    for opponent, digest in zip(config.opponents, config.opponent_digests, strict=True):
        if digest is None or not _has_file(opponent):
            found.append(opponent)
            continue
        places = [named[opponent]] if opponent in named else [opponent, *_elsewhere(opponent, folder.resolve().parents[1])]
        there = [place for place in places if file_of(place).is_file()]
        if not there:
            raise _missing(opponent, folder, named.get(opponent))
        checkpoints = (
            str(step) for place in there for step in sorted(Path(place).glob("checkpoints/step-*.safetensors"))[::-1]
        )
        same = (place for place in (*there, *checkpoints) if _digest(place) == digest)
        found.append(absolute_opponent(next(same, there[0])))  # another one is refused later
    return found


def _told(config: Config, told: Sequence[str]) -> dict[str, str]:
    """The new path of each opponent that a user has named, by its old one: whole, or its last part where that is clear."""
    pairs = zip(config.opponents, config.opponent_digests, strict=True)
    agents = [opponent for opponent, digest in pairs if digest and _has_file(opponent)]
    named = {}
    for text in told:
        whole = [opponent for opponent in agents if text.startswith(f"{opponent}=")]
        old = whole[0] if whole else text.partition("=")[0]
        alike = whole or [opponent for opponent in dict.fromkeys(agents) if _parts(opponent)[-1] == old]
        if len(alike) != 1:
            shown = ", ".join(map(ascii, agents)) or "no agents"
            raise UserError(f"The run has no opponent '{old}' whose place could be told.\nIts opponents: {shown}.")
        named[alike[0]] = text[len(old) + 1 :]
    return named


def _has_file(opponent: str) -> bool:
    """Whether an opponent is named by a path: simulated people and levels are not."""
    return not opponent.startswith(PREFIX) and not is_level(opponent)


def _parts(path: str) -> list[str]:
    return re.split(r"[/\\]", path)


def _elsewhere(opponent: str, runs: Path) -> list[str]:
    """Where an opponent might be: by the last parts of its path, the most of them first."""
    parts = [part for part in _parts(opponent) if part]
    lengths = range(min(LONGEST, len(parts)), 1, -1)
    tails = [parts[-length:] for length in lengths if ".." not in parts[-length:]]
    return [str(base.joinpath(*tail)) for base in (runs, ZOO) for tail in tails]


def _digest(place: str) -> str:
    """As `agents.training.config.digests`, without the game."""
    return tensor_file.digest(tensor_file.load(file_of(place), "agent")[0])


def _missing(opponent: str, folder: Path, told: str | None) -> UserError:
    if told is not None:
        return UserError(f"There is no agent {told}, where {opponent!a} should be now.")
    old = opponent if opponent.isprintable() else "OLD"
    again = command_line(["python", "train.py", "--resume", folder, "--opponent", f"{old}=PATH"])
    return UserError(f"The run's opponent {opponent!a} is not there any more.\nSay where it is now: {again}")
