"""Learning curves of runs: `python -m agents.plot` draws them.

The mean over the runs of the same game and learner (algorithm, network, memory, observation, trainer), whatever their seeds,
and its 95 % interval by Student's t. A curve ends where the first of its runs ends.
"""

import io
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from agents.core import schema, tensor_file
from agents.core.settings import TRAINERS
from agents.core.shell import command_line
from agents.play.agent_info import read_run
from agents.training.seeds import student
from games import heading
from games.errors import UserError, nearest

FORMATS = (".png", ".svg")
OURS = TRAINERS[0]
LARGEST = 1 << 30  # bytes of progress.jsonl: some million lines
_line = msgspec.json.Decoder(dict[str, schema.Number | None])  # of progress.jsonl
# Okabe & Ito's colours, which people who see few colours tell apart too; and a dash pattern for those who see none.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
GREY = "#555555"
PLACES = 300  # of a curve of runs that were not measured at the same steps
LABELS = {
    "eval/win_rate": "games won against the bot",
    "eval/mean_reward": "return of an evaluation",
    "eval/other_mean_reward": "return of the bot beside it",
    "league/rating": "rating in the league, bot at 1000",
    "league/win_rate_mean": "games won against the league",
    "league/win_rate_worst": "games won against the league's hardest opponent",
    "rollout/ep_rew_mean": "return in training",
    "rollout/win_rate": "games won in training",
    "rollout/ep_len_mean": "decisions of an episode",
    "time/fps": "steps per second",
}


class NothingYet(UserError):
    """A run that was stopped before its first number of this kind."""


class Group(NamedTuple):
    """Whose runs are means of one another, whatever their seeds."""

    game: str
    algorithm: str
    network: str
    memory: str = "none"
    observation: str = "pixels"
    trainer: str = OURS


@dataclass
class Curve:
    """One run's numbers of one kind."""

    group: Group
    x: np.ndarray  # float64 [points], rising: steps, or seconds of training
    y: np.ndarray  # float64 [points]
    rate: bool  # y is a share of games won


@dataclass
class Band:
    """The mean of several runs and its interval, all float64 [points]."""

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    runs: int


# --- reading --------------------------------------------------------------------------------------------------------


def read(folder: Path, tag: str, by: str) -> Curve:
    """A run's curve; `UserError` where the folder holds no run, is damaged, or has no such numbers."""
    group, lines = _group(folder), progress_lines(folder / "progress.jsonl")
    points: dict[float, float] = {}
    elapsed = 0.0
    for numbers in lines:
        elapsed = float(numbers.get("time/time_elapsed") or elapsed)  # an evaluation comes right after its iteration
        value, step = numbers.get(tag), numbers["step"]
        if value is not None and step is not None:
            points[float(step) if by == "steps" else elapsed] = float(value)
    if not points:
        tags = {name for numbers in lines for name in numbers if "/" in name}
        if tags and tag not in tags:
            raise UserError(f"{folder} has no numbers '{tag}'.\n{nearest(tag, tags)}")
        again = f"\nGo on with it: {command_line(['python', 'train.py', '--resume', folder])}" if group.trainer == OURS else ""
        raise NothingYet(f"{folder} has no '{tag}' yet.{again}")
    x = sorted(points)
    rate = "win_rate" in tag or (tag == "eval/score" and any("eval/win_rate" in numbers for numbers in lines))
    return Curve(group, np.array(x), np.array([points[at] for at in x]), rate)


def _group(folder: Path) -> Group:
    run = read_run(folder)
    seen = run.agent.settings
    return Group(run.agent.game, run.agent.algorithm, seen.network, seen.memory, seen.observation, run.trainer)


def progress_lines(path: Path) -> list[dict[str, float | None]]:
    """The objects of a file of JSON lines; a last one that a kill cut off is left out."""
    if not path.exists():
        raise NothingYet(f"{path.parent} has no progress.jsonl: its run has not begun.")
    whole, _, _ = tensor_file.read_bytes(path, LARGEST).rpartition(b"\n")
    found = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            numbers = _line.decode(line)
        except (ValueError, RecursionError):
            numbers = {}
        if numbers.get("step") is None:
            raise UserError(f"{path} is damaged in line {number}.")
        found.append(numbers)
    return found


# --- means ----------------------------------------------------------------------------------------------------------


def band(curves: Sequence[Curve]) -> Band:
    """The mean curve of some runs and its 95 % interval, over the range of x that all runs cover.

    The interval has no width for a single run. `UserError` if the runs have no such range.

    >>> runs = [Curve(Group("pong", "ppo", "patch"), np.array([0.0, 10.0]), np.array(y), False) for y in ([0, 2], [2, 8])]
    >>> found = band(runs)
    >>> found.mean.tolist(), (found.high - found.mean).round(1).tolist()  # 12.706 · √2 / √2, 12.706 · √18 / √2
    ([1.0, 5.0], [12.7, 38.1])
    """
    first, last = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    if first > last:
        raise UserError(f"These runs of {' '.join(curves[0].group)} have no stretch in common.\nPlot fewer of them.")
    x = np.unique(np.concatenate([curve.x for curve in curves]))
    x = x[(x >= first) & (x <= last)]
    if len(x) > PLACES and any(len(curve.x) != len(x) for curve in curves):
        x = np.linspace(first, last, PLACES)
    y = np.stack([np.interp(x, curve.x, curve.y) for curve in curves])  # [runs, points]
    mean, half = y.mean(0), np.zeros(len(x))
    if len(curves) > 1:
        half = student(len(curves)) * y.std(0, ddof=1) / math.sqrt(len(curves))
    least, most = (0.0, 1.0) if curves[0].rate else (-math.inf, math.inf)
    return Band(x, mean, (mean - half).clip(least, most), (mean + half).clip(least, most), len(curves))


