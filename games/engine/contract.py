"""The contract of a game file, checked before compilation: the values of its names, and mistakes visible in its source.

A violation is a `UserError` with the file as the user typed it, the line, and if possible the name that was meant.
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
from games.engine.constants import REWARDS
from games.errors import UserError

# The functions of the contract and the parameters with which the engine calls them.
FUNCTIONS = {
    "build": ("s",), "reset": ("s",), "step": ("s", "actions", "rewards"), "draw": ("s", "f", "seat"),
    "bot": ("s", "seat", "skill"), "asks": ("s", "seat"), "legal": ("s", "seat", "mask"), "solvable": ("s",),
    "hud": ("s", "people"), "valid": ("s",), "from_level": ("s", "level"), "to_level": ("s", "level"),
}  # fmt: skip
NEVER_COMPILED = ("hud",)
MAY_LACK = {"hud": 1}  # how many of the last parameters a function may leave out
OF_LEVELS = ("LEVEL", "from_level", "to_level")  # names that go together: a level as data
RANDOM_MODULES = ("random", "numpy.random")  # generators other than the state's random stream
# Methods that change a list, a dict, a set or an array.
CHANGING = {"append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "add", "update", "setdefault", "fill"}
DISPLAYS = {  # expressions that make what compiled functions do without
    ast.List: "a list", ast.ListComp: "a list", ast.Dict: "a dict", ast.DictComp: "a dict", ast.Set: "a set",
    ast.SetComp: "a set",
}  # fmt: skip
STAYS = "to compiled code it is a constant.\nKeep what changes in a field of STATE."
PEOPLE_KINDS = ("axis", "directions", "board")  # what simulated people can play
LARGEST_WORLD, LARGEST_GRID = 8_400.0, 400  # a hundred pictures wide; tiles are a byte each in every frame
# Names that change neither observations nor rewards.
NOT_IN_DIGEST = {"RECIPE", "MARK", "KEYS", "SPOTS", "PEOPLE", "hud", "valid"}


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A question to end a message with, after a blank; an empty text if no choice is near.

    >>> did_you_mean("rnig", ["rng", "ring"]), did_you_mean("vv", ["x", "vy"]), did_you_mean("score", ["x"])
    (" Did you mean 'ring'?", " Did you mean 'vy'?", '')
    """
    by_case = sorted(choices, key=lambda choice: choice.isupper() == word.isupper())  # of `move` and `MOVE` the like one
    by_lower = {choice.lower(): choice for choice in by_case}
    swapped = [choice for choice in by_lower if sorted(choice) == sorted(word.lower())]
    cutoff = 0.7 if len(word) > 3 else 0.5  # in a word of two or three letters one may be wrong
    close = swapped or difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


def contract_error(shown: str, what: str, tree: ast.Module | None = None) -> UserError:
    """The error of a file that violates the contract. shown: its path as the user typed it, as everywhere in this file.

    tree: the file's syntax tree, in which the line is looked up of the value with which `what` begins.
    """
    line = line_of_name(tree, re.split(r"\W", what)[0]) if tree else None
    return UserError(f"{shown}{f' line {line}' if line else ''}: {what}\ndocs/games.md says what a game file holds.")


def line_of_name(tree: ast.Module, name: str) -> int | None:
    """The line in which a file defines a function or assigns a value of this name; None if it does not."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if getattr(node, "name", None) == name or any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.lineno
    return None


# --- before it runs -------------------------------------------------------------------------------------------------


def parse(source: bytes, shown: str) -> ast.Module:
    """The file's syntax tree; `UserError` if it is not Python, or imports a name that `games.core` does not have."""
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


def load_error(error: Exception, module: types.ModuleType, shown: str) -> UserError:
    """The `UserError` for an exception that the file raised when it was imported, with its line."""
    line = line_of(error, module)
    hint = did_you_mean(error.name or "", {*vars(module), *_public(core)}) if isinstance(error, NameError) else ""
    place = f" line {line}" if line else ""
    return UserError(f"{shown}{place} does not load: {type(error).__name__}: {error}.{hint}")


