"""A run's logs by themselves: what TensorBoard's own reader finds, progress.jsonl, the terminal, a film."""

import io
import json
import threading
from functools import partial

import numpy as np
import pytest
import rich.console
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import games
from agents.algorithms.ppo import PPOSettings
from agents.algorithms.settings import applicable, unusual
from agents.training import event_file
from agents.training.logs import Log, Terminal, encode_gif
from agents.training.report import eval_numbers
from games.engine.batch import Batch
from games.errors import UserError
from games.render.renderer import Painter


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


def test_who_is_ended_at_once_gets_the_cursor_back(capfd):
    terminal = Terminal(True, "")
    for live, written in ((None, ""), (object(), "\x1b[?25h")):
        terminal.live = live
        terminal.leave()
        assert capfd.readouterr().out == written


WRITE = {
    "numbers": lambda log: log.scalars(1, {"train/loss": 1.0}),
    "film": lambda log: log.gif(1, "eval/play", [np.zeros((8, 8, 3), np.uint8)], 10),
    "settings": lambda log: log.settings({"gamma": 0.9}, {}),
    "all that waits": lambda log: log.flush(),
}


@pytest.mark.parametrize("what", WRITE)
def test_a_full_disk_is_said_in_our_words_alone(what, tmp_path, monkeypatch, capfd):
    log, threads = Log(tmp_path), threading.active_count()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.board.file, "flush" if what == "all that waits" else "write", full, raising=False)
    with pytest.raises(UserError, match="cannot be written to: No space left on device"):
        WRITE[what](log)
    monkeypatch.undo()
    log.close()
    assert threading.active_count() == threads, "no thread that could print a traceback of its own"
    assert capfd.readouterr() == ("", "")


def read(folder):
    """What TensorBoard's own reader finds in a run's folder."""
    found = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    found.Reload()
    return found


def test_films_of_a_resumed_run_stay_and_those_that_it_makes_anew_replace_the_old(tmp_path):
    film = [np.zeros((8, 8, 3), np.uint8)]
    log = Log(tmp_path)
    for step in (100, 200, 300, 400):
        log.gif(step, "eval/play", film, 10)
        log.scalars(step, {"eval/score": 0.0})
    log.close()
    log = Log(tmp_path, step=200)
    for step in (300, 500):
        log.gif(step, "eval/play", film, 10)
        log.scalars(step, {"eval/score": 1.0})
    log.close()
    found = read(tmp_path)
    assert [each.step for each in found.Images("eval/play")] == [100, 200, 300, 500]
    assert [(each.step, each.value) for each in found.Scalars("eval/score")] == [(100, 0.0), (200, 0.0), (300, 1.0), (500, 1.0)]


