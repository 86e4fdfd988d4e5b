"""A game's `hud` in JavaScript: the one function of a game file that is plain Python, since it makes texts.

Translated are whole numbers, texts, truths and tuples: what such functions are made of. Where a function has more than that
(an array's `sum`, a function of another module), there is no translation, and the page shows the returns instead.
"""

import ast
import json
from dataclasses import dataclass

import numpy as np

from games.engine.loader import Game

INT, FLOAT, TEXT, TRUTH, LIST, NUMBERS = "int", "float", "text", "truth", "list", "numbers"  # kinds of values
COMPARED = {ast.Eq: "===", ast.NotEq: "!==", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
COUNTED = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}


class Untranslatable(Exception):
    """A function has something that is not translated. Its text says what."""


@dataclass(frozen=True)
class Value:
    """An expression in JavaScript and the kind of its value; of NUMBERS also that of their elements."""

    code: str
    kind: str
    element: str = INT


def translate(game: Game) -> str | None:
    """The body of a JavaScript function of `s`, `people` and `py` (its helpers) that returns three texts; None without one."""
    tree = next((node for node in game.tree.body if isinstance(node, ast.FunctionDef) and node.name == "hud"), None)
    if tree is None:
        return None
    try:
        translator = Translator(game, [argument.arg for argument in tree.args.args])
        body = translator.block(tree.body)
        names = ", ".join(value.code for value in translator.local.values())
        return f"let {names}; {body}" if names else body
    except Untranslatable:
        return None


