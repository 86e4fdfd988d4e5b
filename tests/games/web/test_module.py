"""A game's module moves, sees and ends as the batch does in Python, byte for byte; run by wasmtime."""

from pathlib import Path

import numpy as np
import pytest

import games
from games import core
from games.engine.batch import Batch
from games.engine.view import View
from games.errors import UserError
from games.web import linker
from games.web.module import sight_of
from games.web.wasm import Entry, compile_module
from tests.games.web.wasm_game import Instance, WasmGame

PIXELS = sight_of("pixels", 30)
BOTS = (0.5, 1.0)
TOYS = sorted((Path(__file__).parents[2] / "toys").glob("*.py"))


@pytest.fixture(scope="module")
def pong():
    return games.load("pong")


def started(game, seed, *sights):
    """A batch of one and a module, both at the beginning of the same episode, played by bots."""
    batch, wasm = Batch(game, 1, seed, bots=[BOTS[: game.players]]), WasmGame(game, sights)
    batch.reset(0, max_ticks=0)
    wasm.arrays["seed"][...], wasm.arrays["slots"]["bot"][0] = seed, BOTS[: game.players]
    wasm.call("begin")
    return batch, wasm


def test_two_thousand_ticks_of_pong_are_the_same_bytes_as_in_python(pong):
    batch, wasm = started(pong, 5, PIXELS)
    moved = set()
    for tick in range(2000):
        assert wasm.arrays["states"].tobytes() == batch.states.tobytes(), f"the states differ after {tick} ticks"
        assert wasm.arrays["slots"].tobytes() == batch.slots.tobytes(), f"the slots differ after {tick} ticks"
        moved.add(batch.states.tobytes())
        batch.step(np.zeros((1, 2), np.int64), max_ticks=0)
        wasm.call("step")
    assert len(moved) > 1900  # a game that stands still would prove nothing


@pytest.mark.slow
@pytest.mark.parametrize("game", [*games.names(), *TOYS], ids=str)
def test_every_game_is_the_same_bytes_and_pictures_as_in_python(game):
    game = games.load(game)
    sights = [sight_of("pixels", 30), sight_of("planes", 21), sight_of("objects", 8)]
    try:
        batch, wasm = started(game, 6, *sights)
    except UserError as error:
        pytest.skip(str(error).splitlines()[0])
    views = [[View(batch, [(0, seat)], *sight, 1) for sight in sights] for seat in range(game.players)]
    for tick in range(3000):
        assert wasm.arrays["states"].tobytes() == batch.states.tobytes(), f"the states differ after {tick} ticks"
        for seat in range(game.players if tick % 10 == 0 else 0):
            for sight, view in zip(sights, views[seat], strict=True):
                seen = view.paint(batch.states, np.array([0]), np.array([seat]))[0]
                assert (wasm.see(seat, sight) == seen).all(), f"{sight} of seat {seat} differs after {tick} ticks"
        batch.step(np.zeros((1, game.players), np.int64), max_ticks=0)
        wasm.call("step")


def test_an_end_is_told_as_in_python(pong):
    batch, wasm = started(pong, 1, PIXELS)
    while not batch.end[0]:
        batch.step(np.zeros((1, 2), np.int64), max_ticks=0)
        wasm.call("step")
    for name in ("end", "final", "returns", "ticks", "states"):
        assert wasm.arrays[name].tobytes() == getattr(batch, name).tobytes(), name
    frames = np.zeros(2, pong.frame_dtype())
    for frame, states in zip(frames, (batch.final, batch.states), strict=True):
        batch.kernel.frame_slice(0, 1, states, np.array([0]), np.array([0]), frame.reshape(1), 1)
    assert frames[0].tobytes() != frames[1].tobytes()
    wasm.call("draw_end")
    assert wasm.arrays["frames"].tobytes() == frames[0].tobytes()


def test_what_seats_see_is_the_same_in_python(pong):
    batch, wasm = started(pong, 2, PIXELS)
    view = View(batch, [(0, 0), (0, 1)], *PIXELS, 1)
    for _ in range(100):
        for seat in range(2):
            seen = view.paint(batch.states, np.array([0]), np.array([seat]))[0]
            assert seen.any() and (wasm.see(seat, PIXELS) == seen).all()
        for _ in range(7):
            batch.step(np.zeros((1, 2), np.int64), max_ticks=0)
            wasm.call("step")


