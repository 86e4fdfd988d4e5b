"""`train.py --workers 2`: processes that begin by themselves, learn as torchrun's do, end together and leave nothing behind."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import train
from agents.core import distributed, tensor_file, workers
from agents.core.distributed import ProcessGroup
from agents.training import cli_config
from agents.training import config as configs
from agents.training import trainer as runs
from games.engine import cache
from games.errors import UserError
from tests.agents.core.test_distributed import PATIENCE, ended, same_end, two
from tests.short_runs import FAST, ROOT, folder_of

SHORT = ["pong", *FAST, "--quiet", "--steps", "4000"]
LONG = ["pong", *FAST, "--quiet", "--steps", "200000", "--set", "checkpoint_every=1000"]
WHOLE, HALF = (["--envs", envs, "--set", f"batch_size={batch}"] for envs, batch in (("16", "64"), ("8", "32")))
SEES_PROCESSES = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the worker in /proc")


def begun(*words, leads=False, **env):
    """The command, begun. leads: a group of processes of its own, as in a terminal."""
    command = [sys.executable, "train.py", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": leads}
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **env}, **pipes)


def worker_of(process):
    """The process id of its one worker, once there is one."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until and process.poll() is None:
        for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            if b"train.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
        time.sleep(0.01)
    raise AssertionError(f"there is no worker: {process.communicate()}")


def is_there(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def awaited(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_two_workers_divide_a_run(tmp_path):
    with begun(*SHORT, *WHOLE, "--workers", "2", "--runs", tmp_path, "--name", "both") as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, "")
    folder = folder_of(tmp_path, SHORT, "both")
    config = configs.read_config(folder)
    assert (config.ranks, config.learner.n_envs, config.learner.batch_size) == (2, 8, 32)
    shown = EventAccumulator(str(folder)).Reload().Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert {"| **workers** | 2 |", "| **n_envs** | 16 |", "| **batch_size** | 64 |"} <= set(shown.splitlines())
    assert (folder / "command.txt").read_text().startswith("python train.py pong")


@pytest.mark.slow
def test_workers_learn_what_processes_of_torchrun_learn(tmp_path):
    with begun(*SHORT, *WHOLE, "--workers", "2", "--runs", tmp_path, "--name", "workers") as process:
        assert process.wait(PATIENCE) == 0
    with two("train.py", *SHORT, *HALF, "--runs", tmp_path, "--name", "ranks") as processes:
        assert ended(processes)[0] == [0, 0]
    same_end(*(folder_of(tmp_path, SHORT, name) for name in ("workers", "ranks")))


@pytest.mark.slow
@SEES_PROCESSES
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_both_and_they_go_on_to_the_same_weights(number, tmp_path):
    words = [*LONG, *WHOLE, "--workers", "2", "--runs", tmp_path]
    words[words.index("200000")] = "20000"
    with begun(*words, "--name", "whole") as process:
        assert process.wait(PATIENCE) == 0
    folder = folder_of(tmp_path, words, "stopped")
    with begun(*words, "--name", "stopped") as process:
        worker = worker_of(process)
        awaited(lambda: (folder / "progress.jsonl").exists() and (folder / "progress.jsonl").stat().st_size)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number and not is_there(worker)
    assert f"python train.py --resume {folder}" in said
    with begun("--resume", folder, "--quiet") as process:
        assert process.wait(PATIENCE) == 0
    same_end(folder, folder_of(tmp_path, words, "whole"))


@pytest.mark.slow
@SEES_PROCESSES
@pytest.mark.parametrize("first", [True, False], ids=["rank 0", "worker"])
def test_where_one_is_killed_the_other_ends_and_nothing_is_left(first, tmp_path):
    place = tmp_path / "temporary"
    place.mkdir()
    words = [*LONG, *WHOLE, "--workers", "2", "--runs", tmp_path, "--name", "x"]
    with begun(*words, TMPDIR=str(place)) as process:
        worker = worker_of(process)
        folder = folder_of(tmp_path, words, "x")
        awaited((folder / runs.CHECKPOINT).exists)
        saved = (folder / "progress.jsonl").read_text()
        awaited(lambda: (folder / "progress.jsonl").read_text() != saved)  # it learns again
        os.kill(process.pid if first else worker, signal.SIGKILL)
        _, said = process.communicate(timeout=PATIENCE)
        awaited(lambda: not is_there(worker))
    if not first:
        assert process.returncode == 1
        assert said.startswith("error: One of the 2 ranks is gone") and "Traceback" not in said
    assert not list(place.iterdir())


@pytest.mark.slow
@SEES_PROCESSES
def test_where_no_more_can_be_written_both_end_and_go_on_to_the_same_weights(tmp_path):
    words = [*LONG, *WHOLE, "--workers", "2", "--runs", tmp_path]
    words[words.index("200000")] = "20000"
    with begun(*words, "--name", "whole") as process:
        assert process.wait(PATIENCE) == 0
    folder = folder_of(tmp_path, words, "full")
    with begun(*words, "--name", "full") as process:
        worker = worker_of(process)
        awaited((folder / runs.CHECKPOINT).exists)
        resource = pytest.importorskip("resource")
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1000, most))
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and not is_there(worker)
    assert said.count("error: ") == said.count("File too large") == 1 and "Traceback" not in said
    with begun("--resume", folder, "--quiet") as process:
        assert process.wait(PATIENCE) == 0
    same_end(folder, folder_of(tmp_path, words, "whole"))


