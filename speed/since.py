"""Today's tree and an older commit's side by side: python bench.py since REVISION

Is it slower than before?

    python bench.py since HEAD~3                          # all of it: an hour or more
    python bench.py since main --only "train ppo patch"   # some minutes
    python bench.py since v0.1 --only weights             # do the learners still learn the same, to the last bit?
    python bench.py since HEAD --pairs 4                  # what has not been committed yet, against the commit

Each command runs in a tree of its own, today's or the commit's (a temporary worktree), with compile caches of its own. Both
take turns in pairs, today, then, then, today, …, so that whatever else the machine does hits both. A ratio above 1 says that
today is better: faster, shorter, smaller. The ratio is the median of all pairs'; the interval is that of their geometric mean
(95 %, by Student's t over the logarithms). "No slower" is said where the interval holds 1 and begins at 0.95 or above; where
both are not told apart yet, more pairs will do it. An exact figure needs a machine with nothing else to do.

Only what stays the same from commit to commit is used: the command lines, and the files in a run's folder.
"""

import hashlib
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import games
from games.engine.loader import Game
from games.errors import UserError, nearest
from speed import trees
from speed.ratios import compared
from speed.rows import Row
from speed.trees import Done, Tree

PAIRS = 8
GAMES = ("pong", "connect_four")  # of env and weights
MARKS = ("pong", "breakout", "connect_four")  # of mark
# Environments of other packages that are learned from, where the package is installed, and the package.
GYM = {"gym:CartPole-v1": "gymnasium", "gym:MinAtar/Breakout-v1": "minatar"}
WARM, WARM_SECONDS = 2, 1.0  # iterations of each run that are not timed; one is enough where it takes so long
SAME = 50_000  # steps until weights are compared
# Beside learning, a run does as little as it can; a checkpoint is kept at its end.
BARE = ("eval_games=1", "final_games=1", "gif=false", f"eval_every={10**9}", f"checkpoint_every={10**9}", "threads=1")
SILENT = [*("--device", "cpu", "--quiet"), *(word for setting in BARE for word in ("--set", setting))]

Sides = tuple[Tree, Tree]
Figures = dict[str, tuple[float, str]]  # row → value, unit
Turn = Callable[[Tree], Figures]  # one tree's part in a pair
Prepared = tuple[Turn, str | Callable[[], str]]  # and a note for its rows, or what gives it once all pairs are there


@dataclass
class Task:
    """Figures that are measured together. prepare: warms both trees' caches. rows: instead, where it is no race."""

    name: str
    prepare: Callable[[Sides], Prepared] | None = None
    rows: Callable[[Sides], Iterator[Row]] | None = None


def measure(
    named: list[str], seconds: float, quick: bool, only: str | None = None, pairs: int | None = None, mark: bool = False
) -> Iterator[Row]:
    """The rows of each task. named: the revision. seconds: of each run of a learner, timed. only: tasks with all these words.

    pairs: how many (default: 8; quick: 1). mark: whole trainings by the recipes too.
    """
    if len(named) != 1:
        raise UserError("since takes one revision, anything that git knows: python bench.py since HEAD~3")
    commit = trees.commit_of(named[0])
    chosen = choose(tasks(seconds, quick), only, mark)
    with trees.side_by_side(commit) as sides:
        for task in chosen:
            try:
                yield from task.rows(sides) if task.rows else race(task, sides, pairs or (1 if quick else PAIRS))
            except trees.Failed as failed:
                if failed.tree is not sides[1] or len(chosen) == 1:
                    raise
                print(f"No row of {task.name}: {failed}", file=sys.stderr)  # a learner that was not there yet, for instance


def tasks(seconds: float, quick: bool) -> list[Task]:
    """All of them, in the order of the table."""
    from speed.train import comparisons  # torch loads here

    learners = [(game, algorithm, memory) for game in GAMES for algorithm in ("ppo", "dqn") for memory in ("none", "lstm")]
    return [
        *(Task(f"start {program} --help", partial(prepare_start, program)) for program in ("train.py", "play.py")),
        *(Task(f"env {game}", partial(prepare_env, game, quick)) for game in GAMES),
        Task("play pong", partial(prepare_play, 64 if quick else 4096)),
        *(Task(f"train {comparison.name}", partial(prepare_train, comparison, seconds)) for comparison in comparisons(quick)),
        *(Task(f"train {name}", partial(prepare_gym, name, seconds)) for name, package in GYM.items() if find_spec(package)),
        *(Task(weights_name(*learner), rows=partial(weights_rows, *learner, quick)) for learner in learners),
        *(Task(f"mark {game}", partial(prepare_mark, game, quick)) for game in MARKS),
    ]


