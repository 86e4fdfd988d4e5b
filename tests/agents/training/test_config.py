"""Settings, folders and configs are checked before anything is lost."""

import json
import os

import pytest

import games
from agents.algorithms import learner
from agents.play.agent import Agent
from agents.training import cli_config
from agents.training import config as configs
from games.errors import UserError
from tests.short_runs import PONG, REPEAT, folder_of

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
        configs.resolve(repeat, "ppo", chosen, None)


def test_the_number_of_threads_is_settled_when_a_run_begins(repeat, monkeypatch):
    """On it the weights depend; a resumed run needs as many, wherever it goes on."""
    monkeypatch.setattr(configs.os, "cpu_count", lambda: 3)
    assert configs.resolve(repeat, "ppo", {}, None)[1].threads == 3
    assert configs.resolve(repeat, "ppo", {"threads": "2"}, None)[1].threads == 2


def test_the_users_word_counts_more_than_the_presets_and_that_more_than_the_recipes(repeat):
    learner, run = configs.resolve(repeat, "ppo", {}, None)
    assert (learner.n_envs, learner.network, run.steps) == (32, "mlp", 4096)
    learner, _ = configs.resolve(repeat, "ppo", {"gamma": "0.5"}, "sb3")
    assert (learner.n_envs, learner.network, learner.gamma, learner.n_epochs) == (8, "nature", 0.5, 10)
    learner, run = configs.resolve(repeat, "ppo", {"n_envs": "1e2", "steps": 2e6, "gif": "no"}, "sb3")
    assert (learner.n_envs, run.steps, run.gif) == (100, 2_000_000, False)


@pytest.mark.parametrize(("algorithm", "preset"), [("pop", None), ("ppo", "sb2")])
def test_an_unknown_algorithm_or_preset_names_the_nearest(repeat, algorithm, preset):
    with pytest.raises(UserError, match=r"Did you mean '(ppo|sb3)'"):
        configs.resolve(repeat, algorithm, {}, preset)


def test_a_recipe_with_a_mistake_is_named(repeat, monkeypatch):
    monkeypatch.setitem(repeat.recipe, "ppo", {"n_stepz": 4})
    with pytest.raises(UserError, match="in the recipe of repeat"):
        configs.resolve(repeat, "ppo", {}, None)


@pytest.mark.parametrize(
    ("algorithm", "name", "value", "why"),
    [
        ("ppo", "prioritized", True, "of dqn, not of ppo: ppo learns on policy.*keeps no replay"),
        ("ppo", "buffer_size", 1000, "of dqn"),
        ("ppo", "double", False, "of dqn"),
        ("ppo", "dueling", True, "of dqn"),
        ("dqn", "gae_lambda", 0.9, "of ppo, not of dqn: dqn has no policy"),
        ("dqn", "normalize_value", True, "of ppo"),
        ("dqn", "temperature", 1.0, "of ppo"),
    ],
)
def test_a_setting_of_the_other_algorithm_is_explained(algorithm, name, value, why, repeat, monkeypatch):
    with pytest.raises(UserError, match=f"^{name} is a setting {why}.*\nLeave it out, or choose --algo"):
        configs.resolve(repeat, algorithm, {name: value}, None)
    monkeypatch.setitem(repeat.recipe, algorithm, {name: value})
    with pytest.raises(UserError, match=f"^{name} in the recipe of repeat is a setting of"):
        configs.resolve(repeat, algorithm, {}, None)


def test_what_both_algorithms_have_is_neithers(repeat):
    both = {"batch_size": 64, "max_grad_norm": 1.0, "n_envs": 9, "memory": "lstm", "augment_shift": 2}
    for algorithm in configs.ALGORITHMS:
        assert configs.resolve(repeat, algorithm, both, None)[0].batch_size == 64


@pytest.mark.parametrize(
    ("recipe", "preset", "chosen", "stack"),
    [
        ({}, None, {}, 2),
        ({}, None, {"memory": "lstm"}, 1),
        ({}, None, {"memory": "lstm", "stack": 3}, 3),
        ({"stack": 3}, None, {"memory": "lstm"}, 1),
        ({"stack": 3}, None, {"memory": "none"}, 3),
        ({}, "sb3", {"memory": "lstm"}, 1),
        ({"memory": "lstm"}, None, {}, 1),
        ({"memory": "lstm", "stack": 3}, None, {}, 3),
        ({"memory": "lstm"}, None, {"stack": 4}, 4),
        ({"memory": "lstm", "stack": 3}, None, {"memory": "lstm"}, 1),
    ],
)
def test_with_a_memory_frames_are_single_unless_whoever_chose_it_stacks_them(
    recipe, preset, chosen, stack, repeat, monkeypatch
):
    monkeypatch.setitem(repeat.recipe, "ppo", recipe)
    assert configs.resolve(repeat, "ppo", chosen, preset)[0].stack == stack


