"""The conformance kit: sound games pass every check, and every check has been seen to fail.

Each mutant is `race.py` (or a game of turns) with something broken on purpose that one check must notice.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import games
from games import check
from games.check import contract, process
from tests.games import gates_as_data
from tests.games.check.mistakes import MISTAKES

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]
RACE = (HERE / "race.py").read_text("utf-8") + gates_as_data.TEXT

STEP = "def step(s, actions, rewards):\n"
DRAW = "def draw(s, f, seat):\n"
RESET = "def reset(s):\n"
BUILD = "def build(s):\n"
LEGAL = "def legal(s, seat, mask):\n"
BOT = '    """To the flag; the less its skill, the more often it stands."""\n'
HIDDEN = ("import numpy as np\n", "import numpy as np\nfrom games import core\n")  # dice that are not seen on loading
LEFT_OUT = ("    s.paces[:] = 0\n", "")  # in `reset`


def after(line, more):
    """The same line and one more."""
    return (line, line + "    " + more + "\n")


# Name: (the check that must fail, a word of what it says, (what is replaced, by what), …).
MUTANTS = {
    "short docstring": ("contract", "three lines", ("End: somebody is at the flag.\n", "")),
    "action twice": ("contract", "name an action twice", ('"stay", "left", "right"]', '"stay", "left", "right", "stay"]')),
    "seats without names": ("contract", "SEATS holds 1", ("PLAYERS = 2\n", 'PLAYERS = 2\nSEATS = ("runner",)\n')),
    "unknown key": ("contract", "the key 'lefft'", ('"left": "left"', '"lefft": "left"')),
    "key of the window": ("contract", "KEYS uses 'r', which begins a new one in", ('"a": "left"', '"r": "left"')),
    "mark in percent": ("contract", "a win rate from 0 to 1", ('("bot", 0.6)', '("bot", 60)')),
    "mark against nobody": ("contract", "names the opponent 'bto'", ('("bot", 0.6)', '("bto", 0.6)')),
    "unknown setting": ("contract", "no setting 'stepz' in the recipe", ('{"ppo": {}}', '{"ppo": {"stepz": 1e6}}')),
    "unknown algorithm": ("contract", "no algorithm 'pop'. Did you mean 'ppo'?", ('{"ppo": {}}', '{"pop": {}}')),
    "a chord with a dash": ("contract", "Did you mean the chord 'a+d'?", ('"a": "left"', '"a": "left", "a-d": "right"')),
    "a key of a chord": ("contract", "the key 'lfet'", ('"a": "left"', '"a": "left", "lfet+d": "right"')),
    "a chord of one key": ("contract", "the chord 'd+d', which has", ('"a": "left"', '"a": "left", "d+d": "right"')),
    "a chord twice": ("contract", "the keys of 'd+a' twice", ('"a": "left"', '"a": "left", "a+d": "left", "d+a": "right"')),
    "a key of a chord for both": ("contract", "gives 'left' to both", ('"a": "left"', '"a": "left", "left+d": "left"')),
    "one key for both": ("contract", "gives 'a' to both", ('{"left": "left",', '{"a": "left",')),
    "spot outside": ("contract", "does not lie in the world", ("SHAPES = 5\n", "SHAPES = 5\nSPOTS = [(80, 0, 9, 9)] * 3\n")),
    "turns without asks": ("contract", "needs the function asks", ("SHAPES = 5\n", "SHAPES = 5\nTURNS = True\n")),
    "an action without a key": (
        "contract",
        "no key for the action 'right'",
        (', "d": "right"', ""),
        (', "right": "right"}', "}"),
    ),
    "a clock of its own": ("source", "step: it writes s.tick, but the engine counts", after(STEP, "s.tick += 1")),
    "a level of its own": ("source", "reset: it writes s.level, but the engine", after(RESET, "s.level = 3")),
    "a peek at the stream": ("source", "bot: it reads s.rng; chance comes from", after(BOT, "if s.rng % 2:\n        return 0")),
    "dice of the bot": ("source", "bot: uniform in bot would change", after(BOT, "uniform(s)")),
    "rewards that are set": ("source", "it sets rewards[0] with =", ("rewards[0] += there", "rewards[0] = there")),
    "a float cut off": ("trial", "step: 0.5 is written into the field paces", after(STEP, "s.paces[0] = 0.5")),
    "nan in an integer": (
        "trial",
        "step: nan is written into the field paces",
        after(STEP, "s.paces[0] = np.nan"),
    ),
    "a float cut off in one number": ("trial", "step: 0.5 is written into the field over", after(STEP, "s.over = 0.5")),
    "index too large": ("trial", "step: IndexError: index 16 is out", after(STEP, "s.flag += 0.0 * s.gate[16 + s.tick]")),
    "number too large": ("trial", "step: OverflowError: Python integer 300", after(STEP, "s.gate[0] = 300")),
    "bot without an action": ("trial", "bot: it returns nothing for seat", after(BOT, "if s.tick > 3:\n        return")),
    "hud that fails": ("trial", "hud: IndexError: tuple index out", ("return str(s.paces[0])", "return ((),)[1 + s.paces[0]]")),
    "step without end": ("trial", "step: still at work after", after(STEP, "while s.flag > 0.0:\n        s.tick += 0")),
    "does not compile": ("begins", "line 53: step does not compile", ("SPEED * move", "SPEED * (0.5, move)")),
    "one action for both": ("seats", "step: what seat 1 does changes nothing", ("actions[seat]", "actions[0]")),
    "the same for both": ("seats", "draw: both seats see the same as ME", ("mine = max(seat, 0)", "mine = 0")),
    "mirrored without its actions": ("seats", "MIRROR: 'left' moves ME", ("SHAPES = 5\n", "SHAPES = 5\nMIRROR = ()\n")),
    "no end": ("begins", "still at work", after(RESET, "while s.flag > -1e9:\n        s.flag += 1.0")),
    # Official checkers pass this one: random from the second step on.
    "chance of its own": (
        "repeats",
        "the field x differs",
        HIDDEN,
        after(STEP, "s.x[0] += 0.1 * (s.tick > 1) * core.np.random.random()"),
    ),
    "one seed for all": ("repeats", "another seed", after(RESET, "s.rng = 5"), ("uniform(s) < 0.5", "uniform(s) < 2.0")),
    "the last episode goes on": ("repeats", "depends on the episode before", LEFT_OUT),
    "state outside the record": (
        "resumes",
        "restored in the same process: the field x differs",
        HIDDEN,
        after(RESET, "core.np.random.seed(3)"),
        after(STEP, "s.x[0] += 0.1 * core.np.random.random()"),
    ),
    "an index of a saved game": (
        "restored",
        "the field paces[0], restored as 2,147,483,647: index",
        after(STEP, "s.flag += 0.0 * s.gate[max(s.paces[0], 0) // 1000]"),
    ),
    "a loop of a saved game": (
        "restored",
        "a loop without an end",
        after(STEP, "for k in range(s.paces[0]):\n        s.flag += 0.0"),
    ),
    "rubbish left": ("clean_start", "full of rubbish: the field paces", LEFT_OUT),
    "environments entangled": (
        "batches",
        "differs",
        HIDDEN,
        after(RESET, "core.np.random.seed(3)"),
        after(STEP, "s.x[0] += core.np.random.random()"),
    ),
    "wraps when compiled": ("plain", "", after(STEP, "s.paces[0] = (s.paces[0] + 1) * 1000003 * 1000003 % 7 + (s.tick << 29)")),
    "uninitialised": (
        "plain",
        "the field x differs",
        ("import COMMON", "import PLAIN, COMMON"),
        after(STEP, "s.x[0] += PLAIN"),
    ),
    "slow": (
        "plain",
        "too slow",
        after(STEP, "for k in range(20000):\n        s.paces[0] += (k + s.tick) % 3"),
    ),
    "moves rng itself": ("stream", "something else than uniform", after(STEP, "s.rng = (s.rng >> 1) ^ 9")),
    "bot draws": ("quiet", "bot changes rng", after(BOT, "uniform(s)")),
    "draw writes": ("quiet", "draw for seat -1 changes paces", after(DRAW, "s.paces[0] += 1")),
    "legal writes": ("quiet", "legal changes flag", after(LEGAL, "s.flag += 0.1")),
    "hud writes": ("hud", "hud changes paces", after("def hud(s):\n", "s.paces[0] = 0")),
    "hud of numbers": ("hud", "needs three texts", ("str(s.paces[0])", "s.paces[0]")),
    "hud in a foreign script": ("hud", "hud writes '勝', which the window's font lacks", ("str(s.paces[0])", '"勝"')),
    "rules in a foreign script": ("contract", "the docstring writes '旗'", ("End: somebody", "End: 旗 somebody")),
    "illegal bot": ("quiet", "plays 3 for seat 0", ("return 2 if s.flag > s.x[seat] else 1", "return 3")),
    "too many shapes": ("frames", "5 shapes for seat -1; SHAPES is 4: set SHAPES = 5", ("SHAPES = 5", "SHAPES = 4")),
    "not finite": ("frames", "is not finite", ("disc(f, s.x[mine], 40.0", "disc(f, s.x[mine] / (s.tick - 8), 40.0")),
    "far outside": (
        "frames",
        ", lies far outside the world, more than 21 units: emit gone(f)",
        ("disc(f, s.x[mine], 40.0", "disc(f, s.x[mine] + 9.0 * s.tick, 40.0"),
    ),
    "below nothing": ("frames", "below 0", ("s.flag, 30.0, 1.0", "s.flag, 30.0, -1.0")),
    "no role": ("frames", "the role 3", ("12.0, GOAL)", "12.0, 3)")),
    "blank at first": ("frames", "is blank", after(DRAW, "if s.tick == 0:\n        return")),
    "still life": ("frames", "never changes", ("s.x[mine]", "40.0"), ("s.x[1 - mine]", "44.0")),
    "people see more": ("frames", "is not the agent's", after(DRAW, "if f.people:\n        disc(f, 9.0, 9.0, 3.0, GOAL)")),
    "rows change kind": (
        "frames",
        "of two kinds in turn",
        after(DRAW, "if s.tick % 8 == 0:\n        disc(f, 9.0, 9.0, 3.0, GOAL)"),
        ("SHAPES = 5", "SHAPES = 6"),
    ),
    "layers of slivers": (
        "picture",
        "people's picture is off by",
        after(DRAW, "for k in range(200):\n        rect(f, 0.4 * k, 0.0, 0.4, 80.0, WALL)"),
        ("SHAPES = 5", "SHAPES = 205"),
    ),
    "nothing allowed": ("masks", "may do nothing", after(LEGAL, "mask[:] = 0\n    return")),
    "mask of two": ("masks", "a mask holds 0 and 1", after(LEGAL, "mask[0] = 2")),
    "index out of range": ("impossible", "IndexError", ("paces[seat] += abs(move)", "paces[seat] += (0, 1, 1)[actions[seat]]")),
    "none is the last": ("impossible", "changes x", ("(actions[seat] == 2)", "(actions[seat] % 3 == 2)")),
    "large is right": ("impossible", "changes x", ("(actions[seat] == 2)", "(actions[seat] >= 2)")),
    "masked but done": ("impossible", "masked or idle", ("mask[1] = s.x[seat] > 2.0", "mask[1] = s.x[seat] > 25.0")),
    "without end": ("impossible", "still at work", after(STEP, "while actions[0] < 0:\n        pass")),
    "reward that is set": (
        "rewards",
        "with 8 in rewards[0] it earns -7, with 0 there 1",
        ("    rewards[0] += there\n", "    if there:\n        rewards[0] = there\n"),
    ),
    "reward wiped": ("rewards", "write rewards[0] += …", after(STEP, "rewards[:] = 0.0")),
    "shaped for both": ("rewards", "not 0 in all", after(STEP, "rewards[0] += 0.01")),
    "shaped and paid back a tick later": (
        "rewards",
        "not 0 in all",
        after(STEP, "rewards[0] += 0.25 - 0.5 * (s.tick % 2)"),
        ("        s.over = 1\n", "        s.over = 1\n        rewards[0] -= 0.25 - 0.25 * (s.tick % 2)\n"),
    ),
    "not a number": ("rewards", "not finite", after(STEP, "rewards[0] += 0.0 / (s.tick - 3.0)")),
    "nothing to win": (
        "rewards",
        "nobody ever earns",
        ("rewards[0] += there", "there += 0"),
        ("    rewards[1] -= there\n", ""),
    ),
    "idle bot": ("bot", "against chance", after(BOT, "return 0")),
    "worse for more skill": ("bot", "against skill 0", ("0.3 * (1.0 - skill)", "0.9 * skill")),
    "the first is faster": ("fair", "wins 1200 as player 1 and 800", ("SPEED * move", "SPEED * move * (1.3 - 0.3 * seat)")),
    "never over": ("ends", "run out of time", ("        s.over = 1\n", "        s.over = 0\n")),
    "level of chance": (
        "levels",
        "depends on more than its number",
        HIDDEN,
        ("if uniform(s) < 0.5", "if core.np.random.random() < 0.5"),
    ),
    "level of the last": (
        "levels",
        "depends on more than its number",
        ("    for k in range(16):", "    for k in range(s.gate[0] % 16):"),
    ),
    "one level": ("levels", "all the same", ("s.gate[k] = 1 if uniform(s) < 0.5 else 0", "s.gate[k] = 1")),
    "held-out levels known": (
        "levels",
        "are training levels too",
        ("s.gate[k] = 1 if uniform(s) < 0.5 else 0", "s.gate[k] = s.level % 100 >> k & 1"),
        ("    s.gate[int(16.0 * uniform(s))] = 1\n", ""),
    ),
    "a level without end": ("levels", "still at work", after(BUILD, "while s.level == 170:\n        s.gate[0] = 0")),
    "a solver without end": (
        "solvable",
        "levels 4000 to 4999: still at work",
        ("def solvable(s):\n", "def solvable(s):\n    while s.level == 4711:\n        s.gate[0] = 0\n"),
    ),
    "for ever": (
        "contract",
        "MAX_TICKS 1,000,000,000 is at most 1,000,000",
        ("MAX_TICKS = ", "MAX_TICKS = 1_000_000_000 + 0 * "),
    ),
    "closed gates": (
        "solvable",
        "cannot be solved",
        ("uniform(s) < 0.5", "uniform(s) < 0.1"),
        ("    s.gate[int(16.0 * uniform(s))] = 1\n", ""),
    ),
    "a record half written": (
        "round_trip",
        "to_level leaves gate as",
        ("level.gate[:] = s.gate", "level.gate[:8] = s.gate[:8]"),
    ),
    "a gate is lost": (
        "round_trip",
        "gate is not what build makes",
        ("s.gate[:] = level.gate", "s.gate[:15] = level.gate[:15]"),
    ),
    "a level that depends on its number": (
        "round_trip",
        "gate is not what build makes",
        ("s.gate[:] = level.gate", "s.gate[:] = level.gate\n    s.gate[0] = s.level % 2"),
    ),
    "a level that reset changes": ("round_trip", "line 43, reset: it changes gate of the level", after(RESET, "s.gate[3] = 0")),
    "writing changes the state": (
        "round_trip",
        "changes gate of",
        ("level.gate[:] = s.gate", "level.gate[:] = s.gate\n    s.gate[:] = 1"),
    ),
    "reading changes the record": (
        "round_trip",
        "changes the record",
        ("s.gate[:] = level.gate", "s.gate[:] = level.gate\n    level.gate[:] = 1"),
    ),
    "people at a race": (
        "people",
        "PEOPLE: ",
        ("SHAPES = 5\n", 'SHAPES = 5\nPEOPLE = {"kind": "axis", "target": ("DANGER",)}\n'),
    ),
    "reset of chance": ("gymnasium_env", "on pixels", HIDDEN, ("20.0 * uniform(s)", "20.0 * core.np.random.random()")),
    "rewards are no numbers": ("sb3_env", "on pixels", after(STEP, "rewards[0] += 0.0 / (s.tick - s.tick)")),
}

TURNS = {
    "nothing is too strange": ("restored", "the field turn, restored as", ("0 <= s.turn <= 1 and ", "")),
    "nobody asked": ("begins", "still at work", ("return seat == s.turn", "return seat == 2")),
    "never asked": ("masks", "seat 1 is never asked", ("return seat == s.turn", "return seat == 0")),
    "passes by a slip": (
        "impossible",
        "TURNS: the field turn changes",
        (
            "worth(s, s.turn, square)):\n        return",
            "worth(s, s.turn, square)):\n        s.turn = 1 - s.turn\n        return",
        ),
    ),
    "turns an own disc": (
        "impossible",
        "masked or idle",
        ("        total += enclosed", "        total += 1 if seat else enclosed"),
        ("mask[square] = 1 if worth(s, seat, square) else 0", "mask[square] = 1 if worth(s, 0, square) else 0"),
    ),
    "none is a pass": (
        "impossible",
        "not treated as none",
        ("    square = actions[s.turn]\n", "    square = actions[s.turn]\n    if square < 0:\n        s.turn = 1 - s.turn\n"),
    ),
}


def broken(text, changes):
    for old, new in changes:
        assert old in text, f"there is no {old!r} to break"
        text = text.replace(old, new)
    return text


SECRETS = {
    "the other choice shown": (
        "secrets",
        "the picture of seat 1 tells whether seat 0 has chosen '1' or '2', before seat 1 has",
        ("if s.shown[owner] > 0 and (seat < 0 or k == 0):", "if s.shown[owner] > 0:"),
    ),
    "the other choice shown to people": (
        "secrets",
        "draw: the picture of seat 1 tells",
        ("(seat < 0 or k == 0)", "(seat < 0 or k == 0 or f.people)"),
    ),
    "a bot that looks at the other choice": (
        "secrets",
        "bot: as seat 1 it knows whether seat 0",
        after(
            '    """The largest number, the more often the more its skill; else any."""\n',
            "return max(s.shown[1 - seat], 1) - 1",
        ),
    ),
    "moves that tell the other choice": (
        "secrets",
        "legal: what seat 1 may do tells",
        (
            "@jit\ndef step(",
            "@jit\ndef legal(s, seat, mask):\n    mask[0] = 1 if s.shown[1 - seat] < 2 else 0\n\n\n@jit\ndef step(",
        ),
    ),
    "a bot that knows the number of luck": (
        "secrets",
        "bot: it goes by a random number that no picture has told seat 0 (tick 0)",
        after('    """The largest number, the more often the more its skill; else any."""\n', "return s.lucky - 1"),
    ),
    "moves that tell the number of luck": (
        "secrets",
        "legal: what seat 0 may do depends on a random number",
        ("@jit\ndef step(", "@jit\ndef legal(s, seat, mask):\n    mask[0] = 1 if s.lucky < 3 else 0\n\n\n@jit\ndef step("),
    ),
}

FOG = {
    "one seat sees as a spectator": (
        "secrets",
        "seat 0 is always shown all that a spectator sees, seat 1 is not",
        ("seat < 0 or near", "seat < 1 or near"),
    ),
}

LEVELS = {
    "a solver that trusts a level": (
        "changed_levels",
        "the field door[0] of a level, read as",
        ("    if not (is_inside(s.door) and is_inside(s.key) and is_inside(s.goal)):\n        return False\n", ""),
    ),
}

EVERY = {**MUTANTS, **TURNS, **SECRETS, **FOG, **LEVELS}
SOURCES = [(TURNS, "passes"), (SECRETS, "morra"), (FOG, "fog"), (LEVELS, "door_maze")]  # not of `race.py`


CHEAP = ("contract", "source", "quiet", "impossible")  # checks that need no compiled kernel


def mutants():
    """One for each check that no mistake of `mistakes.py` fails, and all that take no time; `make test-all` runs them all."""
    seen = {kind for _, kind, *_ in MISTAKES.values()}
    for name, (kind, *_) in EVERY.items():
        yield pytest.param(name, marks=[pytest.mark.slow] if kind in seen and kind not in CHEAP else [])
        seen.add(kind)


@pytest.mark.parametrize("name", list(mutants()))
def test_a_broken_game_fails_its_check(name, make_game, monkeypatch):
    if name in ("without end", "no end", "nobody asked", "a level without end", "a solver without end"):
        monkeypatch.setattr(process, "PATIENCE", 4.0)
    kind, word, *changes = EVERY[name]
    text = next(((ROOT / "tests" / "toys" / f"{toy}.py").read_text("utf-8") for table, toy in SOURCES if name in table), RACE)
    game = make_game(broken(text, changes), name.replace(" ", "_").replace("-", "_"))
    (result,) = check.check(game, only=kind)
    assert not result.ok
    assert word in result.problem


def test_a_flipped_picture_whose_left_stays_left_is_remarked_on(make_game):
    for mirror, remark in [("()", "MIRROR flips the picture"), ('(("left", "right"),)', "")]:
        (result,) = check.check(make_game(RACE.replace("SHAPES = 5", f"SHAPES = 5\nMIRROR = {mirror}")), only="contract")
        assert result.ok
        assert result.note.startswith(remark)
        assert bool(result.note) == bool(remark)


def test_a_recipe_is_not_looked_at_without_torch(make_game, monkeypatch):
    monkeypatch.setattr(contract.importlib.util, "find_spec", lambda name: None)
    (result,) = check.check(make_game(RACE.replace('{"ppo": {}}', '{"ppo": {"stepz": 1e6}}')), only="contract")
    assert (result.ok, result.note) == (True, "RECIPE not looked at: torch is not installed")


def test_the_keys_that_games_leave_alone_are_those_of_the_window():
    window = "".join((ROOT / "ui" / name).read_text("utf-8") for name in ("application.py", "pages/match.py"))
    for key in contract.RESERVED_KEYS:
        assert re.search(f'key.command (== |in .*)"{key}"', window), key


def test_every_check_has_been_seen_to_fail():
    assert {kind for kind, *_ in EVERY.values()} == set(check.CHECKS)


SOUND = [pytest.param(name, id=name, marks=pytest.mark.slow) for name in games.names()]
SOUND += [pytest.param(str(HERE / "race.py"), id="race", marks=pytest.mark.slow)]  # its mutants below are checked whole
TOYS = sorted((ROOT / "tests" / "toys").glob("*.py"))


@pytest.mark.parametrize("name", SOUND + [pytest.param(str(path), id=path.stem, marks=pytest.mark.slow) for path in TOYS])
def test_sound_games_pass_every_check(name):
    results = check.check(games.load(name))
    assert [(result.check, result.problem) for result in results if not result.ok] == []
    assert [result.check for result in results] == list(check.CHECKS)


def test_the_game_that_the_docs_show_passes_every_check(make_game):
    text, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "games.md").read_text("utf-8"), re.DOTALL)
    results = check.check(make_game(text, "apples"))
    assert [(result.check, result.problem) for result in results if not result.ok] == []
    assert [result.check for result in results] == list(check.CHECKS)


def run(*arguments):
    env = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "games.check", *map(str, arguments)], cwd=ROOT, env=env, capture_output=True, text=True
    )


def test_the_command_prints_one_line_a_check_and_exits_by_what_it_found(tmp_path):
    done = run(HERE / "race.py", "--only", "contract")
    assert done.returncode == 0
    assert "ok      names, keys and places are in order" in done.stdout
    (tmp_path / "race.py").write_text(RACE.replace('"left": "left"', '"lefft": "left"'), encoding="utf-8")
    done = run(tmp_path / "race.py", "--only", "contract")
    assert done.returncode == 1
    assert "FAILED  names, keys and places are in order" in done.stdout
    assert "KEYS names the key 'lefft', which Pygame does not know. Did you mean 'left'?" in done.stdout
    (tmp_path / "race.py").write_text(RACE.replace("SPEED * move", "SPEED * (0.5, move)"), encoding="utf-8")
    done = run(tmp_path / "race.py")
    assert done.stdout.endswith("\n2 checks hold, 1 failed; 27 were not tried.\n")
    assert "line 53, step: TypeError: can't multiply sequence" in done.stdout
    assert "  not tried  begins, frames, picture, seats, " in done.stdout
    assert ": step must be mended first\n" in done.stdout
    (tmp_path / "race.py").write_text(RACE.replace('"left": "left"', '"lefft": "left"'), encoding="utf-8")
    done = run(tmp_path / "race.py", "--only", "contract", "--json")
    (found,) = json.loads(done.stdout).values()
    assert [(result["check"], result["ok"]) for result in found] == [("contract", False)]


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["pnog"], "Did you mean 'pong'?"),
        (["nowhere/my_game.py"], "There is no game file nowhere/my_game.py"),
        (["pong", "--only", "frame"], "Did you mean 'frames'?"),
    ],
)
def test_what_cannot_be_checked_is_said_with_exit_code_2(arguments, word):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and word in done.stderr
    assert "Traceback" not in done.stderr