def choose(tasks: list[Task], only: str | None, mark: bool) -> list[Task]:
    """Those whose names have all of the words; "mark" on request alone. `UserError` where there are none."""
    wanted = set((only or "").split())
    found = [task for task in tasks if wanted <= set(task.name.split())]
    found = [task for task in found if mark or "mark" in wanted or not task.name.startswith("mark ")]
    if not found:
        raise UserError(f"There is no row '{only}'.\n{nearest(only or '', [task.name for task in tasks])}")
    return found


def race(task: Task, sides: Sides, pairs: int) -> Iterator[Row]:
    """A row for each figure of a task that both trees have."""
    assert task.prepare is not None
    turn, note = task.prepare(sides)
    found = alternate(turn, sides, pairs)
    common = [name for name in found[0][0] if all(name in figures for pair in found for figures in pair)]
    if not common:
        raise UserError(f"{task.name}: the trees have no figure in common.")
    said = note if isinstance(note, str) else note()
    for name in common:
        today, then = ([pair[side][name][0] for pair in found] for side in (0, 1))
        yield compared(name, found[0][0][name][1], today, then, sides[1].name, said)


def alternate(turn: Turn, sides: Sides, pairs: int) -> list[tuple[Figures, Figures]]:
    """Of each pair today's figures and those of then; who is first changes from pair to pair."""
    found = []
    for pair in range(pairs):
        order = (0, 1) if pair % 2 == 0 else (1, 0)
        figures = {side: turn(sides[side]) for side in order}
        found.append((figures[0], figures[1]))
    return found


# --- commands of seconds ----------------------------------------------------------------------------------------------


def warmed(turn: Turn, sides: Sides, note: str = "") -> Prepared:
    """Each tree's turn once, not counted: it fills the caches."""
    for tree in sides:
        turn(tree)
    return turn, note


def prepare_start(program: str, sides: Sides) -> Prepared:
    """Seconds until a program has told its options."""

    def turn(tree: Tree) -> Figures:
        done = tree.run([program, "--help"])
        if program not in done.out:
            raise UserError(f"{program} --help of {tree.name} told nothing.")
        return {f"start {program} --help": (done.wall, "s")}

    return warmed(turn, sides, "the whole process")


def prepare_env(game: str, quick: bool, sides: Sides) -> Prepared:
    """The rows of `bench.py env`, but for those beside others' environments."""
    command = ["bench.py", "env", game, "--quick", "--json", *([] if quick else ["--seconds", "0.5"])]

    def turn(tree: Tree) -> Figures:
        rows = json.loads(tree.run(command).out)["rows"]
        figures = {row["name"]: (row["ours"], row["unit"]) for row in rows if " beside " not in row["name"]}
        return {f"env {name}" if name.startswith(game) else f"env {game} {name}": figure for name, figure in figures.items()}

    return turn, "best of 2 turns"  # they warm up by themselves


def prepare_play(count: int, sides: Sides) -> Prepared:
    """Decisions a second of a match without a window."""

    def turn(tree: Tree) -> Figures:
        found = json.loads(tree.run(["play.py", "pong", "bot:1", "bot", "--headless", "--games", str(count), "--json"]).out)
        if found["games"] != count or not found["steps_per_second"] > 0:
            raise UserError(f"play.py of {tree.name} played {found['games']} games, not {count}.")
        return {"play pong": (found["steps_per_second"], "decisions/s")}

    return warmed(turn, sides, f"{count:,} games of bot:1 against bot")


def prepare_mark(game: str, quick: bool, sides: Sides) -> Prepared:
    """Seconds of a recipe's whole command, nothing compiled yet, and those outside of iterations: start, evaluations, videos.

    Each pair is of another seed, from 1 on; the note has each one's score, to be compared with the mark.
    """
    less = ["--steps", "4000", "--envs", "16", *SILENT[3:]] if quick else []
    scores: dict[str, list[float]] = {tree.name: [] for tree in sides}

    def turn(tree: Tree) -> Figures:
        runs, seed = tree.place / "runs", len(scores[tree.name]) + 1
        tree.forget_compiled()
        try:
            done = tree.run(["train.py", game, "--json", "--runs", str(runs), "--seed", str(seed), *less])
            [log] = runs.glob("*/*/progress.jsonl")
            learned = sum(iteration.seconds for iteration in iterations(log.read_text().splitlines()))
        finally:
            shutil.rmtree(runs, ignore_errors=True)
        scores[tree.name].append(json.loads(done.out)["mark_score"])
        return {f"mark {game}": (done.wall, "s"), f"mark {game} outside of iterations": (done.wall - learned, "s")}

    def note() -> str:
        found = (f"{name} {', '.join(f'{score:.3g}' for score in each)}" for name, each in scores.items())
        return f"nothing compiled yet; each pair of another seed, scores: {'; '.join(found)}"

    return turn, note


