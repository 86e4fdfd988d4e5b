"""Several processes learn what one would, keep the same weights, end together, and go on as if nothing had happened."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import train
from agents.core import distributed, tensor_file
from agents.core.distributed import ProcessGroup, Stop
from agents.experience.replay import SampledEntries
from agents.training import config as configs
from agents.training import trainer as runs
from games.errors import UserError
from tests.agents.algorithms.steps import gradient_step
from tests.agents.core.one_rank import DQNS, ON_POLICY, dqn, learned, on_policy
from tests.short_runs import FAST, ROOT, folder_of

WORKER = Path(__file__).with_name("one_rank.py")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
PATIENCE = 400  # seconds until two processes count as hanging
QUICK = ["pong", *FAST, "--envs", "16", "--set", "batch_size=64", "--quiet"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def two(*words):
    """Two ranks of a script, begun as torchrun begins them; none is left behind."""
    port, processes = free_port(), []
    for rank in range(2):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
        env = {
            **os.environ,
            "MASTER_ADDR": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
            "CUDA_VISIBLE_DEVICES": "",
            **{k: str(v) for k, v in place.items()},
        }
        command = [sys.executable, *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, cwd=ROOT, env=env, **pipes))
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def ended(processes):
    """Exit codes, and all that was printed to standard error by each."""
    until = time.monotonic() + PATIENCE
    said = [process.communicate(timeout=max(0.1, until - time.monotonic()))[1] for process in processes]
    return [process.returncode for process in processes], said


def printed(process, word):
    """Wait for a line that begins so."""
    assert any(line.startswith(word) for line in process.stdout)


# --- what is learned ---


@pytest.fixture(scope="module")
def updates(tmp_path_factory):
    """What each of two ranks collected and learned: `updates("ppo")`, two dicts of tensors."""
    folder = tmp_path_factory.mktemp("updates")
    with two(WORKER, "updates", folder) as processes:
        codes, said = ended(processes)
    assert codes == [0, 0], said
    return lambda kind: [load_file(folder / f"{kind} {rank}.safetensors") for rank in range(2)]


def same_update(both, one):
    """Do both ranks have each other's weights to the bit, and the weights and gradients of one that had it all?"""
    alone = learned(one)
    for name, tensor in alone.items():
        assert (both[0][name] == both[1][name]).all(), name
        assert torch.allclose(both[0][name], tensor, rtol=1e-5, atol=1e-7), name
    assert max(tensor.abs().max() for name, tensor in alone.items() if name.startswith("grad.")) > 1e-3