@pytest.mark.parametrize(
    ("algorithm", "chosen", "says"),
    [
        ("ppo", {"memory": "lstm", "stack": 3}, "stacks of 3 frames is seldom worth its time: --set stack=1"),
        ("ppo", {"memory_size": 64}, "memory_size=64 does nothing here: memory is none"),
        ("dqn", {"burn_in": 4}, "burn_in=4 does nothing here: memory is none"),
        (
            "dqn",
            {"tau": 0.005},
            "The target network takes 0.005 of the other only every 8,000 decisions: --set target_update_interval=1",
        ),
        ("dqn", {"tau": 0.005, "target_update_interval": 1}, None),
        ("dqn", {"alpha": 0.5, "prioritized": False}, "alpha=0.5 does nothing here: prioritized is false"),
        ("ppo", {"momentum": 0.9}, "momentum=0.9 does nothing here: optimizer is adam"),
        (
            "dqn",
            {"exploration": "apex", "exploration_fraction": 0.5},
            "exploration_fraction=0.5 does nothing here: exploration is apex",
        ),
        ("ppo", {"optimizer": "sgd", "optimizer_eps": 0.1}, "optimizer_eps=0.1 does nothing here: optimizer is sgd"),
        ("ppo", {"network": "small", "size": 42, "hidden": 512}, "hidden=512 does nothing here: network is small"),
        ("ppo", {"network": "small", "size": 42, "channels": 8}, "channels=8 does nothing here: network is small"),
        ("ppo", {"network": "mlp", "observation": "objects", "hidden": 512}, None),
        ("ppo", {"augment": "shift", "augment_intensity": 0.1}, "augment_intensity=0.1 does nothing here: augment is shift"),
        ("ppo", {"memory": "lstm", "memory_size": 64, "momentum": 0.9, "optimizer": "sgd"}, None),
        ("dqn", {"memory": "lstm", "burn_in": 4, "alpha": 0.5}, None),
        ("dqn", {}, None),
    ],
)
def test_what_is_seldom_wise_is_remarked_in_a_line(algorithm, chosen, says):
    game = games.load("breakout")
    settings, _ = configs.resolve(game, algorithm, chosen, None)
    told = learner.setting_remarks(settings, game.recipe[algorithm])
    assert len(told) == (says is not None)
    assert says is None or told[0].endswith(says)


def test_a_delay_does_nothing_in_a_game_of_turns_and_that_is_said():
    for name, said in (("pong", []), ("connect_four", ["delay=6 does nothing here: in a game of turns"])):
        game = games.load(name)
        settings, _ = configs.resolve(game, "ppo", {"delay": 6}, None)
        told = learner.setting_remarks(settings, game.recipe["ppo"], game.turns)
        assert [line[: len(said[0])] if said else line for line in told] == said


@pytest.mark.parametrize("name", ["PPO", "DQN"])
def test_the_presets_names_and_values_are_sb3s(name):
    import inspect

    import stable_baselines3

    parameters = inspect.signature(getattr(stable_baselines3, name).__init__).parameters
    theirs = {name: one.default for name, one in parameters.items()}
    preset = configs.ALGORITHMS[name.lower()][2]
    shared = set(preset) & set(theirs) - {"clip_range_vf", "target_kl"}  # None there, 0 here
    assert len(shared) >= 10
    assert {name: preset[name] for name in shared} == {name: theirs[name] for name in shared}


# --- devices and opponents ---


def test_a_device_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(configs.torch.cuda, "is_available", lambda: False)
    assert configs.device_of("auto") == "cpu"
    with pytest.raises(UserError, match="finds no cuda device here"):
        configs.device_of("cuda")
    with pytest.raises(UserError, match="Did you mean 'cuda'"):
        configs.device_of("cudda")


def test_a_person_is_no_training_opponent_and_one_seat_has_none(repeat):
    with pytest.raises(UserError, match="person"):
        configs.opponents_of(["human"], games.load("pong"), "cpu")
    with pytest.raises(UserError, match="one seat"):
        configs.opponents_of(["bot"], repeat, "cpu")


def test_a_game_for_two_is_learned_against_somebody_who_can_be_beaten_unless_its_recipe_says_otherwise(repeat):
    assert cli_config.default_opponents(games.load("tests/toys/passes.py")) == ["self", "bot", "random"]
    assert cli_config.default_opponents(games.load("tests/toys/plates.py")) == ["bot"]  # a partner
    assert cli_config.default_opponents(repeat) == []
    assert games.load("pong").recipe["ppo"]["opponents"] == games.load("pong").recipe["dqn"]["opponents"] == ["bot"]


def test_a_run_with_an_agent_as_opponent_goes_on_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "bot").mkdir()
    assert configs.absolute_opponent("mine") == str(tmp_path / "mine")
    assert [configs.absolute_opponent(name) for name in ("bot", "bot:0.8", "self", "bto")] == ["bot", "bot:0.8", "self", "bto"]


# --- folders and configs ---


def test_a_config_comes_back_as_it_was(main, tmp_path):
    folder = folder_of(tmp_path, ["pong"], "frame")
    assert main(*PONG, "--name", "frame", "--steps", "1000", "--opponent", "bot:0.3", "--opponent", "self", "--quiet")[0] == 0
    config = configs.read_config(folder)
    assert (config.game, config.seed, config.opponents, config.device) == ("pong", 3, ["bot:0.3", "self"], "cpu")
    assert (config.run.steps, config.learner.n_envs, config.learner.gae_lambda) == (1000, 64, 0.95)
    before = (folder / "config.json").read_bytes()
    configs.write_config(folder, config)
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
        ({"algorithm": "magic"}, "algorithm: expected one of a few words, not 'magic'"),
        ({"more": 1}, "an unknown name, 'more'"),
        ({"learner": {"n_envs": 0}}, "learner.n_envs: expected a whole number >= 1, not 0"),
        ({"written_by": "99.0.0", "more": 1}, "Sparring 99.0.0 wrote it, and this is 0.2.0: update Sparring"),
        ({"time_limit": None, "run": {"steps": 0}}, "neither steps nor a time limit"),
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
        configs.read_config(tmp_path)


def test_a_folder_without_a_run_is_said(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        configs.read_config(tmp_path / "none")


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


def test_where_there_is_no_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    assert configs._system()["commit"] is None
