"""Learning curves: means and intervals over seeds, pictures, and what bad input gets."""

import io
import json
import sys
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from agents import plot
from agents.core.settings import AgentSettings
from agents.training import learning_curves
from agents.training.learning_curves import Curve, Group, band, bands, figure, mark, read
from games.errors import UserError

ONE = Group("pong", "ppo", "patch")


def curve(x, y, group=ONE, rate=False):
    return Curve(group, np.array(x, float), np.array(y, float), rate)


def run_folder(folder, game="pong", memory="none", scores=(0.2, 0.6, 0.9), seed=1, rate=True, every=1000):
    """A run's folder as training leaves it: an iteration's line, and an evaluation's right after it."""
    folder.mkdir(parents=True)
    learner = {**asdict(AgentSettings()), "memory": memory}
    agent = {"game": game, "game_version": 1, "game_digest": None, "algorithm": "ppo"}
    (folder / "config.json").write_text(json.dumps({**agent, "trainer": "sparring", "seed": seed, "learner": learner}))
    with (folder / "progress.jsonl").open("w") as file:
        for k, score in enumerate(scores, 1):
            line = {"step": every * k, "time": 1.7e9 + k, "rollout/ep_rew_mean": None, "time/time_elapsed": 20.0 * k}
            file.write(json.dumps(line) + "\n")
            line = {"step": every * k, "time": 1.7e9 + k, "eval/score": score, **({"eval/win_rate": score} if rate else {})}
            file.write(json.dumps(line) + "\n")
    return folder


@pytest.fixture
def three(tmp_path):
    return [run_folder(tmp_path / f"x-s{k}", scores=(0.1 * k, 0.5, 0.8 + 0.05 * k), seed=k) for k in (1, 2, 3)]


