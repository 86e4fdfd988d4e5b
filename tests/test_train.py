"""The command line of train.py, and what a run shows: TensorBoard, progress.jsonl, the terminal, one JSON object."""

import dataclasses
import io
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import games
import train
from agents.core import tensor_file
from agents.training import budget, cli_config
from agents.training.logs import Terminal
from agents.training.report import evaluation_line, summary_lines
from agents.training.run_checkpoint import CHECKPOINT
from tests import resealed

ROOT = Path(__file__).parents[1]
FAST = [
    *("--seed", "2", "--envs", "32", "--set", "n_steps=16", "--set", "batch_size=256", "--set", "size=12"),
    *("--set", "hidden=16", "--set", "eval_games=3", "--set", "final_games=4", "--set", "threads=1"),
]  # fmt: skip


def call(*words):
    """train.py's exit code, standard output and standard error, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train.py", *map(str, words)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        try:
            code = train.main()
        except SystemExit as ended:  # argparse
            code = ended.code
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def shown(runs):
    """A short run of Pong with all it shows: its folder and standard output."""
    code, out, err = call("pong", *FAST, "--steps", 6000, "--set", "eval_every=3000", "--runs", runs, "--name", "shown")
    assert code == 0, err
    return runs / "pong" / "shown", out


@pytest.fixture(scope="module")
def events(shown):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(shown[0]), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    found.Reload()
    return found


# --- what a run shows ---


def test_tensorboard_has_sb3s_tags_and_ours(events):
    expected = {
        "rollout/ep_rew_mean", "rollout/ep_len_mean", "rollout/win_rate", "time/fps", "time/iterations", "time/time_elapsed",
        "time/total_timesteps", "train/approx_kl", "train/clip_fraction", "train/entropy_loss", "train/explained_variance",
        "train/learning_rate", "train/n_updates", "train/policy_gradient_loss", "train/value_loss", "eval/mean_reward",
        "eval/win_rate", "eval/win_rate_low", "eval/win_rate_high", "perf/collect_seconds", "perf/update_seconds",
        "perf/environment_seconds", "perf/acting_seconds", "perf/eval_seconds",
    }  # fmt: skip
    assert expected <= set(events.Tags()["scalars"])


def test_tensorboard_shows_the_settings_and_a_film_of_each_evaluation(events, shown):
    text = events.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| **n_envs** | 32 |" in text
    assert "| learning_rate |" in text
    films = events.Images("eval/play")
    assert [film.step for film in films] == [one.step for one in events.Scalars("eval/score")]
    film = Image.open(io.BytesIO(films[0].encoded_image_string))
    assert film.format == "GIF"
    assert film.n_frames > 10
    files = sorted((shown[0] / "videos").iterdir())
    assert [path.read_bytes() for path in files] == [film.encoded_image_string for film in films]


def test_the_curve_begins_with_an_evaluation_of_the_agent_before_it_has_learned(events, shown):
    assert events.Scalars("eval/score")[0].step == 0
    first = tensor_file.load(shown[0] / "checkpoints" / "step-0000000000.safetensors", "agent")[1]
    assert first["steps"] == 0


def test_progress_jsonl_has_tensorboards_numbers(events, shown):
    points = {tag: {one.step: one.value for one in events.Scalars(tag)} for tag in events.Tags()["scalars"]}
    count = 0
    for line in (shown[0] / "progress.jsonl").read_text().splitlines():
        numbers = json.loads(line)
        step = numbers.pop("step")
        assert numbers.pop("time") > 1e9
        for tag, value in numbers.items():
            assert value == pytest.approx(points[tag].pop(step), rel=1e-5, abs=1e-12)
            count += 1
    assert count > 150
    assert not any(points[tag] for tag in points if "hparam" not in tag), "and nothing beside them"


def test_plain_lines_where_it_is_not_a_terminal(shown):
    folder, out = shown
    assert "\x1b" not in out
    lines = out.splitlines()
    assert "Pong: ppo, patch network, seed 2, on cpu" in lines[:2]  # behind what is said of compiling
    assert any(line.startswith("Watch:  tensorboard --logdir") for line in lines)
    assert any("against bot (95 %:" in line for line in lines)
    final = json.loads((folder / "results.json").read_text())
    assert final["evaluations"] == 3, "the first one before it has learned anything"
    assert any(line.startswith("Final:  won ") for line in lines)
    assert any(line.startswith(f"        the best of 3 evaluations, at step {final['agent_steps']:,}, in ") for line in lines)
    assert final["mark"] == ["bot", 0.95]
    assert final["reached"] == (final["evaluation"]["win_rate"] >= 0.95)
    words = "reached" if final["reached"] else "not reached"
    assert f"Mark:   95% against bot: {words} ({final['evaluation']['win_rate']:.1%})" in lines
    assert f"Agent:  {folder / 'agent.safetensors'}" in lines
    assert f"Play:   python play.py pong human {folder}" in lines


def test_results_fit_80_columns():
    rate = {"win_rate": 1.0, "interval": [0.9961, 1.0], "games": 1000}
    final = {"evaluation": rate, "evaluations": 10, "agent_steps": 24_000_000, "planned_games": 1000, "seconds": 1234.5}
    lines = summary_lines(final)
    assert lines[0] == "Final:  won 100.0% of 1000 games against bot (95 %: 99.6% to 100.0%)"
    assert all(len(line) <= 80 for line in lines)
    assert len(evaluation_line(24_000_000, rate)) <= 80


def test_a_compilation_is_said_before_it_is_waited_for_and_only_then(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path))
    game = tmp_path / "repeat.py"  # a file that this process has not loaded yet
    game.write_text((ROOT / "tests" / "learning" / "repeat.py").read_text("utf-8") + "\n# met here first\n", "utf-8")
    words = [game, "--steps", 256, "--set", "final_games=2", "--set", "gif=false"]
    said = [call(*words, "--runs", tmp_path / f"runs{k}")[1].splitlines()[0] for k in (1, 2)]
    assert said[0].startswith("Compiling Repeat: some seconds")
    assert said[1].startswith("Repeat: ppo, mlp network")


def test_json_is_one_object_and_quiet_is_nothing(runs):
    words = ["pong", *FAST, "--steps", 600, "--set", "gif=false", "--runs", runs]
    code, out, err = call(*words, "--json", "--name", "json")
    assert (code, err) == (0, "")
    final = json.loads(out)
    assert final["evaluation"]["games"] == 4
    assert final["steps"] >= 600
    assert Path(final["agent"]).is_file()
    assert call(*words, "--quiet", "--name", "quiet") == (0, "", "")


def test_a_run_of_very_few_steps_ends_too(runs):
    words = ["pong", *FAST, "--envs", 1, "--set", "n_steps=2", "--steps", 5, "--set", "gif=false", "--runs", runs]
    code, out, _ = call(*words, "--name", "five", "--json")
    assert code == 0
    assert json.loads(out)["steps"] == 6, "iterations are not divided"


# --- the command line ---


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Which game?"),
        (["pongg"], "Did you mean 'pong'"),
        (["./none.py"], "There is no game file"),
        (["pong", "--algo", "pop"], "Did you mean 'ppo'"),
        (["pong", "--network", "natur"], "Did you mean 'nature'"),
        (["pong", "--observation", "pixel"], "Did you mean 'pixels'"),
        (["pong", "--network", "mlp"], "does not take pixels"),
        (["pong", "--set", "gama=0.9"], "Did you mean 'gamma'"),
        (["pong", "--set", "gamma"], "NAME=VALUE"),
        (["pong", "--set", "size=40"], "size=42"),
        (["pong", "--envs", "0"], "from 1 to"),
        (["pong", "--steps", "many"], "--steps"),
        (["pong", "--steps", "-5"], "--steps is a whole number, 1 or more"),
        (["pong", "--steps", "0"], "--steps is a whole number, 1 or more"),
        (["pong", "--set", "steps=0", "--steps", "0.5"], "--steps is a whole number, 1 or more"),
        (["pong", "--steps", "nan"], "whole number"),
        (["pong", "--seed", "-1"], "--seed is from 0 to"),
        (["pong", "--seed", "99999999999"], "--seed is from 0 to"),
        (["pong", "--time-limit", "1"], "5 seconds at least"),
        (["pong", "--time-limit", "nan"], "5 seconds at least"),
        (["pong", "--opponent", "bto"], "Did you mean 'bot'"),
        (["pong", "--opponent", "human"], "person"),
        (["pong", "--opponent", "bot:3"], "0 to 1"),
        (["breakout", "--opponent", "bot"], "one seat"),
        (["pong", "--device", "tpu"], "There is no device"),
        (["pong", "--preset", "sb2"], "Did you mean 'sb3'"),
        (["pong", "--init-from", "none.safetensors"], "There is no file"),
        (["--resume", "none"], "holds no run"),
        (["pong", "--seeds", "0"], "--seeds is 1 or more"),
        (["pong", "--seeds", "3", "--seed", "2147483646"], "the last seed below"),
        (["pong", "--seeds", "2", "--jobs", "1000"], "--jobs is from 1 to"),
        (["pong", "--seeds", "2", "--set", "gama=0.9"], "Did you mean 'gamma'"),
        (["pong", "--jobs", "2"], "--jobs goes with --seeds"),
        (["pong", "--describe", "--network", "impla"], "Did you mean 'impala'"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_clear_message_and_leaves_nothing_behind(words, says, tmp_path):
    place = [] if "--resume" in words else ["--runs", tmp_path, "--steps", 1000][: 2 if "--steps" in words else 4]
    code, out, err = call(*words, *place)
    assert code == 2
    assert says in err
    assert "Traceback" not in err
    assert out == ""
    assert len(err.strip().splitlines()) <= 3 or "usage:" in err
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_takes_no_new_settings(shown):
    for words in (["--set", "gamma=0.5"], ["--envs", 4], ["--seed", 5], ["--opponent", "self"]):
        code, _, err = call("--resume", shown[0], *words)
        assert code == 2
        assert f"{words[0]} cannot be given" in err
    for words, says in ((["--steps", "nan"], "--steps is a whole number"), (["--time-limit", 0], "5 seconds at least")):
        code, _, err = call("--resume", shown[0], *words)
        assert code == 2
        assert says in err


def test_a_run_on_cuda_gone_on_with_elsewhere_is_told_so(shown, tmp_path, monkeypatch):
    config = json.loads((shown[0] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "device": "cuda"}))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, err = call("--resume", tmp_path)
    assert code == 2
    assert "finds no cuda device here.\nUse --device cpu" in err


def test_a_run_of_a_gpu_goes_on_without_one(tmp_path, monkeypatch):
    """Its generator is of another size, as a GPU's is; all else does not depend on the device."""
    words = ["pong", *FAST, "--steps", 600, "--set", "gif=false", "--quiet", "--runs", tmp_path, "--name", "one"]
    assert call(*words)[0] == 0
    folder = tmp_path / "pong" / "one"
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "device": "cuda"}))
    tensors, meta = tensor_file.load(folder / CHECKPOINT, "checkpoint")
    tensors["generator"] = torch.zeros(16, dtype=torch.uint8)
    resealed.write(folder / CHECKPOINT, tensors, meta)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, out, err = call("--resume", folder, "--steps", 2000, "--device", "cpu")
    assert code == 0, err
    assert "whose random numbers cannot go on here" in out
    assert json.loads((folder / "config.json").read_text())["device"] == "cpu"
    assert tensor_file.load(folder / CHECKPOINT, "checkpoint")[1]["learner"]["updates"] > meta["learner"]["updates"]


