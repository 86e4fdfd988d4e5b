"""Lines that only the engine may write, or that draw lots where nothing may change: read from the file, not played."""

import ast
from collections.abc import Iterator

from games import core
from games.check.definition import Failed, check
from games.engine.contract import FUNCTIONS, passed_on
from games.engine.loader import Game

ENGINES = {"rng": "only uniform moves it", "tick": "the engine counts the ticks", "level": "the engine chooses the level"}
LOOKING = ("draw", "bot", "legal", "asks", "valid", "solvable")  # functions that change nothing

Functions = dict[str, ast.FunctionDef]


@check("no line writes what is the engine's, draws lots out of place, or sets rewards")
def source(game: Game) -> None:
    functions = {node.name: node for node in game.tree.body if isinstance(node, ast.FunctionDef)}
    found = [*engines_fields(functions), *lots_out_of_place(game, functions), *rewards_set(functions)]
    if found:
        raise Failed("; ".join(f"line {line}, {what}" for line, what in sorted(set(found))))


def engines_fields(functions: Functions) -> Iterator[tuple[int, str]]:
    """Lines that write the engine's fields of the state, or read its random stream."""
    starts = [(function, 0) for name, function in functions.items() if name in FUNCTIONS]
    for name, state in passed_on(functions, starts):
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == state:
                if node.attr in ENGINES and not isinstance(node.ctx, ast.Load):
                    yield node.lineno, f"{name}: it writes {state}.{node.attr}, but {ENGINES[node.attr]}"
                elif node.attr == "rng":
                    yield (
                        node.lineno,
                        f"{name}: it reads {state}.rng; chance comes from uniform(s), in bot from noise(s, seat, k)",
                    )


def lots_out_of_place(game: Game, functions: Functions) -> Iterator[tuple[int, str]]:
    """Lines that call `uniform` in functions that change nothing, and in all that these call with the state."""
    called = {name for name, value in vars(game.module).items() if value is core.uniform}
    for start in LOOKING:
        pairs = passed_on(functions, [(functions[start], 0)] if start in functions else [])
        for name in sorted({name for name, _ in pairs}):
            for node in ast.walk(functions[name]):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in called:
                    instead = "use noise(s, seat, k)" if start == "bot" else "it must be the same each time"
                    what = f"{name}: uniform in {start} would change the game's chance: {instead}"
                    yield node.lineno, what


def rewards_set(functions: Functions) -> Iterator[tuple[int, str]]:
    """Lines that set an element of `rewards` to a value in which what was there is not."""
    for name, rewards in passed_on(functions, [(functions["step"], 2)]):
        for node in ast.walk(functions[name]):
            if not isinstance(node, ast.Assign) or rewards in names_in(node.value):
                continue
            for part in (part for target in node.targets for part in ast.walk(target)):
                if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id == rewards:
                    yield node.lineno, f"{name}: it sets {ast.unparse(part)} with =: step adds to rewards, with += or -="


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
