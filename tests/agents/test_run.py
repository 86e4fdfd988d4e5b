"""Runs: killed and gone on with they end the same; settings, folders and configs are checked before anything is lost."""

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
from agents import checkpoint
from agents import run as runs
from agents.policy import Agent
from agents.rollout import Arena
from games.errors import UserError

ROOT = Path(__file__).parents[2]
REPEAT = ROOT / "tests" / "learning" / "repeat.py"
FAST = [
    *("--set", "n_steps=16", "--set", "batch_size=512", "--set", "size=12", "--set", "hidden=16", "--set", "threads=1"),
    *("--set", "eval_games=2", "--set", "final_games=3", "--set", "gif=false", "--seed", "3"),
]  # fmt: skip
PONG = ["pong", *FAST, "--envs", "64", "--steps", "80000", "--set", "eval_every=30000", "--set", "checkpoint_every=4000"]
BOARD = [
    *("connect_four", *FAST, "--envs", "32", "--steps", "40000", "--set", "eval_every=15000", "--set", "checkpoint_every=2000"),
    *("--opponent", "self", "--opponent", "bot"),
]  # fmt: skip
BRIEF = ["--set", "eval_games=4", "--set", "final_games=4", "--set", "gif=false", "--quiet"]
TIMES = ("time/fps", "time/time_elapsed", "perf/")


@pytest.fixture(scope="module", autouse=True)
def event_files_in_order():
    """TensorBoard reads a folder's files by name: time, process, number. Here many of one second have one process."""
    from tensorboard.summary.writer import event_file_writer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_file_writer._global_uid, "_value", 100_000)
        yield


@pytest.fixture
def main(monkeypatch, tmp_path, capsys):
    """`main("pong", "--steps", …)`: exit code, standard output, standard error. Runs go to tmp_path."""

    def call(*words):
        place = [] if "--resume" in words else ["--runs", tmp_path]
        monkeypatch.setattr(sys, "argv", ["train.py", *map(str, [*words, *place])])
        capsys.readouterr()
        code = train.main()
        return code, *capsys.readouterr()

    return call


def folder_of(tmp_path, words, name):
    return tmp_path / words[0] / name


def lines(folder):
    """progress.jsonl without what the clock says."""
    found = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    return [{tag: value for tag, value in one.items() if tag != "time" and not tag.startswith(TIMES)} for one in found]


def board(folder):
    """TensorBoard's own reading of a run: {tag: [(step, value), …]} without what the clock says."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith(TIMES)]
    return {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in tags}


def same_end(folder, other):
    """Does all that a run leaves behind agree, but for the times?"""
    for kind, path in (("checkpoint", runs.CHECKPOINT), ("agent", runs.AGENT)):
        one, two = (checkpoint.load(each / path, kind)[0] for each in (folder, other))
        assert checkpoint.digest(one) == checkpoint.digest(two), path
    assert lines(folder) == lines(other)
    one, two = board(folder), board(other)
    assert one.keys() == two.keys()
    for tag, points in one.items():
        steps = [step for step, _ in points]
        assert steps == sorted(set(steps)), f"{tag}: each step once"
        assert str(points) == str(two[tag]), tag  # as text, nan equals nan
    assert not list(folder.rglob("*.tmp"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a run of these words that nobody disturbs."""
    made = {}

    def get(words):
        if words[0] not in made:
            home = tmp_path_factory.mktemp("whole")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "argv", ["train.py", *words, "--runs", str(home), "--name", "whole", "--quiet"])
                assert train.main() == 0
            made[words[0]] = folder_of(home, words, "whole")
        return made[words[0]]

    return get


# --- killed and gone on with ---


@pytest.fixture
def signal_after(monkeypatch):
    """`with signal_after(number, seconds):` that many seconds after a run's loop began, this process gets a signal."""
    original = runs.Run.go

    @contextmanager
    def sending(number, seconds):
        timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
        before = signal.signal(number, lambda number, frame: None)  # should the run be over by then
        monkeypatch.setattr(runs.Run, "go", lambda run: (timer.start(), original(run))[1])
        try:
            yield
        finally:
            timer.cancel()
            if timer.ident:
                timer.join()
            signal.signal(number, before)
            monkeypatch.setattr(runs.Run, "go", original)

    return sending