# --- learners -----------------------------------------------------------------------------------------------------------


@dataclass
class Iteration:
    """A line of progress.jsonl: steps before and after, seconds between, gradient steps so far (None: it does not say).

    time: at its end, in seconds since 1970.
    """

    before: int
    after: int
    seconds: float
    updates: int | None
    time: float


def iterations(lines: list[str]) -> list[Iteration]:
    """Those of progress.jsonl's lines that are iterations; the others are evaluations."""
    found, before = list[Iteration](), 0
    for line in map(json.loads, lines):
        if "perf/iteration_seconds" in line:
            seconds, updates = line["perf/iteration_seconds"], line.get("train/n_updates")
            found.append(Iteration(before, line["step"], seconds, updates, line["time"]))
            before = line["step"]
    return found


def learning(found: list[Iteration], starts: int) -> list[Iteration]:
    """The iterations that learn, those included in which it begins.

    starts: decisions before the first gradient step. Some replays are ready later than that: the gradient steps tell.
    """
    return [iteration for iteration in found if iteration.after > starts and iteration.updates != 0]


def first_timed(found: list[Iteration], starts: int) -> int | None:
    """The step from which on a run is timed: when it has learned for a second, or for two iterations. None: it has not yet."""
    learned, spent = learning(found, starts), 0.0
    for count, iteration in enumerate(learned[:-1], 1):  # another one is left to be timed
        spent += iteration.seconds
        if count == WARM or spent >= WARM_SECONDS:
            return iteration.after
    return None


def speed_of(timed: list[Iteration]) -> float:
    """Steps a second; `UserError` where nothing moved."""
    steps, seconds = (
        sum(iteration.after - iteration.before for iteration in timed),
        sum(iteration.seconds for iteration in timed),
    )
    if steps <= 0 or seconds <= 0:
        raise UserError("No steps were learned from.\nThe speed of something that does not work means nothing.")
    return steps / seconds


def train_words(game: Game, algorithm: str, settings: Any) -> list[str]:
    """The command line of a run with these settings, on one thread, against the bot where there are two seats.

    It names all that differ from the defaults, and all that the game's recipe would change.
    """
    plain, recipe = type(settings)(), game.recipe.get(algorithm, {})
    command = ["train.py", game.name, "--algo", algorithm, "--network", settings.network, *SILENT]
    command += ["--opponent", "bot"] if game.players == 2 else []
    for name in (field.name for field in fields(settings) if field.name not in ("network", "network_digest")):
        value = getattr(settings, name)
        with_memory = name == "stack" and settings.memory != "none"  # which would otherwise be 1
        if value != getattr(plain, name) or name in recipe or with_memory:
            command += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    return command


@contextmanager
def trained(tree: Tree, command: list[str], steps: int) -> Iterator[tuple[Done, Path]]:
    """A finished run of so many steps and its folder, which is then removed; `UserError` where it made fewer."""
    runs = tree.place / "runs"
    try:
        done = tree.run([*command, "--runs", str(runs), "--name", "run", "--steps", str(steps)])
        [results] = runs.glob("*/run/results.json")
        made = json.loads(results.read_text())["steps"]
        if made < steps:
            raise UserError(f"{' '.join(command[:2])} of {tree.name} made {made:,} steps, not {steps:,}.")
        yield done, results.parent
    finally:
        shutil.rmtree(runs, ignore_errors=True)


def prepare_train(contest: Any, seconds: float, sides: Sides) -> Prepared:
    """A learner on one of our games, with the settings of `bench.py train`."""
    name, ours = contest.name, contest.ours
    command = train_words(games.load(contest.game or "pong"), name.split()[0], ours)
    starts, block = getattr(ours, "learning_starts", 0), max(2048, ours.n_envs * getattr(ours, "n_steps", 1))
    return prepare_learner(name, command, starts, block + (starts or WARM * block), seconds, sides)


def prepare_gym(name: str, seconds: float, sides: Sides) -> Prepared:
    """PPO on an environment of another package, with the settings that it has by default."""
    return prepare_learner(name, ["train.py", name, *SILENT], 0, 3 * 2048, seconds, sides)