@pytest.fixture
def against_an_agent(tmp_path):
    """The folder of runs, in which `second` plays against `first` and against a checkpoint of it."""
    words = ["pong", *FAST, "--steps", 600, "--set", "gif=false", "--quiet", "--runs", tmp_path / "a"]
    assert call(*words, "--name", "first")[0] == 0
    first = tmp_path / "a" / "pong" / "first"
    step = next((first / "checkpoints").glob("step-*"))
    code, _, err = call(*words, "--name", "second", "--opponent", first, "--opponent", step, "--opponent", "bot")
    assert code == 0, err
    return tmp_path / "a"


def test_a_run_whose_folder_moved_finds_its_opponents_there(against_an_agent, tmp_path):
    moved = tmp_path / "b c [d]"
    against_an_agent.rename(moved)
    code, _, err = call("--resume", moved / "pong" / "second", "--steps", 1200, "--quiet")
    assert code == 0, err
    opponents = json.loads((moved / "pong" / "second" / "config.json").read_text())["opponents"]
    assert opponents[0] == str(moved / "pong" / "first") and opponents[2] == "bot"


def test_a_copied_run_meets_the_opponent_of_before_not_what_is_at_its_old_place(against_an_agent, tmp_path):
    shutil.copytree(against_an_agent, tmp_path / "b")
    agent = against_an_agent / "pong" / "first" / "agent.safetensors"
    shutil.copy(against_an_agent / "pong" / "second" / "agent.safetensors", agent)
    code, _, err = call("--resume", tmp_path / "b" / "pong" / "second", "--steps", 1200, "--quiet")
    assert code == 0, err
    opponents = json.loads((tmp_path / "b" / "pong" / "second" / "config.json").read_text())["opponents"]
    assert opponents[0] == str(tmp_path / "b" / "pong" / "first")