@pytest.mark.parametrize("words", [PONG, BOARD], ids=["pong", "connect_four"])
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
    same_end(folder, whole)


@pytest.mark.parametrize("call", [1, 2, 7])
def test_a_run_stopped_in_any_iteration_resumes_to_the_same_weights(call, main, tmp_path, uninterrupted, monkeypatch):
    """In the middle of collecting: also in the very first iteration, whose first observation must not be lost."""
    whole, folder, count = uninterrupted(PONG), folder_of(tmp_path, PONG, "stopped"), 16 * (call - 1) + 5
    original = Arena.step

    def step(arena, actions):
        nonlocal count
        count -= 1
        if count == 0:
            raise runs.Stop(signal.SIGINT)
        return original(arena, actions)

    monkeypatch.setattr(Arena, "step", step)
    assert main(*PONG, "--name", "stopped", "--quiet")[0] == 130
    monkeypatch.undo()
    config = runs.read_config(folder)
    runs.Run(games.load("pong"), config, folder, quiet=True, resume=True).go()
    same_end(folder, whole)


def test_a_finished_run_gone_on_with_changes_nothing(main, tmp_path, uninterrupted):
    whole, folder = uninterrupted(PONG), folder_of(tmp_path, PONG, "again")
    assert main(*PONG, "--name", "again", "--quiet")[0] == 0
    assert main("--resume", folder, "--quiet")[0] == 0
    same_end(folder, whole)


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
    same_end(folder, whole)
    return killed


def test_killed_run_resumes_to_the_same_weights(tmp_path, uninterrupted):
    assert kill_and_resume(PONG, uninterrupted(PONG), tmp_path, kills=2, seed=1) == 2


@pytest.mark.slow
@pytest.mark.parametrize("words", [PONG, BOARD], ids=["pong", "connect_four"])
def test_run_killed_ten_times_resumes_to_the_same_weights(words, tmp_path, uninterrupted):
    killed = kill_and_resume(words, uninterrupted(words), tmp_path, kills=10, seed=2)
    assert killed >= 3, "the run must be long enough"


def test_a_run_killed_before_its_first_checkpoint_begins_anew(main, tmp_path, uninterrupted, monkeypatch):
    whole, folder = uninterrupted(PONG), folder_of(tmp_path, PONG, "early")
    original = runs.Run._iterate

    def iterate(run):
        original(run)
        if run.iteration == 2:
            run.log.flush()
            raise SystemExit  # as a kill: nothing is saved

    monkeypatch.setattr(runs.Run, "_iterate", iterate)
    with pytest.raises(SystemExit):
        main(*PONG, "--name", "early", "--quiet")
    monkeypatch.undo()
    assert not (folder / runs.CHECKPOINT).exists()
    assert len(lines(folder)) == 2
    runs.Run(games.load("pong"), runs.read_config(folder), folder, quiet=True, resume=True).go()
    same_end(folder, whole)


def test_what_a_killed_run_had_shown_beyond_its_checkpoint_is_shown_once(main, tmp_path, uninterrupted, monkeypatch):
    whole, folder = uninterrupted(PONG), folder_of(tmp_path, PONG, "shown")
    original = runs.Run.evaluate

    def evaluate(run):
        original(run)
        raise SystemExit  # as a kill: TensorBoard has been given what no checkpoint knows of

    with monkeypatch.context() as patch:
        patch.setattr(runs.Run, "evaluate", evaluate)
        with pytest.raises(SystemExit):
            main(*PONG, "--name", "shown", "--quiet")
    (folder / "checkpoints" / ".latest.safetensors.123.tmp").write_text("half of it")
    saved = checkpoint.load(folder / runs.CHECKPOINT, "checkpoint")[1]["iteration"]
    assert board(folder)["time/iterations"][-1][1] == lines(folder)[-2]["time/iterations"] > saved
    runs.Run(games.load("pong"), runs.read_config(folder), folder, quiet=True, resume=True).go()
    same_end(folder, whole)


