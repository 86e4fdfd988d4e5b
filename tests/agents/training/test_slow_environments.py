"""Environments that are slow, or whose episodes never end: the time limit holds, and evaluations are bounded and say so."""

import json
import math
import signal
import time

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import train
from agents.algorithms import dqn
from agents.bridges.gym.evaluation import evaluate
from agents.bridges.gym.game import GymGame
from agents.core import tensor_file
from agents.core.distributed import ProcessGroup, Stop
from agents.play.limits import MatchLimits
from agents.play.seats import Participant
from agents.training import pace as paces
from agents.training import trainer as runs
from games.engine.batch import RANDOM

TINY = [
    "--set", "n_envs=2", "--set", "eval_games=3", "--set", "final_games=4", "--set", "threads=1", "--set", "hidden=8",
    "--set", "gif=false",
]  # fmt: skip
QUICK = {
    "ppo": ["--set", "n_steps=16", "--set", "batch_size=32"],
    "dqn": ["--set", "learning_starts=16", "--set", "gradient_steps=1", "--set", "batch_size=32"],
}


class Clock:
    """Time that passes only where an environment takes it."""

    now = 0.0

    def __call__(self):
        return Clock.now


class Endless(gymnasium.Env):
    """Pays 1 for each decision, takes `seconds` for it, and never ends."""

    observation_space, action_space = spaces.Box(0, 1, (3,), np.float32), spaces.Discrete(3)

    def __init__(self, seconds=1e-6, render_mode=None):
        self.seconds = seconds

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        Clock.now += self.seconds
        return np.zeros(3, np.float32), 1.0, False, False, {}


@pytest.fixture
def endless(monkeypatch):
    """`endless(seconds)`: an Endless as a game. Clocks show the time of environments."""
    monkeypatch.setattr(Clock, "now", 0.0)
    monkeypatch.setattr(time, "perf_counter", Clock())
    monkeypatch.setattr(train, "STARTED", 0.0)
    monkeypatch.setattr(paces, "perf_counter", Clock())
    monkeypatch.setattr(dqn, "MIN_DECISIONS", 64)

    def call(seconds=1e-6):
        gymnasium.register("Endless-v0", entry_point=Endless, kwargs={"seconds": seconds})
        return GymGame("Endless-v0")

    yield call
    gymnasium.registry.pop("Endless-v0", None)


def random_match(game, games, **limits):
    return evaluate(game, Participant("random", RANDOM), games, 1, MatchLimits(**limits))


# --- evaluations -----------------------------------------------------------------------------------------------------


def test_an_evaluation_in_which_no_episode_ends_is_cut_and_says_so(endless):
    result = random_match(endless(), 40, idle_decisions=3200)
    assert result.returns.tolist() == [[100.0]] * 32 and result.cut == 32, "of those that had begun"
    assert result.summary()["note"] == "32 of 32 episodes were cut at step 100 or before: none ended in 3,200 decisions"


def test_a_slow_evaluation_in_which_no_episode_ends_is_cut_in_time(endless):
    result = random_match(endless(seconds=1.0), 2, idle_seconds=9.0)
    assert result.returns.tolist() == [[5.0]] * 2 and "none ended" in result.note


def test_an_evaluation_keeps_its_time(endless):
    result = random_match(endless(seconds=1.0), 2, seconds=9.0)
    assert Clock.now <= 9.0 and result.returns.tolist() == [[4.0]] * 2 and "the time is up" in result.note


def test_an_evaluation_whose_episodes_end_is_not_cut():
    result = random_match(GymGame("CartPole-v1"), 40, idle_decisions=3200)
    assert result.games == 40 and result.note == "" and "note" not in result.summary()


def test_a_run_without_ends_ends(endless, main, monkeypatch):
    endless()
    monkeypatch.setattr(runs, "IDLE_DECISIONS", 500)
    code, out, error = main("gym:Endless-v0", *TINY, *QUICK["ppo"], "--steps", 320)
    assert code == 0, error
    assert len([line for line in out.splitlines() if "Rewards until then count" in line]) == 1, "said once, and in the end"
    assert "4 of 4 episodes were cut" in out.partition("Final:")[2]