def test_a_run_goes_on_against_its_opponent_of_before_though_that_has_learned_since(against_an_agent):
    first, second = against_an_agent / "pong" / "first", against_an_agent / "pong" / "second"
    assert call("--resume", first, "--steps", 3000, "--quiet")[0] == 0
    code, _, err = call("--resume", second, "--steps", 1200, "--quiet")
    assert code == 0, err
    opponents = json.loads((second / "config.json").read_text())["opponents"]
    assert opponents[0] == opponents[1] and Path(opponents[0]).parent == first / "checkpoints"


def test_an_opponent_that_is_nowhere_is_named_and_can_be_told(against_an_agent, tmp_path):
    first, second = against_an_agent / "pong" / "first", against_an_agent / "pong" / "second"
    first.rename(tmp_path / "elsewhere=now")
    code, _, err = call("--resume", second, "--steps", 1200)
    assert code == 2
    assert f"The run's opponent '{first}' is not there any more." in err
    assert f"python train.py --resume {second} --opponent {first}=PATH" in err
    step = json.loads((second / "config.json").read_text())["opponents"][1]
    words = ["--opponent", f"first={tmp_path / 'elsewhere=now'}"]
    moved = tmp_path / "elsewhere=now" / "checkpoints" / Path(step).name
    code, _, err = call("--resume", second, "--steps", 1200, "--quiet", *words, "--opponent", f"{step}={moved}")
    assert code == 0, err
    assert call("--resume", second, "--steps", 1800, "--quiet")[0] == 0, "it is known from now on"
    for told, says in (("third=x", "no opponent 'third'"), (f"first={tmp_path}/none", "no opponent 'first'")):
        code, _, err = call("--resume", second, "--steps", 2400, "--opponent", told)
        assert code == 2 and says in err
    code, _, err = call("--resume", second, "--steps", 2400, "--opponent", f"elsewhere=now={second}")
    assert code == 2


