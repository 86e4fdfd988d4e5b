"""Runs in listed levels: tested on held-out ones, and gone on with from the bank that their folder keeps."""

import hashlib
import json

import numpy as np
import pytest

import games
from agents.core import tensor_file
from agents.play.levels import BANK, trained_on
from agents.training import config as configs
from agents.training import report, run_levels
from agents.training import trainer as runs
from agents.training.results import read_results
from games.engine import bank_file
from games.engine.batch import HELD_OUT
from games.engine.level_names import levels_of
from games.engine.levels import Levels, records
from games.errors import UserError
from tests.trust.runs import assert_same_end

MAZE = "tests/toys/door_maze.py"
BRIEF = [
    *("--set", "batch_size=64", "--set", "hidden=16", "--set", "threads=1", "--set", "gif=false"),
    *("--set", "eval_games=4", "--set", "final_games=6", "--envs", "16", "--seed", "3", "--quiet", "--device", "cpu"),
    *("--steps", "4096", "--set", "eval_every=2000", "--set", "checkpoint_every=512"),
]  # fmt: skip
FAST = [*BRIEF, "--set", "n_steps=16"]
LEARNERS = {
    "ppo": FAST,
    "dqn": [
        *(*BRIEF, "--algo", "dqn", "--network", "mlp", "--observation", "objects", "--set", "buffer_size=2000"),
        *("--set", "learning_starts=200", "--set", "train_freq=32", "--set", "stack=1"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def maze(toy):
    return toy("door_maze")


@pytest.fixture
def bank(maze, tmp_path):
    """A file with five levels, two of them of the held-out ones."""
    levels = Levels(numbers=np.array([4, HELD_OUT + 1, 8, HELD_OUT, 15]))
    bank_file.save(maze, levels, tmp_path / "bank.npy")
    return tmp_path / "bank.npy"


def results(folder):
    return json.loads((folder / "results.json").read_text())


def played_levels(monkeypatch):
    """The levels of each match that a trainer plays, as they are named."""
    found = []
    original = runs.play_match

    def match(game, table, games, seed, levels=None, **more):
        found.append(levels)
        return original(game, table, games, seed, levels, **more)

    monkeypatch.setattr(runs, "play_match", match)
    return found


def test_a_run_in_listed_levels_is_tested_on_held_out_ones_too(main, tmp_path, monkeypatch):
    matches = played_levels(monkeypatch)
    code, _, error = main(MAZE, *FAST, "--levels", "train:30", "--name", "listed")
    assert code == 0, error
    folder = tmp_path / "door_maze" / "listed"
    final = read_results(folder)
    assert (final["levels"], final["test_levels"], final["test_levels_skipped"]) == ("train:30", 1000, 0)
    assert final["evaluation"]["games"] == final["test_evaluation"]["games"] == 6
    rows = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    evaluated = [row for row in rows if "eval/score" in row]
    assert len(evaluated) == 3
    assert all("eval_test/mean_reward" in row and "eval_test/score" in row for row in evaluated)
    assert [levels.name for levels in matches] == ["train:30", "test"] * 4
    assert all((levels.numbers >= HELD_OUT).all() for levels in matches[1::2])
    assert all((levels.numbers < 30).all() for levels in matches[::2])
    assert (configs.read_config(folder).run.levels, configs.read_config(folder).run.levels_digest) == ("train:30", "")
    lines = "\n".join(report.summary_lines(final))
    assert "Tests:  return" in lines and "1,000 levels that are held out; the line above is on train:30" in lines


def test_a_run_of_any_levels_is_as_it_was(main, tmp_path, monkeypatch):
    matches = played_levels(monkeypatch)
    assert main(MAZE, *FAST, "--name", "any")[0] == 0
    final = results(tmp_path / "door_maze" / "any")
    assert not {"levels", "test_evaluation"} & set(final)
    assert not any(levels.is_finite for levels in matches)
    assert not list((tmp_path / "door_maze" / "any").glob("levels*"))


def test_it_learns_in_the_levels_of_the_bank_alone(maze, main, tmp_path, bank, monkeypatch):
    seen, original = set(), runs.Trainer._iterate

    def iterate(run):
        original(run)
        seen.update(state["wall"].tobytes() for state in run.learner.collector.arena.batch.states)

    monkeypatch.setattr(runs.Trainer, "_iterate", iterate)
    matches = played_levels(monkeypatch)
    assert main(MAZE, *FAST, "--levels", bank, "--name", "banked")[0] == 0
    folder = tmp_path / "door_maze" / "banked"
    assert seen == {level["wall"].tobytes() for level in np.load(bank)}
    kept = (folder / BANK).read_bytes()
    assert kept == bank.read_bytes()
    config = configs.read_config(folder)
    assert (config.run.levels, config.run.levels_digest) == (str(bank), hashlib.sha256(kept).hexdigest())
    assert results(folder)["test_levels_skipped"] == 2, "two of the held-out levels are in the bank"
    tests = matches[1]
    assert tests.numbers.tolist()[:2] == [HELD_OUT + 2, HELD_OUT + 3] and len(tests.numbers) == 1000
    assert trained_on(str(folder), maze).bank.tobytes() == np.load(bank).tobytes()
    checkpoint = next((folder / "checkpoints").glob("step-*4096.safetensors"))
    assert trained_on(str(checkpoint), maze).name == str(bank)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
@pytest.mark.parametrize("what", ["gone", "changed"])
def test_a_run_stopped_goes_on_from_its_own_bank_to_the_same_weights(algorithm, what, maze, main, tmp_path, bank, monkeypatch):
    words = [MAZE, *LEARNERS[algorithm], "--levels", bank]
    assert main(*words, "--name", "whole")[0] == 0
    iterations, original = (3 if algorithm == "ppo" else 1), runs.Trainer._iterate

    def iterate(run):
        nonlocal iterations
        iterations -= 1
        if iterations < 0:
            raise runs.Stop(2)
        original(run)

    monkeypatch.setattr(runs.Trainer, "_iterate", iterate)
    assert main(*words, "--name", "stopped")[0] == 130
    monkeypatch.undo()
    if what == "gone":
        bank.unlink()
    else:
        bank_file.save(maze, levels_of(maze, "train:5"), bank)
    folder = tmp_path / "door_maze" / "stopped"
    config = configs.read_config(folder)
    runs.Trainer(games.load(MAZE), config, folder, quiet=True, resume=True).train()
    assert_same_end(folder, tmp_path / "door_maze" / "whole")


def stopped(main, tmp_path, bank):
    assert main(MAZE, *FAST, "--levels", bank, "--name", "kept")[0] == 0
    return tmp_path / "door_maze" / "kept"


def test_a_run_whose_own_bank_is_changed_or_gone_is_told(maze, main, tmp_path, bank):
    folder = stopped(main, tmp_path, bank)
    before = tensor_file.load(folder / "agent.safetensors", "agent")[1]
    bank_file.save(maze, levels_of(maze, "train:5"), folder / BANK)
    words = (MAZE, "--resume", folder, "--steps", "9000", "--quiet")
    code, _, error = main(*words)
    assert code == 2 and f"{folder / BANK} is not the bank of levels that the run began with" in error
    (folder / BANK).unlink()
    code, _, error = main(*words)
    assert code == 2 and f"{folder} lacks levels.npy" in error and "Traceback" not in error
    assert tensor_file.load(folder / "agent.safetensors", "agent")[1] == before


def test_a_resumed_run_keeps_its_levels(main, tmp_path, bank):
    folder = stopped(main, tmp_path, bank)
    code, _, error = main(MAZE, "--resume", folder, "--levels", "train:3")
    assert code == 2 and "A resumed run keeps its settings: --levels cannot be given" in error


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pong", "--levels", "train:5"], "Pong has no levels to choose"),
        (["pong", "--levels", "train"], "Pong has no levels to choose"),
        (["gym:CartPole-v1", "--levels", "train:5"], "CartPole-v1 is an environment that is not ours: it has no levels"),
        ([MAZE, "--levels", "test:5"], "test:5: these levels are held out from training"),
        ([MAZE, "--levels", "1000"], "There are no levels '1000'"),
        ([MAZE, "--set", "levels=trian"], "Did you mean 'train'?"),
        ([MAZE, "--set", "levels_digest=x"], "There is no setting 'levels_digest'"),
        ([MAZE, "--levels", "x" * 201 + ".npy"], "has 200 characters at most"),
        ([MAZE, "--levels", "nowhere.npy"], "The levels nowhere.npy cannot be read"),
        (["tests/toys/maze_chase.py", "--steps", "5000", "--levels", "some.npy"], "Maze Chase has no levels from a bank"),
    ],
)
def test_levels_that_cannot_be_learned_in_are_told_and_leave_no_folder(main, tmp_path, words, says):
    code, _, error = main(*words, "--name", "none")
    assert code == 2
    assert error.startswith("error: ") and says in error
    assert not list(tmp_path.rglob("none"))


def test_a_file_that_changes_while_a_run_begins_is_told(maze, main, tmp_path, bank, monkeypatch):
    original = run_levels.keep_bank

    def keep(folder, game, run):
        bank_file.save(maze, levels_of(maze, "train:7"), bank)
        original(folder, game, run)

    monkeypatch.setattr(run_levels, "keep_bank", keep)
    code, _, error = main(MAZE, *FAST, "--levels", bank, "--name", "moving")
    assert code == 2 and "has just changed" in error
    assert not (tmp_path / "door_maze" / "moving").exists()


def test_a_run_that_could_not_be_tested_says_why(make_game, toy):
    text = toy("maze_chase").path.read_text("utf-8")
    two = text.replace("first, found = int(4.0 * uniform(s)), False", "first, found = int(s.level % 2), False")
    game = make_game(two.replace("LOOPS = 8", "LOOPS = 0"), "two_mazes")
    tests, line = run_levels.held_out_levels(game, levels_of(game, "train:10"))
    assert tests is None
    assert line.startswith("Learns in train:10; not tested: Two Mazes has no held-out levels: all 10,000")


def test_other_ranks_get_rank_0s_bank(maze, tmp_path, bank):
    sent = []

    class Group:
        def __init__(self, rank):
            self.rank, self.size = rank, 3

        def scatter_bytes(self, parts):
            sent.extend(parts)
            return sent[0] if self.rank else b""

    config = configs.Config(
        "door_maze", 1, maze.digest, "ppo", 1, None, [], [], "cpu", run=configs.RunSettings(steps=1, levels=str(bank))
    )
    run_levels.settle(maze, config.run, named=True)
    run_levels.keep_bank(tmp_path, maze, config.run)
    first = run_levels.training_levels(maze, config, tmp_path, Group(0))
    second = run_levels.training_levels(maze, config, tmp_path / "elsewhere", Group(1))
    assert len(sent) == 2
    assert first.bank.tobytes() == second.bank.tobytes() == records(maze, levels_of(maze, str(bank))).tobytes()


def test_a_bank_with_a_level_that_cannot_be_solved_is_no_runs(maze, main, tmp_path, bank):
    shut = np.load(bank)
    shut["goal"][3] = 0
    bank_file.write(bank, bank_file.as_npy(shut))
    code, _, error = main(MAZE, *FAST, "--levels", bank, "--name", "none")
    assert code == 2 and f"{bank}, level 3: it cannot be solved" in error
    with pytest.raises(UserError, match="level 3"):
        levels_of(maze, str(bank))


def test_learners_of_stable_baselines3_learn_in_these_levels_too(main, tmp_path, bank, monkeypatch):
    from agents.training.sb3.learner import Sb3Learner

    seen, original = set(), Sb3Learner.iterate

    def iterate(learner, progress):
        numbers = original(learner, progress)
        seen.update(state["wall"].tobytes() for state in learner.arena.batch.states)
        return numbers

    monkeypatch.setattr(Sb3Learner, "iterate", iterate)
    kept = FAST.index("checkpoint_every=512")  # a setting that they do not have
    words = [*FAST[: kept - 1], *FAST[kept + 1 :], "--observation", "objects", "--network", "mlp", "--trainer", "sb3"]
    words += ["--levels", bank, "--name", "theirs"]
    code, _, error = main(MAZE, *words)
    assert code == 0, error
    assert seen == {level["wall"].tobytes() for level in np.load(bank)}
    assert results(tmp_path / "door_maze" / "theirs")["test_evaluation"]["games"] == 6
