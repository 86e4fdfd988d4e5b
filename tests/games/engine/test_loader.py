"""A game file: what is said where it breaks its contract, and a cache of compiled games that is never stale."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import games
from games.engine import loader
from games.engine.batch import Batch
from games.engine.cache import KEPT_VERSIONS
from games.errors import UserError
from tests.games import gates_as_data

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]
RACE = (HERE / "race.py").read_text("utf-8")


@pytest.mark.parametrize(
    "old, new, said",
    [
        *[(rf"(?m)^{name} = .*$", "", f"{name} is missing") for name in ("PLAYERS", "ACTIONS", "MAX_TICKS", "VERSION", "MARK")],
        (r"def bot\(", "def robot(", "the function bot is missing"),
        (r"PLAYERS = 2", "PLAYERS = 3", "PLAYERS is 3; it must be 1 or 2"),
        (
            r"PLAYERS = 2",
            'PLAYERS = 2\nREWARDS = "sharde"',
            r'REWARDS is \'sharde\'; .* one of "zero-sum", "shared", "own".* mean \'shared\'\?',
        ),
        (r"PLAYERS = 2", "PLAYERS = 2\nREWARDS = (1.0, 0.5)", r"REWARDS is \(1.0, 0.5\); it must be one of"),
        (
            r"PLAYERS = 2",
            'PLAYERS = 1\nREWARDS = "own"',
            "of two seats are related, and this game has one: leave it out",
        ),
        (r"    \*COMMON,", '    ("rng", "u8"),', r"STATE must begin with \*COMMON"),
        (r'"f8", \(2,\)', '"f4", (2,)', "f4 field; use f8"),
        (r'\("flag", "f8"\)', '("flag", "?")', "boolean field; use u1"),
        (r'\("flag", "f8"\)', '("flag", "U8")', "field 'flag' holds text; a field is a number"),
        (r'\("flag", "f8"\)', '("flag", "O")', "field 'flag' holds Python objects; a field is"),
        (r"SHAPES = 5", "SHAPES = 5000", "SHAPES must be from 0 to 4096"),
        (r"SHAPES = 5", "SHAPES = 5\nWORLD_SIZE = (168.0, 42.0)", r"WORLD_SIZE is \(168.0, 42.0\); it must be a width and"),
        (
            r"SHAPES = 5",
            "SHAPES = 5\nWORLD_SIZE = 168.0",
            "WORLD_SIZE is 168.0; it must be a width and a height from 84 to 8400",
        ),
        (
            r"SHAPES = 5",
            "SHAPES = 5\nGRID = (0, 12)",
            r"GRID must be the numbers of rows and columns, 1 to 400 each, as \(21, 14\); it is \(0, 12\)",
        ),
        (r"SHAPES = 5", 'SHAPES = 5\nMIRROR = (("left", "rihgt"),)', r"MIRROR names 'rihgt', .* have. Did you mean 'right'\?"),
        (r'"a": "left"', '"a": "lfet"', r"KEYS names the action 'lfet', .* have. Did you mean 'left'\?"),
        (r', \{"left": "left", "right": "right"\}\)', ",)", "KEYS holds 1 dict; it needs"),
        (r'RECIPE = \{"ppo": \{\}\}', "RECIPE = {}", "RECIPE needs one algorithm"),
        (r'RECIPE = \{"ppo": \{\}\}', 'RECIPE = ["ppo"]', "RECIPE needs one algorithm"),
        (r"STATE = np.dtype\((?s:.*?)\]\)", "STATE = [*COMMON]", r"STATE must begin with \*COMMON"),
        (r"MAX_TICKS = 600", "MAX_TICKS = 600.0", "MAX_TICKS is 600.0; it must be a whole number"),
        (r"ACTIONS = .*", 'ACTIONS = "stay"', "ACTIONS must be a list of names"),
        (r"SHAPES = 5", 'SHAPES = 5\nMIRROR = ("left", "right")', "MIRROR must hold pairs of actions"),
        (r"KEYS = .*", 'KEYS = {"a": "left"}', "KEYS must hold a dict for each seat"),
        (r"MARK = .*", "MARK = 0.9", "MARK must be an opponent and a score"),
        (r"MARK = .*", 'MARK = ("bot", "90 %")', "MARK's score is '90 %'; it must be a number"),
    ],
)
def test_a_broken_contract_is_said_in_plain_words(make_game, old, new, said):
    text = re.sub(old, new, RACE)
    assert text != RACE
    with pytest.raises(UserError, match=said):
        make_game(text)


def test_a_game_for_two_is_zero_sum_unless_rewards_says_more(make_game):
    """A word of its own makes it another game, whose agents are other agents."""
    texts = ["", 'REWARDS = "zero-sum"\n', 'REWARDS = "shared"\n', 'REWARDS = "own"\n']
    made = [make_game(RACE.replace("PLAYERS = 2\n", f"PLAYERS = 2\n{text}")) for text in texts]
    assert [game.rewards for game in made] == ["zero-sum", "zero-sum", "shared", "own"]
    assert [game.competitive for game in made] == [True, True, False, False]
    assert len({game.digest for game in made}) == 4
    assert not games.load("breakout").competitive


@pytest.mark.parametrize(
    "old, new, said",
    [
        (r"(?m)^LEVEL = .*$", "", "LEVEL is missing: LEVEL, from_level and to_level go together, and from_level is there"),
        (r"def to_level\(", "def into_level(", "to_level is missing: LEVEL, from_level and to_level go together"),
        (r"(?s)@jit\ndef build.*?\n\n\n", "", "LEVEL needs the function build"),
        (r"(?m)^LEVEL = .*$", "LEVEL = 5", "LEVEL must be a NumPy dtype with fields"),
        (r"(?m)^LEVEL = .*$", 'LEVEL = np.dtype("u1")', "LEVEL must be a NumPy dtype with fields"),
        (r"(?m)^LEVEL = .*$", 'LEVEL = np.dtype([("gate", "O")])', "LEVEL's field 'gate' holds Python objects"),
        (r"(?m)^LEVEL = .*$", 'LEVEL = np.dtype([("gate", "?", (16,))])', "LEVEL's field 'gate' is a boolean field; use u1"),
        (r"@jit\ndef from_level", "def from_level", "the function from_level lacks its @jit"),
        (r"level\.gate", "level.gaet", r"line \d+: LEVEL has no field 'gaet'. Did you mean 'gate'\?"),
        (r"def to_level\(s, level\)", "def to_level(s)", r"to_level must take 2 arguments: to_level\(s, level\)"),
    ],
)
def test_a_level_as_data_that_is_not_whole_is_said_in_plain_words(make_game, old, new, said):
    whole = RACE + gates_as_data.TEXT
    text = re.sub(old, new, whole)
    assert text != whole
    with pytest.raises(UserError, match=said):
        make_game(text)


MISTAKES = [
    (r"SPEED = 0.5", "SPEED = 0.5 +", "line 19 is not Python: invalid syntax."),
    (r"SPEED = 0.5", "SPEED = FAST", "line 19 does not load: NameError: name 'FAST' is not defined."),
    (r"SPEED = 0.5", "SPEED = 0.5\nPACE = SPEDE", "name 'SPEDE' is not defined. Did you mean 'SPEED'?"),
    (r"GOAL, ME, OTHER", "GAOL, ME, OTHER", "line 8: games.core has no 'GAOL'. Did you mean 'GOAL'?"),
    (r"@jit\ndef step", "def step", "line 49: the function step lacks its @jit."),
    (r"def step\(s, actions, rewards\)", "def step(s, actions)", "step must take 3 arguments: step(s, actions, rewards)."),
    (
        r"SPEED \* move",
        "SPEED * np.random.random()",
        "line 53: step uses np.random: the same seed would not give the same game.",
    ),
    (
        r"import numpy as np((?s:.*))20\.0 \* uniform\(s\)",
        r"import random\n\nimport numpy as np\g<1>20.0 * random.random()",
        "line 47: reset uses random.random: the same seed would not give the same game.\n"
        "Use uniform(s), in bot noise(s, seat, k).",
    ),
    (r"s\.flag = 32", "s.z = 32", "line 45: STATE has no field 'z'."),
    (r"s\.flag = 32", "s.xx = 32", "line 45: STATE has no field 'xx'. Did you mean 'x'?"),
    (r"SPEED \* move", "SPEED * moves", "line 53: step uses 'moves', which is defined nowhere. Did you mean 'move'?"),
    (r"2\.0, OTHER\)", "2.0, OTHRE)", "line 83: draw uses 'OTHRE', which is defined nowhere. Did you mean 'OTHER'?"),
    (
        r"2\.0, OTHER\)",
        "2.0, DANGER)",
        "draw uses 'DANGER', which is defined nowhere.\nImport it: from games.core import DANGER",
    ),
    (r"s\.flag = 32", "s.flga = 32", "line 45: STATE has no field 'flga'. Did you mean 'flag'?"),
    (r"str\(s\.paces\[0\]\)", "str(s.pace[0])", "line 87: STATE has no field 'pace'. Did you mean 'paces'?"),
    (
        r"disc\(f, s\.x\[mine\], 40\.0, 2\.0, ME\)",
        "disc(f, 40.0, 2.0, ME)",
        "draw gives disc 4 arguments; it is disc(f, x, y, radius, role).",
    ),
    (r"s\.paces\[seat\] \+= abs\(move\)", "s.paces[seat] += np.asb(move)", "line 54: numpy has no 'asb'. Did you mean 'abs'?"),
    (
        r"SPEED \* move",
        "SPEED * [0.5, move][0]",
        "line 53: step makes a list; compiled functions have numbers, tuples and arrays.",
    ),
    (r"SPEED \* move", "SPEED * sum({move: 0.5})", "line 53: step makes a dict; compiled functions have"),
    (
        r"SPEED = 0.5(.*)\n(?s:(.*))    s\.paces\[:\] = 0\n",
        r"SPEED = 0.5\1\nBEST = np.zeros(2)\n\2    s.paces[:] = 0\n    BEST[0] = 1.0\n",
        "line 48: reset changes BEST; to compiled code it is a constant.\nKeep what changes in a field of STATE.",
    ),
    (
        r"SPEED = 0.5(.*)\n(?s:(.*))    s\.paces\[:\] = 0\n",
        r"SPEED = 0.5\1\nBEST = []\n\2    s.paces[:] = 0\n    BEST.append(1.0)\n",
        "line 48: reset changes BEST; to compiled code it is a constant.",
    ),
    (
        r"    s\.paces\[:\] = 0\n",
        "    global SPEED\n    SPEED = 0.6\n    s.paces[:] = 0\n",
        "line 46: reset changes SPEED; to compiled code it is a constant.",
    ),
    (r"(?s)$", "\n\ndef more(s):\n    pass\n", None),  # nobody compiled calls it
    (
        r"(?s)    s\.paces\[:\] = 0\n(.*)$",
        r"    more(s)\n\1\n\ndef more(s):\n    s.paces[:] = 0\n",
        "line 46: reset calls more, which lacks @jit.\nWrite @jit above line 90, def more.",
    ),
    (
        r"(?s)    s\.paces\[:\] = 0\n(.*)$",
        r"    more(1, s)\n\1\n\n@jit\ndef more(k, state):\n    state.pacse[:] = 0\n",
        "line 92: STATE has no field 'pacse'. Did you mean 'paces'?",
    ),
]


@pytest.mark.parametrize("old, new, said", MISTAKES)
def test_a_mistake_in_the_text_is_said_with_its_line_and_what_was_meant(make_game, old, new, said):
    text = re.sub(old, new, RACE, count=1)
    assert text != RACE
    if said is None:
        make_game(text)
        return
    with pytest.raises(UserError) as error:
        make_game(text)
    assert said in str(error.value)
    assert "made_up.py" in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("s.paces[:] = 0", 's.paces[:] = max(1, "a")', "line 46: reset does not compile: numba knows no max(int, str)."),
        ("s.paces[:] = 0", "s.paces[:] = list", "line 46: reset does not compile: "),
    ],
)
def test_what_does_not_compile_is_said_in_three_lines(make_game, old, new, said):
    assert old in RACE
    game = make_game(RACE.replace(old, new))
    with pytest.raises(UserError) as error:
        Batch(game, 1)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


def test_an_imported_function_without_jit_is_named(tmp_path, monkeypatch):
    (tmp_path / "helper_of_race.py").write_text("def rest(s):\n    s.paces[:] = 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    text = RACE.replace("import numpy as np\n", "import numpy as np\nfrom helper_of_race import rest\n")
    (tmp_path / "race.py").write_text(text.replace("s.paces[:] = 0", "rest(s)"), encoding="utf-8")
    with pytest.raises(UserError, match=r"race\.py line 47: reset does not compile: it calls rest, which lacks @jit\."):
        Batch(games.load(tmp_path / "race.py"), 1)


def test_an_error_names_the_path_as_it_was_typed(tmp_path, monkeypatch):
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "race.py").write_text(RACE.replace("VERSION = 1", ""), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^\./my/race\.py: VERSION is missing"):
        games.load("./my/race.py")


# --- what an agent was trained on ---


@pytest.mark.parametrize(
    "old, new",
    [
        ("SPEED = 0.5  # world units per tick", "# of both\nSPEED = 0.5"),
        ('RECIPE = {"ppo": {}}', 'RECIPE = {"ppo": {"steps": 2e6}}'),
        ('MARK = ("bot", 0.6)', 'MARK = ("bot:1", 0.9)'),
        ('"d": "right"}', '"x": "right"}'),
        ("SHAPES = 5", "SHAPES = 5\nSPOTS = None"),
        ('"", str(s.paces[1])', '"paces", str(s.paces[1])'),
        ('"""To the flag; the less its skill, the more often it stands."""', '"""Runs."""'),
        ("End: somebody is at the flag.", "End: one is at the flag."),
        ("    s.flag = 32.0 + 20.0 * uniform(s)", "    s.flag = (32.0\n              + 20.0 * uniform(s))"),
    ],
)
def test_what_no_agent_sees_or_earns_by_leaves_its_training_valid(make_game, old, new):
    assert old in RACE
    assert make_game(RACE.replace(old, new)).digest == make_game(RACE).digest


@pytest.mark.parametrize(
    "old, new",
    [
        ("SPEED = 0.5", "SPEED = 0.6"),
        ("MAX_TICKS = 600", "MAX_TICKS = 601"),
        ("SHAPES = 5", "SHAPES = 6"),
        ("SHAPES = 5", "SHAPES = 5\nMIRROR = ()"),
        ("rewards[0] += there", "rewards[0] += 2.0 * there"),
        ("40.0, 2.0, ME", "40.0, 2.5, ME"),
        ("return 0\n", "return 1\n"),
        ("20.0 * uniform(s)", "21.0 * uniform(s)"),
        ("mask[1] = s.x[seat] > 2.0", "mask[1] = s.x[seat] >= 2.0"),
        ("uniform(s) < 0.5", "uniform(s) < 0.6"),
        ("s.x[0] - s.flag", "s.flag - s.x[0]"),
    ],
)
def test_what_an_agent_sees_or_earns_by_makes_another_game_of_it(make_game, old, new):
    assert old in RACE
    assert make_game(RACE.replace(old, new)).digest != make_game(RACE).digest


def test_a_file_that_the_game_imports_counts_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "race.py").write_text(RACE + "\n\nimport helper_of_digest\n", encoding="utf-8")
    seen = []
    for text in ("PACE = 1.0\n", "PACE = 1.0  # of both\n", "PACE = 2.0\n"):
        (tmp_path / "helper_of_digest.py").write_text(text, encoding="utf-8")
        seen.append(games.load(tmp_path / "race.py").digest)
    assert seen[0] == seen[1] != seen[2]


def test_a_digest_is_the_same_in_every_place_and_for_every_python(make_game):
    assert make_game(RACE).digest == make_game(RACE, "elsewhere").digest
    assert make_game(RACE).digest == "ba972317ffa0ff99488fd20081a656e43aaa6dad92dddb07f31091cb56f9d69a"


def test_the_digest_of_the_docs_game_is_as_ever(tmp_path):
    """Agents of users' own games remember it: moving the engine's files must not change it."""
    code, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "games.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "apples.py").write_text(code, "utf-8")
    digest = games.load(tmp_path / "apples.py").digest
    assert digest == "5373c9de83e4c411750c44bcf208e7350987575bcbd011bc82d41a1729ff1e3c"


def test_nothing_inside_games_enters_a_users_digest(make_game):
    """Of the files that a game names only the user's own count."""
    game = make_game(RACE + "\n\nfrom games.engine.raster import blend\n")
    assert game.digest == loader.contract.digest([game.tree])


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

