"""A stopped run of any learner, gone on with, ends as if nobody had disturbed it: replay, priorities and memories too."""

import signal
import sys

import pytest

import games
import train
from agents.core import tensor_file
from agents.play.arena import GameArena
from agents.training import config as configs
from agents.training import run_checkpoint as resuming
from agents.training import trainer as runs
from tests.short_runs import folder_of

BRIEF = [
    *("--set", "size=12", "--set", "hidden=8", "--set", "threads=1", "--set", "gif=false", "--seed", "3"),
    *("--set", "eval_games=2", "--set", "final_games=2"),
]  # fmt: skip
PPO = [*BRIEF, "--envs", "32", "--set", "n_steps=8", "--set", "batch_size=64", "--set", "eval_every=1500"]
DQN = [
    *(*BRIEF, "--algo", "dqn", "--envs", "32", "--set", "batch_size=32", "--set", "learning_starts=500"),
    *("--set", "gradient_steps=1", "--set", "buffer_size=800", "--set", "eval_every=4500"),
    *("--set", "target_update_interval=900",),
]  # fmt: skip
MEMORY = ["--set", "memory=lstm", "--set", "memory_size=6", "--set", "stack=1"]
WORDS = {
    "ppo lstm": ["pong", *PPO, *MEMORY, "--steps", "3000", "--set", "checkpoint_every=700"],
    "ppo lstm self": ["connect_four", *PPO, *MEMORY, "--steps", "2000", "--set", "checkpoint_every=300", "--opponent", "self"],
    "ppo shift": ["pong", *PPO, "--steps", "3000", "--set", "checkpoint_every=700", "--set", "augment=both"],
    "pqn": ["pong", *PPO, "--algo", "pqn", "--steps", "3000", "--set", "checkpoint_every=700"],
    "pqn lstm": [
        *("connect_four", *PPO, *MEMORY, "--algo", "pqn", "--steps", "2000", "--set", "checkpoint_every=300"),
        *("--opponent", "self"),
    ],
    "dqn": ["pong", *DQN, "--steps", "9000", "--set", "checkpoint_every=1500", "--set", "prioritized=false"],
    "dqn lstm": [
        *("connect_four", *DQN, *MEMORY, "--steps", "9000", "--set", "checkpoint_every=1500", "--opponent", "self"),
        *("--set", "sequence=4", "--set", "burn_in=2"),
    ],
    "dqn shift": ["pong", *DQN, "--steps", "6000", "--set", "checkpoint_every=1500", "--set", "augment=both"],
}  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a run that nobody disturbs, and how often its arena steps."""
    made = {}

    def get(kind):
        if kind not in made:
            home, count, original = tmp_path_factory.mktemp("whole"), 0, GameArena.step

            def step(arena, actions):
                nonlocal count
                count += 1
                return original(arena, actions)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(GameArena, "step", step)
                words = [*WORDS[kind], "--runs", str(home), "--name", "whole", "--quiet"]
                patch.setattr(sys, "argv", ["train.py", *words])
                assert train.main() == 0
            made[kind] = folder_of(home, WORDS[kind], "whole"), count
        return made[kind]

    return get


def same_end(folder, other):
    for kind, path in (("checkpoint", runs.CHECKPOINT), ("agent", runs.AGENT)):
        one, two = (tensor_file.load(each / path, kind)[0] for each in (folder, other))
        assert one.keys() == two.keys()
        assert [name for name in one if tensor_file.digest({"": one[name]}) != tensor_file.digest({"": two[name]})] == [], path


def stopped_after(steps, monkeypatch, place=(GameArena, "step")):
    """A signal comes in the middle of an arena's step, after so many of them."""
    owner, name = place
    original, left = getattr(owner, name), steps

    def call(*arguments):
        nonlocal left
        left -= 1
        if left == 0:
            raise runs.Stop(signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(owner, name, call)


def resume(folder, game):
    runs.Trainer(games.load(game), configs.read_config(folder), folder, quiet=True, resume=True).train()


@pytest.mark.parametrize("kind", WORDS)
def test_a_run_stopped_in_the_middle_of_iterations_ends_with_the_same_weights(kind, main, tmp_path, uninterrupted, monkeypatch):
    (whole, steps), folder = uninterrupted(kind), folder_of(tmp_path, WORDS[kind], "stopped")
    with monkeypatch.context() as patch:
        stopped_after(steps // 3 + 5, patch)
        assert main(*WORDS[kind], "--name", "stopped", "--quiet")[0] == 130
    with monkeypatch.context() as patch:
        stopped_after(steps // 2 + 3, patch)
        with pytest.raises(runs.Stop):
            resume(folder, WORDS[kind][0])
    resume(folder, WORDS[kind][0])
    same_end(folder, whole)
    replay = folder / "checkpoints" / "replay"
    assert replay.exists() == kind.startswith("dqn")
    named = tensor_file.load(folder / runs.CHECKPOINT, "checkpoint")[1]["beside"].get("segments", [])
    assert sorted(file.name for file in replay.glob("*")) == named


@pytest.mark.parametrize("kind", ["dqn lstm"])
def test_stopped_after_its_last_checkpoint_it_goes_back_and_ends_the_same(kind, main, tmp_path, uninterrupted, monkeypatch):
    """What was saved is newer than what is saved now: the replay on the disk is taken back too."""
    (whole, _), folder = uninterrupted(kind), folder_of(tmp_path, WORDS[kind], "stopped")
    sweep, left = resuming.remove_unused_files, 3

    def sweep_and_stop(*arguments):
        nonlocal left
        sweep(*arguments)
        left -= 1
        if left == 0:
            raise runs.Stop(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(resuming, "remove_unused_files", sweep_and_stop)
        assert main(*WORDS[kind], "--name", "stopped", "--quiet")[0] == 130
    resume(folder, WORDS[kind][0])
    same_end(folder, whole)


def test_killed_between_its_replays_file_and_its_checkpoint_it_ends_the_same(main, tmp_path, uninterrupted, monkeypatch):
    (whole, _), folder, left = uninterrupted("dqn"), folder_of(tmp_path, WORDS["dqn"], "killed"), 4
    write = runs.ALGORITHMS["dqn"][0].write_large_state

    def write_and_die(*arguments):
        nonlocal left
        left -= 1
        found = write(*arguments)
        if left == 0:
            raise SystemExit  # as a kill: the checkpoint is not written
        return found

    with monkeypatch.context() as patch:
        patch.setattr(runs.ALGORITHMS["dqn"][0], "write_large_state", write_and_die)
        with pytest.raises(SystemExit):
            main(*WORDS["dqn"], "--name", "killed", "--quiet")
    resume(folder, "pong")
    same_end(folder, whole)
