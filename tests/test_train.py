"""The command line of train.py, and what a run shows: TensorBoard, progress.jsonl, the terminal, one JSON object."""

import io
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import games
import train
from agents.logs import Log, Terminal, encode_gif
from games.errors import UserError

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
    assert "| n_envs | 32 |" in text
    assert "| learning_rate |" in text
    films = events.Images("eval/play")
    assert [film.step for film in films] == [one.step for one in events.Scalars("eval/score")]
    film = Image.open(io.BytesIO(films[0].encoded_image_string))
    assert film.format == "GIF"
    assert film.n_frames > 10
    files = sorted((shown[0] / "videos").iterdir())
    assert [path.read_bytes() for path in files] == [film.encoded_image_string for film in films]


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
    assert lines[0] == "Pong: ppo, patch network, seed 2, on cpu"
    assert any(line.startswith("Watch:  tensorboard --logdir") for line in lines)
    assert any("against bot (95 %:" in line for line in lines)
    assert f"Agent:  {folder / 'agent.safetensors'}" in lines
    assert f"Play:   python play.py pong human {folder}" in lines


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


# --- logs by themselves ---


def test_counts_are_written_whole_and_what_is_no_number_as_null(tmp_path):
    log = Log(tmp_path)
    log.scalars(20_000_001, {"time/total_timesteps": 20_000_001, "train/loss": 1 / 3, "train/nan": float("nan")})
    log.close()
    line = json.loads((tmp_path / "progress.jsonl").read_text())
    assert line["step"] == line["time/total_timesteps"] == 20_000_001
    assert line["train/loss"] == 0.3333333
    assert line["train/nan"] is None


def test_a_log_goes_on_where_the_checkpoint_was_also_if_somebody_shortened_it(tmp_path):
    log = Log(tmp_path)
    log.scalars(1, {"a": 1.0})
    kept = log.position()
    log.scalars(2, {"a": 2.0})
    log.close()
    log = Log(tmp_path, kept, 1)
    log.scalars(2, {"a": 3.0})
    log.close()
    assert [json.loads(line)["a"] for line in (tmp_path / "progress.jsonl").read_text().splitlines()] == [1.0, 3.0]
    (tmp_path / "progress.jsonl").write_text("")
    log = Log(tmp_path, kept, 2)
    log.scalars(3, {"a": 4.0})
    log.close()
    assert json.loads((tmp_path / "progress.jsonl").read_text())["a"] == 4.0


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        Log(tmp_path / "file")


def test_pictures_become_a_film_of_the_right_pace():
    pictures = [np.full((20, 30, 3), 25 * k, np.uint8) for k in range(8)]
    film = Image.open(io.BytesIO(encode_gif(pictures, 10)))
    assert (film.size, film.n_frames, film.info["duration"], film.info["loop"]) == ((30, 20), 8, 100, 0)


def test_brackets_in_a_path_are_printed_as_they_are(capsys):
    Terminal(False, "title").say("Watch:  tensorboard --logdir runs/[bold]old[/bold]:smile:")
    assert "runs/[bold]old[/bold]:smile:" in capsys.readouterr().out


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
        (["pong", "--steps", "-5"], "0 or more"),
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
    for words in (["--set", "gamma=0.5"], ["--envs", 4], ["--seed", 5], ["--device", "cpu"], ["--opponent", "self"]):
        code, _, err = call("--resume", shown[0], *words)
        assert code == 2
        assert f"{words[0]} cannot be given" in err
    for words, says in ((["--steps", "nan"], "--steps is 1 or more"), (["--time-limit", 0], "5 seconds at least")):
        code, _, err = call("--resume", shown[0], *words)
        assert code == 2
        assert says in err


def test_a_run_on_cuda_gone_on_with_elsewhere_is_told_so(shown, tmp_path, monkeypatch):
    config = json.loads((shown[0] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "device": "cuda"}))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, err = call("--resume", tmp_path)
    assert code == 2
    assert "finds no cuda device here" in err


def test_an_opponent_that_has_changed_since_is_noticed(runs, shown, tmp_path):
    rival = tmp_path / "rival.safetensors"
    rival.write_bytes((shown[0] / "agent.safetensors").read_bytes())
    words = ["pong", *FAST, "--steps", 600, "--set", "gif=false", "--quiet", "--runs", runs, "--name", "rival"]
    assert call(*words, "--opponent", rival)[0] == 0
    step = sorted((shown[0] / "checkpoints").glob("step-*"))[0]
    rival.write_bytes(step.read_bytes())
    code, _, err = call("--resume", runs / "pong" / "rival")
    assert code == 2
    assert "opponent's file has changed" in err


def test_a_time_limit_is_kept(runs, monkeypatch):
    import time

    monkeypatch.setattr(train, "STARTED", time.perf_counter())
    words = ["pong", *FAST, "--set", "gif=false", "--runs", runs, "--name", "limited", "--json", "--time-limit", 6]
    code, out, _ = call(*words)
    assert code == 0
    assert 2 < json.loads(out)["seconds"] < 7.5


def test_interrupted_before_the_run_began_it_just_ends(monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "prepare", interrupted)
    assert call("pong")[0] == 130


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
