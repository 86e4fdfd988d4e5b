"""A GPU measured: the tests that need one, decisions a second beside this machine's processor, a recipe to its mark, and
where the time goes. Without a GPU the same runs in small on the processor, so that it is known to work before one is at hand.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from agents.algorithms.ppo import PPO, PPOSettings
from agents.participants import participant
from agents.play.pool import Opponents
from games.engine.loader import Game
from games.errors import UserError
from speed.learner_baselines import NETWORKS
from speed.rows import CORES, Row

ROOT = Path(__file__).parents[1]
TESTS = "tests/agents/algorithms/test_gpu.py"
MEMORIES: dict[str, dict[str, Any]] = {"": {}, " lstm": {"memory": "lstm", "memory_size": 256}}
ON_PROCESSOR = {"patch": NETWORKS["patch"], "nature": NETWORKS["nature"], "impala": NETWORKS["nature"]}  # a processor's sizes
SIZES: dict[str, dict[str, Any]] = {  # batches that keep a GPU at work
    "patch": {**ON_PROCESSOR["patch"], "n_envs": 2048, "batch_size": 8192},
    "nature": {**ON_PROCESSOR["nature"], "n_envs": 512, "n_steps": 16, "batch_size": 2048},
    "impala": {**ON_PROCESSOR["impala"], "n_envs": 512, "n_steps": 16, "batch_size": 2048},
}
SMALL = {"n_envs": 16, "n_steps": 4, "batch_size": 32}  # without a GPU, or quickly
FEW = ["--steps", "4000", "--envs", "16", "--set", "eval_games=4", "--set", "final_games=4"]
WARM = 2  # iterations until a learner is timed
PROFILED = 3  # iterations that are profiled
TOP = 4  # operations that a profile names


def measure(named: list[Game], seconds: float, quick: bool) -> Iterator[Row]:
    """The rows. seconds: of each learner."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    small = quick or device == "cpu"
    what = torch.cuda.get_device_name() if device == "cuda" else "no GPU: in small on the processor, to see that it works"
    yield tests_row(device, what)
    for network, values in SIZES.items():
        for name, memory in MEMORIES.items():
            settings = PPOSettings(**{**values, **memory, **(SMALL if small else {})}, network=network, schedule="constant")
            row = speed_row(f"ppo {network}{name}", named[0], settings, device, 0.0 if small else seconds)
            if device == "cuda":  # with the sizes that are best there
                beside = PPOSettings(
                    **{**ON_PROCESSOR[network], **memory, **(SMALL if small else {})}, network=network, schedule="constant"
                )
                row.beside(speed_of(named[0], beside, "cpu", 0.0 if small else seconds)[0], f"{CORES} cores")
            yield row
    yield mark_row(named[0], device, small)
    for network, values in SIZES.items():
        settings = PPOSettings(**{**values, **(SMALL if small else {})}, network=network, schedule="constant")
        yield profile_row(f"ppo {network} profile", named[0], settings, device)


def tests_row(device: str, what: str) -> Row:
    """The number of tests that pass on the device; `UserError` where one fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "SPARRING_TEST_DEVICE": device}, capture_output=True, text=True, check=False
    )
    last = done.stdout.strip().splitlines()[-1:] or [done.stderr.strip()[-200:]]
    if done.returncode:
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        raise UserError("\n".join([f"Tests fail on {device}: {last[0]}", *failed]))
    return Row("tests", "passed", float(last[0].split()[0]), note=what)


def learner_of(game: Game, settings: PPOSettings, device: str) -> PPO:
    opponents: Opponents = [participant("bot", game)] if game.players == 2 else []
    return PPO(game, settings, 1, opponents, device=device, threads=min(4, CORES))


def wait(device: str) -> None:
    """Wait until the GPU has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def speed_of(game: Game, settings: PPOSettings, device: str, seconds: float) -> tuple[float, float]:
    """Decisions a second of whole iterations, and the part of the time that goes into collecting them."""
    learner = learner_of(game, settings, device)
    try:
        for _ in range(WARM):
            learner.iterate(lambda: 0.0)
        wait(device)
        steps, collecting, began = learner.steps, 0.0, perf_counter()
        while True:
            learner.iterate(lambda: 0.0)
            wait(device)
            collecting += learner.seconds["collect"]
            elapsed = perf_counter() - began
            if elapsed >= seconds:
                return (learner.steps - steps) / elapsed, collecting / elapsed
    finally:
        learner.close()


def speed_row(name: str, game: Game, settings: PPOSettings, device: str, seconds: float) -> Row:
    speed, collecting = speed_of(game, settings, device, seconds)
    note = f"{device}, {settings.n_envs} environments, minibatches of {settings.batch_size}; {collecting:.0%} collects"
    return Row(name, "steps/s", speed, note=note)


def mark_row(game: Game, device: str, small: bool) -> Row:
    """Seconds of a whole training by the game's recipe, its evaluations included."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [game.name, "--device", device, "--json", "--runs", folder, "--name", "x", "--set", "gif=false"]
        command = [sys.executable, str(ROOT / "train.py"), *arguments, *(FEW if small else [])]
        began = perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        elapsed = perf_counter() - began
    if done.returncode:
        raise UserError(f"{game.name} failed on {device}:\n{done.stderr.strip().splitlines()[-1]}")
    final = json.loads(done.stdout)
    reached = "reached" if final["reached"] else "not reached"
    return Row(
        f"{game.name} to its mark", "s", elapsed, note=f"{reached}: {final['mark_score']:.1%} after {final['steps']:,} steps"
    )


def profile_row(name: str, game: Game, settings: PPOSettings, device: str) -> Row:
    """Milliseconds of an iteration, and the operations that take most of the device's time."""
    learner = learner_of(game, settings, device)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    try:
        for _ in range(WARM):
            learner.iterate(lambda: 0.0)
        wait(device)
        with profile(activities=activities) as found:
            began = perf_counter()
            for _ in range(PROFILED):
                learner.iterate(lambda: 0.0)
            wait(device)
            elapsed = (perf_counter() - began) / PROFILED
    finally:
        learner.close()
    times = {
        each.key: each.self_device_time_total if device == "cuda" else each.self_cpu_time_total for each in found.key_averages()
    }
    whole = sum(times.values()) / 1e6 / PROFILED  # seconds of an iteration
    top = sorted(times, key=lambda key: -times[key])[:TOP]
    parts = ", ".join(f"{key} {times[key] / 1e6 / PROFILED / max(whole, 1e-12):.0%}" for key in top)
    busy = f"{min(whole / elapsed, 1.0):.0%} of it the GPU is at work" if device == "cuda" else "by the profiler of torch"
    return Row(name, "ms", elapsed * 1e3, note=f"an iteration, {busy}; {parts}")
