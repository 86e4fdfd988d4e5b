"""A game file: what is said where it breaks its contract, and a cache of compiled games that is never stale."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import games
from games import game as loader
from games.batch import Batch
from games.errors import UserError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RACE = (HERE / "race.py").read_text("utf-8")


@pytest.mark.parametrize(
    "old, new, said",
    [
        *[(rf"(?m)^{name} = .*$", "", f"{name} is missing") for name in ("PLAYERS", "ACTIONS", "MAX_TICKS", "VERSION", "MARK")],
        (r"def bot\(", "def robot(", "the function bot is missing"),
        (r"PLAYERS = 2", "PLAYERS = 3", "PLAYERS is 3; it must be 1 or 2"),
        (r"    \*COMMON,", '    ("rng", "u8"),', r"STATE must begin with \*COMMON"),
        (r'"f8", \(2,\)', '"f4", (2,)', "f4 field; use f8"),
        (r'\("flag", "f8"\)', '("flag", "?")', "boolean field; use u1"),
        (r"SHAPES = 5", "SHAPES = 5000", "SHAPES must be from 0 to 4096"),
        (r"SHAPES = 5", 'SHAPES = 5\nMIRROR = (("left", "rihgt"),)', "MIRROR names .*rihgt.*, which ACTIONS does not have"),
        (r'"a": "left"', '"a": "lfet"', "KEYS names the action 'lfet', which ACTIONS does not have"),
        (r', \{"left": "left", "right": "right"\}\)', ",)", "KEYS holds 1 dicts"),
        (r'RECIPE = \{"ppo": \{\}\}', "RECIPE = {}", "RECIPE needs one algorithm"),
        (r"@jit\ndef step", "def step", "the function step lacks its @jit"),
        (r"SPEED = 0.5", "SPEED = 0.5 +", "does not load: SyntaxError"),
        (r"SPEED = 0.5", "SPEED = FAST", "does not load: NameError: name 'FAST'"),
    ],
)
def test_a_broken_contract_is_said_in_plain_words(make_game, old, new, said):
    text = re.sub(old, new, RACE)
    assert text != RACE
    with pytest.raises(UserError, match=said):
        make_game(text)


def test_a_misspelt_game_names_the_nearest():
    with pytest.raises(UserError, match=r"There is no game 'pnog'.\nDid you mean 'pong'\?"):
        games.load("pnog")


def test_a_game_of_ones_own_is_loaded_by_its_path(tmp_path):
    (tmp_path / "my_race.py").write_text(RACE, encoding="utf-8")
    game = games.load(str(tmp_path / "my_race.py"))
    assert (game.name, game.title, game.heading, game.env_id) == ("my_race", "MyRace", "My Race", "Sparring/MyRace-v1")
    assert not game.shipped
    with pytest.raises(UserError, match=r"There is no game file .*nowhere\.py"):
        games.load(tmp_path / "nowhere.py")
    (tmp_path / "My-Race.py").write_text(RACE, encoding="utf-8")
    with pytest.raises(UserError, match=r"named in lower case, like my_game\.py"):
        games.load(tmp_path / "My-Race.py")


def test_every_shipped_game_keeps_the_contract():
    assert {"pong", "breakout", "connect_four"} <= set(games.names())
    for name in games.names():
        game = games.load(name)
        assert game.shipped
        assert len(game.doc.splitlines()) >= 3


# --- the cache ------------------------------------------------------------------------------------------------------

LINE = """\"\"\"Walks by so much a tick.
Reward: where it stands.
End: never.
\"\"\"

import numpy as np

from games.core import COMMON, ME, jit, rect
{imports}
PLAYERS = 1
ACTIONS = ["stay"]
KEYS = ({{}},)
MAX_TICKS = 100
SHAPES = 1
VERSION = 1
MARK = ("bot", 1.0)
RECIPE = {{"ppo": {{}}}}
{more}
STATE = np.dtype([*COMMON, ("place", "f8")])


@jit
def reset(s):
    s.place = 0.0


@jit
def step(s, actions, rewards):
    s.place += {pace}
    rewards[0] += s.place


@jit
def bot(s, seat, skill):
    return 0


@jit
def draw(s, f, seat):
    rect(f, s.place, 0.0, 1.0, 1.0, ME)
