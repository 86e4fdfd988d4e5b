"""Files' schemas: what is missing, unknown, of another version or out of range is told in words."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from agents.algorithms.dqn import DQNSettings
from agents.algorithms.ppo import PPOSettings
from agents.core import schema
from agents.core.version import VERSION
from agents.training import config as configs
from agents.training.config import RunSettings, read_config
from games.errors import UserError

ROOT = Path(__file__).parents[3]
BEFORE = ROOT / "tests" / "written_before" / "0.1.0"


def config(tmp_path, change):
    """A config of 0.1.0, changed."""
    values = json.loads((BEFORE / "pong" / "dqn" / "config.json").read_text())
    change(values)
    (tmp_path / "config.json").write_text(json.dumps(values))
    return tmp_path


def test_the_version_is_that_of_the_package():
    assert re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1] == VERSION


def test_a_setting_that_earlier_versions_did_not_have_says_what_their_files_were_made_with():
    """A new setting fails this until it is in `schema.ADDED`."""
    for run, kind in (("pong/dqn", DQNSettings), ("connect_four/ppo-lstm", PPOSettings)):
        values = json.loads((BEFORE / run / "config.json").read_text())
        known = {*values["learner"], *values["run"], *schema.ADDED}
        assert {each.name for each in (*fields(kind), *fields(RunSettings))} <= known


@pytest.mark.parametrize(("place", "name"), [("learner", "gamma"), ("learner", "size"), ("run", "gif")])
def test_a_setting_that_is_missing_is_not_silently_its_default(place, name, tmp_path):
    folder = config(tmp_path, lambda values: values[place].pop(name))
    with pytest.raises(UserError, match=f"it lacks '{name}' in {place}.\nSparring 0.1.0 wrote it, and this is"):
        read_config(folder)


def test_a_name_that_is_missing_beside_the_settings_is_told(tmp_path):
    with pytest.raises(UserError, match="it lacks 'opponents'"):
        read_config(config(tmp_path, lambda values: values.pop("opponents")))


def test_a_setting_added_later_has_the_value_that_older_files_were_made_with(tmp_path, monkeypatch):
    monkeypatch.setitem(schema.ADDED, "gamma", ("0.2.0", 0.5))
    assert read_config(config(tmp_path, lambda values: values["learner"].pop("gamma"))).learner.gamma == 0.5

    def of_today(values):
        of_run = {each.name for each in fields(configs.RunSettings)}
        for place in ("learner", "run"):
            names = of_run if place == "run" else {each.name for each in fields(DQNSettings)}
            added = {name: value for name, (_, value) in schema.ADDED.items() if name in names}
            values[place] = {**added, **values[place]}
        values["learner"].pop("gamma")
        values["written_by"] = VERSION

    with pytest.raises(UserError, match="it lacks 'gamma' in learner"):
        read_config(config(tmp_path, of_today))


def test_a_run_that_goes_on_is_written_by_this_version(tmp_path):
    folder = config(tmp_path, lambda values: None)
    configs.write_config(folder, read_config(folder))
    assert json.loads((folder / "config.json").read_text())["written_by"] == VERSION


def test_a_run_without_any_limit_is_refused(tmp_path):
    with pytest.raises(UserError, match="neither steps nor a time limit, so that it would never end"):
        read_config(config(tmp_path, lambda values: values["run"].update(steps=0)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"seed": 1' + "0" * 5000 + "}", "out of range"),
        ('{"a":' * 100_000, "maximum recursion depth"),
        ('{"seed": NaN}', "invalid character"),
        ("\xff", "is damaged"),
        ("", "truncated"),
        ("[]", "expected an object, got a list"),
    ],
    ids=lambda value: value[:20],
)
def test_text_that_is_no_object_of_ours_is_told_in_words(text, says, tmp_path):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=says):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("seed", 10**400, "seed: expected a whole number <= 2147483647, not 1000"),
        ("seed", True, "seed: expected a whole number, not True"),
        ("seed", 1.0, "seed: expected a whole number, not 1.0"),
        ("game", 7, "game: expected a text, not 7"),
        ("opponents", "bot", "opponents: expected a list, not 'bot'"),
        ("device", "tpu", "device: expected one of a few words, not 'tpu'"),
        ("game", "x" * 10_000, "game: expected a text of length <= 200, not 'xxx"),
        ("opponents", ["bot", "bot"], "2 opponents and digests of 1"),
        ("time_limit", -1.0, "time_limit: expected a number > 0.0, not -1.0"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_value_of_the_wrong_kind_or_size_is_shown(name, value, says, tmp_path):
    with pytest.raises(UserError, match=re.escape(says)) as told:
        read_config(config(tmp_path, lambda values: values.update({name: value})))
    assert len(str(told.value)) < 600


def test_a_file_that_is_too_large_or_no_file_is_not_read(tmp_path):
    (tmp_path / "config.json").write_text(" " * 2_000_000)
    with pytest.raises(UserError, match="too large: 2,000,000 bytes, where 1,000,000 are the most"):
        read_config(tmp_path)