# --- the time limit --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", QUICK)
def test_the_time_limit_holds_inside_an_iteration(endless, main, tmp_path, algorithm):
    """An iteration of 16 decisions and more takes longer than the limit."""
    endless(seconds=1.0)
    words = ["gym:Endless-v0", "--algo", algorithm, *TINY, *QUICK[algorithm], "--name", "one", "--time-limit", 20]
    code, out, error = main(*words)
    assert code == 0, error
    assert "which it gives up: nothing is learned yet" in out
    assert Clock.now < 30, "and not the 32 of an iteration, with evaluations"
    assert json.loads((tmp_path / "gym-Endless-v0" / "one" / runs.RESULTS).read_text())["steps"] == 0


@pytest.mark.parametrize("algorithm", QUICK)
def test_a_run_whose_iteration_was_given_up_goes_on_as_of_the_last_complete_one(
    endless, main, tmp_path, algorithm, monkeypatch
):
    """What is kept is the state before the iteration, to the last bit."""
    endless(seconds=0.01)
    kept, made = [], []
    begin = runs.Trainer._begin_iteration

    def late(run):
        begin(run)
        kept.append(run.safe)
        made.append(run)
        if len(kept) == 3:
            run.pace.deadline = Clock.now + 0.2

    monkeypatch.setattr(runs.Trainer, "_begin_iteration", late)
    words = ["gym:Endless-v0", "--algo", algorithm, *TINY, *QUICK[algorithm], "--name", "one"]
    code, out, error = main(*words, "--steps", 100_000, "--time-limit", 10_000)
    assert code == 0, error
    assert len(kept) == 3 and "The time is up after" in out and "nothing is learned" not in out
    folder = tmp_path / "gym-Endless-v0" / "one"
    tensors, meta = tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")
    before, counters = kept[2][0], kept[2][1]["learner"]
    assert meta["learner"]["steps"] == counters["steps"] == json.loads((folder / runs.RESULTS).read_text())["steps"]
    assert all((tensors[name] == before[name]).all() for name in before)
    code, out, error = main("gym:Endless-v0", "--resume", folder, "--steps", counters["steps"] + 64, "--time-limit", 20_000)
    assert code == 0 and made[-1].learner.steps >= counters["steps"] + 64, error


def test_a_signal_that_the_environment_has_swallowed_ends_the_iteration():
    group = ProcessGroup()
    pace = paces.Pace(group, 32, pytest.fail)
    pace.begin_iteration(math.inf)
    pace.before_step()
    with pytest.raises(Stop):
        group.interrupt(signal.SIGINT)
    with pytest.raises(Stop):
        pace.before_step()


# --- what would help -------------------------------------------------------------------------------------------------


def test_a_slow_iteration_is_told_once_with_what_would_shorten_it(endless, main):
    endless(seconds=5.0)
    code, out, error = main("gym:Endless-v0", *TINY, *QUICK["ppo"], "--steps", 96, "--set", "n_envs=4")
    assert code == 0, error
    lines = [line for line in out.splitlines() if line.startswith("Slow")]
    assert len(lines) == 1 and lines[0].startswith(
        "Slow: 0.2 steps/s, 5.3 minutes an iteration, 8.0 minutes in all. Shorter: --"
    )


def test_a_quick_environment_is_not_called_slow_because_of_its_first_steps(monkeypatch):
    times = iter([0.0, 30.0, *np.arange(30.01, 40, 0.01)])
    monkeypatch.setattr(paces, "perf_counter", lambda: next(times))
    pace = paces.Pace(ProcessGroup(), 32, pytest.fail)
    pace.begin_iteration(math.inf)
    for _ in range(32):
        pace.before_step()
