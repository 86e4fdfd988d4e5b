"""What `games.engine.precompile` compiles in another process is what `Batch` and `View` then use here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from games.engine import precompile
from games.engine.batch import Batch
from games.engine.loader import COMPILING
from games.engine.view import View
from games.errors import UserError

ROOT = Path(__file__).parents[3]
TALLY = (Path(__file__).parents[1] / "tally.py").read_text("utf-8")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("observation", ["pixels", "objects"])
def test_what_was_compiled_ahead_is_not_compiled_again(make_game, cache, monkeypatch, observation):
    game = make_game(TALLY, f"tally_{observation}")
    monkeypatch.setenv("SPARRING_CACHE", str(cache))
    loops = ("step_slice", f"{observation}_slice")
    assert precompile.compile_in_background(game, *loops)
    batch = Batch(game, 3, threads=2)
    View(batch, [(0, 0), (1, 0), (2, 0)], observation, size=12, stack=2).observe()
    batch.close()
    for loop in loops:
        stats = getattr(game.kernel, loop).stats
        assert (len(stats.cache_hits), len(stats.cache_misses)) == (1, 0), loop
    assert not precompile.compile_in_background(game, *loops)


def test_what_is_being_compiled_is_not_begun_again_and_can_be_waited_for(make_game, cache, monkeypatch):
    game = make_game(TALLY, "tally_twice")
    monkeypatch.setenv("SPARRING_CACHE", str(cache))
    assert precompile.compile_in_background(game, "step_slice")
    assert precompile.compile_in_background(game, "step_slice")  # it is not there yet
    assert len(precompile.RUNNING[game.path]) == 1
    precompile.wait(game)
    assert game.is_compiled("step_slice")


def test_what_does_not_compile_there_is_told_here(make_game, cache, monkeypatch):
    game = make_game(TALLY.replace("rewards[seat] += actions[seat]", "rewards[seat] += actions"), "wrong")
    monkeypatch.setenv("SPARRING_CACHE", str(cache))
    assert precompile.compile_in_background(game, "step_slice")
    with pytest.raises(UserError, match=r"wrong\.py"):
        Batch(game, 1)
    assert (game.path, "step_slice") not in COMPILING


def test_a_folder_called_games_where_one_stands_is_not_taken_for_ours(make_game, cache, monkeypatch, tmp_path):
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "__init__.py").write_text("raise SystemExit(1)", "utf-8")
    monkeypatch.chdir(tmp_path)
    game = make_game(TALLY, "tally_elsewhere")
    monkeypatch.setenv("SPARRING_CACHE", str(cache))
    assert precompile.compile_in_background(game, "step_slice")
    assert COMPILING[game.path, "step_slice"]() == 0
    assert game.is_compiled("step_slice")


def test_nobody_compiles_on_when_the_caller_has_ended(cache, tmp_path):
    path = tmp_path / "tally.py"
    path.write_text(TALLY, "utf-8")
    code = (
        "import sys, games\nfrom games.engine import precompile\nfrom games.engine.loader import COMPILING\n"
        "precompile.compile_in_background(games.load(sys.argv[1]), 'step_slice')\n"
        "print([wait.__self__.pid for wait in COMPILING.values()][0])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
    assert not any(cache.rglob("*.nbc"))


def test_one_process_may_compile_several_loops_and_ends_when_it_is_cancelled(make_game, cache, monkeypatch):
    game = make_game(TALLY, "tally_together")
    monkeypatch.setenv("SPARRING_CACHE", str(cache))
    loops = ("frame_slice", "mask_slice")
    assert precompile.compile_in_background(game, loops)
    assert COMPILING[game.path, "frame_slice"]() == COMPILING[game.path, "mask_slice"]() == 0
    assert game.is_compiled(*loops)
    assert precompile.compile_in_background(game, "step_slice")
    wait, [*_, process] = COMPILING[game.path, "step_slice"], precompile.RUNNING[game.path]
    precompile.cancel(game)
    assert process.poll() is not None
    with pytest.raises(precompile.Cancelled):
        wait()
