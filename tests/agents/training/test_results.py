"""results.json is a file that anybody may have written: it is checked before it is believed."""

import json

import pytest

from agents.training.results import read_results
from games.errors import UserError

RESULTS = {
    "agent": "agent.safetensors", "agent_steps": 100, "evaluations": 2, "steps": 200, "planned_games": 10, "seconds": 1.5,
    "time_limit": None, "out_of_time": False, "mark": ["bot", 0.9], "mark_score": 0.5, "reached": False,
    "evaluation": {"games": 10, "win_rate": 0.5, "interval": [0.2, 0.8]},
}  # fmt: skip


def test_results_are_read_as_they_were_written(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(RESULTS), "utf-8")
    assert read_results(tmp_path) == RESULTS


@pytest.mark.parametrize(
    "name, value",
    [
        ("agent", 7), ("agent_steps", -1), ("steps", 10**30), ("seconds", "long"), ("out_of_time", 1), ("mark", ["bot"]),
        ("reached", None), ("evaluation", []), ("planned_games", 1.5),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named(tmp_path, name, value):
    (tmp_path / "results.json").write_text(json.dumps({**RESULTS, name: value}), "utf-8")
    with pytest.raises(UserError, match="mark" if name == "reached" else name):
        read_results(tmp_path)


@pytest.mark.parametrize("name", ["agent", "steps", "evaluation", "out_of_time"])
def test_a_value_that_is_missing_is_named(tmp_path, name):
    (tmp_path / "results.json").write_text(json.dumps({key: RESULTS[key] for key in RESULTS if key != name}), "utf-8")
    with pytest.raises(UserError, match=name):
        read_results(tmp_path)