SLOW_TO_SAVE = """
import sys, time
import train
from agents import run
run.Run._save = lambda self, state: (print("saving", flush=True), time.sleep(60))
run.Run._iterate = lambda self, iterate=run.Run._iterate: (iterate(self), print("running", flush=True))
sys.exit(train.main())
"""


def test_a_second_signal_ends_it_at_once(tmp_path):
    words = [*PONG, "--quiet", "--runs", tmp_path, "--set", "checkpoint_every=1000000", "--steps", "1e7"]
    command = [sys.executable, "-c", SLOW_TO_SAVE, *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        for word, number in (("running", signal.SIGINT), ("saving", signal.SIGTERM)):
            assert any(line.startswith(word) for line in process.stdout)
            process.send_signal(number)
        assert process.wait(5) == 143
    finally:
        process.kill()
        process.communicate()


# --- what goes wrong on the way ---


def poisoned(monkeypatch, steps):
    """After so many steps of an arena, every reward is no number."""
    original, left = Arena.step, steps

    def step(arena, actions):
        nonlocal left
        left -= 1
        reward, end = original(arena, actions)
        return (reward if left > 0 else reward * np.nan), end

    monkeypatch.setattr(Arena, "step", step)


def test_a_reward_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(main, tmp_path, monkeypatch):
    poisoned(monkeypatch, 16 * 12)
    code, _, error = main(*PONG, "--name", "nan", "--quiet")
    assert code == 2
    assert "is not a number" in error
    assert "Traceback" not in error
    tensors, meta = checkpoint.load(folder_of(tmp_path, PONG, "nan") / runs.CHECKPOINT, "checkpoint")
    assert meta["iteration"] == 8, "the last one saved before"
    assert all(tensor.isfinite().all() for name, tensor in tensors.items() if name.startswith(("network.", "optimizer.")))


def test_a_full_disk_stops_the_run_and_keeps_what_was_saved(main, tmp_path, monkeypatch):
    saves = []
    original = checkpoint.write_bytes

    def write(path, data):
        if path.name == "latest.safetensors":
            saves.append(path)
            if len(saves) == 3:
                monkeypatch.setattr(checkpoint.os, "fsync", no_space)
        original(path, data)

    def no_space(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_bytes", write)
    code, _, error = main(*PONG, "--name", "full", "--quiet")
    assert code == 2
    assert "No space left" in error
    monkeypatch.undo()
    folder = folder_of(tmp_path, PONG, "full")
    assert checkpoint.load(folder / runs.CHECKPOINT, "checkpoint")[1]["iteration"] == 8
    assert os.listdir(folder / "checkpoints").count("latest.safetensors") == 1
    assert not [name for name in os.listdir(folder / "checkpoints") if name.endswith(".tmp")]


# --- settings ---


@pytest.fixture(scope="module")
def repeat():
    return games.load(REPEAT)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"n_env": 4}, "Did you mean 'n_envs'"),
        ({"gamma": "much"}, "gamma is a number, not 'much'"),
        ({"gamma": "1.5"}, "gamma is 1.5; it must be from 0 to 1"),
        ({"gamma": "nan"}, "gamma is a number"),
        ({"n_steps": "2.5"}, "n_steps is a whole number"),
        ({"n_steps": 0}, "from 1 to"),
        ({"batch_size": 1}, "from 2 to"),
        ({"steps": "inf"}, "steps is a whole number"),
        ({"steps": -1}, "0 or more"),
        ({"gif": "perhaps"}, "true or false"),
        ({"schedule": "liner"}, "Did you mean 'linear'"),
        ({"precision": "fp8"}, "fp32"),
        ({"__class__": "x"}, "no setting"),
    ],
)
def test_a_wrong_setting_is_told_its_range_or_the_nearest_name(repeat, chosen, says):
    with pytest.raises(UserError, match=says):
        runs.resolve(repeat, "ppo", chosen, None)