def test_an_opponent_that_has_changed_since_is_noticed(runs, shown, tmp_path):
    rival = tmp_path / "rival.safetensors"
    rival.write_bytes((shown[0] / "agent.safetensors").read_bytes())
    words = ["pong", *FAST, "--steps", 600, "--set", "gif=false", "--quiet", "--runs", runs, "--name", "rival"]
    assert call(*words, "--opponent", rival)[0] == 0
    step = sorted((shown[0] / "checkpoints").glob("step-*"))[0]
    rival.write_bytes(step.read_bytes())
    code, _, err = call("--resume", runs / "pong" / "rival")
    assert code == 2
    assert f"The opponent's file has changed since the run began: {rival}." in err


def test_a_time_limit_is_kept(runs, monkeypatch):
    import time

    monkeypatch.setattr(train, "STARTED", time.perf_counter())
    words = ["pong", *FAST, "--set", "gif=false", "--runs", runs, "--name", "limited", "--json", "--time-limit", 6]
    code, out, _ = call(*words)
    assert code == 0
    assert 2 < json.loads(out)["seconds"] < 7.5


SLOW = '''"""Nothing ends.
Reward: 1 a tick to who moves right.
End: never.
"""
import numpy as np
from games.core import COMMON, ME, jit, rect
PLAYERS, ACTIONS, KEYS = 1, ["stay", "right"], ({"d": "right"},)
MAX_TICKS, VERSION, MARK, RECIPE, SHAPES = 60 * 120, 0, ("bot", 1e6), {"ppo": {}}, 1
STATE = np.dtype([*COMMON, ("x", "f8")])
@jit
def reset(s):
    s.x = 0.0
@jit
def step(s, actions, rewards):
    s.x = (s.x + actions[0]) % 80.0
    rewards[0] += float(actions[0])
@jit
def draw(s, f, seat):
    rect(f, s.x, 40.0, 4.0, 4.0, ME)
@jit
def bot(s, seat, skill):
    return 1
'''