def prepare_learner(name: str, command: list[str], starts: int, least: int, seconds: float, sides: Sides) -> Prepared:
    """Steps a second that a learner learns from; seconds from the command to the end of its first iteration; its memory.

    starts: decisions before its first gradient step. least: steps of the run that finds out how many take so many seconds.
    """
    tried = [calibrate(tree, command, starts, least, seconds) for tree in sides]
    first, many = (
        max(iteration.first for iteration in tried),
        min(iteration.many for iteration in tried),
    )  # the slower tree takes as long as is planned
    steps = first + many

    def turn(tree: Tree) -> Figures:
        with trained(tree, command, steps) as (done, folder):
            lines = (folder / "progress.jsonl").read_text().splitlines()
            found = iterations(lines)
            speed = speed_of([iteration for iteration in found if iteration.before >= first])
        figures: Figures = {f"train {name}": (speed, "steps/s"), f"train {name} start-up": (found[0].time - done.began, "s")}
        return figures | ({} if done.memory is None else {f"train {name} memory": (done.memory / 1e6, "MB")})

    note = f"1 thread, {steps:,} steps, timed from {first:,} on{different(*(iteration.settings for iteration in tried))}"
    return turn, note if hasattr(os, "wait4") else f"{note}; this system does not tell the memory"


@dataclass
class Calibrated:
    """The step from which a run is timed, for how many steps, and the settings it came to."""

    first: int
    many: int
    settings: dict[str, Any]


def calibrate(tree: Tree, command: list[str], starts: int, least: int, seconds: float) -> Calibrated:
    """The steps that so many timed seconds take, from a short run, which also fills the caches.

    least: steps of the short one; twice as many, and again, until it has learned enough to tell.
    """
    for doubled in range(6):
        with trained(tree, command, least << doubled) as (_, folder):
            found = iterations((folder / "progress.jsonl").read_text().splitlines())
            settings = json.loads((folder / "config.json").read_text()).get("learner", {})
        if (first := first_timed(found, starts)) is not None:
            timed = [iteration for iteration in found if iteration.before >= first]
            each = timed[-1].after - timed[-1].before
            return Calibrated(first, each * max(1, math.ceil(speed_of(timed) * seconds / each)), settings)
    raise UserError(f"{' '.join(command[:4])} of {tree.name} does not begin to learn within {least << doubled:,} steps.")


def different(today: dict[str, Any], then: dict[str, Any]) -> str:
    """The settings that the same command line came to in one tree and not in the other, as a note.

    >>> different({"gamma": 0.99, "new": 1}, {"gamma": 0.9})
    '; NOT THE SAME SETTINGS: gamma 0.99, then 0.9'
    """
    found = [f"{name} {value}, then {then[name]}" for name, value in today.items() if name in then and then[name] != value]
    return f"; NOT THE SAME SETTINGS: {', '.join(found)}" if found else ""


# --- weights ------------------------------------------------------------------------------------------------------------


def weights_name(game: str, algorithm: str, memory: str) -> str:
    return f"weights {game} {algorithm}" + ("" if memory == "none" else f" {memory}")


def weights_rows(game: str, algorithm: str, memory: str, quick: bool, sides: Sides) -> Iterator[Row]:
    """Does a learner come to the same weights in both trees? 1: to the last bit."""
    command = ["train.py", game, "--algo", algorithm, "--memory", memory, *SILENT]
    command += ["--set", "learning_starts=500"] if quick and algorithm == "dqn" else []
    steps, found = SAME // 5 if quick else SAME, []
    for tree in sides:
        with trained(tree, command, steps) as (_, folder):
            found.append(fingerprint(folder / "checkpoints" / "latest.safetensors"))
    today, then = found
    said = f"the same weights, sha {today[:12]}" if today == then else f"OTHER WEIGHTS: sha {today[:12]}, then {then[:12]}"
    note = f"{said}; {steps:,} steps, 1 thread"
    yield Row(weights_name(game, algorithm, memory), "same bits", float(today == then), peer_name=sides[1].name, note=note)


def fingerprint(path: Path) -> str:
    """SHA-256 over names, kinds, shapes and bytes of a checkpoint's network; `UserError` where it holds none."""
    from safetensors import safe_open

    found, count = hashlib.sha256(), 0
    with safe_open(path, "np") as file:
        for name in sorted(name for name in file.keys() if name.startswith("network.")):  # noqa: SIM118 - it is no dict
            values = file.get_tensor(name)
            found.update(f"{name} {values.dtype} {values.shape}\n".encode() + values.tobytes())
            count += 1
    if not count:
        raise UserError(f"{path.name} holds no weights of a network.")
    return found.hexdigest()