def line_of(error: Exception, module: types.ModuleType) -> int | None:
    """The innermost line of the module in an error's traceback; None if there is none."""
    found, trace = None, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == module.__file__:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


# --- the values of its names ----------------------------------------------------------------------------------------


def check_values(module: types.ModuleType, shown: str, tree: ast.Module | None = None) -> None:
    """`UserError` if a name is missing or has an invalid value."""
    fail = functools.partial(contract_error, shown, tree=tree)
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
    _check_world(module, fail)
    _check_rewards(module, fail)
    _check_state(module, fail)
    _check_level(module, fail)
    _check_actions(module, fail)
    _check_training(module, fail)
    _check_people(module, fail)


def _check_world(module: types.ModuleType, fail: Any) -> None:
    """WORLD_SIZE: width and height of a world larger than the picture. GRID: rows and columns of tiles, of a byte each."""
    world = getattr(module, "WORLD_SIZE", (core.WORLD, core.WORLD))
    if not _holds(world, (int, float)) or len(world) != 2 or not all(core.WORLD <= side <= LARGEST_WORLD for side in world):
        raise fail(f"WORLD_SIZE is {world!r}; it must be a width and a height from 84 to {LARGEST_WORLD:g}, as (252.0, 84.0).")
    grid = getattr(module, "GRID", None)
    if grid is not None and (not _holds(grid, int) or len(grid) != 2 or not all(1 <= count <= LARGEST_GRID for count in grid)):
        raise fail(f"GRID must be the numbers of rows and columns, 1 to {LARGEST_GRID} each, as (21, 14); it is {grid!r}.")


def _check_rewards(module: types.ModuleType, fail: Any) -> None:
    if not hasattr(module, "REWARDS"):
        return
    if module.PLAYERS == 1:
        raise fail("REWARDS says how the rewards of two seats are related, and this game has one: leave it out.")
    rewards = module.REWARDS
    if not isinstance(rewards, str) or rewards not in REWARDS:
        valid = ", ".join(f'"{word}"' for word in REWARDS)
        raise fail(f"REWARDS is {rewards!r}; it must be one of {valid}.{did_you_mean(str(rewards), REWARDS)}")