"""

WALK = "import sys, numpy as np, games; from games.batch import Batch; b = Batch(games.load(sys.argv[1]), 1, frame_skip=1);"
WALK += "b.step(np.zeros((1, 1), int)); print(b.states['place'][0], len(b.kernel.step_slice.stats.cache_hits))"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPARRING_CACHE", str(folder))
    return folder


def walk(path):
    """Where it stands after a tick in a new process, and whether it was compiled before."""
    done = subprocess.run([sys.executable, "-c", WALK, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    x, hits = done.stdout.split()
    return float(x), int(hits) > 0


def test_a_compiled_game_is_kept_and_never_stale(cache, tmp_path):
    """Compiled once, used in the next process, also from another place; compiled anew once its file has changed."""
    path = tmp_path / "walk.py"
    path.write_text(LINE.format(imports="", more="", pace="1.0"), encoding="utf-8")
    assert walk(path) == (1.0, False)
    assert walk(path) == (1.0, True)
    (tmp_path / "moved").mkdir()
    moved = tmp_path / "moved" / "walk.py"
    moved.write_text(path.read_text("utf-8"), encoding="utf-8")
    assert walk(moved) == (1.0, True)
    path.write_text(LINE.format(imports="", more="", pace="2.0"), encoding="utf-8")
    assert walk(path) == (2.0, False)
    path.write_text(LINE.format(imports="", more="", pace="1.0"), encoding="utf-8")
    assert walk(path) == (1.0, True), "the older one is still there"


@pytest.mark.parametrize("how", ["import helper_of_walk", "from helper_of_walk import pace"])
def test_a_change_in_a_file_that_the_game_imports_is_seen(cache, tmp_path, monkeypatch, how):
    """numba itself serves the old game here."""
    helper = tmp_path / "helper_of_walk.py"
    text = "from games.core import jit\n\n\n@jit\ndef pace():\n    return {}\n"
    helper.write_text(text.format("1.0"), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "walk.py"
    called = "helper_of_walk.pace()" if how.startswith("import") else "pace()"
    path.write_text(LINE.format(imports=how + "\n", more="", pace=called), encoding="utf-8")
    assert walk(path) == (1.0, False)
    assert walk(path) == (1.0, True)
    helper.write_text(text.format("3.0"), encoding="utf-8")
    assert walk(path) == (3.0, False)


def test_a_file_that_changes_after_it_was_imported_leaves_nothing_stale(cache, tmp_path, monkeypatch):
    """Compiled is what was imported; it is not kept under the name of what the file says now."""
    helper = tmp_path / "helper_of_walk.py"
    text = "from games.core import jit\n\n\n@jit\ndef pace():\n    return {}\n"
    helper.write_text(text.format("1.0"), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "walk.py"
    imports = "from helper_of_walk import pace\n"
    path.write_text(LINE.format(imports=imports, more="", pace="pace()"), encoding="utf-8")
    edit = f"from pathlib import Path; Path({str(helper)!r}).write_text({text.format('3.0')!r}, encoding='utf-8');"
    program = WALK.replace("b = Batch(games.load(sys.argv[1])", f"g = games.load(sys.argv[1]); {edit} b = Batch(g")
    done = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "1.0"
    assert walk(path) == (3.0, False)


def test_an_edited_game_is_loaded_anew_in_the_same_process(cache, tmp_path):
    path = tmp_path / "walk.py"
    for pace in (1.0, 2.0):
        path.write_text(LINE.format(imports="", more="", pace=pace), encoding="utf-8")
        batch = Batch(games.load(path), 1, frame_skip=1)
        batch.step(np.zeros((1, 1), int))
        assert batch.states["place"][0] == pace


def test_old_compiled_versions_are_pruned(cache, tmp_path):
    path = tmp_path / "walk.py"
    other = cache / "walker-0123456789abcdef"
    other.mkdir(parents=True)
    for pace in range(loader.CACHED_VERSIONS + 3):
        path.write_text(LINE.format(imports="", more="", pace=float(pace)), encoding="utf-8")
        games.load(path).kernel.step_slice  # noqa: B018  (loaded, not compiled)
    assert len(list(cache.glob("walk-*"))) == loader.CACHED_VERSIONS
    assert other.exists(), "another game's"


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    monkeypatch.setenv("SPARRING_CACHE", str(blocked / "cache"))
    path = tmp_path / "walk.py"
    path.write_text(LINE.format(imports="", more="", pace="1.0"), encoding="utf-8")
    batch = Batch(games.load(path), 1, frame_skip=1)
    batch.step(np.zeros((1, 1), int))
    assert batch.states["place"][0] == 1.0


def test_each_kernel_has_the_functions_of_its_own_game():
    pong, race = games.load("pong"), games.load(HERE / "race.py")
    assert pong.kernel is not race.kernel
    assert pong.kernel.step is pong.functions["step"]
    assert race.kernel.step is race.functions["step"]
