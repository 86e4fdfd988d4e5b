"""results.json: the final evaluation of a run that has finished. Read without torch."""

from pathlib import Path
from typing import Any

import msgspec

from agents.core import schema, tensor_file
from agents.play.agent_info import ScoreFile
from agents.play.result import first_score
from games.errors import UserError

RESULTS = "results.json"
LARGEST = 1_000_000  # bytes


class ResultsFile(msgspec.Struct):
    """The schema of what is read of results.json; other numbers may stand beside it."""

    agent: schema.Text
    agent_steps: schema.Count
    evaluations: schema.Count
    steps: schema.Count
    evaluation: dict[str, Any]  # `ScoreFile`
    planned_games: schema.Count
    seconds: float
    time_limit: float | None
    out_of_time: bool
    levels: schema.Name | None = None  # that it learned in, where they are listed
    test_evaluation: dict[str, Any] | None = None  # `ScoreFile`; on held-out levels
    test_levels: schema.Count | None = None  # their number
    mark: tuple[str, float] | None = None
    mark_score: float | None = None
    reached: bool | None = None


def write_results(folder: Path, final: dict[str, Any]) -> None:
    """Write a run's results."""
    text = msgspec.json.format(schema.encode(final))
    tensor_file.write_bytes(folder / RESULTS, (text + "\n").encode())


def read_results(folder: Path) -> dict[str, Any]:
    """The results of a run that has finished; `UserError` where there are none, or they are damaged."""
    path = folder / RESULTS
    final = schema.decode(path, tensor_file.read_bytes(path, LARGEST), dict[str, Any])
    found = schema.check(path, final, ResultsFile)
    score = schema.check(path, final["evaluation"], ScoreFile, "evaluation")
    try:
        first_score(final["evaluation"])
    except LookupError as error:
        raise UserError(f"{path} does not fit: its evaluation has {error}.") from error
    if score.games is None:
        raise UserError(f"{path} does not fit: its evaluation does not say of how many games.")
    if found.test_evaluation is not None:
        schema.check(path, found.test_evaluation, ScoreFile, "test_evaluation")
    if "mark" in final and None in (found.mark, found.mark_score, found.reached):
        raise UserError(f"{path} does not fit: it has a mark, and not whether that is reached.")
    return final