def test_the_number_of_threads_is_settled_when_a_run_begins(repeat, monkeypatch):
    """On it the weights depend; a resumed run needs as many, wherever it goes on."""
    monkeypatch.setattr(runs.os, "cpu_count", lambda: 3)
    assert runs.resolve(repeat, "ppo", {}, None)[1].threads == 3
    assert runs.resolve(repeat, "ppo", {"threads": "2"}, None)[1].threads == 2


def test_the_users_word_counts_more_than_the_presets_and_that_more_than_the_recipes(repeat):
    learner, run = runs.resolve(repeat, "ppo", {}, None)
    assert (learner.n_envs, learner.network, run.steps) == (32, "mlp", 4096)
    learner, _ = runs.resolve(repeat, "ppo", {"gamma": "0.5"}, "sb3")
    assert (learner.n_envs, learner.network, learner.gamma, learner.n_epochs) == (8, "nature", 0.5, 10)
    learner, run = runs.resolve(repeat, "ppo", {"n_envs": "1e2", "steps": 2e6, "gif": "no"}, "sb3")
    assert (learner.n_envs, run.steps, run.gif) == (100, 2_000_000, False)


@pytest.mark.parametrize(("algorithm", "preset"), [("pop", None), ("ppo", "sb2")])
def test_an_unknown_algorithm_or_preset_names_the_nearest(repeat, algorithm, preset):
    with pytest.raises(UserError, match=r"Did you mean '(ppo|sb3)'"):
        runs.resolve(repeat, algorithm, {}, preset)


def test_a_recipe_with_a_mistake_is_named(repeat, monkeypatch):
    monkeypatch.setitem(repeat.recipe, "ppo", {"n_stepz": 4})
    with pytest.raises(UserError, match="in the recipe of repeat"):
        runs.resolve(repeat, "ppo", {}, None)


def test_the_presets_names_and_values_are_sb3s():
    import inspect

    from stable_baselines3 import PPO

    theirs = {name: one.default for name, one in inspect.signature(PPO.__init__).parameters.items()}
    shared = set(runs.SB3_PRESET) & set(theirs) - {"clip_range_vf", "target_kl"}  # None there, 0 here
    assert len(shared) >= 10
    assert {name: runs.SB3_PRESET[name] for name in shared} == {name: theirs[name] for name in shared}


# --- devices and opponents ---


def test_a_device_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(runs.torch.cuda, "is_available", lambda: False)
    assert runs.device_of("auto") == "cpu"
    with pytest.raises(UserError, match="finds no cuda device here"):
        runs.device_of("cuda")
    with pytest.raises(UserError, match="Did you mean 'cuda'"):
        runs.device_of("cudda")


def test_a_person_is_no_training_opponent_and_one_seat_has_none(repeat):
    with pytest.raises(UserError, match="person"):
        runs.opponents_of(["human"], games.load("pong"), "cpu")
    with pytest.raises(UserError, match="one seat"):
        runs.opponents_of(["bot"], repeat, "cpu")


# --- folders and configs ---