def _holds(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Whether a value is a tuple or a list that holds nothing but values of one type; truth values are no numbers."""
    return isinstance(value, (tuple, list)) and all(isinstance(each, kind) and not isinstance(each, bool) for each in value)


def _check_state(module: types.ModuleType, fail: Any) -> None:
    state = module.STATE
    if not isinstance(state, np.dtype) or list(state.names or ())[: len(core.COMMON)] != [name for name, _ in core.COMMON]:
        raise fail("STATE must begin with *COMMON.")
    _check_fields("STATE", state, fail)


def _check_level(module: types.ModuleType, fail: Any) -> None:
    """LEVEL, from_level and to_level: all or none, and only beside `build`."""
    missing = [name for name in OF_LEVELS if not hasattr(module, name)]
    if len(missing) == len(OF_LEVELS):
        return
    if missing:
        there = next(name for name in OF_LEVELS if name not in missing)
        raise fail(
            f"{missing[0]} is missing: {', '.join(OF_LEVELS[:-1])} and {OF_LEVELS[-1]} go together, and {there} is there."
        )
    if not hasattr(module, "build"):
        raise fail("LEVEL needs the function build, which makes the level where none is given.")
    if not isinstance(module.LEVEL, np.dtype) or not module.LEVEL.names:
        raise fail('LEVEL must be a NumPy dtype with fields, as np.dtype([("wall", "u1", (11, 11))]).')
    _check_fields("LEVEL", module.LEVEL, fail)


def _check_fields(what: str, record: np.dtype, fail: Any) -> None:
    """The fields of a record are numbers, or arrays of numbers, that compiled and plain Python treat alike."""
    kinds = [record[name].base for name in record.names or ()]
    for name, kind in zip(record.names or (), kinds, strict=True):
        if kind == np.dtype("f4"):
            raise fail(f"{what}'s field {name!r} is an f4 field; use f8, so that compiled and plain Python agree.")
        if kind.kind == "b":
            raise fail(f"{what}'s field {name!r} is a boolean field; use u1.")
        if kind.kind not in "iuf":
            holds = {"U": "text", "S": "text", "O": "Python objects"}.get(kind.kind, "no numbers")
            raise fail(f"{what}'s field {name!r} holds {holds}; a field is a number or an array of numbers: i4, i8, u1 or f8.")


def _check_actions(module: types.ModuleType, fail: Any) -> None:
    actions, keys = module.ACTIONS, module.KEYS
    if not _holds(actions, str) or not actions:
        raise fail('ACTIONS must be a list of names, as ["stay", "left", "right"].')
    for name in ("HANDS", "SEATS"):
        if not _holds(getattr(module, name, ()), str):
            raise fail(f"{name} must be a list of names.")
    mirror = getattr(module, "MIRROR", None)
    for pair in () if mirror is None else mirror if isinstance(mirror, (tuple, list)) else (mirror,):
        if not _holds(pair, str) or len(pair) != 2:
            raise fail('MIRROR must hold pairs of actions, as (("left", "right"),).')
        for action in pair:
            if action not in actions:
                raise fail(f"MIRROR names {action!r}, which ACTIONS does not have.{did_you_mean(str(action), actions)}")
    if not _holds(keys, dict):
        raise fail('KEYS must hold a dict for each seat, as ({"left": "left"},).')
    if len(keys) != module.PLAYERS:
        raise fail(f"KEYS holds {len(keys)} dict{'s'[: len(keys) != 1]}; it needs one for each seat.")
    every = [*actions, *getattr(module, "HANDS", [])]
    for action in (action for seat_keys in keys for action in seat_keys.values()):
        if action not in every:
            raise fail(f"KEYS names the action {action!r}, which ACTIONS does not have.{did_you_mean(str(action), every)}")
    _check_spots(getattr(module, "SPOTS", None), every, fail)


def _check_spots(spots: Any, actions: list[str], fail: Any) -> None:
    rectangles = list(spots.values()) if isinstance(spots, dict) else [] if spots is None else spots
    if not isinstance(rectangles, (tuple, list)):
        raise fail(f"SPOTS is {spots!r}; it must be a list of rectangles, or a dict by action.")
    for action in spots if isinstance(spots, dict) else ():
        if action not in actions:
            raise fail(f"SPOTS names the action {action!r}, which ACTIONS does not have.{did_you_mean(str(action), actions)}")
    if len(rectangles) > len(actions):
        raise fail(f"SPOTS holds {len(rectangles)} rectangles, and there are {len(actions)} actions.")
    for spot in rectangles:
        if spot is not None and not (_holds(spot, (int, float, np.number)) and len(spot) == 4):
            raise fail(f"SPOTS holds {spot!r}; a spot is (left, top, width, height), or None.")


def _check_training(module: types.ModuleType, fail: Any) -> None:
    mark, recipe = module.MARK, module.RECIPE
    if not (isinstance(mark, (tuple, list)) and len(mark) == 2 and isinstance(mark[0], str)):
        raise fail('MARK must be an opponent and a score, as ("bot", 0.9).')
    if isinstance(mark[1], bool) or not isinstance(mark[1], (int, float)):
        raise fail(f"MARK's score is {mark[1]!r}; it must be a number.")
    if not isinstance(recipe, dict) or not recipe or not all(isinstance(settings, dict) for settings in recipe.values()):
        raise fail("RECIPE needs one algorithm at least: {'ppo': {}}.")


def _check_people(module: types.ModuleType, fail: Any) -> None:
    """PEOPLE: how simulated people play the game (docs/people.md)."""
    if not hasattr(module, "PEOPLE"):
        return
    people = module.PEOPLE
    if not isinstance(people, dict) or "kind" not in people:
        raise fail('PEOPLE must be a dict with a kind, as {"kind": "axis"}.')
    for name in people:
        if name not in ("kind", "target", "moves"):
            raise fail(f"PEOPLE has no {name!r}: it has kind, target and moves.{did_you_mean(str(name), ('target', 'moves'))}")
    kind, roles = people["kind"], [role.upper() for role in core.ROLES[1:-1]]
    if kind not in PEOPLE_KINDS:
        raise fail(
            f"PEOPLE's kind is {kind!r}; it must be one of {', '.join(PEOPLE_KINDS)}.{did_you_mean(str(kind), PEOPLE_KINDS)}"
        )
    by_turns = bool(getattr(module, "TURNS", False)) and module.PLAYERS == 2 and not hasattr(module, "REWARDS")
    if (kind == "board") != bool(getattr(module, "TURNS", False)) or (kind == "board" and not by_turns):
        raise fail(
            f"PEOPLE's kind is {kind!r}; board is for games of TURNS in which one of two wins, the others for real time."
        )
    for role in people.get("target", ()) if _holds(people.get("target", ()), str) else ("",):
        if role not in roles:
            raise fail(f"PEOPLE's target must be a tuple of roles, as ('BALL',).{did_you_mean(role, roles) if role else ''}")
    moves = people.get("moves", {})
    if not isinstance(moves, dict) or not all(_holds(move, (int, float)) and len(move) == 2 for move in moves.values()):
        raise fail("PEOPLE's moves must say how an action moves ME, units across and down, as {'up': (0.0, -1.0)}.")
    for action in moves:
        if action not in module.ACTIONS:
            raise fail(
                f"PEOPLE's moves name {action!r}, which ACTIONS does not have.{did_you_mean(str(action), module.ACTIONS)}"
            )


# --- mistakes visible in its source ---------------------------------------------------------------------------------


@dataclass
class _SourceFile:
    """A file as the checks below need it."""

    module: types.ModuleType
    shown: str
    functions: dict[str, ast.FunctionDef]

    def fail(self, node: Any, what: str) -> UserError:
        return UserError(f"{self.shown} line {node.lineno}: {what}")


def check_text(tree: ast.Module, module: types.ModuleType, shown: str) -> None:
    """`UserError` for mistakes that numba reports in forty lines: a missing @jit, unknown names or fields, wrong arguments."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    file = _SourceFile(module, shown, functions)
    for name, parameters in FUNCTIONS.items():
        if name in functions:
            _check_contract_function(file, functions[name], parameters)
    states = _state_parameters(functions)
    levels = passed_on(functions, [(functions[name], 1) for name in ("from_level", "to_level") if name in functions])
    for function in functions.values():
        local_names = _local_names(function)
        if function.decorator_list:
            _check_compiled(file, function, local_names)
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id not in local_names:
                _check_name(file, node, function, local_names)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in local_names:
                _check_call(file, node, node.func.id, function)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id not in local_names:
                    _check_random(file, getattr(getattr(module, node.value.id, None), node.attr, None), node, function)
                if (function.name, node.value.id) in states:
                    _check_field(file, node, "STATE")
                elif (function.name, node.value.id) in levels:
                    _check_field(file, node, "LEVEL")
                elif node.value.id not in local_names:
                    _check_member(file, node, node.value.id)


def _check_contract_function(file: _SourceFile, function: ast.FunctionDef, parameters: tuple[str, ...]) -> None:
    """A function of the contract accepts the engine's arguments, and is compiled."""
    spec = function.args
    most = len(spec.posonlyargs) + len(spec.args)
    fewest = len(parameters) - MAY_LACK.get(function.name, 0)
    accepts = range(most - len(spec.defaults), (most if spec.vararg is None else 99) + 1)
    if not any(count in accepts for count in range(fewest, len(parameters) + 1)):
        form = f"{function.name}({', '.join(parameters)})"
        raise file.fail(function, f"{function.name} must take {_counted(len(parameters))}: {form}.")
    if function.name not in NEVER_COMPILED and not function.decorator_list:
        raise file.fail(function, f"the function {function.name} lacks its @jit.")


def _counted(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count} arguments"


def _local_names(function: ast.FunctionDef) -> set[str]:
    """The names that are local to a function: parameters, and everything it assigns, also in nested functions."""
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


def _check_name(file: _SourceFile, node: ast.Name, function: ast.FunctionDef, local_names: set[str]) -> None:
    """A name that is not local to its function is defined in the file or in Python."""
    if hasattr(file.module, node.id) or hasattr(builtins, node.id):
        return _check_random(file, getattr(file.module, node.id, None), node, function)
    if node.id in _public(core):
        hint = f"\nImport it: from games.core import {node.id}"
    else:
        hint = did_you_mean(node.id, {*local_names, *vars(file.module), *_public(core)})
    raise file.fail(node, f"{function.name} uses '{node.id}', which is defined nowhere.{hint}")


def _check_compiled(file: _SourceFile, function: ast.FunctionDef, local_names: set[str]) -> None:
    """A compiled function makes no list, dict or set, and changes no value of the file: to compiled code it is a constant."""

    def constant(node: ast.AST) -> str:
        """The name of the file's value that a target is, or is part of; "" for another target."""
        while isinstance(node, (ast.Subscript, ast.Attribute)):
            node = node.value
        name = node.id if isinstance(node, ast.Name) and node.id not in local_names else ""
        return "" if isinstance(getattr(file.module, name, file.module), types.ModuleType) else name

    for node in ast.walk(function):
        if type(node) in DISPLAYS and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            what = f"{function.name} makes {DISPLAYS[type(node)]}; compiled functions have numbers, tuples and arrays."
            raise file.fail(node, what)
        if isinstance(node, ast.Global):
            raise file.fail(node, f"{function.name} changes {node.names[0]}; {STAYS}")
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            targets = [node.func.value]
        for name in filter(None, map(constant, targets)):
            raise file.fail(node, f"{function.name} changes {name}; {STAYS}")


def _check_field(file: _SourceFile, node: ast.Attribute, record: str) -> None:
    """An attribute of the state is a field of STATE, one of a level a field of LEVEL."""
    fields = getattr(file.module, record).names
    if node.attr not in fields:
        raise file.fail(node, f"{record} has no field '{node.attr}'.{did_you_mean(node.attr, fields)}")


def _check_random(file: _SourceFile, value: Any, node: ast.expr, function: ast.FunctionDef) -> None:
    """Compiled functions use only the state's random stream: with any other the same seed would give different games."""
    source = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    generators = (random.Random, np.random.RandomState, np.random.Generator)
    if function.decorator_list and (source in RANDOM_MODULES or isinstance(getattr(value, "__self__", None), generators)):
        raise file.fail(
            node,
            f"{function.name} uses {ast.unparse(node)}: the same seed would not give the same game.\n"
            "Use uniform(s), in bot noise(s, seat, k).",
        )


def _check_member(file: _SourceFile, node: ast.Attribute, name: str) -> None:
    """An attribute of an imported module exists."""
    module = getattr(file.module, name, None)
    if isinstance(module, types.ModuleType) and not hasattr(module, node.attr):
        raise file.fail(node, f"{module.__name__} has no '{node.attr}'.{did_you_mean(node.attr, _public(module))}")


def _check_call(file: _SourceFile, node: ast.Call, name: str, caller: ast.FunctionDef) -> None:
    """A compiled function calls only compiled ones, and every call passes as many arguments as the function takes."""
    callee = file.functions.get(name)
    if caller.decorator_list and callee and not callee.decorator_list:
        line = callee.lineno
        raise file.fail(node, f"{caller.name} calls {name}, which lacks @jit.\nWrite @jit above line {line}, def {name}.")
    called = getattr(file.module, name, None)
    called = getattr(called, "py_func", called)
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    if starred or any(keyword.arg is None for keyword in node.keywords) or not isinstance(called, types.FunctionType):
        return
    form = inspect.signature(called)
    try:
        form.bind(*node.args, **{str(keyword.arg): keyword for keyword in node.keywords})
    except TypeError:
        count = _counted(len(node.args) + len(node.keywords))
        raise file.fail(node, f"{caller.name} gives {name} {count}; it is {name}{form}.") from None


def _state_parameters(functions: dict[str, ast.FunctionDef]) -> set[tuple[str, str]]:
    """(function, parameter) pairs in which the parameter is the game's state.

    It is the first parameter of the contract's functions, and any parameter to which one of these passes it on.
    """
    return passed_on(functions, [(function, 0) for name, function in functions.items() if name in FUNCTIONS])


def passed_on(functions: dict[str, ast.FunctionDef], starts: Iterable[tuple[ast.FunctionDef, int]]) -> set[tuple[str, str]]:
    """(function, parameter) pairs in which the parameter is what one of `starts` is given at that place, or passes on."""
    found: set[tuple[str, str]] = set()
    queue = list(starts)
    while queue:
        function, place = queue.pop()
        parameters = [*function.args.posonlyargs, *function.args.args]
        if place >= len(parameters) or (function.name, parameters[place].arg) in found:
            continue
        given = parameters[place].arg
        if any(isinstance(n, ast.Name) and n.id == given and not isinstance(n.ctx, ast.Load) for n in ast.walk(function)):
            continue  # the function assigns something else to it
        found.add((function.name, given))
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
                passed = (k for k, argument in enumerate(node.args) if isinstance(argument, ast.Name) and argument.id == given)
                queue += [(functions[node.func.id], k) for k in passed]
    return found


# --- compilation errors ---------------------------------------------------------------------------------------------


def compile_error(error: Exception, tree: ast.Module, path: Path, shown: str) -> UserError:
    """numba's error in up to three lines: the file, the line, the function and, if it can be found, the cause."""
    text = str(error)
    name = re.escape(path.name)
    places = re.finditer(rf'(?:at \S*?\b{name} \((\d+)\)|File "[^"]*?\b{name}", line (\d+))', text)
    lines = [int(match[1] or match[2]) for match in places]
    where = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and lines and _contains(node, lines[0])]
    place = f"{shown} line {lines[0]}" if lines else shown
    return UserError(f"{place}: {where[0] if where else 'the game'} does not compile: {_cause(text)}")