@pytest.mark.parametrize("kind", ON_POLICY)
def test_two_ranks_give_the_update_of_one_with_the_batch_of_both(kind, updates):
    both, one = updates(kind), on_policy(kind, 12)
    for name, tensor in one.rollout.fields().items():
        tensor[:] = torch.cat([rank[f"roll.{name}"] for rank in both], 1)
    one.last_value = torch.cat([rank["last_value"] for rank in both])
    if one.first_state is not None:
        one.first_state = torch.cat([rank["first"] for rank in both])
    shares = [int(rank["roll.asked"].sum()) for rank in both]
    assert (shares[1] < 0.7 * shares[0]) == ON_POLICY[kind][1]
    metrics = one.update(0.0)
    same_update(both, one)
    for rank in both:
        assert {name: rank[f"metric.{name}"].item() for name in metrics} == pytest.approx(metrics, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("kind", DQNS)
def test_two_ranks_give_the_dqn_update_of_one_with_the_batch_of_both(kind, updates):
    both, one = updates(kind), dqn(kind, 12)
    replay = one.replay
    for field in replay.small():
        getattr(replay, field)[:] = torch.cat([rank[f"replay.{field}"] for rank in both]).numpy()
    replay.frames[:] = torch.cat([rank["frames"] for rank in both]).numpy()
    replay.count = torch.cat([rank["count"] for rank in both]).numpy()
    row = np.concatenate([rank["row"].numpy() + 12 * k for k, rank in enumerate(both)])  # six boards, both seats
    entry, weight = np.concatenate([rank["entry"].numpy() for rank in both]), np.ones(len(row))
    if replay.tree is not None:  # the chance of each to be drawn, to the power of -beta
        each = replay.size // replay.period
        chance = []
        for rank in both:
            priority = rank["priority"].numpy()
            leaf = rank["row"].numpy() * each + rank["entry"].numpy() % replay.size // replay.period
            chance.append(priority[leaf] / priority.sum())
        weight = np.concatenate(chance) ** -one.settings.beta
        assert abs(chance[0].min() / chance[1].min() - 1) > 0.01
    one.settings.batch_size *= 2
    replay.sample = lambda *chance: SampledEntries(row, entry, (weight / weight.max()).astype(np.float32))
    gradient_step(one)
    same_update(both, one)


def test_what_is_seen_is_normalised_by_all_that_all_ranks_have_seen(updates):
    both = updates("seen")
    every = torch.cat([rank["watched"] for rank in both]).double()
    assert len(both[0]["watched"]) < len(both[1]["watched"])
    for rank in both:
        assert torch.allclose(rank["mean"].double(), every.mean(0), atol=1e-5)
        assert torch.allclose(rank["deviation"].double(), (every.var(0, correction=0) + 1e-8).sqrt(), atol=1e-5)
    assert (both[0]["mean"] == both[1]["mean"]).all() and (both[0]["deviation"] == both[1]["deviation"]).all()


def test_no_two_ranks_play_the_same_episodes(updates):
    one, two = (set(rank["rng"].tolist()) for rank in updates("seen"))
    assert len(one) == 5 and len(two) == 8 and not one & two
    seeds = {ProcessGroup(rank, 100).rank_seed(seed) for rank in range(100) for seed in range(100)}
    assert len(seeds) == 100 * 100, "nor those of a run with another seed"
    assert [ProcessGroup(0, 2).rank_seed(seed) for seed in (1, 2)] == [1, 2]


def test_the_returns_that_are_told_are_those_of_all_ranks(updates):
    first, second = updates("seen")
    assert len(first["own"]) > 0 and len(second["own"]) > 0
    assert first["returns"].tolist() == [*first["own"].tolist(), *second["own"].tolist()]


# --- runs ---

RUNS = {
    "ppo": [*QUICK, "--steps", "8000", "--set", "normalize_value=true", "--set", "checkpoint_every=1000"],
    "dqn lstm": [  # without the setting n_steps
        *("connect_four", *FAST[2:], "--algo", "dqn", "--envs", "16", "--steps", "9000", "--quiet"),
        *("--set", "memory=lstm", "--set", "memory_size=6", "--set", "stack=1", "--set", "sequence=4", "--set", "burn_in=2"),
        *("--set", "batch_size=32", "--set", "learning_starts=1000", "--set", "buffer_size=800", "--opponent", "self"),
        *("--set", "target_update_interval=900", "--set", "eval_every=4000", "--set", "checkpoint_every=1000"),
    ],
    "league": [
        *("connect_four", *QUICK[1:], "--steps", "8000", "--set", "checkpoint_every=1000", "--opponent", "league"),
        *("--set", "memory=lstm", "--set", "memory_size=6", "--set", "stack=1", "--set", "league_size=3"),
    ],
}  # fmt: skip


@contextmanager
def torchrun(*words):
    """The real one, with two processes; none is left behind."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}  # two ranks need two GPUs
    process = subprocess.Popen([*TORCHRUN, *map(str, words)], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        kill_all(process)
        process.communicate()


def kill_all(process):
    """SIGKILL, to torchrun and its processes, which have groups of their own."""
    try:
        below = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except OSError:
        below = []
    process.kill()
    for pid in below:
        os.kill(int(pid), signal.SIGKILL)


def lines(folder):
    """progress.jsonl without what the clock says."""
    found = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    clock = ("time/fps", "time/time_elapsed", "perf/")
    return [{tag: value for tag, value in one.items() if tag != "time" and not tag.startswith(clock)} for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ppo", "dqn lstm"])
def test_after_every_update_the_weights_of_two_ranks_are_the_same(kind, tmp_path):
    with torchrun(WORKER, "train", tmp_path, "nothing", *RUNS[kind], "--runs", tmp_path, "--name", "both") as process:
        assert process.wait(PATIENCE) == 0, process.stderr.read()
    first, second = ((tmp_path / f"weights {rank}").read_text().splitlines() for rank in range(2))
    assert first == second
    assert len({line.split()[2] for line in first}) > 3, "they have learned"
    folder = folder_of(tmp_path, RUNS[kind], "both")
    told = [one["step"] for one in lines(folder) if "time/iterations" in one]
    assert told == [int(line.split()[0]) for line in first]
    if kind == "ppo":
        assert told == [2 * 16 * 16 * (k + 1) for k in range(16)], "decisions of both"
    assert len(list(folder.glob("events.*"))) == 1, "one of them writes"
    assert configs.read_config(folder).ranks == 2
    assert json.loads((folder / "results.json").read_text())["steps"] == told[-1] >= configs.read_config(folder).run.steps
    assert "torchrun --nproc-per-node 2" in (folder / "command.txt").read_text()


def same_end(folder, other):
    for kind, path in (("checkpoint", runs.CHECKPOINT), ("agent", runs.AGENT)):
        one, two = (tensor_file.load(each / path, kind)[0] for each in (folder, other))
        assert one.keys() == two.keys()
        assert [name for name in one if tensor_file.digest({"": one[name]}) != tensor_file.digest({"": two[name]})] == [], path
    assert lines(folder) == lines(other)
    leagues = [tensor_file.load(each / runs.CHECKPOINT, "checkpoint")[1].get("league") for each in (folder, other)]
    assert leagues[0] == leagues[1]
    steps = [one["step"] for one in lines(folder) if "time/iterations" in one]
    assert steps == sorted(set(steps)), "each step once"
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes of torchrun in /proc")
@pytest.mark.parametrize("kind", RUNS)
def test_two_killed_ranks_resume_to_the_same_weights(kind, tmp_path):
    words = [
        *RUNS[kind],
        "--steps",
        "100000" if kind == "ppo" else "60000",
        "--set",
        "checkpoint_every=3000",
        "--runs",
        tmp_path,
    ]
    with torchrun("train.py", *words, "--name", "whole") as process:
        assert process.wait(PATIENCE) == 0
    whole, folder = (folder_of(tmp_path, words, name) for name in ("whole", "killed"))
    saved, arguments, chance = folder / runs.CHECKPOINT, [*words, "--name", "killed"], random.Random(1)
    for kill in range(5):
        before = saved.stat().st_mtime_ns if saved.exists() else 0
        with torchrun("train.py", *arguments) as process:
            awaited = saved if kill else folder / "progress.jsonl"  # the first time before anything is saved
            while process.poll() is None and (not awaited.exists() or awaited.stat().st_mtime_ns == before):
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.2) if kill else 0.0)
            assert process.poll() is None, "it ended before it was killed"
        arguments = ["--resume", folder, "--quiet"]
    with torchrun("train.py", *arguments) as process:
        assert process.wait(PATIENCE) == 0
    same_end(folder, whole)
    named = tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")[1]["ranks"][0].get("segments", [])
    assert sorted(file.name for file in (folder / "checkpoints" / "rank1").glob("replay/*")) == named
    assert bool(named) == kind.startswith("dqn")


# --- how they end ---


@pytest.mark.slow
def test_the_first_ranks_clock_ends_both(tmp_path):
    """By the other's, the time was over before it began."""
    words = [*QUICK, "--time-limit", "15", "--runs", tmp_path, "--name", "x"]
    with two(WORKER, "train", tmp_path, "clock", *words) as processes:
        codes, said = ended(processes)
    assert codes == [0, 0], said
    first, second = ((tmp_path / f"weights {rank}").read_text() for rank in range(2))
    assert first == second and first


@pytest.mark.slow
def test_a_signal_to_one_rank_stops_both_and_they_go_on_to_the_same_weights(tmp_path):
    words = [*RUNS["ppo"], "--runs", tmp_path]
    with two("train.py", *words, "--name", "whole") as processes:
        assert ended(processes)[0] == [0, 0]
    folder = folder_of(tmp_path, words, "stopped")
    with two("train.py", *words, "--name", "stopped") as processes:
        while not (folder / "progress.jsonl").exists() or not (folder / "progress.jsonl").stat().st_size:
            assert processes[0].poll() is None
            time.sleep(0.01)
        processes[1].send_signal(signal.SIGTERM)
        codes, said = ended(processes)
    assert codes == [143, 143]
    assert f"torchrun --nproc-per-node 2 train.py --resume {folder}" in said[0]
    assert said[1] == ""
    assert not (folder / runs.RESULTS).exists()
    with two("train.py", "--resume", folder, "--quiet") as processes:
        codes, said = ended(processes)
    assert codes == [0, 0], said
    same_end(folder, folder_of(tmp_path, words, "whole"))


@pytest.mark.slow
def test_a_signal_breaks_off_an_evaluation_that_the_other_waits_for(tmp_path):
    words = [*QUICK, "--steps", "1000", "--runs", tmp_path, "--name", "long"]
    with two(WORKER, "train", tmp_path, "long evaluation", *words) as processes:
        printed(processes[0], "evaluating")
        for process in processes:
            process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert ended(processes)[0] == [130, 130]
        assert time.monotonic() - began < 30, "not after the evaluation"
    meta = tensor_file.load(folder_of(tmp_path, words, "long") / runs.CHECKPOINT, "checkpoint")[1]
    assert meta["learner"]["steps"] > 0 and len(meta["ranks"]) == 1


@pytest.mark.parametrize(
    "wrong", [["--set", "gama=1"], pytest.param(["--gama", "1"], marks=pytest.mark.slow)], ids=["setting", "option"]
)
def test_what_is_wrong_is_said_once_and_both_exit_2(wrong, tmp_path):
    with two("train.py", *QUICK, *wrong, "--runs", tmp_path) as processes:
        codes, said = ended(processes)
    assert codes == [2, 2]
    assert said[0].count("error: ") == 1 and said[1] == ""
    assert "Traceback" not in said[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", [["--seeds", "2"], ["--jobs", "2"], ["--describe"], ["--trainer", "sb3"]], ids=lambda words: words[0]
)
def test_what_needs_one_process_is_refused_to_several(words, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", *QUICK, *words])
    with pytest.raises(UserError, match=f"{words[0]} .*without torchrun"):
        train.train_together(ProcessGroup(0, 2))


def test_what_is_wrong_with_another_rank_is_said_by_the_first(tmp_path):
    words = [*QUICK, "--steps", "8000", "--runs", tmp_path, "--name", "x"]
    with two(WORKER, "train", tmp_path, "refuse", *words) as processes:
        codes, said = ended(processes)
    assert codes == [2, 2]
    assert said == ["error: This machine lacks something.\nGive it some.\n", ""]
    assert not (tmp_path / "pong" / "x").exists(), "nothing is left of a run that did not begin"


@pytest.mark.slow
def test_a_reward_that_is_no_number_on_one_rank_stops_both(tmp_path):
    words = [*QUICK, "--steps", "8000", "--runs", tmp_path, "--name", "x"]
    with two(WORKER, "train", tmp_path, "nan", *words) as processes:
        codes, said = ended(processes)
    assert codes == [2, 2]
    assert said[0].startswith("error: Training stopped at step") and said[0].count(": a reward is not a number.") == 1
    assert "It is what the game gave." in said[0] and said[1] == ""


@pytest.mark.slow
def test_where_one_rank_is_killed_the_other_ends_and_says_so(tmp_path):
    words = [*QUICK, "--steps", "8000", "--runs", tmp_path, "--name", "x"]
    with two(WORKER, "train", tmp_path, "die", *words) as processes:
        codes, said = ended(processes)
    assert codes == [1, -signal.SIGKILL]
    assert said[0].startswith("error: One of the 2 ranks is gone")


LEAVES = """
import os, pathlib, sys
import torch.distributed as dist
from agents.core import distributed
from games.errors import UserError
left = pathlib.Path(sys.argv[1])
def leave(*args, **kwargs):
    left.touch()
    os._exit(9)
def check():
    if left.exists():
        raise UserError("it has left")
if os.environ["RANK"] == "1":
    dist.init_process_group = leave  # when all are there
distributed.join_group(check)
"""


@pytest.mark.slow
def test_one_that_ends_while_the_group_forms_is_not_waited_for(tmp_path):
    (tmp_path / "leaves.py").write_text(LEAVES)
    with two(tmp_path / "leaves.py", tmp_path / "left") as processes:
        codes, said = ended(processes)
    assert codes == [2, 9] and said[0].endswith("error: it has left\n")


def test_a_signal_that_came_before_an_evaluation_is_heeded_at_once(monkeypatch):
    group, played = ProcessGroup(0, 2), []
    monkeypatch.setattr(group, "gather_numbers", lambda number: torch.tensor([[float(number)], [0.0]]))
    group.interrupt(signal.SIGTERM)
    with pytest.raises(Stop):
        group.on_rank_0(lambda: played.append(True))
    assert not played


@pytest.mark.parametrize("found", [MemoryError("none left"), RuntimeError("can't allocate memory: you tried 8 GB")])
def test_a_rank_without_memory_says_so_by_rank_0(found, monkeypatch):
    left = {}

    def fails(group):
        with distributed._lost_ranks():  # within a collective operation too
            raise found

    monkeypatch.setattr(ProcessGroup, "leave", lambda group, code, message: left.setdefault(message, code))
    monkeypatch.setattr(distributed, "join_group", lambda check: ProcessGroup(1, 2))
    assert distributed.run_group(fails, fails) == 2
    assert next(iter(left)).startswith(f"There is not enough memory ({found})")


def test_another_number_of_ranks_cannot_go_on_with_a_run(main, tmp_path):
    code, _, said = main(*QUICK, "--steps", "500", "--name", "one")
    assert code == 0, said
    folder = folder_of(tmp_path, QUICK, "one")
    with two("train.py", "--resume", folder) as processes:
        codes, said = ended(processes)
    assert codes == [2, 2]
    assert "a run of 1 process, and here 2 would go on" in said[0] and f": python train.py --resume {folder}" in said[0]