def test_a_config_comes_back_as_it_was(main, tmp_path):
    folder = folder_of(tmp_path, ["pong"], "frame")
    assert main(*PONG, "--name", "frame", "--steps", "1000", "--opponent", "bot:0.3", "--opponent", "self", "--quiet")[0] == 0
    config = runs.read_config(folder)
    assert (config.game, config.seed, config.opponents, config.device) == ("pong", 3, ["bot:0.3", "self"], "cpu")
    assert (config.run.steps, config.learner.n_envs, config.learner.gamma) == (1000, 64, 0.99)
    before = (folder / "config.json").read_bytes()
    runs.write_config(folder, config)
    assert (folder / "config.json").read_bytes() == before
    system = json.loads((folder / "system.json").read_text())
    assert system["versions"]["torch"].startswith("2.")
    assert (folder / "command.txt").read_text().startswith("python train.py pong --set")
    results = json.loads((folder / "results.json").read_text())
    assert results["evaluation"]["seats"] == ["agent.safetensors", "bot"]
    assert Agent.load(folder / "agent.safetensors").info.score["games"] == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"game": "/tmp/evil.py"}, "Name its file again"),
        ({"game": "check"}, "Name its file again"),
        ({"game_version": 99}, "version 99"),
        ({"algorithm": "magic"}, "another version"),
        ({"more": 1}, "another version"),
        ({"learner": {"n_envs": 0}}, "n_envs"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_and_opens_no_code(main, tmp_path, change, says):
    folder = folder_of(tmp_path, ["pong"], "frame")
    assert main(*PONG, "--name", "frame", "--steps", "500", "--quiet")[0] == 0
    values = json.loads((folder / "config.json").read_text())
    for name, value in change.items():
        values[name] = {**values[name], **value} if isinstance(value, dict) else value
    (folder / "config.json").write_text(json.dumps(values))
    code, _, error = main("--resume", folder)
    assert code == 2
    assert says in error


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_a_damaged_config_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json"):
        runs.read_config(tmp_path)


def test_a_folder_without_a_run_is_said(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        runs.read_config(tmp_path / "none")


def test_a_folder_that_holds_a_run_is_left_alone(main, tmp_path):
    folder = folder_of(tmp_path, ["pong"], "mine")
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("precious")
    code, _, error = main(*PONG, "--name", "mine")
    assert code == 2
    assert "holds a run already" in error
    assert os.listdir(folder) == ["notes.txt"]


def test_a_folder_that_cannot_be_made_is_said(main, tmp_path):
    (tmp_path / "pong").write_text("a file in its place")
    code, _, error = main(*PONG)
    assert code == 2
    assert "cannot be made" in error


@pytest.mark.parametrize("name", ["../up", ".hidden", "a/b"])
def test_a_name_that_would_leave_its_place_is_refused(main, tmp_path, name):
    assert main(*PONG, "--name", name)[0] == 2
    assert not (tmp_path / "pong").exists()


# --- a user's own game ---


def test_a_users_own_game_trains_and_goes_on_only_when_named_and_unchanged(main, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(REPEAT.read_text("utf-8"), "utf-8")
    folder = tmp_path / "own" / "mine"
    words = [own, *BRIEF, "--steps", "600", "--name", "mine"]
    assert main(*words, "--quiet", "--set", "eval_every=300")[0] == 0
    code, _, error = main("--resume", folder)
    assert code == 2
    assert "Name its file again: python train.py ./own.py" in error
    assert main(own, "--resume", folder, "--steps", "1200", "--quiet")[0] == 0
    assert runs.read_config(folder).run.steps == 1200
    own.write_text(REPEAT.read_text("utf-8") + "\n# edited\n", "utf-8")
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
        patch.setattr(runs.Run, "_iterate", killed)
        with pytest.raises(SystemExit):
            main(*words, "--name", "second", "--init-from", agent)
    folder = tmp_path / "repeat" / "second"
    run = runs.Run(games.load(REPEAT), runs.read_config(folder), folder, quiet=True, resume=True)
    expected, _ = checkpoint.load(agent, "agent")
    assert checkpoint.digest(run.learner.network.state_dict()) == checkpoint.digest(expected)
    run.log.close()


def test_weights_of_another_network_are_refused_before_there_is_a_folder(main, tmp_path):
    words = [REPEAT, *BRIEF, "--steps", "300"]
    assert main(*words, "--name", "first")[0] == 0
    agent = tmp_path / "repeat" / "first" / "agent.safetensors"
    code, _, error = main(*words, "--name", "second", "--init-from", agent, "--set", "hidden=64")
    assert code == 2
    assert "another network" in error
    assert not (tmp_path / "repeat" / "second").exists()