@pytest.mark.slow
@pytest.mark.parametrize("expected", [True, False])
def test_a_time_limit_is_kept_where_games_are_long(tmp_path, monkeypatch, expected):
    """All games would take several times as long, as expected or to its surprise; a busy machine is allowed some seconds."""
    import time

    if not expected:
        monkeypatch.setattr(budget, "affordable", lambda wanted, seconds, wave: wanted)

    (tmp_path / "endless.py").write_text(SLOW)
    fast = FAST[: FAST.index("eval_games=3") - 1]
    compiled = call(tmp_path / "endless.py", *FAST, "--set", "gif=false", "--steps", 512, "--runs", tmp_path, "--name", "zero")
    assert compiled[0] == 0
    monkeypatch.setattr(train, "STARTED", time.perf_counter())
    more = ["--set", "final_games=20000", "--set", "gif=false", "--runs", tmp_path, "--name", "one"]
    words = [tmp_path / "endless.py", *fast, *more]
    code, out, err = call(*words, "--time-limit", 6)
    assert code == 0, err
    final = json.loads((tmp_path / "endless" / "one" / "results.json").read_text())
    assert final["seconds"] < 12.0
    assert 10 <= final["evaluation"]["games"] < 20_000
    assert f"{final['evaluation']['games']} games instead of 20,000" in out
    assert expected or "games were cut: the time is up" in out
    assert "\n         0 steps  return" in out
    assert "Mark:   return 1e+06: not reached" in out


def test_a_game_that_does_not_compile_leaves_no_run(tmp_path):
    (tmp_path / "endless.py").write_text(SLOW.replace("s.x = 0.0", 's.x = "a" + 1'))
    code, _, err = call(tmp_path / "endless.py", *FAST, "--steps", 1000, "--runs", tmp_path / "runs", "--name", "one")
    assert code == 2 and "does not compile" in err
    assert not (tmp_path / "runs" / "endless" / "one").exists()


def test_a_finished_run_says_so_and_how_to_go_on(shown, monkeypatch):
    before = (shown[0] / "results.json").read_bytes()
    steps = json.loads(before)["steps"]
    with monkeypatch.context() as patch:
        patch.setattr("agents.training.trainer.Trainer.train", None)
        for words in ([], ["--steps", 100]):
            code, out, _ = call("--resume", shown[0], *words)
            assert code == 0
            assert f"finished already, after {steps:,} steps. Longer:" in out
            assert f"python train.py --resume {shown[0]} --steps {2 * steps}" in out
        assert json.loads(call("--resume", shown[0], "--json")[1]) == json.loads(before)
    assert (shown[0] / "results.json").read_bytes() == before