def test_a_worker_that_ends_before_all_are_there_is_told(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(
        f"import os, sys\nopen({str(tmp_path / 'told')!r}, 'w').write(os.environ['SPARRING_CACHE'])\nsys.exit(3)\n"
    )
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.delenv("SPARRING_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    before = dict(os.environ)
    with pytest.raises(UserError, match="exit code 3 before the training began"):
        workers.run(2, script, train.together)
    assert dict(os.environ) == before
    assert (tmp_path / "told").read_text() == str(cache.root()), "what one compiles the others find"


@SEES_PROCESSES
def test_ctrl_c_before_all_are_there_leaves_nothing(tmp_path):
    with begun(*SHORT, *WHOLE, "--workers", "2", "--runs", tmp_path) as process:
        worker = worker_of(process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (130, "\nStopped before the first iteration. No run was begun.\n")
    awaited(lambda: not is_there(worker))
    assert not list(tmp_path.iterdir())


@SEES_PROCESSES
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_while_they_load_is_told_once_and_leaves_nothing(number, tmp_path):
    place = tmp_path / "temporary"
    place.mkdir()
    with begun(*SHORT, *WHOLE, "--workers", "2", "--runs", tmp_path / "runs", leads=True, TMPDIR=str(place)) as process:
        worker = worker_of(process)
        awaited(lambda: "libtorch" in Path(f"/proc/{worker}/maps").read_text())
        process.send_signal(signal.SIGSTOP)  # or it would end the worker before that has had its say
        os.killpg(process.pid, number)
        awaited(lambda: not is_there(worker))
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=PATIENCE)
    told = "\nStopped before the first iteration. No run was begun.\n" if number == signal.SIGINT else ""
    assert (process.returncode, said) == (128 + number, told)
    awaited(lambda: not is_there(worker))
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"] and not list(place.iterdir())


@pytest.mark.slow
@SEES_PROCESSES
@pytest.mark.parametrize("to_all", [True, False], ids=["to all", "to rank 0"])
def test_after_a_second_signal_both_end_soon_and_no_folder_is_left(to_all, tmp_path):
    """Where rank 0 alone gets them, the worker finds no folder for its words; torch would look for it for five minutes."""
    place = tmp_path / "temporary"
    place.mkdir()
    words = [*LONG, *WHOLE, "--workers", "2", "--runs", tmp_path, "--name", "x"]
    with begun(*words, leads=True, TMPDIR=str(place)) as process:
        worker = worker_of(process)
        awaited((folder_of(tmp_path, words, "x") / runs.CHECKPOINT).exists)
        process.send_signal(signal.SIGSTOP)  # so that both signals come before it can act upon one
        for number in (signal.SIGINT, signal.SIGTERM):
            os.killpg(process.pid, number) if to_all else process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=PATIENCE)
        awaited(lambda: not is_there(worker))
    assert process.returncode in (130, 143) and not list(place.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")  # it becomes another program at once
@pytest.mark.parametrize("count", [1, 2])
def test_a_terminal_that_closes_ends_a_run_that_is_saved(count, tmp_path):
    """It is told so twice, by the system and by its shell, and can print no more."""
    words = [*LONG, *WHOLE, "--workers", count, "--runs", tmp_path, "--name", "x"]
    words = [*(word for word in words if word != "--quiet"), "--set", "checkpoint_every=1000000"]
    folder = folder_of(tmp_path, words, "x")
    pid, terminal = pytest.importorskip("pty").fork()
    if not pid:
        os.chdir(ROOT)
        os.environ["TERM"] = "xterm"  # so that there is something to print all the time
        os.execv(sys.executable, [sys.executable, "train.py", *map(str, words)])
    progress, ended_so = folder / "progress.jsonl", []

    def learns():
        select.select([terminal], [], [], 0.1)
        os.read(terminal, 10_000)
        return progress.exists() and progress.read_text().count("time/iterations") >= 3

    def has_ended():
        found, status = os.waitpid(pid, os.WNOHANG)
        ended_so.extend([os.waitstatus_to_exitcode(status)] if found else [])
        return ended_so

    try:
        awaited(learns, PATIENCE)
        os.close(terminal)
        time.sleep(0.01)
        os.kill(pid, signal.SIGHUP)
        awaited(has_ended, PATIENCE)
    finally:
        if not ended_so:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert ended_so[0] in (128 + signal.SIGHUP, -signal.SIGHUP), "the second one may come when all is saved"
    assert tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")[1]["iteration"] >= 3


def test_ctrl_c_while_a_worker_ends_changes_nothing(tmp_path, monkeypatch):
    script, wait = tmp_path / "train.py", subprocess.Popen.wait
    script.write_text("")

    def interrupted(worker, *words):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)  # here it would be raised
        return wait(worker, *words)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    monkeypatch.setattr(workers.subprocess.Popen, "wait", interrupted)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            assert workers.run(2, script, lambda check: 130) == 130
            assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
            return
        raise AssertionError("it was interrupted")
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_before_anything_is_saved_is_told_by_the_command_as_of_a_process_alone(monkeypatch):
    def interrupted(group):
        raise KeyboardInterrupt

    monkeypatch.setattr(distributed, "join_group", lambda check: ProcessGroup())
    with pytest.raises(KeyboardInterrupt):
        distributed.run_group(interrupted, interrupted)


def test_ctrl_c_while_a_worker_begins_leaves_none(tmp_path, monkeypatch):
    begun_ones, original = [], subprocess.Popen

    def interrupted(*words, **options):
        begun_ones.append(original([sys.executable, "-c", "import time; time.sleep(60)"]))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)  # here it would be raised
        return begun_ones[0]

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        monkeypatch.setattr(workers.subprocess, "Popen", interrupted)
        with pytest.raises(KeyboardInterrupt):
            workers.run(2, tmp_path / "train.py", lambda check: 0)
        assert begun_ones[0].poll() is not None
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        begun_ones[0].kill()
        begun_ones[0].wait()