def test_display_list_and_mask_are_the_same_in_python(pong):
    batch, wasm = started(pong, 3, PIXELS)
    frames, mask = np.zeros(1, pong.frame_dtype()), np.zeros((1, 3), np.uint8)
    row = np.array([0])
    for seat in (-1, 0, 1):
        wasm.arrays["row_seat"][0] = seat
        wasm.call("draw")
        batch.kernel.frame_slice(0, 1, batch.states, row, np.array([seat]), frames, 1)
        assert frames["count"][0] and wasm.arrays["frames"].tobytes() == frames.tobytes()
    wasm.arrays["slots"]["asked"] = batch.asked[...] = [[1, 0]]
    for seat in (0, 1):
        wasm.arrays["row_seat"][0] = seat
        wasm.call("legal")
        batch.kernel.mask_slice(0, 1, batch.states, batch.slots, row, np.array([seat]), mask)
        assert mask.any() == (seat == 0) and (wasm.arrays["mask"] == mask).all()


# --- the tool by itself -------------------------------------------------------------------------------------------


def scaled(count, numbers, factor, out):
    for k in range(count):
        out[k] = numbers[k] % 3.0 * factor


def test_a_loop_is_called_with_arrays_in_memory_and_numbers_by_value(tmp_path):
    arrays = {"numbers": np.array([1.0, -5.5, 10.0]), "factor": np.array(2.5), "out": np.zeros(3)}
    module = compile_module([Entry("go", scaled, (3, "numbers", "factor", "out"))], arrays, "it", tmp_path)
    instance = Instance(module, arrays)
    instance.call("go")
    assert module.imports == ["fmod"]
    assert instance.arrays["out"].tolist() == [2.5, 1.25, 2.5]  # the remainder has the sign of 3, as in Python


def test_a_module_is_kept_and_one_that_is_damaged_is_made_anew(tmp_path):
    arrays = {"numbers": np.ones(1), "factor": np.array(2.0), "out": np.zeros(1)}
    entries = [Entry("go", scaled, (1, "numbers", "factor", "out"))]
    code = compile_module(entries, arrays, "it", tmp_path).code
    (kept,) = tmp_path.iterdir()
    damaged = bytearray(kept.read_bytes())
    damaged[-1] ^= 1
    kept.write_bytes(damaged)
    assert compile_module(entries, arrays, "it", tmp_path).code == code


@core.jit
def sums(count):
    return np.arange(count).sum()


def makes_arrays(out):
    out[0] = sums(3)


@core.jit
def copied(numbers, out):
    out[:] = numbers


def copies(numbers, out):
    copied(numbers, out)


def test_arrays_are_copied_as_often_as_one_likes(tmp_path):
    arrays = {"numbers": np.arange(1000.0), "out": np.zeros(1000)}
    instance = Instance(compile_module([Entry("go", copies, ("numbers", "out"))], arrays, "it", tmp_path), arrays)
    for k in range(100):
        instance.arrays["numbers"] += k
        instance.call("go")
    assert (instance.arrays["out"] == instance.arrays["numbers"]).all()


def prints(out):
    print(out[0])


def test_code_that_no_browser_runs_is_refused_in_words(tmp_path):
    arrays = {"out": np.zeros(1)}
    with pytest.raises(UserError, match=r"my_game cannot go into a page: its compiled code makes new arrays"):
        compile_module([Entry("go", makes_arrays, ("out",))], arrays, "my_game", tmp_path)
    with pytest.raises(UserError, match=r"my_game cannot go into a page: its compiled code calls"):
        compile_module([Entry("go", prints, ("out",))], arrays, "my_game", tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_a_linker_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(linker.shutil, "which", lambda name: None)
    monkeypatch.setattr(linker.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"no linker for WebAssembly.*\n.*pip install ziglang"):
        compile_module([], {}, "it", tmp_path)


@pytest.mark.parametrize("which", [["wasm-ld"], ["wasm-ld-19"], []])
def test_the_linker_is_found(which, monkeypatch):
    monkeypatch.setattr(linker.shutil, "which", lambda name: f"/bin/{name}" if name in which else None)
    monkeypatch.setattr(linker.importlib.util, "find_spec", lambda name: name == "ziglang")
    found = linker.find_linker()
    assert found == [f"/bin/{which[0]}"] if which else found[1:] == ["-m", "ziglang", "wasm-ld"]
