"""Today's tree beside an older commit's: each runs its own code, the figures are right, and nothing is left behind."""

import dataclasses
import json
import math
import os
import re
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

import bench
import games
import train
from agents.algorithms.dqn import DQNSettings
from agents.algorithms.ppo import PPOSettings
from agents.training import cli_config
from agents.training.config import OWNERS
from games.errors import UserError
from speed import since, trees
from speed.ratios import compared, interval, verdict
from speed.train import comparisons

# --- a project that takes no time -------------------------------------------------------------------------------------

# As `train.py`, with what `marker` of its own tree says: seconds of an iteration of 1,000 steps, weights, and what to do.
FAKE = """
import json, os, struct, sys
from pathlib import Path
import marker

def option(name):
    return sys.argv[sys.argv.index(name) + 1]

exec(marker.FIRST)
steps = min(-(-int(option("--steps")) // 1000) * 1000, marker.MOST)
folder = Path(option("--runs")) / sys.argv[1] / option("--name")
(folder / "checkpoints").mkdir(parents=True)
import time
lines = [{"step": 0, "time": time.time() - 1000, "eval/score": 0.1}]
lines += [
    {"step": step, "time": time.time(), "perf/iteration_seconds": marker.SECONDS, "train/n_updates": step // 1000}
    for step in range(1000, steps + 1, 1000)
]
lines.append({"step": steps, "time": time.time(), "eval/score": 0.5})
(folder / "progress.jsonl").write_text("".join(json.dumps(line) + "\\n" for line in lines))
(folder / "config.json").write_text(json.dumps({"learner": {"gamma": marker.GAMMA, "size": 30}}))
(folder / "results.json").write_text(json.dumps({"steps": steps}))
begins = {name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * k, 4 * k + 4]} for k, name in enumerate(marker.WEIGHTS)}
head = json.dumps(begins).encode()
values = struct.pack(f"{len(begins)}f", *marker.WEIGHTS.values())
(folder / "checkpoints" / "latest.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + values)
"""
MARKER = {"FIRST": "", "MOST": 10**9, "SECONDS": 0.5, "GAMMA": 0.9, "WEIGHTS": {"network.a": 1.0, "optimizer.a": 1.0}}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """`project(then={…}, today={…})`: a repository of one commit, with these markers in it and in its working tree."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(trees.tempfile, "tempdir", str(tmp_path / "temporary"))
    root = tmp_path / "project"
    monkeypatch.setattr(trees, "ROOT", root)

    def write(values):
        (root / "marker.py").write_text("".join(f"{name} = {value!r}\n" for name, value in {**MARKER, **values}.items()))

    def make(then=(), today=()):
        for folder in (root, tmp_path / "temporary"):
            folder.mkdir()
        (root / "train.py").write_text(FAKE)
        write(dict(then))
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "then"]):
            subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", root, *words], check=True)
        write(dict(today))
        return root

    yield make
    if root.exists():
        found = subprocess.run(["git", "-C", root, "worktree", "list"], capture_output=True, text=True, check=True).stdout
        assert len(found.splitlines()) == 1, "a worktree is left"
        assert os.listdir(tmp_path / "temporary") == [], "a folder is left"


def rows(capsys, *words):
    assert bench.main(["since", "HEAD", *words, "--json"]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}


def test_each_tree_runs_its_own_code_and_the_ratio_is_right(project, capsys):
    root = project(then={"SECONDS": 0.5, "GAMMA": 0.9}, today={"SECONDS": 0.25, "GAMMA": 0.99})
    found = rows(capsys, "--quick", "--pairs", "2", "--only", "train ppo patch")
    assert found.keys() == {"train ppo patch", "train ppo patch start-up", "train ppo patch memory"}
    row = found["train ppo patch"]
    assert row["ours"] == 4000 and row["peer"] == 2000 and row["ratio"] == row["low"] == row["high"] == 2.0
    assert row["note"].startswith("faster, 95 % 2.000 to 2.000; 2 pairs 2.000 to 2.000; 1 thread")
    assert "NOT THE SAME SETTINGS: gamma 0.99, then 0.9" in row["note"] and "size" not in row["note"]
    assert row["peer_name"] == trees.git("rev-parse", "--short", "HEAD")
    assert 0 < found["train ppo patch start-up"]["ours"] < 60
    assert not (root / "runs").exists()


def test_an_environment_of_another_package_is_learned_from_as_it_is_by_default(project, capsys):
    project()
    found = rows(capsys, "--only", "train gym:CartPole-v1")
    assert found["train gym:CartPole-v1"]["ours"] == 2000.0 and 0 < found["train gym:CartPole-v1 start-up"]["ours"] < 60


def test_whole_trainings_are_compared_seed_by_seed_with_nothing_compiled(project, capsys, monkeypatch):
    told = (
        "import json; open(os.environ['TOLD'], 'a').write(option('--seed') + str(os.path.exists(os.environ['SPARRING_CACHE'])))"
    )
    root = project(today={"FIRST": told}, then={"FIRST": told})
    monkeypatch.setenv("TOLD", str(root / "told"))
    fake = (root / "train.py").read_text().replace('option("--name")', '"automatic"')
    (root / "train.py").write_text(fake.replace('option("--steps")', '"3000"') + "os.makedirs(os.environ['SPARRING_CACHE'])\n")
    with (root / "train.py").open("a") as file:
        file.write("print(json.dumps({'mark_score': 0.9}))\n")
    for words in (["add", "."], ["commit", "-qm", "then"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", root, *words], check=True)
    found = rows(capsys, "--pairs", "2", "--only", "mark breakout")
    assert (root / "told").read_text() == "1False1False2False2False"
    assert re.search(r"scores: today 0.9, 0.9; \w+ 0.9, 0.9$", found["mark breakout"]["note"])
    assert found["mark breakout"]["ours"] - found["mark breakout outside of iterations"]["ours"] == pytest.approx(1.5)


def test_weights_that_differ_are_told(project, capsys):
    project(then={"WEIGHTS": {"network.a": 1.0, "optimizer.a": 1.0}}, today={"WEIGHTS": {"network.a": 1.0, "optimizer.a": 2.0}})
    same = rows(capsys, "--only", "weights pong dqn lstm")["weights pong dqn lstm"]
    assert same["ours"] == 1.0 and same["note"].startswith("the same weights, sha ")
    marker = trees.ROOT / "marker.py"
    marker.write_text(marker.read_text().replace("'network.a': 1.0", "'network.a': 1.0000001"))
    other = rows(capsys, "--only", "weights pong dqn lstm")["weights pong dqn lstm"]
    assert other["ours"] == 0.0 and other["note"].startswith("OTHER WEIGHTS: sha ")
    marker.write_text(marker.read_text().replace("network.a", "net.a"))
    assert bench.main(["since", "HEAD", "--only", "weights pong ppo lstm"]) == 2
    assert "holds no weights" in capsys.readouterr().err


def test_there_are_weights_of_eight_learners():
    names = [one.name for one in since.choose(since.tasks(1.0, True), "weights", False)]
    assert len(names) == len(set(names)) == 8 and {"weights pong ppo", "weights connect_four dqn lstm"} <= set(names)


@pytest.mark.parametrize(
    "marker, message",
    [
        ({"FIRST": "sys.exit('one\\nerror: No room.\\nBuy some.')"}, "failed in the tree of .*:\nNo room.\nBuy some."),
        ({"FIRST": "{}['weights']"}, "KeyError: 'weights'"),
        ({"MOST": 1000}, "made 1,000 steps, not "),
        ({"SECONDS": 0.0}, "No steps were learned from"),
    ],
)
def test_what_does_not_work_has_no_speed(project, capsys, marker, message):
    project(then=marker)
    with pytest.raises(UserError, match=message):
        list(since.measure(["HEAD"], 0.1, quick=True, only="train ppo patch"))


def test_what_the_older_commit_cannot_do_has_no_row_among_others(project, capsys):
    project(then={"FIRST": "'pqn' in sys.argv and sys.exit('error: There is no algorithm pqn.')"})
    found = rows(capsys, "--quick", "--pairs", "1", "--only", "patch train")
    assert {"train ppo patch", "train dqn patch"} <= found.keys() and "train pqn patch" not in found


@pytest.mark.parametrize("number, leaves", [(signal.SIGINT, None), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_no_process_and_no_worktree(project, tmp_path, number, leaves):
    lock = tmp_path / "alive"
    first = f"import fcntl, signal; held = open({str(lock)!r}, 'w'); fcntl.flock(held, fcntl.LOCK_EX)"
    root = project(then={"FIRST": f"{first}; os.kill({os.getpid()}, {int(number)}); signal.pause()"})
    before = signal.getsignal(signal.SIGTERM)
    command = ["since", "HEAD", "--quick", "--only", "train ppo patch"]
    if leaves is None:
        assert bench.main(command) == 130
    else:
        with pytest.raises(SystemExit, match=str(leaves)):
            bench.main(command)
    assert signal.getsignal(signal.SIGTERM) == before and root.exists()  # the fixture looks for what is left
    FileLock(lock).acquire(timeout=20)  # no sooner than the command that holds it is dead


def test_the_memory_is_the_commands_own_and_not_ours(project):
    ours = bytearray(150_000_000)
    ours[::4096] = b"1" * len(ours[::4096])  # or the system would not give it
    root = project()
    (root / "little.py").write_text("print(1)")
    done = trees.Tree("today", root, root.parent / "place").run(["little.py"])
    assert done.memory is not None and done.out == "1\n" and 0 < done.wall < 60
    assert 4e6 < done.memory < 60e6 < resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# --- this project -----------------------------------------------------------------------------------------------------


@pytest.fixture
def repository():
    """Skips where this project is in no repository that has worktrees; sees that none is left."""
    try:
        trees.commit_of("HEAD")
    except UserError as error:
        pytest.skip(str(error))
    before = trees.git("worktree", "list").splitlines()  # another comparison may go on beside this one
    yield
    assert [
        line for line in trees.git("worktree", "list").splitlines() if "sparring-since-" in line and line not in before
    ] == []


@pytest.mark.usefixtures("repository")
def test_this_projects_programs_are_compared_with_its_latest_commit(capsys):
    found = rows(capsys, "--quick", "--pairs", "3", "--only", "start")
    assert found.keys() == {"start train.py --help", "start play.py --help"}
    for row in found.values():
        assert row["unit"] == "s" and 0 < row["low"] < row["high"] and 0.01 < row["ours"] < 60


@pytest.mark.slow
@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    "words, unit", [("train dqn lstm mlp", "steps/s"), ("env pong", "ticks/s"), ("weights pong ppo", "same bits")]
)
def test_this_project_is_compared_with_its_latest_commit(capsys, words, unit):
    found = rows(capsys, "--quick", "--only", words)
    assert found and {row["unit"] for row in found.values()} <= {unit, "s", "ms", "MB"}
    assert all(row["ours"] > 0 for row in found.values())


# --- command lines ----------------------------------------------------------------------------------------------------


def resolved(game, algorithm, settings):
    """The config that train.py would write for the command line of such settings."""
    program, *words = since.train_words(games.load(game), algorithm, settings)
    options = train.arguments().parse_args([*words, "--steps", "1000"])
    assert program == "train.py" and options.opponent == (None if game == "breakout" else ["bot"])  # whatever a recipe says
    return cli_config.new_config(options)[1]


@pytest.mark.parametrize("contest", comparisons(quick=False), ids=lambda contest: contest.name)
def test_a_command_line_means_the_settings_of_its_contest(contest):
    config = resolved(contest.game or "pong", contest.name.split()[0], contest.ours)
    assert config.learner == contest.ours and config.opponents == ["bot"]
    assert config.run.threads == 1 and not config.run.gif and config.run.eval_games == config.run.final_games == 1


@pytest.mark.parametrize("kind, algorithm", [(PPOSettings, "ppo"), (DQNSettings, "dqn")])
@pytest.mark.parametrize("game", ["pong", "breakout", "connect_four"])
def test_a_command_line_means_any_settings(kind, algorithm, game):
    """The defaults, which a recipe changes; and with every truth and every share changed, and a stack beside a memory."""
    changed = {}
    for one in (one for one in dataclasses.fields(kind) if algorithm in OWNERS.get(one.name, (algorithm,))):
        if isinstance(one.default, bool):
            changed[one.name] = not one.default and one.name != "normalize_observation"
        elif isinstance(one.default, float) and 0 < one.default < 1:
            changed[one.name] = one.default * 0.77
    for settings in (kind(), kind(**changed, memory="lstm", stack=2)):
        config = resolved(game, algorithm, settings)
        assert config.learner == settings
        assert config.opponents == ([] if game == "breakout" else ["bot"])


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_interval_is_students_of_the_logarithms():
    """Three ratios 1/2, 1 and 2: mean 0, deviation ln 2, so 4.303 · ln 2 / √3 to each side."""
    row = compared("it", "steps/s", [10.0, 20.0, 60.0], [20.0, 20.0, 30.0], "then")
    half = 4.303 * math.log(2) / math.sqrt(3)
    assert (row.low, row.high) == pytest.approx((math.exp(-half), math.exp(half)))
    assert row.ratio == 1.0 and row.ours == row.peer == 20.0
    assert row.note == "not told apart: more --pairs, 95 % 0.179 to 5.596; 3 pairs 0.500 to 2.000"
    assert interval([1.5]) is None


@pytest.mark.parametrize("unit, better, worse", [("s", "faster", "slower"), ("MB", "smaller", "larger")])
def test_of_seconds_and_memory_less_is_better(unit, better, worse):
    less, more = compared("it", unit, [1.0] * 3, [2.0] * 3, "then"), compared("it", unit, [2.0] * 3, [1.0] * 3, "then")
    assert less.ratio == 2.0 and less.note.startswith(better)
    assert more.ratio == 0.5 and more.note.startswith(worse)


def test_no_slower_needs_an_interval_that_holds_1_and_is_narrow():
    assert (
        verdict("steps/s", (0.95, 1.0)) == verdict("s", (0.95, 1.5)) == "no slower" and verdict("MB", (0.96, 1)) == "no larger"
    )
    assert verdict("s", (0.949, 1.2)) == verdict("s", None) == "not told apart: more --pairs"
    assert verdict("s", (0.9, 0.999)) == "slower" and verdict("s", (1.001, 1.5)) == "faster"


def line(step, seconds, updates=None, **more):
    values = {"step": step, "time": 0.0, "perf/iteration_seconds": seconds, **more}
    return json.dumps(values if updates is None else {**values, "train/n_updates": updates})


def test_the_first_iterations_are_not_timed():
    lines = [line(100, 9.0), line(200, 9.0), line(300, 1.0), json.dumps({"step": 300, "eval/score": 0.5}), line(500, 2.0)]
    found = since.iterations(lines)
    assert [(one.before, one.after) for one in found] == [(0, 100), (100, 200), (200, 300), (300, 500)]
    assert since.first_timed(found, starts=0) == 100  # it took 9 seconds: that is enough
    assert since.speed_of(found[2:]) == 100.0
    quick = since.iterations([line(step, 0.1) for step in (100, 200, 300)])
    assert since.first_timed(quick, starts=0) == 200 and since.first_timed(quick[:2], starts=0) is None


@pytest.mark.parametrize("seconds, warm", [(0.1, 2), (1.0, 1)])
@pytest.mark.parametrize("begins", [300, 500])
def test_of_dqn_only_iterations_are_timed_in_which_it_learns_throughout(begins, seconds, warm):
    """It may begin at `learning_starts`, 250 here, or later, when its replay is ready: in the iteration before `begins`."""
    steps = range(100, 1001, 100)
    told = [line(step, seconds, 0 if step < begins else 4 * (step - begins) + 1) for step in steps]
    assert since.first_timed(since.iterations(told), starts=250) == begins + 100 * (warm - 1)
    silent = [line(step, seconds) for step in steps]  # of a commit that does not tell its gradient steps
    assert since.first_timed(since.iterations(silent), starts=250) == 300 + 100 * (warm - 1)
    assert since.first_timed(since.iterations(told[: begins // 100]), starts=250) is None


def test_nothing_learned_has_no_speed():
    for timed in ([], [since.Iteration(5, 5, 1.0, None, 0.0)]):
        with pytest.raises(UserError, match="No steps"):
            since.speed_of(timed)


def test_who_is_first_changes_from_pair_to_pair():
    asked = []

    def turn(tree):
        asked.append(tree)
        return {"it": (len(asked), "s")}

    pairs = since.alternate(turn, ("A", "B"), 4)
    assert "".join(asked) == "ABBAABBA"
    assert [(today["it"][0], then["it"][0]) for today, then in pairs] == [(1, 2), (4, 3), (5, 6), (8, 7)]


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, message",
    [
        (["since", "no-such-commit"], "There is no commit 'no-such-commit'"),
        (["since", "HEAD", "--only", "train ppo pach"], "Did you mean 'train ppo patch'?"),
        (["since"], "since takes one revision"),
        (["since", "HEAD", "HEAD~1"], "since takes one revision"),
        (["since", "HEAD", "--pairs", "0"], "--pairs is from 1"),
        (["env", "pong", "--pairs", "2"], "--pairs is an option of since"),
        (["train", "--mark"], "--mark is an option of since"),
    ],
)
def test_what_is_wrong_names_what_is_right(project, capsys, words, message):
    project()
    assert bench.main(words) == 2
    assert message in capsys.readouterr().err


def test_marks_are_on_request_alone():
    known = since.tasks(1.0, True)
    names = [[one.name for one in since.choose(known, *words)] for words in ((None, False), (None, True), ("mark", False))]
    marks = ["mark pong", "mark breakout", "mark connect_four"]
    assert [*names[0], *marks] == names[1] and names[2] == marks


def test_without_git_or_a_repository_there_is_nothing_to_compare_with(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trees, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert bench.main(["since", "HEAD"]) == 2
    assert "is in no git repository" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bench.main(["since", "HEAD"]) == 2
    assert "there is no git here" in capsys.readouterr().err


def test_a_trees_commands_know_their_own_tree_alone(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environments = [trees.Tree(name, Path("/", name), Path("/place", name)).environment() for name in ("a", "b")]
    assert [one["PYTHONPATH"] for one in environments] == ["/a", "/b"]
    for name in ("SPARRING_CACHE", "NUMBA_CACHE_DIR"):
        assert all(one[name].startswith(f"/place/{tree}/") for one, tree in zip(environments, "ab", strict=True))
    assert not any("PYTHONDONTWRITEBYTECODE" in one for one in environments)