def test_who_ignores_ctrl_c_has_workers_that_ignore_it(tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    script = tmp_path / "train.py"
    script.write_text(f"import pathlib, signal\npathlib.Path({str(seen)!r}).write_text(str(signal.getsignal(signal.SIGINT)))\n")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert workers.run(2, script, lambda check: 0) == 0
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen.read_text() == str(signal.SIG_IGN)


@pytest.mark.parametrize("what", ["parent", "folder"])
def test_a_worker_that_is_alone_before_it_meets_anybody_ends(what, tmp_path, monkeypatch):
    """torch would wait five minutes for the file of the meeting, whose folder is gone."""
    place = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    parent = "1" if what == "parent" else str(os.getpid())
    gone = {**place, workers.MEETING: str(tmp_path / "gone" / "meeting"), workers.PARENT: parent}
    with begun(*SHORT, *WHOLE, "--workers", "2", "--runs", tmp_path, **gone) as process:
        _, said = process.communicate(timeout=100)
    assert process.returncode == 2 and "is gone" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--envs", "15", "--workers", "2"), "2 workers cannot share n_envs equally, which is 15"),
        (("--set", "batch_size=4", "--workers", "4"), "4 workers cannot share batch_size, which is 4: each needs 2"),
    ],
)
def test_what_workers_cannot_divide_is_told(words, told):
    options = train.arguments().parse_args([*SHORT, *words])
    with pytest.raises(UserError, match=told):
        cli_config.resolve_options(options)


