"""Compiled loops as WebAssembly: numba's LLVM code of them, aimed at another machine by the LLVM that comes with numba.

A loop is called as numba calls it, with pointers, shapes and strides for each array. So that neither a page nor a test has to
know of that, each entry of a module is a function without parameters: it calls one loop with arrays that lie in the module's
memory at fixed places. Whoever calls it writes its inputs there and reads its outputs there.
"""

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np

from games.core import PLAIN, engine_jit
from games.errors import UserError
from games.web.linker import find_linker, link

TRIPLE = "wasm32-unknown-unknown"
FEATURES = "+bulk-memory,+sign-ext,+nontrapping-fptoint"  # in all browsers since 2021
WIDE = ",+simd128"  # four numbers at once: in all browsers since 2023
# Functions of C's library that a page takes from JavaScript's Math, or from its `%`.
IMPORTED = (
    "fmod", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "expm1", "log", "log1p",
    "log2", "log10", "pow", "hypot", "cbrt",
)  # fmt: skip
IMPORT_SECTION = 2  # its number in a module

MACHINE = re.compile(r'"(?:target-cpu|target-features|tune-cpu|probe-stack)"(?:="[^"]*")?')  # attributes of the machine here
# The arrays of a loop are borrowed and constants are never released, so that references need no counting.
COUNTING = re.compile(r"(define [^\n]*@NRT_(?:incref|decref)\([^\n]*\{\n).*?^\}", re.DOTALL | re.MULTILINE)

# Memory for the copies that numba makes where an array is assigned to another: taken in order, and all free again when none is
# in use.
HEAP = """
@heap_ = global [65536 x i8] zeroinitializer, align 16
@used_ = global i64 0
@live_ = global i64 0
declare void @llvm.trap()

define ptr @NRT_Allocate(i64 %count) {
  %used = load i64, ptr @used_
  %more = add i64 %count, 15
  %size = and i64 %more, -16
  %after = add i64 %used, %size
  %fits = icmp ule i64 %after, 65536
  br i1 %fits, label %take, label %full
full:
  call void @llvm.trap()
  unreachable
take:
  store i64 %after, ptr @used_
  %live = load i64, ptr @live_
  %one = add i64 %live, 1
  store i64 %one, ptr @live_
  %place = getelementptr i8, ptr @heap_, i64 %used
  ret ptr %place
}

define void @NRT_Free(ptr %place) {
  %live = load i64, ptr @live_
  %left = sub i64 %live, 1
  store i64 %left, ptr @live_
  %none = icmp eq i64 %left, 0
  br i1 %none, label %empty, label %done
empty:
  store i64 0, ptr @used_
  br label %done
done:
  ret void
}
"""


@dataclass(frozen=True)
class Entry:
    """A function of a module: a loop, and its arguments."""

    name: str
    loop: Callable[..., Any]  # compiled by numba, or plain Python
    arguments: tuple[int | bool | str, ...]  # a constant, or the name of an array; one of no dimensions is passed by value


@dataclass(frozen=True)
class WebModule:
    """A linked module. It exports `memory`, a function for each entry, and the address of each array, in bytes."""

    code: bytes

    @property
    def imports(self) -> list[str]:
        """The functions that it needs of its `env`, all of them of IMPORTED."""
        return imports_of(self.code)


def compile_module(
    entries: Sequence[Entry], arrays: Mapping[str, np.ndarray], whose: str, folder: Path, is_wide: bool = False
) -> WebModule:
    """Compile entries and link them, or take the module of an earlier time.

    arrays: by name, for their shapes and dtypes alone; all are zeros in the beginning.
    An entry returns 0, or another number where the loop raised an error.
    whose: the game, for messages. folder: of compiled code of these loops as they are now (`games.engine.cache`).
    is_wide: several numbers at once where loops allow it, which needs a newer browser and gives the same results.
    `UserError` for code that no browser can run, and where there is no linker.
    """
    linker = find_linker()
    if PLAIN:
        raise UserError("NUMBA_DISABLE_JIT is set, so nothing is compiled.\nUnset it to make a page.")
    kept = folder / f"{_digest(entries, arrays, is_wide)}.wasm"
    if code := _read_kept(kept):
        return WebModule(code)
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(features=FEATURES + WIDE * is_wide, opt=2)
    exports = [*(entry.name for entry in entries), *arrays]
    module = _linked_code(entries, arrays, machine)
    _optimise(module, machine, exports, is_wide)
    with tempfile.TemporaryDirectory() as place:
        compiled, out = Path(place) / "module.o", Path(place) / "module.wasm"
        compiled.write_bytes(machine.emit_object(module))
        link(linker, compiled, out, exports)
        code = out.read_bytes()
    _check_imports(imports_of(code), whose)
    _keep(kept, code)
    return WebModule(code)


def _linked_code(entries: Sequence[Entry], arrays: Mapping[str, np.ndarray], machine: Any) -> Any:
    """The LLVM code of all entries, their loops and their arrays, not optimised yet."""
    module = _aimed("\n".join(_place(name, array) for name, array in arrays.items()) + HEAP, machine)
    symbols: dict[Any, str] = {}  # of the loops that are in the module, by loop and signature
    for entry in entries:
        key = entry.loop, tuple(_type_of(argument, arrays) for argument in entry.arguments)
        if key not in symbols:
            found = _compiled(*key)
            symbols[key] = found.fndesc.mangled_name
            module.link_in(_aimed(_portable(found.library.get_llvm_str()), machine))
        types = [str(argument.type) for argument in module.get_function(symbols[key]).arguments]
        module.link_in(_aimed(_call(entry, symbols[key], types, arrays), machine))
    return module


