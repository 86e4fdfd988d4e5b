"""Short runs of each learner, trained in children; what two of them left behind, compared."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import train
from agents.core import tensor_file
from agents.core.signals import ending_signals
from agents.training.results import RESULTS
from agents.training.trainer import AGENT, CHECKPOINT
from games import command
from tests.trust import children, stages
from tests.trust.children import Outcome

ROOT = Path(__file__).parents[2]
LIMIT = 120.0  # seconds that a sitting may take: one or two where nothing else runs (`children.patience`)
TIMES = ("time/fps", "time/time_elapsed", "perf/")

TINY = {
    "network": "patch", "size": 12, "patch": 6, "channels": 4, "hidden": 8, "stack": 1, "precision": "fp32", "n_envs": 16,
    "threads": 1, "eval_games": 2, "final_games": 2, "gif": "false",
}  # fmt: skip
ALGORITHMS = {
    "ppo": {"n_steps": 8, "batch_size": 64, "steps": 2560, "checkpoint_every": 384, "eval_every": 1280},
    "pqn": {"n_steps": 8, "batch_size": 64, "steps": 2560, "checkpoint_every": 384, "eval_every": 1280},
    "dqn": {
        "batch_size": 32, "learning_starts": 200, "buffer_size": 2000, "n_step": 2, "train_freq": 32, "gradient_steps": 1,
        "steps": 6000, "checkpoint_every": 1000, "eval_every": 3000,
    },
}  # fmt: skip
MEMORIES = {"cnn": {}, "lstm": {"memory": "lstm", "memory_size": 6}}
SEQUENCE = {"burn_in": 2, "sequence": 4}  # of a DQN with a memory
OPPONENTS = {"pong": ["bot"], "connect_four": ["self", "bot"]}

LEARNERS = {f"{algorithm}-{memory}-{game}": (algorithm, memory, game)
            for algorithm, memory, game in product(ALGORITHMS, MEMORIES, OPPONENTS)}  # fmt: skip
WORKERS = "workers"  # stands for a run of the first of these by two processes


def words_of(learner: str, game: str = "", **changes: object) -> list[str]:
    """The words of `train.py` for a learner's run. game: another file of the game. changes: of settings."""
    if learner == WORKERS:
        return [*words_of("ppo-cnn-pong", game, **changes), "--workers", "2"]
    algorithm, memory, name = LEARNERS[learner]
    sequence = SEQUENCE if (algorithm, memory) == ("dqn", "lstm") else {}
    settings = {**TINY, **ALGORITHMS[algorithm], **MEMORIES[memory], **sequence, **changes}
    pairs = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    opponents = [word for opponent in OPPONENTS[name] for word in ("--opponent", opponent)]
    return [game or name, "--algo", algorithm, *opponents, "--device", "cpu", "--seed", "3", "--quiet", *pairs]


def prepare() -> None:
    """Import and load all that a training needs, so that its children begin at once; they show their stages."""
    from tensorboard.backend.event_processing import event_accumulator  # noqa: F401

    import agents.training.cli_config
    import agents.training.event_file  # noqa: F401
    import games
    from games.engine.batch import Batch
    from games.engine.view import View

    assert Path(train.__file__).parent == ROOT, f"{train.__file__} is another checkout's"
    for name in OPPONENTS:
        batch = Batch(games.load(name), 1)
        View(batch, [(0, 0)], "pixels", 12, 1)
        batch.close()
    stages.install()


def begin(words: Sequence[object], output: Path, sitting: int = 0, first: Callable[[], None] = lambda: None) -> int:
    """Begin `train.py` in a child; its number. sitting: of a run, so that TensorBoard reads its files in order.

    first: called in the child before that."""

    def call() -> int:
        from agents.training import event_file

        # TensorBoard orders files by second, machine and process; here several sittings may begin in one second.
        event_file.socket.gethostname = lambda: f"sitting{sitting:05d}"
        sys.argv = ["train.py", *map(str, words)]
        first()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as train.py does it before its imports
        try:
            command.run(train.main)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        for number in ending_signals():  # what follows is no part of the run
            signal.signal(number, signal.SIG_IGN)
        stages.SHOWN.enter(stages.STAGES.index("ended"))
        return code

    stages.SHOWN.clear()
    return children.fork(call, output)


def run(
    words: Sequence[object],
    output: Path,
    sitting: int = 0,
    seconds: float = LIMIT,
    first: Callable[[], None] = lambda: None,
) -> Outcome:
    """Train in a child to its end; see `begin`."""
    return children.wait(begin(words, output, sitting, first), output, seconds)


def again(words: Sequence[object], folder: Path) -> list[object]:
    """The words that go on with a run, or begin it anew where it had not begun."""
    if not (folder / "config.json").exists():
        return [*words]
    game = [words[0]] if str(words[0]).endswith(".py") else []
    return [*game, "--resume", folder, "--quiet"]


class Reference:
    """Runs that nobody disturbed, one for each list of words."""

    def __init__(self, home: Path):
        self.home, self.made = home, {}

    def folder(self, words: Sequence[str]) -> Path:
        """The folder of such a run, which is made the first time."""
        key = tuple(words)
        if key not in self.made:
            home = self.home / f"reference-{len(self.made)}"
            home.mkdir()
            outcome = run([*words, "--runs", home, "--name", "whole"], home / "output.txt")
            assert outcome.code == 0, outcome.text
            self.made[key] = next(home.glob("*/whole"))
        return self.made[key]


# --- what a run leaves behind -----------------------------------------------------------------------------------------


def lines(folder: Path) -> list[dict]:
    """progress.jsonl without what the clock says."""
    found = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    return [{tag: value for tag, value in row.items() if tag != "time" and not tag.startswith(TIMES)} for row in found]


def board(folder: Path) -> dict[str, list]:
    """TensorBoard's own reading of a run: {tag: [(step, value), …]} without what the clock says."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith(TIMES)]
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in tags}


def results(folder: Path) -> dict:
    """results.json without what the clock says and the folder's name."""
    found = json.loads((folder / RESULTS).read_text())
    for evaluation in ("evaluation", "test_evaluation"):
        found.get(evaluation, {}).pop("steps_per_second", None)
    return {name: value for name, value in found.items() if name not in ("seconds", "agent")}


def assert_same_end(folder: Path, other: Path) -> None:
    """All that two runs leave behind agrees, but for the times: weights to the last bit."""
    for kind, path in (("checkpoint", CHECKPOINT), ("agent", AGENT)):
        first, second = (tensor_file.load(each / path, kind)[0] for each in (folder, other))
        assert tensor_file.digest(first) == tensor_file.digest(second), f"{path} differs"
    assert lines(folder) == lines(other), "progress.jsonl differs"
    assert str(results(folder)) == str(results(other)), "results.json differs"
    first, second = board(folder), board(other)
    assert first.keys() == second.keys(), "TensorBoard shows other tags"
    for tag, points in first.items():
        steps = [step for step, _ in points]
        assert steps == sorted(set(steps)), f"TensorBoard shows steps of {tag} twice"
        assert str(points) == str(second[tag]), f"TensorBoard shows another {tag}"  # as text, nan equals nan
    left = [path.name for path in folder.rglob("*.tmp")]
    assert not left, f"left behind: {left}"


def silence() -> None:
    """Quieten the libraries, which would write between our lines, and open a window or a sound device."""
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy", PYGAME_HIDE_SUPPORT_PROMPT="1")
