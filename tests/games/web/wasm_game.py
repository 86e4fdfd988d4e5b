"""A module run by wasmtime, its arrays as NumPy's: what a page does, in Python."""

import ctypes
import math

import numpy as np
import wasmtime

from games.web.module import arrays_of, compile_game, sight_name
from games.web.wasm import WebModule

TWO = ("fmod", "pow", "atan2", "hypot")  # imported functions of two numbers


class Instance:
    """A linked module at work. `arrays`: by name, views of its memory."""

    def __init__(self, module: WebModule, arrays: dict[str, np.ndarray]):
        self.store = wasmtime.Store()
        compiled = wasmtime.Module(self.store.engine, module.code)
        imported = [self.imported(each.name) for each in compiled.imports]
        self.exports = wasmtime.Instance(self.store, compiled, imported).exports(self.store)
        memory = self.exports["memory"]
        start = ctypes.addressof(memory.data_ptr(self.store).contents)
        data = np.ctypeslib.as_array((ctypes.c_ubyte * memory.data_len(self.store)).from_address(start))
        self.arrays = {}
        for name, array in arrays.items():
            at = self.exports[name].value(self.store)
            self.arrays[name] = data[at : at + array.nbytes].view(array.dtype).reshape(array.shape)
            self.arrays[name][...] = array

    def imported(self, name: str) -> wasmtime.Func:
        number = wasmtime.ValType.f64()
        kind = wasmtime.FuncType([number] * (2 if name in TWO else 1), [number])
        return wasmtime.Func(self.store, kind, getattr(math, name))

    def call(self, name: str) -> None:
        assert self.exports[name](self.store) == 0


class WasmGame(Instance):
    """A game's module, played as a batch of one is."""

    def __init__(self, game, sights=()):
        super().__init__(compile_game(game, sights), arrays_of(game, sights))

    def see(self, seat: int, sight) -> np.ndarray:
        """The newest frame of a seat."""
        self.arrays["row_seat"][0] = seat
        self.call(f"see_{sight_name(sight)}")
        return self.arrays[sight_name(sight)][0, 0]