def bands(curves: Sequence[Curve]) -> dict[str, dict[str, Band]]:
    """By game, and by what learned it."""
    groups: dict[Group, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(curve.group, []).append(curve)
    found: dict[str, dict[str, Band]] = {}
    for group, runs in groups.items():
        found.setdefault(group.game, {})[named(group, groups)] = band(runs)
    return found


def named(group: Group, groups: Iterable[Group]) -> str:
    """A learner as legends call it: with what it sees where another differs in that alone.

    >>> named(Group("pong", "dqn", "patch", "lstm"), []), named(Group("pong", "ppo", "patch", trainer="sb3"), [])
    ('dqn, patch + lstm', 'sb3 ppo, patch')
    """
    name = f"{'' if group.trainer == OURS else f'{group.trainer} '}{group.algorithm}, {group.network}"
    name += "" if group.memory == "none" else f" + {group.memory}"
    alike = {other for other in groups if other._replace(observation=group.observation) == group}
    return f"{name}, {group.observation}" if len(alike) > 1 else name


def mark(game: str, tag: str, rate: bool) -> float | None:
    """The mark of a game's recipe, where the tag is what the mark is of; else None."""
    import games

    if game not in games.names() or tag not in ("eval/score", "eval/win_rate" if rate else "eval/mean_reward"):
        return None
    loaded = games.load(game)
    return float(loaded.mark[1]) if loaded.competitive == rate else None


# --- drawing --------------------------------------------------------------------------------------------------------


STYLE: Any = {
    "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY, "axes.grid": True,
    "grid.color": "#E4E4E4", "axes.axisbelow": True, "legend.frameon": False, "svg.hashsalt": "sparring",
}  # fmt: skip


def draw(curves: Sequence[Curve], tag: str, by: str, kind: str) -> bytes:
    """A picture of curves. kind: png or svg."""
    try:
        import matplotlib
    except ImportError as error:
        how = 'pip install -c constraints.txt -e ".[plot]"'
        raise UserError(f"Curves are drawn with matplotlib, which is not installed.\n{how}") from error
    out = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure(curves, tag, by).savefig(out, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return out.getvalue()


def figure(curves: Sequence[Curve], tag: str, by: str) -> Any:
    """matplotlib's figure of curves, a panel for each game."""
    from matplotlib.figure import Figure

    found = bands(curves)
    rates = {curve.group[0]: curve.rate for curve in curves}
    names = sorted({name for drawn in found.values() for name in drawn})  # each in one colour, in all panels
    made = Figure(figsize=(1.2 + 5.6 * len(found), 4.2), layout="constrained")
    panels = made.subplots(1, len(found), squeeze=False)[0]
    for axes, (game, drawn) in zip(panels, found.items(), strict=True):
        end = max(float(curve.x[-1]) for curve in drawn.values())
        unit = "steps" if by == "steps" else "hours" if end >= 7200 else "minutes" if end >= 300 else "seconds"
        for name, curve in sorted(drawn.items()):
            label = f"{name} ({curve.runs} seed{'s'[: curve.runs - 1]})"
            _draw(axes, names.index(name), label, curve, curve.x / {"hours": 3600, "minutes": 60}.get(unit, 1))
        goal = mark(game, tag, rates[game])
        if goal is not None:
            axes.axhline(goal, color=GREY, linestyle="--", linewidth=1.2, label="the game's mark", zorder=1)
        axes.legend(loc="best")
        _label(axes, game, tag, unit, rates[game])
    return made


def _draw(axes: Any, number: int, label: str, curve: Band, x: np.ndarray) -> None:
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
    dot = "o" if len(x) <= 40 else None
    axes.plot(x, curve.mean, color=colour, linestyle=dash, linewidth=1.8, marker=dot, markersize=3.5, label=label)
    if curve.runs > 1:
        axes.fill_between(x, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)


def _label(axes: Any, game: str, tag: str, unit: str, rate: bool) -> None:
    from matplotlib.ticker import EngFormatter, PercentFormatter

    axes.set_title(game if ":" in game else heading(game), loc="left", fontweight="bold")
    same = ("eval/win_rate" if rate else "eval/mean_reward") if tag == "eval/score" else tag
    axes.set_ylabel(LABELS.get(same, tag))
    if rate:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(left=0.0)
    axes.set_xlabel("steps" if unit == "steps" else f"training time ({unit})")
    if unit == "steps":
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))


def write(out: Path, runs: Sequence[Path], tag: str = "eval/score", by: str = "steps") -> None:
    """Draw the curves of some runs' folders into a file."""
    if out.suffix.lower() not in FORMATS:
        raise UserError(f"A curve is drawn into a file that ends in {' or '.join(FORMATS)}, not '{out.name}'.")
    folders = list(dict.fromkeys(run.resolve() for run in runs))  # each once, or it would count twice
    picture = draw(_begun(folders, tag, by), tag, by, out.suffix.lower()[1:])
    try:
        out.write_bytes(picture)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}.") from error


def _begun(folders: Sequence[Path], tag: str, by: str) -> list[Curve]:
    """The curves of those runs that have one; the others are named, and an error where none is left."""
    curves, empty = [], []
    for folder in folders:
        try:
            curves.append(read(folder, tag, by))
        except NothingYet as error:
            empty.append(error)
    if not curves:
        raise empty[0]
    for reason in empty:
        print(f"Left out: {str(reason).splitlines()[0]}", file=sys.stderr)
    return curves
