"""What can be said of a game file before it is compiled: the values of its names, and the mistakes its text shows.

Each is a `UserError` that names the file as the user typed it, the line, and where it can the name that was meant.
"""

import ast
import builtins
import difflib
import functools
import hashlib
import inspect
import random
import re
import types
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from games import core
from games.errors import UserError

# The functions of the contract, as the engine calls them.
FUNCTIONS = {
    "build": ("s",), "reset": ("s",), "step": ("s", "actions", "rewards"), "draw": ("s", "f", "seat"),
    "bot": ("s", "seat", "skill"), "asks": ("s", "seat"), "legal": ("s", "seat", "mask"), "solvable": ("s",), "hud": ("s",),
}  # fmt: skip
PLAIN = ("hud",)  # those that are never compiled
CHANCE = ("random", "numpy.random")  # modules of dice that are not the state's own
UNSEEN = {"RECIPE", "MARK", "KEYS", "SPOTS", "hud"}  # what an agent neither sees nor earns by


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A question to end a message with, and a blank before it; nothing where no choice is near.

    >>> did_you_mean("rnig", ["rng", "ring"]), did_you_mean("vv", ["x", "vy"]), did_you_mean("score", ["x"])
    (" Did you mean 'ring'?", " Did you mean 'vy'?", '')
    """
    by_lower = {choice.lower(): choice for choice in choices}
    swapped = [choice for choice in by_lower if sorted(choice) == sorted(word.lower())]
    cutoff = 0.7 if len(word) > 3 else 0.5  # of three letters one may be wrong, of two too
    close = swapped or difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


def wrong(shown: str, what: str) -> UserError:
    """The error of a file that lacks what the contract asks."""
    return UserError(f"{shown}: {what}\ndocs/games.md says what a game file holds.")


# --- before it runs -------------------------------------------------------------------------------------------------


def parse(source: bytes, shown: str) -> ast.Module:
    """The file's tree; `UserError` where it is no Python, or imports from `games.core` what that does not have."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        place = f" line {line}" if line else ""
        raise UserError(f"{shown}{place} is not Python: {getattr(error, 'msg', error)}.") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "games.core":
            for name in (alias.name for alias in node.names if alias.name != "*"):
                if not hasattr(core, name):
                    hint = did_you_mean(name, _public(core))
                    raise UserError(f"{shown} line {node.lineno}: games.core has no '{name}'.{hint}")
    return tree