WALK = (
    "import sys, numpy as np, games; from games.engine.batch import Batch; b = Batch(games.load(sys.argv[1]), 1, frame_skip=1);"
)
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


TWO = "import sys, numpy as np, games; from games.engine.batch import Batch; a = sys.argv[1:];"
TWO += "both = [Batch(games.load(path), 3, 1) for path in a];"
TWO += "[b.step(np.zeros((3, 1), int)) for b in both]; print(*[b.states['place'].tolist() for b in both], sep='|')"


@pytest.mark.parametrize("order", [(0, 1), pytest.param((1, 0), marks=pytest.mark.slow)])
def test_a_state_may_begin_like_that_of_another_game(cache, tmp_path, order):
    """Both in one process take the same steps: numba, which warns of such a thing, is not heard."""
    text = LINE.format(imports="from games.core import uniform", more="", pace="uniform(s)")
    short, long = tmp_path / "short.py", tmp_path / "long.py"
    short.write_text(text, encoding="utf-8")
    long.write_text(text.replace('("place", "f8")', '("place", "f8"), ("more", "f8", (3,))'), encoding="utf-8")
    command = [sys.executable, "-c", TWO, *(str((short, long)[k]) for k in order)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    one, other = done.stdout.strip().split("|")
    assert one == other and len(set(json.loads(one))) == 3 and done.stderr == ""


@pytest.mark.parametrize(
    "how", ["import helper_of_walk", pytest.param("from helper_of_walk import pace", marks=pytest.mark.slow)]
)
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
    for pace in range(KEPT_VERSIONS + 3):
        path.write_text(LINE.format(imports="", more="", pace=float(pace)), encoding="utf-8")
        games.load(path).kernel.step_slice  # noqa: B018  (loaded, not compiled)
    assert len(list(cache.glob("walk-*"))) == KEPT_VERSIONS
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


# --- once in a process ----------------------------------------------------------------------------------------------


@pytest.fixture
def loads(monkeypatch):
    """The names of the files that were loaded anew, in order."""
    names, load = [], loader._load

    def counted(path, *rest):
        names.append(path.name)
        return load(path, *rest)

    monkeypatch.setattr(loader, "_load", counted)
    return names


def test_a_game_is_loaded_and_compiled_once(cache, tmp_path, loads):
    path = tmp_path / "walk.py"
    path.write_text(LINE.format(imports="", more="", pace="1.0"), encoding="utf-8")
    game = games.load(path)
    kernel = game.kernel
    for _ in range(3):
        assert games.load(path) is game
        assert games.load(path).kernel is kernel
    assert loads == ["walk.py"]
    path.touch()  # another time, the same contents
    assert games.load(path) is game
    pong = games.load("pong")
    assert games.load("pong") is pong


def test_environments_of_one_game_share_what_is_compiled(loads):
    import gymnasium

    first = gymnasium.make(games.load("pong").env_id)
    modules = set(sys.modules)
    loads.clear()
    for _ in range(5):
        env = gymnasium.make(games.load("pong").env_id)
        envs = gymnasium.make_vec(games.load("pong").env_id, num_envs=2)
        assert env.unwrapped.batch.kernel is envs.batch.kernel is first.unwrapped.batch.kernel
        env.close()
        envs.close()
    assert loads == []
    assert set(sys.modules) == modules


def test_a_path_typed_otherwise_is_the_same_kernel(cache, tmp_path, monkeypatch):
    path = tmp_path / "walk.py"
    path.write_text(LINE.format(imports="", more="", pace="1.5"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert games.load("./walk.py").kernel is games.load(path).kernel
    assert games.load("./walk.py").shown == "./walk.py"


def test_an_edit_of_the_same_length_in_the_same_moment_is_seen(cache, tmp_path):
    """Neither the time nor the size of the file tells of it."""
    path = tmp_path / "walk.py"
    for pace in ("1.0", "2.0", "3.0"):
        path.write_text(LINE.format(imports="", more=f"PACE = {pace}", pace="PACE"), encoding="utf-8")
        os.utime(path, ns=(0, 10**18))
        assert float(pace) == games.load(path).module.PACE


def test_an_edit_of_a_file_that_the_game_imports_is_loaded_anew(cache, tmp_path, monkeypatch, loads):
    monkeypatch.syspath_prepend(tmp_path)
    helper, path = tmp_path / "helper_of_once.py", tmp_path / "walk.py"
    helper.write_text("PACE = 1.0\n", encoding="utf-8")
    path.write_text(LINE.format(imports="import helper_of_once\n", more="", pace="1.0"), encoding="utf-8")
    for _ in range(2):
        games.load(path)
    helper.write_text("PACE = 2.0\n", encoding="utf-8")
    assert games.load(path).module.helper_of_once.PACE == 2.0, "not the module that was there, nor a compiled file"
    assert loads == ["walk.py", "walk.py"]
    helper.write_text("PACE = x\n", encoding="utf-8")
    with pytest.raises(UserError, match="name 'x' is not defined"):
        games.load(path)
    assert sys.modules["helper_of_once"].PACE == 2.0
    helper.write_text("PACE = 3.0\n", encoding="utf-8")
    assert games.load(path).module.helper_of_once.PACE == 3.0


def test_a_game_that_ships_is_loaded_anew_when_it_was_edited(tmp_path):
    """In a copy of the package; a broken edit is told, and leaves what was loaded as it was."""
    shutil.copytree(ROOT / "games", tmp_path / "games", ignore=shutil.ignore_patterns("__pycache__"))
    code = """
import games
from pathlib import Path
path = Path("games/pong.py")
text = path.read_text("utf-8")
old = games.load("pong")
path.write_text(text.replace("POINTS = 5", "POINTS = 7"), "utf-8")
new = games.load("pong")
print(old.module.POINTS, new.module.POINTS, games.pong.POINTS)
path.write_text(text.replace("POINTS = 5", "POINTS = x"), "utf-8")
try:
    games.load("pong")
except games.errors.UserError as error:
    print(error)
print(games.pong.POINTS)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    first, error, last = done.stdout.splitlines()
    assert (first, last) == ("5 7 7", "7")
    assert "pong.py line" in error and "name 'x' is not defined" in error


def test_threads_load_a_game_once(cache, tmp_path, loads):
    path = tmp_path / "walk.py"
    path.write_text(LINE.format(imports="", more="", pace="1.25"), encoding="utf-8")
    start = threading.Barrier(8)

    def load():
        start.wait()
        game = games.load(path)
        return game, game.kernel

    with ThreadPoolExecutor(8) as pool:
        found = [future.result() for future in [pool.submit(load) for _ in range(8)]]
    assert loads == ["walk.py"]
    assert len({id(game) for game, _ in found}) == len({id(kernel) for _, kernel in found}) == 1