def call(*words):
    """The module's exit code, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["plot", *map(str, words)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        return plot.main(), out.getvalue(), err.getvalue()


# --- numbers ---


def test_a_run_is_read_by_steps_and_by_time_of_training(three):
    by_steps, by_time = read(three[0], "eval/score", "steps"), read(three[0], "eval/score", "time")
    assert by_steps.x.tolist() == [1000, 2000, 3000]
    assert by_time.x.tolist() == [20, 40, 60], "of the iteration before the evaluation, not of the clock"
    assert by_steps.y.tolist() == by_time.y.tolist() == pytest.approx([0.1, 0.5, 0.85])
    assert by_steps.group == ONE
    assert by_steps.rate


def test_a_run_says_whose_it_is_and_what_its_learner_sees(tmp_path):
    folder = run_folder(tmp_path / "theirs", memory="lstm")
    config = json.loads((folder / "config.json").read_text())
    config["trainer"], config["learner"]["observation"] = "sb3", "planes"
    (folder / "config.json").write_text(json.dumps(config))
    assert read(folder, "eval/score", "steps").group == Group("pong", "ppo", "patch", "lstm", "planes", "sb3")


def test_runs_measured_at_other_steps_meet_in_between_and_only_where_all_have_been():
    found = band([curve([0, 10, 20], [0, 10, 20]), curve([5, 15], [1, 3])])
    assert found.x.tolist() == [5, 10, 15]
    assert found.mean.tolist() == [3.0, 6.0, 9.0]


def test_the_interval_is_students_and_a_rate_stays_a_rate():
    runs = [curve([0], [y]) for y in (2.0, 4.0, 6.0, 8.0)]
    found = band(runs)
    assert (found.low[0], found.high[0]) == (pytest.approx(0.892, abs=1e-3), pytest.approx(9.108, abs=1e-3))
    sure = band([curve([0], [y], rate=True) for y in (0.9, 1.0)])
    assert (sure.low[0], sure.high[0]) == (pytest.approx(0.3147), 1.0)
    alone = band(runs[:1])
    assert alone.low == alone.high == alone.mean == 2.0


def test_many_points_become_a_few_hundred():
    long = [curve(np.arange(1000) + k / 7, np.arange(1000)) for k in range(3)]
    assert len(band(long).x) == learning_curves.PLACES
    assert len(band(long[:1]).x) == 1000


def test_seeds_are_joined_and_everything_else_is_kept_apart():
    other = Group("pong", "dqn", "small", "lstm")
    seeing, theirs, far = ONE._replace(observation="planes"), other._replace(trainer="sb3"), ONE._replace(game="breakout")
    found = bands([curve([0, 1], [0, 1], group) for group in (ONE, other, ONE, far, seeing, theirs)])
    assert {game: {name: one.runs for name, one in drawn.items()} for game, drawn in found.items()} == {
        "pong": {"ppo, patch, pixels": 2, "dqn, small + lstm": 1, "ppo, patch, planes": 1, "sb3 dqn, small + lstm": 1},
        "breakout": {"ppo, patch": 1},
    }


def test_a_mark_is_drawn_where_it_is_of_what_is_drawn():
    assert mark("pong", "eval/score", True) == 0.95
    assert mark("breakout", "eval/score", False) == mark("breakout", "eval/mean_reward", False) == 250
    assert mark("pong", "rollout/win_rate", True) is None
    assert mark("pong", "eval/mean_reward", False) is None, "its mark is of games won"
    assert mark("a_game_of_my_own", "eval/score", True) is None


# --- pictures ---


def test_axes_legend_and_mark_say_what_is_seen(three, tmp_path):
    more = run_folder(tmp_path / "more", "breakout", "lstm", scores=(5, 50, 200), rate=False)
    board = run_folder(tmp_path / "board", "connect_four", scores=(0.1, 0.5, 0.9))
    made = figure([read(folder, "eval/score", "steps") for folder in (*three, more, board)], "eval/score", "steps")
    assert [axes.get_title(loc="left") for axes in made.axes] == ["Pong", "Breakout", "Connect Four"]
    pong, breakout = made.axes[:2]
    assert (pong.get_xlabel(), pong.get_ylabel()) == ("steps", "games won against the bot")
    assert breakout.get_ylabel() == "return of an evaluation"
    texts = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in (pong, breakout)]
    assert texts == [["ppo, patch (3 seeds)", "the game's mark"], ["ppo, patch + lstm (1 seed)", "the game's mark"]]
    curve, goal = pong.get_lines()
    assert curve.get_color() == made.axes[2].get_lines()[0].get_color() != breakout.get_lines()[0].get_color(), "of a learner"
    assert curve.get_ydata().tolist() == pytest.approx([0.2, 0.5, 0.9])
    assert goal.get_linestyle() == "--"
    assert goal.get_ydata()[0] == 0.95
    assert len(pong.collections) == 1, "an interval"
    assert not breakout.collections, "none of a single run"


def test_time_is_told_in_the_unit_that_fits(tmp_path):
    for count, unit, last in ((3, "seconds", 60), (30, "minutes", 10), (400, "hours", 400 * 20 / 3600)):
        folder = run_folder(tmp_path / unit, scores=[0.5] * count)
        axes = figure([read(folder, "eval/score", "time")], "eval/score", "time").axes[0]
        assert axes.get_xlabel() == f"training time ({unit})"
        assert axes.get_lines()[0].get_xdata()[-1] == pytest.approx(last)


def test_every_curve_of_many_looks_different():
    groups = [Group("pong", "ppo", f"net{k}") for k in range(20)]
    made = figure([curve([0, 1], [0, 1], group, True) for group in groups], "eval/score", "steps")
    looks = {(line.get_color(), str(line._dash_pattern)) for line in made.axes[0].get_lines()[:20]}
    assert len(looks) == 20


def test_png_and_svg_are_written(three, tmp_path):
    code, out, err = call(*three, "--out", tmp_path / "curve.png")
    assert (code, err) == (0, "")
    assert out == f"Curve:  {tmp_path / 'curve.png'}\n"
    picture = np.asarray(Image.open(tmp_path / "curve.png").convert("RGB"))
    assert picture.shape[0] > 600
    blue = np.array([0x00, 0x72, 0xB2])
    assert (np.abs(picture - blue.astype(int)).sum(2) < 12).sum() > 500, "the curve is on it"
    assert call(*three, "--out", tmp_path / "curve.svg")[0] == 0
    first = (tmp_path / "curve.svg").read_bytes()
    assert b"<svg" in first
    call(*three, three[0], "--out", tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").read_bytes() == first, "a run named twice counts once"


# --- what bad input gets ---


def damage(folder, what):
    path = folder / "progress.jsonl"
    if what == "no config":
        (folder / "config.json").unlink()
    elif what == "config":
        (folder / "config.json").write_text("{")
    elif what == "names":
        (folder / "config.json").write_text('{"game": 3, "algorithm": "ppo", "learner": {"network": "patch"}}')
    elif what == "no progress":
        path.unlink()
    elif what == "line":
        path.write_text('{"step": 1, "eval/score": 1.0}\n\x00\x00\n{"step": 2}\n')
    elif what == "array":
        path.write_text("[]\n")
    elif what == "step":
        path.write_text('{"eval/score": 1.0}\n')
    elif what == "empty":
        path.write_text("")
    elif what == "not yet":
        path.write_text('{"step": 1, "eval/score": null}\n')


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("no config", "holds no run"),
        ("config", "config.json is damaged"),
        ("names", "config.json does not fit: game: expected a text, not 3"),
        ("line", "damaged in line 2"),
        ("array", "damaged in line 1"),
        ("step", "damaged in line 1"),
    ],
)
def test_a_damaged_run_is_named_with_what_is_wrong(three, tmp_path, what, says):
    damage(three[1], what)
    code, out, err = call(*three, "--out", tmp_path / "curve.png")
    assert (code, out) == (2, "")
    assert says in err
    assert three[1].name in err
    assert "Traceback" not in err and len(err.splitlines()) <= 3
    assert not (tmp_path / "curve.png").exists()


@pytest.mark.parametrize(
    ("what", "says"),
    [("no progress", "has not begun"), ("empty", "has no 'eval/score' yet"), ("not yet", "has no 'eval/score' yet")],
)
def test_a_run_that_was_stopped_before_its_first_number_is_left_out_with_a_remark(three, tmp_path, what, says):
    damage(three[1], what)
    code, _, err = call(*three, "--out", tmp_path / "curve.svg")
    assert code == 0
    assert err.startswith("Left out: ") and says in err and three[1].name in err and len(err.splitlines()) == 1
    call(three[0], three[2], "--out", tmp_path / "two.svg")
    assert (tmp_path / "curve.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    code, out, err = call(three[1], "--out", tmp_path / "none.svg")
    assert (code, out) == (2, "")
    assert says in err
    assert not (tmp_path / "none.svg").exists()


def test_a_last_line_that_a_kill_cut_off_is_left_out(three):
    with (three[0] / "progress.jsonl").open("a") as file:
        file.write('{"step": 4000, "eval/sc')
    assert read(three[0], "eval/score", "steps").x[-1] == 3000


def test_mistakes_of_the_command_line_are_said(three, tmp_path):
    for words, says in (
        ([tmp_path / "none"], "holds no run"),
        ([three[0], "--tag", "eval/scor"], "Did you mean 'eval/score'"),
        ([three[0], "--out", tmp_path / "curve.gif"], "ends in .png or .svg"),
        ([three[0], "--out", tmp_path / "no" / "curve.png"], "cannot be written"),
    ):
        code, _, err = call(*words)
        assert code == 2
        assert says in err


def test_runs_without_a_stretch_in_common_are_said():
    with pytest.raises(UserError, match="no stretch in common"):
        band([curve([0, 1], [0, 1]), curve([2, 3], [0, 1])])


def test_without_matplotlib_the_extra_is_named(three, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = call(*three, "--out", tmp_path / "curve.png")
    assert code == 2
    assert ".[plot]" in err
