"""A game's module run by wasmtime, its arrays as NumPy's: what a page does, in Python."""

import ctypes
import math

import numpy as np
import wasmtime

from games.web.module import arrays_of, compile_game, sight_name
from games.web.wasm import WebModule


class Instance:
    """A linked module at work. `arrays`: by name, views of its memory."""

    def __init__(self, module: WebModule, arrays: dict[str, np.ndarray]):
        store = wasmtime.Store()
        kinds = {name: [wasmtime.ValType.f64()] * (2 if name in ("fmod", "pow", "atan2", "hypot") else 1) for name in module.imports}
        functions = [
            wasmtime.Func(store, wasmtime.FuncType(kind, [wasmtime.ValType.f64()]), getattr(math, name))
            for name, kind in kinds.items()
        ]  # fmt: skip
        compiled = wasmtime.Module(store.engine, module.code)
        order = [list(module.imports).index(each.name) for each in compiled.imports]
        self.store = store
        self.exports = wasmtime.Instance(store, compiled, [functions[k] for k in order]).exports(store)
        memory = self.exports["memory"]
        bytes_ = np.ctypeslib.as_array((ctypes.c_ubyte * memory.data_len(store)).from_address(ctypes.addressof(memory.data_ptr(store).contents)))
        self.arrays = {}
        for name, array in arrays.items():
            at = self.exports[name].value(store)
            self.arrays[name] = bytes_[at : at + array.nbytes].view(array.dtype).reshape(array.shape)
            self.arrays[name][...] = array

    def call(self, name: str) -> None:
        assert self.exports[name](self.store) == 0


class WasmGame(Instance):
    """A game's module, played as a batch of one is."""

    def __init__(self, game, sights=()):
        super().__init__(compile_game(game, sights), arrays_of(game, sights))
        self.game = game

    def see(self, seat: int, sight) -> np.ndarray:
        self.arrays["row_seat"][0] = seat
        self.call(f"see_{sight_name(sight)}")
        return self.arrays[sight_name(sight)][0, 0]