def _digest(entries: Sequence[Entry], arrays: Mapping[str, np.ndarray], is_wide: bool) -> str:
    """The name of a module among those of the same loops: by its entries, its arrays, and the files that make it."""
    files = [(Path(__file__).parent / name).read_bytes() for name in ("wasm.py", "linker.py")]
    called = [(entry.name, entry.loop.__name__, entry.arguments) for entry in entries]
    shapes = [(name, array.dtype.str, array.dtype.descr, array.shape) for name, array in arrays.items()]
    return hashlib.sha256(b"".join(files) + repr((called, shapes, is_wide)).encode()).hexdigest()[:16]


def _read_kept(file: Path) -> bytes | None:
    """The module in a file; None if there is none, or it is damaged."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None


def _keep(file: Path, code: bytes) -> None:
    """Keep a module, with its checksum, where there is room."""
    with contextlib.suppress(OSError):
        file.write_bytes(hashlib.sha256(code).digest() + code)


def _compiled(loop: Any, signature: tuple[Any, ...]) -> Any:
    """numba's result for a loop and the types of its arguments; never from numba's cache, which keeps no LLVM code."""
    anew = engine_jit(getattr(loop, "py_func", loop))
    anew.compile(signature)
    return anew.overloads[signature]


def _type_of(argument: int | bool | str, arrays: Mapping[str, np.ndarray]) -> Any:
    """numba's type of an argument."""
    if isinstance(argument, bool):
        return numba.boolean
    if isinstance(argument, int):
        return numba.int64
    array = arrays[argument]
    return numba.typeof(array) if array.ndim else numba.np.numpy_support.from_dtype(array.dtype)


# --- LLVM's text ----------------------------------------------------------------------------------------------------


def _portable(text: str) -> str:
    """LLVM code without what belongs to the machine here."""
    text = COUNTING.sub(r"\1  ret void\n}", MACHINE.sub("", text))
    return re.sub(r"^(@\S+ = )common ", r"\1weak ", text, flags=re.MULTILINE)  # WebAssembly knows no common symbols


def _place(name: str, array: np.ndarray) -> str:
    """The memory of an array."""
    return f"@{name} = global [{array.nbytes} x i8] zeroinitializer, align 16"


def _call(entry: Entry, symbol: str, types: Sequence[str], arrays: Mapping[str, np.ndarray]) -> str:
    """A function without parameters that calls a loop.

    types: of the loop's parameters in LLVM: where the result goes, where an error goes, then those of each argument.
    """
    values, loads, used = ["@result_", "@error_"], [], set()
    for argument in entry.arguments:
        if not isinstance(argument, str):
            values.append(str(int(argument)))
            continue
        array = arrays[argument]
        used.add(argument)
        if not array.ndim:
            loads.append(f"  %{argument} = load {types[len(values)]}, ptr @{argument}")
            values.append(f"%{argument}")
            continue
        # numba's array: owner and parent, of which a borrowed one has none; items, bytes of one, place; shape and strides
        values += ["null", "null", str(array.size), str(array.itemsize), f"@{argument}"]
        values += [str(number) for number in (*array.shape, *array.strides)]
    given = ", ".join(f"{kind} {value}" for kind, value in zip(types, values, strict=True))
    lines = [f"@{name} = external global i8" for name in sorted(used)]
    lines += [f"@{name} = weak global [16 x i8] zeroinitializer, align 16" for name in ("result_", "error_")]
    lines += [f"declare i32 @{_quoted(symbol)}({', '.join(types)})", f"define i32 @{entry.name}() {{", *loads]
    return "\n".join([*lines, f"  %status = call i32 @{_quoted(symbol)}({given})", "  ret i32 %status", "}"])


def _quoted(symbol: str) -> str:
    return f'"{symbol}"'


def _aimed(text: str, machine: Any) -> Any:
    """LLVM code as a module for WebAssembly."""
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = TRIPLE, str(machine.target_data)
    return module


def _optimise(module: Any, machine: Any, exports: Sequence[str], is_wide: bool) -> None:
    """Optimise, all but the exports being the module's alone; what nothing uses goes."""
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name not in exports:
            value.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.slp_vectorization = options.loop_unrolling = False  # it would only be larger
    options.loop_vectorization = is_wide
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def imports_of(code: bytes) -> list[str]:
    """The names that a module imports. Only the linked module has them all: LLVM calls `fmod` where its code says `frem`.

    >>> imports_of(bytes.fromhex("0061736d 01000000 0104 01 600000 020b 01 03656e76 0366756e 0000"))
    ['fun']
    """
    reader = _Reader(code)
    reader.at = 8  # the signature and the version
    while reader.at < len(code):
        section, size = reader.take(1)[0], reader.number()
        if section != IMPORT_SECTION:
            reader.take(size)
            continue
        found = []
        for _ in range(reader.number()):
            reader.take(reader.number())  # the module that has it: always `env`
            found.append(reader.take(reader.number()).decode())
            reader.take(1)  # its kind: a function
            reader.number()  # its type
        return found
    return []


class _Reader:
    """Reads a module's bytes from the front."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        """An unsigned integer in seven bits a byte (LEB128)."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def _check_imports(imports: Sequence[str], whose: str) -> None:
    """`UserError` for a function that no page can give the module."""
    for name in imports:
        if name.startswith("NRT_"):
            raise UserError(
                f"{whose} cannot go into a page: its compiled code makes new arrays (np.zeros, or a sum of arrays).\n"
                "Keep them as fields of STATE, and write loops over them."
            )
        if name not in IMPORTED:
            raise UserError(f"{whose} cannot go into a page: its compiled code calls {name}, which a browser does not have.")
