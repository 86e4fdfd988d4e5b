"""Runs: killed and gone on with they end the same; what goes wrong loses nothing."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import games
import train
from agents.algorithms.ppo import PPO
from agents.core import tensor_file
from agents.play.arena import GameArena
from agents.training import config as configs
from agents.training import report, run_folder
from agents.training import trainer as runs
from agents.training.logs import Terminal
from agents.training.run_checkpoint import lock_run
from games.errors import UserError
from tests.agents.training.test_run_checkpoint import WORDS
from tests.short_runs import BOARD, BRIEF, PONG, REPEAT, ROOT, folder_of
from tests.trust.runs import assert_same_end, board, lines


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a run of these words that nobody disturbs."""
    made = {}

    def get(words):
        if tuple(words) not in made:
            home = tmp_path_factory.mktemp("whole")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "argv", ["train.py", *words, "--runs", str(home), "--name", "whole", "--quiet"])
                assert train.main() == 0
            made[tuple(words)] = folder_of(home, words, "whole")
        return made[tuple(words)]

    return get


# --- killed and gone on with ---


@pytest.fixture
def signal_after(monkeypatch):
    """`with signal_after(number, seconds):` that many seconds after a run's loop began, this process gets a signal."""
    original = runs.Trainer.train

    @contextmanager
    def sending(number, seconds):
        timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
        before = signal.signal(number, lambda number, frame: None)  # should the run be over by then
        monkeypatch.setattr(runs.Trainer, "train", lambda run: (timer.start(), original(run))[1])
        try:
            yield
        finally:
            timer.cancel()
            if timer.ident:
                timer.join()
            signal.signal(number, before)
            monkeypatch.setattr(runs.Trainer, "train", original)

    return sending


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a signal in the midst of compiling
@pytest.mark.parametrize("words", [PONG, pytest.param(BOARD, marks=pytest.mark.slow)], ids=["pong", "connect_four"])
def test_stopped_run_resumes_to_the_same_weights(words, main, tmp_path, uninterrupted, signal_after):
    whole, folder, chance = uninterrupted(words), folder_of(tmp_path, words, "stopped"), random.Random(1)
    arguments, stops = [*words, "--name", "stopped"], 0
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        with signal_after(number, chance.uniform(0.01, 0.25)):
            code, _, error = main(*arguments, "--quiet")
        if code == 0:
            break
        assert code == 128 + number
        assert f"python train.py --resume {folder}" in error
        arguments, stops = ["--resume", folder], stops + 1
    else:
        assert main(*arguments, "--quiet")[0] == 0
    assert stops >= 1
    assert_same_end(folder, whole)


@pytest.mark.parametrize("call", [1, 2, 7])
def test_a_run_stopped_in_any_iteration_resumes_to_the_same_weights(call, main, tmp_path, uninterrupted, monkeypatch):
    """In the middle of collecting: also in the very first iteration, whose first observation must not be lost."""
    whole, folder, count = uninterrupted(PONG), folder_of(tmp_path, PONG, "stopped"), 16 * (call - 1) + 5
    original = GameArena.step

    def step(arena, actions):
        nonlocal count
        count -= 1
        if count == 0:
            raise runs.Stop(signal.SIGINT)
        return original(arena, actions)

    monkeypatch.setattr(GameArena, "step", step)
    assert main(*PONG, "--name", "stopped", "--quiet")[0] == 130
    monkeypatch.undo()
    config = configs.read_config(folder)
    runs.Trainer(games.load("pong"), config, folder, quiet=True, resume=True).train()
    assert_same_end(folder, whole)


def interrupted_unheard(monkeypatch, then=lambda: None):
    """In the fifth step of an arena Ctrl-C comes where nothing can be raised, and then this is called."""
    original, left = GameArena.step, 5

    def step(arena, actions):
        nonlocal left
        left -= 1
        if left == 0:
            with contextlib.suppress(runs.Stop):
                signal.raise_signal(signal.SIGINT)
            then()
        return original(arena, actions)

    monkeypatch.setattr(GameArena, "step", step)


