"""Stable-Baselines3 the usual way: it sees what Pygame draws, is stopped at the mark or when time is up, and leaves nobody."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import games
from games.engine.batch import Batch
from games.engine.view import View
from games.errors import UserError
from speed import time_to_target

ROOT = Path(__file__).parents[2]


def test_what_pygame_draws_is_what_agents_see():
    """The same picture for each seat, but for the edges of shapes: while the game moves and at its end."""
    batch = Batch(games.load("pong"), 8, seed=1)
    rows = [(env, env % 2) for env in range(8)]
    drawn, painted = time_to_target.PygameView(batch, rows, "pixels", 84, 4), View(batch, rows, "pixels", 84, 4)
    chance = np.random.default_rng(1)
    for _ in range(60):
        batch.step(chance.integers(3, size=(8, 2)))
        mine, other = drawn.observe(), painted.observe()
    assert mine.shape == other.shape and mine.dtype == other.dtype
    assert np.abs(mine.astype(int) - other).mean() < 1.0  # of 255 grey levels
    assert np.corrcoef(mine.ravel(), other.ravel())[0, 1] > 0.95


def test_the_usual_environment_plays_whole_games_as_pygame_draws_them():
    before = signal.getsignal(signal.SIGINT)
    try:
        env = time_to_target.environment(1)
        seen, _ = env.reset(seed=1)
        drawn = time_to_target.PygameView(env.unwrapped.batch, [(0, 1)], "pixels", 84, 4)
        assert (seen == drawn.observe()[0].transpose(1, 2, 0)).all()
        for _ in range(3000):
            seen, _, over, cut, info = env.step(env.action_space.sample())
            if over or cut:
                break
        assert seen.shape == (84, 84, 4) and seen.std() > 1 and info["episode"]["l"] > 10
    finally:
        signal.signal(signal.SIGINT, before)


class Model:
    """What is asked of a learner while somebody looks on."""

    num_envs = 2

    def get_env(self):
        return self


def watched(monkeypatch, scores, limit=1e9):
    """One who looks on, evaluating every 10 steps; what `scores` says is won."""
    results = iter(scores)
    monkeypatch.setattr(
        time_to_target, "play_match", lambda *_arguments, **_named: type("Result", (), {"score": next(results)})
    )
    callback = time_to_target.EvalCallback(limit, 10, 4, lambda what: None)
    callback.model, callback.locals = Model(), {"dones": np.array([1, 0]), "rewards": np.array([1.0, 0.0])}
    callback._on_training_start()
    return callback


def steps_until_it_stops(callback):
    for step in range(2, 10_000, 2):
        callback.num_timesteps = step
        if not callback._on_step():
            return step
    return None


def test_learning_the_usual_way_stops_at_the_mark(monkeypatch):
    callback = watched(monkeypatch, [0.2, 0.94, 0.95])
    assert steps_until_it_stops(callback) == 30 and callback.reached and callback.score == 0.95


def test_learning_the_usual_way_stops_when_time_is_up_but_not_before_a_game_has_ended(monkeypatch):
    callback = watched(monkeypatch, [0.2] * 99, limit=0.0)
    assert steps_until_it_stops(callback) == 2 and not callback.reached
    callback = watched(monkeypatch, [0.2] * 999, limit=0.0)
    callback.locals["dones"] = np.array([0, 0])
    assert steps_until_it_stops(callback) == 2 * 60 * 180 // 4 + 2  # no game of the two is longer


def test_a_ctrl_c_that_a_compiled_callback_dropped_ends_it_at_the_next_step(monkeypatch):
    callback = watched(monkeypatch, [0.2] * 99)
    with contextlib.suppress(KeyboardInterrupt):  # as Python does there
        callback.interrupt(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        steps_until_it_stops(callback)


def test_evaluations_of_the_usual_way_are_not_charged(monkeypatch):
    now = iter(range(0, 10_000, 100))
    monkeypatch.setattr(time_to_target, "perf_counter", lambda: next(now))
    callback = watched(monkeypatch, [0.5])
    assert callback.elapsed() == 100
    callback.num_timesteps = 10
    callback.evaluate()  # asks the time three times: 300 s, of which 100 are its own
    assert callback.stopped == 100


def test_a_learner_the_usual_way_that_does_not_learn_has_no_time(monkeypatch):
    callback = watched(monkeypatch, [])
    model = type("Learner", (), {"_n_updates": 4, "policy": type("Policy", (), {"parameters": staticmethod(list)})})
    callback.episodes = callback.rewards = 3
    with pytest.raises(UserError, match="no change of the weights"):
        time_to_target.check(callback, model, b"")
    model._n_updates = 0  # stopped before it was to learn anything
    time_to_target.check(callback, model, b"")
    callback.episodes = 0
    with pytest.raises(UserError, match="no end of an episode"):
        time_to_target.check(callback, model, b"other")


# --- the processes --------------------------------------------------------------------------------------------------


def bench(*words):
    return subprocess.Popen(
        [sys.executable, "bench.py", "usual", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("signals, code", [([], 0), ([signal.SIGINT], 130)])
def test_nobody_is_left_behind(signals, code):
    """To its end, and after a Ctrl-C that everybody gets: the pipe ends only when all who hold it have."""
    process = bench("ppo", "--quick", "--json")
    try:
        for line in process.stderr:
            if "ready" in line:
                break
        for number in signals:
            os.killpg(process.pid, number)
        out, said = process.communicate(timeout=240)
        assert process.returncode == code, said
        assert ("not reached: lower bound" in out) == (code == 0)
    finally:
        process.kill()


@pytest.mark.slow
def test_a_killed_worker_does_not_hold_up_the_end():
    envs = time_to_target.SubprocVecEnv([time_to_target.partial(time_to_target.environment, k) for k in range(2)])
    envs.reset()
    os.kill(envs.processes[0].pid, signal.SIGSTOP)  # it owes an answer when it dies
    envs.step_async(np.zeros(2, int))
    envs.processes[0].kill()
    time_to_target.end(envs)
    assert not any(process.is_alive() for process in envs.processes)
