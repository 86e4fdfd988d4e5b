"""Runs' folders: no run destroys another, and what is left of one that never began stands in nobody's way."""

import json
import shutil
import threading
from pathlib import Path

import pytest

import games
from agents.core import tensor_file
from agents.training import cli_config, run_checkpoint, run_folder, trainer
from agents.training.run_folder import TakenError, claim, claim_named, has_not_begun
from tests.short_runs import FAST, REPEAT, folder_of

BRIEF = [REPEAT, *FAST[: FAST.index("--seed")], "--steps", "600", "--quiet"]
BEFORE = Path(__file__).parents[2] / "written_before" / "0.1.0" / "pong" / "dqn"


@pytest.fixture
def pong():
    return games.load("pong")


def together(count, call):
    """The results, or errors, of a call by so many threads at once."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        try:
            results[number] = call()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# --- whose it is ---


def test_of_two_runs_of_one_name_one_begins_and_keeps_its_folder(pong, tmp_path):
    for attempt in range(20):
        found = together(4, lambda name=f"same{attempt}": claim_named(tmp_path, pong, name))
        winners = [each for each in found if isinstance(each, run_folder.RunFolder)]
        assert len(winners) == 1
        assert (winners[0].path / "checkpoints").is_dir(), "the losers have removed nothing"
        winners[0].release()


def test_runs_that_begin_in_the_same_second_get_folders_of_their_own(pong, tmp_path):
    found = together(4, lambda: claim(tmp_path, pong, None, "now-ppo-patch", [1])[1])
    names = sorted(folder.path.name for folder in found)
    assert names == ["now-ppo-patch-2-s1", "now-ppo-patch-3-s1", "now-ppo-patch-4-s1", "now-ppo-patch-s1"]


def test_a_run_that_loses_the_race_for_its_name_leaves_the_winners_folder(main, tmp_path, monkeypatch):
    """The other run makes the folder after everything was looked at."""
    folder, mkdir = folder_of(tmp_path, ["repeat"], "same"), Path.mkdir

    def made_by_another(path, *arguments, **options):
        if path == folder and not path.exists():
            mkdir(path, parents=True)
            (path / "config.json").write_text("{}")
            (path / "agent.safetensors").write_text("precious")
        return mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", made_by_another)
    code, _, error = main(*BRIEF, "--name", "same")
    assert code == 2 and "holds a run already" in error
    assert (folder / "agent.safetensors").read_text() == "precious"


def test_a_run_whose_folder_another_has_taken_removes_nothing(pong, tmp_path, monkeypatch):
    """Between making the folder and locking it, another process takes it for one that was left."""
    lock = run_checkpoint.lock_run
    others = []

    def locked_by_another(path, held=None):
        if not others:
            others.append(lock(path))
            (path / "progress.jsonl").write_text("theirs")
        return lock(path)

    monkeypatch.setattr(run_folder, "lock_run", locked_by_another)
    with pytest.raises(run_folder.UserError, match="still goes on"):
        claim_named(tmp_path, pong, "one")
    assert (tmp_path / "pong" / "one" / "progress.jsonl").read_text() == "theirs"
    others[0].release()


def test_a_run_that_began_and_ended_between_the_look_and_the_lock_is_left_alone(pong, tmp_path, monkeypatch):
    path = tmp_path / "pong" / "mine"
    path.mkdir(parents=True)
    lock = run_folder.lock_run

    def late(folder):
        (folder / "results.json").write_text("{}", encoding="utf-8")
        return lock(folder)

    monkeypatch.setattr(run_folder, "lock_run", late)
    with pytest.raises(TakenError, match="mine holds a run already"):
        claim_named(tmp_path, pong, "mine")
    assert (path / "results.json").exists()
    monkeypatch.undo()
    lock(path).release()


def test_sweeps_of_the_same_second_get_folders_of_their_own_and_a_refused_one_leaves_none(pong, tmp_path):
    first = claim(tmp_path, pong, None, "now", [1, 2])
    second = claim(tmp_path, pong, None, "now", [2, 3])
    assert [folder.path.name for folder in first.values()] == ["now-s1", "now-s2"]
    assert [folder.path.name for folder in second.values()] == ["now-2-s2", "now-2-s3"]
    shutil.copytree(BEFORE, tmp_path / "pong" / "mine-s2")
    with pytest.raises(TakenError, match="mine-s2 holds a run already"):
        claim(tmp_path, pong, "mine", "now", [1, 2])
    assert not (tmp_path / "pong" / "mine-s1").exists()


def test_a_folder_is_removed_only_by_who_holds_it(pong, tmp_path):
    folder = claim_named(tmp_path, pong, "one")
    folder.release()
    folder.abandon()
    assert folder.path.is_dir(), "it may be another's by now"
    again = claim_named(tmp_path, pong, "one")
    again.abandon()
    assert not folder.path.exists()


@pytest.mark.parametrize(("kind", "advice"), [("sparring", "Go on with it by --resume"), ("sb3", "Choose another --name")])
def test_a_name_that_is_taken_advises_what_can_be_done(kind, advice, pong, tmp_path):
    folder = tmp_path / "pong" / "taken"
    shutil.copytree(BEFORE, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "trainer": kind}))
    with pytest.raises(TakenError, match=f"holds a run already.\n{advice}"):
        claim_named(tmp_path, pong, "taken")


# --- what is left of a run that never began ---


def killed_when(owner, name, main, monkeypatch):
    """The run `one` is killed when it comes there: nobody tidies up."""

    def kill(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, kill)
        patch.setattr(run_folder.RunFolder, "abandon", run_folder.RunFolder.release)
        with pytest.raises(SystemExit):
            main(*BRIEF, "--name", "one")


STAGES = [(cli_config.configs, "_system"), (trainer, "Log"), (trainer, "play_match"), (trainer.Trainer, "_iterate")]


@pytest.mark.parametrize(("owner", "name"), [(cli_config.configs, "write_config"), *STAGES])
def test_a_run_killed_before_it_learned_anything_leaves_its_name_free(owner, name, main, tmp_path, monkeypatch):
    killed_when(owner, name, main, monkeypatch)
    folder = folder_of(tmp_path, ["repeat"], "one")
    assert folder.exists() and has_not_begun(folder)
    assert main(*BRIEF, "--name", "one")[0] == 0
    assert not has_not_begun(folder), "and a run that has learned is left alone"
    assert main(*BRIEF, "--name", "one")[0] == 2


@pytest.mark.parametrize(("owner", "name"), STAGES)
def test_a_run_killed_once_it_has_a_config_goes_on_from_its_beginning(owner, name, main, tmp_path, monkeypatch):
    killed_when(owner, name, main, monkeypatch)
    assert main(REPEAT, "--resume", folder_of(tmp_path, ["repeat"], "one"), "--quiet")[0] == 0


def test_a_run_goes_on_whose_empty_folders_are_gone(main, tmp_path, monkeypatch):
    """A second Ctrl-C while a first one removes the folder leaves some of it."""
    killed_when(trainer, "Log", main, monkeypatch)
    folder = folder_of(tmp_path, ["repeat"], "one")
    for part in run_folder.PARTS:
        (folder / part).rmdir()
    assert main(REPEAT, "--resume", folder, "--quiet")[0] == 0


def test_a_run_killed_before_it_has_a_config_says_how_to_begin_it(main, tmp_path, monkeypatch):
    killed_when(cli_config.configs, "write_config", main, monkeypatch)
    code, _, error = main(REPEAT, "--resume", folder_of(tmp_path, ["repeat"], "one"))
    assert code == 2
    assert "was stopped before it began; nothing is lost.\nBegin it with the command of before: the name one is free." in error


def test_a_full_disk_while_a_run_begins_leaves_no_folder(main, tmp_path, monkeypatch):
    for number in range(3):
        count, write = [number], tensor_file.write_bytes

        def full(path, data, count=count, write=write):
            count[0] -= 1
            if count[0] < 0:
                raise run_folder.UserError(f"{path} could not be written: No space left on device.")
            write(path, data)

        with monkeypatch.context() as patch:
            patch.setattr(tensor_file, "write_bytes", full)
            code, _, error = main(*BRIEF, "--name", "one")
        assert code == 2 and "No space left" in error
        assert not folder_of(tmp_path, ["repeat"], "one").exists()
    assert main(*BRIEF, "--name", "one")[0] == 0


@pytest.mark.parametrize(("line", "begun"), [('{"st', False), ('{"step": 0, "time": 1}\n', False), ('{"step": 0}\n{"s', True)])
def test_only_the_line_of_step_0_is_of_a_run_that_has_learned_nothing(line, begun, tmp_path):
    (tmp_path / "progress.jsonl").write_text(line)
    assert has_not_begun(tmp_path) is not begun


def test_an_agent_is_of_a_beginning_only_if_it_is_that_of_step_0(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    for file, text in [("checkpoints/step-0000000000.safetensors", "one"), ("agent.safetensors", "one")]:
        (tmp_path / file).write_text(text)
    assert has_not_begun(tmp_path)
    (tmp_path / "agent.safetensors").write_text("two")
    assert not has_not_begun(tmp_path)


@pytest.mark.parametrize("file", ["notes.txt", "agent.safetensors", "checkpoints/step-0000000600.safetensors", "videos/a.gif"])
def test_a_folder_with_anything_else_in_it_is_left_alone(file, pong, tmp_path):
    folder = tmp_path / "pong" / "mine"
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_text("precious")
    with pytest.raises(TakenError):
        claim_named(tmp_path, pong, "mine")
    assert [entry.name for entry in folder.iterdir()] == [file.split("/")[0]]