def _contains(function: ast.FunctionDef, line: int) -> bool:
    return function.lineno <= line <= (function.end_lineno or function.lineno)


def _cause(text: str) -> str:
    """The line of numba's message that names the cause."""
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


# --- the digest -----------------------------------------------------------------------------------------------------


def digest(trees: Iterable[ast.Module], unseen: Set[str] = NOT_IN_DIGEST) -> str:
    """SHA-256 of everything that can change observations or rewards: not of comments, docstrings or the `unseen` names."""
    sha = hashlib.sha256()
    for tree in trees:
        for node in tree.body:
            if not _is_unseen(node, unseen):
                sha.update("".join(_tokens(node)).encode())
    return sha.hexdigest()


def _is_unseen(node: ast.stmt, unseen: Set[str]) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name in unseen
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return (bool(names) and len(names) == len(targets) and set(names) <= unseen) or _is_text(node)


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _tokens(node: Any) -> Iterator[str]:
    """A syntax tree as text that is the same in every version of Python, which `ast.dump` and `ast.unparse` are not."""
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            if value is not None and value != [] and name not in ("ctx", "kind", "type_comment"):
                yield f"{name}="
                yield from _tokens(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for child in node:
            if not _is_text(child):
                yield from _tokens(child)
        yield "]"
    else:
        yield f"{type(node).__name__} {node!r};"
