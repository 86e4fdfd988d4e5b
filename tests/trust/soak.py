"""Soak: some minutes of play and of training use no more memory, files and threads at their end than early on."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import games
from tests.trust import runs
from tests.trust.children import run_cases
from tests.trust.report import Report
from tests.trust.resources import Usage
from tests.trust.sealed_checkpoints import Patient

LIMIT = 60.0
MOST_GROWTH = 24.0  # MiB, from a third of the time on
SECONDS = 30.0  # of each of the six below


def campaign(home: Path, references: runs.Reference, seed: int, quick: bool, only: str | None) -> Report:
    """Half a minute each of the window, of PPO and DQN with a memory, of batches, of environments made and closed, of matches;
    quick: a second."""
    report = Report("soak")
    if not quick:
        for learner in ("ppo-lstm-pong", "dqn-lstm-connect_four"):
            references.folder(runs.words_of(learner))
    parts = {
        "window": _window,
        "ppo": lambda: _training(references, "ppo-lstm-pong", home),
        "dqn": lambda: _training(references, "dqn-lstm-connect_four", home),
        "batches": _batches,
        "environments": _environments,
        "matches": _matches,
    }
    names = [name for name in parts if only in (None, name) and not (quick and name in ("ppo", "dqn", "matches"))]
    seconds = 1.0 if quick else SECONDS

    def call(name: str, beat: Callable[[], None]) -> list[tuple[str, int]]:
        with parts[name]() as step:
            return _soak(name, step, seconds, beat)

    for name in names:  # each in a child of its own
        run_cases(report, [name], call, home, LIMIT)
    return report


def _soak(name: str, step: Callable[[], int], seconds: float, beat: Callable[[], None]) -> list[tuple[str, int]]:
    """Repeat a step for so long, and compare what it uses at the end with a third of the time."""
    began, done, early = time.monotonic(), 0, None
    while (now := time.monotonic() - began) < seconds:
        beat()
        done += step()
        if early is None and now > seconds / 3:
            early = Usage.now()
    late = Usage.now()
    early = early or late
    grown = late.growth(early)
    assert not late.exceeds(early, MOST_GROWTH), f"{name} grew in {done:,} steps: {grown}"
    return [(f"steps of {name} ({grown})", done)]


@contextmanager
def _window() -> Iterator[Callable[[], int]]:
    """The window's loop: a bot against a bot, game after game."""
    import play
    from ui.window import open_match

    game = games.load("pong")
    app = open_match(game, [play.seat_of("bot", game), play.seat_of("bot:1", game)], seed=1, size=(400, 440))
    app.page.load()

    def step() -> int:
        for _ in range(60):
            app.turn(1)
        return 60

    yield step
    app.close()


@contextmanager
def _training(references: runs.Reference, learner: str, home: Path) -> Iterator[Callable[[], int]]:
    """Iterations of a learner, that collects and learns."""
    patient = Patient(references.folder(runs.words_of(learner)), home / learner)
    assert patient.takes(patient.tensors)

    def step() -> int:
        patient.learner.iterate(lambda: 0.5)
        return 1

    yield step
    patient.learner.close()


@contextmanager
def _batches() -> Iterator[Callable[[], int]]:
    """A batch of each game that plays and is looked at."""
    from games.engine.batch import Batch
    from games.engine.view import View

    pairs = []
    for name in games.names():
        batch = Batch(games.load(name), 64, seed=1)
        pairs.append((batch, View(batch, [(env, 0) for env in range(64)], "pixels", 42, 4)))
    chance = np.random.default_rng(1)

    def step() -> int:
        for batch, view in pairs:
            batch.step(chance.integers(0, batch.game.num_actions, batch.rewards.shape))
            view.observe()
        return 64 * len(pairs)

    yield step


@contextmanager
def _environments() -> Iterator[Callable[[], int]]:
    """Environments of Gymnasium and PettingZoo: made, played for some steps, closed."""
    import gymnasium

    def step() -> int:
        for name in games.names():
            env = gymnasium.make(games.load(name).env_id)
            env.reset(seed=1)
            for _ in range(5):
                _, _, over, out, _ = env.step(env.action_space.sample())
                if over or out:
                    env.reset()
            env.close()
        return len(games.names())

    yield step


@contextmanager
def _matches() -> Iterator[Callable[[], int]]:
    """Matches of the agents that ship."""
    from agents.participants import participant
    from agents.play.match import play_match

    def step() -> int:
        for name in ("pong", "connect_four"):
            game = games.load(name)
            table = [participant(str(runs.ROOT / "agents" / "zoo" / name / "ppo.safetensors"), game), participant("bot", game)]
            play_match(game, table, 4, seed=1)
        return 8

    yield step