@pytest.mark.parametrize("words", [["--seeds", "2"], ["--describe"]], ids=lambda words: words[0])
def test_what_needs_one_process_is_refused_to_workers(words, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", *SHORT, "--workers", "2", *words])
    monkeypatch.setenv(workers.MEETING, "somewhere")
    with pytest.raises(UserError, match=f"{words[0]} .*without --workers"):
        train.train_together(ProcessGroup(0, 2))


def test_torchruns_processes_begin_no_workers(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", *SHORT, "--workers", "2"])
    with pytest.raises(UserError, match="torchrun has begun all processes: leave out --workers"):
        train.train_together(ProcessGroup(0, 2))


@pytest.mark.parametrize(("cores", "count"), [(1, 1), (2, 2), (3, 2), (4, 4), (64, 4)])
def test_workers_are_as_many_as_cores_up_to_four(cores, count, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    monkeypatch.setattr(workers, "_has_cuda_driver", lambda: False)
    assert workers.default_count() == count


def test_there_is_one_process_with_a_gpu_or_where_memory_cannot_be_shared(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(workers.ctypes, "CDLL", lambda name: object())
    assert (workers.default_count(), workers.default_count("auto"), workers.default_count("cpu")) == (1, 1, 2)
    monkeypatch.undo()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(workers, "_has_cuda_driver", lambda: False)
    monkeypatch.delattr(workers.socket, "send_fds")
    assert workers.default_count() == 1


MANY = ["pong", "pong --algo pqn", "breakout --memory lstm --steps 1e5", "connect_four --set gamma=0.9 --opponent self"]
ONE = [
    *("pong --algo dqn", "gym:CartPole-v1", "pong --envs 64", "pong --set n_envs=64", "pong --set batch_size=256"),
    *("pong --set threads=2", "pong --workers 1", "pong --seeds 2", "pong --describe", "pong --preset sb3"),
    *("pong --trainer sb3", "pong --device cuda", "--list"),
]  # fmt: skip


@pytest.mark.parametrize("line", MANY + ONE)
def test_a_recipe_for_which_nobody_has_chosen_sizes_is_shared_by_workers(line, monkeypatch):
    monkeypatch.setattr(workers, "default_count", lambda device: 4)
    assert train.workers_named(train.arguments().parse_args(line.split())) == (4 if line in MANY else 1)


@pytest.mark.parametrize("had", [1, 2])
def test_a_run_that_goes_on_has_as_many_as_it_had_whatever_the_cores(had, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "default_count", lambda device: 4)
    (tmp_path / "config.json").write_text(json.dumps({"ranks": had}))
    assert train.workers_named(train.arguments().parse_args(["--resume", str(tmp_path)])) == had


def test_workers_by_default_divide_the_recipe(tmp_path):
    """The whole way of `train.py pong`, but for its length."""
    words = ["pong", "--steps", "1", "--set", "eval_games=2", "--set", "final_games=2", "--set", "gif=false", "--quiet"]
    with begun(*words, "--runs", tmp_path, "--name", "x") as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, "")
    config = configs.read_config(tmp_path / "pong" / "x")
    many = workers.default_count()
    assert (config.ranks, config.run.threads) == (many, 1 if many > 1 else min(4, os.cpu_count()))
    assert (config.learner.n_envs, config.learner.batch_size) == (512 // many, 1024 // many)
    with begun("--resume", tmp_path / "pong" / "x", "--steps", "8193", "--quiet") as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, "")
    assert configs.read_config(tmp_path / "pong" / "x").ranks == many


@pytest.mark.parametrize("count", ["0", "-1", "257"])
def test_a_number_of_workers_that_cannot_be_is_told(count, main):
    assert main(*SHORT, "--workers", count)[::2] == (2, f"error: --workers is from 1 to 256, not {count}.\n")