def _public(module: types.ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


def not_loaded(error: Exception, module: types.ModuleType, shown: str) -> UserError:
    """What the file raised when it ran, as an error that names its line."""
    line = line_of(error, module)
    hint = did_you_mean(error.name or "", {*vars(module), *_public(core)}) if isinstance(error, NameError) else ""
    place = f" line {line}" if line else ""
    return UserError(f"{shown}{place} does not load: {type(error).__name__}: {error}.{hint}")


def line_of(error: Exception, module: types.ModuleType) -> int | None:
    """The innermost line of a file that an error passed through; None where it did not."""
    found, trace = None, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == module.__file__:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


# --- the values of its names ----------------------------------------------------------------------------------------


def check_values(module: types.ModuleType, shown: str) -> None:
    """`UserError` where a name is missing or holds what it cannot."""
    fail = functools.partial(wrong, shown)
    for needed in ("PLAYERS", "ACTIONS", "KEYS", "MAX_TICKS", "VERSION", "STATE", "MARK", "RECIPE"):
        if not hasattr(module, needed):
            raise fail(f"{needed} is missing.")
    for needed in ("reset", "step", "draw", "bot"):
        if not callable(getattr(module, needed, None)):
            raise fail(f"the function {needed} is missing.")
    if module.PLAYERS not in (1, 2):
        raise fail(f"PLAYERS is {module.PLAYERS!r}; it must be 1 or 2.")
    for name in ("MAX_TICKS", "VERSION", "FRAME_SKIP", "SHAPES"):
        if not isinstance(getattr(module, name, 1), int):
            raise fail(f"{name} is {getattr(module, name)!r}; it must be a whole number.")
    if not 0 <= getattr(module, "SHAPES", 64) <= 4096:
        raise fail("SHAPES must be from 0 to 4096.")
    _check_state(module, fail)
    _check_actions(module, fail)
    _check_training(module, fail)


def _check_state(module: types.ModuleType, fail: Any) -> None:
    state = module.STATE
    if not isinstance(state, np.dtype) or list(state.names or ())[: len(core.COMMON)] != [name for name, _ in core.COMMON]:
        raise fail("STATE must begin with *COMMON.")
    kinds = [state[name].base for name in state.names or ()]
    if any(kind == np.dtype("f4") for kind in kinds):
        raise fail("STATE has an f4 field; use f8, so that compiled and plain Python agree.")
    if any(kind.kind == "b" for kind in kinds):
        raise fail("STATE has a boolean field; use u1.")


def _check_actions(module: types.ModuleType, fail: Any) -> None:
    actions, keys = module.ACTIONS, module.KEYS
    if isinstance(actions, str) or not actions or not all(isinstance(action, str) for action in actions):
        raise fail('ACTIONS must be a list of names, as ["stay", "left", "right"].')
    for pair in getattr(module, "MIRROR", None) or ():
        if isinstance(pair, str) or len(pair) != 2:
            raise fail('MIRROR must hold pairs of actions, as (("left", "right"),).')
        for action in pair:
            if action not in actions:
                raise fail(f"MIRROR names {action!r}, which ACTIONS does not have.{did_you_mean(str(action), actions)}")
    if isinstance(keys, dict) or not all(isinstance(one, dict) for one in keys):
        raise fail('KEYS must hold a dict for each seat, as ({"left": "left"},).')
    if len(keys) != module.PLAYERS:
        raise fail(f"KEYS holds {len(keys)} dict{'s'[: len(keys) != 1]}; it needs one for each seat.")
    every = [*actions, *getattr(module, "HANDS", [])]
    for action in (action for one in keys for action in one.values()):
        if action not in every:
            raise fail(f"KEYS names the action {action!r}, which ACTIONS does not have.{did_you_mean(str(action), every)}")


def _check_training(module: types.ModuleType, fail: Any) -> None:
    mark, recipe = module.MARK, module.RECIPE
    if not (isinstance(mark, (tuple, list)) and len(mark) == 2 and isinstance(mark[0], str)):
        raise fail('MARK must be an opponent and a score, as ("bot", 0.9).')
    if isinstance(mark[1], bool) or not isinstance(mark[1], (int, float)):
        raise fail(f"MARK's score is {mark[1]!r}; it must be a number.")
    if not isinstance(recipe, dict) or not recipe or not all(isinstance(settings, dict) for settings in recipe.values()):
        raise fail("RECIPE needs one algorithm at least: {'ppo': {}}.")


# --- the mistakes its text shows ------------------------------------------------------------------------------------


@dataclass
class _Text:
    """A file as its checks read it."""

    module: types.ModuleType
    shown: str
    functions: dict[str, ast.FunctionDef]

    def fail(self, node: Any, what: str) -> UserError:
        return UserError(f"{self.shown} line {node.lineno}: {what}")


def check_text(tree: ast.Module, module: types.ModuleType, shown: str) -> None:
    """`UserError` for what numba would tell in forty lines: a missing @jit, unknown names and fields, wrong arguments."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    text = _Text(module, shown, functions)
    for name, parameters in FUNCTIONS.items():
        if name in functions:
            _check_contract_function(text, functions[name], parameters)
    states = _state_parameters(functions)
    for function in functions.values():
        own = _bound(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id not in own:
                _check_name(text, node, function, own)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in own:
                _check_call(text, node, node.func.id, function)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id not in own:
                    _check_chance(text, getattr(getattr(module, node.value.id, None), node.attr, None), node, function)
                if (function.name, node.value.id) in states:
                    _check_field(text, node)
                elif node.value.id not in own:
                    _check_member(text, node, node.value.id)


def _check_contract_function(text: _Text, function: ast.FunctionDef, parameters: tuple[str, ...]) -> None:
    """It takes what the engine gives it, and is compiled."""
    spec = function.args
    most = len(spec.posonlyargs) + len(spec.args)
    if not most - len(spec.defaults) <= len(parameters) <= (most if spec.vararg is None else 99):
        form = f"{function.name}({', '.join(parameters)})"
        raise text.fail(function, f"{function.name} must take {_counted(len(parameters))}: {form}.")
    if function.name not in PLAIN and not function.decorator_list:
        raise text.fail(function, f"the function {function.name} lacks its @jit.")


def _counted(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count} arguments"


def _bound(function: ast.FunctionDef) -> set[str]:
    """Names that a function makes its own: parameters, and whatever it assigns, anywhere in it."""
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found.update(node.names)
        elif node is not function and isinstance(getattr(node, "name", None), str):  # def, class, except, match
            found.add(str(vars(node)["name"]))
    return found


def _check_name(text: _Text, node: ast.Name, function: ast.FunctionDef, own: set[str]) -> None:
    """A name that a function does not make its own is the file's or Python's."""
    if hasattr(text.module, node.id) or hasattr(builtins, node.id):
        return _check_chance(text, getattr(text.module, node.id, None), node, function)
    if node.id in _public(core):
        hint = f"\nImport it: from games.core import {node.id}"
    else:
        hint = did_you_mean(node.id, {*own, *vars(text.module), *_public(core)})
    raise text.fail(node, f"{function.name} uses '{node.id}', which is defined nowhere.{hint}")


def _check_field(text: _Text, node: ast.Attribute) -> None:
    """An attribute of the state is a field of STATE."""
    fields = text.module.STATE.names
    if node.attr not in fields:
        raise text.fail(node, f"STATE has no field '{node.attr}'.{did_you_mean(node.attr, fields)}")


def _check_chance(text: _Text, value: Any, node: ast.expr, function: ast.FunctionDef) -> None:
    """What is random outside the state's own stream makes another game of the same seed."""
    source = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    dice = (random.Random, np.random.RandomState, np.random.Generator)
    if function.decorator_list and (source in CHANCE or isinstance(getattr(value, "__self__", None), dice)):
        raise text.fail(
            node,
            f"{function.name} uses {ast.unparse(node)}: the same seed would not give the same game.\n"
            "Use uniform(s), in bot noise(s, seat, k).",
        )


def _check_member(text: _Text, node: ast.Attribute, name: str) -> None:
    """An attribute of an imported module is in it."""
    module = getattr(text.module, name, None)
    if isinstance(module, types.ModuleType) and not hasattr(module, node.attr):
        raise text.fail(node, f"{module.__name__} has no '{node.attr}'.{did_you_mean(node.attr, _public(module))}")


def _check_call(text: _Text, node: ast.Call, name: str, caller: ast.FunctionDef) -> None:
    """A call by name: of a compiled function where the caller is one, with as many arguments as it takes."""
    own = text.functions.get(name)
    if caller.decorator_list and own and not own.decorator_list:
        raise text.fail(node, f"{caller.name} calls {name}, which lacks @jit.\nWrite @jit above line {own.lineno}, def {name}.")
    called = getattr(text.module, name, None)
    called = getattr(called, "py_func", called)
    unpacked = any(isinstance(one, ast.Starred) for one in node.args) or any(one.arg is None for one in node.keywords)
    if unpacked or not isinstance(called, types.FunctionType):
        return
    form = inspect.signature(called)
    try:
        form.bind(*node.args, **{str(one.arg): one for one in node.keywords})
    except TypeError:
        count = _counted(len(node.args) + len(node.keywords))
        raise text.fail(node, f"{caller.name} gives {name} {count}; it is {name}{form}.") from None


def _state_parameters(functions: dict[str, ast.FunctionDef]) -> set[tuple[str, str]]:
    """Function and parameter, where that is the game's state: the first of the contract's, and what these hand it on to."""
    found: set[tuple[str, str]] = set()
    queue = [(function, 0) for name, function in functions.items() if name in FUNCTIONS]
    while queue:
        function, place = queue.pop()
        parameters = [*function.args.posonlyargs, *function.args.args]
        if place >= len(parameters) or (function.name, parameters[place].arg) in found:
            continue
        state = parameters[place].arg
        if any(isinstance(n, ast.Name) and n.id == state and not isinstance(n.ctx, ast.Load) for n in ast.walk(function)):
            continue  # it becomes something else
        found.add((function.name, state))
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
                handed = (k for k, one in enumerate(node.args) if isinstance(one, ast.Name) and one.id == state)
                queue += [(functions[node.func.id], k) for k in handed]
    return found


# --- what does not compile ------------------------------------------------------------------------------------------


def not_compiled(error: Exception, tree: ast.Module, path: Path, shown: str) -> UserError:
    """numba's error as one of up to three lines: the file, the line and function, and the cause where it can be told."""
    text = str(error)
    name = re.escape(path.name)
    places = re.finditer(rf'(?:at \S*?\b{name} \((\d+)\)|File "[^"]*?\b{name}", line (\d+))', text)
    lines = [int(one[1] or one[2]) for one in places]
    where = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and lines and _holds(node, lines[0])]
    place = f"{shown} line {lines[0]}" if lines else shown
    return UserError(f"{place}: {where[0] if where else 'the game'} does not compile: {_cause(text)}")


