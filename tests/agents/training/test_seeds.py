"""Many runs: what their mean says, how they share the machine, and how they are stopped and gone on with."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import train
from agents.core import signals
from agents.training import seeds
from agents.training.seeds import Job, Jobs, Stopped, last_lines, mean_interval, summary
from games.errors import UserError

# A run that writes its result after so many seconds, or is stopped; both leave a line in a common file.
CHILD = """
import json, os, pathlib, signal, sys, time
folder, seconds = pathlib.Path(sys.argv[1]), float(sys.argv[2])
folder.mkdir()
(folder / "config.json").write_text("{}")
def stop(number, frame):
    (folder / "signals").open("a").write("x")
    time.sleep(seconds / 100)
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
(folder / "group").write_text(str(os.getpgrp()))
(folder / "begun").write_text(str(time.time()))
time.sleep(seconds)
if seconds == 0:
    sys.exit("error: it cannot be")
evaluation = {"games": 1, "mean_return": seconds, "return_interval": [0.0, 1.0]}
counts = {"agent": "agent", "agent_steps": 10, "evaluations": 1, "steps": 10, "planned_games": 1}
(folder / "results.json").write_text(
    json.dumps({**counts, "seconds": seconds, "evaluation": evaluation, "time_limit": None, "out_of_time": False})
)
(folder / "ended").write_text(str(time.time()))
"""


def jobs_of(folder, *seconds):
    return [
        Job(k, folder / f"x-s{k}", [sys.executable, "-c", CHILD, str(folder / f"x-s{k}"), str(one)])
        for k, one in enumerate(seconds, 1)
    ]


def times(jobs, name):
    return [float((job.folder / name).read_text()) for job in jobs]


def test_the_interval_is_students():
    assert mean_interval([2.0, 4.0, 6.0, 8.0]) == (5.0, [0.8921, 9.1079])  # 5 ± 3.182 · 2.582 / 2
    assert mean_interval([3.0]) == (3.0, None), "of one seed there is none"


def test_one_after_the_other_or_side_by_side(tmp_path):
    for together, folder in ((1, tmp_path / "one"), (2, tmp_path / "two")):
        folder.mkdir()
        jobs, told = jobs_of(folder, 0.3, 0.3), []
        Jobs(jobs, together, True, told.append).run()
        assert sorted(job.seed for job in told) == [1, 2]
        begun, ended = times(jobs, "begun"), times(jobs, "ended")
        assert (begun[1] >= ended[0]) == (together == 1)


def test_a_run_that_fails_is_told_and_the_others_go_on(tmp_path):
    jobs = jobs_of(tmp_path, 0.1, 0, 0.3)
    Jobs(jobs, 1, True).run()
    found = summary(jobs)
    assert [run.get("error") for run in found["runs"]] == [None, "it cannot be", None]
    assert found["mean"] == pytest.approx(0.2)
    assert last_lines(found)[0].startswith("Mean of 2 seeds:  0.20 return (95 %: ")
    assert last_lines({**found, "runs": found["runs"][1:2]}) == []


def test_a_signal_reaches_each_run_once_and_the_rest_do_not_begin(tmp_path):
    jobs = jobs_of(tmp_path, 0.01, 30, 90, 30)

    def interrupt():
        while not all((job.folder / "begun").exists() for job in jobs[1:3]):
            time.sleep(0.02)
        for _ in range(3):  # as an impatient person does; a run that gets two would end unsaved
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.05)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Stopped) as stopped:
        Jobs(jobs, 2, True).run()
    thread.join()
    assert stopped.value.number == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) == before
    assert [(job.folder / "signals").read_text() for job in jobs[1:3]] == ["x", "x"]
    assert os.getpgrp() not in times(jobs[1:3], "group"), "a terminal's Ctrl-C would reach them a second time"
    assert jobs[3].process is None, "and what was waiting never began"
    assert all(job.process.returncode == 130 for job in jobs[1:3])
    options = {
        "game": "pong",
        "set": ["a=1"],
        "steps": 2e6,
        "seed": 1,
        "seeds": 4,
        "jobs": 2,
        "runs": Path("runs"),
        "name": None,
    }
    assert seeds.how_to_go_on(jobs, options, None) == [
        f"python train.py --resume {tmp_path / 'x-s2'}",
        f"python train.py --resume {tmp_path / 'x-s3'}",
        "python train.py pong --set a=1 --steps 2e+06 --seed 4 --seeds 1 --jobs 2 --name x",
    ]
    assert seeds.how_to_go_on(jobs[1:2], options, "./own.py") == [f"python train.py ./own.py --resume {tmp_path / 'x-s2'}"]


def test_what_never_began_is_begun_by_a_command_for_each_stretch_of_seeds(tmp_path):
    jobs = jobs_of(tmp_path, *[1] * 5)
    jobs[1].folder.mkdir()
    (jobs[1].folder / "config.json").write_text("{}")
    jobs[3].final = {"steps": 1}
    lines = seeds.how_to_go_on(jobs, {"game": "pong", "runs": Path("runs")}, None)
    assert lines == [
        f"python train.py --resume {tmp_path / 'x-s2'}",
        "python train.py pong --seed 1 --seeds 1 --name x",
        "python train.py pong --seed 3 --seeds 1 --name x",
        "python train.py pong --seed 5 --seeds 1 --name x",
    ]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has none")
def test_the_end_of_a_terminal_ends_a_run_unless_nohup_has_it_ignored():
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert signals.ending_signals() == [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert signals.ending_signals() == [signal.SIGINT, signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interval_of_games_won_stays_between_none_and_all(tmp_path):
    jobs = jobs_of(tmp_path, 1, 1)
    for job, rate in zip(jobs, (0.9, 1.0), strict=True):
        job.final = {"steps": 10, "seconds": 1.0, "evaluation": {"win_rate": rate, "interval": [0.0, 1.0]}}
    found = summary(jobs)
    assert found["interval"] == [pytest.approx(0.3147), 1.0]  # 0.95 ± 12.706 · 0.05
    assert last_lines(found)[0] == "Mean of 2 seeds:  95.0% of games won (95 %: 31.5% to 100.0%)"


def test_no_more_runs_side_by_side_than_cores(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert [seeds.threads_each(k) for k in (1, 2, 3, 4)] == [4, 2, 1, 1]
    for wrong in (0, 5):
        with pytest.raises(UserError, match="from 1 to 4 here"):
            seeds.threads_each(wrong)


def test_a_command_line_is_read_as_it_was_meant():
    options = {"game": "./my game.py", "set": ["a=-1"], "name": "-odd", "steps": 1234567.0, "json": True}
    words = seeds.command("train.py", options)
    assert words == ["train.py", "./my game.py", "--set", "a=-1", "--name=-odd", "--steps", "1234567.0", "--json"]
    parsed = vars(train.arguments().parse_args(words[1:]))
    assert {name: parsed[name] for name in options} == options
