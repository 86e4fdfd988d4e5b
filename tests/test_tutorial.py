"""The tutorial: its game runs after each step, and in the end is the file that the page shows."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from games import check
from games.engine.batch import Batch
from games.render.renderer import Painter

PAGE = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text("utf-8")
*STEPS, WHOLE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def names_of(statement: ast.stmt) -> tuple[str, ...]:
    """The names that a statement of a game's file defines; of an import, the module's."""
    if isinstance(statement, ast.FunctionDef):
        return (statement.name,)
    if isinstance(statement, ast.Assign):
        return tuple(name.id for name in ast.walk(statement.targets[0]) if isinstance(name, ast.Name))
    if isinstance(statement, ast.ImportFrom):
        return (f"from {statement.module}",)
    return (ast.unparse(statement),)


def follow(file: str, block: str) -> str:
    """The file after a block of the tutorial: as its reader is told to."""
    statements = ast.parse(file).body
    for new in ast.parse(block).body:
        there = [k for k, statement in enumerate(statements) if names_of(statement) == names_of(new)]
        if there:
            statements[there[0]] = new
        elif isinstance(new, ast.Assign):
            statements.insert([names_of(statement) for statement in statements].index(("STATE",)), new)
        else:
            statements.append(new)
    return ast.unparse(ast.Module(statements, []))


def after_step(count: int) -> str:
    file, *blocks = STEPS[:count]
    for block in blocks:
        file = follow(file, block)
    return file


ALL = [pytest.param(count, marks=[pytest.mark.slow] if 1 < count < len(STEPS) else []) for count in range(1, len(STEPS) + 1)]


@pytest.mark.parametrize("count", ALL)
def test_the_game_runs_after_each_step(make_game, count):
    game = make_game(after_step(count), "rain")
    batch = Batch(game, 2, 1, bots=0.5)
    before = Painter(game).picture(batch, size=84)
    for _ in range(40):
        batch.step(np.zeros((2, 1), np.int64))
    assert before.max() > 100
    assert count < 3 or (Painter(game).picture(batch, size=84) != before).any()


def test_the_steps_lead_to_the_file_that_the_page_shows():
    def by_name(text: str) -> list[str]:
        return sorted(ast.unparse(statement) for statement in ast.parse(text).body)

    assert by_name(after_step(len(STEPS))) == by_name(WHOLE)


@pytest.mark.slow
def test_the_tutorials_game_passes_every_check(make_game):
    results = check.check(make_game(WHOLE, "rain"))
    assert [(result.check, result.problem) for result in results if not result.ok] == []