class Translator:
    """Translates one function."""

    def __init__(self, game: Game, parameters: list[str]):
        self.module, self.state = game.module, game.state
        self.s, self.people = parameters[0], parameters[1] if len(parameters) > 1 else None
        self.local: dict[str, Value] = {}

    # --- statements ---

    def block(self, body: list[ast.stmt]) -> str:
        return " ".join(filter(None, map(self.statement, body)))

    def statement(self, node: ast.stmt) -> str:
        match node:
            case ast.Expr(value=ast.Constant()):
                return ""  # a docstring
            case ast.Return(value=ast.expr() as value):
                return f"return {self.value(value).code};"
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                return f"{self.declared(name, self.value(value))} = {self.value(value).code};"
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name), slice=index)], value=value) if name in self.local:
                return f"{self.local[name].code}[{self.value(index).code}] = {self.value(value).code};"
            case ast.AugAssign(target=ast.Name(id=name) as target, op=operator, value=value) if name in self.local:
                sum_ = self.value(ast.BinOp(ast.Name(target.id), operator, value))
                return f"{self.declared(name, sum_)} = {sum_.code};"
            case ast.If(test=test, body=body, orelse=orelse):
                rest = f" else {{ {self.block(orelse)} }}" if orelse else ""
                return f"if ({self.truth(test)}) {{ {self.block(body)} }}{rest}"
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=args), body=body, orelse=[]):
                first, last = ["0", *(self.value(argument).code for argument in args)][-2:] if len(args) < 3 else (None, None)
                if first is not None:
                    k = self.declared(name, Value(f"_{name}", INT))
                    return f"for ({k} = {first}; {k} < {last}; {k}++) {{ {self.block(body)} }}"
        raise Untranslatable(ast.unparse(node))

    def declared(self, name: str, value: Value) -> str:
        """A local variable's name in JavaScript; it is declared in front of all."""
        self.local[name] = Value(f"_{name}", value.kind, value.element)
        return self.local[name].code

    # --- expressions ---

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=constant):
                return self.constant(constant)
            case ast.Name(id=name):
                return self.local[name] if name in self.local else self.constant(getattr(self.module, name, None))
            case ast.Attribute(value=ast.Name(id=self.s), attr=name) if name in (self.state.names or ()):
                return self.field(name)
            case ast.Attribute(value=ast.Name(id=self.people), attr="persons" | "asked" as name):
                return Value(f"people.{name}", NUMBERS, TRUTH)
            case ast.Subscript(value=array, slice=index):
                return self.element(self.value(array), index)
            case ast.JoinedStr(values=parts):
                return Value(f"({' + '.join(map(self.part, parts)) or chr(34) * 2})", TEXT)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                values = [self.value(element) for element in elements]
                return Value(f"[{', '.join(value.code for value in values)}]", LIST, values[0].kind if values else TEXT)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                yes, no = self.value(body), self.value(orelse)
                return Value(
                    f"({self.truth(test)} ? {yes.code} : {no.code})", FLOAT if FLOAT in (yes.kind, no.kind) else yes.kind
                )
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return Value(self.truth(node), TRUTH)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                negative = self.value(operand)
                return Value(f"(-{negative.code})", negative.kind)
            case ast.BinOp(left=left, op=operator, right=right):
                return self.combined(self.value(left), operator, self.value(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.called(name, [self.value(argument) for argument in args])
        raise Untranslatable(ast.unparse(node))

    def constant(self, value: object) -> Value:
        """A constant of the file, or one that a line names."""
        if isinstance(value, bool):
            return Value(str(value).lower(), TRUTH)
        if isinstance(value, int) and abs(value) < 1 << 53:
            return Value(str(value), INT)
        if isinstance(value, float) and np.isfinite(value):
            return Value(repr(value), FLOAT)
        if isinstance(value, str):
            return Value(ascii_text(value), TEXT)
        if isinstance(value, (tuple, list)):
            values = [self.constant(element) for element in value]
            return Value(f"[{', '.join(each.code for each in values)}]", LIST, values[0].kind if values else INT)
        raise Untranslatable(repr(value))

    def field(self, name: str) -> Value:
        """A field of the state; those of two and more axes are not translated."""
        dtype = self.state[name]
        kind = {"f": FLOAT, "i": INT, "u": INT, "b": TRUTH}.get(dtype.base.kind)
        if kind is None or len(dtype.shape) > 1:
            raise Untranslatable(name)
        return Value(f"s.{name}", NUMBERS, kind) if dtype.shape else Value(f"s.{name}", kind)

    def element(self, array: Value, index: ast.expr) -> Value:
        if array.kind not in (NUMBERS, LIST):
            raise Untranslatable(array.code)
        return Value(f"py.at({array.code}, {self.value(index).code})", array.element)

    def part(self, node: ast.expr) -> str:
        """A part of an f-string."""
        match node:
            case ast.Constant(value=str() as text):
                return ascii_text(text)
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self.text(self.value(value))
            case ast.FormattedValue(
                value=value, conversion=-1, format_spec=ast.JoinedStr(values=[ast.Constant(value=str() as spec)])
            ):
                found = self.value(value)
                if found.kind in (INT, FLOAT):
                    return f'py.format({found.code}, {ascii_text(spec)}, "{found.kind}")'
        raise Untranslatable(ast.unparse(node))

    def text(self, value: Value) -> str:
        """`str` of a value."""
        if value.kind in (TEXT, INT):
            return value.code if value.kind == TEXT else f"String({value.code})"
        if value.kind == FLOAT:
            return f"py.text({value.code})"
        raise Untranslatable(value.code)

    def truth(self, node: ast.expr) -> str:
        """A condition."""
        match node:
            case ast.BoolOp(op=operator, values=values):
                return f"({(' && ' if isinstance(operator, ast.And) else ' || ').join(map(self.truth, values))})"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"!({self.truth(operand)})"
            case ast.Compare(left=left, ops=operators, comparators=rights) if all(type(each) in COMPARED for each in operators):
                compared = [self.value(each) for each in (left, *rights)]
                if any(each.kind in (NUMBERS, LIST) for each in compared):
                    raise Untranslatable(ast.unparse(node))
                codes = [f"Number({each.code})" if each.kind == TRUTH else each.code for each in compared]
                pairs = zip(codes, operators, codes[1:], strict=False)
                return f"({' && '.join(f'{a} {COMPARED[type(operator)]} {b}' for a, operator, b in pairs)})"
        value = self.value(node)
        if value.kind in (NUMBERS, LIST):
            raise Untranslatable(value.code)
        return f"Boolean({value.code})"

    def combined(self, left: Value, operator: ast.operator, right: Value) -> Value:
        kinds = {left.kind, right.kind}
        if isinstance(operator, ast.Add) and kinds == {TEXT}:
            return Value(f"({left.code} + {right.code})", TEXT)
        if isinstance(operator, ast.Mult) and kinds == {TEXT, INT}:
            text, count = (left, right) if left.kind == TEXT else (right, left)
            return Value(f"{text.code}.repeat(Math.max({count.code}, 0))", TEXT)
        if not kinds <= {INT, FLOAT, TRUTH}:
            raise Untranslatable(f"{left.code}, {right.code}")
        kind = FLOAT if FLOAT in kinds else INT
        if type(operator) in COUNTED:
            return Value(f"({left.code} {COUNTED[type(operator)]} {right.code})", kind)
        if isinstance(operator, ast.Div):
            return Value(f"({left.code} / {right.code})", FLOAT)
        if isinstance(operator, ast.FloorDiv):
            return Value(f"Math.floor({left.code} / {right.code})", kind)
        if isinstance(operator, ast.Mod):
            return Value(f"py.modulo({left.code}, {right.code})", kind)
        raise Untranslatable(type(operator).__name__)

    def called(self, name: str, values: list[Value]) -> Value:
        codes = ", ".join(value.code for value in values)
        kinds = {value.kind for value in values}
        if name == "str" and len(values) == 1:
            return Value(self.text(values[0]), TEXT)
        if name == "len" and kinds <= {LIST, NUMBERS, TEXT} and len(values) == 1:
            return Value(f"{codes}.length", INT)
        if not kinds <= {INT, FLOAT, TRUTH}:
            raise Untranslatable(name)
        kind = FLOAT if FLOAT in kinds else INT
        if name in ("min", "max") and len(values) > 1:
            return Value(f"Math.{name}({codes})", kind)
        if name == "abs" and len(values) == 1:
            return Value(f"Math.abs({codes})", kind)
        if name == "int" and len(values) == 1:
            return Value(f"Math.trunc({codes})", INT)
        if name == "round" and len(values) == 1:
            return Value(f"py.round({codes})", INT)
        raise Untranslatable(name)


def ascii_text(text: str) -> str:
    r"""A text as JavaScript writes it, in ASCII.

    >>> print(ascii_text("3 ♥"), ascii_text("</script>"))
    "3 \u2665" "\u003c/script>"
    """
    return json.dumps(text).replace("<", "\\u003c")