def test_a_signal_is_not_lost_where_nothing_can_be_raised(main, tmp_path, uninterrupted, monkeypatch):
    """Python drops what is raised inside a callback of C code; the run stops with the next iteration."""
    whole, folder = uninterrupted(PONG), folder_of(tmp_path, PONG, "dropped")
    interrupted_unheard(monkeypatch)
    assert main(*PONG, "--name", "dropped", "--quiet")[0] == 130
    assert main("--resume", folder, "--quiet")[0] == 0
    assert_same_end(folder, whole)


def test_what_a_signal_has_cut_short_prints_no_traceback(main, monkeypatch):
    """Callbacks of C code, as LLVM's while it compiles, complain of each other once one of them was interrupted."""
    told = []

    class Callback:
        def __del__(self):
            raise RuntimeError("notification for an unknown module")

    monkeypatch.setattr(sys, "unraisablehook", told.append)
    interrupted_unheard(monkeypatch, then=Callback)
    assert main(*PONG, "--name", "short", "--quiet")[0] == 130
    assert told == []
    Callback()
    assert len(told) == 1, "afterwards it is as before"


def test_a_signal_after_the_results_are_written_keeps_the_last_checkpoint(main, tmp_path, uninterrupted, monkeypatch):
    whole, folder, write = uninterrupted(PONG), folder_of(tmp_path, PONG, "late"), runs.write_results

    def written(*what):
        write(*what)
        raise runs.Stop(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_results", written)
        assert main(*PONG, "--name", "late", "--quiet")[0] == 143
    assert_same_end(folder, whole)
    assert main("--resume", folder, "--quiet")[0] == 0
    assert_same_end(folder, whole)


def test_a_finished_run_gone_on_with_changes_nothing(main, tmp_path, uninterrupted):
    whole, folder = uninterrupted(PONG), folder_of(tmp_path, PONG, "again")
    assert main(*PONG, "--name", "again", "--quiet")[0] == 0
    assert main("--resume", folder, "--quiet")[0] == 0
    assert_same_end(folder, whole)


def sitting(arguments):
    """train.py as a process of its own."""
    return subprocess.Popen([sys.executable, "train.py", *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def kill_and_resume(words, whole, home, kills, seed):
    """SIGKILL at random moments, go on each time; the moments lie anywhere between the first line and the end."""
    folder, chance, killed = folder_of(home, words, "killed"), random.Random(seed), 0
    arguments = [*words, "--quiet", "--runs", home, "--name", "killed"]
    while True:
        process = sitting(arguments)
        try:
            before = (folder / "progress.jsonl").stat().st_size if folder.exists() else -1
            while process.poll() is None and killed < kills:
                if (folder / "progress.jsonl").exists() and (folder / "progress.jsonl").stat().st_size != before:
                    time.sleep(chance.uniform(0.0, 0.3))
                    process.kill()
                    killed += 1
                    break
                time.sleep(0.01)
            code = process.wait(300)
        finally:
            process.kill()
            error = process.communicate()[1]
        if code != -signal.SIGKILL:
            assert code == 0, error
            break
        arguments = ["--resume", folder, "--quiet"]
    assert_same_end(folder, whole)
    return killed


@pytest.mark.slow
@pytest.mark.parametrize("words", [PONG, BOARD, WORDS["dqn lstm"]], ids=["pong", "ppo self and bot", "dqn lstm self"])
def test_killed_run_resumes_to_the_same_weights(words, tmp_path, uninterrupted):
    assert kill_and_resume(words, uninterrupted(words), tmp_path, kills=2, seed=1) == 2


def test_a_run_killed_before_its_first_checkpoint_begins_anew(main, tmp_path, uninterrupted, monkeypatch):
    whole, folder = uninterrupted(PONG), folder_of(tmp_path, PONG, "early")
    original = runs.Trainer._iterate

    def iterate(run):
        original(run)
        if run.iteration == 2:
            run.log.flush()
            raise SystemExit  # as a kill: nothing is saved

    monkeypatch.setattr(runs.Trainer, "_iterate", iterate)
    with pytest.raises(SystemExit):
        main(*PONG, "--name", "early", "--quiet")
    monkeypatch.undo()
    assert not (folder / runs.CHECKPOINT).exists()
    assert len(lines(folder)) == 3  # an evaluation before it has learned, and two iterations
    runs.Trainer(games.load("pong"), configs.read_config(folder), folder, quiet=True, resume=True).train()
    assert_same_end(folder, whole)


def test_what_a_killed_run_had_shown_beyond_its_checkpoint_is_shown_once(main, tmp_path, uninterrupted, monkeypatch):
    whole, folder = uninterrupted(PONG), folder_of(tmp_path, PONG, "shown")
    original = runs.Trainer.evaluate

    def evaluate(run):
        original(run)
        if run.learner.steps:
            raise SystemExit  # as a kill: TensorBoard has been given what no checkpoint knows of

    with monkeypatch.context() as patch:
        patch.setattr(runs.Trainer, "evaluate", evaluate)
        with pytest.raises(SystemExit):
            main(*PONG, "--name", "shown", "--quiet")
    (folder / "checkpoints" / ".latest.safetensors.123.tmp").write_text("half of it")
    saved = tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")[1]["iteration"]
    assert board(folder)["time/iterations"][-1][1] == lines(folder)[-2]["time/iterations"] > saved
    runs.Trainer(games.load("pong"), configs.read_config(folder), folder, quiet=True, resume=True).train()
    assert_same_end(folder, whole)


def test_games_that_were_cut_before_it_had_learned_are_no_mark_to_beat(main, tmp_path, monkeypatch):
    """Where rewards are negative, games that are cut score more than any later one will."""
    original, matches = runs.play_match, []

    def play_match(*arguments, **options):
        matches.append(original(*arguments, **options))
        if len(matches) == 1:
            matches[0].returns[:] = (9.0, -9.0)
            matches[0].note = "all games were cut"
        return matches[-1]

    monkeypatch.setattr(runs, "play_match", play_match)
    assert main(*PONG, "--name", "cut", "--quiet")[0] == 0
    final = json.loads((folder_of(tmp_path, PONG, "cut") / "results.json").read_text())
    assert matches[0].score == 1.0 > matches[1].score
    assert final["agent_steps"] > 0


SLOW_TO_SAVE = """
import sys, time
import train
from agents.training import trainer
trainer.Trainer._save = lambda self, state: (print("saving", flush=True), time.sleep(60))
trainer.Trainer._iterate = lambda self, iterate=trainer.Trainer._iterate: (iterate(self), print("running", flush=True))
sys.exit(train.main())
"""


def test_a_second_signal_ends_it_at_once(tmp_path):
    words = [*PONG, "--quiet", "--runs", tmp_path, "--set", "checkpoint_every=1000000", "--steps", "1e7"]
    command = [sys.executable, "-c", SLOW_TO_SAVE, *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for word, number in (("running", signal.SIGINT), ("saving", signal.SIGTERM)):
            assert any(line.startswith(word) for line in process.stdout)
            process.send_signal(number)
        assert process.wait(5) == 143
    finally:
        process.kill()
        said = process.communicate()[1]
    assert "Ended at once: nothing was saved yet, so what it learned in" in said


def test_a_second_signal_says_from_where_the_run_can_go_on(main, tmp_path, monkeypatch):
    assert main(*PONG, "--name", "one", "--steps", "2000", "--quiet")[0] == 0
    folder = folder_of(tmp_path, PONG, "one")
    run = runs.Trainer(games.load("pong"), configs.read_config(folder), folder, quiet=True, resume=True)
    run.close()
    monkeypatch.setattr(os, "_exit", sys.exit)
    with (tmp_path / "told").open("w") as told, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", told)
        with pytest.raises(SystemExit) as end:
            run._signalled_again(signal.SIGTERM, None)
    assert end.value.code == 128 + signal.SIGTERM
    assert (tmp_path / "told").read_text() == (
        f"\nEnded at once, without saving: what it learned after step {run.learner.steps:,} is lost.\n"
        f"Go on from there with --resume {folder}\n"
    )


# --- what goes wrong on the way ---


def poisoned(monkeypatch, steps):
    """After so many steps of an arena, every reward is no number."""
    original, left = GameArena.step, steps

    def step(arena, actions):
        nonlocal left
        left -= 1
        reward, end = original(arena, actions)
        return (reward if left > 0 else reward * np.nan), end

    monkeypatch.setattr(GameArena, "step", step)


def test_a_reward_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(main, tmp_path, monkeypatch):
    poisoned(monkeypatch, 16 * 12)
    code, _, error = main(*PONG, "--name", "nan", "--quiet")
    assert code == 2
    assert "is not a number" in error
    assert "Traceback" not in error
    tensors, meta = tensor_file.load(folder_of(tmp_path, PONG, "nan") / runs.CHECKPOINT, "checkpoint")
    assert meta["iteration"] == 8, "the last one saved before"
    assert all(tensor.isfinite().all() for name, tensor in tensors.items() if name.startswith(("network.", "optimizer.")))


def test_a_full_disk_stops_the_run_and_keeps_what_was_saved(main, tmp_path, monkeypatch):
    saves = []
    original = tensor_file.write_bytes

    def write(path, data):
        if path.name == "latest.safetensors":
            saves.append(path)
            if len(saves) == 3:
                monkeypatch.setattr(tensor_file.os, "fsync", no_space)
        original(path, data)

    def no_space(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensor_file, "write_bytes", write)
    code, _, error = main(*PONG, "--name", "full", "--quiet")
    assert code == 2
    assert "No space left" in error
    monkeypatch.undo()
    folder = folder_of(tmp_path, PONG, "full")
    assert tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")[1]["iteration"] == 8
    assert os.listdir(folder / "checkpoints").count("latest.safetensors") == 1
    assert not [name for name in os.listdir(folder / "checkpoints") if name.endswith(".tmp")]


def test_the_step_that_is_told_is_the_one_that_is_saved(main, tmp_path, monkeypatch):
    """Of an iteration that a signal breaks off nothing is kept."""
    update, calls = PPO.update, []

    def signalled(learner, progress):
        calls.append(learner.steps)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(learner, progress)

    monkeypatch.setattr(PPO, "update", signalled)
    code, _, error = main(*PONG, "--name", "stopped", "--quiet")
    saved = tensor_file.load(folder_of(tmp_path, PONG, "stopped") / runs.CHECKPOINT, "checkpoint")[1]["learner"]["steps"]
    assert (code, saved) == (143, calls[0])
    assert f"Stopped at step {saved:,}." in error


def test_ctrl_c_while_the_results_are_told_changes_nothing(main, monkeypatch):
    lines, before = report.summary_lines, signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupted(final):
        os.kill(os.getpid(), signal.SIGINT)
        return lines(final)

    monkeypatch.setattr(report, "summary_lines", interrupted)
    try:
        code, out, error = main(REPEAT, *BRIEF[:-1], "--steps", "600", "--name", "told")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, error) == (0, "") and "Play:" in out


def test_too_few_environments_for_all_opponents_are_told(main):
    words = [word for word in PONG if word != "64"]
    words.insert(words.index("--envs") + 1, "4")
    told = "A process with 4 environments does not meet each opponent in each seat; with 6 it does"
    cases = (
        [("self", "bot", "random"), True],
        [("bot", "self", "self"), False],
        [("bot", "random"), False],
        [("self",) * 3, False],
    )
    for opponents, expected in cases:
        named = [word for opponent in opponents for word in ("--opponent", opponent)]
        assert (told in main(*words, *named, "--steps", "1", "--set", "batch_size=16")[1]) == expected


def test_a_full_disk_where_a_folder_is_made_is_said_in_words(main, tmp_path, monkeypatch):
    make = Path.mkdir

    def mkdir(path, *args, **kwargs):
        if path.name == "snapshots":
            raise OSError(28, "No space left on device")
        make(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", mkdir)
        code, _, error = main(*PONG, "--name", "full", "--quiet")
    assert code == 2 and "snapshots cannot be made: No space left on device" in error
    assert "Traceback" not in error


def test_weights_to_begin_with_that_were_never_kept_are_not_done_without(main, tmp_path, monkeypatch):
    words = [REPEAT, *BRIEF]
    assert main(*words, "--steps", "600", "--name", "first")[0] == 0
    agent, folder = tmp_path / "repeat" / "first" / "agent.safetensors", tmp_path / "repeat" / "second"

    def interrupted(run, weights):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs.Trainer, "begin_from", interrupted)
        patch.setattr(run_folder.RunFolder, "abandon", run_folder.RunFolder.release)  # after a kill nobody tidies up
        assert main(*words, "--steps", "600", "--name", "second", "--init-from", agent)[0] == 130
    code, _, error = main(REPEAT, "--resume", folder)
    assert code == 2
    assert "stopped before it had kept the weights that it was to begin with" in error
    assert main(*words, "--steps", "600", "--name", "second", "--init-from", agent)[0] == 0
    assert configs.read_config(folder).copied


def test_interrupted_while_it_is_made_it_leaves_nothing_behind(main, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "Log", interrupted)
    assert main(REPEAT, *BRIEF, "--steps", "600", "--name", "none")[0] == 130
    assert not (tmp_path / "repeat" / "none").exists()


HOLDS = """
import pathlib, sys
from agents.training.run_checkpoint import lock_run as hold
held = hold(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_write_into_one_run(main, tmp_path):
    assert main(REPEAT, *BRIEF, "--steps", "600", "--name", "one")[0] == 0
    folder = tmp_path / "repeat" / "one"
    command = [sys.executable, "-c", HOLDS, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        code, _, error = main(REPEAT, "--resume", folder, "--steps", "1200")
        assert code == 2
        assert f"{folder} is a run that still goes on, in another process.\nStop that one first." in error
        assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    finally:
        process.communicate("")
    assert main(REPEAT, "--resume", folder, "--steps", "1200", "--quiet")[0] == 0
    assert configs.read_config(folder).run.steps == 1200, "for as long the next time too"


def test_the_terminal_is_given_back_also_where_the_log_cannot_be_closed(main, tmp_path, monkeypatch):
    closed, close = [], runs.Log.close
    before = signal.getsignal(signal.SIGINT)

    def full(log):
        close(log)
        raise UserError("No space left on device")

    monkeypatch.setattr(runs.Log, "close", full)
    monkeypatch.setattr(Terminal, "close", lambda terminal: closed.append(terminal))
    code, _, error = main(REPEAT, *BRIEF, "--steps", "600", "--name", "full")
    assert (code, error) == (2, "error: No space left on device\n")
    assert len(closed) == 1
    assert signal.getsignal(signal.SIGINT) == before
    lock_run(tmp_path / "repeat" / "full").release()


# --- a user's own game ---


def test_a_users_own_game_trains_and_goes_on_only_when_named_and_unchanged(main, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(REPEAT.read_text("utf-8"), "utf-8")
    folder = tmp_path / "own" / "mine"
    words = [own, *BRIEF, "--steps", "600", "--name", "mine"]
    assert main(*words, "--quiet", "--set", "eval_every=300")[0] == 0
    code, _, error = main("--resume", folder)
    assert code == 2
    assert f"Name its file again: python train.py {own} --resume" in error
    assert main(own, "--resume", folder, "--steps", "1200", "--quiet")[0] == 0
    assert configs.read_config(folder).run.steps == 1200
    own.write_text(REPEAT.read_text("utf-8") + "\nEDITED = 1\n", "utf-8")
    code, _, error = main(own, "--resume", folder)
    assert code == 2
    assert "own.py has changed" in error
    code, _, error = main("pong", "--resume", folder)
    assert code == 2
    assert "The run plays own" in error


def test_weights_to_begin_with_survive_an_early_kill(main, tmp_path, monkeypatch):
    words = [REPEAT, *BRIEF, "--set", "checkpoint_every=10000"]
    assert main(*words, "--steps", "600", "--name", "first")[0] == 0
    agent = tmp_path / "repeat" / "first" / "agent.safetensors"

    def killed(run):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(runs.Trainer, "_iterate", killed)
        with pytest.raises(SystemExit):
            main(*words, "--name", "second", "--init-from", agent)
    folder = tmp_path / "repeat" / "second"
    run = runs.Trainer(games.load(REPEAT), configs.read_config(folder), folder, quiet=True, resume=True)
    expected, _ = tensor_file.load(agent, "agent")
    assert tensor_file.digest(run.learner.network.state_dict()) == tensor_file.digest(expected)
    run.log.close()


def test_weights_of_another_network_are_refused_before_there_is_a_folder(main, tmp_path):
    words = [REPEAT, *BRIEF, "--steps", "300"]
    assert main(*words, "--name", "first")[0] == 0
    agent = tmp_path / "repeat" / "first" / "agent.safetensors"
    code, _, error = main(*words, "--name", "second", "--init-from", agent, "--set", "hidden=64")
    assert code == 2
    assert "another network" in error
    assert not (tmp_path / "repeat" / "second").exists()