def test_the_page_of_settings_shows_what_is_not_the_default_and_nothing_of_the_other_algorithm(tmp_path):
    settings = PPOSettings(gamma=0.9, dueling=False, momentum=0.5, augment_shift=3)
    assert unusual(settings, "ppo") == {"gamma": 0.9}, (
        "momentum is of other optimizers, shift of an augmentation, dueling of dqn"
    )
    everything = applicable(settings, "ppo")
    assert everything["clip_range"] == 0.2 and not {"dueling", "epsilon", "memory_size", "momentum"} & everything.keys()
    assert "memory_size" in applicable(PPOSettings(memory="lstm"), "ppo")
    assert "momentum" in applicable(PPOSettings(optimizer="sgd"), "ppo")
    log = Log(tmp_path)
    log.settings({"algo": "ppo", **everything}, {"algo": "ppo", **unusual(settings, "ppo")})
    log.close()
    found = read(tmp_path)
    start = HParamsPluginData.FromString(found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    assert start.session_start_info.hparams.keys() == {"algo", "gamma"}
    (text,) = found.Tensors("settings/text_summary")
    shown = text.tensor_proto.string_val[0].decode()
    assert "| **gamma** | 0.9 |" in shown and "| clip_range | 0.2 |" in shown


def test_a_mean_and_its_interval_are_one_chart(tmp_path):
    log = Log(tmp_path)
    log.settings({}, {})
    log.close()
    (layout,) = read(tmp_path).Tensors("custom_scalars__config__")
    (tab,) = Layout.FromString(layout.tensor_proto.string_val[0]).category
    summaries = [
        {"games": 5, "win_rate": 0.5, "interval": [0.4, 0.6], "mean_return": [0.0, 0.0]},
        {"games": 5, "mean_return": 3.0, "std_return": 1.0, "return_interval": [2.0, 4.0]},
    ]
    written = {tag for summary in summaries for tag in eval_numbers(summary, 1.0)}
    for chart in tab.chart:
        (series,) = chart.margin.series
        assert {series.value, series.lower, series.upper} <= written


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        Log(tmp_path / "file")


@pytest.mark.parametrize("name", ["pong", "breakout"])
def test_a_film_keeps_the_colours_of_a_paddle_and_a_ball(name):
    game = games.load(name)
    batch, painter = Batch(game, 1, seed=5, bots=1.0), Painter(game)
    nothing = np.zeros((1, game.players), np.int64)
    for _ in range(30):  # until the ball flies
        batch.step(nothing)
    pictures = []
    for _ in range(12):
        batch.step(nothing)
        pictures.append(painter.picture(batch, size=168))
    film = Image.open(io.BytesIO(encode_gif(pictures, 15)))
    assert film.n_frames == len(pictures)
    for k, picture in enumerate(pictures):
        film.seek(k)
        assert np.abs(np.array(film.convert("RGB")).astype(int) - picture).max() <= 16


def test_pictures_become_a_film_of_the_right_pace():
    pictures = [np.full((20, 30, 3), 25 * k, np.uint8) for k in range(8)]
    film = Image.open(io.BytesIO(encode_gif(pictures, 10)))
    assert (film.size, film.n_frames, film.info["duration"], film.info["loop"]) == ((30, 20), 8, 100, 0)


def test_progress_leaves_out_what_it_does_not_know_yet(capsys):
    terminal = Terminal(False, "title")
    terminal.progress(0.0, {"steps": 512, "time/fps": 1000.0}, float("inf"))
    line = capsys.readouterr().out
    assert line.split() == ["[", "0%]", "512", "steps", "1,000/s"]
    terminal._next_line = 0.0
    terminal.progress(0.5, {"steps": 512, "time/fps": 1000.0, "rollout/ep_rew_mean": 1.5}, 61.0)
    assert "return 1.50  1:01 left" in capsys.readouterr().out


def test_brackets_in_a_path_are_printed_as_they_are(capsys):
    Terminal(False, "title").say("Watch:  tensorboard --logdir runs/[bold]old[/bold]:smile:")
    assert "runs/[bold]old[/bold]:smile:" in capsys.readouterr().out


def test_the_line_of_progress_tells_the_loss_and_the_last_evaluation(capsys):
    terminal = Terminal(False, "title")
    terminal.evaluation = "last evaluation: won 50.0%"
    terminal.progress(0.5, {"steps": 512, "time/fps": 1000.0, "train/loss": 0.01234}, 61.0)
    assert "loss 0.0123  1:01 left  last evaluation: won 50.0%" in capsys.readouterr().out


def test_a_terminal_is_not_blank_before_the_first_iteration(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(rich.console, "Console", partial(rich.console.Console, file=shown, force_terminal=True, width=80))
    terminal = Terminal(False, "pong ppo patch")
    terminal.close()
    assert "pong ppo patch" in shown.getvalue() and "how it plays untrained" in shown.getvalue()


def test_event_files_are_read_in_the_order_they_were_made_in_however_quickly(tmp_path, monkeypatch):
    """A run that is resumed within the second it was stopped in, by a process with a smaller number."""
    moment = iter(1_000_000_000.9 + 0.001 * k for k in range(1000))
    monkeypatch.setattr(event_file.time, "time", lambda: next(moment))
    for sitting in range(12):
        monkeypatch.setattr(event_file.os, "getpid", lambda number=100 - 9 * sitting: number)
        log = Log(tmp_path, sitting, sitting)
        log.scalars(sitting + 1, {"eval/score": float(sitting)})
        log.close()
    assert [one.value for one in read(tmp_path).Scalars("eval/score")] == [float(sitting) for sitting in range(12)]