def test_steps_count_beside_a_time_limit_however_they_are_given(runs, monkeypatch):
    import time

    monkeypatch.setattr(train, "STARTED", time.perf_counter())
    for number, words in enumerate((["--steps", 700], ["--set", "steps=700"])):
        code, out, err = call("pong", *FAST, *words, "--time-limit", 200, "--runs", runs, "--name", f"both{number}", "--json")
        assert code == 0, err
        final = json.loads(out)
        assert final["steps"] == 1024, "two iterations"
        assert not final["out_of_time"]
    folder = runs / "pong" / "both1"
    out = call("--resume", folder)[1]
    longer = out.splitlines()[-1]
    assert longer == f"  python train.py --resume {folder} --steps 2048"
    code, out, err = call(*shlex.split(longer)[2:], "--json")
    assert code == 0, err
    assert json.loads(out)["steps"] == 2048, "the command that it names does what it says"


def test_commands_for_a_name_with_a_blank_can_be_typed(runs):
    code, out, err = call("pong", *FAST, "--set", "gif=false", "--steps", 600, "--runs", runs, "--name", "my run")
    assert code == 0, err
    folder = str(runs / "pong" / "my run")
    play = next(line for line in out.splitlines() if line.startswith("Play:"))
    assert shlex.split(play)[1:] == ["python", "play.py", "pong", "human", folder]
    longer = call("--resume", folder)[1].splitlines()[-1]
    assert shlex.split(longer) == ["python", "train.py", "--resume", folder, "--steps", "2048"]
    code, out, _ = call(*shlex.split(longer)[2:])
    assert code == 0
    assert f"tensorboard --logdir {runs}\n" in out, "where this run is, not where others are"


def test_interrupted_before_the_run_began_it_just_ends(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_config, "new_run", interrupted)
    assert call("pong", "--workers", 1) == (130, "", "\nStopped before the first iteration. No run was begun.\n")
    monkeypatch.setattr(cli_config, "resumed_run", interrupted)
    assert call("--resume", "runs/pong/one") == (130, "", "\nStopped before the first iteration. The run is as it was.\n")


def test_interrupted_before_the_first_iteration_it_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Terminal, "say", interrupted)
    code, _, err = call("pong", *FAST, "--steps", 600, "--runs", tmp_path, "--name", "one")
    assert code == 130
    folder = tmp_path / "pong" / "one"
    assert err == f"\nStopped at step 0. Go on with:\n  python train.py --resume {folder}\n"


# --- many runs, and the network's table ---