def _holds(function: ast.FunctionDef, line: int) -> bool:
    return function.lineno <= line <= (function.end_lineno or function.lineno)


def _cause(text: str) -> str:
    """The one line of numba's that says what it cannot do."""
    text = re.sub(r"Literal\[(\w+)\]\([^)]*\)", r"\1", text)
    untyped = re.search(r"Untyped global name '(\w+)':.*<class 'function'>", text)
    if untyped:
        return f"it calls {untyped[1]}, which lacks @jit."
    field = re.search(r"Field '(\w+)' (?:was )?not (?:found )?in record", text)
    if field:
        return f"a record has no field '{field[1]}'."
    call = re.search(r">>> (.+)", text)
    if call:
        return f"numba knows no {call[1]}."
    noise = ("Failed in", "During", "File", "-", "^", "def ", "<source")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith(noise)]
    return (lines[0].split(": %")[0][:200] if lines else "numba gives no reason").rstrip(".") + "."


# --- what an agent was trained on -----------------------------------------------------------------------------------


def digest(trees: Iterable[ast.Module], unseen: Set[str] = UNSEEN) -> str:
    """SHA-256 of all that an agent sees or earns by: not of comments and docstrings, nor of the names in `unseen`."""
    sha = hashlib.sha256()
    for tree in trees:
        for node in tree.body:
            if not _unseen(node, unseen):
                sha.update("".join(_words(node)).encode())
    return sha.hexdigest()


def _unseen(node: ast.stmt, unseen: Set[str]) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name in unseen
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return (bool(names) and len(names) == len(targets) and set(names) <= unseen) or _is_text(node)


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _words(node: Any) -> Iterator[str]:
    """A tree written down, the same for every version of Python: `ast.dump` and `ast.unparse` are not."""
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            if value is not None and value != [] and name not in ("ctx", "kind", "type_comment"):
                yield f"{name}="
                yield from _words(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for one in node:
            if not _is_text(one):
                yield from _words(one)
        yield "]"
    else:
        yield f"{type(node).__name__} {node!r};"