@pytest.mark.slow
def test_seeds_are_runs_of_their_own_and_their_mean_is_told(runs):
    words = ["pong", *FAST[2:], "--steps", 600, "--set", "gif=false", "--runs", runs, "--name", "many"]
    code, out, err = call(*words, "--seed", 4, "--seeds", 2, "--jobs", min(2, os.cpu_count()), "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert [(run["seed"], Path(run["folder"]).name) for run in told["runs"]] == [(4, "many-s4"), (5, "many-s5")]
    rates = [run["evaluation"]["win_rate"] for run in told["runs"]]
    assert told["mean"] == np.mean(rates)
    assert told["interval"][0] <= told["mean"] <= told["interval"][1]
    configs = [json.loads((Path(run["folder"]) / "config.json").read_text()) for run in told["runs"]]
    assert [config.pop("seed") for config in configs] == [4, 5]
    assert configs[0] == configs[1], "and nothing else differs"
    code, out, err = call(*words, "--seed", 5, "--seeds", 2)
    assert code == 2
    assert "many-s5 holds a run already" in err
    assert not (runs / "pong" / "many-s6").exists(), "it is told before the first begins"


def test_seeds_that_are_stopped_say_how_to_go_on(runs):
    words = ["train.py", "pong", *FAST[2:], "--steps", "5e7", "--runs", runs, "--name", "halted", "--seeds", "2"]
    running = subprocess.Popen(
        [sys.executable, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in running.stdout:
        if " steps " in line:
            break
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGINT
    first, rest = err.strip().splitlines()[-2:]
    assert first.split() == ["python", "train.py", "--resume", str(runs / "pong" / "halted-s1")]
    assert (runs / "pong" / "halted-s1" / "checkpoints" / "latest.safetensors").exists(), "it was saved"
    again = vars(train.arguments().parse_args(shlex.split(rest)[2:]))
    asked = vars(train.arguments().parse_args([str(word) for word in words[1:]]))
    assert again == {**asked, "seed": 2, "seeds": 1}


def test_describe_prints_the_network_and_leaves_nothing_behind(runs, tmp_path):
    words = ["connect_four", "--describe", "--algo", "dqn", "--memory", "lstm", "--set", "memory_size=64", "--runs", tmp_path]
    code, out, err = call(*words, "--observation", "planes", "--network", "small", "--set", "size=28")
    assert (code, err) == (0, "")
    for word in ("dqn, small + lstm, planes", "conv 4 × 4 / 2", "memory.lstm", "advantage", "total", "agent's file"):
        assert word in out
    code, out, err = call(*words, "--observation", "objects", "--json")
    told = json.loads(out)
    assert (told["network"], told["memory"]) == ("mlp", "lstm")
    assert told["layers"][2]["shape"] == [64]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", ["ppo", "dqn"])
def test_the_first_algorithm_of_a_recipe_is_the_default(first, monkeypatch):
    pong = games.load("pong")
    ordered = {name: pong.recipe[name] for name in sorted(pong.recipe, key=lambda name: name != first)}
    monkeypatch.setattr(cli_config, "load_game", lambda name: dataclasses.replace(pong, recipe=ordered))
    _, algorithm, _, _ = cli_config.resolve_options(train.arguments().parse_args(["pong"]))
    assert algorithm == first


def test_describe_tells_of_a_run_too(shown):
    code, out, _ = call("--describe", "--resume", shown[0], "--json")
    assert code == 0
    found = json.loads(out)
    assert found["input"] == [2, 12, 12]
    assert abs((shown[0] / "agent.safetensors").stat().st_size - found["file_bytes"]) < 2000


def test_what_needs_one_process_begins_no_others(shown, tmp_path):
    """Also of a run of several."""
    config = json.loads((shown[0] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "ranks": 2}))
    for words in (["--describe"], ["--jobs", "2"], ["--list"]):
        assert train.workers_named(train.arguments().parse_args([*words, "--resume", str(tmp_path)])) == 1
    assert train.workers_named(train.arguments().parse_args(["--resume", str(tmp_path)])) == 2


def test_the_list_names_every_game():
    code, out, _ = call("--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == games.names()


HELP = """
import runpy, sys
sys.argv = [{0!r}, "--help"]
try:
    runpy.run_path({0!r}, run_name="__main__")
finally:
    print(*sys.modules)
"""


@pytest.mark.parametrize("program", ["train.py", "play.py"])
def test_help_waits_for_neither_torch_nor_numba(program):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", HELP.format(program)], cwd=ROOT, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert "examples:" in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    assert "argparse" in loaded
    assert not {"torch", "numba", "numpy", "pygame", "rich", "gymnasium"} & set(loaded)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5  # seconds of computing


SHORTEST = ["pong", "--steps", "2000", "--envs", "16", "--quiet", "--set", "size=12", "--set", "gif=false"]
SHORTEST += ["--set", "eval_games=2", "--set", "final_games=2", "--set", "threads=1"]


def test_a_training_is_as_lean_as_it_should_be(tmp_path):
    """Its compiler would take as long as all of torch, and so would, nearly, a garbage collector that looks through modules."""
    told = "{'torch._dynamo', 'sympy'} & set(sys.modules), gc.isenabled(), gc.get_freeze_count() > 100_000"
    code = (
        f"import atexit, gc, runpy, sys; atexit.register(lambda: print({told})); runpy.run_path('train.py', None, '__main__')"
    )
    words = [sys.executable, "-c", code, *SHORTEST, "--runs", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "set() True True\n", "")
